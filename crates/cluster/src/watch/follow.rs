//! One watch of one resource.

use std::time::Duration;

use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryFutureExt};
use kube::Client;
use kube::api::{WatchEvent, WatchParams};
use kube::core::Request;
use tokio::time::{Instant, timeout_at};

use super::look::unanswered;
use crate::find::requests;
use crate::object::Object;
use crate::raw::Raw;
use crate::target::Kind;
use crate::{FindError, Refusal};

/// After how many seconds the server is to end a watch by itself.
const LIFE: u32 = 240;
/// How long the server may take to agree to a watch.
const OPENING: Duration = Duration::from_secs(30);
/// How long a watch may be silent. Servers tell how far it has come about once a minute.
const SILENCE: Duration = Duration::from_secs(100);

/// A watch that is open, or about to be.
pub(super) struct Follow<T> {
    stream: BoxStream<'static, Result<Told<T>, FindError>>,
    /// Where to go on after it has ended; empty where that is not known.
    version: String,
    is_open: bool,
    begun: Instant,
    /// How long it may take to open.
    opening: Duration,
    heard: Instant,
}

/// What a watch tells.
#[derive(Clone, Debug)]
pub(super) enum Told<T> {
    /// There is none any more.
    Gone(T, String),
    /// It is new, or has changed.
    Is(T, String),
    /// Nothing but how far the watch has come.
    Mark(String),
    /// The server agreed to tell.
    Open,
}

/// Why a watch ended.
#[derive(Debug)]
pub(super) enum Stop {
    /// The server does not know any more what happened since.
    Expired,
    Failed(FindError),
    /// In good order.
    Over,
    /// The right is missing.
    Refused,
    /// Nothing was heard of it.
    Silent,
}

impl<T> Told<T> {
    /// The version that it tells of; empty where it tells of none.
    pub(super) fn version(&self) -> &str {
        match self {
            Self::Gone(_, version) | Self::Is(_, version) | Self::Mark(version) => version,
            Self::Open => "",
        }
    }
}

impl<T: Send + 'static> Follow<T> {
    /// Begins behind `version`, or with all that there is if it is empty.
    pub(super) fn open<R: Raw>(
        client: &Client,
        requests: &Request,
        parameters: WatchParams,
        version: String,
        show: fn(&R) -> T,
    ) -> Self {
        let request = requests.watch(&parameters.timeout(LIFE), &version);
        let client = client.clone();
        let head = async move {
            let request = request.map_err(kube::Error::BuildRequest)?;
            let events = client.request_events(request).await?;
            let told = events.map(move |event| understand(event, show));
            Ok(stream::iter([Ok(Told::Open)]).chain(told))
        };
        let now = Instant::now();
        Self {
            stream: head.map_err(FindError::new).try_flatten_stream().boxed(),
            version,
            is_open: false,
            begun: now,
            opening: OPENING,
            heard: now,
        }
    }

    /// What it tells next. Nothing is lost when this is cancelled.
    pub(super) async fn next(&mut self) -> Result<Told<T>, Stop> {
        let until = match self.is_open {
            true => self.heard + SILENCE,
            false => self.begun + self.opening,
        };
        let told = timeout_at(until, self.stream.next()).await;
        self.handle(told.map_err(|_| Stop::Silent)?)
    }

    /// What it has told already, if there is something.
    pub(super) fn ready(&mut self) -> Option<Result<Told<T>, Stop>> {
        let told = self.stream.next().now_or_never()?;
        Some(self.handle(told))
    }

    fn handle(&mut self, told: Option<Result<Told<T>, FindError>>) -> Result<Told<T>, Stop> {
        self.heard = Instant::now();
        let told = match told {
            None => return Err(Stop::Over),
            Some(Err(error)) if is_denied(&error) => return Err(Stop::Refused),
            Some(Err(FindError::Refused(refusal))) if refusal.code == 410 => return Err(Stop::Expired),
            Some(Err(error)) => return Err(Stop::Failed(error)),
            Some(Ok(told)) => told,
        };
        match &told {
            Told::Open => self.is_open = true,
            told => told.version().clone_into(&mut self.version),
        }
        Ok(told)
    }

    /// The server answers something else: what it does not agree to soon may be lost, as were so many in a row before.
    pub(super) fn hasten(&mut self, losses: u32) {
        self.opening = unanswered(losses).min(OPENING);
    }

    /// How long nothing was heard of it.
    pub(super) fn silent(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard)
    }

    /// Whether the server agreed to tell.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn lived(&self, now: Instant) -> Duration {
        now - self.begun
    }
}

impl Follow<Object> {
    /// Follows an object of `kind`, which is no pod.
    pub(super) fn of(
        kind: Kind,
        client: &Client,
        namespace: &str,
        parameters: WatchParams,
        version: String,
    ) -> Self {
        let requests = requests(kind, namespace);
        match kind {
            Kind::DaemonSet | Kind::Deployment | Kind::Job | Kind::ReplicaSet | Kind::StatefulSet => {
                Self::open(client, &requests, parameters, version, Object::of_selecting)
            }
            Kind::ReplicationController => {
                let show = Object::of_replication_controller;
                Self::open(client, &requests, parameters, version, show)
            }
            Kind::Service => Self::open(client, &requests, parameters, version, Object::of_service),
            Kind::Pod => unreachable!("a pod is followed as such"),
        }
    }
}

fn understand<R: Raw, T>(
    event: Result<WatchEvent<R>, kube::Error>,
    show: fn(&R) -> T,
) -> Result<Told<T>, FindError> {
    match event.map_err(FindError::new)? {
        WatchEvent::Added(object) | WatchEvent::Modified(object) => {
            Ok(Told::Is(show(&object), object.version()))
        }
        WatchEvent::Deleted(object) => Ok(Told::Gone(show(&object), object.version())),
        WatchEvent::Bookmark(mark) => Ok(Told::Mark(mark.metadata.resource_version)),
        WatchEvent::Error(status) => Err(FindError::Refused(Refusal::of_request(&status))),
    }
}

/// Whether the user may not ask so, or nobody can: the server knows no such resource, or does not let it be watched.
pub(super) fn is_denied(error: &FindError) -> bool {
    matches!(error, FindError::Refused(refusal) if [403, 404, 405].contains(&refusal.code))
}

#[cfg(test)]
impl<T: Send + 'static> Follow<T> {
    /// One that tells something, and then nothing for ever.
    pub(super) fn telling<const N: usize>(told: [Told<T>; N]) -> Self {
        let now = Instant::now();
        Self {
            stream: stream::iter(told.map(Ok)).chain(stream::pending()).boxed(),
            version: String::new(),
            is_open: false,
            begun: now,
            opening: OPENING,
            heard: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_falls_silent_is_given_up() {
        let mut follow: Follow<()> = Follow::telling([Told::Open, Told::Mark("7".to_owned())]);
        assert!(matches!(follow.next().await, Ok(Told::Open)));
        assert!(follow.is_open());
        assert!(matches!(follow.ready(), Some(Ok(Told::Mark(_)))));
        assert!(follow.ready().is_none());
        assert!(matches!(follow.next().await, Err(Stop::Silent)));
        assert_eq!(follow.version(), "7");
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_does_not_open_is_given_up_sooner_where_the_server_answers_something_else() {
        for (is_hastened, time) in [(false, OPENING), (true, unanswered(0))] {
            let begun = Instant::now();
            let mut follow: Follow<()> = Follow::telling([]);
            if is_hastened {
                follow.hasten(0);
            }
            assert!(matches!(follow.next().await, Err(Stop::Silent)));
            assert_eq!(begun.elapsed(), time);
        }
        // Once it is open that is another matter.
        let begun = Instant::now();
        let mut follow: Follow<()> = Follow::telling([Told::Open]);
        follow.hasten(0);
        assert!(matches!(follow.next().await, Ok(Told::Open)));
        assert!(matches!(follow.next().await, Err(Stop::Silent)));
        assert_eq!(begun.elapsed(), SILENCE);
    }
}
