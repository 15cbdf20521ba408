use std::error::Error;

use podline_wire::Untrusted;

/// An error and what it came from, as one text: `a: b: c`. A cause that the text before it tells already is left out.
pub fn reason(error: &dyn Error) -> Untrusted {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        let part = part.trim_end();
        // A transparent error says what its source says.
        if !text.contains(part) {
            text.truncate(text.trim_end().len());
            text.push_str(": ");
            text.push_str(part);
        }
        source = error.source();
    }
    text.truncate(text.trim_end().len());
    Untrusted::new(text)
}

#[cfg(test)]
mod tests {
    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let (&text, rest) = texts.split_first().expect("a test names at least one layer");
        Layer {
            text,
            source: (!rest.is_empty()).then(|| Box::new(layers(rest))),
        }
    }

    #[test]
    fn causes_follow_in_one_text_and_none_is_said_twice() {
        for (texts, expected) in [
            (
                &["cannot connect", "connection refused"][..],
                "cannot connect: connection refused",
            ),
            (&["a: b", "b", "c"], "a: b: c"),
            (&["b: a", "b", "c"], "b: a: c"),
            (&["it failed\n", "it said no\n"], "it failed: it said no"),
            (&["two\nlines\u{1b}[31m"], "two\\nlines\\u{1b}[31m"),
        ] {
            assert_eq!(reason(&layers(texts)).to_string(), expected);
        }
    }
}
