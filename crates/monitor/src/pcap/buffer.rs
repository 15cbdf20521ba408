use super::{Block, CaptureSummary, Packet, PacketBlock, Side, StatisticsBlock};

/// Bytes that may wait for being written. A disk that stops for a moment, or a reader that draws what came before, needs some.
const ROOM: usize = 32 << 20;
/// More of it for packets without bytes, so that how connections began and ended is known when their bytes are missing.
const RESERVE: usize = 1 << 20;

/// The blocks of a capture that wait for being written, and what is counted of them.
#[derive(Debug)]
pub(super) struct Buffer {
    waiting: Vec<u8>,
    /// All bytes that ever waited.
    accepted: u64,
    limit: u64,
    snaplen: Option<u32>,
    start: u64,
    counts: Vec<Count>,
}

/// What became of a block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Taken {
    /// It is counted, and missing.
    Dropped,
    /// The capture can have no more.
    LimitReached,
    Yes,
}

/// What an interface has seen.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    taken: u64,
    dropped: u64,
}

impl Buffer {
    /// What a capture begins with, which began at `start`, in nanoseconds since the Unix epoch.
    pub(super) fn new(limit: u64, snaplen: Option<u32>, start: u64) -> Self {
        let mut buffer = Self {
            waiting: Vec::new(),
            accepted: 0,
            limit,
            snaplen,
            start,
            counts: Vec::new(),
        };
        buffer.push(&Block::Section);
        buffer
    }

    /// Describes the next interface. Never dropped: there are few.
    pub(super) fn interface(&mut self, name: &str) -> Taken {
        let block = Block::Interface {
            name,
            snaplen: self.snaplen.unwrap_or(0),
        };
        if !self.is_within_limit(block.length() + Block::STATISTICS_LENGTH) {
            return Taken::LimitReached;
        }
        self.push(&block);
        self.counts.push(Count::default());
        Taken::Yes
    }

    /// A packet of an interface that was described.
    pub(super) fn packet(&mut self, interface: usize, at: u64, packet: &Packet<'_>) -> Taken {
        let head = packet.head_length();
        let length = head + packet.payload.len();
        let kept = self
            .snaplen
            .map_or(length, |snaplen| length.min(snaplen as usize));
        let needed = Block::packet_length(kept, &packet.comments);
        if !self.is_within_limit(needed) {
            return Taken::LimitReached;
        }
        let Some(count) = self.counts.get_mut(interface) else {
            return Taken::LimitReached;
        };
        let room = if packet.payload.is_empty() {
            ROOM + RESERVE
        } else {
            ROOM
        };
        if self.waiting.len() + needed > room {
            count.dropped += 1;
            return Taken::Dropped;
        }
        count.taken += 1;
        let made = packet.head();
        let head = &made.bytes()[..head.min(kept)];
        self.push(&Block::Packet(PacketBlock {
            interface: interface as u32,
            at,
            original_length: length as u32,
            head,
            payload: &packet.payload[..kept - head.len()],
            is_outbound: packet.from == Side::App,
            comments: packet.comments,
        }));
        Taken::Yes
    }

    /// What a capture ends with, which ends now.
    pub(super) fn close(&mut self, end: u64) {
        for (interface, count) in self.counts.clone().into_iter().enumerate() {
            self.push(&Block::Statistics(StatisticsBlock {
                interface: interface as u32,
                start: self.start,
                end,
                received: count.taken + count.dropped,
                dropped: count.dropped,
            }));
        }
    }

    /// Counts the packets of blocks that could not be written, and all that wait, as missing.
    pub(super) fn lose(&mut self, blocks: &[u8]) {
        let waiting = std::mem::take(&mut self.waiting);
        for interface in Block::packets(blocks).chain(Block::packets(&waiting)) {
            if let Some(count) = self.counts.get_mut(interface as usize) {
                count.taken -= 1;
                count.dropped += 1;
            }
        }
    }

    /// How many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Gives what waits, and takes the memory of `batch` in its place.
    pub(super) fn swap(&mut self, batch: &mut Vec<u8>) {
        batch.clear();
        std::mem::swap(&mut self.waiting, batch);
    }

    /// Gives memory back that nothing waits in.
    pub(super) fn shrink(&mut self) {
        self.waiting.shrink_to_fit();
    }

    /// The most bytes that the capture may have.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// How many bytes [`Buffer::close`] makes.
    pub(super) fn closing_length(&self) -> usize {
        self.counts.len() * Block::STATISTICS_LENGTH
    }

    /// What is in it, apart from the bytes that were written, of which it knows nothing.
    pub(super) fn summary(&self) -> CaptureSummary {
        let mut summary = CaptureSummary::default();
        for count in &self.counts {
            summary.packets += count.taken;
            summary.dropped += count.dropped;
        }
        summary
    }

    fn is_within_limit(&self, needed: usize) -> bool {
        self.accepted + (needed + self.closing_length()) as u64 <= self.limit
    }

    fn push(&mut self, block: &Block<'_>) {
        let before = self.waiting.len();
        block.write(&mut self.waiting);
        self.accepted += (self.waiting.len() - before) as u64;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use super::*;
    use crate::pcap::{Ends, Kind};

    fn packet(payload: &[u8]) -> Packet<'_> {
        Packet {
            ends: Ends::new("127.0.0.1:5000".parse().unwrap(), "10.0.0.7:80".parse().unwrap()),
            from: Side::App,
            kind: if payload.is_empty() {
                Kind::Ack
            } else {
                Kind::Data { push: true }
            },
            sequence: 1,
            acknowledgment: 1,
            payload,
            comments: [None; 2],
        }
    }

    fn buffer(limit: u64, snaplen: Option<u32>) -> Buffer {
        let mut buffer = Buffer::new(limit, snaplen, 0);
        assert_eq!(buffer.interface("svc/web"), Taken::Yes);
        buffer
    }

    fn read(file: &[u8]) -> Vec<pcap_file::pcapng::Block<'static>> {
        let mut reader = pcap_file::pcapng::PcapNgReader::new(file).unwrap();
        let mut read = Vec::new();
        while let Some(block) = reader.next_block() {
            read.push(block.unwrap().into_owned());
        }
        read
    }

    #[test]
    fn a_snaplen_cuts_what_is_kept_and_not_what_is_told() {
        let mut file = Vec::new();
        for (snaplen, kept) in [(68, 68), (41, 41), (40, 40), (30, 30), (1000, 140)] {
            let mut buffer = buffer(1 << 20, Some(snaplen));
            assert_eq!(buffer.packet(0, 7, &packet(&[0xAB; 100])), Taken::Yes);
            buffer.swap(&mut file);
            let packet = read(&file)[1].clone().into_enhanced_packet().unwrap();
            assert_eq!(packet.original_len, 140);
            assert_eq!(packet.data.len(), kept);
        }
    }

    #[test]
    fn the_limit_is_kept_to_the_byte_with_the_end_in_it() {
        let payload = [0; 1000];
        let mut file = Vec::new();
        for more in 0..1200 {
            let limit = 10_000 + more;
            let mut buffer = buffer(limit, None);
            while buffer.packet(0, 7, &packet(&payload)) == Taken::Yes {}
            buffer.close(8);
            buffer.swap(&mut file);
            assert!(file.len() as u64 <= limit);
            assert!(file.len() as u64 + Block::packet_length(1040, &[None; 2]) as u64 > limit);
        }
        let mut buffer = buffer(400, None);
        assert_eq!(buffer.interface(&"x".repeat(300)), Taken::LimitReached);
    }

    #[test]
    fn what_there_is_no_room_for_is_counted_and_ends_are_taken_for_longer() {
        let mut buffer = buffer(u64::MAX, None);
        let payload = vec![0; 60_000];
        while buffer.packet(0, 7, &packet(&payload)) == Taken::Yes {}
        assert_eq!(buffer.packet(0, 7, &packet(&payload)), Taken::Dropped);
        assert!(buffer.waiting() <= ROOM);
        assert_eq!(buffer.packet(0, 7, &packet(&[])), Taken::Yes);
        while buffer.packet(0, 7, &packet(&[])) == Taken::Yes {}
        assert!(buffer.waiting() <= ROOM + RESERVE);
        let summary = buffer.summary();
        assert_eq!(summary.dropped, 3);
        buffer.close(8);
        let mut file = Vec::new();
        buffer.swap(&mut file);
        assert_eq!(Block::packets(&file).count() as u64, summary.packets);
    }

    #[test]
    fn what_is_lost_on_the_way_is_counted_too() {
        let mut buffer = buffer(u64::MAX, None);
        let mut batch = Vec::new();
        for _ in 0..3 {
            assert_eq!(buffer.packet(0, 7, &packet(b"x")), Taken::Yes);
        }
        buffer.swap(&mut batch);
        assert_eq!(buffer.packet(0, 7, &packet(b"x")), Taken::Yes);
        buffer.lose(&batch);
        let summary = buffer.summary();
        assert_eq!((summary.packets, summary.dropped), (0, 4));
        assert_eq!(buffer.waiting(), 0);
    }
}
