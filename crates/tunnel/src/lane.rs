//! The right to run one connection on a session.

use std::sync::Arc;

use crate::SessionError;
use crate::pair::{PairReceiver, PairSender};
use crate::session::Shared;

/// The right to run one connection on a session. Dropped unused, it is the pool's again.
#[derive(Debug)]
#[must_use = "a lane is lent to be used"]
pub struct Lane {
    session: Option<Arc<Shared>>,
}

impl Lane {
    pub(crate) fn new(session: Arc<Shared>) -> Self {
        Self {
            session: Some(session),
        }
    }

    /// Opens the pair for the pod's `port`. The opening never waits for the peer, nor for bytes; those sent before the
    /// next await go with it.
    ///
    /// # Errors
    /// The session ended since the lane was lent; nothing was sent.
    pub fn open(mut self, port: u16) -> Result<(PairSender, PairReceiver), SessionError> {
        let session = self.session.take().expect("a lane is opened once");
        let pair = session.lock().open(port)?;
        Ok((
            PairSender::new(session.clone(), pair),
            PairReceiver::new(session, pair),
        ))
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            session.lock().give_back();
        }
    }
}
