use std::sync::LazyLock;

use tokio::sync::watch;

/// How many forwards this process has.
static FORWARDS: LazyLock<watch::Sender<usize>> = LazyLock::new(|| watch::Sender::new(0));

/// A forward's share in what the process keeps ready.
#[derive(Debug)]
pub(super) struct Share {
    forwards: watch::Receiver<usize>,
}

impl Share {
    /// Counts as one forward until it is dropped.
    pub(super) fn new() -> Self {
        FORWARDS.send_modify(|forwards| *forwards += 1);
        Self {
            forwards: FORWARDS.subscribe(),
        }
    }

    /// How many forwards have one.
    pub(super) fn forwards(&self) -> usize {
        *self.forwards.borrow()
    }

    /// Waits until there are more or fewer. May be dropped while it waits.
    pub(super) async fn changed(&mut self) {
        // The sender is never dropped.
        let _ = self.forwards.changed().await;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        FORWARDS.send_modify(|forwards| *forwards -= 1);
    }
}
