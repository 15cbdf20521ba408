mod burst;
mod first_byte;
mod greeting;
mod memory;
mod rate;
mod round_trip;
mod start;
mod throughput;

use clap::ValueEnum;

use crate::setting::Setting;
use crate::sheet::Sheet;

/// One of the things that can be measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Measurement {
    /// From the start of the process to its first `Forwarding from`, nothing cached.
    Start,
    /// From connecting to the first byte of an answer.
    FirstByte,
    /// From connecting to the first words of a server that speaks first.
    Greeting,
    /// The slowest of many connections made at once.
    Burst,
    /// There and back on an open connection.
    RoundTrip,
    /// Connections a second.
    Rate,
    /// Bytes a second and processor time for them.
    Throughput,
    /// Resident memory, idle and with many connections open.
    Memory,
}

impl Measurement {
    pub(crate) async fn run(self, setting: &Setting, sheet: &mut Sheet) {
        match self {
            Self::Start => start::run(setting, sheet).await,
            Self::FirstByte => first_byte::run(setting, sheet).await,
            Self::Greeting => greeting::run(setting, sheet).await,
            Self::Burst => burst::run(setting, sheet).await,
            Self::RoundTrip => round_trip::run(setting, sheet).await,
            Self::Rate => rate::run(setting, sheet).await,
            Self::Throughput => throughput::run(setting, sheet).await,
            Self::Memory => memory::run(setting, sheet).await,
        }
    }

    pub(crate) fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }
}
