use std::fmt;

use podline_wire::Untrusted;

/// The most bytes of a first line that are kept.
const LINE: usize = 256;

/// What came back from a port.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// An HTTP answer.
    Http {
        /// Its status.
        status: u16,
        /// Whether it came through TLS.
        tls: bool,
    },
    /// Something else: the first line of it.
    Said(Untrusted),
    /// A TLS server's part of the handshake, and nothing of HTTP after it.
    Tls {
        /// Why there was no TLS session, if there was none: the server speaks TLS, but not with us.
        problem: Option<Untrusted>,
    },
}

impl Answer {
    /// An answer of a sort that was not asked for.
    pub(super) fn said(bytes: &[u8]) -> Self {
        let line = bytes.split(|&byte| matches!(byte, b'\r' | b'\n')).next();
        let line = line.unwrap_or_default();
        Self::Said(Untrusted::from_bytes(&line[..line.len().min(LINE)]))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { status, tls: false } => write!(f, "HTTP status {status}"),
            Self::Http { status, tls: true } => write!(f, "HTTP status {status} through TLS"),
            Self::Said(line) if line.is_empty() => f.write_str("it says something"),
            Self::Said(line) => write!(f, "it says `{line}`"),
            Self::Tls { problem: None } => f.write_str("TLS, and no HTTP answer"),
            Self::Tls {
                problem: Some(problem),
            } => write!(f, "TLS, but not with us: {problem}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_server_says_the_first_line_is_kept_and_escaped() {
        let said = |bytes: &[u8]| Answer::said(bytes).to_string();
        assert_eq!(said(b"SSH-2.0-x\r\nmore"), "it says `SSH-2.0-x`");
        assert_eq!(said(b"\x1b[31m"), "it says `\\u{1b}[31m`");
        assert_eq!(said(b"\r\n"), "it says something");
        assert_eq!(said(&[b'x'; 1000]).len(), "it says ``".len() + LINE);
    }
}
