//! The two ends of one connection on a session.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use podline_wire::Untrusted;
use podline_wire::session::{self, FailureKind, PairId};
use thiserror::Error;

use crate::session::Shared;
use crate::{Chunk, SessionError};

/// The peer takes no more bytes of this connection; its receiver tells why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the peer takes no more bytes of this connection")]
pub struct PairEnded;

/// How a connection ended on its session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PairEnd {
    /// In order, as far as can be seen.
    Clean {
        /// Nothing speaks against all bytes sent having reached the pod.
        delivered: bool,
    },
    /// The runtime told an error.
    Failed {
        /// What of it is to be concluded.
        kind: FailureKind,
        /// Its whole text.
        text: Untrusted,
    },
    /// The pod reset its connection.
    Reset,
    /// The session ended under it.
    SessionLost(SessionError),
    /// The connection took nothing for so long that its neighbours on the session had to be freed of it.
    StalledReader,
    /// The peer did not answer the opening.
    Unanswered,
}

/// What [`PairReceiver::receive`] got.
#[derive(Clone, Debug)]
pub enum Received {
    /// Bytes, appended to the queue given.
    Data,
    /// The end; all bytes were given before.
    End(PairEnd),
}

/// Sends an app's bytes to the pod.
#[derive(Debug)]
pub struct PairSender {
    session: Arc<Shared>,
    pair: PairId,
}

/// Receives the pod's bytes. Dropped before the end, it resets the connection.
#[derive(Debug)]
pub struct PairReceiver {
    session: Arc<Shared>,
    pair: PairId,
}

impl PairSender {
    pub(crate) fn new(session: Arc<Shared>, pair: PairId) -> Self {
        Self { session, pair }
    }

    /// Waits until there is room; gives how many bytes the next [`PairSender::send`] may hold.
    ///
    /// # Errors
    /// The peer takes no more.
    pub async fn ready(&mut self) -> Result<usize, PairEnded> {
        poll_fn(
            |context| match self.session.lock().allowance(self.pair, context.waker()) {
                Ok(Some(bytes)) => Poll::Ready(Ok(bytes)),
                Ok(None) => Poll::Pending,
                Err(ended) => Poll::Ready(Err(ended)),
            },
        )
        .await
    }

    /// Sends `chunk` as one frame, of no more bytes than [`PairSender::ready`] gave.
    pub fn send(&mut self, chunk: Chunk) {
        self.session.lock().send(self.pair, chunk, false);
    }

    /// Ends our direction in order.
    pub fn finish(&mut self) {
        self.session.lock().send(self.pair, Chunk::with_capacity(0), true);
    }

    /// Ends both directions at once. The receiver gets nothing more.
    pub fn reset(&mut self) {
        self.session.lock().reset(self.pair);
    }
}

impl PairReceiver {
    pub(crate) fn new(session: Arc<Shared>, pair: PairId) -> Self {
        Self { session, pair }
    }

    /// Waits for bytes, which are appended to `into`, or for the end. May be called again after the end, and dropped
    /// while it waits: nothing is lost.
    pub async fn receive(&mut self, into: &mut VecDeque<Bytes>) -> Received {
        poll_fn(
            |context| match self.session.lock().receive(self.pair, into, context.waker()) {
                Some(None) => Poll::Ready(Received::Data),
                Some(Some(end)) => Poll::Ready(Received::End(end)),
                None => Poll::Pending,
            },
        )
        .await
    }
}

impl PairReceiver {
    /// Waits until the runtime has answered the opening, or has ended the connection. It answers before it looks for the
    /// pod's port, so that says nothing of the port, but how long the way to the runtime is.
    pub async fn answered(&mut self) {
        poll_fn(|context| {
            if self.session.lock().is_answered(self.pair, context.waker()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Tells that the app took bytes that were received before, so that it is not taken for one that takes nothing.
    pub fn took(&mut self) {
        self.session.lock().took(self.pair);
    }

    /// Waits until the connection is ended because its app took nothing while others waited behind it
    /// ([`PairEnd::StalledReader`]), and what it did not take is dropped.
    pub async fn cut(&mut self) {
        poll_fn(|context| {
            if self.session.lock().is_cut(self.pair, context.waker()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

impl Drop for PairReceiver {
    fn drop(&mut self) {
        self.session.lock().forget(self.pair);
    }
}

impl PairEnd {
    /// `dropped`: bytes of ours were never sent.
    pub(crate) fn of(end: session::PairEnd, dropped: bool) -> Self {
        match end {
            session::PairEnd::Clean { delivered } => Self::Clean {
                delivered: delivered && !dropped,
            },
            session::PairEnd::Failed { kind, text } => Self::Failed { kind, text },
            session::PairEnd::Reset => Self::Reset,
            session::PairEnd::Unanswered => Self::Unanswered,
            _ => Self::Clean { delivered: false },
        }
    }
}
