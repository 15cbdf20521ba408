//! The pool's own task: calls it when something is due.

use std::sync::{Arc, Weak};

use podline_wire::pool::Pool;
use tokio::task::AbortHandle;

use crate::session::Closing;

use super::{Live, State};

/// Ends the pool's task and its sessions when it goes.
pub(super) struct Guard {
    task: AbortHandle,
    state: Weak<State>,
}

pub(super) fn start(state: &Arc<State>) -> Guard {
    let task = tokio::spawn(keep(Arc::downgrade(state)));
    Guard {
        task: task.abort_handle(),
        state: Arc::downgrade(state),
    }
}

async fn keep(state: Weak<State>) {
    loop {
        let Some(pool) = state.upgrade() else { return };
        let changed = pool.changed.notified();
        let now = pool.clock.now();
        let due = pool
            .lock()
            .policy
            .poll_timeout(now)
            .map(|(at, _)| pool.clock.instant(at));
        match due {
            Some(at) => tokio::select! {
                () = changed => continue,
                () = tokio::time::sleep_until(at) => {}
            },
            None => {
                changed.await;
                continue;
            }
        }
        pool.act(Pool::handle_timeout);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.task.abort();
        let Some(state) = self.state.upgrade() else { return };
        let mut inner = state.lock();
        inner.policy.close();
        for live in inner.sessions.values() {
            match live {
                Live::Connecting(task) => task.abort(),
                Live::Ready(session) => session
                    .lock()
                    .close(Closing::Until(state.clock.now() + super::SHUTDOWN_DEADLINE)),
            }
        }
    }
}
