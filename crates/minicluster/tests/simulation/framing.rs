//! What stands between a session's bytes and the network: nothing, or WebSocket messages.

use bytes::BytesMut;
use fastrand::Rng;
use podline_wire::{
    Role,
    websocket::{Decoder, Opcode, Piece, control, head, mask_into},
};

/// One end of a tunnel.
#[derive(Debug)]
pub(crate) enum Framing {
    Plain,
    Websocket { decoder: Decoder, role: Role, rng: Rng },
}

impl Framing {
    pub(crate) fn new(websocket: bool, role: Role, rng: Rng) -> Self {
        if websocket {
            Self::Websocket {
                decoder: Decoder::new(role),
                role,
                rng,
            }
        } else {
            Self::Plain
        }
    }

    /// Puts `bytes` into messages; a server fragments them and puts pings between.
    pub(crate) fn wrap(&mut self, bytes: &[u8], out: &mut BytesMut) {
        let Self::Websocket { role, rng, .. } = self else {
            out.extend_from_slice(bytes);
            return;
        };
        if *role == Role::Client {
            let key = rng.u32(..).to_be_bytes();
            out.extend_from_slice(head(Opcode::Binary, true, bytes.len() as u64, Some(key)).as_bytes());
            mask_into(out, bytes, key, 0);
            return;
        }
        if rng.u8(..) < 8 {
            control(out, Opcode::Ping, b"still there?", None);
        }
        let mut opcode = Opcode::Binary;
        let first = rng.usize(0..=bytes.len());
        for (part, fin) in [(&bytes[..first], false), (&bytes[first..], false), (&[], true)] {
            out.extend_from_slice(head(opcode, fin, part.len() as u64, None).as_bytes());
            out.extend_from_slice(part);
            opcode = Opcode::Continuation;
        }
    }

    /// Takes messages apart: the session's bytes are added to `out`, what the tunnel itself answers to `answer`.
    pub(crate) fn unwrap(&mut self, bytes: &[u8], out: &mut BytesMut, answer: &mut BytesMut) {
        let Self::Websocket { decoder, role, rng } = self else {
            out.extend_from_slice(bytes);
            return;
        };
        let mut buffer = BytesMut::from(bytes);
        let mut masked: &mut [u8] = &mut buffer;
        let mut plain = bytes;
        loop {
            let piece = match role {
                Role::Client => decoder.read(&mut plain),
                Role::Server => decoder.read_masked(&mut masked),
            };
            match piece.expect("both ends keep the rules") {
                Some(Piece::Data(data)) => out.extend_from_slice(data),
                Some(Piece::Ping(payload)) => {
                    let key = (*role == Role::Client).then(|| rng.u32(..).to_be_bytes());
                    control(answer, Opcode::Pong, payload.as_bytes(), key);
                }
                Some(Piece::Pong(_) | Piece::Close { .. }) => {}
                None => break,
            }
        }
    }
}
