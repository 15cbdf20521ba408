//! Whether a port inside a pod is open, and whether something serves there.
//!
//! The runtime answers the opening of a pair before it looks for the port, so an answer to that says nothing. What says
//! something is how a pair ends whose direction of ours is finished in its opening: with an error text, the port refused;
//! without one, it is open, which the runtime tells after the second that it gives the pod; and where the port's packets
//! are dropped, there is no end at all. The app sees a connection that says nothing and is closed.
//!
//! Whether something serves shows itself in a byte that comes back.

mod answer;
pub use answer::Answer;

mod ask;
pub use ask::{Ask, HttpPath, InvalidPath};

mod io;
pub(crate) use io::{Told, run};

#[allow(clippy::module_inception, reason = "the folder's main type")]
mod probe;
pub(crate) use probe::is_reset;
pub use probe::{PROBE_DEADLINE, Probe, Probed};

mod talk;
use talk::Talk;

mod tls;
use tls::Tls;
