//! What stands between a session's SPDY bytes and its connection: nothing, or WebSocket messages.

use bytes::BytesMut;
use podline_wire::Untrusted;
use podline_wire::spdy::Role;
use podline_wire::websocket::{self, Decoder, Opcode, Piece};

use crate::entropy::Entropy;
use crate::{SessionError, Transport};

use super::outbox::Outgoing;

/// The close code of an orderly end (RFC 6455 section 7.4.1).
const CLOSE_NORMAL: u16 = 1000;

/// How SPDY bytes travel on a connection.
#[derive(Debug)]
pub(super) enum Framing {
    Plain,
    Websocket { decoder: Decoder, entropy: Entropy },
}

/// What the peer wants of the framing itself.
#[derive(Debug)]
pub(super) enum Demand {
    Nothing,
    Pong(BytesMut),
}

impl Framing {
    pub(super) fn new(transport: Transport) -> Self {
        match transport {
            Transport::Spdy => Self::Plain,
            Transport::Websocket => Self::Websocket {
                decoder: Decoder::new(Role::Client),
                entropy: Entropy::default(),
            },
        }
    }

    /// Puts `batch`, of `length` bytes together, into one message.
    pub(super) fn wrap(&mut self, batch: &mut Vec<BytesMut>, length: usize, outgoing: &mut Outgoing) {
        if let Self::Websocket { entropy, .. } = self {
            let mask = entropy.mask();
            let head = websocket::head(Opcode::Binary, true, length as u64, Some(mask));
            outgoing.push(BytesMut::from(head.as_bytes()));
            let mut offset = 0;
            for part in batch.iter_mut() {
                websocket::mask(part, mask, offset);
                offset += part.len();
            }
        }
        for part in batch.drain(..) {
            outgoing.push(part);
        }
    }

    /// The next run of SPDY bytes in `input`; None when it is used up.
    pub(super) fn unwrap<'a>(
        &mut self,
        input: &mut &'a [u8],
    ) -> Result<Option<(&'a [u8], Demand)>, SessionError> {
        let Self::Websocket { decoder, entropy } = self else {
            let all = std::mem::take(input);
            return Ok((!all.is_empty()).then_some((all, Demand::Nothing)));
        };
        let piece = decoder
            .read(input)
            .map_err(|offence| SessionError::Websocket(Untrusted::new(offence.to_string())))?;
        match piece {
            None => Ok(None),
            Some(Piece::Data(bytes)) => Ok(Some((bytes, Demand::Nothing))),
            Some(Piece::Pong(_)) => Ok(Some((&[], Demand::Nothing))),
            Some(Piece::Ping(payload)) => {
                let mut pong = BytesMut::new();
                websocket::control(&mut pong, Opcode::Pong, payload.as_bytes(), Some(entropy.mask()));
                Ok(Some((&[], Demand::Pong(pong))))
            }
            Some(Piece::Close {
                code: Some(1000) | None,
                ..
            }) => Err(SessionError::Closed),
            Some(Piece::Close {
                code: Some(code),
                reason,
            }) => Err(SessionError::Websocket(Untrusted::new(format!(
                "{code} {}",
                reason.as_raw()
            )))),
        }
    }

    /// What ends the framing in order.
    pub(super) fn close(&mut self, outgoing: &mut Outgoing) {
        if let Self::Websocket { entropy, .. } = self {
            let mut close = BytesMut::new();
            websocket::close(&mut close, CLOSE_NORMAL, "", Some(entropy.mask()));
            outgoing.push(close);
        }
    }
}
