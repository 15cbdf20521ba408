use std::fmt;

use super::Direction;

/// How an exchange ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ending {
    /// The response was whole before the request was, and the rest of the request was never sent.
    AnsweredEarly,
    /// Request and response were whole, or the response was and the connection became something else with it.
    Complete,
    /// The connection was closed in the middle of the response.
    Cut,
    /// The connection was reset before the response was whole.
    Reset,
    /// The exchange alone was reset, in HTTP/2.
    StreamReset {
        /// Who did it.
        by: Direction,
        /// Why: an error code of RFC 9113, 7.
        code: u32,
    },
    /// Nothing of a response came before the connection was closed, or the pod said that it would not answer.
    Unanswered,
    /// It could not be followed to its end: bytes were missed, made no sense, or were too much to remember.
    Unfollowed,
}

/// RFC 9113, 7.
const CODES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

impl Ending {
    /// Whether nothing of it was lost.
    pub fn is_complete(self) -> bool {
        matches!(self, Self::Complete)
    }

    /// Its kind in one word, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::AnsweredEarly => "answered_early",
            Self::Complete => "complete",
            Self::Cut => "cut",
            Self::Reset => "reset",
            Self::StreamReset { .. } => "stream_reset",
            Self::Unanswered => "unanswered",
            Self::Unfollowed => "unfollowed",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnsweredEarly => f.write_str("answered before the request was whole"),
            Self::Complete => f.write_str("complete"),
            Self::Cut => f.write_str("cut short"),
            Self::Reset => f.write_str("the connection was reset"),
            Self::StreamReset { by, code } => match CODES.get(*code as usize) {
                Some(name) => write!(f, "reset by {by}: {name}"),
                None => write!(f, "reset by {by}: error {code}"),
            },
            Self::Unanswered => f.write_str("never answered"),
            Self::Unfollowed => f.write_str("not followed to its end"),
        }
    }
}
