use std::fmt;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::Arc;

use podline::{Connection, End, Outcome, Untrusted, Way};

use super::{Close, Ends, Nobody, Packets, Recording, Shared, Side, Stream};

/// What an app may have said that is told again to another pod: what the library keeps for that.
const SAID: usize = 64 * 1024;

/// The connections of one forward, in a capture.
#[derive(Clone)]
pub struct Interface {
    shared: Arc<Shared>,
    number: usize,
}

/// Records one connection, if a capture is running. Times are nanoseconds since the Unix epoch.
pub struct Recorder {
    interface: Interface,
    connection: Connection,
    stream: Option<Stream>,
    /// The capture that knows of the connection.
    introduced_to: u64,
    /// What the app has said, as long as it may be told to another pod.
    said: Option<Vec<u8>>,
    is_finished: bool,
}

impl Interface {
    pub(super) fn new(shared: Arc<Shared>, number: usize) -> Self {
        Self { shared, number }
    }

    /// Records `connection`, which was just accepted.
    pub fn recorder(&self, connection: Connection) -> Recorder {
        Recorder {
            interface: self.clone(),
            connection,
            stream: None,
            introduced_to: 0,
            said: Some(Vec::new()),
            is_finished: false,
        }
    }
}

impl Recorder {
    /// The connection is given a pod, or another one.
    pub fn opened(&mut self, way: &Way, at: u64) {
        let pod = match way.pod_ip {
            Some(ip) => SocketAddr::new(ip, way.port),
            None => self.connection.local,
        };
        let ends = Ends::new(self.connection.peer, pod);
        let name = format!("pod {}/{}, port {}", way.pod.namespace, way.pod.name, way.port);
        let name = Untrusted::new(name).to_string();
        if self.stream.as_ref().is_some_and(|stream| stream.ends() == ends) {
            // It begins anew with the same pod, which nobody at either end can see.
            return;
        }
        let said = self.said.take();
        self.record(at, |recorder, packets| {
            if let Some(refused) = &mut recorder.stream {
                refused.close(Close::Reset(Side::Pod), &format!("goes on with {name}"), packets);
            }
            let mut stream = recorder.open(ends, &name, packets);
            stream.say(Side::App, said.as_deref().unwrap_or_default(), packets);
            if recorder.is_finished {
                stream.finish(Side::App, packets);
            }
            recorder.stream = Some(stream);
            recorder.said = said;
        });
    }

    /// The app said `bytes`.
    pub fn sent(&mut self, bytes: &[u8], at: u64) {
        if let Some(said) = &mut self.said {
            if said.len() + bytes.len() <= SAID {
                said.extend_from_slice(bytes);
            } else {
                self.said = None;
            }
        }
        self.record(at, |recorder, packets| {
            if let Some(stream) = &mut recorder.stream {
                stream.say(Side::App, bytes, packets);
            }
        });
    }

    /// The app took these bytes of the pod, one part after the other, at once.
    pub fn received(&mut self, parts: &[IoSlice<'_>], at: u64) {
        self.said = None;
        self.record(at, |recorder, packets| {
            if let Some(stream) = &mut recorder.stream {
                stream.say(Side::Pod, parts, packets);
            }
        });
    }

    /// The app says no more.
    pub fn sent_all(&mut self, at: u64) {
        self.is_finished = true;
        self.record(at, |recorder, packets| {
            if let Some(stream) = &mut recorder.stream {
                stream.finish(Side::App, packets);
            }
        });
    }

    /// The connection is over. One that was never given a pod appears now, with the address that the app connected to.
    pub fn ended(&mut self, outcome: &Outcome, at: u64) {
        let close = match outcome.end {
            End::Clean { .. } => Close::Orderly,
            End::AppReset => Close::Reset(Side::App),
            // Whoever is at fault: it is the app that is told so, from the other end.
            _ => Close::Reset(Side::Pod),
        };
        let Outcome { sent, received, .. } = outcome;
        let comment = format!("{}; {sent} bytes sent, {received} received", outcome.end);
        let comment = Untrusted::new(comment).to_string();
        self.record(at, |recorder, packets| {
            let mut stream = recorder.stream.take().unwrap_or_else(|| {
                let ends = Ends::new(recorder.connection.peer, recorder.connection.local);
                recorder.open(ends, "no pod", packets)
            });
            stream.close(close, &comment, packets);
        });
    }

    fn open(&self, ends: Ends, to: &str, packets: &mut dyn Packets) -> Stream {
        let introduction = format!("connection {}, {to}", self.connection.id);
        Stream::open(
            ends,
            [fastrand::u32(..), fastrand::u32(..)],
            introduction,
            packets,
        )
    }

    /// Does something with the stream, of which the packets are recorded if a capture is running.
    fn record(&mut self, at: u64, act: impl FnOnce(&mut Self, &mut dyn Packets)) {
        let Some(number) = self.interface.shared.number() else {
            act(self, &mut Nobody);
            return;
        };
        if self.introduced_to != number
            && let Some(stream) = &mut self.stream
        {
            stream.introduce();
        }
        self.introduced_to = number;
        let shared = self.interface.shared.clone();
        let mut recording: Recording<'_> = shared.recording(self.interface.number, at);
        act(self, &mut recording);
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interface")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}
