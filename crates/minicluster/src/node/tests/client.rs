use std::{collections::VecDeque, net::SocketAddr};

use bytes::BytesMut;
use podline_wire::{
    Role,
    spdy::{Frame, FrameReader, HeaderEncoder, StreamId, data_head},
    websocket::{Decoder, Opcode, Piece, head, mask_into},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const KEY: [u8; 4] = [0x5a, 0xa5, 0x3c, 0xc3];

/// How a client is upgraded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    Spdy,
    Tunnel,
}

pub(super) const WAYS: [Way; 2] = [Way::Spdy, Way::Tunnel];

/// A raw client of one session.
pub(super) struct Client {
    stream: TcpStream,
    tunnel: Option<Decoder>,
    headers: HeaderEncoder,
    reader: FrameReader,
    received: VecDeque<Event>,
    next: u32,
}

/// What a session sends, payloads of DATA copied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Event {
    Data(u32, Vec<u8>),
    Fin(u32),
    GoAway(u32),
    Ping(u32),
    Reply(u32),
    Reset(u32),
    /// A WebSocket close frame.
    TunnelClosed(Option<u16>),
    /// The end of the connection.
    Lost,
}

/// How one connection ended.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Ended {
    pub(super) bytes: Vec<u8>,
    pub(super) text: String,
    pub(super) data_fin: bool,
    pub(super) data_reset: bool,
    pub(super) error_reset: bool,
}

/// Sends a request and gives the whole head of the answer.
pub(super) async fn ask(address: SocketAddr, way: Way, extra: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let path = "/api/v1/namespaces/default/pods/web-0/portforward";
    let request = match way {
        Way::Spdy => format!(
            "POST {path} HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\
             X-Stream-Protocol-Version: portforward.k8s.io\r\nContent-Length: 0\r\n{extra}\r\n"
        ),
        Way::Tunnel => format!(
            "GET {path} HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n{extra}\r\n"
        ),
    };
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await;
    (stream, head)
}

pub(super) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

impl Client {
    pub(super) async fn connect(address: SocketAddr, way: Way) -> Self {
        let (stream, head) = ask(address, way, "").await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        Self {
            stream,
            tunnel: (way == Way::Tunnel).then(|| Decoder::new(Role::Client)),
            headers: HeaderEncoder::new(),
            reader: FrameReader::new(Role::Client),
            received: VecDeque::new(),
            next: 1,
        }
    }

    /// The next pair has ids from `first` on, on the lane of that.
    pub(super) fn take_ids_from(&mut self, first: u32) {
        self.next = first;
    }

    /// Opens a pair with its first bytes, all in one write; gives the ids of its error and data stream.
    pub(super) async fn open(&mut self, port: u16, early: &[u8]) -> (u32, u32) {
        let (error, data) = (self.next, self.next + 5);
        self.next += 10;
        let mut out = BytesMut::new();
        let (port, request) = (port.to_string(), error.to_string());
        for (stream, kind) in [(error, "error"), (data, "data")] {
            let headers = [("streamtype", kind), ("port", &port), ("requestid", &request)];
            self.headers
                .syn_stream(&mut out, id(stream), kind == "error", &headers);
        }
        if !early.is_empty() {
            out.extend_from_slice(&data_head(id(data), early.len(), false));
            out.extend_from_slice(early);
        }
        self.send(&out).await;
        (error, data)
    }

    pub(super) async fn data(&mut self, stream: u32, payload: &[u8], fin: bool) {
        let mut out = BytesMut::from(&data_head(id(stream), payload.len(), fin)[..]);
        out.extend_from_slice(payload);
        self.send(&out).await;
    }

    /// Sends bytes of the session; in a tunnel, as one message.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        if self.tunnel.is_none() {
            return self.stream.write_all(bytes).await.unwrap();
        }
        let mut out = BytesMut::from(head(Opcode::Binary, true, bytes.len() as u64, Some(KEY)).as_bytes());
        mask_into(&mut out, bytes, KEY, 0);
        self.stream.write_all(&out).await.unwrap();
    }

    pub(super) async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.received.pop_front() {
                return event;
            }
            let mut buffer = vec![0; 64 * 1024];
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return Event::Lost,
                Ok(length) => self.take(&buffer[..length]),
            }
        }
    }

    /// Everything up to the end of the error stream of a pair.
    pub(super) async fn end_of(&mut self, (error, data): (u32, u32)) -> Ended {
        let mut ended = Ended::default();
        loop {
            match self.next().await {
                Event::Data(stream, bytes) if stream == data => ended.bytes.extend(bytes),
                Event::Data(stream, bytes) if stream == error => {
                    ended.text.push_str(&String::from_utf8_lossy(&bytes));
                }
                Event::Fin(stream) if stream == data => ended.data_fin = true,
                Event::Reset(stream) if stream == data => ended.data_reset = true,
                Event::Fin(stream) if stream == error => return ended,
                Event::Reset(stream) if stream == error => {
                    ended.error_reset = true;
                    return ended;
                }
                Event::Lost => panic!("the session is lost: {ended:?}"),
                _ => {}
            }
        }
    }

    /// Reads DATA of a stream until there are `length` bytes of it.
    pub(super) async fn bytes(&mut self, data: u32, length: usize) -> Vec<u8> {
        let mut found = Vec::new();
        while found.len() < length {
            match self.next().await {
                Event::Data(stream, bytes) if stream == data => found.extend(bytes),
                Event::Reply(_) | Event::Ping(_) => {}
                other => panic!("{other:?} after {} bytes", found.len()),
            }
        }
        found
    }

    fn take(&mut self, bytes: &[u8]) {
        let Self {
            tunnel,
            reader,
            received,
            ..
        } = self;
        let Some(tunnel) = tunnel else {
            return take_frames(reader, received, bytes);
        };
        let mut rest = bytes;
        while let Some(piece) = tunnel.read(&mut rest).unwrap() {
            match piece {
                Piece::Data(bytes) => take_frames(reader, received, bytes),
                Piece::Close { code, .. } => received.push_back(Event::TunnelClosed(code)),
                Piece::Ping(_) | Piece::Pong(_) => {}
            }
        }
    }
}

fn take_frames(reader: &mut FrameReader, received: &mut VecDeque<Event>, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(frame) = reader.read(&mut rest).unwrap() {
        match frame {
            Frame::Data {
                stream, payload, fin, ..
            } => {
                if !payload.is_empty() {
                    received.push_back(Event::Data(stream.get(), payload.to_vec()));
                }
                if fin {
                    received.push_back(Event::Fin(stream.get()));
                }
            }
            Frame::GoAway { last_stream, .. } => received.push_back(Event::GoAway(last_stream)),
            Frame::Ping { id } => received.push_back(Event::Ping(id)),
            Frame::Reset { stream, .. } => received.push_back(Event::Reset(stream.get())),
            Frame::SynReply { stream, .. } => received.push_back(Event::Reply(stream.get())),
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn id(stream: u32) -> StreamId {
    StreamId::new(stream).unwrap()
}
