//! Replays what kubectl and containerd said to each other on a real cluster, byte for byte.
//!
//! Each file in `golden/` is one upgraded connection, from behind the 101 to its end. Its lines: `#` a comment, `>`
//! bytes of the client, `<` bytes of the server, `=` the frame that ends with the bytes before it. The frames were
//! written down by another program than ours, with another zlib.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fmt::Write as _;
use std::path::Path;

use bytes::BytesMut;
use podline_wire::spdy::{
    self, Frame, FrameReader, GoAwayStatus, HeaderDecoder, HeaderEncoder, ResetStatus, StreamId, data_head,
};
use podline_wire::websocket::{Decoder, Piece};
use podline_wire::{Role, Untrusted};

/// Sizes of the portions that bytes come in.
const PORTIONS: [usize; 6] = [1, 2, 3, 7, 100, usize::MAX];

#[test]
fn containerd_over_spdy() {
    for transcript in transcripts(&["spdy-", "stored-"]) {
        for portion in PORTIONS {
            let mut frames = Frames::new(Role::Client);
            transcript
                .server
                .bytes
                .chunks(portion)
                .for_each(|bytes| frames.read(bytes));
            assert_eq!(
                frames.text,
                transcript.server.frames_without_headers(),
                "{}",
                transcript.name
            );
        }
    }
}

#[test]
fn kubectl_over_spdy() {
    for transcript in transcripts(&["spdy-", "stored-"]) {
        for portion in PORTIONS {
            let mut frames = Frames::new(Role::Server);
            transcript
                .client
                .bytes
                .chunks(portion)
                .for_each(|bytes| frames.read(bytes));
            assert_eq!(frames.text, transcript.client.frames, "{}", transcript.name);
        }
    }
}

#[test]
fn containerd_over_websocket() {
    for transcript in transcripts(&["websocket-"]) {
        for portion in PORTIONS {
            let mut frames = Frames::new(Role::Client);
            let mut messages = Decoder::new(Role::Client);
            for mut bytes in transcript.server.bytes.chunks(portion) {
                while let Some(piece) = messages.read(&mut bytes).unwrap() {
                    frames.read_message(&piece);
                }
            }
            assert_eq!(
                frames.text,
                transcript.server.frames_without_headers(),
                "{}",
                transcript.name
            );
        }
    }
}

#[test]
fn kubectl_over_websocket() {
    for transcript in transcripts(&["websocket-"]) {
        for portion in PORTIONS {
            let mut frames = Frames::new(Role::Server);
            let mut messages = Decoder::new(Role::Server);
            for mut bytes in transcript.client.bytes.clone().chunks_mut(portion) {
                while let Some(piece) = messages.read_masked(&mut bytes).unwrap() {
                    frames.read_message(&piece);
                }
            }
            assert_eq!(frames.text, transcript.client.frames, "{}", transcript.name);
        }
    }
}

/// What containerd took from a client with stored header blocks is what our encoders write, bit for bit.
#[test]
fn our_frames_are_those_that_containerd_took() {
    for transcript in transcripts(&["stored-"]) {
        let mut headers = HeaderEncoder::new();
        for (bytes, frame) in transcript.client.lines {
            let mut out = BytesMut::new();
            let words: Vec<_> = frame.splitn(4, ' ').collect();
            let stream = || StreamId::new(words[1].parse().unwrap()).unwrap();
            let fin = words.get(2) == Some(&"FIN");
            match words[0] {
                "DATA" => {
                    let payload = &bytes[8..];
                    out.extend_from_slice(&data_head(stream(), payload.len(), fin));
                    out.extend_from_slice(payload);
                }
                "GOAWAY" => out.extend_from_slice(&spdy::go_away(0, GoAwayStatus::OK)),
                "PING" => out.extend_from_slice(&spdy::ping(words[1].parse().unwrap())),
                "RST_STREAM" => out.extend_from_slice(&spdy::reset(stream(), ResetStatus::CANCEL)),
                "SYN_STREAM" => {
                    let list = frame.split_once('[').unwrap().1.trim_end_matches(']');
                    let pairs: Vec<_> = list
                        .split_whitespace()
                        .map(|pair| pair.split_once('=').unwrap())
                        .collect();
                    headers.syn_stream(&mut out, stream(), fin, &pairs);
                }
                // We never send them.
                "SETTINGS" | "WINDOW_UPDATE" => continue,
                other => panic!("no encoder for {other}"),
            }
            assert_eq!(out[..], bytes[..], "{}: {frame}", transcript.name);
        }
    }
}

/// Error texts of a real runtime are shown as they are.
#[test]
fn error_texts_are_plain() {
    let refused = transcripts(&["spdy-refused"]).remove(0);
    let (bytes, _) = refused
        .server
        .lines
        .iter()
        .find(|(_, frame)| frame.starts_with("DATA 1 "))
        .unwrap();
    let text = Untrusted::from_bytes(&bytes[8..]);
    assert!(text.as_raw().starts_with("error forwarding port 83 to pod "));
    assert!(text.as_raw().contains("connect: connection refused"));
    assert_eq!(text.to_string(), text.as_raw());
}

struct Transcript {
    name: String,
    client: Side,
    server: Side,
}

/// What one of the two sent.
#[derive(Default)]
struct Side {
    bytes: Vec<u8>,
    frames: Vec<String>,
    /// Each frame with its bytes; without WebSocket only.
    lines: Vec<(Vec<u8>, String)>,
}

impl Side {
    /// The frames as a client sees them, which inflates nothing.
    fn frames_without_headers(&self) -> &[String] {
        assert!(
            self.frames.iter().all(|frame| !frame.starts_with("SYN_STREAM")),
            "a server opens no streams"
        );
        &self.frames
    }
}

/// All transcripts whose name begins with one of `prefixes`.
fn transcripts(prefixes: &[&str]) -> Vec<Transcript> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut transcripts = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            transcripts.push(parse(name, &std::fs::read_to_string(path).unwrap()));
        }
    }
    for prefix in prefixes {
        assert!(
            transcripts
                .iter()
                .any(|transcript| transcript.name.starts_with(prefix)),
            "none of {prefix}"
        );
    }
    transcripts
}

fn parse(name: String, text: &str) -> Transcript {
    let (mut client, mut server) = (Side::default(), Side::default());
    let mut from_client = true;
    let mut bytes = Vec::new();
    for line in text.lines() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        from_client = match kind {
            ">" => true,
            "<" => false,
            _ => from_client,
        };
        let side = if from_client { &mut client } else { &mut server };
        match kind {
            ">" | "<" => {
                bytes = hex(rest);
                side.bytes.extend(&bytes);
            }
            "=" => {
                side.frames.push(rest.to_owned());
                side.lines.push((bytes.clone(), rest.to_owned()));
            }
            "" | "#" => {}
            _ => panic!("{name}: {line}"),
        }
    }
    assert!(
        !client.frames.is_empty() && !server.frames.is_empty(),
        "{name} has both sides"
    );
    Transcript { name, client, server }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter(|digit| !digit.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

/// Reads frames and writes them down as the transcripts do.
struct Frames {
    reader: FrameReader,
    headers: HeaderDecoder,
    text: Vec<String>,
    /// Pieces of a DATA frame whose last one is still to come.
    data: Vec<u8>,
}

impl Frames {
    fn new(role: Role) -> Self {
        Self {
            reader: FrameReader::new(role),
            headers: HeaderDecoder::new(),
            text: Vec::new(),
            data: Vec::new(),
        }
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while let Some(frame) = self.reader.read(&mut bytes).unwrap() {
            self.write(frame);
        }
        assert!(bytes.is_empty(), "all is taken");
    }

    fn read_message(&mut self, piece: &Piece<'_>) {
        match piece {
            Piece::Close {
                code: Some(code),
                reason,
            } if reason.is_empty() => {
                self.text.push(format!("CLOSE {code}"));
            }
            Piece::Data(data) => self.read(data),
            other => panic!("a message that no transcript has: {other:?}"),
        }
    }

    fn write(&mut self, frame: Frame<'_>) {
        let flag = |fin: bool| if fin { " FIN" } else { "" };
        let text = match frame {
            Frame::Data {
                stream,
                payload,
                first,
                last,
                fin,
            } => {
                assert_eq!(
                    first,
                    self.data.is_empty(),
                    "no transcript has an empty frame that goes on"
                );
                self.data.extend(payload);
                if !last {
                    return;
                }
                let data = std::mem::take(&mut self.data);
                format!("DATA {stream}{} \"{}\"", flag(fin), data.escape_ascii())
            }
            Frame::GoAway { last_stream, status } => format!("GOAWAY {last_stream} {status}"),
            Frame::Headers { stream, fin } => format!("HEADERS {stream}{}", flag(fin)),
            Frame::Ping { id } => format!("PING {id}"),
            Frame::Reset { stream, status } => format!("RST_STREAM {stream} {status}"),
            Frame::Settings => "SETTINGS".to_owned(),
            Frame::SynReply { stream, fin, block } => format!("SYN_REPLY {stream}{} {block:?}", flag(fin)),
            Frame::SynStream {
                stream,
                fin,
                unidirectional,
                priority,
                block,
            } => {
                assert_eq!((unidirectional, priority), (false, 0));
                let mut list = String::new();
                for (name, value) in self.headers.decode(&block).unwrap() {
                    write!(list, " {name}={value}").unwrap();
                }
                format!("SYN_STREAM {stream}{} [{}]", flag(fin), list.trim_start())
            }
            Frame::WindowUpdate { stream, delta } => format!("WINDOW_UPDATE {stream} {delta}"),
        };
        self.text.push(text);
    }
}
