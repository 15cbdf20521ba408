//! The steps of the way to the API server, as they are made.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use podline_wire::Untrusted;
use rustls::ProtocolVersion;
use tokio::time::Instant;

use super::{ConnectError, certificate};

/// A step of the way to the API server that was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// What was found.
    pub found: StepFound,
    /// How long it took.
    pub took: Duration,
}

/// What a step of the way to the API server found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StepFound {
    /// The addresses of a name, the server's or its proxy's.
    Dns {
        /// The name.
        host: Untrusted,
        /// Its addresses, in the order in which they are tried.
        addresses: Vec<IpAddr>,
    },
    /// A proxy let the connection through.
    Proxy {
        /// The proxy, without user and password.
        proxy: Untrusted,
    },
    /// A TCP connection.
    Tcp {
        /// The address that answered.
        address: SocketAddr,
    },
    /// A TLS session with the API server.
    Tls {
        /// The version, such as `1.3`.
        version: &'static str,
        /// The names and addresses that the server's certificate is for.
        names: Vec<Untrusted>,
        /// When the server's certificate expires, if that can be made out.
        expires: Option<SystemTime>,
        /// Whether the certificate was checked; it is not where the configuration says so.
        is_verified: bool,
    },
}

/// A part of the way to the API server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WayPart {
    /// A name is looked up.
    Dns,
    /// A proxy is asked to let the connection through.
    Proxy,
    /// A TCP connection is made.
    Tcp,
    /// TLS is agreed on.
    Tls,
}

/// The steps that were made so far.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(super) steps: Vec<Step>,
    since: Instant,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            steps: Vec::new(),
            since: Instant::now(),
        }
    }

    /// A step was made; the next one begins.
    pub(super) fn note(&mut self, found: StepFound) {
        let took = self.since.elapsed();
        self.since = Instant::now();
        self.steps.push(Step { found, took });
    }

    /// How long the step takes already that is not made yet.
    pub(super) fn since(&self) -> Duration {
        self.since.elapsed()
    }

    /// The part of the way that failed by `error`, if the server has a proxy or not.
    pub(super) fn failed_part(&self, error: &ConnectError, has_proxy: bool) -> WayPart {
        match error {
            ConnectError::Dns { .. } => WayPart::Dns,
            ConnectError::Proxy { .. } => WayPart::Proxy,
            ConnectError::Tls { .. } if !self.has_passed_proxy() && has_proxy => WayPart::Proxy,
            ConnectError::Tls { .. } => WayPart::Tls,
            ConnectError::Timeout { .. } => match self.steps.last().map(|step| &step.found) {
                None => WayPart::Dns,
                Some(StepFound::Dns { .. }) => WayPart::Tcp,
                Some(StepFound::Tcp { .. }) if has_proxy => WayPart::Proxy,
                Some(_) => WayPart::Tls,
            },
            _ => WayPart::Tcp,
        }
    }

    fn has_passed_proxy(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.found, StepFound::Proxy { .. }))
    }
}

impl StepFound {
    /// What was agreed on with the server.
    pub(super) fn tls(connection: &rustls::ClientConnection, is_verified: bool) -> Self {
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        let names = certificate.map_or_else(Vec::new, |certificate| certificate::names(certificate));
        Self::Tls {
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "1.2",
                Some(ProtocolVersion::TLSv1_3) => "1.3",
                _ => "?",
            },
            names: names.into_iter().map(Untrusted::new).collect(),
            expires: certificate.and_then(|certificate| certificate::expiry(certificate)),
            is_verified,
        }
    }
}
