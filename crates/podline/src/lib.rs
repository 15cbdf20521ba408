//! Connections from local addresses into Kubernetes pods, as a library: a [`Forward`] from a target to local addresses.
//!
//! A forward listens on this machine, finds a pod of its [`Target`] through the API server, keeps
//! sessions to it, and carries each connection that is made to one of its addresses. It needs no right that
//! `kubectl port-forward` does not need. Its listeners stay bound for as long as it lives: when the pod goes, new
//! connections are held until there is another.
//!
//! What happens is told by [`Events`]; the bytes of connections are observed by [`Tap`]s.
//!
//! # Example
//!
//! ```no_run
//! use podline::Forward;
//! use podline::cluster::{Cluster, Options};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = Cluster::connect(Options::default()).await?;
//! let forward = Forward::builder(cluster, "deploy/web".parse()?)
//!     .port(":http".parse()?)
//!     .start()
//!     .await?;
//! let address = forward.local_addrs()[0].socket;
//! let connection = tokio::net::TcpStream::connect(address).await?;
//! // ... talk to the pod ...
//! drop(connection);
//! forward.shutdown().await;
//! # Ok(())
//! # }
//! ```

pub mod bench;
pub use bench::Bench;

mod carrier;
#[cfg(feature = "trial")]
#[doc(hidden)]
pub use carrier::trial;

pub mod check;
pub use check::Check;

mod clock;

mod events;
pub use events::{Event, Events, Skipped};

mod forward;
pub use forward::{Balance, Ended, Forward, ForwardBuilder, ForwardError, ForwardView, PodState, PodView};

mod listen;
pub use listen::{
    Address, Holder, InvalidAddress, InvalidPort, ListenError, LocalAddress, LocalPort, PortSpec,
};

mod outcome;
pub use outcome::{End, NoPod, Outcome};

mod probe;
pub use probe::{Answer, Ask, HttpPath, InvalidPath, PROBE_DEADLINE, Probe, Probed};

mod reason;
pub use reason::reason;

mod socket;

mod tap;
pub use tap::{Connection, Tap, TapSource, Way};

pub use podline_cluster as cluster;
pub use podline_cluster::{RemotePort, Target};
pub use podline_tunnel::{PodAddress, SessionError, Transport, TransportChoice};
pub use podline_wire::Untrusted;
