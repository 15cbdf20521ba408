//! One resource of a target: followed, or to be followed as soon as that is possible.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::follow::{Follow, Stop, Told};
use super::leave::Leave;

/// A watch that was silent for so long is begun anew when somebody doubts what is known. After a sleep of the machine it
/// may be dead without knowing it.
const DOUBTFUL: Duration = Duration::from_secs(20);

/// One resource of a target, followed or to be followed.
pub(super) struct Place<T> {
    follow: Option<Follow<T>>,
    leave: Leave,
    /// Where to begin: behind a version, or with all that there is if it is empty; `None` where it is not known yet.
    from: Option<String>,
    /// Somebody doubts what is known.
    is_doubted: bool,
    /// How many watches in a row did not open.
    losses: u32,
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
            is_doubted: false,
            losses: 0,
        }
    }

    /// The server answers: where to begin, if it is not followed already. A watch that somebody doubts and that was silent for
    /// a while is begun anew; before the server answered, that would have cost a watch that may be well.
    pub(super) fn begin_at(&mut self, version: &str) {
        let now = Instant::now();
        if std::mem::take(&mut self.is_doubted) {
            self.follow = self.follow.take().filter(|follow| follow.silent(now) < DOUBTFUL);
        }
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

    /// Somebody doubts what is known.
    pub(super) fn doubt(&mut self) {
        self.is_doubted = true;
    }

    /// The server answers something else.
    pub(super) fn hasten(&mut self) {
        if let Some(follow) = &mut self.follow {
            follow.hasten(self.losses);
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
                    self.losses = 0;
                }
                return Event::Told(told);
            }
            Err(stop) => stop,
        };
        let now = Instant::now();
        if let Some(follow) = self.follow.take() {
            if matches!(stop, Stop::Silent) && !follow.is_open() {
                self.losses = self.losses.saturating_add(1);
            }
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

    /// Follows behind `version` what tells something.
    async fn following<const N: usize>(version: &str, told: [Told<()>; N]) -> Place<()> {
        let mut place = Place::new();
        place.begin_at(version);
        place.follow(Instant::now(), |from| {
            assert_eq!(from, version);
            Follow::telling(told)
        });
        for _ in 0..N {
            assert!(matches!(place.next().await, Event::Told(_)));
        }
        place
    }

    #[tokio::test(start_paused = true)]
    async fn a_doubted_watch_is_begun_anew_once_the_server_answers_if_it_was_silent_for_a_while() {
        let mut place = following("6", [Told::Open, Told::Mark("7".to_owned())]).await;
        place.doubt();
        place.begin_at("8");
        assert!(place.is_told(), "it was heard of just now");
        tokio::time::advance(DOUBTFUL).await;
        place.begin_at("8");
        assert!(place.is_told(), "nobody doubts it any more");
        place.doubt();
        assert!(place.is_told(), "nothing shows that there is a better one");
        place.begin_at("8");
        assert!(!place.is_told());
        assert!(matches!(place.next().await, Event::Due));
        let mut from = String::new();
        place.follow(Instant::now(), |version| {
            from = version;
            Follow::telling([])
        });
        assert_eq!(from, "8");
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_does_not_open_is_given_more_time_each_time() {
        let mut place = following("6", []).await;
        let mut times = Vec::new();
        for _ in 0..4 {
            let begun = Instant::now();
            place.hasten();
            assert!(matches!(place.next().await, Event::Stopped(Stop::Silent)));
            times.push(begun.elapsed());
            assert!(matches!(place.next().await, Event::Due));
            place.follow(Instant::now(), |_| Follow::telling([]));
        }
        let expected: Vec<_> = (0..4).map(super::super::look::unanswered).collect();
        assert_eq!(times, expected);
    }
}
