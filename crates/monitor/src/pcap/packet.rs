use etherparse::{IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, TcpHeader, TcpOptionElement};

use super::{Ends, Payload, payload::fold};

/// The window that both sides always have open, in units of 2^[`WINDOW_SCALE`] bytes: 8 MiB, which is more than is ever
/// unacknowledged here.
const WINDOW: u16 = u16::MAX;
/// RFC 7323 2.2.
const WINDOW_SCALE: u8 = 7;
/// The hop limit that most systems begin with.
const HOP_LIMIT: u8 = 64;
/// The options of a SYN: four bytes of segment size, three of window scale, filled up to whole words.
const OPTIONS: usize = 8;

/// Where the checksum of a TCP header is.
const CHECKSUM: usize = 16;

/// Which end a packet comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    App,
    Pod,
}

/// What a packet is there for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Syn,
    SynAck,
    Ack,
    /// Bytes, and whether they are the last that were there to be sent.
    Data {
        push: bool,
    },
    Fin,
    Reset,
}

/// One TCP packet, whose headers are made only if somebody wants them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) ends: Ends,
    pub(super) from: Side,
    pub(super) kind: Kind,
    pub(super) sequence: u32,
    pub(super) acknowledgment: u32,
    pub(super) payload: Payload<'a>,
    pub(super) comments: [Option<&'a str>; 2],
}

/// The IP and the TCP header of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    bytes: [u8; Packet::HEAD_MOST],
    length: usize,
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::App => Self::Pod,
            Self::Pod => Self::App,
        }
    }
}

impl Kind {
    /// How many sequence numbers it takes besides those of its bytes: RFC 9293 3.4.
    pub(super) const fn numbers(self) -> u32 {
        match self {
            Self::Syn | Self::SynAck | Self::Fin => 1,
            Self::Ack | Self::Data { .. } | Self::Reset => 0,
        }
    }

    /// Whether it tells the other side how far its bytes have come.
    pub(super) const fn acknowledges(self) -> bool {
        !matches!(self, Self::Syn)
    }
}

impl Packet<'_> {
    /// The largest head.
    pub(super) const HEAD_MOST: usize = Ipv6Header::LEN + TcpHeader::MIN_LEN + OPTIONS;

    /// The most bytes of a packet between such ends, so that its length fits into 16 bits.
    pub(super) const fn payload_most(ends: &Ends) -> u16 {
        u16::MAX - (ip_length(ends) + TcpHeader::MIN_LEN) as u16
    }

    /// The length of what [`Packet::head`] makes.
    pub(super) const fn head_length(&self) -> usize {
        let options = match self.kind {
            Kind::Syn | Kind::SynAck => OPTIONS,
            Kind::Ack | Kind::Data { .. } | Kind::Fin | Kind::Reset => 0,
        };
        ip_length(&self.ends) + TcpHeader::MIN_LEN + options
    }

    /// Makes its headers, checksums and all.
    ///
    /// # Panics
    ///
    /// If the payload is longer than [`Packet::payload_most`].
    pub(super) fn head(&self) -> Head {
        self.head_with(self.payload.sum())
    }

    /// Makes its headers for one who adds the sum of the payload to the checksum while copying it, with [`Packet::complete`].
    ///
    /// # Panics
    ///
    /// If the payload is longer than [`Packet::payload_most`].
    pub(super) fn incomplete_head(&self) -> Head {
        self.head_with(0)
    }

    /// Adds the sum of the payload to the checksum of an incomplete head.
    pub(super) fn complete(&self, head: &mut [u8], sum: u16) {
        let at = ip_length(&self.ends) + CHECKSUM;
        let checksum = [head[at], head[at + 1]];
        let checksum = add(u16::from_be_bytes(checksum), u64::from(sum));
        head[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    }

    fn head_with(&self, sum: u16) -> Head {
        // What its checksum has besides that of a packet without payload.
        let more = self.payload.len() as u64 + u64::from(sum);
        let mut head = Head {
            bytes: [0; Self::HEAD_MOST],
            length: 0,
        };
        match self.ends {
            Ends::V4 { app, pod } => {
                let (source, destination) = self.directed(app, pod);
                let mut tcp = self.tcp(source.port(), destination.port());
                let length = self.length(&tcp);
                let (source, destination) = (source.ip().octets(), destination.ip().octets());
                let mut ip = Ipv4Header::new(length, HOP_LIMIT, IpNumber::TCP, source, destination)
                    .expect("it is cut to fit");
                ip.header_checksum = ip.calc_header_checksum();
                let without = tcp.calc_checksum_ipv4(&ip, &[]).expect("it is cut to fit");
                tcp.checksum = add(without, more);
                head.push(&ip.to_bytes());
                head.push(&tcp.to_bytes());
            }
            Ends::V6 { app, pod } => {
                let (source, destination) = self.directed(app, pod);
                let mut tcp = self.tcp(source.port(), destination.port());
                let ip = Ipv6Header {
                    traffic_class: 0,
                    flow_label: Ipv6FlowLabel::ZERO,
                    payload_length: self.length(&tcp),
                    next_header: IpNumber::TCP,
                    hop_limit: HOP_LIMIT,
                    source: source.ip().octets(),
                    destination: destination.ip().octets(),
                };
                let without = tcp.calc_checksum_ipv6(&ip, &[]).expect("it is cut to fit");
                tcp.checksum = add(without, more);
                head.push(&ip.to_bytes());
                head.push(&tcp.to_bytes());
            }
        }
        head
    }

    /// Source and destination.
    fn directed<T>(&self, app: T, pod: T) -> (T, T) {
        match self.from {
            Side::App => (app, pod),
            Side::Pod => (pod, app),
        }
    }

    fn length(&self, tcp: &TcpHeader) -> u16 {
        u16::try_from(tcp.header_len() + self.payload.len()).expect("it is cut to fit")
    }

    fn tcp(&self, source: u16, destination: u16) -> TcpHeader {
        let mut tcp = TcpHeader::new(source, destination, self.sequence, WINDOW);
        tcp.ack = self.kind.acknowledges();
        if tcp.ack {
            tcp.acknowledgment_number = self.acknowledgment;
        }
        match self.kind {
            Kind::Syn | Kind::SynAck => {
                tcp.syn = true;
                tcp.set_options(&[
                    TcpOptionElement::MaximumSegmentSize(Self::payload_most(&self.ends)),
                    TcpOptionElement::Noop,
                    TcpOptionElement::WindowScale(WINDOW_SCALE),
                ])
                .expect("eight bytes are fewer than forty");
            }
            Kind::Ack => {}
            Kind::Data { push } => tcp.psh = push,
            Kind::Fin => tcp.fin = true,
            Kind::Reset => tcp.rst = true,
        }
        tcp
    }
}

/// A checksum of which `more` is added to what it is of: RFC 1624 3.
fn add(checksum: u16, more: u64) -> u16 {
    !fold(u64::from(!checksum) + more)
}

const fn ip_length(ends: &Ends) -> usize {
    match ends {
        Ends::V4 { .. } => Ipv4Header::MIN_LEN,
        Ends::V6 { .. } => Ipv6Header::LEN,
    }
}

impl Head {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }
}
