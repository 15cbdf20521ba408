use std::collections::VecDeque;
use std::mem;

use super::{Block, CaptureSummary, Packet, PacketBlock, Side, StatisticsBlock};

/// Bytes that may wait for being written. A disk that stops for a moment, or a reader that draws what came before, needs some.
const ROOM: usize = 32 << 20;
/// More of it for packets without bytes, so that how connections began and ended is known when their bytes are missing.
const RESERVE: usize = 1 << 20;

/// Bytes with which a chunk is full. Much, so that calls to the system and wake-ups are few, and little enough for a processor's cache:
/// a quarter of this costs a sixth more processor time, and twice as much saves none.
const FULL: usize = 256 << 10;
/// What a chunk has room for, besides, so that the packet that fills it nearly always fits.
const LAST: usize = 68 << 10;
/// Chunks that are kept while nothing waits in them: 4 MiB.
const SPARES: usize = 12;

/// The blocks of a capture that wait for being written, and what is counted of them.
#[derive(Debug)]
pub(super) struct Buffer {
    /// Whole blocks, in chunks that are written each at once. Only the last is not full.
    chunks: VecDeque<Vec<u8>>,
    /// Empty ones. The one that was written last is used first, for it is still in the cache.
    spares: Vec<Vec<u8>>,
    /// Bytes in all chunks.
    waiting: usize,
    is_closed: bool,
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
            chunks: VecDeque::new(),
            spares: Vec::new(),
            waiting: 0,
            is_closed: false,
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
        if self.waiting + needed > room {
            count.dropped += 1;
            return Taken::Dropped;
        }
        count.taken += 1;
        // The checksum is of all bytes, those that are not kept too.
        let completed = (kept == length).then_some(packet);
        let made = match completed {
            Some(packet) => packet.incomplete_head(),
            None => packet.head(),
        };
        let head = &made.bytes()[..head.min(kept)];
        self.push(&Block::Packet(PacketBlock {
            interface: interface as u32,
            at,
            original_length: length as u32,
            head,
            payload: packet.payload.first(kept - head.len()),
            completed,
            is_outbound: packet.from == Side::App,
            comments: packet.comments,
        }));
        Taken::Yes
    }

    /// What a capture ends with, which ends now; once. It is in one chunk, the last.
    pub(super) fn close(&mut self, end: u64) {
        if mem::replace(&mut self.is_closed, true) {
            return;
        }
        for (interface, count) in self.counts.clone().into_iter().enumerate() {
            let block = Block::Statistics(StatisticsBlock {
                interface: interface as u32,
                start: self.start,
                end,
                received: count.taken + count.dropped,
                dropped: count.dropped,
            });
            if interface == 0 {
                self.push(&block);
            } else {
                self.push_last(&block);
            }
        }
    }

    /// Counts the packets of blocks that could not be written, and all that wait, as missing. The end is one of them.
    pub(super) fn lose(&mut self, blocks: &[u8]) {
        let chunks = mem::take(&mut self.chunks);
        let lost = std::iter::once(blocks).chain(chunks.iter().map(Vec::as_slice));
        for interface in lost.flat_map(Block::packets) {
            if let Some(count) = self.counts.get_mut(interface as usize) {
                count.taken -= 1;
                count.dropped += 1;
            }
        }
        self.waiting = 0;
        self.is_closed = false;
    }

    /// How many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether what waits is worth being written, however soon more comes.
    pub(super) fn has_full_chunk(&self) -> bool {
        self.chunks.front().is_some_and(|chunk| chunk.len() >= FULL)
    }

    /// Gives the first chunk of what waits, empty if nothing does, and takes the memory of `batch` in its place.
    pub(super) fn take_chunk(&mut self, batch: &mut Vec<u8>) {
        let chunk = self.chunks.pop_front().unwrap_or_default();
        self.waiting -= chunk.len();
        let mut spare = mem::replace(batch, chunk);
        // Neither one that was never used nor one that had to grow.
        if self.spares.len() < SPARES && (1..=2 * FULL).contains(&spare.capacity()) {
            spare.clear();
            self.spares.push(spare);
        }
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
        if self.chunks.back().is_none_or(|chunk| chunk.len() >= FULL) {
            let spare = self.spares.pop();
            self.chunks
                .push_back(spare.unwrap_or_else(|| Vec::with_capacity(FULL + LAST)));
        }
        self.push_last(block);
    }

    /// Into the last chunk, even if it is full.
    fn push_last(&mut self, block: &Block<'_>) {
        let chunk = self.chunks.back_mut().expect("a chunk was begun");
        let before = chunk.len();
        block.write(chunk);
        let length = chunk.len() - before;
        self.waiting += length;
        self.accepted += length as u64;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use std::io::IoSlice;

    use super::*;
    use crate::pcap::{Ends, Kind, Payload};

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
            payload: payload.into(),
            comments: [None; 2],
        }
    }

    fn buffer(limit: u64, snaplen: Option<u32>) -> Buffer {
        let mut buffer = Buffer::new(limit, snaplen, 0);
        assert_eq!(buffer.interface("svc/web"), Taken::Yes);
        buffer
    }

    /// All that waits.
    fn take(buffer: &mut Buffer) -> Vec<u8> {
        let (mut chunk, mut all) = (Vec::new(), Vec::new());
        while buffer.waiting() > 0 {
            buffer.take_chunk(&mut chunk);
            assert!(!chunk.is_empty());
            assert_eq!(Block::whole(&chunk, usize::MAX), chunk.len());
            all.extend_from_slice(&chunk);
        }
        buffer.take_chunk(&mut chunk);
        assert!(chunk.is_empty());
        all
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
        for (snaplen, kept) in [(68, 68), (41, 41), (40, 40), (30, 30), (1000, 140)] {
            let mut buffer = buffer(1 << 20, Some(snaplen));
            assert_eq!(buffer.packet(0, 7, &packet(&[0xAB; 100])), Taken::Yes);
            let packet = read(&take(&mut buffer))[1]
                .clone()
                .into_enhanced_packet()
                .unwrap();
            assert_eq!(packet.original_len, 140);
            assert_eq!(packet.data.len(), kept);
        }
    }

    #[test]
    fn a_packet_that_is_added_up_while_it_is_copied_has_the_same_checksum() {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(20_001).collect();
        let parts = [&bytes[..5], &[], &bytes[5..7000], &bytes[7000..]].map(IoSlice::new);
        let ends = [
            Ends::new("127.0.0.1:5000".parse().unwrap(), "10.0.0.7:80".parse().unwrap()),
            Ends::new("[::1]:5000".parse().unwrap(), "[fd00::7]:80".parse().unwrap()),
        ];
        for ends in ends {
            let packet = Packet {
                ends,
                payload: Payload::from(&parts[..]),
                ..packet(&[])
            };
            let mut buffer = buffer(u64::MAX, None);
            assert_eq!(buffer.packet(0, 7, &packet), Taken::Yes);
            let kept = read(&take(&mut buffer))[1]
                .clone()
                .into_enhanced_packet()
                .unwrap();
            assert_eq!(*kept.data, [packet.head().bytes(), &bytes].concat());
        }
    }

    #[test]
    fn the_limit_is_kept_to_the_byte_with_the_end_in_it() {
        let payload = [0; 1000];
        for more in 0..1200 {
            let limit = 10_000 + more;
            let mut buffer = buffer(limit, None);
            while buffer.packet(0, 7, &packet(&payload)) == Taken::Yes {}
            buffer.close(8);
            let file = take(&mut buffer);
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
        let file = take(&mut buffer);
        assert_eq!(Block::packets(&file).count() as u64, summary.packets);
    }

    #[test]
    fn what_is_lost_on_the_way_is_counted_too() {
        let mut buffer = buffer(u64::MAX, None);
        let mut batch = Vec::new();
        for _ in 0..3 {
            assert_eq!(buffer.packet(0, 7, &packet(b"x")), Taken::Yes);
        }
        buffer.take_chunk(&mut batch);
        assert_eq!(buffer.packet(0, 7, &packet(b"x")), Taken::Yes);
        buffer.lose(&batch);
        let summary = buffer.summary();
        assert_eq!((summary.packets, summary.dropped), (0, 4));
        assert_eq!(buffer.waiting(), 0);
    }

    #[test]
    fn chunks_are_full_and_used_again_and_no_more_of_them_are_kept_than_is_said() {
        let mut buffer = buffer(u64::MAX, None);
        let payload = vec![0; 60_000];
        for _ in 0..2 {
            while buffer.packet(0, 7, &packet(&payload)) == Taken::Yes {}
            assert!(buffer.chunks.len() > SPARES);
            let full = |chunk: &&Vec<u8>| chunk.len() >= FULL && chunk.capacity() < 2 * FULL;
            assert!(buffer.chunks.iter().filter(full).count() >= buffer.chunks.len() - 1);
            assert!(buffer.has_full_chunk());
            take(&mut buffer);
            assert_eq!(buffer.spares.len(), SPARES);
            assert!(!buffer.has_full_chunk());
        }
        let spare = buffer.spares[SPARES - 1].as_ptr();
        assert_eq!(buffer.packet(0, 7, &packet(b"x")), Taken::Yes);
        let mut chunk = Vec::new();
        buffer.take_chunk(&mut chunk);
        assert_eq!(chunk.as_ptr(), spare);
    }

    #[test]
    fn the_end_is_in_one_chunk_and_said_again_if_it_is_lost() {
        let mut buffer = Buffer::new(u64::MAX, None, 0);
        // Their statistics are more than a chunk is meant for.
        let interfaces = FULL / Block::STATISTICS_LENGTH + 10;
        for _ in 0..interfaces {
            assert_eq!(buffer.interface("svc/web"), Taken::Yes);
        }
        take(&mut buffer);
        assert_eq!(buffer.packet(0, 7, &packet(b"x")), Taken::Yes);
        let mut chunk = Vec::new();
        let before = buffer.waiting();
        buffer.close(8);
        buffer.close(8);
        assert_eq!(buffer.waiting(), before + buffer.closing_length());
        assert_eq!(buffer.chunks.len(), 1);
        buffer.take_chunk(&mut chunk);
        buffer.lose(&chunk);
        buffer.close(8);
        assert_eq!(take(&mut buffer).len(), buffer.closing_length());
        assert_eq!(buffer.summary().dropped, 1);
    }
}
