use std::io::Read;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::copy::{Stop, failed};
use super::{Carried, Carrier, Downstream, Judge, Observer, PassOn, Upstream};
use crate::socket::{reset, reset_when_sent};
use crate::{End, Tap};

/// How long the end of a pair is waited for once its app has closed: the runtime's second, and the way there and back.
const TAIL: Duration = Duration::from_secs(5);

/// What is left of a connection.
pub(crate) struct Closed<O = Option<Box<dyn Tap>>> {
    pub(crate) carried: Carried,
    pub(crate) end: End,
    /// It is still to be told of the outcome.
    pub(crate) observer: O,
}

impl<U: Upstream, D: Downstream, O: Observer> Carrier<U, D, O> {
    /// Ends both sides as truth wants it: an orderly end for the app only where nothing was lost, and every byte that
    /// came before any end.
    pub(crate) async fn close(
        mut self,
        why: Stop,
        stop: &CancellationToken,
        judge: &impl Judge,
    ) -> Closed<O> {
        let end = match why {
            Stop::AppReset => return self.abort(End::AppReset),
            Stop::AppStalled => return self.abort(End::StalledReader),
            Stop::ShutDown => return self.abort(End::ShutDown),
            Stop::AppClosed => return self.outlive(stop).await,
            Stop::Pair(end) if end.is_clean() && self.half_close.is_cut(self.clock.now()) => End::CutShort,
            Stop::Pair(end) => end,
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return self.abort(End::ShutDown),
            flushed = self.flush() => if flushed.is_err() {
                return self.abort(End::AppReset);
            },
        }
        let end = if end.is_clean() && !has_unread(&self.app) {
            let evidence = self.half_close.evidence(self.clock.now());
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.abort(End::ShutDown),
                end = judge.judge(evidence) => end,
                () = failed(&self.app) => return self.abort(End::AppReset),
            }
        } else {
            end
        };
        let end = if end.is_clean() && has_unread(&self.app) {
            End::Unsent
        } else {
            end
        };
        let Self {
            app,
            carried,
            observer,
            ..
        } = self;
        if end.is_clean() {
            drop(app);
        } else {
            tokio::select! {
                () = stop.cancelled() => {}
                () = reset_when_sent(app) => {}
            }
        }
        Closed {
            carried,
            end,
            observer,
        }
    }

    fn abort(mut self, end: End) -> Closed<O> {
        self.upstream.reset();
        reset(self.app);
        Closed {
            carried: self.carried,
            end,
            observer: self.observer,
        }
    }

    /// Waits for the end of a pair whose app has closed. What comes meanwhile is nobody's.
    async fn outlive(self, stop: &CancellationToken) -> Closed<O> {
        let Self {
            app,
            mut upstream,
            mut downstream,
            mut half_close,
            clock,
            mut waiting,
            carried,
            observer,
            ..
        } = self;
        drop(app);
        if half_close.poll_pass_on(clock.now()) == PassOn::Now {
            upstream.finish();
        }
        let ended = async {
            loop {
                waiting.clear();
                if let Some(end) = downstream.receive(&mut waiting).await {
                    return end;
                }
            }
        };
        let end = tokio::select! {
            end = ended => end,
            () = time::sleep(TAIL) => {
                upstream.reset();
                End::Clean { verified: false }
            }
            () = stop.cancelled() => {
                upstream.reset();
                End::ShutDown
            }
        };
        Closed {
            carried,
            end,
            observer,
        }
    }

    /// Waits until the app's socket has taken all that came.
    async fn flush(&mut self) -> std::io::Result<()> {
        while !self.waiting.is_empty() {
            self.app.writable().await?;
            self.write()?;
        }
        Ok(())
    }
}

/// Whether the app sent something that will not be read any more.
fn has_unread(app: &TcpStream) -> bool {
    (&*SockRef::from(app))
        .read(&mut [0])
        .is_ok_and(|length| length > 0)
}
