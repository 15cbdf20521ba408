//! What goes wrong in the cluster, again and again.

use std::time::Duration;

use fastrand::Rng;
use http::StatusCode;
use podline_minicluster::{
    Minicluster, StoreError,
    node::{ApiFault, UpgradeFault},
};
use tokio::time::sleep;

use crate::{
    ledger::{Ledger, Place},
    mixed::NAMESPACE,
};

/// How long after a fault its last reset may come: a runtime waits for a second before it closes.
const ECHO: Duration = Duration::from_secs(4);

/// How long after it the death of a process may be noticed: where the API server did not answer just before, what was asked
/// of it then is taken for lost after 4 s at the latest, and what ends within 3 s of the news is held against the death.
const LATE_NEWS: Duration = Duration::from_secs(8);

/// How long after it the loss of a session may be noticed that nobody tells of: a PING is due after 10 s and given up after
/// 10 s more.
const SILENT_ECHO: Duration = Duration::from_secs(25);

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    ApiAnswers(StatusCode),
    ApiHangs,
    ApiServerRestart,
    BackendsCut,
    CompactedStore,
    EchoDeleted,
    EchoEvicted,
    EchoKilled,
    EchoRolledOut,
    EchoScaledToZero,
    SessionsCut,
    SessionsExpired,
    ShortSessions,
    SlowNetwork,
    ToolsReplaced,
    UpgradesAnswered(StatusCode),
    WebDeleted,
    WebRolledOut,
    WebUnready,
}

impl Fault {
    pub(crate) const ALL: [Self; 23] = [
        Self::ApiAnswers(StatusCode::TOO_MANY_REQUESTS),
        Self::ApiAnswers(StatusCode::INTERNAL_SERVER_ERROR),
        Self::ApiAnswers(StatusCode::SERVICE_UNAVAILABLE),
        Self::ApiHangs,
        Self::ApiServerRestart,
        Self::BackendsCut,
        Self::CompactedStore,
        Self::EchoDeleted,
        Self::EchoEvicted,
        Self::EchoKilled,
        Self::EchoRolledOut,
        Self::EchoScaledToZero,
        Self::SessionsCut,
        Self::SessionsExpired,
        Self::ShortSessions,
        Self::SlowNetwork,
        Self::ToolsReplaced,
        Self::UpgradesAnswered(StatusCode::TOO_MANY_REQUESTS),
        Self::UpgradesAnswered(StatusCode::INTERNAL_SERVER_ERROR),
        Self::UpgradesAnswered(StatusCode::SERVICE_UNAVAILABLE),
        Self::WebDeleted,
        Self::WebRolledOut,
        Self::WebUnready,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ApiAnswers(StatusCode::TOO_MANY_REQUESTS) => "the API server answers 429",
            Self::ApiAnswers(StatusCode::INTERNAL_SERVER_ERROR) => "the API server answers 500",
            Self::ApiAnswers(_) => "the API server answers 503",
            Self::ApiHangs => "the API server never answers",
            Self::ApiServerRestart => "the API server is killed and comes back",
            Self::BackendsCut => "the kubelet loses the runtime",
            Self::CompactedStore => "all watches end with 410",
            Self::EchoDeleted => "a pod of a deployment is deleted",
            Self::EchoEvicted => "a pod of a deployment is evicted",
            Self::EchoKilled => "a pod's processes are killed and restarted",
            Self::EchoRolledOut => "a deployment is rolled out",
            Self::EchoScaledToZero => "a deployment is scaled to zero and back",
            Self::SessionsCut => "all sessions are cut",
            Self::SessionsExpired => "all sessions' idle timers expire",
            Self::ShortSessions => "new sessions are cut after 2 MB",
            Self::SlowNetwork => "new sessions are 40 ms away",
            Self::ToolsReplaced => "a pod is replaced by one of its name",
            Self::UpgradesAnswered(StatusCode::TOO_MANY_REQUESTS) => "upgrades are answered by 429",
            Self::UpgradesAnswered(StatusCode::INTERNAL_SERVER_ERROR) => "upgrades are answered by 500",
            Self::UpgradesAnswered(_) => "upgrades are answered by 503",
            Self::WebDeleted => "a pod of a service is deleted",
            Self::WebRolledOut => "a service's pods are rolled out",
            Self::WebUnready => "a pod of a service is unready",
        }
    }

    /// The places whose connections it may cut.
    fn places(self) -> &'static [Place] {
        match self {
            Self::ApiServerRestart
            | Self::BackendsCut
            | Self::SessionsCut
            | Self::SessionsExpired
            | Self::ShortSessions => &Place::ALL,
            Self::EchoDeleted
            | Self::EchoEvicted
            | Self::EchoKilled
            | Self::EchoRolledOut
            | Self::EchoScaledToZero => &[Place::Echo],
            Self::ToolsReplaced => &[Place::Tools],
            Self::WebDeleted | Self::WebRolledOut => &[Place::Web],
            // They keep new sessions from being made, or make them slow; no connection has a reason to end.
            Self::ApiAnswers(_)
            | Self::ApiHangs
            | Self::CompactedStore
            | Self::SlowNetwork
            | Self::UpgradesAnswered(_)
            | Self::WebUnready => &[],
        }
    }

    /// Whether the API server may not tell of pods because of it, nor answer who asks.
    fn blinds(self) -> bool {
        matches!(
            self,
            Self::ApiAnswers(_) | Self::ApiHangs | Self::ApiServerRestart | Self::CompactedStore
        )
    }

    fn echo(self) -> Duration {
        match self {
            // Live sessions keep what they had when they were made.
            Self::BackendsCut | Self::ShortSessions => SILENT_ECHO,
            Self::EchoKilled => LATE_NEWS,
            _ => ECHO,
        }
    }

    /// Makes it happen, and returns when it is over.
    pub(crate) async fn happen(
        self,
        minicluster: &Minicluster,
        ledger: &Ledger,
        random: &mut Rng,
    ) -> Result<(), StoreError> {
        let mark = ledger.begin(self.name(), self.places());
        let result = self.do_it(minicluster, random).await;
        if self.blinds() {
            ledger.blind(LATE_NEWS);
        }
        ledger.end(mark, self.echo());
        result
    }

    async fn do_it(self, minicluster: &Minicluster, random: &mut Rng) -> Result<(), StoreError> {
        let (store, faults) = (minicluster.store(), minicluster.faults());
        let a_while = Duration::from_millis(random.u64(200..3000));
        match self {
            Self::ApiAnswers(status) => {
                faults.set(|faults| faults.api = ApiFault::Answer(status));
                sleep(a_while).await;
                faults.set(|faults| faults.api = ApiFault::None);
            }
            Self::ApiHangs => {
                faults.set(|faults| faults.api = ApiFault::Hang);
                sleep(a_while).await;
                faults.set(|faults| faults.api = ApiFault::None);
            }
            Self::ApiServerRestart => {
                minicluster.stop_api_server().await;
                sleep(a_while).await;
                minicluster
                    .start_api_server()
                    .await
                    .map_err(|_| StoreError::Timeout)?;
            }
            Self::BackendsCut => faults.cut_backends(),
            Self::CompactedStore => store.compact(),
            Self::EchoDeleted => {
                let pod = one_of(minicluster, "echo", random)?;
                store.delete_pod(NAMESPACE, &pod).await?;
                store.wait_for_pods(NAMESPACE, "echo", 2).await?;
            }
            Self::EchoEvicted => {
                let pod = one_of(minicluster, "echo", random)?;
                minicluster.evict(NAMESPACE, &pod).await?;
                store.wait_for_pods(NAMESPACE, "echo", 2).await?;
                // The object of an evicted pod stays until somebody takes it away.
                store.delete_pod(NAMESPACE, &pod).await?;
            }
            Self::EchoKilled => {
                let pod = one_of(minicluster, "echo", random)?;
                minicluster.kill_processes(NAMESPACE, &pod).await?;
                sleep(a_while).await;
                minicluster.restart_processes(NAMESPACE, &pod).await?;
            }
            Self::EchoRolledOut => store.roll_out(NAMESPACE, "echo").await?,
            Self::EchoScaledToZero => {
                store.scale(NAMESPACE, "echo", 0)?;
                store.wait_for_pods(NAMESPACE, "echo", 0).await?;
                sleep(a_while).await;
                store.scale(NAMESPACE, "echo", 2)?;
                store.wait_for_pods(NAMESPACE, "echo", 2).await?;
            }
            Self::SessionsCut => faults.cut_sessions(),
            Self::SessionsExpired => faults.expire_sessions(),
            Self::ShortSessions => {
                faults.set(|faults| faults.cut_after = Some(2_000_000));
                sleep(a_while).await;
                faults.set(|faults| faults.cut_after = None);
            }
            Self::SlowNetwork => {
                faults.set(|faults| faults.latency = Duration::from_millis(40));
                sleep(a_while).await;
                faults.set(|faults| faults.latency = Duration::ZERO);
            }
            Self::ToolsReplaced => {
                store.replace_pod(NAMESPACE, "tools").await?;
            }
            Self::UpgradesAnswered(status) => {
                faults.set(|faults| faults.upgrade = UpgradeFault::Answer(status));
                sleep(a_while).await;
                faults.set(|faults| faults.upgrade = UpgradeFault::None);
            }
            Self::WebDeleted => {
                let pod = one_of(minicluster, "web", random)?;
                store.delete_pod(NAMESPACE, &pod).await?;
                store.wait_for_pods(NAMESPACE, "web", 2).await?;
            }
            Self::WebRolledOut => store.roll_out(NAMESPACE, "web").await?,
            Self::WebUnready => {
                let pod = one_of(minicluster, "web", random)?;
                store.set_ready(NAMESPACE, &pod, false)?;
                sleep(a_while).await;
                store.set_ready(NAMESPACE, &pod, true)?;
            }
        }
        Ok(())
    }
}

/// A pod of a deployment.
fn one_of(minicluster: &Minicluster, app: &str, random: &mut Rng) -> Result<String, StoreError> {
    let pods = minicluster.store().pods(NAMESPACE).into_iter();
    let pods: Vec<String> = pods
        .filter(|pod| pod.labels.get("app").is_some_and(|label| label == app) && !pod.deleting && pod.running)
        .map(|pod| pod.name)
        .collect();
    random.choice(pods).ok_or(StoreError::NotFound)
}
