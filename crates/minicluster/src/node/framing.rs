use bytes::BytesMut;
use podline_wire::{
    Role,
    websocket::{Decoder, Opcode, Piece, close, control, head},
};

/// Bytes that the kubelet passes on at a time, and so of one WebSocket message (Go's copy buffer).
const MESSAGE: usize = 32 * 1024;

/// Payload of a frame that the kubelet's WebSocket writer fills up (gorilla: its default write buffer).
const WRITE_BUFFER: usize = 4096;

/// Above this a message is not put through the buffer: one frame has all of it, and an empty one ends it.
const UNBUFFERED: usize = 2 * (WRITE_BUFFER + 14);

/// Close code of an orderly end.
pub(super) const NORMAL: u16 = 1000;

/// How a session's bytes travel.
#[derive(Debug)]
pub(super) enum Framing {
    /// As they are.
    Plain,
    /// In WebSocket messages, which the kubelet takes apart.
    Tunnel(Decoder),
}

/// What came in besides bytes of the session.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// The peer wants to end, or can no longer be understood.
    pub(super) closed: bool,
    /// A message came, were it an empty one.
    pub(super) message: bool,
}

impl Framing {
    pub(super) fn tunnel() -> Self {
        Self::Tunnel(Decoder::new(Role::Server))
    }

    pub(super) fn is_tunnel(&self) -> bool {
        matches!(self, Self::Tunnel(_))
    }

    /// Moves all of `raw` to the session's bytes; answers of the tunnel itself go to `output`.
    pub(super) fn decode(
        &mut self,
        raw: &mut BytesMut,
        session: &mut BytesMut,
        output: &mut BytesMut,
    ) -> Received {
        let mut received = Received::default();
        match self {
            Self::Plain => {
                received.message = !raw.is_empty();
                if session.is_empty() {
                    std::mem::swap(raw, session);
                } else {
                    session.extend_from_slice(raw);
                }
            }
            Self::Tunnel(decoder) => {
                received.message = !raw.is_empty();
                let mut rest: &mut [u8] = raw;
                loop {
                    match decoder.read_masked(&mut rest) {
                        Ok(Some(Piece::Data(bytes))) => session.extend_from_slice(bytes),
                        Ok(Some(Piece::Ping(payload))) => {
                            control(output, Opcode::Pong, payload.as_bytes(), None);
                        }
                        Ok(Some(Piece::Pong(_))) => {}
                        Ok(Some(Piece::Close { .. })) => received.closed = true,
                        Ok(None) => break,
                        Err(offence) => {
                            tracing::debug!(%offence, "tunnel ends");
                            received.closed = true;
                            break;
                        }
                    }
                }
            }
        }
        raw.clear();
        received
    }

    /// Bytes of the session that are sent in one go.
    pub(super) fn piece(&self) -> usize {
        MESSAGE
    }

    pub(super) fn encode(&self, bytes: &[u8], output: &mut BytesMut) {
        match self {
            Self::Plain => output.extend_from_slice(bytes),
            Self::Tunnel(_) => bytes
                .chunks(MESSAGE)
                .for_each(|message| encode_message(message, output)),
        }
    }

    /// The last thing that is sent.
    pub(super) fn encode_end(&self, output: &mut BytesMut) {
        if self.is_tunnel() {
            close(output, NORMAL, "", None);
        }
    }
}

/// Writes one message in the frames that the kubelet's writer makes of it.
fn encode_message(message: &[u8], output: &mut BytesMut) {
    let mut opcode = Opcode::Binary;
    let mut frame = |payload: &[u8], fin: bool| {
        output.extend_from_slice(head(opcode, fin, payload.len() as u64, None).as_bytes());
        output.extend_from_slice(payload);
        opcode = Opcode::Continuation;
    };
    let mut rest = message;
    if message.len() > UNBUFFERED {
        frame(message, false);
        rest = &[];
    }
    // A full buffer is sent only when there is more to put into it.
    while rest.len() > WRITE_BUFFER {
        let (piece, tail) = rest.split_at(WRITE_BUFFER);
        frame(piece, false);
        rest = tail;
    }
    frame(rest, true);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opcode, final flag and length of each frame.
    fn frames(mut bytes: &[u8]) -> Vec<(u8, bool, usize)> {
        let mut frames = Vec::new();
        while let [first, second, rest @ ..] = bytes {
            let (length, rest) = match (second, rest) {
                (126, [high, low, rest @ ..]) => (usize::from(*high) << 8 | usize::from(*low), rest),
                _ => (usize::from(*second), rest),
            };
            frames.push((first & 0x0f, first & 0x80 != 0, length));
            bytes = &rest[length..];
        }
        frames
    }

    fn encoded(length: usize) -> Vec<(u8, bool, usize)> {
        let mut output = BytesMut::new();
        encode_message(&vec![1; length], &mut output);
        frames(&output)
    }

    #[test]
    fn a_large_message_is_one_frame_and_an_empty_final_continuation() {
        assert_eq!(encoded(32_768), [(2, false, 32_768), (0, true, 0)]);
        assert_eq!(encoded(8221), [(2, false, 8221), (0, true, 0)]);
    }

    #[test]
    fn a_message_between_one_and_two_buffers_is_cut_at_4096() {
        assert_eq!(encoded(8220), [(2, false, 4096), (0, false, 4096), (0, true, 28)]);
        assert_eq!(encoded(5000), [(2, false, 4096), (0, true, 904)]);
    }

    #[test]
    fn a_small_message_is_one_frame() {
        assert_eq!(encoded(4096), [(2, true, 4096)]);
        assert_eq!(encoded(8), [(2, true, 8)]);
    }
}
