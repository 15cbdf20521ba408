//! What a look asks for, and how its answers are taken in.

use tokio::time::Instant;

use super::Watcher;
use crate::FindError;
use crate::find::Listed;
use crate::target::{Kind, Pod, Slice};
use crate::watch::follow::is_denied;
use crate::watch::look::{Answers, Got, Question};

/// How many pods are asked for one by one where they cannot be listed.
const PODS_GOT: usize = 16;

impl Watcher {
    /// What there is to be asked for.
    pub(super) fn question(&self) -> Question {
        let now = Instant::now();
        Question {
            finder: self.finder.clone(),
            target: self.target.clone(),
            namespace: self.namespace.clone(),
            labels: self.labels.clone(),
            may_list_pods: self.may_list_pods.is_given(now),
            wants_slices: self.target.kind == Kind::Service && self.may_list_slices.is_given(now),
            names: self.view.best_pods(PODS_GOT),
        }
    }

    /// Takes in what a look was answered.
    pub(super) fn take(&mut self, answers: Answers) -> Result<(), FindError> {
        match answers.object {
            None => return self.take_pod(answers.pods),
            Some(Ok(object)) => self.view.object = Some(object),
            // What was known of it is as good as can be had.
            Some(Err(error)) if error.is_forbidden() && self.view.object.is_some() => {}
            Some(Err(error)) => {
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
        if labels.is_none() {
            return Err(FindError::NoSelector {
                target: self.target.clone(),
            });
        }
        self.take_slices(answers.slices);
        self.take_pods(answers.pods, answers.got)
    }

    fn take_pod(&mut self, got: Option<Result<Listed<Pod>, FindError>>) -> Result<(), FindError> {
        self.pods.begin_at("");
        match got {
            Some(Ok(listed)) => {
                self.view.set_pods(listed);
                Ok(())
            }
            // A watch knows it as well.
            Some(Err(error)) if error.is_forbidden() && self.pods.is_told() => Ok(()),
            Some(Err(error)) => {
                if error.is_not_found() {
                    self.view.set_pod(&self.target.name, None);
                }
                Err(error)
            }
            None => Ok(()),
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

    /// Takes in the list of pods, or those that were asked for one by one because they cannot be listed.
    fn take_pods(
        &mut self,
        listed: Option<Result<Listed<Pod>, FindError>>,
        got: Vec<Got>,
    ) -> Result<(), FindError> {
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
        if let Some(error) = refusal {
            if got.is_empty() {
                return Err(error);
            }
            self.may_list_pods.handle_refused(Instant::now());
        }
        self.pods.begin_at("");
        for Got { name, pod } in got {
            match pod {
                Ok(pod) => self.view.set_pod(&name, Some(pod)),
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
        self.view.forget_pods();
        self.view.forget_slices();
    }
}
