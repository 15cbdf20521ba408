//! The task that keeps a target in sight: it looks when that is due, and is told of changes where that is allowed.

mod see;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use kube::api::WatchParams;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::PodWatch;
use super::follow::{Follow, Stop, Told};
use super::leave::Leave;
use super::look::{Look, Looked};
use super::place::{Event, Place};
use super::pod_watch::{Sight, Wishes, differ};
use super::schedule::{Schedule, Seen};
use super::view::View;
use crate::FindError;
use crate::find::{Finder, requests, slice_labels, slice_requests};
use crate::object::Object;
use crate::renewals::Renewals;
use crate::target::{Kind, Pod, Slice, Target};

/// How long the API server may take to say whether the object is still the same.
const OBJECT_DEADLINE: Duration = Duration::from_secs(15);
/// How much that was told is taken in before it is told further.
const BATCH: usize = 100;

/// The task that keeps a target in sight.
pub(crate) struct Watcher {
    finder: Arc<Finder>,
    renewals: Renewals,
    /// With its namespace.
    target: Target,
    namespace: String,
    sights: watch::Sender<Option<Sight>>,
    wishes: Arc<Wishes>,
    schedule: Schedule,
    view: View,
    /// The look that is under way.
    look: Option<Look>,
    /// How long the last look took that was answered.
    usual: Duration,
    /// How many looks in a row were lost.
    losses: u32,
    /// What was asked of the object when its watch had opened: what happened before was not told.
    object_now: Option<BoxFuture<'static, Result<Object, FindError>>>,
    /// Whether what is known is how things are, as far as there is a way to know.
    is_in_sight: bool,
    /// What the pods are followed by.
    labels: Option<String>,
    object: Place<Object>,
    pods: Place<Pod>,
    slices: Place<Slice>,
    may_list_pods: Leave,
    may_list_slices: Leave,
    /// What `-v 4` was told of the ways to know.
    ways: [&'static str; 3],
}

/// What makes the watcher act.
enum Cause {
    /// There is another way to the server, or another server.
    Access,
    /// A look is due.
    Due,
    Looked(Looked),
    Object(Event<Object>),
    ObjectNow(Result<Object, FindError>),
    Pods(Event<Pod>),
    Slices(Event<Slice>),
    Wish,
}

impl Cause {
    /// Whether it shows that the server answers.
    fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::Object(Event::Told(_))
                | Self::ObjectNow(Ok(_))
                | Self::Pods(Event::Told(_))
                | Self::Slices(Event::Told(_))
        )
    }
}

impl Watcher {
    /// Begins to look, until what this gives is dropped.
    pub(crate) fn spawn(
        finder: Arc<Finder>,
        target: &Target,
        namespace: &str,
        renewals: Renewals,
    ) -> PodWatch {
        let (sights, receiver) = watch::channel(None);
        let wishes = Arc::new(Wishes::default());
        let target = Target {
            namespace: Some(namespace.to_owned()),
            ..target.clone()
        };
        let watcher = Self {
            finder,
            renewals,
            view: View::new(target.clone()),
            target: target.clone(),
            namespace: namespace.to_owned(),
            sights,
            wishes: wishes.clone(),
            schedule: Schedule::new(),
            look: None,
            usual: Duration::ZERO,
            losses: 0,
            object_now: None,
            is_in_sight: false,
            labels: None,
            object: Place::new(),
            pods: Place::new(),
            slices: Place::new(),
            may_list_pods: Leave::default(),
            may_list_slices: Leave::default(),
            ways: [""; 3],
        };
        let task = tokio::spawn(watcher.run());
        PodWatch::new(target, receiver, wishes, task)
    }

    async fn run(mut self) {
        loop {
            self.schedule
                .hurry(self.wishes.is_hurried.load(Ordering::Acquire));
            if self.wishes.is_asked.swap(false, Ordering::AcqRel) {
                self.schedule.ask();
                self.object.doubt();
                self.pods.doubt();
                self.slices.doubt();
                self.hasten();
            }
            let cause = self.next().await;
            if cause.is_answer() {
                self.hasten();
            }
            match cause {
                Cause::Access => {
                    // What the watches say is of the server of before, and so is what a look is answered.
                    self.leave_pods();
                    self.object.leave();
                    self.object_now = None;
                    self.end_look();
                    self.schedule.ask();
                }
                Cause::Due => self.begin_look(),
                Cause::Looked(looked) => self.handle_looked(looked),
                Cause::Object(event) => self.handle_object(event),
                Cause::ObjectNow(got) => self.handle_object_now(got),
                Cause::Pods(event) => self.handle_pods(event),
                Cause::Slices(event) => self.handle_slices(event),
                Cause::Wish => {}
            }
            self.follow();
            let is_told = self.is_told();
            self.schedule.set_told(is_told);
            let is_blind = !is_told && !self.pods.is_refused() && !self.object.is_refused();
            self.wishes.is_blind.store(is_blind, Ordering::Release);
            #[cfg(test)]
            self.wishes.is_told.store(is_told, Ordering::Release);
            #[cfg(test)]
            self.wishes
                .is_looking
                .store(self.look.is_some(), Ordering::Release);
            self.say_ways();
        }
    }

    async fn next(&mut self) -> Cause {
        let is_idle = self.look.is_none();
        tokio::select! {
            biased;
            () = self.wishes.changed.notified() => Cause::Wish,
            () = self.renewals.next_access() => Cause::Access,
            () = sleep_until(self.schedule.next(Instant::now())), if is_idle => Cause::Due,
            Some(looked) = conditional(self.look.as_mut().map(Look::next)) => Cause::Looked(looked),
            Some(got) = conditional(self.object_now.as_mut()) => Cause::ObjectNow(got),
            event = self.object.next() => Cause::Object(event),
            event = self.pods.next() => Cause::Pods(event),
            event = self.slices.next() => Cause::Slices(event),
        }
    }

    /// Looks, beside what is told meanwhile.
    fn begin_look(&mut self) {
        self.schedule.begin();
        self.view.begin_look();
        self.look = Some(Look::begin(self.question(), self.usual, self.losses));
    }

    fn end_look(&mut self) {
        self.look = None;
        self.view.end_look();
    }

    /// The server answers, or somebody cannot wait for long: what has not been answered for a while may be lost.
    fn hasten(&mut self) {
        if let Some(look) = &mut self.look {
            look.hasten();
        }
        self.object.hasten();
        self.pods.hasten();
        self.slices.hasten();
    }

    fn handle_looked(&mut self, looked: Looked) {
        let result = match looked {
            Looked::Answered { answers, took } => {
                self.usual = took;
                self.losses = 0;
                self.take(*answers)
            }
            Looked::Late { after } => Err(FindError::Timeout { after }),
            Looked::Lost => {
                tracing::debug!(target = %self.target, "a look has no answer, and is begun anew");
                self.losses = self.losses.saturating_add(1);
                return self.begin_look();
            }
        };
        self.end_look();
        let seen = match &result {
            Ok(()) => Seen::Same,
            Err(error) if error.lasts() => Seen::Refusal,
            Err(error) if error.is_not_found() => Seen::Same,
            Err(_) => Seen::Failure,
        };
        if result.is_ok() {
            self.hasten();
            if !self.is_in_sight {
                self.object.encourage();
                self.pods.encourage();
                self.slices.encourage();
            }
        }
        let is_new = match result {
            // What is known is what the watches tell.
            Err(error) if seen == Seen::Failure && self.is_in_sight && self.is_told() => {
                tracing::debug!(target = %self.target, %error, "a look failed, and watches go on");
                false
            }
            result => {
                self.is_in_sight = result.is_ok();
                self.tell(result.map(|()| Arc::new(self.view.found())))
            }
        };
        let seen = match seen {
            Seen::Same if is_new => Seen::Change,
            seen => seen,
        };
        self.schedule.handle_seen(Instant::now(), seen, fastrand::u64(..));
    }

    fn handle_object(&mut self, event: Event<Object>) {
        let is_other = match event {
            Event::Told(Told::Is(object, _)) => self.is_other(&object),
            Event::Told(Told::Gone(..)) => true,
            Event::Told(Told::Open) => {
                self.ask_for_object();
                false
            }
            Event::Stopped(stop) => self.is_worth_a_look("the target", &stop),
            Event::Told(Told::Mark(_)) | Event::Due => false,
        };
        if is_other {
            self.schedule.ask();
        }
    }

    /// What happened to the object before its watch was open was not told.
    fn ask_for_object(&mut self) {
        let (finder, target, namespace) = (self.finder.clone(), self.target.clone(), self.namespace.clone());
        let got = async move {
            let got = timeout(OBJECT_DEADLINE, finder.object(&target, &namespace)).await;
            got.unwrap_or(Err(FindError::Timeout {
                after: OBJECT_DEADLINE,
            }))
        };
        self.object_now = Some(got.boxed());
    }

    fn handle_object_now(&mut self, got: Result<Object, FindError>) {
        self.object_now = None;
        let is_other = match got {
            Ok(object) => self.is_other(&object),
            Err(error) => !error.is_forbidden(),
        };
        if is_other {
            self.schedule.ask();
        }
    }

    fn is_other(&self, object: &Object) -> bool {
        let known = self.view.object.as_ref();
        known.is_none_or(|known| !known.is_like(object))
    }

    fn handle_pods(&mut self, first: Event<Pod>) {
        let mut is_news = false;
        let mut next = Some(first);
        for _ in 0..BATCH {
            match next {
                Some(Event::Told(Told::Open)) if self.target.kind.is_pod() => self.schedule.ask(),
                // A pod that was named is missed, in the server's words.
                Some(Event::Told(Told::Gone(..))) if self.target.kind.is_pod() => self.schedule.ask(),
                Some(Event::Told(told)) => is_news |= self.view.handle_pod(told),
                Some(Event::Stopped(stop)) => {
                    if self.is_worth_a_look("its pods", &stop) {
                        self.schedule.ask();
                    }
                }
                Some(Event::Due) => {}
                None => break,
            }
            next = self.pods.ready();
        }
        self.tell_news(is_news);
    }

    fn handle_slices(&mut self, first: Event<Slice>) {
        let mut is_news = false;
        let mut next = Some(first);
        for _ in 0..BATCH {
            match next {
                Some(Event::Told(told)) => is_news |= self.view.handle_slice(told),
                Some(Event::Stopped(stop)) => {
                    if self.is_worth_a_look("its endpoint slices", &stop) {
                        self.schedule.ask();
                    }
                }
                Some(Event::Due) => {}
                None => break,
            }
            next = self.slices.ready();
        }
        self.tell_news(is_news);
    }

    /// Whether what ended a watch says that there is something to be found out.
    fn is_worth_a_look(&self, what: &str, stop: &Stop) -> bool {
        match stop {
            Stop::Failed(error) => {
                tracing::debug!(target = %self.target, %error, "the watch of {what} failed");
            }
            stop => tracing::debug!(target = %self.target, ?stop, "the watch of {what} ended"),
        }
        !matches!(stop, Stop::Over | Stop::Refused)
    }

    fn tell_news(&mut self, is_news: bool) {
        if !is_news {
            return;
        }
        if !self.is_in_sight {
            // It is there again, or the server is.
            self.schedule.ask();
            self.is_in_sight = self.is_told();
        }
        if self.is_in_sight && self.tell(Ok(Arc::new(self.view.found()))) {
            self.schedule.handle_told(Instant::now());
        }
    }

    /// Tells what was seen, if it is something else than before; says whether it is.
    fn tell(&self, sight: Sight) -> bool {
        self.sights.send_if_modified(|known| {
            let is_new = known.as_ref().is_none_or(|known| differ(known, &sight));
            if is_new {
                if let Err(error) = &sight {
                    tracing::debug!(target = %self.target, %error, "the target is out of sight");
                }
                *known = Some(sight);
            }
            is_new
        })
    }

    /// Has changes told where that is possible now.
    fn follow(&mut self) {
        let now = Instant::now();
        let (client, namespace) = (&self.finder.client, &*self.namespace);
        let named = || WatchParams::default().fields(&format!("metadata.name={}", self.target.name));
        self.object.follow(now, |from| {
            Follow::of(self.target.kind, client, namespace, named(), from)
        });
        let pods = match &self.labels {
            Some(labels) => WatchParams::default().labels(labels),
            None => named(),
        };
        self.pods.follow(now, |from| {
            Follow::open(client, &requests(Kind::Pod, namespace), pods, from, Pod::new)
        });
        let slices = WatchParams::default().labels(&slice_labels(&self.target.name));
        self.slices.follow(now, |from| {
            Follow::open(client, &slice_requests(namespace), slices, from, Slice::new)
        });
    }

    /// Whether all changes are told.
    fn is_told(&self) -> bool {
        let is_pod = self.target.kind.is_pod();
        let has_slices = self.target.kind == Kind::Service && !self.may_list_slices.is_refused();
        self.pods.is_told()
            && !self.may_list_pods.is_refused()
            && (is_pod || self.object.is_told())
            && (!has_slices || self.slices.is_told())
    }

    /// Says how it comes to know of changes, when that is another way than before.
    fn say_ways(&mut self) {
        let way = |is_told, is_refused| match (is_told, is_refused) {
            (true, _) => "watch",
            (false, true) => "none",
            (false, false) => "list",
        };
        let ways = [
            if self.object.is_told() { "watch" } else { "get" },
            if self.pods.is_told() {
                "watch"
            } else if self.target.kind.is_pod() || self.may_list_pods.is_refused() {
                "get"
            } else {
                "list"
            },
            way(self.slices.is_told(), self.may_list_slices.is_refused()),
        ];
        if ways != self.ways {
            self.ways = ways;
            let [object, pods, slices] = ways;
            let may_watch = !self.pods.is_refused();
            match self.target.kind {
                Kind::Pod => tracing::debug!(target = %self.target, pods, may_watch, "in sight by"),
                Kind::Service => {
                    tracing::debug!(target = %self.target, object, pods, slices, may_watch, "in sight by");
                }
                _ => tracing::debug!(target = %self.target, object, pods, may_watch, "in sight by"),
            }
        }
    }
}

/// Waits for what there may be; gives `None` at once where there is nothing.
async fn conditional<F: Future>(future: Option<F>) -> Option<F::Output> {
    match future {
        Some(future) => Some(future.await),
        None => None,
    }
}
