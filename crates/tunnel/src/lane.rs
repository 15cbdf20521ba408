//! The right to run one connection on a session.

use std::sync::Arc;
use std::time::Duration;

use crate::pair::{PairReceiver, PairSender};
use crate::session::Shared;
use crate::{Chunk, SessionError};

/// The right to run one connection on a session. Dropped unused, it is the pool's again.
#[derive(Debug)]
#[must_use = "a lane is lent to be used"]
pub struct Lane {
    session: Option<Arc<Shared>>,
    /// Others may be on the lane.
    shared: bool,
}

impl Lane {
    pub(crate) fn new(session: Arc<Shared>, shared: bool) -> Self {
        Self {
            session: Some(session),
            shared,
        }
    }

    /// The number of its session, from 0 in the order in which the pool asked for them.
    pub fn session(&self) -> u64 {
        self.session.as_ref().map_or(0, |session| session.number())
    }

    /// How long a PING takes to the peer and back, on the lane's session; None if it can have no answer now. The lane is
    /// not used up. A peer that never answers is waited for until the session is found dead.
    ///
    /// # Errors
    /// The session ended.
    pub async fn round_trip(&self) -> Result<Option<Duration>, SessionError> {
        let Some(session) = &self.session else {
            return Ok(None);
        };
        let Some(answer) = session.lock().time_ping()? else {
            return Ok(None);
        };
        match answer.await {
            Ok(took) => Ok(Some(took)),
            Err(_) => Err(session.lock().lost().unwrap_or(SessionError::ShutDown)),
        }
    }

    /// Opens the pair for the pod's `port`. The opening never waits for the peer, nor for bytes.
    ///
    /// # Errors
    /// The session ended since the lane was lent; nothing was sent.
    pub fn open(self, port: u16) -> Result<(PairSender, PairReceiver), SessionError> {
        self.open_with(port, None)
    }

    /// As [`Lane::open`]; what the app has said already goes in one write with the opening.
    ///
    /// # Errors
    /// The session ended since the lane was lent; nothing was sent.
    pub fn open_with(
        self,
        port: u16,
        first: Option<Chunk>,
    ) -> Result<(PairSender, PairReceiver), SessionError> {
        self.open_and_send(port, first, false)
    }

    /// As [`Lane::open`]; our direction is ended in one write with the opening. Of all pairs this one can block nobody,
    /// whatever becomes of the runtime's connection into the pod.
    ///
    /// # Errors
    /// The session ended since the lane was lent; nothing was sent.
    pub fn open_finished(self, port: u16) -> Result<PairReceiver, SessionError> {
        let nothing = Chunk::with_capacity(0);
        let (_, receiver) = self.open_and_send(port, Some(nothing), true)?;
        Ok(receiver)
    }

    fn open_and_send(
        mut self,
        port: u16,
        first: Option<Chunk>,
        fin: bool,
    ) -> Result<(PairSender, PairReceiver), SessionError> {
        let session = self.session.take().expect("a lane is opened once");
        let pair = {
            // Under one lock, or the session's task could send the opening before the bytes are there.
            let mut core = session.lock();
            let pair = core.open(port, self.shared)?;
            if let Some(first) = first {
                core.send(pair, first, fin);
            }
            pair
        };
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
