use std::fmt;

use crate::Role;
use crate::spdy::PeerMisbehaved;
use crate::spdy::limits::MAX_CONTROL_LENGTH;

use super::{settings, syn_reply, syn_stream};

/// The kinds of frames that SPDY/3.1 2.6 has.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FrameType {
    /// DATA, which has no type on the wire.
    Data,
    /// GOAWAY, type 7.
    GoAway,
    /// HEADERS, type 8.
    Headers,
    /// PING, type 6.
    Ping,
    /// RST_STREAM, type 3.
    Reset,
    /// SETTINGS, type 4.
    Settings,
    /// SYN_REPLY, type 2.
    SynReply,
    /// SYN_STREAM, type 1.
    SynStream,
    /// WINDOW_UPDATE, type 9.
    WindowUpdate,
}

impl FrameType {
    /// The control frame of that type on the wire, if there is one.
    pub(super) const fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            1 => Self::SynStream,
            2 => Self::SynReply,
            3 => Self::Reset,
            4 => Self::Settings,
            6 => Self::Ping,
            7 => Self::GoAway,
            8 => Self::Headers,
            9 => Self::WindowUpdate,
            _ => return None,
        })
    }

    /// The type on the wire.
    ///
    /// # Panics
    ///
    /// For DATA.
    pub(super) const fn code(self) -> u16 {
        match self {
            Self::Data => panic!("a data frame has no type on the wire"),
            Self::SynStream => 1,
            Self::SynReply => 2,
            Self::Reset => 3,
            Self::Settings => 4,
            Self::Ping => 6,
            Self::GoAway => 7,
            Self::Headers => 8,
            Self::WindowUpdate => 9,
        }
    }

    /// Checks what can be known of a frame from its head.
    pub(super) const fn check(self, flags: u8, length: u32) -> Result<(), PeerMisbehaved> {
        if flags & !self.known_flags() != 0 {
            return Err(PeerMisbehaved::UnknownFlags { frame: self, flags });
        }
        let fits = match self {
            Self::Data => return Ok(()),
            Self::Ping => length == 4,
            Self::GoAway | Self::Reset | Self::WindowUpdate => length == 8,
            Self::Headers | Self::Settings | Self::SynReply => length >= 4,
            Self::SynStream => length >= syn_stream::FIXED as u32,
        };
        if !fits {
            return Err(PeerMisbehaved::WrongLength { frame: self, length });
        }
        if length > MAX_CONTROL_LENGTH as u32 {
            return Err(PeerMisbehaved::ControlFrameTooLong { length });
        }
        Ok(())
    }

    /// How much of the payload has to be kept to understand the frame, in bytes. It may be more than there is.
    pub(in crate::spdy) const fn kept(self, role: Role) -> usize {
        match self {
            Self::Data => 0,
            Self::Ping | Self::Headers => 4,
            Self::Settings => settings::KEPT,
            Self::GoAway | Self::Reset | Self::WindowUpdate => 8,
            Self::SynReply => syn_reply::KEPT,
            Self::SynStream => match role {
                Role::Client => syn_stream::FIXED,
                Role::Server => MAX_CONTROL_LENGTH,
            },
        }
    }

    const fn known_flags(self) -> u8 {
        match self {
            // FIN
            Self::Data | Self::Headers | Self::SynReply => 0x01,
            // CLEAR_SETTINGS
            Self::Settings => 0x01,
            // FIN, UNIDIRECTIONAL
            Self::SynStream => 0x03,
            Self::GoAway | Self::Ping | Self::Reset | Self::WindowUpdate => 0x00,
        }
    }
}

impl fmt::Display for FrameType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Data => "DATA",
            Self::GoAway => "GOAWAY",
            Self::Headers => "HEADERS",
            Self::Ping => "PING",
            Self::Reset => "RST_STREAM",
            Self::Settings => "SETTINGS",
            Self::SynReply => "SYN_REPLY",
            Self::SynStream => "SYN_STREAM",
            Self::WindowUpdate => "WINDOW_UPDATE",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_both_ways() {
        for code in 0..=0x7fff {
            if let Some(frame) = FrameType::from_code(code) {
                assert_eq!(frame.code(), code);
            }
        }
        let known = (0..=0x7fff).filter_map(FrameType::from_code).count();
        assert_eq!(known, 8);
    }
}
