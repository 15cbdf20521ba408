use std::fmt;

/// Makes a status type, its constants and its `Display` from one table.
macro_rules! status {
    (
        $(#[$type_doc:meta])*
        $type:ident {
            $( $(#[$doc:meta])* $name:ident = $code:literal, $text:literal; )+
        }
    ) => {
        $(#[$type_doc])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $type(u32);

        impl $type {
            $( $(#[$doc])* pub const $name: Self = Self($code); )+

            /// Every status that the specification names, with its text, by rising code.
            pub const NAMED: &[(Self, &str)] = &[$( (Self::$name, $text), )+];

            /// The status of that code, named or not.
            pub const fn new(code: u32) -> Self {
                Self(code)
            }

            /// The code on the wire.
            pub const fn code(self) -> u32 {
                self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $( $code => write!(f, concat!($text, " ({})"), $code), )+
                    code => write!(f, "status {code}"),
                }
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $( $code => f.write_str(stringify!($name)), )+
                    code => write!(f, concat!(stringify!($type), "({})"), code),
                }
            }
        }
    };
}

status! {
    /// Why a stream was reset (SPDY/3.1 2.6.3).
    ResetStatus {
        /// Something that the protocol forbids; spdystream's answer to a stream id that does not rise.
        PROTOCOL_ERROR = 1, "protocol error";
        /// A frame for a stream that is not active.
        INVALID_STREAM = 2, "invalid stream";
        /// Refused before any work was done for it.
        REFUSED_STREAM = 3, "refused stream";
        /// A version of SPDY that the receiver does not speak.
        UNSUPPORTED_VERSION = 4, "unsupported version";
        /// No longer wanted; what container runtimes send for every failure, and for headers that they reject.
        CANCEL = 5, "cancelled";
        /// The sender of the reset failed.
        INTERNAL_ERROR = 6, "internal error";
        /// More data than the window allowed.
        FLOW_CONTROL_ERROR = 7, "flow control error";
        /// A second SYN_REPLY for one stream.
        STREAM_IN_USE = 8, "stream in use";
        /// Data for a stream that is half closed.
        STREAM_ALREADY_CLOSED = 9, "stream already closed";
        /// Left over from SPDY/3, where it was about client certificates.
        INVALID_CREDENTIALS = 10, "invalid credentials";
        /// A frame too large for the receiver.
        FRAME_TOO_LARGE = 11, "frame too large";
    }
}

status! {
    /// Why a session goes away (SPDY/3.1 2.6.6).
    GoAwayStatus {
        /// An ordinary end.
        OK = 0, "ok";
        /// Something that the protocol forbids.
        PROTOCOL_ERROR = 1, "protocol error";
        /// The sender failed.
        INTERNAL_ERROR = 2, "internal error";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_codes_are_those_of_the_specification_in_order() {
        let codes: Vec<_> = ResetStatus::NAMED
            .iter()
            .map(|(status, _)| status.code())
            .collect();
        assert_eq!(codes, (1..=11).collect::<Vec<_>>());
        let codes: Vec<_> = GoAwayStatus::NAMED
            .iter()
            .map(|(status, _)| status.code())
            .collect();
        assert_eq!(codes, [0, 1, 2]);
    }

    #[test]
    fn shows_the_name_and_the_code() {
        assert_eq!(ResetStatus::CANCEL.to_string(), "cancelled (5)");
        assert_eq!(format!("{:?}", ResetStatus::CANCEL), "CANCEL");
        assert_eq!(GoAwayStatus::OK.to_string(), "ok (0)");
    }

    #[test]
    fn a_code_without_a_name_is_kept() {
        assert_eq!(ResetStatus::new(77).to_string(), "status 77");
        assert_eq!(format!("{:?}", GoAwayStatus::new(77)), "GoAwayStatus(77)");
        assert_eq!(ResetStatus::new(5), ResetStatus::CANCEL);
    }
}
