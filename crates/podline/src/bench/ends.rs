use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use podline_tunnel::PodAddress;
use podline_wire::Untrusted;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::probe::is_reset;
use crate::{Connection, End, Outcome, Tap, Way};

/// How long an app that was reset waits to hear why: the forward tells it in the moment in which it resets.
const END_DEADLINE: Duration = Duration::from_secs(1);
/// Ends that wait for whoever asks for them.
const KEPT_ENDS: usize = 10_000;
/// Pods that are told of.
const KEPT_PODS: usize = 100;

/// What the forward says of the connections of a bench: why they were reset, and where they went.
#[derive(Debug, Default)]
pub(super) struct Ends {
    known: Mutex<Known>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// By the app's address.
    reasons: HashMap<SocketAddr, String>,
    pods: BTreeSet<(String, String)>,
}

impl Ends {
    /// What a forward asks for taps.
    pub(super) fn tap(self: &Arc<Self>, connection: &Connection) -> Box<dyn Tap> {
        Box::new(EndTap {
            ends: self.clone(),
            app: connection.peer,
        })
    }

    /// Why the forward reset the connection of the app at `app`, if it says so.
    pub(super) async fn reason(&self, app: SocketAddr) -> Option<String> {
        let told = async {
            loop {
                let changed = self.changed.notified();
                if let Some(reason) = self.lock().reasons.remove(&app) {
                    return reason;
                }
                changed.await;
            }
        };
        timeout(END_DEADLINE, told).await.ok()
    }

    /// The pods that connections went to.
    pub(super) fn pods(&self) -> Vec<PodAddress> {
        let known = self.lock();
        let pods = known.pods.iter().cloned();
        pods.map(|(namespace, name)| PodAddress { namespace, name })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Whole between any two statements.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of one connection.
struct EndTap {
    ends: Arc<Ends>,
    app: SocketAddr,
}

impl Tap for EndTap {
    fn opened(&mut self, way: &Way) {
        let pod = (way.pod.namespace.clone(), way.pod.name.clone());
        let mut known = self.ends.lock();
        if known.pods.len() < KEPT_PODS {
            known.pods.insert(pod);
        }
    }

    fn ended(&mut self, outcome: &Outcome) {
        // The app knows of its own reset, and a clean end says nothing.
        if matches!(outcome.end, End::Clean { .. } | End::AppReset) {
            return;
        }
        let mut known = self.ends.lock();
        if known.reasons.len() < KEPT_ENDS {
            known.reasons.insert(self.app, told(&outcome.end));
        }
        drop(known);
        self.ends.changed.notify_waiters();
    }
}

/// An end in words that are the same for all connections that end alike: the runtime's own text has the numbers of one of them.
fn told(end: &End) -> String {
    let End::PodError(text) = end else {
        return end.to_string();
    };
    if is_reset(text.as_raw()) {
        return End::PodReset.to_string();
    }
    let last = text.as_raw().trim_end().rsplit(": ").next().unwrap_or_default();
    format!("the container runtime says: {}", Untrusted::new(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_one_kind_are_told_in_the_same_words() {
        let of = |text: &str| told(&End::PodError(Untrusted::new(text)));
        let reset = |port: u16| {
            of(&format!(
                "x: read tcp4 127.0.0.1:{port}: read: connection reset by peer"
            ))
        };
        assert_eq!(reset(1), "the pod reset the connection");
        assert_eq!(reset(1), reset(2));
        assert_eq!(
            of("write tcp4 127.0.0.1:5: no buffer space\n"),
            "the container runtime says: no buffer space"
        );
    }

    fn outcome(end: End) -> Outcome {
        Outcome {
            sent: 0,
            received: 0,
            duration: Duration::ZERO,
            end,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reset_is_explained_to_the_app_that_it_met() {
        let ends = Arc::new(Ends::default());
        let [here, app, other] = [1, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let mut taps = [app, other].map(|peer| ends.tap(&Connection::new(1, here, peer)));
        let (reason, ()) = tokio::join!(ends.reason(app), async {
            taps[1].ended(&outcome(End::Unanswered));
            tokio::task::yield_now().await;
            taps[0].ended(&outcome(End::PodReset));
        });
        assert_eq!(reason.as_deref(), Some("the pod reset the connection"));
        // What is not told is not waited for without end.
        assert_eq!(ends.reason(app).await, None);
    }
}
