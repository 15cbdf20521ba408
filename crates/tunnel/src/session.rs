//! One upgraded connection: its state, shared between the task that drives it and the connections it carries.

mod core;
mod driver;
mod framing;
mod inbox;
mod outbox;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use podline_wire::session::Peer;

use crate::Transport;
use crate::clock::Clock;
use crate::request::Upgraded;

pub(crate) use self::core::{Closing, Core};
pub(crate) use self::driver::{Driver, Observer};

/// One session, as those see it who use it.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Its number among the sessions of its pool.
    number: u64,
    core: Mutex<Core>,
}

impl Shared {
    /// A session on `upgraded`, and the driver that is to be run for it.
    pub(crate) fn start<O: Observer + Unpin>(
        number: u64,
        clock: Clock,
        known: Option<Peer>,
        stalled_reader: Duration,
        upgraded: Upgraded,
        transport: Transport,
        observer: O,
    ) -> (Arc<Self>, Driver<O>) {
        let shared = Arc::new(Self {
            number,
            core: Mutex::new(Core::new(clock, known, stalled_reader)),
        });
        let driver = Driver::new(shared.clone(), upgraded, transport, observer);
        (shared, driver)
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        // Every change of the state is whole, so a panic elsewhere does not spoil it.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
