use podline_wire::Time;

use super::super::buffer;
use super::super::lost::Lost;

/// What a client says first (RFC 9113, 3.4).
pub(in super::super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Longest header block, padding counted in, in bytes.
const BLOCK: usize = 16 * 1024;
/// Length of a frame's head, and of the largest payload that is looked at besides header blocks.
const HEAD: usize = 9;

// RFC 9113, 6.
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const PUSH_PROMISE: u8 = 0x5;
const GOAWAY: u8 = 0x7;
const CONTINUATION: u8 = 0x9;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The frames of one direction. A payload is passed over or, where it matters, collected if it comes in pieces.
#[derive(Debug)]
pub(super) struct Frames {
    state: State,
    /// A head, a setting or the like that came in pieces.
    small: [u8; HEAD],
    filled: usize,
    /// When the frame that is coming began.
    began: Time,
    /// The header block that is coming.
    block: Vec<u8>,
    /// Whose it is; while there is one, nothing but its continuation may come.
    opening: Option<Opening>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// So much of the preface has come.
    Preface(usize),
    Head,
    /// The length of the padding comes first.
    DataPadding {
        stream: u32,
        length: usize,
        ends: bool,
    },
    Data {
        stream: u32,
        payload: usize,
        padding: usize,
        ends: bool,
    },
    /// Part of a header block.
    Block {
        length: usize,
        flags: u8,
        kind: Kind,
        before: usize,
    },
    /// The first bytes of a frame.
    Small {
        what: Small,
        length: usize,
    },
    Skip(usize),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Small {
    GoAway,
    Reset { stream: u32 },
    Setting,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Continuation,
    Headers,
    PushPromise,
}

#[derive(Clone, Copy, Debug)]
struct Opening {
    stream: u32,
    ends: bool,
    is_push: bool,
    began: Time,
    /// Whether the block is whole and was given away.
    is_over: bool,
}

/// What a frame, or a piece of it, says.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Piece<'a> {
    /// Payload bytes of DATA; with `ends`, the last ones of the stream.
    Data {
        stream: u32,
        payload: u64,
        ends: bool,
    },
    /// The streams above `last` will not be answered.
    GoAway {
        last: u32,
    },
    /// A whole header block.
    Headers {
        stream: u32,
        block: &'a [u8],
        ends: bool,
        began: Time,
    },
    /// A whole header block of a request that nobody made.
    Promise {
        block: &'a [u8],
    },
    Reset {
        stream: u32,
        code: u32,
    },
    Setting {
        id: u16,
        value: u32,
    },
}

impl Frames {
    /// Frames; behind the preface of a client, or of a server, which is a frame.
    pub(super) fn new(is_client: bool) -> Self {
        Self {
            state: if is_client { State::Preface(0) } else { State::Head },
            small: [0; HEAD],
            filled: 0,
            began: Time::ZERO,
            block: Vec::new(),
            opening: None,
        }
    }

    /// Bytes on the heap.
    pub(super) fn kept(&self) -> usize {
        self.block.capacity()
    }

    /// The next thing that `input` says; none if all of it is taken. Of a block no more than `room` bytes are kept.
    pub(super) fn read<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        now: Time,
        room: usize,
    ) -> Result<Option<Piece<'a>>, Lost> {
        if self.opening.is_some_and(|opening| opening.is_over) {
            self.opening = None;
            self.block = Vec::new();
        }
        loop {
            match self.state {
                State::Preface(matched) => {
                    let length = input.len().min(PREFACE.len() - matched);
                    let (said, rest) = input.split_at(length);
                    if said != &PREFACE[matched..matched + length] {
                        return Err(Lost);
                    }
                    *input = rest;
                    self.state = State::Preface(matched + length);
                    if matched + length < PREFACE.len() {
                        return Ok(None);
                    }
                    self.state = State::Head;
                }
                State::Head => {
                    if self.filled == 0 {
                        self.began = now;
                    }
                    if !self.fill(input, HEAD) {
                        return Ok(None);
                    }
                    self.begin()?;
                }
                State::DataPadding { stream, length, ends } => {
                    let Some((&padding, rest)) = input.split_first() else {
                        return Ok(None);
                    };
                    *input = rest;
                    let padding = usize::from(padding);
                    let payload = (length - 1).checked_sub(padding).ok_or(Lost)?;
                    self.state = State::Data {
                        stream,
                        payload,
                        padding,
                        ends,
                    };
                }
                State::Data {
                    stream,
                    payload,
                    padding,
                    ends,
                } => {
                    let here = payload.min(input.len());
                    *input = &input[here..];
                    let left = payload - here;
                    let padded = if left == 0 { padding.min(input.len()) } else { 0 };
                    *input = &input[padded..];
                    let is_whole = left == 0 && padded == padding;
                    self.state = if is_whole {
                        State::Head
                    } else {
                        State::Data {
                            stream,
                            payload: left,
                            padding: padding - padded,
                            ends,
                        }
                    };
                    let ends = ends && is_whole;
                    if here > 0 || ends {
                        return Ok(Some(Piece::Data {
                            stream,
                            payload: here as u64,
                            ends,
                        }));
                    }
                    if !is_whole {
                        return Ok(None);
                    }
                }
                State::Block {
                    length,
                    flags,
                    kind,
                    before,
                } => {
                    if self.block.is_empty() && flags & END_HEADERS != 0 && input.len() >= length {
                        let (payload, rest) = input.split_at(length);
                        *input = rest;
                        self.state = State::Head;
                        let (from, to) = fragment(kind, flags, payload)?;
                        return self.give(Some(&payload[from..to])).map(Some);
                    }
                    let here = length.min(input.len());
                    let (piece, rest) = input.split_at(here);
                    *input = rest;
                    buffer::append(&mut self.block, piece, BLOCK, room)?;
                    if here < length {
                        let length = length - here;
                        self.state = State::Block {
                            length,
                            flags,
                            kind,
                            before,
                        };
                        return Ok(None);
                    }
                    self.state = State::Head;
                    let (from, to) = fragment(kind, flags, &self.block[before..])?;
                    self.block.truncate(before + to);
                    self.block.drain(before..before + from);
                    if flags & END_HEADERS != 0 {
                        return self.give(None).map(Some);
                    }
                }
                State::Small { what, length } => {
                    let size = what.size();
                    if !self.fill(input, size) {
                        return Ok(None);
                    }
                    let length = length - size;
                    self.state = match what {
                        Small::Setting if length > 0 => State::Small { what, length },
                        _ => State::Skip(length),
                    };
                    return Ok(Some(self.small(what)));
                }
                State::Skip(length) => {
                    let here = length.min(input.len());
                    *input = &input[here..];
                    if here < length {
                        self.state = State::Skip(length - here);
                        return Ok(None);
                    }
                    self.state = State::Head;
                }
            }
        }
    }

    /// Takes bytes until there are `size` of them.
    fn fill(&mut self, input: &mut &[u8], size: usize) -> bool {
        let here = input.len().min(size - self.filled);
        let (bytes, rest) = input.split_at(here);
        self.small[self.filled..self.filled + here].copy_from_slice(bytes);
        *input = rest;
        self.filled += here;
        if self.filled < size {
            return false;
        }
        self.filled = 0;
        true
    }

    /// A frame's head is there.
    fn begin(&mut self) -> Result<(), Lost> {
        let [a, b, c, kind, flags, rest @ ..] = self.small;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let stream = u32::from_be_bytes(rest) & (u32::MAX >> 1);
        if self
            .opening
            .is_some_and(|opening| kind != CONTINUATION || opening.stream != stream)
        {
            return Err(Lost);
        }
        let ends = flags & END_STREAM != 0;
        self.state = match kind {
            DATA | HEADERS | RST_STREAM | PUSH_PROMISE | CONTINUATION if stream == 0 => return Err(Lost),
            DATA if flags & PADDED == 0 => State::Data {
                stream,
                payload: length,
                padding: 0,
                ends,
            },
            DATA if length == 0 => return Err(Lost),
            DATA => State::DataPadding { stream, length, ends },
            HEADERS | PUSH_PROMISE => {
                let is_push = kind == PUSH_PROMISE;
                self.opening = Some(Opening {
                    stream,
                    ends: ends && !is_push,
                    is_push,
                    began: self.began,
                    is_over: false,
                });
                self.block(
                    if is_push { Kind::PushPromise } else { Kind::Headers },
                    length,
                    flags,
                )?
            }
            CONTINUATION if self.opening.is_none() => return Err(Lost),
            CONTINUATION => self.block(Kind::Continuation, length, flags)?,
            RST_STREAM if length == 4 => State::Small {
                what: Small::Reset { stream },
                length,
            },
            GOAWAY if length >= 8 => State::Small {
                what: Small::GoAway,
                length,
            },
            SETTINGS if stream == 0 && length % 6 == 0 => match length {
                0 => State::Skip(0),
                _ => State::Small {
                    what: Small::Setting,
                    length,
                },
            },
            RST_STREAM | GOAWAY | SETTINGS => return Err(Lost),
            _ => State::Skip(length),
        };
        Ok(())
    }

    /// A frame with a part of a header block is to come.
    fn block(&self, kind: Kind, length: usize, flags: u8) -> Result<State, Lost> {
        let before = self.block.len();
        if before + length > BLOCK {
            return Err(Lost);
        }
        Ok(State::Block {
            length,
            flags,
            kind,
            before,
        })
    }

    /// The header block is whole: here, or in what was kept.
    fn give<'a>(&'a mut self, block: Option<&'a [u8]>) -> Result<Piece<'a>, Lost> {
        let opening = self.opening.as_mut().ok_or(Lost)?;
        opening.is_over = true;
        let block = block.unwrap_or(&self.block);
        Ok(if opening.is_push {
            Piece::Promise { block }
        } else {
            Piece::Headers {
                stream: opening.stream,
                block,
                ends: opening.ends,
                began: opening.began,
            }
        })
    }

    fn small(&self, what: Small) -> Piece<'static> {
        let [a, b, c, d, e, f, ..] = self.small;
        match what {
            Small::GoAway => Piece::GoAway {
                last: u32::from_be_bytes([a, b, c, d]) & (u32::MAX >> 1),
            },
            Small::Reset { stream } => Piece::Reset {
                stream,
                code: u32::from_be_bytes([a, b, c, d]),
            },
            Small::Setting => Piece::Setting {
                id: u16::from_be_bytes([a, b]),
                value: u32::from_be_bytes([c, d, e, f]),
            },
        }
    }
}

impl Small {
    /// How many bytes are looked at.
    fn size(self) -> usize {
        match self {
            Self::GoAway => 8,
            Self::Reset { .. } => 4,
            Self::Setting => 6,
        }
    }
}

/// Where in a payload the part of the header block is.
fn fragment(kind: Kind, flags: u8, payload: &[u8]) -> Result<(usize, usize), Lost> {
    if kind == Kind::Continuation {
        return Ok((0, payload.len()));
    }
    let mut from = 0;
    let mut padding = 0;
    if flags & PADDED != 0 {
        padding = usize::from(*payload.first().ok_or(Lost)?);
        from += 1;
    }
    from += match kind {
        // The promised stream.
        Kind::PushPromise => 4,
        Kind::Headers if flags & PRIORITY != 0 => 5,
        Kind::Continuation | Kind::Headers => 0,
    };
    let to = payload.len().checked_sub(padding).ok_or(Lost)?;
    if from > to { Err(Lost) } else { Ok((from, to)) }
}
