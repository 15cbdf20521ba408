//! Plays what real clients said, and compares what we answer with what containerd 2.4.2 answered.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use podline_wire::{
    Role,
    spdy::FrameReader,
    websocket::{Decoder, Piece},
};

use super::peer::{Peer, words};
use crate::node::runtime::{Action, DialFailure, Flavor, PairId, Place, PodError};

/// One line of a recording: bytes of one side.
struct Line {
    server: bool,
    bytes: Vec<u8>,
}

#[test]
fn kubectl_and_stored_headers_get_the_answers_that_containerd_gave() {
    let mut played = 0;
    for (name, lines) in recordings() {
        let expected = server_frames(&lines, name.starts_with("websocket"));
        let found = play(&name, &lines);
        assert_eq!(comparable(found), comparable(expected), "{name}");
        played += 1;
    }
    assert!(played >= 10, "{played} recordings");
}

fn recordings() -> Vec<(String, Vec<Line>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/tests/golden");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            let lines = text.lines().filter_map(line).collect();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), lines)
        })
        .collect()
}

fn line(text: &str) -> Option<Line> {
    let (side, digits) = text.split_at_checked(1)?;
    if side != "<" && side != ">" {
        return None;
    }
    let digits: Vec<char> = digits.chars().filter(char::is_ascii_hexdigit).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    Some(Line {
        server: side == "<",
        bytes: digits.chunks(2).map(byte).collect(),
    })
}

/// What the server of a recording sent, in words.
fn server_frames(lines: &[Line], websocket: bool) -> Vec<String> {
    let mut reader = FrameReader::new(Role::Client);
    let mut tunnel = Decoder::new(Role::Client);
    let mut found = Vec::new();
    for line in lines.iter().filter(|line| line.server) {
        found.extend(line_frames(
            &mut reader,
            websocket.then_some(&mut tunnel),
            &line.bytes,
        ));
    }
    found
}

fn line_frames(reader: &mut FrameReader, tunnel: Option<&mut Decoder>, bytes: &[u8]) -> Vec<String> {
    let mut session = Vec::new();
    match tunnel {
        None => session.extend_from_slice(bytes),
        Some(tunnel) => {
            let mut rest = bytes;
            while let Some(piece) = tunnel.read(&mut rest).unwrap() {
                if let Piece::Data(bytes) = piece {
                    session.extend_from_slice(bytes);
                }
            }
        }
    }
    let (mut rest, mut found) = (&session[..], Vec::new());
    while let Some(frame) = reader.read(&mut rest).unwrap() {
        found.push(words(&frame));
    }
    found
}

/// Sends the client's bytes and lets a second pass whenever the server of the recording has said more than ours.
fn play(name: &str, lines: &[Line]) -> Vec<String> {
    let websocket = name.starts_with("websocket");
    let mut peer = Peer::new(Flavor::Containerd21);
    let (mut reader, mut said, mut found) = (FrameReader::new(Role::Client), 0, Vec::new());
    let mut messages = Decoder::new(Role::Client);
    let mut tunnel = Decoder::new(Role::Server);
    let mut pods = Pods {
        deleted: name.contains("deleted"),
        ports: BTreeMap::new(),
    };
    peer.set_place(place(&server_frames(lines, websocket)));
    for line in lines {
        if line.server {
            said += line_frames(&mut reader, websocket.then_some(&mut messages), &line.bytes).len();
            while found.len() < said {
                let before = found.len();
                peer.pass(std::time::Duration::from_secs(1));
                found.extend(peer.frames());
                assert!(found.len() > before, "{name}: only {found:?}");
            }
        } else {
            peer.pass(std::time::Duration::from_millis(1));
            let mut bytes = line.bytes.clone();
            if websocket {
                let mut rest = &mut bytes[..];
                while let Some(piece) = tunnel.read_masked(&mut rest).unwrap() {
                    if let Piece::Data(bytes) = piece {
                        peer.send(bytes);
                    }
                }
            } else {
                peer.send(&bytes);
            }
            pods.act(&mut peer);
            found.extend(peer.frames());
        }
    }
    found
}

/// The pods of the recordings: port 7 echoes, 17 says `bye` and ends, 24 resets after `partial`, 83 refuses.
struct Pods {
    deleted: bool,
    ports: BTreeMap<PairId, u16>,
}

impl Pods {
    fn act(&mut self, peer: &mut Peer) {
        while let Some(action) = peer.actions.pop_front() {
            match action {
                Action::Dial { pair, .. } if self.deleted && !self.ports.is_empty() => {
                    peer.answer_dial(pair, Err(DialFailure::NamespaceClosed));
                }
                Action::Dial { pair, port: 83 } => peer.answer_dial(pair, Err(DialFailure::Refused)),
                Action::Dial { pair, port } => {
                    self.ports.insert(pair, port);
                    peer.answer_dial(pair, Ok(()));
                    match port {
                        17 => peer.pod_sends(pair, b"bye\n"),
                        24 => peer.pod_sends(pair, b"partial"),
                        _ => {}
                    }
                    match port {
                        17 => peer.pod_ends(pair),
                        24 => peer.pod_fails(pair, PodError::Reset),
                        _ => {}
                    }
                }
                Action::WritePod { pair, bytes } => {
                    peer.pod_takes(pair);
                    peer.pod_sends(pair, &bytes);
                    if self.deleted {
                        peer.pod_ends(pair);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Where the pod of a recording was, from the error text, if there is one.
fn place(frames: &[String]) -> Place {
    let text = frames
        .iter()
        .find(|frame| frame.contains("error forwarding"))
        .cloned()
        .unwrap_or_default();
    let between = |start: &str, end: &str| {
        let from = text.split_once(start).map(|(_, rest)| rest).unwrap_or_default();
        from.split_once(end)
            .map(|(found, _)| found.to_owned())
            .unwrap_or_default()
    };
    Place {
        network_namespace: between("namespace \\\"", "\\\""),
        sandbox: between(" to pod ", ","),
    }
}

/// Without what cannot be the same: the port that the runtime dialled from, and the order of pings on different
/// workers.
fn comparable(frames: Vec<String>) -> Vec<String> {
    let frames: Vec<String> = frames
        .into_iter()
        .map(|frame| without_local_ports(&frame))
        .collect();
    let pings = |left: &String, right: &String| left.starts_with("PING") && right.starts_with("PING");
    frames
        .chunk_by(pings)
        .flat_map(|run| {
            let mut run = run.to_vec();
            run.sort_by_key(String::len);
            run.sort();
            run
        })
        .collect()
}

fn without_local_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let port = if rest.starts_with("->") {
            ""
        } else {
            &part[..part.len() - rest.len()]
        };
        result.push_str("127.0.0.1:");
        result.push_str(port);
        result.push_str(rest);
    }
    result
}
