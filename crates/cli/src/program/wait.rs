//! Waits until the forwarded ports are open.

use std::{cell::RefCell, time::Duration};

use futures_util::future;
use podline::{End, Event, Forward, Probed, Target};
use tokio::time::{self, Instant};

use super::ports;
use crate::output::Failure;

/// The pause after the first try, which doubles with each other. An app that is about to listen does so in tenths of a
/// second.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest pause: each try is a connection in the app's log.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Waits until all ports of all forwards take connections. Each find is told, with the number of its forward.
///
/// # Errors
///
/// Says what was found last of a port that did not in time.
pub(super) async fn until_open(
    forwards: &[(&Target, &Forward)],
    timeout: Duration,
    tell: impl Fn(usize, &Probed),
) -> Result<(), Failure> {
    let deadline = Instant::now() + timeout;
    let tell = &tell;
    let ports = forwards
        .iter()
        .enumerate()
        .flat_map(|(number, (target, forward))| {
            let count = ports::of(forward).count();
            (0..count).map(move |index| async move {
                let last = RefCell::new(None);
                let open = probe_until_open(forward, index, &last, |found| tell(number, found));
                let in_time = time::timeout_at(deadline, open).await;
                in_time.map_err(|_| not_open(target, timeout, last.borrow().as_ref()))
            })
        });
    future::try_join_all(ports).await.map(drop)
}

/// Probes until the port is open: again with each change of pods, and after a pause.
async fn probe_until_open(
    forward: &Forward,
    index: usize,
    last: &RefCell<Option<Result<Probed, End>>>,
    tell: impl Fn(&Probed),
) {
    let mut events = forward.events();
    let mut pause = PAUSE;
    loop {
        let found = forward.probe(index).await;
        tracing::debug!(?found, "probed port number {index}");
        if let Ok(found) = &found {
            tell(found);
        }
        if found.as_ref().is_ok_and(|found| found.probe.is_open()) {
            return;
        }
        *last.borrow_mut() = Some(found);
        let changed = async {
            while let Some(event) = events.next().await {
                if matches!(event, Event::PodsChanged { .. } | Event::Resumed(_)) {
                    return;
                }
            }
            future::pending::<()>().await;
        };
        tokio::select! {
            () = changed => pause = PAUSE,
            () = time::sleep(pause) => pause = (2 * pause).min(LONGEST_PAUSE),
        }
    }
}

/// Says what was found of a port at the last try.
fn not_open(target: &Target, timeout: Duration, last: Option<&Result<Probed, End>>) -> Failure {
    let seconds = timeout.as_secs_f64();
    match last {
        None => Failure::new(format!(
            "a port was not found open within {seconds} s, and nothing else either"
        ))
        .hinted(["the first answer of a port takes a second or more; --timeout gives it longer".to_owned()]),
        Some(Ok(Probed { pod, port, probe, .. })) => {
            let pod = podline::Untrusted::new(&*pod.name);
            Failure::new(format!(
                "port {port} of pod {pod} is not open after {seconds} s: {probe}"
            ))
            .hinted(probe.hint().map(str::to_owned))
        }
        Some(Err(end)) => Failure::new(format!("no port was found open within {seconds} s: {end}")),
    }
    .while_doing(&target.to_string())
}
