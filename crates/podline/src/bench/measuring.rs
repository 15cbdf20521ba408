//! What apps do to be measured. It runs where they run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use http_body_util::BodyExt;
use tokio::sync::Barrier;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::echo::{Pattern, pump};
use super::failure::Failure;
use super::link::{App, Link, Speech};
use super::statistics::Samples;
use super::tally::Failures;

/// What an app waits after a failure, so that a forward that refuses at once is not asked without end.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);
/// This part of the time of a rate, its beginning, is not counted: sessions are made then.
const WARM_UP: u32 = 4;

/// Times, and what failed of them.
#[derive(Debug, Default)]
pub(super) struct Timed {
    pub(super) samples: Samples,
    pub(super) failures: Failures,
}

/// A number in a time, and what failed beside it.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) number: u64,
    pub(super) time: Duration,
    pub(super) failures: Failures,
}

/// Makes one connection after the other for `time`, and one at least; counts the time to the first byte of the answer.
pub(super) async fn first_bytes(app: App, time: Duration) -> Timed {
    let until = Instant::now() + time;
    let mut timed = Timed::default();
    loop {
        match app.visit().await {
            Ok(visit) => timed.samples.push(visit.first),
            Err(failure) => timed.fail(&failure, until).await,
        }
        if !timed.may_go_on(until) {
            return timed;
        }
    }
}

/// Makes one exchange after the other on a connection that stays open, for `time`, and one at least; counts the time to the answer's last byte.
pub(super) async fn round_trips(app: App, time: Duration) -> Timed {
    let until = Instant::now() + time;
    let mut timed = Timed::default();
    let mut open: Option<Link> = None;
    loop {
        let link = match open.take().filter(Link::may_go_on) {
            Some(link) => Ok(link),
            None => app.open().await,
        };
        let exchanged = match link {
            Ok(mut link) => app.exchange(&mut link).await.map(|exchanged| (link, exchanged)),
            Err(failure) => Err(failure),
        };
        match exchanged {
            Ok((link, exchanged)) => {
                timed.samples.push(exchanged.whole);
                open = Some(link);
            }
            Err(failure) => timed.fail(&failure, until).await,
        }
        if !timed.may_go_on(until) {
            return timed;
        }
    }
}

/// Has `connections` apps make one connection after the other, each with one exchange, for `time`, and one at least; counts the connections
/// that came to their end in it, but for its beginning.
pub(super) async fn rate(app: App, connections: usize, time: Duration) -> Counted {
    let begun = Instant::now();
    let (from, until) = (begun + time / WARM_UP, begun + time);
    let workers = (0..connections).map(|_| async {
        let (mut done, mut failures) = (0, Failures::default());
        loop {
            match app.visit().await {
                Ok(_) if (from..=until).contains(&Instant::now()) => done += 1,
                Ok(_) => {}
                Err(failure) => {
                    failures.add(&failure);
                    pause(until).await;
                }
            }
            if Instant::now() >= until {
                return (done, failures);
            }
        }
    });
    let mut counted = Counted {
        time: until - from,
        ..Counted::default()
    };
    for (done, failures) in join_all(workers).await {
        counted.number += done;
        counted.failures.merge(failures);
    }
    counted
}

/// Has `connections` apps move bytes for `time`, each on a connection that was opened before; counts bytes.
pub(super) async fn throughput(app: App, connections: usize, time: Duration) -> Counted {
    let ready = Barrier::new(connections);
    let bytes = AtomicU64::new(0);
    let pattern = match app.speech {
        Speech::Echo => Some(Pattern::new()),
        Speech::Greeting | Speech::Http(_) => None,
    };
    let workers = (0..connections).map(|number| {
        let (app, ready, bytes, pattern) = (&app, &ready, &bytes, &pattern);
        async move {
            let opened = app.open().await;
            // Whoever has no connection must not keep the others waiting.
            ready.wait().await;
            let until = Instant::now() + time;
            let mut failures = Failures::default();
            let link = opened.map_err(|failure| failures.add(&failure)).ok();
            match pattern {
                Some(pattern) => {
                    if let Some(link) = link {
                        echo(app, link, pattern, number, until, bytes, &mut failures).await;
                    }
                }
                None => download(app, link, until, bytes, &mut failures).await,
            }
            failures
        }
    });
    let mut failures = Failures::default();
    for of_one in join_all(workers).await {
        failures.merge(of_one);
    }
    Counted {
        number: bytes.into_inner(),
        time,
        failures,
    }
}

async fn echo(
    app: &App,
    link: Link,
    pattern: &Pattern,
    number: usize,
    until: Instant,
    bytes: &AtomicU64,
    failures: &mut Failures,
) {
    let local = link.local();
    let Some(stream) = link.into_echo() else { return };
    if let Err(failure) = pump(stream, pattern, number, sleep_until(until), bytes).await {
        failures.add(&app.explain(failure, local).await);
    }
}

/// Asks again and again until `until`, and cuts off what is under way then.
async fn download(
    app: &App,
    mut open: Option<Link>,
    until: Instant,
    bytes: &AtomicU64,
    failures: &mut Failures,
) {
    while Instant::now() < until {
        let link = match open.take().filter(Link::may_go_on) {
            Some(link) => Ok(link),
            None => match timeout_at(until, app.open()).await {
                Ok(opened) => opened,
                Err(_) => return,
            },
        };
        let read = match link {
            Ok(mut link) => match timeout_at(until, read(app, &mut link, bytes)).await {
                Ok(Ok(())) => {
                    open = Some(link);
                    Ok(())
                }
                Ok(Err(failure)) => Err(app.explain(failure, link.local()).await),
                Err(_) => return,
            },
            Err(failure) => Err(failure),
        };
        if let Err(failure) = read {
            failures.add(&failure);
            pause(until).await;
        }
    }
}

/// Asks once, and counts the bytes of the answer's body as they come.
async fn read(app: &App, link: &mut Link, bytes: &AtomicU64) -> Result<(), Failure> {
    let (Some(link), Speech::Http(http)) = (link.http(), &app.speech) else {
        return Ok(());
    };
    let mut answer = link.ask(http).await?;
    while let Some(frame) = answer.body_mut().frame().await {
        if let Some(data) = frame?.data_ref() {
            bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
    }
    Ok(())
}

async fn pause(until: Instant) {
    sleep_until(until.min(Instant::now() + FAILURE_PAUSE)).await;
}

impl Timed {
    fn may_go_on(&self, until: Instant) -> bool {
        Instant::now() < until && !self.samples.is_full()
    }

    async fn fail(&mut self, failure: &Failure, until: Instant) {
        self.failures.add(failure);
        pause(until).await;
    }
}

/// What the first answer to an HTTP request is.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstAnswer {
    pub(super) status: u16,
    /// How many bytes its body has, where it ended in time and is not large.
    pub(super) bytes: Option<u64>,
}

/// Asks once, and reads until the answer ends, has more than `most` bytes, or `time` is over.
pub(super) async fn first_answer(app: App, most: u64, time: Duration) -> Result<FirstAnswer, Failure> {
    let mut link = app.open().await?;
    let local = link.local();
    let answered = async {
        let (Some(link), Speech::Http(http)) = (link.http(), &app.speech) else {
            return Err(Failure::EndedEarly);
        };
        let mut answer = link.ask(http).await?;
        let status = answer.status().as_u16();
        let body = timeout_at(Instant::now() + time, async {
            let mut bytes = 0;
            while let Some(frame) = answer.body_mut().frame().await {
                bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
                if bytes > most {
                    return Ok(None);
                }
            }
            Ok::<_, Failure>(Some(bytes))
        });
        let bytes = body.await.unwrap_or(Ok(None))?;
        Ok(FirstAnswer { status, bytes })
    };
    let until = Instant::now() + super::link::EXCHANGE_DEADLINE + time;
    match timeout_at(until, answered).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(failure)) => Err(app.explain(failure, local).await),
        Err(_) => Err(Failure::TooLong),
    }
}
