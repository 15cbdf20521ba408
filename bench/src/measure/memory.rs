use crate::client::{Connection, ECHO};
use crate::contender::Contender;
use crate::lineup::Lineup;
use crate::process;
use crate::setting::Setting;
use crate::sheet::{Figure, Sheet};

static FIGURES: [Figure; 2] = [
    Figure {
        key: "memory-idle",
        title: "resident memory, idle",
        unit: "MiB",
    },
    Figure {
        key: "memory-open",
        title: "resident memory, connections open",
        unit: "MiB",
    },
];

pub(crate) async fn run(setting: &Setting, sheet: &mut Sheet) {
    let launches = setting.entrants(&FIGURES, sheet);
    let plan = &setting.plan;
    for round in 1..=plan.memory_rounds {
        let mut lineup = Lineup::start(&launches, &[ECHO], &FIGURES, sheet).await;
        tokio::time::sleep(plan.settle).await;
        // All are read at the same age, then each gets its connections.
        lineup
            .round(
                round,
                sheet,
                async |forwarder| Ok(forwarder.resident_memory()?),
                |sheet, contender, kibibytes| {
                    note(sheet, &FIGURES[..1], contender, kibibytes);
                },
            )
            .await;
        lineup
            .round(
                round,
                sheet,
                async |forwarder| {
                    let mut connections = Vec::new();
                    for _ in 0..plan.open {
                        let mut connection = Connection::open(forwarder.address(ECHO)).await?;
                        connection.echo().await?;
                        connections.push(connection);
                    }
                    Ok(forwarder.resident_memory()?)
                },
                |sheet, contender, kibibytes| note(sheet, &FIGURES[1..], contender, kibibytes),
            )
            .await;
        lineup.stop().await;
    }
}

fn note(sheet: &mut Sheet, figures: &'static [Figure], contender: Contender, kibibytes: Option<u64>) {
    match kibibytes {
        Some(kibibytes) => sheet.add(&figures[0], contender, kibibytes as f64 / 1024.0),
        None => sheet.not_measured(figures, contender, &process::NOT_TOLD),
    }
}
