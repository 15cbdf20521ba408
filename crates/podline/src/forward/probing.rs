use std::time::{Duration, Instant};

use podline_wire::session::PONG_DEADLINE;
use tokio::time::timeout;

use super::Forward;
use super::search::Search;
use super::shared::Report;
use crate::End;
use crate::probe::{self, Ask, Probed, Told};

impl Forward {
    /// Whether the forward's port number `port` is open now, in the pod whose turn it is: bound is a port from the
    /// start, see [`Forward::local_addrs`]. Ports are counted from 0 in the order in which they were named.
    ///
    /// It takes a connection on the same sessions as all others, which the app sees as one that says nothing and is closed.
    /// An open port shows itself after about a second, which the container runtime takes; one that speaks first, or that
    /// closes, sooner. Connections are in no way delayed meanwhile, and the probe is in no event and no tap.
    ///
    /// # Errors
    /// Nothing could be found out of the port, as told by the end that a connection would have had.
    ///
    /// # Panics
    /// There is no such port.
    pub async fn probe(&self, port: usize) -> Result<Probed, End> {
        self.probe_with(port, None).await
    }

    /// Whether something serves at the forward's port number `port` now, in the pod whose turn it is: a byte comes back to
    /// what is asked. Where none does within some seconds, it is said whether the port is open at least, as
    /// [`Forward::probe`] does, which takes a second connection.
    ///
    /// # Errors
    /// As [`Forward::probe`].
    ///
    /// # Panics
    /// As [`Forward::probe`].
    pub async fn probe_serving(&self, port: usize, ask: &Ask) -> Result<Probed, End> {
        self.probe_with(port, Some(ask)).await
    }

    /// How long the way to the node of the pod whose turn it is takes, there and back: a PING on a session to it, at one of the
    /// forward's ports as in [`Forward::probe`]. It does not reach the pod, and the app sees nothing of it. None: the session's lanes
    /// are all taken by what stalls them, so that nothing answers.
    ///
    /// # Errors
    /// As [`Forward::probe`].
    ///
    /// # Panics
    /// As [`Forward::probe`].
    pub async fn round_trip(&self, port: usize) -> Result<Option<Duration>, End> {
        let shared = &self.shared;
        assert!(port < shared.remotes.len(), "there is no port number {port}");
        let mut search = Search::new(&shared.stop);
        let (_, _, lane) = search.lane(shared, port).await?;
        match timeout(PONG_DEADLINE, lane.round_trip()).await {
            Ok(took) => took.map_err(End::SessionLost),
            Err(_) => Err(End::Unanswered),
        }
    }

    async fn probe_with(&self, index: usize, ask: Option<&Ask>) -> Result<Probed, End> {
        let shared = &self.shared;
        assert!(index < shared.remotes.len(), "there is no port number {index}");
        let mut search = Search::new(&shared.stop);
        let (route, port, lane) = search.lane(shared, index).await?;
        let asked = Instant::now();
        let told = probe::run(route.sessions.pool(shared), lane, port, ask).await;
        if let Err(End::PodGone(text)) = &told {
            let (pod, reason) = (route.pod.clone(), text.clone());
            shared.report(Report::Gone { pod, reason }).await;
        }
        let Told { probe, round_trip } = told?;
        Ok(Probed {
            pod: route.pod.address.clone(),
            port,
            probe,
            took: asked.elapsed(),
            round_trip,
        })
    }
}
