//! Reading: frames in any fragmentation, cut anywhere, as a stream of pieces.

use super::control::Control;
use super::head::{FIN, HEAD_LIMIT, LENGTH_16, LENGTH_64, MASKED};
use super::{Opcode, PeerMisbehaved, mask};
use crate::{Role, Untrusted};

/// Reads what the peer writes.
///
/// Payload is never copied or held: a data frame comes out as slices of the caller's buffer, in as many pieces as
/// the buffer cuts it into. Only heads and control frames are gathered inside, at most 139 bytes.
///
/// After a close frame, and after an error, the connection is over: the rest of the input is dropped, and an error
/// is given again each time.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    /// A binary message has begun, and its last frame has not.
    message_open: bool,
    state: State,
}

impl Decoder {
    /// A decoder behind the handshake. `role` says who we are: a client reads unmasked frames, a server masked ones.
    pub const fn new(role: Role) -> Self {
        Self {
            role,
            message_open: false,
            state: State::Head(HeadBytes::new()),
        }
    }

    /// Takes bytes from the front of `input` and gives the next piece, or nothing when all of the input was taken
    /// and more is needed. Empty frames give no piece. For [`Role::Client`].
    ///
    /// # Panics
    ///
    /// For [`Role::Server`]: masked payload cannot be given out as it lies there.
    pub fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Piece<'a>>, PeerMisbehaved> {
        assert!(
            self.role == Role::Client,
            "a server reads masked frames by `read_masked`"
        );
        let (taken, step) = self.step(input)?;
        let (data, rest) = std::mem::take(input).split_at(taken);
        *input = rest;
        Ok(step.map(|step| match step {
            Step::Close { code, reason } => Piece::Close { code, reason },
            Step::Data { length, .. } => Piece::Data(&data[taken - length..]),
            Step::Ping(control) => Piece::Ping(control),
            Step::Pong(control) => Piece::Pong(control),
        }))
    }

    /// As [`Self::read`], for [`Role::Server`]: unmasks the payload in place and gives out that.
    ///
    /// # Panics
    ///
    /// For [`Role::Client`]: its server does not mask.
    #[cfg(feature = "server")]
    pub fn read_masked<'a>(&mut self, input: &mut &'a mut [u8]) -> Result<Option<Piece<'a>>, PeerMisbehaved> {
        assert!(
            self.role == Role::Server,
            "a client reads unmasked frames by `read`"
        );
        let (taken, step) = self.step(input)?;
        let (data, rest) = std::mem::take(input).split_at_mut(taken);
        *input = rest;
        Ok(step.map(|step| match step {
            Step::Close { code, reason } => Piece::Close { code, reason },
            Step::Data { key, length, offset } => {
                let payload = &mut data[taken - length..];
                mask(payload, key, offset);
                Piece::Data(payload)
            }
            Step::Ping(control) => Piece::Ping(control),
            Step::Pong(control) => Piece::Pong(control),
        }))
    }

    /// Goes on to the next piece; gives the number of bytes taken, of which a piece of data is the end.
    fn step(&mut self, input: &[u8]) -> Result<(usize, Option<Step>), PeerMisbehaved> {
        self.advance(input)
            .inspect_err(|&offence| self.state = State::Failed(offence))
    }

    fn advance(&mut self, input: &[u8]) -> Result<(usize, Option<Step>), PeerMisbehaved> {
        let mut taken = 0;
        loop {
            let rest = &input[taken..];
            match &mut self.state {
                State::Closed => return Ok((input.len(), None)),
                State::Control {
                    control,
                    key,
                    length,
                    opcode,
                } => {
                    taken += control.fill(rest, *length);
                    if control.as_bytes().len() < *length {
                        return Ok((taken, None));
                    }
                    // An unmasked frame has a key of zeros, which changes nothing.
                    mask(control.as_bytes_mut(), *key, 0);
                    let (control, opcode) = (*control, *opcode);
                    self.state = State::Head(HeadBytes::new());
                    return Ok((taken, Some(self.control(opcode, control)?)));
                }
                State::Failed(offence) => return Err(*offence),
                State::Head(bytes) => {
                    let (used, head) = bytes.gather(rest, self.role, self.message_open)?;
                    taken += used;
                    let Some(head) = head else {
                        return Ok((taken, None));
                    };
                    self.state = self.state_behind(&head);
                }
                State::Payload { remaining: 0, .. } => self.state = State::Head(HeadBytes::new()),
                State::Payload { .. } if rest.is_empty() => return Ok((taken, None)),
                State::Payload {
                    key,
                    offset,
                    remaining,
                } => {
                    let length = usize::try_from(*remaining).unwrap_or(usize::MAX).min(rest.len());
                    let step = Step::Data {
                        key: *key,
                        length,
                        offset: usize::from(*offset),
                    };
                    *remaining -= length as u64;
                    *offset = ((usize::from(*offset) + length) % 4) as u8;
                    return Ok((taken + length, Some(step)));
                }
            }
        }
    }

    fn state_behind(&mut self, head: &Parsed) -> State {
        if head.opcode.is_control() {
            // At most 125: the head was checked.
            let length = head.length as usize;
            State::Control {
                control: Control::empty(),
                key: head.key,
                length,
                opcode: head.opcode,
            }
        } else {
            self.message_open = !head.fin;
            State::Payload {
                key: head.key,
                offset: 0,
                remaining: head.length,
            }
        }
    }

    fn control(&mut self, opcode: Opcode, control: Control) -> Result<Step, PeerMisbehaved> {
        match opcode {
            Opcode::Close => {
                let step = close(control.as_bytes())?;
                self.state = State::Closed;
                Ok(step)
            }
            Opcode::Ping => Ok(Step::Ping(control)),
            Opcode::Binary | Opcode::Continuation | Opcode::Pong => Ok(Step::Pong(control)),
        }
    }
}

/// What the peer wrote, in its order.
#[derive(Debug)]
pub enum Piece<'a> {
    /// The peer ends the connection. It awaits a close frame, and nothing comes after.
    Close {
        /// Why; nothing where the frame was empty. 1000 is an orderly end.
        code: Option<u16>,
        /// Why, in words.
        reason: Untrusted,
    },
    /// The next bytes of the tunnel; never empty.
    Data(&'a [u8]),
    /// A question that awaits a pong with the same payload.
    Ping(Control),
    /// An answer to a ping, or one unasked.
    Pong(Control),
}

/// Where the decoder stands in the bytes of the peer.
#[derive(Debug)]
enum State {
    /// Behind a close frame.
    Closed,
    /// In a ping, pong or close whose payload is gathered.
    Control {
        control: Control,
        key: [u8; 4],
        length: usize,
        opcode: Opcode,
    },
    /// Behind an offence.
    Failed(PeerMisbehaved),
    /// In a frame's head.
    Head(HeadBytes),
    /// In a data frame, `remaining` bytes before its end; `offset` is the place in the key.
    Payload {
        key: [u8; 4],
        offset: u8,
        remaining: u64,
    },
}

/// A piece before it is cut from the input.
enum Step {
    Close {
        code: Option<u16>,
        reason: Untrusted,
    },
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "only a server unmasks"))]
    Data {
        key: [u8; 4],
        length: usize,
        offset: usize,
    },
    Ping(Control),
    Pong(Control),
}

/// A checked head.
struct Parsed {
    fin: bool,
    /// Zeros where the frame is not masked.
    key: [u8; 4],
    length: u64,
    opcode: Opcode,
}

/// The bytes of a head as they arrive.
#[derive(Debug)]
struct HeadBytes {
    bytes: [u8; HEAD_LIMIT],
    have: usize,
}

impl HeadBytes {
    const fn new() -> Self {
        Self {
            bytes: [0; HEAD_LIMIT],
            have: 0,
        }
    }

    /// Takes what it needs of `input`; gives the number of bytes taken, and the head once it is whole.
    fn gather(
        &mut self,
        input: &[u8],
        role: Role,
        message_open: bool,
    ) -> Result<(usize, Option<Parsed>), PeerMisbehaved> {
        let mut taken = 0;
        // The first two bytes tell how many follow.
        for _ in 0..2 {
            let need = self.need();
            let take = (need - self.have).min(input.len() - taken);
            self.bytes[self.have..self.have + take].copy_from_slice(&input[taken..taken + take]);
            self.have += take;
            taken += take;
            if self.have < need {
                return Ok((taken, None));
            }
            if need == 2 {
                check(self.bytes[0], self.bytes[1], role, message_open)?;
            }
        }
        Ok((taken, Some(self.parse()?)))
    }

    /// How long the head is, as far as is known.
    fn need(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let length = match self.bytes[1] & !MASKED {
            LENGTH_16 => 2,
            LENGTH_64 => 8,
            _ => 0,
        };
        2 + length + if self.bytes[1] & MASKED == 0 { 0 } else { 4 }
    }

    /// The head, once all its bytes are there and the first two were checked.
    fn parse(&self) -> Result<Parsed, PeerMisbehaved> {
        let [first, second, ref rest @ ..] = self.bytes;
        let [a, b, c, d, e, f, g, h, ..] = *rest;
        let (length, minimum, behind) = match second & !MASKED {
            LENGTH_16 => (u64::from(u16::from_be_bytes([a, b])), 126, 2),
            LENGTH_64 => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 0x1_0000, 8),
            short => (u64::from(short), 0, 0),
        };
        if length < minimum {
            return Err(PeerMisbehaved::LengthNotMinimal);
        }
        if length > i64::MAX as u64 {
            return Err(PeerMisbehaved::LengthTooLarge);
        }
        let key = if second & MASKED == 0 {
            [0; 4]
        } else {
            [rest[behind], rest[behind + 1], rest[behind + 2], rest[behind + 3]]
        };
        Ok(Parsed {
            fin: first & FIN != 0,
            key,
            length,
            opcode: opcode(first)?,
        })
    }
}

/// Judges the first two bytes of a head, so that an offender is named before more of the frame is awaited.
fn check(first: u8, second: u8, role: Role, message_open: bool) -> Result<(), PeerMisbehaved> {
    if first & 0x70 != 0 {
        return Err(PeerMisbehaved::ReservedBit);
    }
    let opcode = opcode(first)?;
    match (role, second & MASKED != 0) {
        (Role::Client, true) => return Err(PeerMisbehaved::Masked),
        (Role::Server, false) => return Err(PeerMisbehaved::Unmasked),
        (Role::Client, false) | (Role::Server, true) => {}
    }
    match opcode {
        Opcode::Binary if message_open => Err(PeerMisbehaved::MessageInsideMessage),
        Opcode::Continuation if !message_open => Err(PeerMisbehaved::ContinuationWithoutStart),
        Opcode::Binary | Opcode::Continuation => Ok(()),
        Opcode::Close | Opcode::Ping | Opcode::Pong if first & FIN == 0 => {
            Err(PeerMisbehaved::ControlFragmented)
        }
        Opcode::Close | Opcode::Ping | Opcode::Pong if second & !MASKED >= LENGTH_16 => {
            Err(PeerMisbehaved::ControlTooLong)
        }
        Opcode::Close | Opcode::Ping | Opcode::Pong => Ok(()),
    }
}

fn opcode(first: u8) -> Result<Opcode, PeerMisbehaved> {
    match first & 0x0f {
        0x0 => Ok(Opcode::Continuation),
        0x1 => Err(PeerMisbehaved::Text),
        0x2 => Ok(Opcode::Binary),
        0x8 => Ok(Opcode::Close),
        0x9 => Ok(Opcode::Ping),
        0xa => Ok(Opcode::Pong),
        reserved => Err(PeerMisbehaved::ReservedOpcode(reserved)),
    }
}

fn close(payload: &[u8]) -> Result<Step, PeerMisbehaved> {
    let (code, reason) = match payload {
        [] => {
            return Ok(Step::Close {
                code: None,
                reason: Untrusted::new(""),
            });
        }
        [_] => return Err(PeerMisbehaved::CloseCodeTruncated),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    // 1004 has no meaning, 1005, 1006 and 1015 stand for what was not sent, and below 1000 nothing is defined. What
    // is beyond 1014 up to 2999 is kept for later versions, 3000 to 4999 is free for use (RFC 6455 7.4).
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(PeerMisbehaved::ReservedCloseCode(code));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| PeerMisbehaved::CloseReasonNotUtf8)?;
    Ok(Step::Close {
        code: Some(code),
        reason: Untrusted::new(reason),
    })
}
