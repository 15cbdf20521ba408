use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use bytes::BytesMut;
use podline_wire::{
    Role, Time,
    spdy::{Frame, FrameReader, HeaderEncoder, ReplyBlock, ResetStatus, StreamId, data_head, ping, reset},
};

use crate::node::runtime::{
    Action, DialFailure, Flavor, PairId, Place, PodEnd, PodError, Profile, ReplyFault, Runtime,
};

/// A client and the pods of one session, in virtual time.
pub(super) struct Peer {
    pub(super) runtime: Runtime,
    pub(super) now: Time,
    pub(super) actions: VecDeque<Action>,
    headers: HeaderEncoder,
    reader: FrameReader,
    /// What the runtime has not taken.
    unread: Vec<u8>,
    hung_up: bool,
}

pub(super) const LOCAL: &str = "127.0.0.1:40000";

impl Peer {
    pub(super) fn new(flavor: Flavor) -> Self {
        let profile = Profile {
            flavor,
            idle_timeout: Duration::from_secs(4 * 60 * 60),
            place: Place {
                network_namespace: "/var/run/netns/cni-1".into(),
                sandbox: "5afe".into(),
            },
            reply: ReplyFault::None,
        };
        Self {
            runtime: Runtime::new(profile, Time::ZERO),
            now: Time::ZERO,
            actions: VecDeque::new(),
            headers: HeaderEncoder::new(),
            reader: FrameReader::new(Role::Client),
            unread: Vec::new(),
            hung_up: false,
        }
    }

    pub(super) fn containerd() -> Self {
        Self::new(Flavor::Containerd21)
    }

    pub(super) fn set_place(&mut self, place: Place) {
        self.runtime.profile.place = place;
    }

    /// Sends bytes as far as the runtime takes them, and takes up what it wants done.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        self.push();
    }

    pub(super) fn syn(&mut self, stream: u32, fin: bool, headers: &[(&str, &str)]) {
        let mut out = BytesMut::new();
        self.headers.syn_stream(&mut out, id(stream), fin, headers);
        self.send(&out);
    }

    /// One half of a pair, as clients ask for it.
    pub(super) fn half(&mut self, kind: &str, stream: u32, port: u16, request: &str) {
        let port = port.to_string();
        let headers = [
            ("streamtype", kind),
            ("port", port.as_str()),
            ("requestid", request),
        ];
        self.syn(stream, kind == "error", &headers);
    }

    /// Both streams of a pair; gives the pair that is dialled for it.
    pub(super) fn open(&mut self, error: u32, data: u32, port: u16) -> PairId {
        let request = error.to_string();
        self.half("error", error, port, &request);
        self.half("data", data, port, &request);
        self.dialled(port)
    }

    /// A pair whose connection into the pod is there and is read.
    pub(super) fn connect(&mut self, error: u32, data: u32) -> PairId {
        let pair = self.open(error, data, 7);
        self.answer_dial(pair, Ok(()));
        assert_eq!(self.actions.pop_front(), Some(Action::ReadPod { pair }));
        self.frames();
        pair
    }

    /// The pair of the dial that is to be made next.
    pub(super) fn dialled(&mut self, expected: u16) -> PairId {
        let Some(Action::Dial { pair, port }) = self.actions.pop_front() else {
            panic!("nothing is dialled")
        };
        assert_eq!(port, expected);
        pair
    }

    pub(super) fn answer_dial(&mut self, pair: PairId, result: Result<(), DialFailure>) {
        let local: SocketAddr = LOCAL.parse().unwrap();
        match result {
            Ok(()) => self.runtime.handle_dialed(self.now, pair, local),
            Err(failure) => self.runtime.handle_dial_failure(self.now, pair, failure),
        }
        self.push();
    }

    pub(super) fn data(&mut self, stream: u32, payload: &[u8], fin: bool) {
        self.send(&[&data_head(id(stream), payload.len(), fin)[..], payload].concat());
    }

    pub(super) fn reset(&mut self, stream: u32) {
        self.send(&reset(id(stream), ResetStatus::CANCEL));
    }

    pub(super) fn ping(&mut self, number: u32) {
        self.send(&ping(number));
    }

    /// Five pings, one for each worker; gives the ids that are answered.
    pub(super) fn round(&mut self, first: u32) -> Vec<u32> {
        (0..5).for_each(|index| self.ping(first + 2 * index));
        let answers = self.frames();
        let answered = |text: &String| text.strip_prefix("PING ").and_then(|id| id.parse().ok());
        answers.iter().filter_map(answered).collect()
    }

    pub(super) fn pod_sends(&mut self, pair: PairId, bytes: &[u8]) {
        self.runtime.handle_pod_bytes(self.now, pair, bytes);
        self.push();
    }

    pub(super) fn pod_ends(&mut self, pair: PairId) {
        self.runtime.handle_pod_end(self.now, pair, PodEnd::Fin);
        self.push();
    }

    pub(super) fn pod_fails(&mut self, pair: PairId, error: PodError) {
        self.runtime.handle_pod_end(self.now, pair, PodEnd::Failed(error));
        self.push();
    }

    pub(super) fn pod_takes(&mut self, pair: PairId) {
        self.runtime.handle_pod_written(self.now, pair, Ok(()));
        self.push();
    }

    pub(super) fn pod_refuses(&mut self, pair: PairId, error: PodError) {
        self.runtime.handle_pod_written(self.now, pair, Err(error));
        self.push();
    }

    pub(super) fn disconnect(&mut self) {
        self.runtime.handle_disconnect(self.now);
        self.push();
    }

    /// Lets time pass, with every timer on the way.
    pub(super) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some((due, _)) = self.runtime.poll_timeout().filter(|(due, _)| *due <= end) {
            self.now = self.now.max(due);
            self.runtime.handle_timeout(self.now);
            self.push();
        }
        self.now = end;
    }

    /// What the runtime sent since the last call, in words.
    pub(super) fn frames(&mut self) -> Vec<String> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.runtime.poll_transmit(self.now, 1024 * 1024) {
            bytes.extend_from_slice(&piece);
            self.push();
        }
        let mut rest = &bytes[..];
        let mut found = Vec::new();
        while let Some(frame) = self.reader.read(&mut rest).unwrap() {
            found.push(words(&frame));
        }
        found
    }

    /// Whether the runtime has ended the connection.
    pub(super) fn is_hung_up(&self) -> bool {
        self.hung_up
    }

    /// Whether everything that was sent has been read.
    pub(super) fn is_read(&self) -> bool {
        self.unread.is_empty()
    }

    fn push(&mut self) {
        let mut rest = &self.unread[..];
        self.runtime.handle_input(self.now, &mut rest);
        self.unread = rest.to_vec();
        while let Some(action) = self.runtime.poll_action() {
            if action == Action::HangUp {
                self.hung_up = true;
            } else {
                self.actions.push_back(action);
            }
        }
    }
}

pub(super) fn id(stream: u32) -> StreamId {
    StreamId::new(stream).unwrap()
}

pub(super) fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(super) fn words(frame: &Frame<'_>) -> String {
    match frame {
        Frame::Data {
            stream, payload, fin, ..
        } => {
            let fin = if *fin { " FIN" } else { "" };
            let text = if payload.is_empty() {
                String::new()
            } else {
                format!(" {:?}", String::from_utf8_lossy(payload))
            };
            format!("DATA {stream}{fin}{text}")
        }
        Frame::GoAway { last_stream, status } => format!("GOAWAY {last_stream} {}", status.code()),
        Frame::Ping { id } => format!("PING {id}"),
        Frame::Reset { stream, status } => format!("RST {stream} {}", status.code()),
        Frame::SynReply { stream, block, .. } => {
            let block = match block {
                ReplyBlock::First => "first",
                ReplyBlock::Later => "later",
                ReplyBlock::Other => "other",
            };
            format!("SYN_REPLY {stream} {block}")
        }
        other => format!("{other:?}"),
    }
}
