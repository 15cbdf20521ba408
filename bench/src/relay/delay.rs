use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Tasks that may wait at once. One more blocks the runtime until the thread has woken one, which needs no runtime.
const WAITING: usize = 1 << 14;

/// Wakes tasks at given moments more exactly than the runtime's timer, which counts whole milliseconds.
///
/// All moments lie the same delay ahead when they are made, so they come in order and one thread that sleeps until each in
/// turn is enough. The thread ends with the last clone of the line.
#[derive(Clone)]
pub(crate) struct DelayLine {
    one_way: Duration,
    wakes: mpsc::SyncSender<(Instant, oneshot::Sender<()>)>,
}

impl DelayLine {
    pub(crate) fn start(one_way: Duration) -> io::Result<Self> {
        let (wakes, receiver) = mpsc::sync_channel::<(Instant, oneshot::Sender<()>)>(WAITING);
        thread::Builder::new()
            .name("delay line".to_owned())
            .spawn(move || {
                for (due, wake) in receiver {
                    if let Some(wait) = due.checked_duration_since(Instant::now()) {
                        thread::sleep(wait);
                    }
                    // The task that waited may be gone with its connection.
                    let _ = wake.send(());
                }
            })?;
        Ok(Self { one_way, wakes })
    }

    /// The delay of one direction.
    pub(crate) fn one_way(&self) -> Duration {
        self.one_way
    }

    /// Waits until `due`, which lies at most `one_way` ahead.
    pub(crate) async fn until(&self, due: Instant) {
        if due <= Instant::now() {
            return;
        }
        let (wake, woken) = oneshot::channel();
        if self.wakes.send((due, wake)).is_ok() {
            let _ = woken.await;
        }
    }
}
