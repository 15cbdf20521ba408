#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

use std::collections::HashMap;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use proptest::prelude::*;

use super::*;

/// Keeps every packet but those that it is told to lose.
#[derive(Default)]
struct Kept {
    packets: Vec<Seen>,
    lost: Vec<usize>,
    number: usize,
}

/// A packet as another library reads it.
#[derive(Debug)]
struct Seen {
    from: Side,
    sequence: u32,
    acknowledgment: u32,
    flags: String,
    payload: Vec<u8>,
    comments: Vec<String>,
}

impl Packets for Kept {
    fn take(&mut self, packet: &Packet<'_>) -> bool {
        self.number += 1;
        if self.lost.contains(&(self.number - 1)) {
            return false;
        }
        self.packets.push(Seen::read(packet));
        true
    }
}

impl Seen {
    /// Reads the packet's bytes, whose lengths and checksums must be right.
    fn read(packet: &Packet<'_>) -> Self {
        let mut bytes = packet.head().bytes().to_vec();
        bytes.extend(packet.payload.parts().flatten());
        assert!(bytes.len() <= 0xFFFF, "{} bytes", bytes.len());
        let sliced = SlicedPacket::from_ip(&bytes).unwrap();
        let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else {
            panic!("this is no TCP: {sliced:?}");
        };
        let (ends, checksum) = match sliced.net.as_ref().unwrap() {
            NetSlice::Ipv4(ip) => {
                let header = ip.header();
                assert_eq!(
                    header.header_checksum(),
                    header.to_header().calc_header_checksum()
                );
                assert_eq!(usize::from(header.total_len()), bytes.len());
                (
                    (header.source_addr().into(), header.destination_addr().into()),
                    tcp.calc_checksum_ipv4(header.source(), header.destination()),
                )
            }
            NetSlice::Ipv6(ip) => {
                let header = ip.header();
                assert_eq!(usize::from(header.payload_length()) + 40, bytes.len());
                (
                    (header.source_addr().into(), header.destination_addr().into()),
                    tcp.calc_checksum_ipv6(header.source(), header.destination()),
                )
            }
            other => panic!("this is no IP: {other:?}"),
        };
        assert_eq!(tcp.checksum(), checksum.unwrap());
        let flags = [
            (tcp.syn(), 'S'),
            (tcp.fin(), 'F'),
            (tcp.rst(), 'R'),
            (tcp.psh(), 'P'),
            (tcp.ack(), 'A'),
        ];
        Self {
            from: side(packet.ends, ends, (tcp.source_port(), tcp.destination_port())),
            sequence: tcp.sequence_number(),
            acknowledgment: tcp.acknowledgment_number(),
            flags: flags.iter().filter(|(is, _)| *is).map(|(_, flag)| flag).collect(),
            payload: tcp.payload().to_vec(),
            comments: packet
                .comments
                .iter()
                .flatten()
                .map(|&text| text.to_owned())
                .collect(),
        }
    }
}

/// Which side sends a packet from one address to another.
fn side(ends: Ends, (source, destination): (std::net::IpAddr, std::net::IpAddr), ports: (u16, u16)) -> Side {
    let (app, pod): (std::net::SocketAddr, std::net::SocketAddr) = match ends {
        Ends::V4 { app, pod } => (app.into(), pod.into()),
        Ends::V6 { app, pod } => (app.into(), pod.into()),
    };
    let pair = ((source, ports.0).into(), (destination, ports.1).into());
    match pair {
        pair if pair == (app, pod) => Side::App,
        pair if pair == (pod, app) => Side::Pod,
        pair => panic!("{pair:?} is neither of {ends:?}"),
    }
}

fn v4() -> Ends {
    Ends::new("127.0.0.1:50000".parse().unwrap(), "10.0.0.7:80".parse().unwrap())
}

fn v6() -> Ends {
    Ends::new("[::1]:50000".parse().unwrap(), "[fd00::7]:80".parse().unwrap())
}

fn open(ends: Ends, initial: [u32; 2], packets: &mut Kept) -> Stream {
    Stream::open(ends, initial, "pod default/web".to_owned(), packets)
}

/// Direction, flags, and how far sequence and acknowledgement number are from the initial ones.
fn told(packets: &Kept, initial: [u32; 2]) -> Vec<String> {
    let line = |seen: &Seen| {
        let (arrow, [own, other]) = match seen.from {
            Side::App => (">", initial),
            Side::Pod => ("<", [initial[1], initial[0]]),
        };
        let acknowledgment = if seen.flags.contains('A') {
            seen.acknowledgment.wrapping_sub(other)
        } else {
            seen.acknowledgment
        };
        format!(
            "{arrow} {} {} {acknowledgment} [{}]",
            seen.flags,
            seen.sequence.wrapping_sub(own),
            seen.payload.len()
        )
    };
    packets.packets.iter().map(line).collect()
}

#[test]
fn a_pod_that_closes_first_is_answered() {
    let initial = [100, 4_000_000_000];
    let mut packets = Kept::default();
    let mut stream = open(v4(), initial, &mut packets);
    stream.say(Side::App, &b"ping"[..], &mut packets);
    stream.say(Side::Pod, &b"pong!"[..], &mut packets);
    stream.close(Close::Orderly, "ended", &mut packets);
    assert_eq!(
        told(&packets, initial),
        [
            "> S 0 0 [0]",
            "< SA 0 1 [0]",
            "> A 1 1 [0]",
            "> PA 1 1 [4]",
            "< PA 1 5 [5]",
            "< FA 6 5 [0]",
            "> FA 5 7 [0]",
            "< A 7 6 [0]",
        ]
    );
    let comments: Vec<_> = packets
        .packets
        .iter()
        .map(|seen| seen.comments.join("+"))
        .collect();
    assert_eq!(comments, ["pod default/web", "", "", "", "", "", "", "ended"]);
}

#[test]
fn an_app_that_half_closes_gets_the_rest() {
    let initial = [u32::MAX, u32::MAX];
    let mut packets = Kept::default();
    let mut stream = open(v6(), initial, &mut packets);
    stream.finish(Side::App, &mut packets);
    stream.say(Side::Pod, &b"rest"[..], &mut packets);
    stream.say(Side::App, &b"not allowed any more"[..], &mut packets);
    stream.finish(Side::App, &mut packets);
    stream.close(Close::Orderly, "ended", &mut packets);
    stream.close(Close::Orderly, "ended", &mut packets);
    stream.say(Side::Pod, &b"too late"[..], &mut packets);
    assert_eq!(
        told(&packets, initial),
        [
            "> S 0 0 [0]",
            "< SA 0 1 [0]",
            "> A 1 1 [0]",
            "> FA 1 1 [0]",
            "< A 1 2 [0]",
            "< PA 1 2 [4]",
            "< FA 5 2 [0]",
            "> A 2 6 [0]",
        ]
    );
}

#[test]
fn a_reset_comes_from_the_side_that_is_gone() {
    for (side, line) in [(Side::App, "> RA 1 1 [0]"), (Side::Pod, "< RA 1 1 [0]")] {
        let mut packets = Kept::default();
        let mut stream = open(v4(), [7, 8], &mut packets);
        stream.close(Close::Reset(side), "cut", &mut packets);
        assert_eq!(told(&packets, [7, 8])[3..], [line]);
        assert_eq!(packets.packets[3].comments, ["cut"]);
    }
}

#[test]
fn a_side_that_is_silent_acknowledges_now_and_then() {
    let mut packets = Kept::default();
    let mut stream = open(v4(), [0, 0], &mut packets);
    stream.say(Side::Pod, &*vec![0; 4 * 65_495 + 1], &mut packets);
    assert_eq!(
        told(&packets, [0, 0])[3..],
        [
            "< A 1 1 [65495]",
            "< A 65496 1 [65495]",
            "< A 130991 1 [65495]",
            "> A 1 196486 [0]",
            "< A 196486 1 [65495]",
            "< PA 261981 1 [1]",
        ]
    );
}

#[test]
fn what_is_not_taken_is_a_gap_and_the_introduction_waits() {
    let mut packets = Kept {
        lost: vec![0, 1, 2, 4],
        ..Kept::default()
    };
    let mut stream = open(v4(), [0, 0], &mut packets);
    for text in ["one", "lost", "three"] {
        stream.say(Side::App, text.as_bytes(), &mut packets);
    }
    assert_eq!(told(&packets, [0, 0]), ["> PA 1 1 [3]", "> PA 8 1 [5]"]);
    assert_eq!(packets.packets[0].comments, ["pod default/web"]);
    assert!(packets.packets[1].comments.is_empty());
    stream.introduce();
    stream.close(Close::Reset(Side::Pod), "cut", &mut packets);
    let introduction = "pod default/web; open before the capture, with 12 bytes sent and 0 received";
    assert_eq!(packets.packets[2].comments, [introduction, "cut"]);
}

/// Puts together what each side said, with nothing but the packets, and checks every number against what was there before.
fn reassembled(packets: &[Seen]) -> HashMap<&'static str, Vec<u8>> {
    let mut streams: HashMap<&'static str, Vec<u8>> = HashMap::from([("app", vec![]), ("pod", vec![])]);
    let mut next: [Option<u32>; 2] = [None, None];
    for seen in packets {
        let (own, other, name) = match seen.from {
            Side::App => (0, 1, "app"),
            Side::Pod => (1, 0, "pod"),
        };
        if let Some(next) = next[own] {
            assert_eq!(seen.sequence, next, "{seen:?}");
        }
        if seen.flags.contains('A') {
            assert_eq!(Some(seen.acknowledgment), next[other], "{seen:?}");
        }
        streams.get_mut(name).unwrap().extend_from_slice(&seen.payload);
        let numbers = u32::from(seen.flags.contains(['S', 'F']));
        next[own] = Some(
            seen.sequence
                .wrapping_add(u32::try_from(seen.payload.len()).unwrap())
                .wrapping_add(numbers),
        );
    }
    streams
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_interleaving_is_put_together_again(
        is_v6 in any::<bool>(),
        // Near the end of the numbers, so that most of these streams go over it.
        before_the_wrap in prop::array::uniform2(0_u32..150_000),
        said in prop::collection::vec((any::<bool>(), 0_usize..100_000, any::<u8>()), 0..12),
        half_closes in any::<bool>(),
        is_reset in any::<bool>(),
    ) {
        let ends = if is_v6 { v6() } else { v4() };
        let initial = before_the_wrap.map(|before| u32::MAX - before);
        let mut packets = Kept::default();
        let mut stream = open(ends, initial, &mut packets);
        let (mut app, mut pod) = (Vec::new(), Vec::new());
        let half = said.len() / 2;
        let half_closes = half_closes && !said.is_empty();
        for (index, (is_app, length, seed)) in said.into_iter().enumerate() {
            if half_closes && index == half {
                stream.finish(Side::App, &mut packets);
            }
            let is_app = is_app && !(half_closes && index >= half);
            let bytes: Vec<u8> = (0..length).map(|index| seed.wrapping_add((index % 251) as u8)).collect();
            let (side, all) = if is_app { (Side::App, &mut app) } else { (Side::Pod, &mut pod) };
            stream.say(side, &*bytes, &mut packets);
            all.extend_from_slice(&bytes);
        }
        stream.close(if is_reset { Close::Reset(Side::Pod) } else { Close::Orderly }, "end", &mut packets);
        let streams = reassembled(&packets.packets);
        prop_assert!(streams["app"] == app);
        prop_assert!(streams["pod"] == pod);
        let fins = packets.packets.iter().filter(|seen| seen.flags.contains('F')).count();
        let resets = packets.packets.iter().filter(|seen| seen.flags.contains('R')).count();
        prop_assert_eq!(resets, usize::from(is_reset));
        prop_assert_eq!(fins, if is_reset { usize::from(half_closes) } else { 2 });
        prop_assert_eq!(packets.packets.last().unwrap().comments.last().map(String::as_str), Some("end"));
    }
}
