use std::fmt;

/// What is known of a gRPC call besides its being an HTTP/2 request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Grpc {
    /// How the call ended: from the trailers, from a response that is nothing but trailers, or from how the stream was
    /// reset. None if nothing told.
    pub status: Option<GrpcStatus>,
}

/// A gRPC status, by its number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GrpcStatus(u32);

/// gRPC's `doc/statuscodes.md`.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

const CANCELLED: u32 = 1;
const UNKNOWN: u32 = 2;
const PERMISSION_DENIED: u32 = 7;
const RESOURCE_EXHAUSTED: u32 = 8;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;

impl GrpcStatus {
    /// Its number.
    pub fn code(self) -> u32 {
        self.0
    }

    /// Its name, if the number has one.
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(self.0 as usize).copied()
    }

    /// The value of a `grpc-status` header.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        text.bytes().all(|digit| digit.is_ascii_digit()).then_some(())?;
        text.parse().ok().map(Self)
    }

    /// What a client takes a reset stream for (gRPC's `doc/PROTOCOL-HTTP2.md`, Errors).
    pub(super) fn of_reset(code: u32) -> Self {
        Self(match code {
            0x0..=0x4 | 0x6 | 0x9 | 0xa => INTERNAL,
            0x7 => UNAVAILABLE,
            0x8 => CANCELLED,
            0xb => RESOURCE_EXHAUSTED,
            0xc => PERMISSION_DENIED,
            _ => UNKNOWN,
        })
    }
}

impl fmt::Display for GrpcStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&self.0.to_string()),
        }
    }
}
