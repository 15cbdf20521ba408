//! One look at a target: what is asked for, and what is done without where a right is missing.

use tokio::time::Instant;

use super::Watcher;
use crate::FindError;
use crate::find::Listed;
use crate::target::{Kind, Pod, Slice};
use crate::watch::follow::is_denied;

/// How many pods are asked for one by one where they cannot be listed.
const PODS_GOT: usize = 16;

impl Watcher {
    /// Asks for all that there is to know.
    pub(super) async fn see(&mut self) -> Result<(), FindError> {
        if self.target.kind.is_pod() {
            return self.see_pod().await;
        }
        match self.finder.object(&self.target, &self.namespace).await {
            Ok(object) => self.view.object = Some(object),
            // What was known of it is as good as can be had.
            Err(error) if error.is_forbidden() && self.view.object.is_some() => {}
            Err(error) => {
                if error.is_not_found() {
                    self.view.object = None;
                    self.leave_pods();
                    self.object.begin_at("");
                }
                return Err(error);
            }
        }
        self.object.begin_at("");
        let labels = self.view.object.as_ref().and_then(|object| object.labels.clone());
        if labels != self.labels {
            self.leave_pods();
            self.labels.clone_from(&labels);
        }
        let labels = labels.ok_or_else(|| FindError::NoSelector {
            target: self.target.clone(),
        })?;
        let finder = self.finder.clone();
        let now = Instant::now();
        let wants_slices = self.target.kind == Kind::Service && self.may_list_slices.is_given(now);
        let (pods, slices) = tokio::join!(
            async {
                match self.may_list_pods.is_given(now) {
                    true => Some(finder.list(&self.namespace, &labels).await),
                    false => None,
                }
            },
            async {
                match wants_slices {
                    true => Some(finder.slices(&self.namespace, &self.target.name).await),
                    false => None,
                }
            },
        );
        self.take_slices(slices);
        self.take_pods(pods).await
    }

    async fn see_pod(&mut self) -> Result<(), FindError> {
        let name = self.target.name.clone();
        let got = self.finder.pod(&self.namespace, &name).await;
        self.pods.begin_at("");
        match got {
            Ok((pod, version)) => {
                let items = vec![pod];
                self.view.set_pods(Listed { items, version });
                Ok(())
            }
            // A watch knows it as well.
            Err(error) if error.is_forbidden() && self.pods.is_told() => Ok(()),
            Err(error) => {
                if error.is_not_found() {
                    self.view.set_pod(&name, None);
                }
                Err(error)
            }
        }
    }

    fn take_slices(&mut self, listed: Option<Result<Listed<Slice>, FindError>>) {
        match listed {
            Some(Ok(listed)) => {
                self.may_list_slices.handle_granted();
                self.slices.begin_at(&listed.version);
                self.view.set_slices(listed);
            }
            Some(Err(error)) if is_denied(&error) => {
                self.may_list_slices.handle_refused(Instant::now());
                self.slices.leave();
                self.view.forget_slices();
            }
            Some(Err(error)) => {
                tracing::debug!(target = %self.target, %error, "no endpoint slices");
            }
            None => {}
        }
    }

    /// Takes in the list of pods; asks for them one by one where they cannot be listed.
    async fn take_pods(&mut self, listed: Option<Result<Listed<Pod>, FindError>>) -> Result<(), FindError> {
        let refusal = match listed {
            Some(Ok(listed)) => {
                self.may_list_pods.handle_granted();
                self.pods.begin_at(&listed.version);
                self.view.set_pods(listed);
                return Ok(());
            }
            Some(Err(error)) if error.is_forbidden() => Some(error),
            Some(Err(error)) => return Err(error),
            None => None,
        };
        let names = self.view.best_pods(PODS_GOT);
        if let Some(error) = refusal {
            if names.is_empty() {
                return Err(error);
            }
            self.may_list_pods.handle_refused(Instant::now());
        }
        self.pods.begin_at("");
        for name in names {
            match self.finder.pod(&self.namespace, &name).await {
                Ok((pod, _)) => self.view.set_pod(&name, Some(pod)),
                Err(error) if error.is_not_found() => self.view.set_pod(&name, None),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Forgets the pods, which belong to something else from now on.
    pub(super) fn leave_pods(&mut self) {
        self.pods.leave();
        self.slices.leave();
        self.labels = None;
        self.view.set_pods(Listed {
            items: Vec::new(),
            version: String::new(),
        });
        self.view.forget_slices();
    }
}
