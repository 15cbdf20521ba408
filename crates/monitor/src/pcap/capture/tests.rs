#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

use std::{
    io::{ErrorKind, IoSlice},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use pcap_file::pcapng::{Block, PcapNgReader, blocks::enhanced_packet::EnhancedPacketOption};
use podline::{Connection, End, Outcome, PodAddress, Way};
use tempfile::TempDir;

use super::*;
use crate::pcap::{CaptureEnd, CaptureState, Destination, Recorder};

/// Longer than any test takes, for waits that end by themselves.
const LONG: Duration = Duration::from_secs(30);

/// More than a test ever puts into a queue.
const MANY: usize = 1000;

/// A sink in memory.
struct Memory {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// How many bytes it has room for.
    room: usize,
    /// What it says when there is no more.
    full: ErrorKind,
    can_be_cut: bool,
    /// Each write waits for a word, or for nobody being there to say one.
    gate: Receiver<()>,
    wrote: SyncSender<()>,
}

impl Sink for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.gate.recv();
        let mut all = self.bytes.lock().unwrap();
        let length = bytes.len().min(self.room - all.len());
        if length == 0 {
            return Err(self.full.into());
        }
        all.extend_from_slice(&bytes[..length]);
        let _ = self.wrote.try_send(());
        Ok(length)
    }

    fn cut(&mut self, length: u64) -> io::Result<bool> {
        if self.can_be_cut {
            self.bytes
                .lock()
                .unwrap()
                .truncate(usize::try_from(length).unwrap());
        }
        Ok(self.can_be_cut)
    }
}

/// A capture with what it told, and what there is to handle its sink.
struct Stage {
    capture: Capture,
    told: Receiver<String>,
    bytes: Arc<Mutex<Vec<u8>>>,
    gate: Option<SyncSender<()>>,
    wrote: Receiver<()>,
}

impl Stage {
    fn start(room: usize, full: ErrorKind, can_be_cut: bool, limit: u64) -> Self {
        let (tell, told) = sync_channel(MANY);
        let capture = Capture::new(move |notice| {
            let _ = tell.send(match notice {
                CaptureNotice::Dropping => "dropping".to_owned(),
                CaptureNotice::Ended { end, .. } => {
                    assert!(notice.to_string().starts_with(&format!("{end}; ")));
                    match &**end {
                        CaptureEnd::CannotWrite(error) => format!("cannot write: {:?}", error.kind()),
                        CaptureEnd::LimitReached { limit } => format!("limit {limit}"),
                        CaptureEnd::ReaderGone => "reader gone".to_owned(),
                        CaptureEnd::Stopped => "stopped".to_owned(),
                    }
                }
            });
        });
        let (gate, gated) = sync_channel(MANY);
        let (wrote, writes) = sync_channel(MANY);
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Memory {
            bytes: bytes.clone(),
            room,
            full,
            can_be_cut,
            gate: gated,
            wrote,
        };
        let mut options = CaptureOptions::new(Destination::StandardOutput);
        options.limit = limit;
        capture.start_into(sink, None, &options).unwrap();
        Self {
            capture,
            told,
            bytes,
            gate: Some(gate),
            wrote: writes,
        }
    }

    /// Lets the sink take all there is.
    fn open_gate(&mut self) {
        self.gate = None;
    }

    fn hears(&self) -> String {
        self.told.recv_timeout(LONG).unwrap()
    }

    fn hears_no_more(&self) {
        assert!(self.told.try_recv().is_err());
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }
}

fn connection() -> Connection {
    let address = |text: &str| text.parse().unwrap();
    Connection::new(12, address("127.0.0.1:8080"), address("127.0.0.1:50000"))
}

fn way(name: &str, ip: Option<&str>) -> Way {
    let pod = PodAddress {
        namespace: "default".to_owned(),
        name: name.to_owned(),
    };
    Way::new(pod, ip.map(|ip| ip.parse().unwrap()), 80, 1)
}

fn opened(interface: &Interface) -> Recorder {
    let mut recorder = interface.recorder(connection());
    recorder.opened(&way("web", Some("10.0.0.7")), 1);
    recorder
}

fn outcome(end: End) -> Outcome {
    Outcome {
        sent: 3,
        received: 4,
        duration: Duration::from_secs(1),
        end,
    }
}

/// All blocks of a capture, which must be whole.
fn blocks(bytes: &[u8]) -> Vec<Block<'static>> {
    let mut reader = PcapNgReader::new(bytes).unwrap();
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block() {
        blocks.push(block.unwrap().into_owned());
    }
    blocks
}

/// One line for each packet: source, destination, flags, payload, comments.
fn packets(bytes: &[u8]) -> Vec<String> {
    let packets = blocks(bytes).into_iter().filter_map(Block::into_enhanced_packet);
    let line = |packet: pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock<'_>| {
        let sliced = etherparse::PacketHeaders::from_ip_slice(&packet.data).unwrap();
        let tcp = sliced.transport.unwrap().tcp().unwrap();
        let flags = [(tcp.syn, 'S'), (tcp.fin, 'F'), (tcp.rst, 'R')];
        let flags: String = flags.iter().filter(|(is, _)| *is).map(|(_, flag)| flag).collect();
        let mut line = format!(
            "{} {flags}{:?}",
            if tcp.source_port == 50000 {
                format!(">{}", tcp.destination_port)
            } else {
                format!("<{}", tcp.source_port)
            },
            String::from_utf8_lossy(sliced.payload.slice())
        );
        for option in packet.options {
            if let EnhancedPacketOption::Comment(comment) = option {
                line = format!("{line} #{comment}");
            }
        }
        line
    };
    packets.map(line).collect()
}

/// What the statistics at the end say: received and dropped of each interface.
fn statistics(bytes: &[u8]) -> Vec<(u64, u64)> {
    use pcap_file::pcapng::blocks::interface_statistics::InterfaceStatisticsOption::{IsbIfDrop, IsbIfRecv};

    let blocks = blocks(bytes).into_iter();
    let read = |block: Block<'_>| {
        let options = block.into_interface_statistics()?.options;
        let received = options.iter().find_map(|option| match option {
            IsbIfRecv(number) => Some(*number),
            _ => None,
        });
        let dropped = options.iter().find_map(|option| match option {
            IsbIfDrop(number) => Some(*number),
            _ => None,
        });
        received.zip(dropped)
    };
    blocks.filter_map(read).collect()
}

#[tokio::test]
async fn a_connection_is_recorded_from_its_opening_to_its_outcome() {
    let mut stage = Stage::start(usize::MAX, ErrorKind::Other, false, u64::MAX);
    stage.open_gate();
    let interface = stage.capture.interface("svc/web\u{1b}[31m");
    let mut recorder = opened(&interface);
    recorder.sent(b"ask", 2);
    recorder.received(&[IoSlice::new(b"te"), IoSlice::new(b"ll")], 3);
    recorder.sent_all(4);
    recorder.ended(&outcome(End::Clean { verified: true }), 5);
    assert!(stage.capture.finish().await);
    assert!(!stage.capture.is_running());
    assert_eq!(
        packets(&stage.bytes()),
        [
            ">80 S\"\" #connection 12, pod default/web, port 80",
            "<80 S\"\"",
            ">80 \"\"",
            ">80 \"ask\"",
            "<80 \"tell\"",
            ">80 F\"\"",
            "<80 \"\"",
            "<80 F\"\"",
            ">80 \"\" #ended, verified; 3 bytes sent, 4 received",
        ]
    );
    assert_eq!(statistics(&stage.bytes()), [(9, 0)]);
    let blocks = blocks(&stage.bytes());
    let name = format!("{:?}", blocks[0]);
    assert!(name.contains(r"svc/web\\u{1b}[31m"), "{name}");
    assert_eq!(stage.hears(), "stopped");
    stage.hears_no_more();
    let summary = stage.capture.status().unwrap().summary;
    assert_eq!((summary.bytes, summary.packets), (stage.bytes().len() as u64, 9));
}

#[tokio::test]
async fn a_connection_that_goes_on_with_another_pod_is_told_to_it_again() {
    let mut stage = Stage::start(usize::MAX, ErrorKind::Other, false, u64::MAX);
    stage.open_gate();
    let interface = stage.capture.interface("svc/web");
    let mut recorder = opened(&interface);
    recorder.sent(b"ask", 2);
    recorder.sent_all(3);
    // The same pod on another session is nothing to be seen.
    recorder.opened(&way("web", Some("10.0.0.7")), 4);
    recorder.opened(&way("other", Some("fd00::8")), 5);
    recorder.ended(&outcome(End::AppReset), 6);
    assert!(stage.capture.finish().await);
    assert_eq!(
        packets(&stage.bytes())[3..],
        [
            ">80 \"ask\"",
            ">80 F\"\"",
            "<80 \"\"",
            "<80 R\"\" #goes on with pod default/other, port 80",
            ">80 S\"\" #connection 12, pod default/other, port 80",
            "<80 S\"\"",
            ">80 \"\"",
            ">80 \"ask\"",
            ">80 F\"\"",
            "<80 \"\"",
            ">80 R\"\" #the app reset the connection; 3 bytes sent, 4 received",
        ]
    );
}

#[tokio::test]
async fn a_connection_without_a_pod_is_told_by_where_it_was_accepted() {
    let mut stage = Stage::start(usize::MAX, ErrorKind::Other, false, u64::MAX);
    stage.open_gate();
    let interface = stage.capture.interface("svc/web");
    let mut recorder = interface.recorder(connection());
    recorder.ended(&outcome(End::ShutDown), 2);
    // So is one to a pod whose address nobody knows.
    let mut recorder = interface.recorder(connection());
    recorder.opened(&way("web", None), 3);
    assert!(stage.capture.finish().await);
    let packets = packets(&stage.bytes());
    assert_eq!(packets[0], ">8080 S\"\" #connection 12, no pod");
    assert_eq!(
        packets[3..5],
        [
            "<8080 R\"\" #the forward was shut down; 3 bytes sent, 4 received",
            ">8080 S\"\" #connection 12, pod default/web, port 80",
        ]
    );
}

#[tokio::test]
async fn what_waits_is_written_while_the_connection_is_open() {
    let stage = Stage::start(usize::MAX, ErrorKind::Other, false, u64::MAX);
    let gate = stage.gate.as_ref().unwrap();
    let interface = stage.capture.interface("svc/web");
    gate.send(()).unwrap();
    let mut recorder = opened(&interface);
    // Nothing follows that would push it out.
    recorder.sent(b"ask", 2);
    while !stage.bytes().windows(3).any(|bytes| bytes == b"ask") {
        gate.send(()).unwrap();
        stage.wrote.recv_timeout(LONG).unwrap();
    }
}

#[tokio::test]
async fn a_reader_that_does_not_read_costs_packets_and_nobody_waits_for_it() {
    let mut stage = Stage::start(usize::MAX, ErrorKind::Other, false, u64::MAX);
    let interface = stage.capture.interface("svc/web");
    let mut recorder = opened(&interface);
    // 188 MiB are more than may wait, besides what the writer has in hand.
    let chunk = vec![b'x'; 64 * 1024];
    let mut number = 0;
    while stage.capture.status().unwrap().summary.dropped < 10 {
        recorder.received(&[IoSlice::new(&chunk)], 2);
        number += 1;
        assert!(number < 3000, "nothing is ever dropped");
    }
    assert_eq!(stage.hears(), "dropping");
    stage.open_gate();
    recorder.ended(&outcome(End::Clean { verified: true }), 3);
    assert!(stage.capture.finish().await);
    assert_eq!(stage.hears(), "stopped");
    stage.hears_no_more();
    let summary = stage.capture.status().unwrap().summary;
    assert_eq!(
        statistics(&stage.bytes()),
        [(summary.packets + summary.dropped, summary.dropped)]
    );
    let packets = packets(&stage.bytes());
    assert_eq!(packets.len() as u64, summary.packets);
    // The end is there, though bytes before it are not.
    assert!(
        packets.last().unwrap().contains("#ended, verified"),
        "{:?}",
        packets.last()
    );
}

#[tokio::test]
async fn a_reader_that_never_reads_is_not_waited_for() {
    let stage = Stage::start(usize::MAX, ErrorKind::Other, false, u64::MAX);
    time::pause();
    assert!(!stage.capture.finish().await);
    assert!(stage.capture.is_running());
    assert!(matches!(
        stage
            .capture
            .start(&CaptureOptions::new(Destination::StandardOutput)),
        Err(CaptureError::AlreadyRunning)
    ));
}

#[tokio::test]
async fn a_reader_that_went_away_ends_the_capture_and_nothing_else() {
    let mut stage = Stage::start(0, ErrorKind::BrokenPipe, false, u64::MAX);
    stage.open_gate();
    let interface = stage.capture.interface("svc/web");
    assert_eq!(stage.hears(), "reader gone");
    let mut recorder = opened(&interface);
    recorder.sent(b"ask", 2);
    assert!(stage.capture.finish().await);
    stage.hears_no_more();
    assert_eq!(stage.capture.status().unwrap().summary.bytes, 0);
}

#[tokio::test]
async fn a_full_disk_leaves_whole_packets_and_the_number_of_those_that_are_missing() {
    for room in (1500..1800).step_by(29) {
        let mut stage = Stage::start(room, ErrorKind::StorageFull, true, u64::MAX);
        let interface = stage.capture.interface("svc/web");
        let mut recorder = opened(&interface);
        for _ in 0..20 {
            recorder.sent(&[b'x'; 100], 2);
        }
        stage.open_gate();
        assert_eq!(stage.hears(), "cannot write: StorageFull");
        recorder.sent(b"nobody records this", 3);
        stage.hears_no_more();
        let bytes = stage.bytes();
        let summary = stage.capture.status().unwrap().summary;
        assert_eq!(summary.bytes, bytes.len() as u64);
        let packets = packets(&bytes).len() as u64;
        assert!(packets > 3, "{packets}");
        assert_eq!((summary.packets, summary.dropped), (packets, 23 - packets));
        assert_eq!(statistics(&bytes), [(23, 23 - packets)], "{room}");
    }
}

#[tokio::test]
async fn at_its_limit_the_capture_ends_and_says_so_once() {
    let limit = CaptureOptions::LIMIT_LEAST;
    let mut stage = Stage::start(usize::MAX, ErrorKind::Other, true, limit);
    stage.open_gate();
    let interface = stage.capture.interface("svc/web");
    let mut recorder = opened(&interface);
    for _ in 0..1000 {
        recorder.sent(&[b'x'; 1000], 2);
    }
    recorder.ended(&outcome(End::Clean { verified: true }), 3);
    assert_eq!(stage.hears(), format!("limit {limit}"));
    assert!(stage.capture.finish().await);
    stage.hears_no_more();
    let bytes = stage.bytes();
    assert!(bytes.len() as u64 <= limit && bytes.len() as u64 > limit - 2000);
    let summary = stage.capture.status().unwrap().summary;
    assert_eq!(statistics(&bytes), [(summary.packets, 0)]);
}

#[tokio::test]
async fn captures_follow_one_another_and_know_the_connections_that_are_open() {
    let folder = TempDir::new().unwrap();
    let capture = Capture::new(|_| {});
    let interface = capture.interface("svc/web");
    let mut recorder = opened(&interface);
    recorder.sent(b"unseen", 2);
    assert!(capture.snapshot().unwrap().is_none());
    for (number, name, before) in [(1, "one.pcapng", 6), (2, "two.pcapng", 26)] {
        let path = folder.path().join(name);
        let options = CaptureOptions::new(Destination::File(path.clone()));
        capture.start(&options).unwrap();
        assert!(matches!(
            capture.start(&options),
            Err(CaptureError::AlreadyRunning)
        ));
        recorder.sent(name.as_bytes(), 3);
        recorder.sent(b"more", 4);
        assert!(capture.finish().await);
        recorder.sent(b"unseen", 5);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(
            packets(&bytes),
            [
                format!(
                    ">80 {name:?} #connection 12, pod default/web, port 80; open before the capture, with {before} bytes sent and 0 received"
                ),
                ">80 \"more\"".to_owned()
            ]
        );
        let status = capture.status().unwrap();
        assert_eq!((status.number, status.path.as_ref()), (number, Some(&path)));
        assert!(matches!(&status.state, CaptureState::Over(end) if matches!(**end, CaptureEnd::Stopped)));
        let mut snapshot = capture.snapshot().unwrap().unwrap();
        assert_eq!(snapshot.length, bytes.len() as u64);
        let mut read = Vec::new();
        snapshot.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        capture.remove_if_empty().unwrap();
        assert!(path.exists());
        assert!(matches!(
            capture.start(&options),
            Err(CaptureError::Exists { .. })
        ));
    }
}

#[tokio::test]
async fn a_snapshot_has_whole_blocks_while_the_capture_goes_on() {
    let folder = TempDir::new().unwrap();
    let capture = Capture::new(|_| {});
    let path = folder.path().join("live.pcapng");
    capture
        .start(&CaptureOptions::new(Destination::File(path.clone())))
        .unwrap();
    let interface = capture.interface("svc/web");
    let mut recorder = opened(&interface);
    recorder.sent(b"ask", 2);
    let deadline = std::time::Instant::now() + LONG;
    let mut read = Vec::new();
    while !read.windows(3).any(|bytes| bytes == b"ask") {
        assert!(std::time::Instant::now() < deadline, "it is never written");
        tokio::task::yield_now().await;
        read.clear();
        let mut snapshot = capture.snapshot().unwrap().unwrap();
        snapshot.read_to_end(&mut read).unwrap();
        assert_eq!(snapshot.length, read.len() as u64);
    }
    assert_eq!(packets(&read).len(), 4);
    assert!(capture.finish().await);
}

#[tokio::test]
async fn a_file_that_nothing_came_into_can_be_taken_back() {
    let folder = TempDir::new().unwrap();
    let capture = Capture::new(|_| {});
    let path = folder.path().join("empty.pcapng");
    capture
        .start(&CaptureOptions::new(Destination::File(path.clone())))
        .unwrap();
    let _interface = capture.interface("svc/web");
    capture.remove_if_empty().unwrap();
    assert!(path.exists(), "it is not over");
    assert!(capture.finish().await);
    capture.remove_if_empty().unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_capture_beside_others_has_a_number_behind_its_name() {
    let folder = TempDir::new().unwrap();
    let capture = Capture::new(|_| {});
    let mut options = CaptureOptions::new(Destination::File(folder.path().join("web.pcapng")));
    // It says nothing here: what was recorded before is kept.
    options.overwrite = true;
    for name in ["web.pcapng", "web-2.pcapng", "web-3.pcapng"] {
        capture.start_beside(&options).unwrap();
        assert!(matches!(
            capture.start_beside(&options),
            Err(CaptureError::AlreadyRunning)
        ));
        let status = capture.status().unwrap();
        assert_eq!(status.path, Some(folder.path().join(name)));
        assert!(matches!(status.state, CaptureState::Running));
        assert!(capture.finish().await);
    }
    options.destination = Destination::File(folder.path().join("none").join("web"));
    assert!(matches!(
        capture.start_beside(&options),
        Err(CaptureError::Create { .. })
    ));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
}
