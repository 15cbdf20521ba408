use std::time::Duration;

use thiserror::Error;

use crate::client::{self, ConnectionError, SINK, SOURCE};
use crate::contender::Contender;
use crate::failure::told;
use crate::forwarder::{Forwarder, ForwarderError};
use crate::lineup::Lineup;
use crate::pattern::Pattern;
use crate::pipe::Recorded;
use crate::process;
use crate::relay::Way;
use crate::setting::{Setting, SettingError};
use crate::sheet::{Figure, Sheet};

static FIGURES: [Figure; 4] = [
    Figure {
        key: "download",
        title: "from the pod",
        unit: "MB/s",
    },
    Figure {
        key: "download-processor",
        title: "  processor time of the forwarder",
        unit: "s/GiB",
    },
    Figure {
        key: "upload",
        title: "to the pod",
        unit: "MB/s",
    },
    Figure {
        key: "upload-processor",
        title: "  processor time of the forwarder",
        unit: "s/GiB",
    },
];

const GIBIBYTE: f64 = (1_u64 << 30) as f64;

const PORTS: [u16; 2] = [SOURCE, SINK];

pub(crate) async fn run(setting: &Setting, sheet: &mut Sheet) {
    let mut launches = setting.entrants(&FIGURES, sheet);
    let pattern = Pattern::new();
    let pipe = match record(setting, &pattern).await {
        Ok(recorded) => {
            sheet.remark(format!("the TLS pipe replays {recorded}"));
            setting.pipe(Some(&recorded), &FIGURES, sheet).await
        }
        Err(reason) => {
            if setting.takes_part(Contender::Pipe) {
                sheet.not_measured(&FIGURES, Contender::Pipe, &told(&reason));
            }
            None
        }
    };
    launches.extend(pipe.as_ref().map(|pipe| pipe.launch.clone()));
    let size = setting.plan.transfer;
    let answer = client::answer_of_sink(size, &pattern);
    let mut lineup = Lineup::start(&launches, &PORTS, &FIGURES, sheet).await;
    lineup
        .rounds(
            setting.plan.transfer_rounds,
            sheet,
            async |forwarder| {
                let before = forwarder.processor_time()?;
                let down = client::download(forwarder.address(SOURCE), size, &pattern).await?;
                let between = forwarder.processor_time()?;
                let up = client::upload(forwarder.address(SINK), size, &pattern, &answer).await?;
                let after = forwarder.processor_time()?;
                Ok([(down, used(before, between)), (up, used(between, after))])
            },
            |sheet, contender, ways| {
                for ((time, processor), figures) in ways.into_iter().zip([&FIGURES[..2], &FIGURES[2..]]) {
                    sheet.add(&figures[0], contender, size as f64 / 1e6 / time.as_secs_f64());
                    match processor {
                        Some(time) => sheet.add(
                            &figures[1],
                            contender,
                            time.as_secs_f64() / (size as f64 / GIBIBYTE),
                        ),
                        None => sheet.not_measured(&figures[1..], contender, &process::NOT_TOLD),
                    }
                }
            },
        )
        .await;
    lineup.stop().await;
}

fn used(before: Option<Duration>, after: Option<Duration>) -> Option<Duration> {
    Some(after?.saturating_sub(before?))
}

/// Carries some bytes each way through a relay that notes the sizes of the TLS records.
async fn record(setting: &Setting, pattern: &Pattern) -> Result<Recorded, RecordError> {
    let site = setting.recording().await?;
    let size = setting.plan.recorded;
    let answer = client::answer_of_sink(size, pattern);
    let forwarder = Forwarder::start(&site.launch, &PORTS).await?;
    let [source, sink] = PORTS.map(|port| forwarder.address(port));
    site.recorder.forget();
    client::download(source, size, pattern).await?;
    let down = site.recorder.busiest(Way::Down).ok_or(RecordError::NoRecords)?;
    site.recorder.forget();
    client::upload(sink, size, pattern, &answer).await?;
    let up = site.recorder.busiest(Way::Up).ok_or(RecordError::NoRecords)?;
    forwarder.stop().await;
    Ok(Recorded { down, up })
}

/// Why there are no records for the pipe to replay.
#[derive(Debug, Error)]
enum RecordError {
    #[error("no records could be noted")]
    Connection(#[from] ConnectionError),
    #[error("no records could be noted")]
    Forwarder(#[from] ForwarderError),
    #[error("no TLS records passed")]
    NoRecords,
    #[error("no records could be noted")]
    Setting(#[from] SettingError),
}
