use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use crate::client::{self, ConnectionError, ECHO, SOURCE};
use crate::failure::told;
use crate::forwarder::{Forwarder, Launch};
use crate::lineup::{TurnError, order};
use crate::pattern::Pattern;
use crate::plan::Plan;
use crate::setting::Setting;
use crate::sheet::{Figure, Sheet};

static FIGURES: [Figure; 4] = [
    Figure {
        key: "rate-client-closes",
        title: "connections a second, client closes",
        unit: "1/s",
    },
    Figure {
        key: "rate-client-closes-errors",
        title: "  failed of these",
        unit: "",
    },
    Figure {
        key: "rate-server-closes",
        title: "connections a second, server closes",
        unit: "1/s",
    },
    Figure {
        key: "rate-server-closes-errors",
        title: "  failed of these",
        unit: "",
    },
];

pub(crate) async fn run(setting: &Setting, sheet: &mut Sheet) {
    let launches = setting.entrants(&FIGURES, sheet);
    let pattern = Rc::new(Pattern::new());
    for (closes, figures) in [(Closes::Client, &FIGURES[..2]), (Closes::Server, &FIGURES[2..])] {
        for round in 1..=setting.plan.rate_rounds {
            for index in order(launches.len(), round) {
                let contender = launches[index].contender;
                match visits(&launches[index], closes, &setting.plan, &pattern).await {
                    Ok(tally) => {
                        let counted = setting.plan.rate_time - setting.plan.rate_dropped;
                        sheet.add(&figures[0], contender, tally.done as f64 / counted.as_secs_f64());
                        sheet.add(
                            &figures[1],
                            contender,
                            tally.failures.values().sum::<usize>() as f64,
                        );
                        for (failure, times) in tally.failures {
                            sheet.failed_times(&figures[1], contender, failure, times);
                        }
                    }
                    Err(error) => sheet.failed(figures, contender, &error),
                }
            }
        }
    }
}

/// What a worker waits after a failure, so that a forwarder that refuses at once is not asked without end.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

#[derive(Clone, Copy)]
enum Closes {
    Client,
    Server,
}

/// What the workers reached together.
#[derive(Default)]
struct Tally {
    /// Visits that ended well in the time that counts.
    done: usize,
    /// Those that did not, by kind, in the whole time.
    failures: BTreeMap<String, usize>,
}

/// Has all workers make one visit after the other through a fresh forwarder.
async fn visits(
    launch: &Launch,
    closes: Closes,
    plan: &Plan,
    pattern: &Rc<Pattern>,
) -> Result<Tally, TurnError> {
    let port = match closes {
        Closes::Client => ECHO,
        Closes::Server => SOURCE,
    };
    let mut forwarder = Forwarder::start(launch, &[port]).await?;
    let address = forwarder.address(port);
    let tally = Rc::new(RefCell::new(Tally::default()));
    let started = Instant::now();
    let workers = LocalSet::new();
    for _ in 0..plan.workers {
        let (tally, pattern) = (tally.clone(), pattern.clone());
        let counted = plan.rate_dropped..plan.rate_time;
        workers.spawn_local(async move {
            while started.elapsed() < counted.end {
                let visited = visit(address, closes, &pattern).await;
                match &visited {
                    Ok(()) if counted.contains(&started.elapsed()) => tally.borrow_mut().done += 1,
                    Ok(()) => {}
                    Err(error) => *tally.borrow_mut().failures.entry(told(error)).or_default() += 1,
                }
                if visited.is_err() {
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        });
    }
    workers.await;
    let ended = forwarder.check();
    forwarder.stop().await;
    ended?;
    Ok(tally.take())
}

async fn visit(address: SocketAddr, closes: Closes, pattern: &Pattern) -> Result<(), ConnectionError> {
    match closes {
        Closes::Client => client::visit_closed_by_client(address).await,
        Closes::Server => client::visit_closed_by_server(address, pattern).await,
    }
}
