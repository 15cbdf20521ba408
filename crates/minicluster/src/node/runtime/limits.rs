//! The runtimes' numbers, and the bounds that this one has beside them.

use std::time::Duration;

/// How long one half of a pair waits for the other (cri-streaming: stream creation timeout).
pub const PAIRING_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the second direction may go on after the first has ended (containerd and CRI-O alike).
pub const LINGER: Duration = Duration::from_secs(1);

/// How long a connection attempt without an answer takes to fail (Linux with 6 retries of a SYN).
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(127);

/// Bytes copied from the pod at a time, and so the largest DATA frame sent (Go's copy buffer).
pub const COPY_BUFFER: usize = 32 * 1024;

/// Bytes ready for the peer at which whoever wants to send more has to wait.
pub const OUTPUT_FULL: usize = 256 * 1024;

/// Bytes ready for the peer at which nothing is read any more. The real runtime has no such bound.
pub const OUTPUT_OVERFULL: usize = 4 * 1024 * 1024;

/// Payload bytes queued for workers at which nothing is read any more. The real runtime holds any number of them;
/// this is above what a client with windows of 48 frames of 320 KiB on each worker brings about.
pub const MAX_QUEUED_BYTES: usize = 128 * 1024 * 1024;

/// Streams of one session. The real runtime has no such bound.
pub const MAX_STREAMS: usize = 32 * 1024;
