use std::error::Error;

use podline_wire::Untrusted;

/// An error and what it came from, as one text: `a: b: c`. Errors say their own part only.
pub fn reason(error: &dyn Error) -> Untrusted {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        // A transparent error says what its source says.
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = error.source();
    }
    Untrusted::new(text)
}

#[cfg(test)]
mod tests {
    use std::io;

    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("cannot do it")]
    struct Outer(#[source] Middle);

    #[derive(Debug, Error)]
    #[error(transparent)]
    struct Middle(#[from] io::Error);

    #[test]
    fn each_part_is_said_once() {
        let error = Outer(Middle(io::Error::other("no luck")));
        assert_eq!(reason(&error).to_string(), "cannot do it: no luck");
    }
}
