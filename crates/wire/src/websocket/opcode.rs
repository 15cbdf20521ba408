//! What a frame is.

/// The kind of a frame (RFC 6455 5.2). Text is missing: a tunnel neither sends nor takes it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Opcode {
    /// The first frame of a binary message.
    Binary,
    /// The end of the connection, with a reason.
    Close,
    /// A further frame of the message that is open.
    Continuation,
    /// A question whether the peer is there; its payload comes back in a pong.
    Ping,
    /// The answer to a ping.
    Pong,
}

impl Opcode {
    /// The four bits on the wire.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    /// Whether such a frame may stand between the fragments of a message; then it is short and whole itself.
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}
