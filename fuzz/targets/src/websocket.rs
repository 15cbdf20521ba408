use bytes::BytesMut;
use podline_wire::Role;
use podline_wire::websocket::{Decoder, Opcode, PeerMisbehaved, Piece, head, mask_into};

/// Pieces are the same however the bytes are cut, no piece means that all bytes are taken, and what came as data comes
/// again when we write it.
///
/// The first byte is the role, the second one says how the bytes after it are cut.
pub fn websocket(data: &[u8]) {
    let Some((&[role, portion], bytes)) = data.split_first_chunk() else {
        return;
    };
    let role = if role & 1 == 0 { Role::Client } else { Role::Server };
    let whole = read_all(role, bytes, bytes.len());
    let cut = read_all(role, bytes, usize::from(portion) + 1);
    assert_eq!(whole, cut);

    let mut written = BytesMut::new();
    let key = (role == Role::Server).then_some([role as u8, portion, 0x5a, 0xff]);
    for payload in &whole.data {
        let head = head(Opcode::Binary, true, payload.len() as u64, key);
        written.extend_from_slice(head.as_bytes());
        mask_into(&mut written, payload, key.unwrap_or_default(), 0);
    }
    let again = read_all(role, &written, written.len());
    assert_eq!(again.offence, None, "we keep the rules");
    assert_eq!(again.data.concat(), whole.data.concat());
}

/// What a decoder gave.
#[derive(Debug, Default, PartialEq)]
struct Transcript {
    /// Pings, pongs and the close frame, as they print.
    controls: Vec<String>,
    /// Payload between two of them.
    data: Vec<Vec<u8>>,
    offence: Option<PeerMisbehaved>,
}

impl Transcript {
    fn push(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Data(payload) => {
                assert!(!payload.is_empty(), "an empty frame is no piece");
                // One more than the controls, once there is data behind the last of them.
                self.data.resize_with(self.controls.len() + 1, Vec::new);
                self.data[self.controls.len()].extend_from_slice(payload);
            }
            control => self.controls.push(format!("{control:?}")),
        }
    }
}

fn read_all(role: Role, bytes: &[u8], portion: usize) -> Transcript {
    let mut decoder = Decoder::new(role);
    let mut transcript = Transcript::default();
    for chunk in bytes.chunks(portion.max(1)) {
        // A server unmasks in its buffer.
        let mut buffer = chunk.to_vec();
        let mut masked = &mut buffer[..];
        let mut plain = chunk;
        loop {
            let (result, left) = match role {
                Role::Client => (decoder.read(&mut plain), plain.len()),
                Role::Server => (decoder.read_masked(&mut masked), masked.len()),
            };
            match result {
                Ok(Some(piece)) => transcript.push(piece),
                Ok(None) => {
                    assert_eq!(left, 0, "all bytes are taken");
                    break;
                }
                Err(offence) => {
                    transcript.offence = Some(offence);
                    return transcript;
                }
            }
        }
    }
    transcript
}
