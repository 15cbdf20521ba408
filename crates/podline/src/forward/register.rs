use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The connections of a forward that are open, so that single ones can be ended.
#[derive(Debug, Default)]
pub(super) struct Register {
    open: Mutex<BTreeMap<u64, CancellationToken>>,
}

/// The place of one connection, until it is over.
pub(super) struct Entry<'a> {
    register: &'a Register,
    id: u64,
    /// Cancelled when the connection is to end, or the forward does.
    pub(super) stop: CancellationToken,
}

impl Register {
    /// Connection `id` is open, and ends with `all`.
    pub(super) fn enter(&self, id: u64, all: &CancellationToken) -> Entry<'_> {
        let stop = all.child_token();
        self.lock().insert(id, stop.clone());
        Entry {
            register: self,
            id,
            stop,
        }
    }

    /// Ends connection `id`. Says whether it was open.
    pub(super) fn end(&self, id: u64) -> bool {
        let stop = self.lock().get(&id).cloned();
        // Whoever is woken finds the lock free.
        stop.is_some_and(|stop| {
            stop.cancel();
            true
        })
    }

    /// How many are open, those included that are held.
    pub(super) fn open(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, CancellationToken>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.register.lock().remove(&self.id);
    }
}
