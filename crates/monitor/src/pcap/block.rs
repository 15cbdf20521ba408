//! pcapng, as far as a capture needs it: draft-ietf-opsawg-pcapng. Numbers are little-endian, which the magic tells.

use super::{Packet, Payload};

/// What stands for the version of the program in a file.
const APPLICATION: &str = concat!("podline ", env!("CARGO_PKG_VERSION"));

/// Types of blocks, pcapng 4 and 11.1.
const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 0x0000_0001;
const INTERFACE_STATISTICS: u32 = 0x0000_0005;
const ENHANCED_PACKET: u32 = 0x0000_0006;

/// The magic of a section header, pcapng 4.1.
const BYTE_ORDER: u32 = 0x1A2B_3C4D;
/// The packets begin with their IP header: `LINKTYPE_RAW`.
const LINK_TYPE: u16 = 101;

/// Options, pcapng 3.5, 4.1, 4.2, 4.3, 4.6.
const END: u16 = 0;
const COMMENT: u16 = 1;
const USER_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const TIME_RESOLUTION: u16 = 9;
const PACKET_FLAGS: u16 = 2;
const START_TIME: u16 = 2;
const END_TIME: u16 = 3;
const RECEIVED: u16 = 4;
const DROPPED: u16 = 5;

/// 10^-9 of a second.
const NANOSECONDS: u8 = 9;
/// Directions of the packet flags, pcapng 4.3.1.
const INBOUND: u32 = 0b01;
const OUTBOUND: u32 = 0b10;

/// The largest value of an option, in whole words; longer texts are cut.
const OPTION_MOST: usize = 0xFFFC;

/// What a block has around its body: type, and the length twice.
const FRAME: usize = 12;
/// What an option has before its value.
const OPTION_HEAD: usize = 4;

/// A block of a capture. Times are nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(super) enum Block<'a> {
    /// Begins a file.
    Section,
    /// Gives the next number, from 0, to an interface.
    Interface {
        name: &'a str,
        /// The most that is kept of a packet; 0 for all.
        snaplen: u32,
    },
    Packet(PacketBlock<'a>),
    /// What an interface has seen, at the end of a capture.
    Statistics(StatisticsBlock),
}

/// A packet, in two pieces so that its payload is copied once, from wherever it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketBlock<'a> {
    pub(super) interface: u32,
    pub(super) at: u64,
    /// The length that the packet has by its own headers.
    pub(super) original_length: u32,
    pub(super) head: &'a [u8],
    pub(super) payload: Payload<'a>,
    /// The packet, if its head is incomplete.
    pub(super) completed: Option<&'a Packet<'a>>,
    /// Whether it goes from the app to the pod.
    pub(super) is_outbound: bool,
    pub(super) comments: [Option<&'a str>; 2],
}

#[derive(Clone, Copy, Debug)]
pub(super) struct StatisticsBlock {
    pub(super) interface: u32,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Packets that there were, those that were dropped too.
    pub(super) received: u64,
    /// Packets that are missing, because what takes the capture was not fast enough.
    pub(super) dropped: u64,
}

impl Block<'_> {
    /// The length of a statistics block, which has no variable part.
    pub(super) const STATISTICS_LENGTH: usize = FRAME + 12 + 4 * (OPTION_HEAD + 8) + OPTION_HEAD;

    /// How many bytes it takes in a file.
    pub(super) fn length(&self) -> usize {
        let body = match self {
            Self::Section => 16 + option_length(APPLICATION.len()) + OPTION_HEAD,
            Self::Interface { name, .. } => {
                8 + option_length(name.len()) + option_length(size_of::<u8>()) + OPTION_HEAD
            }
            Self::Packet(packet) => {
                return Self::packet_length(packet.head.len() + packet.payload.len(), &packet.comments);
            }
            Self::Statistics(_) => return Self::STATISTICS_LENGTH,
        };
        FRAME + body
    }

    /// How many bytes a packet takes in a file of which so many are kept.
    pub(super) fn packet_length(kept: usize, comments: &[Option<&str>; 2]) -> usize {
        let comments = comments.iter().flatten();
        let comments: usize = comments.map(|comment| option_length(comment.len())).sum();
        FRAME + 20 + padded(kept) + comments + option_length(size_of::<u32>()) + OPTION_HEAD
    }

    /// Writes it behind what `out` has.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let length = self.length();
        out.reserve(length);
        let begin = out.len();
        let kind = match self {
            Self::Section => SECTION_HEADER,
            Self::Interface { .. } => INTERFACE_DESCRIPTION,
            Self::Packet(_) => ENHANCED_PACKET,
            Self::Statistics(_) => INTERFACE_STATISTICS,
        };
        put_u32(out, kind);
        put_length(out, length);
        match self {
            Self::Section => {
                put_u32(out, BYTE_ORDER);
                // Version 1.0, and a section whose length is not known.
                out.extend_from_slice(&[1, 0, 0, 0]);
                out.extend_from_slice(&u64::MAX.to_le_bytes());
                put_option(out, USER_APPLICATION, APPLICATION.as_bytes());
            }
            Self::Interface { name, snaplen } => {
                out.extend_from_slice(&LINK_TYPE.to_le_bytes());
                out.extend_from_slice(&[0, 0]);
                put_u32(out, *snaplen);
                put_option(out, INTERFACE_NAME, name.as_bytes());
                put_option(out, TIME_RESOLUTION, &[NANOSECONDS]);
            }
            Self::Packet(packet) => packet.write_body(out),
            Self::Statistics(statistics) => statistics.write_body(out),
        }
        put_option(out, END, &[]);
        put_length(out, length);
        debug_assert_eq!(out.len() - begin, length);
    }

    /// The interfaces of the packets among whole blocks.
    pub(super) fn packets(bytes: &[u8]) -> impl Iterator<Item = u32> {
        let mut rest = bytes;
        std::iter::from_fn(move || {
            let head: &[u8; 12] = rest.first_chunk()?;
            let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
            let (kind, length, first) = (number(0), number(4) as usize, number(8));
            rest = rest.get(length..).filter(|_| length >= FRAME)?;
            Some((kind, first))
        })
        .filter_map(|(kind, interface)| (kind == ENHANCED_PACKET).then_some(interface))
    }

    /// The length of the longest run of whole blocks at the beginning of `bytes` that is not longer than `most`.
    pub(super) fn whole(bytes: &[u8], most: usize) -> usize {
        let mut end = 0;
        while let Some(length) = bytes.get(end + 4..end + 8) {
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
            if length < FRAME || end + length > most.min(bytes.len()) {
                break;
            }
            end += length;
        }
        end
    }
}

impl PacketBlock<'_> {
    fn write_body(&self, out: &mut Vec<u8>) {
        put_u32(out, self.interface);
        put_time(out, self.at);
        let length = self.head.len() + self.payload.len();
        put_length(out, length);
        put_u32(out, self.original_length);
        let head = out.len();
        out.extend_from_slice(self.head);
        let sum = self.payload.copy_to(out);
        if let Some(packet) = self.completed {
            packet.complete(&mut out[head..], sum);
        }
        pad(out, length);
        for comment in self.comments.iter().flatten() {
            put_option(out, COMMENT, comment.as_bytes());
        }
        let direction = if self.is_outbound { OUTBOUND } else { INBOUND };
        put_option(out, PACKET_FLAGS, &direction.to_le_bytes());
    }
}

impl StatisticsBlock {
    fn write_body(&self, out: &mut Vec<u8>) {
        put_u32(out, self.interface);
        put_time(out, self.end);
        for (code, time) in [(START_TIME, self.start), (END_TIME, self.end)] {
            let mut value = Vec::with_capacity(8);
            put_time(&mut value, time);
            put_option(out, code, &value);
        }
        put_option(out, RECEIVED, &self.received.to_le_bytes());
        put_option(out, DROPPED, &self.dropped.to_le_bytes());
    }
}

fn put_u32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Lengths are of packets of 64 KiB at most, and of options.
fn put_length(out: &mut Vec<u8>, length: usize) {
    put_u32(
        out,
        u32::try_from(length).expect("a block is far smaller than 4 GiB"),
    );
}

/// The upper half comes first, in any byte order: pcapng 4.3.
fn put_time(out: &mut Vec<u8>, nanoseconds: u64) {
    put_u32(out, (nanoseconds >> 32) as u32);
    put_u32(out, (nanoseconds & 0xFFFF_FFFF) as u32);
}

fn put_option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(OPTION_MOST)];
    out.extend_from_slice(&code.to_le_bytes());
    let length = u16::try_from(value.len()).expect("it is cut to less than 64 KiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(value);
    pad(out, value.len());
}

fn option_length(value: usize) -> usize {
    OPTION_HEAD + padded(value.min(OPTION_MOST))
}

/// Fills up to whole words of four bytes what `length` bytes began.
fn pad(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&[0; 3][..padded(length) - length]);
}

const fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use std::time::Duration;

    use pcap_file::pcapng::blocks::{
        enhanced_packet::EnhancedPacketOption, interface_description::InterfaceDescriptionOption,
        interface_statistics::InterfaceStatisticsOption, section_header::SectionHeaderOption,
    };
    use pcap_file::{DataLink, Endianness};
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-27, with all nanoseconds different from rounded ones.
    const AT: u64 = 1_795_816_800_123_456_789;

    fn read(blocks: &[Block<'_>]) -> Vec<pcap_file::pcapng::Block<'static>> {
        let mut file = Vec::new();
        Block::Section.write(&mut file);
        for block in blocks {
            let before = file.len();
            block.write(&mut file);
            assert_eq!(file.len() - before, block.length(), "{block:?}");
        }
        let mut reader = pcap_file::pcapng::PcapNgReader::new(&*file).unwrap();
        let mut read = Vec::new();
        while let Some(block) = reader.next_block() {
            read.push(block.unwrap().into_owned());
        }
        read
    }

    fn packet<'a>(payload: &'a [u8], comments: [Option<&'a str>; 2]) -> PacketBlock<'a> {
        PacketBlock {
            interface: 0,
            at: AT,
            original_length: 1000,
            head: b"head",
            payload: payload.into(),
            completed: None,
            is_outbound: true,
            comments,
        }
    }

    #[test]
    fn a_section_tells_who_wrote_it() {
        let mut file = Vec::new();
        Block::Section.write(&mut file);
        let reader = pcap_file::pcapng::PcapNgReader::new(&*file).unwrap();
        let section = reader.section();
        assert_eq!(section.endianness, Endianness::Little);
        assert_eq!((section.major_version, section.minor_version), (1, 0));
        assert_eq!(section.section_length, -1);
        assert_eq!(
            section.options,
            [SectionHeaderOption::UserApplication(APPLICATION.into())]
        );
    }

    #[test]
    fn an_interface_has_a_name_and_nanoseconds() {
        let read = read(&[Block::Interface {
            name: "svc/web",
            snaplen: 96,
        }]);
        let interface = read[0].clone().into_interface_description().unwrap();
        assert_eq!(interface.linktype, DataLink::RAW);
        assert_eq!(interface.snaplen, 96);
        assert_eq!(
            interface.options,
            [
                InterfaceDescriptionOption::IfName("svc/web".into()),
                InterfaceDescriptionOption::IfTsResol(9)
            ]
        );
    }

    #[test]
    fn statistics_count_what_is_missing() {
        let statistics = StatisticsBlock {
            interface: 7,
            start: AT,
            end: AT + 1,
            received: 1000,
            dropped: 3,
        };
        let read = read(&[Block::Statistics(statistics)]);
        let statistics = read[0].clone().into_interface_statistics().unwrap();
        // The reader takes the two halves of a time for one number of the file's byte order; pcapng 4.6 has them swapped.
        let swapped = |time: u64| time.rotate_left(32);
        assert_eq!(statistics.interface_id, 7);
        assert_eq!(
            statistics.options,
            [
                InterfaceStatisticsOption::IsbStartTime(swapped(AT)),
                InterfaceStatisticsOption::IsbEndTime(swapped(AT + 1)),
                InterfaceStatisticsOption::IsbIfRecv(1000),
                InterfaceStatisticsOption::IsbIfDrop(3),
            ]
        );
    }

    #[test]
    fn whole_blocks_are_told_from_a_torn_one() {
        let mut bytes = Vec::new();
        Block::Section.write(&mut bytes);
        let first = bytes.len();
        Block::Packet(packet(b"payload", [None; 2])).write(&mut bytes);
        let both = bytes.len();
        assert_eq!(Block::whole(&bytes, usize::MAX), both);
        assert_eq!(Block::whole(&bytes, both - 1), first);
        assert_eq!(Block::whole(&bytes[..both - 1], usize::MAX), first);
        assert_eq!(Block::whole(&bytes[..first + 6], usize::MAX), first);
        assert_eq!(Block::whole(&bytes, first - 1), 0);
        assert_eq!(Block::whole(&[0; 12], usize::MAX), 0);
        assert_eq!(Block::packets(&bytes).collect::<Vec<_>>(), [0]);
        assert_eq!(Block::packets(&[0; 12]).count(), 0);
    }

    proptest! {
        #[test]
        fn packets_are_read_as_they_were_written(
            payload in prop::collection::vec(any::<u8>(), 0..70),
            comments in prop::array::uniform2(prop::option::of(".{0,20}")),
            is_outbound in any::<bool>(),
        ) {
            let interface = Block::Interface { name: "", snaplen: 0 };
            let mut written = packet(&payload, [comments[0].as_deref(), comments[1].as_deref()]);
            written.is_outbound = is_outbound;
            let read = read(&[interface, Block::Packet(written)]);
            let packet = read[1].clone().into_enhanced_packet().unwrap();
            prop_assert_eq!(packet.interface_id, 0);
            prop_assert_eq!(packet.timestamp, Duration::from_nanos(AT));
            prop_assert_eq!(packet.original_len, 1000);
            prop_assert_eq!(&packet.data[..4], b"head");
            prop_assert_eq!(&packet.data[4..], &payload[..]);
            let mut options: Vec<_> = comments
                .iter()
                .flatten()
                .map(|comment| EnhancedPacketOption::Comment(comment.into()))
                .collect();
            options.push(EnhancedPacketOption::Flags(if is_outbound { 2 } else { 1 }));
            prop_assert_eq!(&packet.options, &options);
        }
    }
}
