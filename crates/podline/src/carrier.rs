//! One connection: copies both ways between an app's socket and a pair, past the taps.

mod closing;
pub(crate) use closing::Closed;

mod copy;
pub(crate) use copy::{Carried, Carrier, Stop, failed};

mod early;
pub(crate) use early::{Early, chunk_of};

mod evidence;
pub(crate) use evidence::{Evidence, Judge};

mod half_close;
use half_close::{HalfClose, PassOn};

mod kept;
use kept::Kept;

mod looks;
use looks::Looks;

mod observer;
pub(crate) use observer::Observer;

mod pair;
pub(crate) use pair::{Downstream, Upstream};

#[cfg(feature = "trial")]
pub mod trial;

#[cfg(test)]
mod tests;
