use std::borrow::Cow;

use super::{Ends, Kind, Packet, Payload, Side};

/// Bytes of one side after which the other acknowledges them without having anything to say: two full segments, as
/// RFC 9293 3.8.6.3 wants it.
const ACKNOWLEDGE: u32 = 2 * 0xFFFF;

/// Takes the packets of a stream.
pub(super) trait Packets {
    /// Takes one, or not.
    fn take(&mut self, packet: &Packet<'_>) -> bool;
}

/// Takes nothing.
pub(super) struct Nobody;

/// How a stream ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Close {
    /// Both sides have ended, in order.
    Orderly,
    /// Cut, as seen from the other side of this one.
    Reset(Side),
}

/// The TCP connection between an app and a pod, as somebody in the middle would see it, made of the bytes that the two say.
///
/// Its numbers go on whether its packets are taken or not, so a packet that was not taken is a gap that every tool sees.
#[derive(Debug)]
pub(super) struct Stream {
    ends: Ends,
    app: Half,
    pod: Half,
    /// Goes with the first packet that is taken.
    introduction: String,
    is_introduced: bool,
    /// What was said before whoever takes the packets now was there, if something can have been: bytes of the app and of the pod.
    before: Option<[u64; 2]>,
    is_closed: bool,
}

/// What one side sends.
#[derive(Debug)]
struct Half {
    /// The sequence number of the next byte.
    next: u32,
    /// The sequence number up to which the other side has acknowledged.
    acknowledged: u32,
    /// How many bytes it has said.
    said: u64,
    is_finished: bool,
}

impl Stream {
    /// Opens a connection. `initial` are the sequence numbers that the app and the pod begin with; the introduction is told
    /// with the first packet.
    pub(super) fn open(
        ends: Ends,
        initial: [u32; 2],
        introduction: String,
        packets: &mut dyn Packets,
    ) -> Self {
        let mut stream = Self {
            ends,
            app: Half::new(initial[0]),
            pod: Half::new(initial[1]),
            introduction,
            is_introduced: false,
            before: None,
            is_closed: false,
        };
        stream.emit(Side::App, Kind::Syn, Payload::EMPTY, None, packets);
        stream.emit(Side::Pod, Kind::SynAck, Payload::EMPTY, None, packets);
        stream.emit(Side::App, Kind::Ack, Payload::EMPTY, None, packets);
        stream
    }

    /// Whom it connects.
    pub(super) fn ends(&self) -> Ends {
        self.ends
    }

    /// Somebody new takes the packets: the next one introduces the connection, with how much was said before.
    pub(super) fn introduce(&mut self) {
        self.is_introduced = false;
        self.before = Some([self.app.said, self.pod.said]);
    }

    /// One side said these bytes, at once.
    pub(super) fn say<'a>(&mut self, from: Side, bytes: impl Into<Payload<'a>>, packets: &mut dyn Packets) {
        if self.is_closed || self.half(from).is_finished {
            return;
        }
        let most = usize::from(Packet::payload_most(&self.ends));
        let mut bytes = bytes.into();
        while !bytes.is_empty() {
            let segment = bytes.split_to(most);
            let push = bytes.is_empty();
            self.emit(from, Kind::Data { push }, segment, None, packets);
            if self.half(from).unacknowledged() >= ACKNOWLEDGE {
                self.emit(from.other(), Kind::Ack, Payload::EMPTY, None, packets);
            }
        }
    }

    /// One side says no more.
    pub(super) fn finish(&mut self, from: Side, packets: &mut dyn Packets) {
        if self.is_closed || self.half(from).is_finished {
            return;
        }
        self.emit(from, Kind::Fin, Payload::EMPTY, None, packets);
        self.half_mut(from).is_finished = true;
        self.emit(from.other(), Kind::Ack, Payload::EMPTY, None, packets);
    }

    /// The end; the last packet has `comment`.
    pub(super) fn close(&mut self, close: Close, comment: &str, packets: &mut dyn Packets) {
        if self.is_closed {
            return;
        }
        let comment = Some(comment);
        match close {
            Close::Reset(side) => self.emit(side, Kind::Reset, Payload::EMPTY, comment, packets),
            Close::Orderly => {
                self.emit(Side::Pod, Kind::Fin, Payload::EMPTY, None, packets);
                let last = if self.app.is_finished {
                    Side::App
                } else {
                    self.emit(Side::App, Kind::Fin, Payload::EMPTY, None, packets);
                    Side::Pod
                };
                self.emit(last, Kind::Ack, Payload::EMPTY, comment, packets);
            }
        }
        self.is_closed = true;
    }

    fn emit(
        &mut self,
        from: Side,
        kind: Kind,
        payload: Payload<'_>,
        comment: Option<&str>,
        packets: &mut dyn Packets,
    ) {
        let introduction = (!self.is_introduced).then(|| self.introduction());
        let packet = Packet {
            ends: self.ends,
            from,
            kind,
            sequence: self.half(from).next,
            acknowledgment: self.half(from.other()).next,
            payload,
            comments: [introduction.as_deref(), comment],
        };
        let is_taken = packets.take(&packet);
        drop(introduction);
        self.is_introduced |= is_taken;
        self.half_mut(from).advance(payload.len(), kind);
        if kind.acknowledges() {
            let other = self.half_mut(from.other());
            other.acknowledged = other.next;
        }
    }

    fn introduction(&self) -> Cow<'_, str> {
        match self.before {
            None => Cow::Borrowed(&self.introduction),
            Some([app, pod]) => Cow::Owned(format!(
                "{}; open before the capture, with {app} bytes sent and {pod} received",
                self.introduction
            )),
        }
    }

    fn half(&self, side: Side) -> &Half {
        match side {
            Side::App => &self.app,
            Side::Pod => &self.pod,
        }
    }

    fn half_mut(&mut self, side: Side) -> &mut Half {
        match side {
            Side::App => &mut self.app,
            Side::Pod => &mut self.pod,
        }
    }
}

impl Half {
    fn new(initial: u32) -> Self {
        Self {
            next: initial,
            acknowledged: initial,
            said: 0,
            is_finished: false,
        }
    }

    fn unacknowledged(&self) -> u32 {
        self.next.wrapping_sub(self.acknowledged)
    }

    fn advance(&mut self, payload: usize, kind: Kind) {
        self.said += payload as u64;
        let bytes = u32::try_from(payload).expect("a segment is smaller than 64 KiB");
        self.next = self.next.wrapping_add(bytes).wrapping_add(kind.numbers());
    }
}

impl Packets for Nobody {
    fn take(&mut self, _: &Packet<'_>) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
