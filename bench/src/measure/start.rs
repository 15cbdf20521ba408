use crate::client::{self, ECHO};
use crate::forwarder::{Forwarder, Launch};
use crate::lineup::{TurnError, order};
use crate::setting::Setting;
use crate::sheet::{Figure, Sheet};

static FIGURES: [Figure; 1] = [Figure {
    key: "start",
    title: "start to `Forwarding from`, nothing cached",
    unit: "ms",
}];

pub(crate) async fn run(setting: &Setting, sheet: &mut Sheet) {
    let launches = setting.entrants(&FIGURES, sheet);
    for round in 0..=setting.plan.starts {
        for index in order(launches.len(), round) {
            let launch = &launches[index];
            match start(launch).await {
                Ok(milliseconds) if round > 0 => sheet.add(&FIGURES[0], launch.contender, milliseconds),
                Ok(_) => {}
                Err(error) => sheet.failed(&FIGURES, launch.contender, &error),
            }
        }
    }
}

/// The time counts only if the forwarder really forwards then.
async fn start(launch: &Launch) -> Result<f64, TurnError> {
    let forwarder = Forwarder::start(launch, &[ECHO]).await?;
    let carried = client::first_byte(forwarder.address(ECHO)).await;
    let milliseconds = forwarder.ready().as_secs_f64() * 1e3;
    forwarder.stop().await;
    carried?;
    Ok(milliseconds)
}
