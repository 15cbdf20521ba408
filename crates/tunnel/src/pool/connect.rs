//! The life of one session of a pool: made, driven, gone.

use std::sync::Arc;

use podline_wire::pool::{Report, SessionKey};
use podline_wire::session::{Peer, SessionFault};

use crate::request::{self, Upgraded};
use crate::session::{Observer, Shared};
use crate::{SessionError, Transport, TransportChoice};

use super::{Live, PoolEvent, State};

/// Makes the session `key`, drives it, and takes it out when it is over.
pub(super) async fn run(state: Arc<State>, key: SessionKey, worked: Option<Transport>) {
    let (upgraded, transport) = match connect(&state, worked).await {
        Ok(made) => made,
        Err(error) => return failed(&state, key, error),
    };
    let observer = Reporter {
        state: state.clone(),
        key,
    };
    let known = state.lock().peer;
    let (session, driver) = Shared::start(
        key.number(),
        state.clock,
        known,
        state.stalled_reader,
        upgraded,
        transport,
        observer,
    );
    let (report, _) = session.lock().report();
    {
        let mut inner = state.lock();
        if inner.policy.is_closed() {
            // The pool was shut down, and could not stop this task any more.
            return;
        }
        inner.worked = Some(transport);
        inner.is_failing = false;
        inner.sessions.insert(key, Live::Ready(session));
    }
    state.first.send_replace(Some(Ok(transport)));
    state.tell(PoolEvent::SessionUp(transport));
    state.act(|policy, now| policy.handle_connected(now, key, report));
    let error = driver.run().await;
    tracing::debug!(error = %error, "a session is over");
    {
        // At once, or a lane of it could be lent in between.
        let mut inner = state.lock();
        inner.sessions.remove(&key);
        inner.policy.handle_lost(state.clock.now(), key);
        if matches!(error, SessionError::Fault(SessionFault::Silent)) {
            // What swallowed this one's bytes may swallow the others' too.
            for session in inner.ready() {
                session.lock().handle_doubt();
            }
        }
    }
    state.removed.notify_waiters();
    if !matches!(error, SessionError::ShutDown) {
        state.tell(PoolEvent::SessionLost(error));
    }
    state.perform();
}

/// By WebSocket first and by SPDY where that is refused, unless one was chosen or has worked before.
async fn connect(state: &State, worked: Option<Transport>) -> Result<(Upgraded, Transport), SessionError> {
    let first = match state.transport {
        TransportChoice::Auto => worked.unwrap_or(Transport::Websocket),
        TransportChoice::Spdy => Transport::Spdy,
        TransportChoice::Websocket => Transport::Websocket,
    };
    let refused = match attempt(state, first).await {
        Ok(upgraded) => return Ok((upgraded, first)),
        Err(error) => error,
    };
    let may_fall_back = state.transport == TransportChoice::Auto && first == Transport::Websocket;
    if !may_fall_back || worked.is_some() || !request::other_transport_may_work(&refused) {
        return Err(refused);
    }
    let upgraded = attempt(state, Transport::Spdy).await?;
    // Of those that were refused at the same time one tells.
    if state.lock().worked.replace(Transport::Spdy).is_none() {
        state.tell(PoolEvent::FellBack(refused));
    }
    Ok((upgraded, Transport::Spdy))
}

async fn attempt(state: &State, transport: Transport) -> Result<Upgraded, SessionError> {
    let entropy = state.lock().entropy.key();
    request::upgrade(&*state.cluster, &state.pod, transport, entropy).await
}

fn failed(state: &Arc<State>, key: SessionKey, error: SessionError) {
    tracing::debug!(error = %error, "a session could not be made");
    let (none_left, entropy) = {
        let mut inner = state.lock();
        inner.sessions.remove(&key);
        inner.failure = Some(error.clone());
        inner.is_failing = true;
        // Another that is ready or on its way may be the first.
        (inner.sessions.is_empty(), inner.entropy.number())
    };
    if none_left {
        state.first.send_replace(Some(Err(error.clone())));
    }
    let retry_after = error.retry_after();
    state.tell(PoolEvent::SessionFailed(error));
    state.act(|policy, now| policy.handle_failed(now, key, retry_after, entropy));
}

/// Tells the pool how one session does.
struct Reporter {
    state: Arc<State>,
    key: SessionKey,
}

impl Observer for Reporter {
    fn reported(&self, report: Report, settled: usize) {
        self.state
            .act(|policy, now| policy.handle_report(now, self.key, report, settled));
    }

    fn peer_known(&self, peer: Peer) {
        let mut inner = self.state.lock();
        if inner.peer == Some(peer) {
            return;
        }
        inner.peer = Some(peer);
        tracing::debug!(?peer, "it is known what answers sessions");
        // The pod's other sessions need not find out for themselves.
        for session in inner.ready() {
            session.lock().handle_peer_known(peer);
        }
    }
}
