use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

use super::Fact;

/// Facts that wait for a slow reader before the oldest are lost to it.
const QUEUE: usize = 4096;

/// Where facts are told.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    sender: broadcast::Sender<Arc<Fact>>,
}

/// The facts from the moment when they were asked for, in order. Nobody waits for a reader: one that falls 4096 behind
/// is told how many it missed.
#[derive(Debug)]
pub struct Facts {
    receiver: broadcast::Receiver<Arc<Fact>>,
}

/// What comes next in [`Facts`].
#[derive(Clone, Debug)]
pub enum Next {
    /// The next fact.
    Fact(Arc<Fact>),
    /// The reader was too slow for so many facts.
    Skipped(u64),
}

impl Teller {
    pub(super) fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(QUEUE),
        }
    }

    /// Tells what `make` makes, if there is somebody to tell it to.
    pub(super) fn tell(&self, make: impl FnOnce() -> Fact) {
        if self.sender.receiver_count() > 0 {
            // The last reader may have gone since.
            let _ = self.sender.send(Arc::new(make()));
        }
    }

    pub(super) fn listen(&self) -> Facts {
        Facts {
            receiver: self.sender.subscribe(),
        }
    }
}

impl Facts {
    /// What comes next; `None` when the monitor is no more and all was told. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<Next> {
        match self.receiver.recv().await {
            Ok(fact) => Some(Next::Fact(fact)),
            Err(RecvError::Lagged(missed)) => Some(Next::Skipped(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}
