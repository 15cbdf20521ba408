/// Which side of a connection we are.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// We forward connections; the peer is a container runtime behind an API server.
    Client,

    /// We are such a peer: a test server.
    Server,
}
