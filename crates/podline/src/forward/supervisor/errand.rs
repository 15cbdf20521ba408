//! What takes time, done beside the supervisor.

use std::sync::Arc;
use std::time::Duration;

use podline_cluster::{Found, Kind, Target};
use podline_tunnel::SessionError;
use podline_wire::Untrusted;
use tokio::time;

use super::super::life::AFTERMATH;
use super::super::served::ServedPod;
use super::super::sessions::Sessions;
use super::super::shared::Shared;

/// How long the API server may take to say which pods there are.
const FIND_DEADLINE: Duration = Duration::from_secs(15);
/// How long it may take for each of the first questions: what has no answer may be lost, or the server may be slow.
const CHECK_DEADLINES: [Duration; 3] = [
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// How long after a question that nobody answered the next one is asked.
const RECHECK_PAUSE: Duration = Duration::from_secs(2);
/// The least time between two tries, however many connections ask for one.
const LEAST_PAUSE: Duration = Duration::from_millis(100);
/// How long connections to a pod that is gone may take to end by themselves; the runtime needs a second.
const GONE_GRACE: Duration = Duration::from_secs(5);
/// How long they take to end when they are ended.
const GONE_END: Duration = Duration::from_secs(1);

/// What came of an errand.
pub(super) enum Done {
    /// The connections that a container took with it have ended.
    Aftermath { pod: Arc<ServedPod>, death: Untrusted },
    /// Whether a pod that is not the target's any more does not exist any more either; `None` if nobody answered.
    Checked {
        pod: Arc<ServedPod>,
        is_gone: Option<bool>,
    },
    /// The connections to a pod that is gone have ended.
    Drained { pod: Arc<ServedPod> },
    /// The pods as they are now.
    Looked { found: Option<Found> },
    /// Whether a session to the pod can be had.
    Probed {
        pod: Arc<ServedPod>,
        result: Result<(), SessionError>,
    },
    /// Whether a pod does not exist any more of which nobody answered that at first.
    Rechecked { pod: Arc<ServedPod>, is_gone: bool },
}

/// Waits for the end of the connections that a container took with it when it died.
pub(super) async fn aftermath(pod: Arc<ServedPod>, death: Untrusted) -> Done {
    time::sleep(AFTERMATH).await;
    Done::Aftermath { pod, death }
}

/// A pod may have left the target without having ended: it has to be asked for by name.
pub(super) async fn check(shared: Arc<Shared>, pod: Arc<ServedPod>) -> Done {
    let mut is_gone = None;
    for deadline in CHECK_DEADLINES {
        is_gone = is_known_to_be_gone(&shared, &pod, deadline).await;
        if is_gone.is_some() {
            break;
        }
    }
    Done::Checked { pod, is_gone }
}

/// Asks for a pod again until somebody answers.
pub(super) async fn recheck(shared: Arc<Shared>, pod: Arc<ServedPod>) -> Done {
    loop {
        time::sleep(RECHECK_PAUSE).await;
        if let Some(is_gone) = is_known_to_be_gone(&shared, &pod, FIND_DEADLINE).await {
            return Done::Rechecked { pod, is_gone };
        }
    }
}

/// Whether the pod does not exist any more; `None` if nobody answers that. Whoever may not ask has to take it for there.
async fn is_known_to_be_gone(shared: &Shared, pod: &ServedPod, deadline: Duration) -> Option<bool> {
    let target = Target {
        namespace: Some(pod.address.namespace.clone()),
        kind: Kind::Pod,
        name: pod.address.name.clone(),
    };
    match time::timeout(deadline, shared.cluster.find(&target)).await.ok()? {
        Ok(found) => Some(found.pods.iter().all(|found| found.uid != pod.uid)),
        Err(error) if error.is_not_found() => Some(true),
        Err(error) if error.is_forbidden() || error.needs_login() => Some(false),
        Err(_) => None,
    }
}

/// Waits for the end of the connections to a pod that does not exist any more. The runtime ends them itself, as a rule;
/// one whose packets died with the pod's network would wait for ever, and is ended.
pub(super) async fn drain(pod: Arc<ServedPod>) -> Done {
    if time::timeout(GONE_GRACE, pod.emptied()).await.is_err() {
        pod.gone.cancel();
        // What takes longer is only not counted.
        let _ = time::timeout(GONE_END, pod.emptied()).await;
    }
    pod.gone.cancel();
    Done::Drained { pod }
}

pub(super) async fn look(shared: Arc<Shared>) -> Done {
    let found = time::timeout(FIND_DEADLINE, shared.cluster.find(&shared.target)).await;
    Done::Looked {
        found: found.ok().and_then(Result::ok),
    }
}

/// Tries to get a session after `pause`, or as soon as one more connection is held.
pub(super) async fn probe(
    shared: Arc<Shared>,
    pod: Arc<ServedPod>,
    sessions: Arc<Sessions>,
    pause: Duration,
) -> Done {
    let mut held = shared.held.subscribe();
    let before = *held.borrow_and_update();
    time::sleep(pause.min(LEAST_PAUSE)).await;
    tokio::select! {
        () = time::sleep(pause.saturating_sub(LEAST_PAUSE)) => {}
        _ = held.wait_for(|held| *held > before) => {}
    }
    // A lane that can be had shows that there is a way; it goes back unused.
    let result = sessions.pool(&shared).lend().await.map(drop);
    Done::Probed { pod, result }
}
