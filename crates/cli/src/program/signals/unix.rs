//! Where signals come from on Unix.

mod origin;

use std::{
    future::{Future, poll_fn},
    io,
    pin::pin,
    task::Poll,
};

use tokio::signal::unix::{self, SignalKind};

use super::{Sender, Signal};
use origin::Origin;

/// The signals that are listened to.
pub(super) struct Source {
    heard: Vec<Heard>,
}

struct Heard {
    arrivals: unix::Signal,
    origin: Origin,
    signal: Signal,
}

impl Source {
    pub(super) fn new() -> io::Result<Self> {
        Self::of(&[Signal::Interrupt, Signal::Terminate])
    }

    pub(super) fn for_command() -> io::Result<Self> {
        let mut signals = vec![Signal::Interrupt, Signal::Terminate, Signal::Quit];
        // Who says `nohup` means the command too, which inherits it.
        if !origin::is_ignored(Signal::Hangup) {
            signals.push(Signal::Hangup);
        }
        Self::of(&signals)
    }

    fn of(signals: &[Signal]) -> io::Result<Self> {
        let hear = |&signal: &Signal| {
            // In this order: by the time that a signal arrives here, its origin is known.
            let origin = Origin::watch(signal)?;
            let arrivals = unix::signal(SignalKind::from_raw(signal.number().into()))?;
            Ok(Heard {
                arrivals,
                origin,
                signal,
            })
        };
        Ok(Self {
            heard: signals.iter().map(hear).collect::<io::Result<_>>()?,
        })
    }

    pub(super) async fn next(&mut self) -> (Signal, Sender) {
        poll_fn(|context| {
            for heard in &mut self.heard {
                if let Poll::Ready(Some(())) = pin!(heard.arrivals.recv()).poll(context) {
                    return Poll::Ready((heard.signal, heard.origin.take()));
                }
            }
            Poll::Pending
        })
        .await
    }
}
