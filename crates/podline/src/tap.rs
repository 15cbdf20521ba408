use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};

use podline_tunnel::PodAddress;

use crate::Outcome;

/// One connection, as it is known when it is accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Connection {
    /// Its number in this forward, from 1 in the order of being accepted.
    pub id: u64,
    /// The address that it was accepted on.
    pub local: SocketAddr,
    /// The app's address.
    pub peer: SocketAddr,
}

/// Where a connection goes.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Way {
    /// The pod.
    pub pod: PodAddress,
    /// The pod's address in its cluster, if it is known.
    pub pod_ip: Option<IpAddr>,
    /// The port inside the pod.
    pub port: u16,
    /// The number of the session that carries it, among the sessions to this pod.
    pub session: u64,
}

/// An observer of one connection and its bytes: counts, logs or records them.
///
/// It is called by the task that carries the connection, between two reads or writes, so what takes long belongs
/// elsewhere. A connection without taps pays one comparison for each piece of data.
pub trait Tap: Send {
    /// The connection is given a pod. Said again when it begins anew, with another pod or on another session, which the app
    /// does not notice: what it sent until then goes there again, and is not told again; nothing was received.
    fn opened(&mut self, way: &Way) {
        let _ = way;
    }

    /// The app sent `bytes`; they go to the pod as they are.
    fn sent(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }

    /// The app's socket took `bytes` of the pod.
    fn received(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }

    /// The app's socket took the bytes of `parts` at once, one part after the other, `length` bytes together. For those who only
    /// count: every other tap is told of each part by [`Tap::received`].
    fn received_parts(&mut self, parts: &[IoSlice<'_>], length: usize) {
        let _ = length;
        for part in parts {
            self.received(part);
        }
    }

    /// The app sends no more.
    fn sent_all(&mut self) {}

    /// The connection is over, whether it was given a pod or not. The last call.
    fn ended(&mut self, outcome: &Outcome) {
        let _ = outcome;
    }
}

/// Decides which connections are observed, and by what. Any `Fn(&Connection) -> Option<Box<dyn Tap>>` does.
pub trait TapSource: Send + Sync + 'static {
    /// An observer for `connection`, which was just accepted, if it is to have one.
    fn tap(&self, connection: &Connection) -> Option<Box<dyn Tap>>;
}

impl<F> TapSource for F
where
    F: Fn(&Connection) -> Option<Box<dyn Tap>> + Send + Sync + 'static,
{
    fn tap(&self, connection: &Connection) -> Option<Box<dyn Tap>> {
        self(connection)
    }
}

impl Connection {
    /// A connection as it is told to taps; for those who test theirs.
    pub fn new(id: u64, local: SocketAddr, peer: SocketAddr) -> Self {
        Self { id, local, peer }
    }
}

impl Way {
    /// A way as it is told to taps; for those who test theirs.
    pub fn new(pod: PodAddress, pod_ip: Option<IpAddr>, port: u16, session: u64) -> Self {
        Self {
            pod,
            pod_ip,
            port,
            session,
        }
    }
}
