//! A word of a command with places for addresses.

use std::{
    ffi::{OsStr, OsString},
    net::SocketAddr,
};

/// A word with `{addr}` and `{port}`, which may be numbered, in it. `{{` is a brace, and so is any other `{`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    /// The address of a port, or the port alone.
    Place {
        what: What,
        /// As it was typed, without braces.
        name: String,
        /// Its place among the forwarded ports, from 0; none where the number is 0 or absurd.
        index: Option<usize>,
    },
    Text(OsString),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    Address,
    Port,
}

impl Template {
    /// What is not text has no places in it.
    pub(super) fn new(word: &OsStr) -> Self {
        let Some(mut rest) = word.to_str() else {
            return Self {
                parts: vec![Part::Text(word.to_owned())],
            };
        };
        let mut parts = Vec::new();
        let mut text = String::new();
        while let Some(brace) = rest.find('{') {
            text.push_str(&rest[..brace]);
            rest = &rest[brace + 1..];
            if let Some((place, behind)) = place(rest) {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text).into()));
                }
                parts.push(place);
                rest = behind;
            } else {
                text.push('{');
                rest = rest.strip_prefix('{').unwrap_or(rest);
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        Self { parts }
    }

    /// The first placeholder, with its braces, that stands for none of this many ports.
    pub(super) fn missing(&self, ports: usize) -> Option<String> {
        self.parts.iter().find_map(|part| match part {
            Part::Place { name, index, .. } if index.is_none_or(|index| index >= ports) => {
                Some(format!("{{{name}}}"))
            }
            _ => None,
        })
    }

    /// The word with addresses in their places. A place without an address stays empty.
    pub(super) fn fill(&self, addresses: &[SocketAddr]) -> OsString {
        let mut word = OsString::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => word.push(text),
                Part::Place { what, index, .. } => {
                    if let Some(address) = index.and_then(|index| addresses.get(index)) {
                        word.push(match what {
                            What::Address => address.to_string(),
                            What::Port => address.port().to_string(),
                        });
                    }
                }
            }
        }
        word
    }
}

/// The placeholder whose name and closing brace `text` begins with, and what is behind it.
fn place(text: &str) -> Option<(Part, &str)> {
    let (name, behind) = text.split_once('}')?;
    let (what, number) = match (name.strip_prefix("addr"), name.strip_prefix("port")) {
        (Some(number), _) => (What::Address, number),
        (_, Some(number)) => (What::Port, number),
        _ => return None,
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let index = if number.is_empty() {
        Some(0)
    } else {
        number
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1))
    };
    let place = Part::Place {
        what,
        name: name.to_owned(),
        index,
    };
    Some((place, behind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn addresses() -> [SocketAddr; 2] {
        [
            ([127, 0, 0, 1], 8080).into(),
            ([0, 0, 0, 0, 0, 0, 0, 1], 5432).into(),
        ]
    }

    fn filled(word: &str) -> OsString {
        Template::new(OsStr::new(word)).fill(&addresses())
    }

    #[test]
    fn places_are_filled_in_whole_and_in_part() {
        let table = [
            ("{addr}", "127.0.0.1:8080"),
            ("{port}", "8080"),
            ("http://{addr}/x?{port}", "http://127.0.0.1:8080/x?8080"),
            ("{port1}-{port2}", "8080-5432"),
            ("{addr2}", "[::1]:5432"),
            ("{port}{port}", "80808080"),
            ("{{port}", "{port}"),
            ("{{{port}}", "{8080}"),
            ("{{{{", "{{"),
            (r#"{"port":{port},"a":{"b":1}}"#, r#"{"port":8080,"a":{"b":1}}"#),
            ("{print $1}", "{print $1}"),
            ("{}", "{}"),
            (
                "{Port}{port }{portable}{addr-1}{",
                "{Port}{port }{portable}{addr-1}{",
            ),
            ("${port}é{addr", "$8080é{addr"),
            ("", ""),
        ];
        for (word, expected) in table {
            assert_eq!(filled(word), expected, "{word}");
        }
    }

    #[test]
    fn a_place_that_no_port_belongs_to_is_named() {
        let table = [
            ("{port}", 1, None),
            ("{port}", 0, Some("{port}")),
            ("{port0}", 9, Some("{port0}")),
            ("{port2} {addr3}", 2, Some("{addr3}")),
            (
                "{port99999999999999999999}",
                9,
                Some("{port99999999999999999999}"),
            ),
            ("{{port9}", 1, None),
        ];
        for (word, ports, missing) in table {
            assert_eq!(
                Template::new(OsStr::new(word)).missing(ports).as_deref(),
                missing,
                "{word}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_stays_as_it_is() {
        use std::os::unix::ffi::OsStrExt as _;

        let word = OsStr::from_bytes(b"{port}\xff");
        assert_eq!(Template::new(word).fill(&addresses()), word);
    }

    proptest! {
        #[test]
        fn braces_that_are_doubled_come_out_as_they_were(word in ".*") {
            prop_assert_eq!(filled(&word.replace('{', "{{")), OsString::from(word));
        }

        #[test]
        fn whatever_is_typed_something_comes_out(word in "[{}a-z0-9]*", ports in 0_usize..3) {
            let template = Template::new(OsStr::new(&word));
            let _ = template.missing(ports);
            let _ = template.fill(&addresses());
        }
    }
}
