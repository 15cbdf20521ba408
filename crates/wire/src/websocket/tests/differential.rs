//! Our codec and tungstenite's understand each other, and agree on what is an offence.

use std::io::{self, Read, Write};

use proptest::collection::vec;
use proptest::prelude::*;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::{CloseFrame, Role as TheirRole, WebSocket};
use tungstenite::{Error, Message};

use super::*;
use crate::websocket::close;

/// The other end of a connection: gives `input` a few bytes at a time, keeps what is written.
struct Pipe {
    chunk: usize,
    input: io::Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Pipe {
    fn open(input: &[u8], chunk: usize, role: TheirRole) -> WebSocket<Self> {
        let pipe = Self {
            chunk,
            input: io::Cursor::new(input.to_vec()),
            output: Vec::new(),
        };
        WebSocket::from_raw_socket(pipe, role, None)
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.chunk);
        self.input.read(&mut buffer[..length])
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All that a decoder gave. Where a ping stands between the fragments of a message is not kept: tungstenite gives
/// messages whole.
#[derive(Debug, Default, Eq, PartialEq)]
struct Transcript {
    closed: Option<(Option<u16>, String)>,
    controls: Vec<Event>,
    data: Vec<u8>,
}

fn ours(role: Role, bytes: &[u8]) -> (Transcript, Option<PeerMisbehaved>) {
    let mut transcript = Transcript::default();
    let mut offence = None;
    for event in decode(role, bytes, &[3, 50, 1]) {
        match event {
            Event::Close(code, reason) => transcript.closed = Some((code, reason)),
            Event::Data(data) => transcript.data.extend(data),
            Event::Offence(named) => offence = Some(named),
            Event::Ping(_) | Event::Pong(_) => transcript.controls.push(event),
        }
    }
    (transcript, offence)
}

/// What tungstenite reads in our place, and the error that it ends with where that is not the end of the input.
fn theirs(role: Role, bytes: &[u8]) -> (Transcript, Option<Error>) {
    let role = match role {
        Role::Client => TheirRole::Client,
        Role::Server => TheirRole::Server,
    };
    let mut socket = Pipe::open(bytes, 7, role);
    let mut transcript = Transcript::default();
    loop {
        match socket.read() {
            Ok(Message::Binary(data)) => transcript.data.extend_from_slice(&data),
            Ok(Message::Close(frame)) => {
                let closed = frame.map(|frame| (Some(frame.code.into()), frame.reason.as_str().to_owned()));
                transcript.closed = Some(closed.unwrap_or_default());
                return (transcript, None);
            }
            Ok(Message::Frame(frame)) => panic!("a reader got a raw frame: {frame}"),
            Ok(Message::Ping(payload)) => transcript.controls.push(Event::Ping(payload.to_vec())),
            Ok(Message::Pong(payload)) => transcript.controls.push(Event::Pong(payload.to_vec())),
            Ok(Message::Text(text)) => transcript.data.extend_from_slice(text.as_str().as_bytes()),
            Err(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
                return (transcript, None);
            }
            Err(error) => return (transcript, Some(error)),
        }
    }
}

/// Messages, each a list of fragments, with a ping or pong after some fragments.
fn messages() -> impl Strategy<Value = Vec<Vec<(Vec<u8>, Option<Event>)>>> {
    let payload = prop_oneof![
        24 => vec(any::<u8>(), 0..30),
        6 => vec(any::<u8>(), 120..130),
        1 => (65_530usize..65_540, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ];
    let control = proptest::option::weighted(
        0.2,
        (any::<bool>(), vec(any::<u8>(), 0..=125)).prop_map(|(ping, payload)| match ping {
            true => Event::Ping(payload),
            false => Event::Pong(payload),
        }),
    );
    vec(vec((payload, control), 1..4), 0..5)
}

fn transcript_of(messages: &[Vec<(Vec<u8>, Option<Event>)>]) -> Transcript {
    let parts = || messages.iter().flatten();
    Transcript {
        closed: Some((Some(1000), "done".into())),
        controls: parts().filter_map(|(_, control)| control.clone()).collect(),
        data: parts().flat_map(|(payload, _)| payload.iter().copied()).collect(),
    }
}

proptest! {
    #[test]
    fn tungstenite_reads_what_we_write(messages in messages(), key: [u8; 4]) {
        for role in [Role::Client, Role::Server] {
            let key = peer_key(role, key);
            let mut bytes = BytesMut::new();
            for message in &messages {
                for (i, (payload, control)) in message.iter().enumerate() {
                    let opcode = if i == 0 { Opcode::Binary } else { Opcode::Continuation };
                    put_frame(&mut bytes, opcode, i + 1 == message.len(), payload, key);
                    match control {
                        Some(Event::Ping(payload)) => put_frame(&mut bytes, Opcode::Ping, true, payload, key),
                        Some(Event::Pong(payload)) => put_frame(&mut bytes, Opcode::Pong, true, payload, key),
                        _ => {}
                    }
                }
            }
            close(&mut bytes, 1000, "done", key);
            let (transcript, error) = theirs(role, &bytes);
            prop_assert!(error.is_none(), "{:?}", error);
            prop_assert_eq!(transcript, transcript_of(&messages));
        }
    }

    #[test]
    fn we_read_what_tungstenite_writes(messages in messages()) {
        for &role in ROLES {
            let peer = if role == Role::Client { TheirRole::Server } else { TheirRole::Client };
            let mut socket = Pipe::open(&[], 1, peer);
            for message in &messages {
                for (i, (payload, control)) in message.iter().enumerate() {
                    let data = if i == 0 { Data::Binary } else { Data::Continue };
                    let frame = Frame::message(payload.clone(), OpCode::Data(data), i + 1 == message.len());
                    socket.send(Message::Frame(frame)).unwrap();
                    match control {
                        Some(Event::Ping(payload)) => socket.send(Message::Ping(payload.clone().into())).unwrap(),
                        Some(Event::Pong(payload)) => {
                            let pong = Message::Frame(Frame::pong(payload.clone()));
                            socket.send(pong).unwrap();
                        }
                        _ => {}
                    }
                }
            }
            let frame = CloseFrame { code: 1000.into(), reason: "done".into() };
            socket.close(Some(frame)).unwrap();
            socket.flush().unwrap();
            let (transcript, offence) = ours(role, &socket.get_ref().output);
            prop_assert_eq!(offence, None);
            prop_assert_eq!(transcript, transcript_of(&messages));
        }
    }

    #[test]
    fn both_judge_arbitrary_frames_alike(
        frames in vec((any::<u8>(), 0u8..20, vec(any::<u8>(), 0..20)), 0..6),
        key: [u8; 4],
    ) {
        for &role in ROLES {
            let mut bytes = Vec::new();
            for (first, form, payload) in &frames {
                // Mostly what a peer may send: reserved bits and opcodes in one frame of eight. All frames are whole,
                // for tungstenite judges no other.
                let first = if first & 0x70 == 0x70 { *first } else { first & 0x8b };
                let start = bytes.len();
                bytes.push(first);
                match form {
                    _ if first & 0x08 != 0 => bytes.push(payload.len() as u8),
                    0 => bytes.extend([&[127][..], &(payload.len() as u64).to_be_bytes()].concat()),
                    1 => bytes.extend([&[126][..], &(payload.len() as u16).to_be_bytes()].concat()),
                    _ => bytes.push(payload.len() as u8),
                }
                if let Some(key) = peer_key(role, key) {
                    bytes[start + 1] |= 0x80;
                    bytes.extend(key);
                }
                bytes.extend(payload);
            }
            let (ours, offence) = ours(role, &bytes);
            let (theirs, error) = theirs(role, &bytes);
            match offence {
                None => {
                    prop_assert!(error.is_none(), "tungstenite alone objects: {:?}", error);
                    prop_assert_eq!(&ours.controls, &theirs.controls);
                    prop_assert_eq!(&ours.closed, &theirs.closed);
                    // We give out the beginning of a message whose end is missing.
                    prop_assert!(ours.data.starts_with(&theirs.data));
                }
                // What a tunnel does not take, or RFC 6455 forbids and tungstenite lets pass.
                Some(
                    PeerMisbehaved::LengthNotMinimal
                    | PeerMisbehaved::LengthTooLarge
                    | PeerMisbehaved::ReservedCloseCode(_)
                    | PeerMisbehaved::Text
                ) => {}
                Some(offence) => prop_assert!(error.is_some(), "we alone object: {:?}", offence),
            }
        }
    }
}
