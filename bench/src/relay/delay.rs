use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Chunks that may be under way at once. One more blocks the runtime until the thread has woken one, which needs no
/// runtime.
const UNDER_WAY: usize = 1 << 14;

/// Tells tasks when a delay has passed, more exactly than the runtime's timer, which counts whole milliseconds.
///
/// All delays are as long and begin when they are asked for, so they end in order and one thread that sleeps until each
/// in turn is enough. The thread ends with the last clone of the line.
#[derive(Clone)]
pub(crate) struct DelayLine {
    one_way: Duration,
    delays: mpsc::SyncSender<(Instant, oneshot::Sender<()>)>,
}

/// A delay that has begun.
pub(crate) struct Delay(oneshot::Receiver<()>);

impl DelayLine {
    pub(crate) fn start(one_way: Duration) -> io::Result<Self> {
        let (delays, receiver) = mpsc::sync_channel::<(Instant, oneshot::Sender<()>)>(UNDER_WAY);
        thread::Builder::new()
            .name("delay line".to_owned())
            .spawn(move || {
                for (due, passed) in receiver {
                    if let Some(wait) = due.checked_duration_since(Instant::now()) {
                        thread::sleep(wait);
                    }
                    // The task that waited may be gone with its connection.
                    let _ = passed.send(());
                }
            })?;
        Ok(Self { one_way, delays })
    }

    /// Begins the delay of one direction. It is begun when a chunk comes and not when the one before it has passed:
    /// a delay asked for late would stand behind those of other connections that end after it.
    pub(crate) fn begin(&self) -> Delay {
        let (passed, receiver) = oneshot::channel();
        // A thread that is gone drops the sender, which ends the delay.
        let _ = self.delays.send((Instant::now() + self.one_way, passed));
        Delay(receiver)
    }
}

impl Delay {
    /// Waits until it has passed.
    pub(crate) async fn passed(self) {
        let _ = self.0.await;
    }
}
