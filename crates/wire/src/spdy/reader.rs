use super::frame::{ControlHead, Head};
use super::limits::{HEAD_LENGTH, MAX_CONTROL_LENGTH};
use super::{Frame, PeerMisbehaved, StreamId};
use crate::Role;

/// Takes a stream of bytes apart into frames.
///
/// Bytes may come in any portions; the frames are the same, only DATA comes in other pieces. DATA is never
/// copied; of a control frame at most 64 KiB are gathered, and no memory is taken before the bytes are there.
///
/// Stricter than SPDY/3.1 where a deviation means that the two sides are out of step: flags and lengths have to be
/// right. Control frames of unknown types are skipped by a client, as SPDY/3.1 2.2.1 demands, and refused by a
/// server, as spdystream does.
#[derive(Debug)]
pub struct FrameReader {
    role: Role,
    state: State,
    /// The part that came of a head or of a control frame's payload.
    gathered: Vec<u8>,
    misbehaved: Option<PeerMisbehaved>,
}

#[derive(Debug)]
enum State {
    Head,
    Control {
        /// `None` for a frame that is skipped whole.
        head: Option<ControlHead>,
        /// Payload that is still to be gathered, in bytes.
        wanted: usize,
        /// Payload after that, to be dropped.
        unwanted: usize,
    },
    Data {
        stream: StreamId,
        fin: bool,
        first: bool,
        /// Payload that is still to come, in bytes.
        remaining: usize,
    },
}

impl FrameReader {
    /// A reader for the bytes that come to us in that role.
    pub fn new(role: Role) -> Self {
        Self {
            role,
            state: State::Head,
            gathered: Vec::new(),
            misbehaved: None,
        }
    }

    /// Whether the bytes so far end between two frames.
    pub fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Head) && self.gathered.is_empty()
    }

    /// Takes bytes from the front of `input` and gives the next frame or piece of one, `None` when it took all
    /// bytes and needs more.
    ///
    /// # Errors
    ///
    /// What the peer did wrong, from then on at every call.
    pub fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, PeerMisbehaved> {
        if let Some(offence) = self.misbehaved {
            return Err(offence);
        }
        self.read_next(input)
            .inspect_err(|&offence| self.misbehaved = Some(offence))
    }

    fn read_next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, PeerMisbehaved> {
        loop {
            match &mut self.state {
                State::Head => {
                    let Some(bytes) = self.take_head(input) else {
                        return Ok(None);
                    };
                    self.state = self.expect(Head::parse(bytes)?)?;
                }
                State::Control {
                    head,
                    wanted,
                    unwanted,
                } => {
                    let taken = take(input, *wanted);
                    self.gathered.extend_from_slice(taken);
                    *wanted -= taken.len();
                    *unwanted -= take(input, *unwanted).len();
                    if *wanted > 0 || *unwanted > 0 {
                        return Ok(None);
                    }
                    let frame = head.map(|head| head.load(&self.gathered)).transpose()?;
                    self.gathered.clear();
                    self.state = State::Head;
                    if frame.is_some() {
                        return Ok(frame);
                    }
                }
                State::Data {
                    stream,
                    fin,
                    first,
                    remaining,
                } => {
                    let payload = take(input, *remaining);
                    if payload.is_empty() && *remaining > 0 {
                        return Ok(None);
                    }
                    *remaining -= payload.len();
                    let last = *remaining == 0;
                    let piece = Frame::Data {
                        stream: *stream,
                        payload,
                        first: *first,
                        last,
                        fin: *fin && last,
                    };
                    *first = false;
                    if last {
                        self.state = State::Head;
                    }
                    return Ok(Some(piece));
                }
            }
        }
    }

    fn take_head(&mut self, input: &mut &[u8]) -> Option<[u8; HEAD_LENGTH]> {
        if self.gathered.is_empty()
            && let Some((head, rest)) = input.split_first_chunk()
        {
            *input = rest;
            return Some(*head);
        }
        self.gathered
            .extend_from_slice(take(input, HEAD_LENGTH - self.gathered.len()));
        let head = *self.gathered.first_chunk()?;
        self.gathered.clear();
        Some(head)
    }

    fn expect(&self, head: Head) -> Result<State, PeerMisbehaved> {
        Ok(match head {
            Head::Control(head) => {
                let length = head.length as usize;
                let wanted = head.frame.kept(self.role).min(length);
                State::Control {
                    head: Some(head),
                    wanted,
                    unwanted: length - wanted,
                }
            }
            Head::Data { stream, fin, length } => State::Data {
                stream,
                fin,
                first: true,
                remaining: length as usize,
            },
            Head::Unknown { code, length } => {
                if self.role == Role::Server {
                    return Err(PeerMisbehaved::UnknownFrameType { code });
                }
                if length as usize > MAX_CONTROL_LENGTH {
                    return Err(PeerMisbehaved::ControlFrameTooLong { length });
                }
                State::Control {
                    head: None,
                    wanted: 0,
                    unwanted: length as usize,
                }
            }
        })
    }
}

/// Splits at most `length` bytes off the front of `input`.
fn take<'a>(input: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(length.min(input.len()));
    *input = rest;
    taken
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::super::{FrameType, ReplyBlock, ResetStatus, data_head, ping, reset};
    use super::*;

    fn stream(id: u32) -> StreamId {
        StreamId::new(id).unwrap()
    }

    fn only_frame(role: Role, bytes: &[u8]) -> Result<Option<Frame<'_>>, PeerMisbehaved> {
        let mut input = bytes;
        let mut reader = FrameReader::new(role);
        let frame = reader.read(&mut input);
        if let Ok(Some(_)) = frame {
            assert_eq!(reader.read(&mut input), Ok(None));
            assert!(input.is_empty() && reader.is_between_frames());
        }
        frame
    }

    #[test]
    fn data_comes_as_slices_of_what_was_given() {
        let mut bytes = data_head(stream(3), 10, true).to_vec();
        bytes.extend(b"0123456789");
        let (one, two) = bytes.split_at(12);
        let mut reader = FrameReader::new(Role::Client);

        let mut input = one;
        let piece = Frame::Data {
            stream: stream(3),
            payload: b"0123",
            first: true,
            last: false,
            fin: false,
        };
        assert_eq!(reader.read(&mut input), Ok(Some(piece)));
        assert_eq!(reader.read(&mut input), Ok(None));

        let mut input = two;
        let piece = Frame::Data {
            stream: stream(3),
            payload: b"456789",
            first: false,
            last: true,
            fin: true,
        };
        let read = reader.read(&mut input).unwrap().unwrap();
        assert_eq!(read, piece);
        let Frame::Data { payload, .. } = read else {
            unreachable!()
        };
        assert!(std::ptr::eq(payload, two), "no copy");
    }

    #[test]
    fn an_empty_data_frame_is_one_empty_piece() {
        for fin in [false, true] {
            let bytes = data_head(stream(3), 0, fin);
            let piece = Frame::Data {
                stream: stream(3),
                payload: b"",
                first: true,
                last: true,
                fin,
            };
            assert_eq!(only_frame(Role::Client, &bytes), Ok(Some(piece)));
        }
    }

    #[test]
    fn a_head_alone_gives_nothing_yet() {
        let bytes = data_head(stream(3), 1, true);
        let mut reader = FrameReader::new(Role::Client);
        assert_eq!(reader.read(&mut &bytes[..]), Ok(None));
        assert!(!reader.is_between_frames());
        assert_eq!(reader.read(&mut &b""[..]), Ok(None));
    }

    #[test]
    fn a_client_skips_the_headers_of_a_stream() {
        let bytes = b"\x80\x03\0\x01\x01\0\0\x0d\0\0\0\x02\0\0\0\0\x20\0abc";
        let syn = |block: &[u8]| Frame::SynStream {
            stream: stream(2),
            fin: true,
            unidirectional: false,
            priority: 1,
            block: block.to_vec(),
        };
        assert_eq!(only_frame(Role::Client, bytes), Ok(Some(syn(b""))));
        assert_eq!(only_frame(Role::Server, bytes), Ok(Some(syn(b"abc"))));
    }

    #[test]
    fn a_long_reply_is_skipped_and_the_next_frame_is_read() {
        let mut bytes = b"\x80\x03\0\x02\0\0\xff\xff\0\0\0\x01".to_vec();
        bytes.extend([0; 0xffff - 4]);
        bytes.extend(ping(1));
        let mut input = &bytes[..];
        let mut reader = FrameReader::new(Role::Client);
        let reply = Frame::SynReply {
            stream: stream(1),
            fin: false,
            block: ReplyBlock::Other,
        };
        assert_eq!(reader.read(&mut input), Ok(Some(reply)));
        assert!(reader.gathered.capacity() < 100);
        assert_eq!(reader.read(&mut input), Ok(Some(Frame::Ping { id: 1 })));
    }

    #[test]
    fn a_server_takes_no_memory_for_bytes_that_did_not_come() {
        let mut reader = FrameReader::new(Role::Server);
        assert_eq!(
            reader.read(&mut &b"\x80\x03\0\x01\0\x01\0\0\0\0\0\x01"[..]),
            Ok(None)
        );
        assert!(reader.gathered.capacity() < 100);
    }

    #[test]
    fn an_unknown_type_is_skipped_by_a_client_and_refused_by_a_server() {
        let mut bytes = b"\x80\x03\0\x0a\xff\0\0\x02xx".to_vec();
        bytes.extend(reset(stream(1), ResetStatus::CANCEL));
        let frame = Frame::Reset {
            stream: stream(1),
            status: ResetStatus::CANCEL,
        };
        assert_eq!(only_frame(Role::Client, &bytes), Ok(Some(frame)));
        let refused = Err(PeerMisbehaved::UnknownFrameType { code: 10 });
        assert_eq!(only_frame(Role::Server, &bytes), refused);
        let long = PeerMisbehaved::ControlFrameTooLong { length: 0x01_0001 };
        assert_eq!(only_frame(Role::Client, b"\x80\x03\0\x0a\0\x01\0\x01"), Err(long));
    }

    #[test]
    fn offences_are_told_apart_and_stay() {
        let cases: [(&[u8], PeerMisbehaved); 9] = [
            (b"\x80\x03\0\x06\0\0\0\x04\0\0\0\0", PeerMisbehaved::PingIdZero),
            (
                b"\x80\x03\0\x06\x01\0\0\x04",
                PeerMisbehaved::UnknownFlags {
                    frame: FrameType::Ping,
                    flags: 1,
                },
            ),
            (
                b"\x80\x03\0\x06\0\0\0\x05",
                PeerMisbehaved::WrongLength {
                    frame: FrameType::Ping,
                    length: 5,
                },
            ),
            (
                b"\x80\x03\0\x03\0\0\0\x08\0\0\0\x01\0\0\0\0",
                PeerMisbehaved::ResetStatusZero,
            ),
            (
                b"\x80\x03\0\x04\0\0\0\x05\0\0\0\0\0",
                PeerMisbehaved::SettingsCount { count: 0, length: 5 },
            ),
            (
                b"\x80\x03\0\x02\0\x01\0\x01",
                PeerMisbehaved::ControlFrameTooLong { length: 0x01_0001 },
            ),
            (
                b"\0\0\0\0\0\0\0\x01",
                PeerMisbehaved::StreamIdZero {
                    frame: FrameType::Data,
                },
            ),
            (
                b"\0\0\0\x01\x02\0\0\x01",
                PeerMisbehaved::UnknownFlags {
                    frame: FrameType::Data,
                    flags: 2,
                },
            ),
            (
                b"\x80\x02\0\x06\0\0\0\x04",
                PeerMisbehaved::UnsupportedVersion { version: 2 },
            ),
        ];
        for (bytes, offence) in cases {
            for role in [Role::Client, Role::Server] {
                let mut reader = FrameReader::new(role);
                assert_eq!(reader.read(&mut &*bytes), Err(offence));
                assert_eq!(reader.read(&mut &ping(1)[..]), Err(offence), "it stays");
            }
        }
    }
}
