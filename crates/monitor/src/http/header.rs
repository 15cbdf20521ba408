use std::fmt;

use podline::Untrusted;

use super::redact;

/// One header of a request or a response.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Header {
    /// Its name in lower case.
    pub name: Untrusted,
    /// Its value, as far as it is shown.
    pub value: HeaderValue,
}

/// The value of a header.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeaderValue {
    /// There is one, which may be a secret.
    Redacted,
    /// It is one that is harmless.
    Shown(Untrusted),
}

/// Longest name and value that are kept, in bytes.
const NAME: usize = 64;
const VALUE: usize = 192;

impl Header {
    /// What is shown of a header. A value that was not kept by whoever read it is redacted.
    pub(super) fn new(name: &[u8], value: Option<&[u8]>) -> Self {
        let name = name.to_ascii_lowercase();
        let value = match value {
            Some(value) if name == b"host" => HeaderValue::Shown(redact::host(value)),
            Some(value) if redact::is_shown(&name) => HeaderValue::Shown(redact::cut(value, VALUE)),
            _ => HeaderValue::Redacted,
        };
        Self {
            name: redact::cut(&name, NAME),
            value,
        }
    }

    /// Bytes on the heap.
    pub(super) fn weight(&self) -> usize {
        let value = match &self.value {
            HeaderValue::Redacted => 0,
            HeaderValue::Shown(value) => value.as_raw().len(),
        };
        self.name.as_raw().len() + value
    }
}

impl fmt::Display for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redacted => f.pad("redacted"),
            Self::Shown(value) => value.fmt(f),
        }
    }
}
