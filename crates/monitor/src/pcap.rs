//! Captures: what goes through forwards as pcapng, for Wireshark and its relatives.
//!
//! The bytes of a connection become TCP packets between the app and the pod, these become blocks, and the blocks go through a
//! bounded buffer to a thread that writes them: the task that carries a connection copies its bytes once, and waits for nothing.
//! What cannot be written fast enough is missing, and counted; the sequence numbers go on, so every tool sees the gap.
//!
//! The addresses are those of the app and of the pod. Where they are of different families, the IPv4 one is shown as the IPv6
//! address that stands for it; where the pod's is not known, the address that the app connected to takes its place.

mod block;
use block::{Block, PacketBlock, StatisticsBlock};

mod buffer;
use buffer::{Buffer, Taken};

mod capture;
pub use capture::{Capture, Snapshot};

mod ends;
use ends::Ends;

mod error;
pub use error::CaptureError;

mod notice;
pub use notice::{CaptureEnd, CaptureNotice, CaptureSummary};

mod options;
pub use options::{CaptureOptions, Destination};

mod packet;
use packet::{Kind, Packet, Side};

mod payload;
use payload::Payload;

mod recorder;
pub use recorder::{Interface, Recorder};

mod shared;
pub use shared::now;
use shared::{Recording, Shared};

mod sink;
use sink::{FileSink, Made, Sink};

mod status;
pub use status::{CaptureState, CaptureStatus};

mod stream;
use stream::{Close, Nobody, Packets, Stream};

mod writer;
use writer::Writer;
