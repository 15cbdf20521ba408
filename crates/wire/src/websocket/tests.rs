//! What holds for the whole codec. Each file looks at it from one side.

mod differential;
mod offences;
mod streams;

use bytes::BytesMut;

use super::{Decoder, Opcode, PeerMisbehaved, Piece, control, head, mask_into};
use crate::Role;

/// What a decoder gave, with neighbouring data joined, so that it does not depend on how the input was cut.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Event {
    Close(Option<u16>, String),
    Data(Vec<u8>),
    Offence(PeerMisbehaved),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

/// The roles whose reading this build can test.
const ROLES: &[Role] = if cfg!(feature = "server") {
    &[Role::Client, Role::Server]
} else {
    &[Role::Client]
};

/// The key with which a peer of `role` masks: a client's peer, the server, does not.
fn peer_key(role: Role, key: [u8; 4]) -> Option<[u8; 4]> {
    (role == Role::Server).then_some(key)
}

/// Decodes `bytes` that arrive in pieces of the given lengths, taken round and round.
fn decode(role: Role, bytes: &[u8], lengths: &[usize]) -> Vec<Event> {
    let mut decoder = Decoder::new(role);
    let mut events = Vec::new();
    let mut rest = bytes;
    for &length in lengths.iter().cycle() {
        let (now, later) = rest.split_at(length.min(rest.len()));
        rest = later;
        if !decode_chunk(&mut decoder, role, now, &mut events) || rest.is_empty() {
            break;
        }
    }
    events
}

/// Whether the decoder can go on.
fn decode_chunk(decoder: &mut Decoder, role: Role, chunk: &[u8], events: &mut Vec<Event>) -> bool {
    #[cfg(feature = "server")]
    if role == Role::Server {
        let mut copy = chunk.to_vec();
        let mut input = &mut copy[..];
        loop {
            let result = decoder.read_masked(&mut input);
            match record(result, events) {
                Some(true) => {}
                Some(false) => return false,
                None => break,
            }
        }
        assert!(
            input.is_empty(),
            "nothing was left to give, but {} bytes were not taken",
            input.len()
        );
        return true;
    }
    assert_eq!(role, Role::Client);
    let mut input = chunk;
    loop {
        match record(decoder.read(&mut input), events) {
            Some(true) => {}
            Some(false) => return false,
            None => break,
        }
    }
    assert!(
        input.is_empty(),
        "nothing was left to give, but {} bytes were not taken",
        input.len()
    );
    true
}

fn record(result: Result<Option<Piece<'_>>, PeerMisbehaved>, events: &mut Vec<Event>) -> Option<bool> {
    match result {
        Err(offence) => {
            events.push(Event::Offence(offence));
            return Some(false);
        }
        Ok(None) => return None,
        Ok(Some(Piece::Close { code, reason })) => {
            events.push(Event::Close(code, reason.as_raw().to_owned()));
        }
        Ok(Some(Piece::Data(data))) => {
            assert!(!data.is_empty(), "an empty piece says nothing");
            match events.last_mut() {
                Some(Event::Data(before)) => before.extend_from_slice(data),
                _ => events.push(Event::Data(data.to_vec())),
            }
        }
        Ok(Some(Piece::Ping(payload))) => events.push(Event::Ping(payload.as_bytes().to_vec())),
        Ok(Some(Piece::Pong(payload))) => events.push(Event::Pong(payload.as_bytes().to_vec())),
    }
    Some(true)
}

/// Appends a whole frame.
fn put_frame(out: &mut BytesMut, opcode: Opcode, fin: bool, payload: &[u8], key: Option<[u8; 4]>) {
    if opcode.is_control() {
        return control(out, opcode, payload, key);
    }
    out.extend_from_slice(head(opcode, fin, payload.len() as u64, key).as_bytes());
    match key {
        Some(key) => mask_into(out, payload, key, 0),
        None => out.extend_from_slice(payload),
    }
}
