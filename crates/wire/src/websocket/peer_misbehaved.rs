//! What a peer can do wrong.

/// An offence of the peer against RFC 6455, or against the tunnel's use of it. The connection cannot go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// A close frame of one byte: too short for the code that it must begin with (RFC 6455 5.5.1).
    #[error("websocket peer sent a close frame of one byte")]
    CloseCodeTruncated,
    /// The reason in a close frame is not UTF-8 (RFC 6455 5.5.1).
    #[error("websocket peer sent a close reason that is not UTF-8")]
    CloseReasonNotUtf8,
    /// A continuation frame while no message was open (RFC 6455 5.4).
    #[error("websocket peer continued a message that it had not begun")]
    ContinuationWithoutStart,
    /// A ping, pong or close in fragments (RFC 6455 5.5).
    #[error("websocket peer sent a control frame in fragments")]
    ControlFragmented,
    /// A ping, pong or close of more than 125 bytes (RFC 6455 5.5).
    #[error("websocket peer sent a control frame of more than 125 bytes")]
    ControlTooLong,
    /// A length in more bytes than it needs (RFC 6455 5.2).
    #[error("websocket peer wrote a frame length in more bytes than it needs")]
    LengthNotMinimal,
    /// A 64-bit length with its highest bit set (RFC 6455 5.2).
    #[error("websocket peer sent a frame length above 2^63-1")]
    LengthTooLarge,
    /// A masked frame from the server (RFC 6455 5.1).
    #[error("websocket server masked a frame")]
    Masked,
    /// A new message before the end of the one that was open (RFC 6455 5.4).
    #[error("websocket peer began a message inside another")]
    MessageInsideMessage,
    /// A reserved bit, though no extension was agreed on (RFC 6455 5.2).
    #[error("websocket peer set a reserved bit without an agreed extension")]
    ReservedBit,
    /// A close code that must not be sent (RFC 6455 7.4).
    #[error("websocket peer sent close code {0}, which must not be sent")]
    ReservedCloseCode(u16),
    /// An opcode without a meaning (RFC 6455 5.2).
    #[error("websocket peer sent a frame with reserved opcode {0:#x}")]
    ReservedOpcode(u8),
    /// A text message: the tunnel is bytes in binary messages.
    #[error("websocket peer sent a text message in a binary tunnel")]
    Text,
    /// An unmasked frame from the client (RFC 6455 5.1).
    #[error("websocket client sent an unmasked frame")]
    Unmasked,
}
