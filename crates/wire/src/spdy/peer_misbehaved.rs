use super::frame::FrameType;

/// What the peer did against SPDY/3.1. The bytes after it cannot be understood: the session is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// A control frame longer than [`MAX_CONTROL_LENGTH`](super::MAX_CONTROL_LENGTH).
    #[error("the peer sent a control frame of {length} bytes")]
    ControlFrameTooLong {
        /// Its payload, in bytes.
        length: u32,
    },

    /// A PING whose id is 0.
    #[error("the peer sent a ping with id 0")]
    PingIdZero,

    /// A RST_STREAM whose status is 0, which SPDY/3.1 2.6.3 calls invalid.
    #[error("the peer reset a stream with status 0")]
    ResetStatusZero,

    /// A SETTINGS frame whose count of entries is not the one that its length has room for.
    #[error("the peer sent {count} settings in a frame of {length} bytes")]
    SettingsCount {
        /// The number of entries claimed.
        count: u32,
        /// The payload, in bytes.
        length: u32,
    },

    /// A frame that has to name a stream names stream 0.
    #[error("the peer sent a {frame} frame for stream 0")]
    StreamIdZero {
        /// What kind of frame.
        frame: FrameType,
    },

    /// A flag that frames of this kind do not have.
    #[error("the peer sent a {frame} frame with flags {flags:#04x}")]
    UnknownFlags {
        /// What kind of frame.
        frame: FrameType,
        /// All its flags.
        flags: u8,
    },

    /// A control frame of a type that SPDY/3.1 does not have.
    #[error("the peer sent a control frame of unknown type {code}")]
    UnknownFrameType {
        /// The type on the wire.
        code: u16,
    },

    /// A control frame of another version of SPDY, or no SPDY at all.
    #[error("the peer sent a control frame of version {version} instead of 3")]
    UnsupportedVersion {
        /// The version on the wire.
        version: u16,
    },

    /// A length that frames of this kind cannot have.
    #[error("the peer sent a {frame} frame of {length} bytes")]
    WrongLength {
        /// What kind of frame.
        frame: FrameType,
        /// Its payload, in bytes.
        length: u32,
    },
}
