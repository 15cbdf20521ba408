//! A stream comes out as it went in, however it is fragmented and cut.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::websocket::{CONTROL_LIMIT, close};

/// What a peer that keeps the rules may write next.
#[derive(Clone, Debug)]
enum Write {
    /// A frame of the open message, or the first of a new one.
    Data {
        payload: Vec<u8>,
        fin: bool,
    },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let payload = prop_oneof![
        24 => vec(any::<u8>(), 0..40),
        6 => vec(any::<u8>(), 120..140),
        1 => (65_500usize..65_600, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ];
    let write = prop_oneof![
        4 => (payload, any::<bool>()).prop_map(|(payload, fin)| Write::Data { payload, fin }),
        1 => vec(any::<u8>(), 0..=CONTROL_LIMIT).prop_map(Write::Ping),
        1 => vec(any::<u8>(), 0..=CONTROL_LIMIT).prop_map(Write::Pong),
    ];
    vec(write, 0..12)
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(vec![1]),
        vec(1usize..20, 1..8),
        vec(1usize..5000, 1..8),
        Just(vec![usize::MAX])
    ]
}

/// The bytes of the writes, and what should come of them.
fn encode(writes: &[Write], role: Role, key: [u8; 4]) -> (BytesMut, Vec<Event>) {
    let mut bytes = BytesMut::new();
    let mut events: Vec<Event> = Vec::new();
    let mut open = false;
    for (i, write) in writes.iter().enumerate() {
        let key = peer_key(role, key.map(|byte| byte.wrapping_add(i as u8)));
        match write {
            Write::Data { payload, fin } => {
                let opcode = if open {
                    Opcode::Continuation
                } else {
                    Opcode::Binary
                };
                open = !fin;
                put_frame(&mut bytes, opcode, *fin, payload, key);
                match events.last_mut() {
                    _ if payload.is_empty() => {}
                    Some(Event::Data(before)) => before.extend_from_slice(payload),
                    _ => events.push(Event::Data(payload.clone())),
                }
            }
            Write::Ping(payload) => {
                put_frame(&mut bytes, Opcode::Ping, true, payload, key);
                events.push(Event::Ping(payload.clone()));
            }
            Write::Pong(payload) => {
                put_frame(&mut bytes, Opcode::Pong, true, payload, key);
                events.push(Event::Pong(payload.clone()));
            }
        }
    }
    (bytes, events)
}

proptest! {
    #[test]
    fn any_fragmentation_and_chunking_gives_the_same_stream(writes in writes(), lengths in lengths(), key: [u8; 4]) {
        for &role in ROLES {
            let (bytes, events) = encode(&writes, role, key);
            prop_assert_eq!(decode(role, &bytes, &lengths), events);
        }
    }

    #[test]
    fn arbitrary_bytes_give_the_same_however_they_are_cut(bytes in vec(any::<u8>(), 0..300), lengths in lengths()) {
        for &role in ROLES {
            prop_assert_eq!(decode(role, &bytes, &lengths), decode(role, &bytes, &[usize::MAX]));
        }
    }

    #[test]
    fn a_damaged_stream_gives_the_same_however_it_is_cut(
        writes in writes(),
        damage in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        lengths in lengths(),
        key: [u8; 4],
    ) {
        for &role in ROLES {
            let (mut bytes, _) = encode(&writes, role, key);
            for (place, byte) in &damage {
                if !bytes.is_empty() {
                    let place = place.index(bytes.len());
                    bytes[place] = *byte;
                }
            }
            prop_assert_eq!(decode(role, &bytes, &lengths), decode(role, &bytes, &[usize::MAX]));
        }
    }

    #[test]
    fn a_close_frame_ends_the_stream(reason in "\\PC{0,30}", lengths in lengths(), key: [u8; 4]) {
        for &role in ROLES {
            let mut bytes = BytesMut::new();
            put_frame(&mut bytes, Opcode::Binary, false, b"before", peer_key(role, key));
            close(&mut bytes, 1000, &reason, peer_key(role, key));
            put_frame(&mut bytes, Opcode::Continuation, true, b"after", peer_key(role, key));
            let expected = vec![Event::Data(b"before".to_vec()), Event::Close(Some(1000), reason.clone())];
            prop_assert_eq!(decode(role, &bytes, &lengths), expected);
        }
    }
}

#[test]
fn the_fragments_that_a_kubelet_sends_are_one_stream() {
    // Seen on the wire: a long write is one non-final frame and an empty final continuation.
    let payload = vec![0x5a; 32_768];
    let mut bytes = BytesMut::new();
    put_frame(&mut bytes, Opcode::Binary, false, &payload, None);
    put_frame(&mut bytes, Opcode::Continuation, true, b"", None);
    put_frame(&mut bytes, Opcode::Binary, true, b"", None);
    put_frame(&mut bytes, Opcode::Binary, true, b"next", None);
    let expected = [payload.as_slice(), b"next"].concat();
    assert_eq!(decode(Role::Client, &bytes, &[4096]), [Event::Data(expected)]);
}

#[test]
fn data_is_a_slice_of_the_callers_buffer() {
    let mut bytes = BytesMut::new();
    put_frame(&mut bytes, Opcode::Binary, true, b"payload", None);
    let mut input = &bytes[..];
    let piece = Decoder::new(Role::Client).read(&mut input).unwrap().unwrap();
    let Piece::Data(data) = piece else {
        panic!("not data: {piece:?}")
    };
    assert_eq!(data.as_ptr(), bytes[2..].as_ptr());
}

#[test]
fn a_message_may_be_longer_than_any_memory() {
    let mut decoder = Decoder::new(Role::Client);
    let head = head(Opcode::Binary, true, i64::MAX as u64, None);
    assert!(decoder.read(&mut head.as_bytes()).unwrap().is_none());
    for _ in 0..3 {
        let mut input = &[1; 1000][..];
        let piece = decoder.read(&mut input).unwrap();
        assert!(matches!(piece, Some(Piece::Data(data)) if data.len() == 1000));
    }
}

#[test]
fn an_empty_close_frame_has_no_code() {
    assert_eq!(
        decode(Role::Client, &[0x88, 0x00], &[1]),
        [Event::Close(None, String::new())]
    );
}

#[cfg(feature = "server")]
#[test]
#[should_panic(expected = "read_masked")]
fn a_server_cannot_read_without_unmasking() {
    let _ = Decoder::new(Role::Server).read(&mut &b""[..]);
}
