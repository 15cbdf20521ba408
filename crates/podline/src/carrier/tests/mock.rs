use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use podline_tunnel::{Chunk, PairEnded};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::{Carried, Carrier, Downstream, Early, Evidence, Judge, Stop, Upstream, chunk_of};
use crate::{End, Tap};

/// What a carrier asked of its pair.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Asked {
    Finish,
    Reset,
    Send(Vec<u8>),
}

/// A carrier at work, and both things that it stands between.
pub(super) struct Scene {
    pub(super) app: TcpStream,
    /// What the pod sends, and how the pair ends.
    pub(super) pod: mpsc::Sender<Result<Bytes, End>>,
    pub(super) asked: mpsc::Receiver<Asked>,
    /// Bytes that the pair takes at once; None: it takes no more.
    pub(super) room: watch::Sender<Option<usize>>,
    /// Ends the pair because the app takes nothing.
    pub(super) cut: CancellationToken,
    /// Whether the app took something after it had been slow.
    pub(super) took: watch::Receiver<bool>,
    pub(super) stop: CancellationToken,
    pub(super) tapped: Arc<Mutex<Tapped>>,
    pub(super) court: Arc<Court>,
    /// Where a carrier whose pod is gone gets its next pair.
    next_pair: mpsc::Sender<(MockUpstream, MockDownstream)>,
    carrier: JoinHandle<(Carried, End)>,
}

impl Scene {
    /// An app that has connected and sent `early` before its pair was opened.
    pub(super) async fn new(early: &[u8], linger: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (ours, _) = listener.accept().await.unwrap();
        if !early.is_empty() {
            app.writable().await.unwrap();
            assert_eq!(app.try_write(early).unwrap(), early.len());
            ours.readable().await.unwrap();
        }
        let early = Early::take(&ours).unwrap();
        let MockPair {
            mut pair,
            pod,
            asked,
            room,
            cut,
            took,
        } = MockPair::new();
        early.chunk().into_iter().for_each(|chunk| pair.0.send(chunk));
        let tapped = Arc::new(Mutex::new(Tapped::default()));
        let mut carrier = Carrier::new(
            ours,
            pair,
            early,
            linger,
            Some(Box::new(Recorder(tapped.clone()))),
        );
        let court = Arc::new(Court::default());
        let judge = court.clone();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let (next_pair, mut next_pairs) = mpsc::channel(1);
        let carrier = tokio::spawn(async move {
            loop {
                let why = carrier.copy(&stopped).await;
                let said = carrier.said().map(chunk_of);
                if let (Stop::Pair(End::PodGone(_)), Some(said)) = (&why, said) {
                    let mut pair: (MockUpstream, MockDownstream) = next_pairs.recv().await.unwrap();
                    said.into_iter().for_each(|chunk| pair.0.send(chunk));
                    carrier.begin_anew(pair, None);
                } else {
                    let closed = carrier.close(why, &stopped, &*judge).await;
                    return (closed.carried, closed.end);
                }
            }
        });
        Self {
            app,
            pod,
            asked,
            room,
            cut,
            took,
            stop,
            tapped,
            court,
            next_pair,
            carrier,
        }
    }

    /// Gives a carrier whose pod is gone its next pair, which the test plays from now on.
    pub(super) async fn next_pod(&mut self) {
        let next = MockPair::new();
        (self.pod, self.asked, self.room) = (next.pod, next.asked, next.room);
        self.next_pair.send(next.pair).await.unwrap();
    }

    pub(super) async fn pod_sends(&self, bytes: &'static [u8]) {
        self.pod.send(Ok(Bytes::from_static(bytes))).await.unwrap();
    }

    pub(super) async fn pair_ends(&self, end: End) {
        self.pod.send(Err(end)).await.unwrap();
    }

    /// What the app reads until its connection ends, and how that is.
    pub(super) async fn app_reads_all(&mut self) -> (Vec<u8>, std::io::Result<usize>) {
        let mut bytes = Vec::new();
        let result = self.app.read_to_end(&mut bytes).await;
        (bytes, result)
    }

    pub(super) async fn next_asked(&mut self) -> Option<Asked> {
        self.asked.recv().await
    }

    pub(super) async fn ended(self) -> (Carried, End) {
        self.carrier.await.unwrap()
    }
}

/// A pair, and what the test plays its other side with.
struct MockPair {
    pair: (MockUpstream, MockDownstream),
    pod: mpsc::Sender<Result<Bytes, End>>,
    asked: mpsc::Receiver<Asked>,
    room: watch::Sender<Option<usize>>,
    cut: CancellationToken,
    took: watch::Receiver<bool>,
}

impl MockPair {
    fn new() -> Self {
        let (asked_sender, asked) = mpsc::channel(64);
        let (room, room_receiver) = watch::channel(Some(65536));
        let (pod, pod_receiver) = mpsc::channel(16);
        let upstream = MockUpstream {
            asked: asked_sender,
            room: room_receiver,
        };
        let cut = CancellationToken::new();
        let (took_sender, took) = watch::channel(false);
        let downstream = MockDownstream {
            pod: pod_receiver,
            cut: cut.clone(),
            took: took_sender,
        };
        Self {
            pair: (upstream, downstream),
            pod,
            asked,
            room,
            cut,
            took,
        }
    }
}

struct MockUpstream {
    asked: mpsc::Sender<Asked>,
    room: watch::Receiver<Option<usize>>,
}

impl Upstream for MockUpstream {
    async fn ready(&mut self) -> Result<usize, PairEnded> {
        match *self.room.wait_for(|room| *room != Some(0)).await.unwrap() {
            Some(room) => Ok(room),
            None => Err(PairEnded),
        }
    }

    fn send(&mut self, chunk: Chunk) {
        let _ = self.asked.try_send(Asked::Send(chunk.bytes().to_vec()));
    }

    fn finish(&mut self) {
        let _ = self.asked.try_send(Asked::Finish);
    }

    fn reset(&mut self) {
        let _ = self.asked.try_send(Asked::Reset);
    }
}

struct MockDownstream {
    pod: mpsc::Receiver<Result<Bytes, End>>,
    cut: CancellationToken,
    took: watch::Sender<bool>,
}

impl Downstream for MockDownstream {
    async fn receive(&mut self, into: &mut VecDeque<Bytes>) -> Option<End> {
        match self.pod.recv().await.unwrap() {
            Ok(bytes) => {
                into.push_back(bytes);
                // As of a real pair, an end that is there already comes with the bytes before it.
                match self.pod.try_recv() {
                    Ok(Err(end)) => Some(end),
                    Ok(Ok(bytes)) => {
                        into.push_back(bytes);
                        None
                    }
                    Err(_) => None,
                }
            }
            Err(end) => Some(end),
        }
    }

    fn took(&mut self) {
        self.took.send_replace(true);
    }

    async fn cut(&mut self) {
        self.cut.cancelled().await;
    }
}

/// Judges ends as it was told to.
#[derive(Debug, Default)]
pub(super) struct Court {
    /// What an end is that looks clean; clean if nothing was said.
    pub(super) verdict: Mutex<Option<End>>,
    pub(super) heard: Mutex<Vec<Evidence>>,
}

impl Judge for Court {
    async fn judge(&self, evidence: Evidence) -> End {
        self.heard.lock().unwrap().push(evidence);
        let verdict = self.verdict.lock().unwrap().clone();
        verdict.unwrap_or(End::Clean { verified: false })
    }
}

/// What a tap was told.
#[derive(Debug, Default)]
pub(super) struct Tapped {
    pub(super) sent: Vec<u8>,
    pub(super) received: Vec<u8>,
    pub(super) sent_all: bool,
}

struct Recorder(Arc<Mutex<Tapped>>);

impl Tap for Recorder {
    fn sent(&mut self, bytes: &[u8]) {
        self.0.lock().unwrap().sent.extend_from_slice(bytes);
    }

    fn received(&mut self, bytes: &[u8]) {
        self.0.lock().unwrap().received.extend_from_slice(bytes);
    }

    fn sent_all(&mut self) {
        self.0.lock().unwrap().sent_all = true;
    }
}
