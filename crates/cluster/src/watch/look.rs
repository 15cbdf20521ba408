//! One look at a target: what is asked for, and what is done without where a right is missing. Watches go on telling
//! meanwhile.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

use crate::FindError;
use crate::find::{Finder, Listed};
use crate::object::Object;
use crate::target::{Pod, Slice, Target};

/// How long the API server may take for one look, unless a single request may take longer.
const LOOK_DEADLINE: Duration = Duration::from_secs(15);
/// What has no answer after so long is taken for lost if the server answers something else meanwhile; twice as long the next
/// time, and so on, for the server may be slow.
const UNANSWERED: Duration = Duration::from_secs(2);
/// A look that takes no longer than so many times what the last one took is not taken for lost.
const USUAL: u32 = 4;

/// What is asked for.
pub(super) struct Question {
    pub(super) finder: Arc<Finder>,
    /// With its namespace.
    pub(super) target: Target,
    pub(super) namespace: String,
    /// The selector as it is known, for whoever may not ask for it any more.
    pub(super) labels: Option<String>,
    pub(super) may_list_pods: bool,
    /// Whether there are slices to be asked for.
    pub(super) wants_slices: bool,
    /// The pods that are asked for one by one where they cannot be listed and the selector is still the same.
    pub(super) names: Vec<String>,
}

/// What was answered; what was not asked for is left out.
#[derive(Default)]
pub(super) struct Answers {
    /// The object that the target names, which is no pod.
    pub(super) object: Option<Result<Object, FindError>>,
    /// The pods as they are listed, or the one that the target names.
    pub(super) pods: Option<Result<Listed<Pod>, FindError>>,
    /// Pods that were asked for one by one.
    pub(super) got: Vec<Got>,
    pub(super) slices: Option<Result<Listed<Slice>, FindError>>,
}

/// A pod that was asked for by itself.
pub(super) struct Got {
    pub(super) name: String,
    /// With its version.
    pub(super) pod: Result<(Pod, String), FindError>,
}

/// A look that is under way.
pub(super) struct Look {
    answers: BoxFuture<'static, Answers>,
    begun: Instant,
    deadline: Duration,
    /// How long it may take if the server answers something else.
    hasty: Duration,
    is_hastened: bool,
}

/// How a look ended.
pub(super) enum Looked {
    Answered {
        answers: Box<Answers>,
        took: Duration,
    },
    /// The server did not answer in time.
    Late {
        after: Duration,
    },
    /// There is no answer yet, while the server answers something else: it may never come.
    Lost,
}

impl Question {
    async fn ask(self) -> Answers {
        let mut answers = Answers::default();
        let (finder, namespace) = (&*self.finder, &*self.namespace);
        if self.target.kind.is_pod() {
            let got = finder.pod(namespace, &self.target.name).await;
            let listed = got.map(|(pod, version)| Listed {
                items: vec![pod],
                version,
            });
            answers.pods = Some(listed);
            return answers;
        }
        let object = finder.object(&self.target, namespace).await;
        let labels = match &object {
            Ok(object) => object.labels.clone(),
            Err(error) if error.is_forbidden() => self.labels.clone(),
            Err(_) => None,
        };
        answers.object = Some(object);
        let Some(labels) = labels else {
            return answers;
        };
        let pods = async {
            match self.may_list_pods {
                true => Some(finder.list(namespace, &labels).await),
                false => None,
            }
        };
        let slices = async {
            match self.wants_slices {
                true => Some(finder.slices(namespace, &self.target.name).await),
                false => None,
            }
        };
        (answers.pods, answers.slices) = tokio::join!(pods, slices);
        let is_listed = match &answers.pods {
            Some(listed) => !listed.as_ref().is_err_and(FindError::is_forbidden),
            None => false,
        };
        if is_listed || self.labels.as_ref() != Some(&labels) {
            return answers;
        }
        for name in self.names {
            let pod = finder.pod(namespace, &name).await;
            let goes_on = pod.as_ref().map_or_else(FindError::is_not_found, |_| true);
            answers.got.push(Got { name, pod });
            if !goes_on {
                break;
            }
        }
        answers
    }
}

impl Look {
    /// Begins to ask. `usual` is how long the last look took that was answered; `losses` is how many were lost since then.
    pub(super) fn begin(question: Question, usual: Duration, losses: u32) -> Self {
        let deadline = question.finder.request_timeout.unwrap_or_default();
        let hasty = (usual * USUAL).max(unanswered(losses));
        Self::new(question.ask().boxed(), deadline.max(LOOK_DEADLINE), hasty)
    }

    fn new(answers: BoxFuture<'static, Answers>, deadline: Duration, hasty: Duration) -> Self {
        Self {
            answers,
            begun: Instant::now(),
            deadline,
            hasty,
            is_hastened: false,
        }
    }

    /// The server answers something else, or somebody cannot wait for long.
    pub(super) fn hasten(&mut self) {
        self.is_hastened = true;
    }

    /// Waits for its end. Nothing is lost when this is cancelled.
    pub(super) async fn next(&mut self) -> Looked {
        let is_hasty = self.is_hastened && self.hasty < self.deadline;
        let most = if is_hasty { self.hasty } else { self.deadline };
        match timeout_at(self.begun + most, &mut self.answers).await {
            Ok(answers) => Looked::Answered {
                answers: Box::new(answers),
                took: self.begun.elapsed(),
            },
            Err(_) if is_hasty => Looked::Lost,
            Err(_) => Looked::Late { after: most },
        }
    }
}

/// How long what is asked for may have no answer while the server answers something else, after so many losses in a row.
pub(super) fn unanswered(losses: u32) -> Duration {
    UNANSWERED * (1 << losses.min(16))
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    fn look(takes: Option<Duration>, hasty: Duration) -> Look {
        let answers = async move {
            match takes {
                Some(time) => sleep(time).await,
                None => pending().await,
            }
            Answers::default()
        };
        Look::new(answers.boxed(), LOOK_DEADLINE, hasty)
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_without_an_answer_is_lost_as_soon_as_the_server_answers_something_else() {
        let begun = Instant::now();
        let mut hung = look(None, UNANSWERED);
        // What is told a moment after it began says nothing yet.
        hung.hasten();
        assert!(matches!(hung.next().await, Looked::Lost));
        assert_eq!(begun.elapsed(), UNANSWERED);

        let begun = Instant::now();
        let mut hung = look(None, UNANSWERED);
        let while_it_waits = tokio::time::timeout(LOOK_DEADLINE / 2, hung.next()).await;
        assert!(while_it_waits.is_err(), "nothing says that the server answers");
        hung.hasten();
        assert!(matches!(hung.next().await, Looked::Lost));
        assert_eq!(begun.elapsed(), LOOK_DEADLINE / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_takes_its_time_where_nothing_else_is_answered_or_the_server_is_slow() {
        let begun = Instant::now();
        let mut hung = look(None, UNANSWERED);
        assert!(matches!(hung.next().await, Looked::Late { after: LOOK_DEADLINE }));
        assert_eq!(begun.elapsed(), LOOK_DEADLINE);

        let takes = LOOK_DEADLINE - Duration::from_secs(1);
        let times = (0..).map(unanswered);
        let mut losses = 0;
        for time in times {
            let mut slow = look(Some(takes), time);
            slow.hasten();
            match slow.next().await {
                Looked::Lost => losses += 1,
                looked => {
                    assert!(matches!(looked, Looked::Answered { took, .. } if took == takes));
                    break;
                }
            }
        }
        assert_eq!(losses, 3, "after 2, 4 and 8 seconds");
    }
}
