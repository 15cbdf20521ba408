use crate::client::{self, ECHO};
use crate::lineup::Lineup;
use crate::setting::Setting;
use crate::sheet::{Figure, Sheet};

static FIGURES: [Figure; 1] = [Figure {
    key: "first-byte",
    title: "new connection to first byte",
    unit: "ms",
}];

pub(crate) async fn run(setting: &Setting, sheet: &mut Sheet) {
    let launches = setting.entrants(&FIGURES, sheet);
    let mut lineup = Lineup::start(&launches, &[ECHO], &FIGURES, sheet).await;
    let plan = &setting.plan;
    lineup
        .rounds(
            plan.connections,
            sheet,
            async |forwarder| {
                tokio::time::sleep(plan.pause).await;
                Ok(client::first_byte(forwarder.address(ECHO)).await?)
            },
            |sheet, contender, time| sheet.add(&FIGURES[0], contender, time.as_secs_f64() * 1e3),
        )
        .await;
    lineup.stop().await;
}
