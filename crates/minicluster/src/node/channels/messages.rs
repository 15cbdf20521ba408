use std::io;

use bytes::{Buf, Bytes, BytesMut};
use podline_wire::websocket::mask;

/// The first byte of a text message in one frame.
pub(super) const FINAL_TEXT: u8 = 0x81;

/// The largest message, fragments counted together (golang.org/x/net/websocket: its default).
const MESSAGE_LIMIT: usize = 32 * 1024 * 1024;

/// Payload of a control frame at most (RFC 6455 5.5).
const CONTROL_LIMIT: usize = 125;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const OPCODE: u8 = 0x0f;

/// Puts a client's frames together to messages, as this protocol needs them.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The fragments of the message that is open.
    open: Option<BytesMut>,
}

/// What a client sent.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Message {
    Close,
    Data(Bytes),
    Ping(Bytes),
    Pong,
}

/// One frame's head.
struct Head {
    fin: bool,
    opcode: u8,
    key: [u8; 4],
    /// Bytes of the head.
    size: usize,
    /// Bytes of the payload.
    length: usize,
}

impl Messages {
    /// Takes the next message from the front of `raw`; nothing if more bytes are needed.
    pub(super) fn next(&mut self, raw: &mut BytesMut) -> io::Result<Option<Message>> {
        while let Some(head) = Head::parse(raw)? {
            let held = self.open.as_ref().map_or(0, BytesMut::len);
            if head.length > MESSAGE_LIMIT - held {
                return Err(invalid("message too long"));
            }
            if raw.len() < head.size + head.length {
                return Ok(None);
            }
            raw.advance(head.size);
            let mut payload = raw.split_to(head.length);
            mask(&mut payload, head.key, 0);
            if let Some(message) = self.take(&head, payload)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    fn take(&mut self, head: &Head, payload: BytesMut) -> io::Result<Option<Message>> {
        if head.opcode >= 8 && (!head.fin || head.length > CONTROL_LIMIT) {
            return Err(invalid("control frame too long or in fragments"));
        }
        match (head.opcode, self.open.take()) {
            (0, Some(mut open)) => {
                open.unsplit(payload);
                Ok(self.finish(head.fin, open))
            }
            (1 | 2, None) => Ok(self.finish(head.fin, payload)),
            (8, _) => Ok(Some(Message::Close)),
            (9, open) => {
                self.open = open;
                Ok(Some(Message::Ping(payload.freeze())))
            }
            (10, open) => {
                self.open = open;
                Ok(Some(Message::Pong))
            }
            _ => Err(invalid("frame out of order")),
        }
    }

    fn finish(&mut self, fin: bool, message: BytesMut) -> Option<Message> {
        if fin {
            return Some(Message::Data(message.freeze()));
        }
        self.open = Some(message);
        None
    }
}

impl Head {
    fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        if second & MASKED == 0 {
            return Err(invalid("unmasked frame"));
        }
        let (length, rest, extra) = match (second & !MASKED, rest) {
            (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest, 2),
            (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
                (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest, 8)
            }
            (126 | 127, _) => return Ok(None),
            (length, rest) => (u64::from(length), rest, 0),
        };
        let Some(key) = rest.first_chunk() else {
            return Ok(None);
        };
        let length = usize::try_from(length).map_err(|_| invalid("frame too long"))?;
        Ok(Some(Self {
            fin: first & FINAL != 0,
            opcode: first & OPCODE,
            key: *key,
            size: 6 + extra,
            length,
        }))
    }
}

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first, MASKED | payload.len() as u8, 1, 2, 3, 4];
        let mut payload = payload.to_vec();
        mask(&mut payload, [1, 2, 3, 4], 0);
        frame.extend(payload);
        frame
    }

    fn read(bytes: &[u8]) -> Vec<Message> {
        let (mut messages, mut raw, mut found) = (Messages::default(), BytesMut::new(), Vec::new());
        for byte in bytes {
            raw.extend_from_slice(&[*byte]);
            found.extend(messages.next(&mut raw).unwrap());
        }
        found
    }

    #[test]
    fn fragments_become_one_message_with_a_ping_in_between() {
        let bytes = [
            frame(0x02, b"\0ab"),
            frame(0x89, b"p"),
            frame(0x00, b""),
            frame(0x80, b"c"),
        ]
        .concat();
        let expected = [
            Message::Ping(Bytes::from_static(b"p")),
            Message::Data(Bytes::from_static(b"\0abc")),
        ];
        assert_eq!(read(&bytes), expected);
    }

    #[test]
    fn what_is_out_of_order_or_unmasked_is_an_error() {
        for bytes in [
            frame(0x80, b"c"),
            [frame(0x02, b"a"), frame(0x02, b"b")].concat(),
            frame(0x09, b"p"),
            vec![0x82, 1],
        ] {
            let mut raw = BytesMut::from(&bytes[..]);
            let mut messages = Messages::default();
            let result = messages.next(&mut raw).and_then(|_| messages.next(&mut raw));
            assert!(result.is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn a_message_beyond_the_limit_is_refused_by_its_head() {
        let mut raw = BytesMut::from(&[0x82, 0xff, 0, 0, 0, 0, 0x02, 0, 0, 1, 0, 0, 0, 0][..]);
        assert!(Messages::default().next(&mut raw).is_err());
    }
}
