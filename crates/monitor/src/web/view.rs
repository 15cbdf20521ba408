//! What the page is told, as it is written down: one JSON object a line. Text from outside is escaped before it gets here.

use jiff::Timestamp;
use podline::{LocalAddress, PodView, Untrusted};
use serde::Serialize;

use super::{EventLine, RequestRow, Speed};
use crate::pcap::Capture;
use crate::{ConnectionState, ConnectionView, ForwardSnapshot, Rates, Sample};

/// Seconds that a forward's speed is the mean of.
const RECENT: usize = 3;

/// One line of the live stream.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(super) enum Line<'a> {
    /// Something happened.
    Event(&'a EventLine),
    /// The first line.
    Hello(Hello),
    /// So many requests came too fast to be told.
    Missed { requests: u64 },
    /// How everything is now.
    Now(Box<Now>),
    /// An HTTP request is over.
    Request(Box<RequestRow>),
}

/// What does not change while the program runs.
#[derive(Debug, Serialize)]
pub(super) struct Hello {
    pub(super) version: &'static str,
}

/// How everything is now.
#[derive(Debug, Serialize)]
pub(super) struct Now {
    pub(super) at: Timestamp,
    pub(super) forwards: Vec<ForwardRow>,
    /// The capture that runs, or the last one.
    pub(super) capture: Option<CaptureRow>,
    pub(super) rates: Chart,
    pub(super) connections: Window,
    /// The connection that is shown in detail, if it is still known.
    pub(super) watched: Option<ConnectionRow>,
}

/// A capture.
#[derive(Debug, Serialize)]
pub(super) struct CaptureRow {
    is_running: bool,
    bytes: u64,
    packets: u64,
    dropped: u64,
}

/// A forward.
#[derive(Debug, Serialize)]
pub(super) struct ForwardRow {
    index: usize,
    target: String,
    addresses: Vec<AddressRow>,
    pods: Vec<PodRow>,
    transport: Option<String>,
    held: usize,
    waiting: Option<String>,
    open: usize,
    accepted: u64,
    closed: u64,
    /// Those of the closed that did not end cleanly.
    failed: u64,
    sent: u64,
    received: u64,
    accepted_per_second: u64,
    sent_per_second: u64,
    received_per_second: u64,
    lost_sessions: u64,
}

#[derive(Debug, Serialize)]
struct AddressRow {
    local: String,
    remote: u16,
}

#[derive(Debug, Serialize)]
struct PodRow {
    namespace: String,
    name: String,
    ip: Option<String>,
    connections: usize,
    sessions: usize,
    state: &'static str,
}

/// What went through in each of the last seconds, the latest last.
#[derive(Debug, Default, Serialize)]
pub(super) struct Chart {
    accepted: Vec<u64>,
    sent: Vec<u64>,
    received: Vec<u64>,
}

/// Those of the connections that are in sight.
#[derive(Debug, Serialize)]
pub(super) struct Window {
    /// How many are open in all.
    pub(super) open: usize,
    /// How many there are that the filter lets through.
    pub(super) matching: usize,
    /// How many of those come before the first row.
    pub(super) skipped: usize,
    pub(super) rows: Vec<ConnectionRow>,
}

/// A connection.
#[derive(Debug, Serialize)]
pub(super) struct ConnectionRow {
    pub(super) forward: usize,
    pub(super) id: u64,
    accepted: Timestamp,
    peer: String,
    local: String,
    namespace: Option<String>,
    pod: Option<String>,
    pod_ip: Option<String>,
    port: Option<u16>,
    session: Option<u64>,
    sent: u64,
    received: u64,
    sent_per_second: u64,
    received_per_second: u64,
    first_byte_ms: Option<f64>,
    age_ms: u64,
    /// What it speaks, if that is known.
    protocol: Option<String>,
    pub(super) state: &'static str,
    reason: Option<String>,
}

impl CaptureRow {
    pub(super) fn new(capture: &Capture) -> Option<Self> {
        let status = capture.status()?;
        Some(Self {
            is_running: !status.state.is_over(),
            bytes: status.summary.bytes,
            packets: status.summary.packets,
            dropped: status.summary.dropped,
        })
    }
}

impl ForwardRow {
    pub(super) fn new(forward: &ForwardSnapshot) -> Self {
        let totals = &forward.totals;
        let clean = totals.ended.get("clean").copied().unwrap_or(0);
        let recent = forward.rates.mean(RECENT);
        Self {
            index: forward.name.index,
            target: forward.name.to_string(),
            addresses: forward.addresses.iter().map(AddressRow::new).collect(),
            pods: forward.pods.iter().map(PodRow::new).collect(),
            transport: forward.transport.map(|transport| transport.to_string()),
            held: forward.held,
            waiting: forward.waiting.as_ref().map(Untrusted::to_string),
            open: forward.connections.len(),
            accepted: totals.accepted,
            closed: totals.closed(),
            failed: totals.closed() - clean,
            sent: totals.sent,
            received: totals.received,
            accepted_per_second: recent.accepted,
            sent_per_second: recent.sent,
            received_per_second: recent.received,
            lost_sessions: forward.lost_sessions,
        }
    }
}

impl AddressRow {
    fn new(address: &LocalAddress) -> Self {
        Self {
            local: address.socket.to_string(),
            remote: address.remote,
        }
    }
}

impl PodRow {
    fn new(pod: &PodView) -> Self {
        Self {
            namespace: shown(&pod.address.namespace),
            name: shown(&pod.address.name),
            ip: pod.ip.map(|ip| ip.to_string()),
            connections: pod.connections,
            sessions: pod.sessions,
            state: pod.state.name(),
        }
    }
}

impl Chart {
    /// The sums of several forwards.
    pub(super) fn of<'a>(forwards: impl Iterator<Item = &'a Rates>) -> Self {
        let mut sums: Vec<Sample> = Vec::new();
        for rates in forwards {
            let seconds: Vec<Sample> = rates.seconds().collect();
            if seconds.len() > sums.len() {
                let missing = seconds.len() - sums.len();
                sums.splice(0..0, std::iter::repeat_n(Sample::default(), missing));
            }
            let offset = sums.len() - seconds.len();
            for (sum, second) in sums[offset..].iter_mut().zip(seconds) {
                sum.accepted += second.accepted;
                sum.sent += second.sent;
                sum.received += second.received;
            }
        }
        Self {
            accepted: sums.iter().map(|second| second.accepted).collect(),
            sent: sums.iter().map(|second| second.sent).collect(),
            received: sums.iter().map(|second| second.received).collect(),
        }
    }
}

impl ConnectionRow {
    pub(super) fn new(forward: usize, view: &ConnectionView, speed: Speed) -> Self {
        let way = view.way.as_ref();
        Self {
            forward,
            id: view.connection.id,
            accepted: view.accepted,
            peer: view.connection.peer.to_string(),
            local: view.connection.local.to_string(),
            namespace: way.map(|way| shown(&way.pod.namespace)),
            pod: way.map(|way| shown(&way.pod.name)),
            pod_ip: way.and_then(|way| way.pod_ip).map(|ip| ip.to_string()),
            port: way.map(|way| way.port),
            session: way.map(|way| way.session),
            sent: view.sent,
            received: view.received,
            sent_per_second: speed.sent,
            received_per_second: speed.received,
            first_byte_ms: view.first_byte.map(|waited| waited.as_secs_f64() * 1000.0),
            age_ms: u64::try_from(view.age.as_millis()).unwrap_or(u64::MAX),
            protocol: view.protocol.as_ref().map(ToString::to_string),
            state: view.state.name(),
            reason: match &view.state {
                ConnectionState::Ended(end) => Some(end.to_string()),
                _ => None,
            },
        }
    }
}

fn shown(text: &str) -> String {
    Untrusted::new(text).to_string()
}
