//! The pool's own task: calls it when something is due, and when the machine has slept.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use podline_wire::Time;
use podline_wire::pool::{Pool, WAKE_TICK, Wake};
use tokio::task::AbortHandle;

use crate::session::Closing;

use super::{Live, State};

/// Ends the pool's task and its sessions when it goes.
pub(super) struct Guard {
    tasks: [AbortHandle; 2],
    state: Weak<State>,
}

pub(super) fn start(state: &Arc<State>) -> Guard {
    let keeper = tokio::spawn(keep(Arc::downgrade(state)));
    let watch = tokio::spawn(watch_for_sleep(Arc::downgrade(state)));
    Guard {
        tasks: [keeper.abort_handle(), watch.abort_handle()],
        state: Arc::downgrade(state),
    }
}

async fn keep(state: Weak<State>) {
    loop {
        let Some(pool) = state.upgrade() else { return };
        let changed = pool.changed.notified();
        let now = pool.clock.now();
        let due = {
            let mut inner = pool.lock();
            let due = inner.policy.poll_timeout(now).map(|(at, _)| at);
            inner.armed = Some(due.unwrap_or(NEVER));
            due
        };
        match due {
            Some(at) => tokio::select! {
                () = changed => continue,
                () = tokio::time::sleep_until(pool.clock.instant(at)) => {}
            },
            None => {
                changed.await;
                continue;
            }
        }
        pool.act(Pool::handle_timeout);
    }
}

/// Later than anything.
pub(super) const NEVER: Time = Time::from_duration(Duration::MAX);

async fn watch_for_sleep(state: Weak<State>) {
    loop {
        slept(wall_clock).await;
        let Some(pool) = state.upgrade() else { return };
        tracing::debug!("the machine has slept");
        pool.handle_wake();
    }
}

/// Waits until the machine has slept.
async fn slept(mut wall: impl FnMut() -> Duration) {
    let mut wake = Wake::new(wall());
    loop {
        tokio::time::sleep(WAKE_TICK).await;
        if wake.handle_tick(wall()) {
            return;
        }
    }
}

fn wall_clock() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

impl Drop for Guard {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
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

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sleep_is_noticed_with_the_next_tick() {
        let start = Instant::now();
        let hour = Duration::from_secs(3600);
        // The runtime's clock goes on by ticks; the wall clock too, and jumps in the fifth.
        let wall = || {
            let passed = start.elapsed();
            if passed >= 5 * WAKE_TICK {
                passed + hour
            } else {
                passed
            }
        };
        slept(wall).await;
        assert!(start.elapsed() >= 5 * WAKE_TICK && start.elapsed() < 6 * WAKE_TICK);
    }
}
