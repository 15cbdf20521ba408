use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::client::{self, ConnectionError, ECHO};
use crate::lineup::Lineup;
use crate::setting::Setting;
use crate::sheet::{Figure, Sheet};

static FIGURES: [Figure; 1] = [Figure {
    key: "burst",
    title: "slowest first byte of a burst",
    unit: "ms",
}];

pub(crate) async fn run(setting: &Setting, sheet: &mut Sheet) {
    let launches = setting.entrants(&FIGURES, sheet);
    let plan = &setting.plan;
    for round in 1..=plan.bursts {
        // Fresh forwarders each time: a burst leaves sessions behind that the next one would find ready.
        let mut lineup = Lineup::start(&launches, &[ECHO], &FIGURES, sheet).await;
        tokio::time::sleep(plan.settle).await;
        lineup
            .round(
                round,
                sheet,
                async |forwarder| Ok(slowest(forwarder.address(ECHO), plan.burst).await?),
                |sheet, contender, time| sheet.add(&FIGURES[0], contender, time.as_secs_f64() * 1e3),
            )
            .await;
        lineup.stop().await;
    }
}

async fn slowest(address: SocketAddr, count: usize) -> Result<Duration, ConnectionError> {
    let mut connections = JoinSet::new();
    for _ in 0..count {
        connections.spawn(client::first_byte(address));
    }
    let times: Result<Vec<Duration>, _> = connections.join_all().await.into_iter().collect();
    Ok(times?.into_iter().max().unwrap_or_default())
}
