use crate::client::{Connection, ECHO};
use crate::contender::Contender;
use crate::lineup::Lineup;
use crate::setting::Setting;
use crate::sheet::{Figure, Sheet};

static FIGURES: [Figure; 1] = [Figure {
    key: "round-trip",
    title: "round trip of 64 bytes on an open connection",
    unit: "ms",
}];

pub(crate) async fn run(setting: &Setting, sheet: &mut Sheet) {
    let mut launches = setting.entrants(&FIGURES, sheet);
    // What it carries in small exchanges has the sizes of the messages, not of recorded records.
    let pipe = setting.pipe(None, &FIGURES, sheet).await;
    launches.extend(pipe.as_ref().map(|pipe| pipe.launch.clone()));
    let mut lineup = Lineup::start(&launches, &[ECHO], &FIGURES, sheet).await;
    let mut open: Vec<(Contender, Connection)> = Vec::new();
    lineup
        .rounds(
            setting.plan.round_trips,
            sheet,
            async |forwarder| {
                let contender = forwarder.contender();
                let index = match open.iter().position(|(owner, _)| *owner == contender) {
                    Some(index) => index,
                    None => {
                        open.push((contender, Connection::open(forwarder.address(ECHO)).await?));
                        open.len() - 1
                    }
                };
                let exchanged = open[index].1.echo().await;
                if exchanged.is_err() {
                    open.swap_remove(index);
                }
                let (_, time) = exchanged?;
                Ok(time)
            },
            |sheet, contender, time| sheet.add(&FIGURES[0], contender, time.as_secs_f64() * 1e3),
        )
        .await;
    drop(open);
    lineup.stop().await;
}
