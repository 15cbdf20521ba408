//! The sessions of a walk: one of each transport, and the probes of ports on one of them.

use std::sync::Arc;
use std::time::Duration;

use podline_cluster::{Cluster, ConnectError};
use podline_tunnel::{PodAddress, Pool, PoolOptions, SessionError, Transport, TransportChoice};
use tokio::time::{Instant, timeout};

use super::{Finding, Hop, Stage, State};
use crate::End;
use crate::probe::{self, Ask, Told};
use crate::reason::reason;

/// How long a session may take to come about: the tunnel gives the upgrade 15 s, the connection before it included.
const SESSION_DEADLINE: Duration = Duration::from_secs(20);

/// A session of each transport.
pub(super) struct Sessions {
    made: Vec<Made>,
}

struct Made {
    transport: Transport,
    pool: Pool,
    took: Duration,
    error: Option<SessionError>,
}

impl Sessions {
    /// Makes them, one after the other so that neither makes the other one slow.
    pub(super) async fn make(cluster: &Cluster, pod: &PodAddress) -> Self {
        let mut made = Vec::new();
        for (transport, choice) in [
            (Transport::Websocket, TransportChoice::Websocket),
            (Transport::Spdy, TransportChoice::Spdy),
        ] {
            let mut options = PoolOptions {
                transport: choice,
                ..PoolOptions::default()
            };
            options.config.floor = 0;
            let begun = Instant::now();
            let pool = Pool::new(Arc::new(cluster.clone()), pod.clone(), options);
            // That it can lend shows that a session is ready, and asks for one where none is to be kept.
            let error = match timeout(SESSION_DEADLINE, pool.lend()).await {
                Ok(Ok(_unused)) => None,
                Ok(Err(error)) => Some(error),
                Err(_) => Some(SessionError::Upgrade(Arc::new(
                    podline_tunnel::UpgradeFailure::Timeout {
                        step: "making the session",
                    },
                ))),
            };
            made.push(Made {
                transport,
                pool,
                took: begun.elapsed(),
                error,
            });
        }
        Self { made }
    }

    /// What came of each. Where none could be made, the last of them failed.
    pub(super) fn hops(&self) -> Vec<Hop> {
        let none = self.pool().is_none();
        let last = self.made.len().saturating_sub(1);
        let hops = self.made.iter().enumerate().map(|(place, made)| {
            let hop =
                Hop::new(Stage::Session, State::Good, made.took).found(Finding::Session(made.transport));
            let Some(error) = &made.error else {
                return hop;
            };
            let state = if none && place == last {
                State::Failed
            } else {
                State::Doubtful
            };
            let hop = hop.problem(reason(error).as_raw(), session_hint(error));
            Hop { state, ..hop }
        });
        hops.collect()
    }

    /// Probes `port` on a session that could be made.
    pub(super) async fn probe(&self, port: u16, ask: Option<&Ask>) -> (Result<Told, End>, Duration) {
        let Some(pool) = self.pool() else {
            return (Err(End::Unanswered), Duration::ZERO);
        };
        let begun = Instant::now();
        let told = match pool.lend().await {
            Ok(lane) => probe::run(pool, lane, port, ask).await,
            Err(error) => Err(End::SessionLost(error)),
        };
        (told, begun.elapsed())
    }

    /// Ends them in order, which takes 1.3 s at most.
    pub(super) async fn shutdown(&self) {
        futures_util::future::join_all(self.made.iter().map(|made| made.pool.shutdown())).await;
    }

    fn pool(&self) -> Option<&Pool> {
        let made = self.made.iter().find(|made| made.error.is_none());
        made.map(|made| &made.pool)
    }
}

/// What can be done about a session that could not be made.
pub(crate) fn session_hint(error: &SessionError) -> Option<String> {
    if let SessionError::Upgrade(failure) = error {
        return ConnectError::behind(&**failure).and_then(ConnectError::hint);
    }
    error.hint().map(str::to_owned)
}
