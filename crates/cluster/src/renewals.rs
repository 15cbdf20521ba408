//! Word of other credentials and another configuration.

use tokio::sync::watch;

/// Word of other credentials or another configuration of the cluster, from
/// [`Cluster::renewals`](crate::Cluster::renewals).
#[derive(Clone, Debug)]
pub struct Renewals {
    counts: watch::Receiver<Counts>,
    /// How many were told.
    told: Counts,
}

/// How often something changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Counts {
    accesses: u64,
    credentials: u64,
}

/// Where changes are announced.
pub(crate) struct Changes(watch::Sender<Counts>);

impl Renewals {
    /// Waits until there are other credentials, or until the kubeconfig says something else of the cluster or the user.
    /// Sessions that were made before go on; new ones are made with what is new. Nothing is lost when this is cancelled.
    pub async fn next(&mut self) {
        self.changed(|counts| counts).await;
    }

    /// Waits until the kubeconfig says something else.
    pub(crate) async fn next_access(&mut self) {
        self.changed(|counts| Counts {
            credentials: 0,
            ..counts
        })
        .await;
    }

    async fn changed(&mut self, what: fn(Counts) -> Counts) {
        let told = self.told;
        let changed = self.counts.wait_for(|counts| what(*counts) != what(told)).await;
        match changed.map(|counts| *counts) {
            Ok(counts) => self.told = counts,
            // The cluster is gone, so nothing will change.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Counts::default()))
    }

    pub(crate) fn subscribe(&self) -> Renewals {
        let counts = self.0.subscribe();
        let told = *counts.borrow();
        Renewals { counts, told }
    }

    /// The configuration says something else.
    pub(crate) fn access(&self) {
        self.0.send_modify(|counts| counts.accesses += 1);
    }

    /// There are other credentials.
    pub(crate) fn credentials(&self) {
        self.0.send_modify(|counts| counts.credentials += 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn each_change_is_told_once_to_everybody_who_listens() {
        let changes = Changes::new();
        changes.access();
        let (mut all, mut accesses) = (changes.subscribe(), changes.subscribe());
        assert!(all.next().now_or_never().is_none(), "it was before");
        changes.credentials();
        assert!(all.next().now_or_never().is_some());
        assert!(all.next().now_or_never().is_none());
        assert!(accesses.next_access().now_or_never().is_none());
        changes.access();
        assert!(all.next().now_or_never().is_some());
        assert!(accesses.next_access().now_or_never().is_some());
    }
}
