use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::args::Args;

/// How much is measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Plan {
    /// Starts of each contender.
    pub(crate) starts: usize,
    /// Connections for each of the latencies of a new connection.
    pub(crate) connections: usize,
    /// Between two connections of one contender, so that it can get ready for the next.
    #[serde(rename = "pause_s", serialize_with = "seconds")]
    pub(crate) pause: Duration,
    pub(crate) bursts: usize,
    /// Connections of one burst.
    pub(crate) burst: usize,
    /// How long a forwarder is left alone before a burst and before its memory is read.
    #[serde(rename = "settle_s", serialize_with = "seconds")]
    pub(crate) settle: Duration,
    pub(crate) round_trips: usize,
    pub(crate) rate_rounds: usize,
    pub(crate) workers: usize,
    #[serde(rename = "rate_time_s", serialize_with = "seconds")]
    pub(crate) rate_time: Duration,
    /// The beginning of `rate_time` that is not counted.
    #[serde(rename = "rate_dropped_s", serialize_with = "seconds")]
    pub(crate) rate_dropped: Duration,
    pub(crate) transfer_rounds: usize,
    /// Bytes of one transfer.
    pub(crate) transfer: u64,
    /// Bytes of the transfer whose records are noted for the TLS pipe.
    pub(crate) recorded: u64,
    pub(crate) memory_rounds: usize,
    /// Connections open while the memory is read.
    pub(crate) open: usize,
}

impl Plan {
    pub(crate) fn new(args: &Args) -> Self {
        let full = Self {
            starts: 10,
            connections: 30,
            pause: Duration::from_millis(200),
            bursts: 3,
            burst: 30,
            settle: Duration::from_secs(30),
            round_trips: 200,
            rate_rounds: 3,
            workers: 64,
            rate_time: Duration::from_secs(20),
            rate_dropped: Duration::from_secs(5),
            transfer_rounds: 5,
            transfer: 4 << 30,
            recorded: 256 << 20,
            memory_rounds: 3,
            open: 500,
        };
        let plan = if args.quick {
            Self {
                starts: 3,
                connections: 5,
                bursts: 1,
                settle: Duration::from_secs(3),
                round_trips: 20,
                rate_rounds: 1,
                rate_time: Duration::from_secs(4),
                rate_dropped: Duration::from_secs(1),
                transfer_rounds: 1,
                transfer: 128 << 20,
                recorded: 32 << 20,
                memory_rounds: 1,
                ..full
            }
        } else {
            full
        };
        let transfer = args.transfer.unwrap_or(plan.transfer).max(1);
        Self {
            transfer,
            recorded: plan.recorded.min(transfer),
            ..plan
        }
    }
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
