//! Performs `podline-wire` on tokio: an upgraded connection to one pod, and the pool of them.
//!
//! [`Pool`] keeps sessions to one pod and lends [`Lane`]s of them. A lane is opened for one connection and gives its
//! two ends, [`PairSender`] and [`PairReceiver`]. What there is to know of a cluster stands behind [`Upgrade`].

mod chunk;
mod clock;
mod entropy;
mod error;
mod lane;
mod pair;
pub mod pool;
mod request;
mod session;
mod spares;
pub mod upgrade;

pub use chunk::Chunk;
pub use error::SessionError;
pub use lane::Lane;
pub use pair::{PairEnd, PairEnded, PairReceiver, PairSender, Received};
pub use podline_wire::session::FailureKind;
pub use pool::{Pool, PoolEvent, PoolOptions};
pub use upgrade::{Io, PodAddress, Transport, TransportChoice, Upgrade, UpgradeAnswer, UpgradeFailure};
