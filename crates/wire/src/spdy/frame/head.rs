use crate::spdy::limits::{HEAD_LENGTH, VERSION};
use crate::spdy::{MAX_STREAM_ID, PeerMisbehaved, StreamId};

use super::{
    Frame, FrameType, go_away, headers, ping, reset, settings, syn_reply, syn_stream, window_update,
};

/// Set in the first byte of control frames.
const CONTROL: u32 = 0x8000_0000;

/// FIN, wherever there is one.
pub(in crate::spdy) const FIN: u8 = 0x01;

/// The first eight bytes of any frame (SPDY/3.1 2.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::spdy) enum Head {
    Control(ControlHead),
    Data {
        stream: StreamId,
        fin: bool,
        length: u32,
    },
    /// A control frame whose type SPDY/3.1 does not know.
    Unknown {
        code: u16,
        length: u32,
    },
}

impl Head {
    pub(in crate::spdy) fn parse(bytes: [u8; HEAD_LENGTH]) -> Result<Self, PeerMisbehaved> {
        let [a, b, c, d, flags, length @ ..] = bytes;
        let word = u32::from_be_bytes([a, b, c, d]);
        let [x, y, z] = length;
        let length = u32::from_be_bytes([0, x, y, z]);
        if word & CONTROL == 0 {
            FrameType::Data.check(flags, length)?;
            let stream = stream_id(FrameType::Data, word)?;
            return Ok(Self::Data {
                stream,
                fin: flags & FIN != 0,
                length,
            });
        }
        let version = (word >> 16) as u16 & 0x7fff;
        if version != VERSION {
            return Err(PeerMisbehaved::UnsupportedVersion { version });
        }
        let code = word as u16;
        let Some(frame) = FrameType::from_code(code) else {
            return Ok(Self::Unknown { code, length });
        };
        frame.check(flags, length)?;
        Ok(Self::Control(ControlHead { frame, flags, length }))
    }
}

/// The head of a control frame whose type, flags and length go together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::spdy) struct ControlHead {
    pub(in crate::spdy) frame: FrameType,
    pub(in crate::spdy) flags: u8,
    pub(in crate::spdy) length: u32,
}

impl ControlHead {
    /// The bytes of this head.
    pub(in crate::spdy) const fn encode(self) -> [u8; HEAD_LENGTH] {
        let [va, vb] = (0x8000 | VERSION).to_be_bytes();
        let [ta, tb] = self.frame.code().to_be_bytes();
        let [_, x, y, z] = self.length.to_be_bytes();
        [va, vb, ta, tb, self.flags, x, y, z]
    }

    /// Makes the frame out of what was kept of its payload (see [`FrameType::kept`]).
    pub(in crate::spdy) fn load(self, kept: &[u8]) -> Result<Frame<'static>, PeerMisbehaved> {
        let fin = self.flags & FIN != 0;
        match self.frame {
            FrameType::Data => unreachable!("a control head is never made for a data frame"),
            FrameType::GoAway => Ok(go_away::load(kept)),
            FrameType::Headers => headers::load(fin, kept),
            FrameType::Ping => ping::load(kept),
            FrameType::Reset => reset::load(kept),
            FrameType::Settings => settings::load(self.length, kept),
            FrameType::SynReply => syn_reply::load(fin, kept),
            FrameType::SynStream => syn_stream::load(self.flags, kept),
            FrameType::WindowUpdate => Ok(window_update::load(kept)),
        }
    }
}

/// The stream that a frame names; the reserved bit above the 31 is ignored (SPDY/3.1 2.6).
pub(super) fn stream_id(frame: FrameType, id: u32) -> Result<StreamId, PeerMisbehaved> {
    StreamId::new(id & MAX_STREAM_ID).ok_or(PeerMisbehaved::StreamIdZero { frame })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_head_goes_both_ways() {
        let head = ControlHead {
            frame: FrameType::SynStream,
            flags: 3,
            length: 0x01_02_03,
        };
        let too_long = Err(PeerMisbehaved::ControlFrameTooLong { length: 0x01_02_03 });
        assert_eq!(head.encode(), [0x80, 3, 0, 1, 3, 1, 2, 3]);
        assert_eq!(Head::parse(head.encode()), too_long);

        let head = ControlHead {
            length: 0x02_03,
            ..head
        };
        assert_eq!(Head::parse(head.encode()), Ok(Head::Control(head)));
    }

    #[test]
    fn a_data_head_has_31_bits_of_stream() {
        let head = Head::parse([0x7f, 0xff, 0xff, 0xff, 1, 0xff, 0xff, 0xff]);
        let stream = StreamId::new(MAX_STREAM_ID).expect("the highest id is one");
        assert_eq!(
            head,
            Ok(Head::Data {
                stream,
                fin: true,
                length: 0xff_ffff
            })
        );
    }

    #[test]
    fn other_versions_are_refused() {
        let head = Head::parse([0x80, 2, 0, 6, 0, 0, 0, 4]);
        assert_eq!(head, Err(PeerMisbehaved::UnsupportedVersion { version: 2 }));
    }

    #[test]
    fn text_in_place_of_frames_is_refused() {
        // What a proxy says when it has lost the connection.
        let head = Head::parse(*b"HTTP/1.1");
        assert_eq!(
            head,
            Err(PeerMisbehaved::UnknownFlags {
                frame: FrameType::Data,
                flags: b'/'
            })
        );
    }
}
