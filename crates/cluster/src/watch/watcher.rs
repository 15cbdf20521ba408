//! The task that keeps a target in sight: it looks when that is due, and is told of changes where that is allowed.

mod see;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kube::api::WatchParams;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::PodWatch;
use super::follow::{Follow, Stop, Told};
use super::leave::Leave;
use super::place::{Event, Place};
use super::pod_watch::{Sight, Wishes, differ};
use super::schedule::{Schedule, Seen};
use super::view::View;
use crate::FindError;
use crate::find::{Finder, slice_labels};
use crate::object::Object;
use crate::renewals::Renewals;
use crate::target::{Kind, Pod, Slice, Target};

/// How long the API server may take for one look.
const LOOK_DEADLINE: Duration = Duration::from_secs(15);
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
    /// Whether the last look came to something.
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
    Look,
    Object(Event<Object>),
    Pods(Event<Pod>),
    Slices(Event<Slice>),
    Wish,
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
                let now = Instant::now();
                self.object.doubt(now);
                self.pods.doubt(now);
                self.slices.doubt(now);
                self.follow();
            }
            match self.next().await {
                Cause::Access => {
                    // What the watches say is of the server of before.
                    self.leave_pods();
                    self.object.leave();
                    self.schedule.ask();
                }
                Cause::Look => self.look().await,
                Cause::Object(event) => self.handle_object(event).await,
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
            self.say_ways();
        }
    }

    async fn next(&mut self) -> Cause {
        tokio::select! {
            biased;
            () = self.wishes.changed.notified() => Cause::Wish,
            () = self.renewals.next_access() => Cause::Access,
            () = sleep_until(self.schedule.next(Instant::now())) => Cause::Look,
            event = self.object.next() => Cause::Object(event),
            event = self.pods.next() => Cause::Pods(event),
            event = self.slices.next() => Cause::Slices(event),
        }
    }

    async fn look(&mut self) {
        self.schedule.begin();
        let looked = timeout(LOOK_DEADLINE, self.see()).await;
        let looked = looked.unwrap_or(Err(FindError::Timeout { after: LOOK_DEADLINE }));
        if looked.is_ok() && !self.is_in_sight {
            self.object.encourage();
            self.pods.encourage();
            self.slices.encourage();
        }
        self.is_in_sight = looked.is_ok();
        let seen = match &looked {
            Ok(()) => Seen::Same,
            Err(error) if error.lasts() => Seen::Refusal,
            Err(error) if error.is_not_found() => Seen::Same,
            Err(_) => Seen::Failure,
        };
        let is_new = self.tell(looked.map(|()| Arc::new(self.view.found())));
        let seen = if is_new && seen == Seen::Same {
            Seen::Change
        } else {
            seen
        };
        self.schedule.handle_seen(Instant::now(), seen, fastrand::u64(..));
    }

    async fn handle_object(&mut self, event: Event<Object>) {
        let is_other = match event {
            Event::Told(Told::Is(object, _)) => self.is_other(&object),
            Event::Told(Told::Gone(..)) => true,
            // What happened before it was open was not told.
            Event::Told(Told::Open) => {
                let got = self.finder.object(&self.target, &self.namespace);
                match timeout(LOOK_DEADLINE, got).await {
                    Ok(Ok(object)) => self.is_other(&object),
                    Ok(Err(error)) => !error.is_forbidden(),
                    Err(_) => true,
                }
            }
            Event::Stopped(stop) => self.is_worth_a_look("the target", &stop),
            Event::Told(Told::Mark(_)) | Event::Due => false,
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
        if self.target.kind.is_pod() && !self.is_in_sight {
            // It is there again.
            self.schedule.ask();
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
        self.pods
            .follow(now, |from| Follow::open(client, namespace, pods, from, Pod::new));
        let slices = WatchParams::default().labels(&slice_labels(&self.target.name));
        self.slices.follow(now, |from| {
            Follow::open(client, namespace, slices, from, Slice::new)
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
