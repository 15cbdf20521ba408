use std::collections::VecDeque;
use std::future::Future;

use bytes::Bytes;
use podline_tunnel::{Chunk, FailureKind, PairEnd, PairEnded, PairReceiver, PairSender, Received};

use crate::End;

/// The way to the pod, as a carrier sees it. Implemented by the tunnel's sender, and by a mock in tests.
pub(crate) trait Upstream: Send {
    /// Waits until something may be sent: how many bytes at once.
    fn ready(&mut self) -> impl Future<Output = Result<usize, PairEnded>> + Send;
    fn send(&mut self, chunk: Chunk);
    fn finish(&mut self);
    fn reset(&mut self);
}

/// The way from the pod, as a carrier sees it. Implemented by the tunnel's receiver, and by a mock in tests.
pub(crate) trait Downstream: Send {
    /// Waits for bytes, which are added to `into`, or for the end behind them.
    fn receive(&mut self, into: &mut VecDeque<Bytes>) -> impl Future<Output = Option<End>> + Send;
    /// The app took some of the bytes.
    fn took(&mut self);
    /// Waits until the pair is ended because the app took nothing for too long.
    fn cut(&mut self) -> impl Future<Output = ()> + Send;
}

impl Upstream for PairSender {
    fn ready(&mut self) -> impl Future<Output = Result<usize, PairEnded>> + Send {
        Self::ready(self)
    }

    fn send(&mut self, chunk: Chunk) {
        Self::send(self, chunk);
    }

    fn finish(&mut self) {
        Self::finish(self);
    }

    fn reset(&mut self) {
        Self::reset(self);
    }
}

impl Downstream for PairReceiver {
    async fn receive(&mut self, into: &mut VecDeque<Bytes>) -> Option<End> {
        match Self::receive(self, into).await {
            Received::Data => None,
            Received::End(end) => Some(outcome_of(end)),
        }
    }

    fn took(&mut self) {
        Self::took(self);
    }

    async fn cut(&mut self) {
        Self::cut(self).await;
    }
}

fn outcome_of(end: PairEnd) -> End {
    match end {
        PairEnd::Clean { delivered: true } => End::Clean { verified: false },
        PairEnd::Clean { delivered: false } => End::Unsent,
        PairEnd::Failed { kind, text } => match kind {
            FailureKind::Dial => End::Refused(text),
            FailureKind::SandboxGone => End::PodGone(text),
            _ => End::PodError(text),
        },
        PairEnd::Reset => End::PodReset,
        PairEnd::SessionLost(error) => End::SessionLost(error),
        PairEnd::StalledReader => End::StalledReader,
        PairEnd::Unanswered => End::Unanswered,
        // Whatever it is, it is not known to be clean.
        _ => End::PodReset,
    }
}
