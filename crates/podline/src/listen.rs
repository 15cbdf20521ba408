//! Where a forward listens: addresses by kubectl's rules, and what is said when one cannot be had.

mod accept;
pub(crate) use accept::Acceptor;

mod address;
pub use address::{Address, InvalidAddress};

mod bind;
pub(crate) use bind::{Bound, bind};

mod error;
pub use error::ListenError;

mod holder;
pub use holder::Holder;

mod local_address;
pub use local_address::LocalAddress;

mod place;
pub(crate) use place::places;
use place::{Need, Place};

mod port_spec;
pub use port_spec::{InvalidPort, LocalPort, PortSpec};

#[cfg(target_os = "linux")]
mod proc;
