use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use podline::{
    Connection, End, PodAddress, Probe, Probed, Skipped, Target, Transport, Untrusted, Way, reason,
};
use serde::Serialize;

use crate::http::GrpcStatus;
use crate::{Closed, Exchanged, ForwardName, What};

/// One line: when, what, and of which forward.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    time: String,
    #[serde(flatten)]
    event: Event<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forward: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

/// What is told, by `kind`. Sizes are in bytes, durations in seconds.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    AddressHeldElsewhere {
        reason: String,
    },
    ConnectionClosed {
        #[serde(flatten)]
        connection: ConnectionFields,
        #[serde(flatten)]
        way: Option<WayFields>,
        bytes_sent: u64,
        bytes_received: u64,
        duration_seconds: f64,
        first_byte_seconds: Option<f64>,
        end: &'static str,
        /// Whether a clean end is known to be the pod's own.
        #[serde(skip_serializing_if = "Option::is_none")]
        is_verified: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    ConnectionOpened {
        #[serde(flatten)]
        connection: ConnectionFields,
    },
    ConnectionRouted {
        #[serde(flatten)]
        connection: ConnectionFields,
        #[serde(flatten)]
        way: WayFields,
    },
    Error {
        message: &'a str,
        hints: &'a [String],
        exit_status: u8,
    },
    HttpExchange {
        #[serde(flatten)]
        connection: ConnectionFields,
        #[serde(flatten)]
        exchange: ExchangeFields,
    },
    Listening {
        local_address: IpAddr,
        local_port: u16,
        remote_port: u16,
    },
    OutOfFiles {
        reason: String,
    },
    PodGone {
        pod: PodFields,
        connections_reset: usize,
        is_waiting: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    PodNotReady {
        pod: PodFields,
    },
    PodsChanged {
        joined: Vec<PodFields>,
        left: Vec<PodFields>,
        total: usize,
    },
    PodsInSight,
    PodsOutOfSight {
        reason: String,
    },
    PortProbed {
        pod: PodFields,
        remote_port: u16,
        state: &'static str,
        duration_seconds: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    ProtocolRecognised {
        #[serde(flatten)]
        connection: ConnectionFields,
        protocol: &'static str,
    },
    Ready,
    Resumed {
        pod: PodFields,
    },
    SessionLost {
        reason: String,
    },
    SessionReady {
        transport: &'static str,
    },
    Skipped {
        events: u64,
    },
    Started {
        schema_version: u32,
        podline_version: &'a str,
    },
    TransportFellBack {
        transport: &'static str,
        reason: String,
    },
    Waiting {
        reason: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct ConnectionFields {
    connection: u64,
    local_address: IpAddr,
    local_port: u16,
    peer_address: IpAddr,
    peer_port: u16,
}

/// An HTTP request and its answer.
#[derive(Debug, Serialize)]
pub(super) struct ExchangeFields {
    started: String,
    version: String,
    stream: Option<u32>,
    method: String,
    path: String,
    host: Option<String>,
    status: Option<u16>,
    grpc_status: Option<u32>,
    first_byte_seconds: Option<f64>,
    duration_seconds: f64,
    request_bytes: u64,
    response_bytes: u64,
    end: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct WayFields {
    pod: PodFields,
    pod_ip: Option<IpAddr>,
    remote_port: u16,
    session: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct PodFields {
    namespace: String,
    name: String,
}

impl<'a> Line<'a> {
    pub(super) fn new(at: Timestamp, forward: Option<&ForwardName>, event: Event<'a>) -> Self {
        Self {
            time: format!("{at:.3}"),
            event,
            forward: forward.map(|forward| forward.index),
            target: forward.map(|forward| forward.target.typed()),
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts with texts as keys are JSON")
    }
}

impl Event<'_> {
    /// What happened; `None` where something else tells it.
    pub(super) fn of(what: &What) -> Option<Self> {
        Some(match what {
            What::Accepted(connection) => Self::ConnectionOpened {
                connection: (*connection).into(),
            },
            What::Closed(closed) => Self::of_closed(closed),
            What::Happened(event) => return Self::of_event(event),
            What::Opened { connection, way } => Self::ConnectionRouted {
                connection: (*connection).into(),
                way: way.into(),
            },
            What::Exchanged(exchanged) => Self::HttpExchange {
                connection: exchanged.connection.into(),
                exchange: (&**exchanged).into(),
            },
            What::Overlooked { exchanges, .. } => Self::Skipped { events: *exchanges },
            What::Recognised { connection, protocol } => Self::ProtocolRecognised {
                connection: (*connection).into(),
                protocol: protocol.name(),
            },
            What::Probed(probed) => return Self::of_probed(probed),
            What::Ready => Self::Ready,
        })
    }

    fn of_closed(closed: &Closed) -> Self {
        let outcome = &closed.outcome;
        let (is_verified, reason) = match &outcome.end {
            End::Clean { verified } => (Some(*verified), None),
            end => (None, Some(end.to_string())),
        };
        Self::ConnectionClosed {
            connection: closed.connection.into(),
            way: closed.way.as_ref().map(WayFields::from),
            bytes_sent: outcome.sent,
            bytes_received: outcome.received,
            duration_seconds: outcome.duration.as_secs_f64(),
            first_byte_seconds: closed.first_byte.as_ref().map(Duration::as_secs_f64),
            end: outcome.end.name(),
            is_verified,
            reason,
        }
    }

    fn of_probed(probed: &Probed) -> Option<Self> {
        let (state, reason) = match &probed.probe {
            Probe::Dropped => ("dropped", None),
            Probe::Open => ("open", None),
            Probe::Refused(reason) => ("refused", Some(reason.to_string())),
            Probe::Reset(reason) => ("reset", Some(reason.to_string())),
            Probe::Serving(answer) => ("serving", Some(answer.to_string())),
            _ => return None,
        };
        Some(Self::PortProbed {
            pod: (&probed.pod).into(),
            remote_port: probed.port,
            state,
            duration_seconds: probed.took.as_secs_f64(),
            reason,
        })
    }

    fn of_event(event: &podline::Event) -> Option<Self> {
        Some(match event {
            podline::Event::HeldElsewhere(error) => Self::AddressHeldElsewhere {
                reason: reason(&**error).to_string(),
            },
            podline::Event::InSight => Self::PodsInSight,
            podline::Event::Listening(address) => Self::Listening {
                local_address: address.socket.ip(),
                local_port: address.socket.port(),
                remote_port: address.remote,
            },
            podline::Event::NotReady(pod) => Self::PodNotReady { pod: pod.into() },
            podline::Event::OutOfFiles(error) => Self::OutOfFiles {
                reason: reason(&**error).to_string(),
            },
            podline::Event::OutOfSight(reason) => Self::PodsOutOfSight {
                reason: reason.to_string(),
            },
            podline::Event::PodGone {
                pod,
                reset,
                waiting,
                owner,
            } => Self::PodGone {
                pod: pod.into(),
                connections_reset: *reset,
                is_waiting: *waiting,
                owner: owner.as_ref().map(Target::typed),
            },
            podline::Event::PodsChanged { joined, left, total } => Self::PodsChanged {
                joined: joined.iter().map(PodFields::from).collect(),
                left: left.iter().map(PodFields::from).collect(),
                total: *total,
            },
            podline::Event::Resumed(pod) => Self::Resumed { pod: pod.into() },
            podline::Event::SessionLost(error) => Self::SessionLost {
                reason: reason(error).to_string(),
            },
            podline::Event::SessionUp(transport) => Self::SessionReady {
                transport: transport.name(),
            },
            // Connections are told of by their taps, and none of those is missed here.
            podline::Event::Skipped(Skipped {
                others: events @ 1.., ..
            }) => Self::Skipped { events: *events },
            podline::Event::TransportFellBack(error) => Self::TransportFellBack {
                transport: Transport::Spdy.name(),
                reason: reason(error).to_string(),
            },
            podline::Event::Waiting { reason, owner } => Self::Waiting {
                reason: reason.to_string(),
                owner: owner.as_ref().map(Target::typed),
            },
            _ => return None,
        })
    }
}

impl From<Connection> for ConnectionFields {
    fn from(Connection { id, local, peer, .. }: Connection) -> Self {
        let parts = |address: SocketAddr| (address.ip(), address.port());
        let ((local_address, local_port), (peer_address, peer_port)) = (parts(local), parts(peer));
        Self {
            connection: id,
            local_address,
            local_port,
            peer_address,
            peer_port,
        }
    }
}

impl From<&Exchanged> for ExchangeFields {
    fn from(
        Exchanged {
            started, exchange, ..
        }: &Exchanged,
    ) -> Self {
        let grpc_status = exchange.grpc.as_ref().and_then(|grpc| grpc.status);
        Self {
            started: format!("{started:.3}"),
            version: exchange.version.to_string(),
            stream: exchange.stream,
            method: exchange.method.to_string(),
            path: exchange.target.to_string(),
            host: exchange.host.as_ref().map(Untrusted::to_string),
            status: exchange.status,
            grpc_status: grpc_status.map(GrpcStatus::code),
            first_byte_seconds: exchange.first_byte.as_ref().map(Duration::as_secs_f64),
            duration_seconds: exchange.duration.as_secs_f64(),
            request_bytes: exchange.request_body,
            response_bytes: exchange.response_body,
            end: exchange.ending.name(),
        }
    }
}

impl From<&Way> for WayFields {
    fn from(way: &Way) -> Self {
        Self {
            pod: (&way.pod).into(),
            pod_ip: way.pod_ip,
            remote_port: way.port,
            session: way.session,
        }
    }
}

impl From<&PodAddress> for PodFields {
    fn from(pod: &PodAddress) -> Self {
        let shown = |text: &str| Untrusted::new(text).to_string();
        Self {
            namespace: shown(&pod.namespace),
            name: shown(&pod.name),
        }
    }
}
