//! One resource of a target: followed, or to be followed as soon as that is possible.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::follow::{Follow, Stop, Told};
use super::leave::Leave;

/// A watch that was silent for so long is opened anew when somebody doubts what is known. After a sleep of the machine it
/// may be dead without knowing it.
const DOUBTFUL: Duration = Duration::from_secs(20);

/// One resource of a target, followed or to be followed.
pub(super) struct Place<T> {
    follow: Option<Follow<T>>,
    leave: Leave,
    /// Where to begin: behind a version, or with all that there is if it is empty; `None` where it is not known yet.
    from: Option<String>,
}

/// What came of a resource.
pub(super) enum Event<T> {
    Told(Told<T>),
    Stopped(Stop),
    /// It may be followed now.
    Due,
}

impl<T: Send + 'static> Place<T> {
    pub(super) fn new() -> Self {
        Self {
            follow: None,
            leave: Leave::default(),
            from: None,
        }
    }

    /// Where to begin, if it is not followed already.
    pub(super) fn begin_at(&mut self, version: &str) {
        if self.follow.is_none() {
            self.from = Some(version.to_owned());
        }
    }

    /// Stops following, until it is said where to begin.
    pub(super) fn leave(&mut self) {
        self.follow = None;
        self.from = None;
    }

    /// There is a way to the server again: earlier failures say nothing.
    pub(super) fn encourage(&mut self) {
        self.leave.forget_failures();
    }

    /// Somebody doubts what is known: a watch that has not been heard of for a while is opened anew.
    pub(super) fn doubt(&mut self, now: Instant) {
        if let Some(follow) = self.follow.take_if(|follow| follow.silent(now) >= DOUBTFUL) {
            self.from = Some(follow.version().to_owned());
        }
    }

    /// Begins to follow if it is time; `open` is given where to begin.
    pub(super) fn follow(&mut self, now: Instant, open: impl FnOnce(String) -> Follow<T>) {
        if self.follow.is_none()
            && self.leave.is_given(now)
            && let Some(version) = self.from.take()
        {
            self.follow = Some(open(version));
        }
    }

    /// Whether what changes is told.
    pub(super) fn is_told(&self) -> bool {
        self.follow.as_ref().is_some_and(Follow::is_open)
    }

    /// Whether following it is not allowed.
    pub(super) fn is_refused(&self) -> bool {
        self.leave.is_refused()
    }

    /// What comes of it next. Nothing is lost when this is cancelled.
    pub(super) async fn next(&mut self) -> Event<T> {
        if let Some(follow) = &mut self.follow {
            let told = follow.next().await;
            return self.handle(told);
        }
        match (&self.from, self.leave.since()) {
            (Some(_), Some(since)) => sleep_until(since).await,
            (Some(_), None) => {}
            (None, _) => std::future::pending().await,
        }
        Event::Due
    }

    /// What has come of it already, if something has.
    pub(super) fn ready(&mut self) -> Option<Event<T>> {
        let told = self.follow.as_mut()?.ready()?;
        Some(self.handle(told))
    }

    fn handle(&mut self, told: Result<Told<T>, Stop>) -> Event<T> {
        let stop = match told {
            Ok(told) => {
                if matches!(told, Told::Open) {
                    self.leave.handle_granted();
                }
                return Event::Told(told);
            }
            Err(stop) => stop,
        };
        let now = Instant::now();
        if let Some(follow) = self.follow.take() {
            match &stop {
                Stop::Refused => {
                    self.leave.handle_refused(now);
                    self.from = Some(follow.version().to_owned());
                }
                Stop::Expired => self.leave.handle_end(now, follow.lived(now)),
                Stop::Failed(_) | Stop::Over | Stop::Silent => {
                    self.leave.handle_end(now, follow.lived(now));
                    self.from = Some(follow.version().to_owned());
                }
            }
        }
        Event::Stopped(stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_was_silent_for_a_while_is_opened_anew_in_doubt() {
        let mut place: Place<()> = Place::new();
        place.begin_at("6");
        let open = |_| Follow::telling([Told::Open, Told::Mark("7".to_owned())]);
        place.follow(Instant::now(), open);
        assert!(matches!(place.next().await, Event::Told(Told::Open)));
        assert!(matches!(place.next().await, Event::Told(Told::Mark(_))));
        place.doubt(Instant::now());
        assert!(place.is_told());
        tokio::time::advance(DOUBTFUL).await;
        place.doubt(Instant::now());
        assert!(!place.is_told());
        assert!(matches!(place.next().await, Event::Due));
        let mut from = String::new();
        place.follow(Instant::now(), |version| {
            from = version;
            Follow::telling([])
        });
        assert_eq!(from, "7");
    }
}
