use podline_wire::spdy::StreamId;

use super::PairId;

/// One stream that the peer opened.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) priority: u8,
    /// Whether frames still find it. A stream that both sides ended, or one of them reset, is forgotten.
    pub(super) known: bool,
    /// Whether SYN_REPLY was sent. Everything else that is to be sent waits for it, but not a reset.
    pub(super) replied: bool,
    /// Whether the peer sends nothing more.
    pub(super) remote_closed: bool,
    /// Whether we send no FIN and no RST any more.
    pub(super) finished: bool,
    /// Who reads the stream's DATA.
    pub(super) consumer: Consumer,
    pub(super) pair: Option<PairId>,
}

/// Who takes the DATA of a stream from its worker. Without one, the worker waits for ever with the first frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Consumer {
    /// The forwarder of this pair, when it has written what it took before.
    Copy(PairId),
    /// Everything is read and dropped.
    Drain,
    /// A copy that is left over from an ended connection: it takes one frame, fails to write it and ends.
    Leftover,
    None,
}

/// What a stream is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum StreamKind {
    Data,
    Error,
}

impl Stream {
    pub(super) fn new(id: StreamId, priority: u8, fin: bool, unidirectional: bool) -> Self {
        Self {
            id,
            priority,
            known: true,
            replied: false,
            remote_closed: fin,
            finished: unidirectional,
            consumer: Consumer::None,
            pair: None,
        }
    }
}
