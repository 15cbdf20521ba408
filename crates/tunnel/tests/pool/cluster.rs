//! A cluster of the tests' own: each upgrade is a duplex pipe with an obliging SPDY peer behind it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response};
use podline_tunnel::{Upgrade, UpgradeAnswer, UpgradeFailure};
use podline_wire::Role;
use podline_wire::spdy::{self, Frame, FrameReader, HeaderDecoder, ResetStatus, StreamId};
use podline_wire::websocket::{self, Decoder, Opcode, Piece, handshake};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;

/// The port whose connections are refused.
pub(crate) const REFUSED: u16 = 83;

/// What the cluster answers to an upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 429, to be tried again after so many seconds.
    Later(u64),
    Status(u16),
    Switch,
    Never,
}

/// A cluster with one pod that echoes.
pub(crate) struct Cluster {
    pub(crate) websocket: Mutex<Answer>,
    pub(crate) spdy: Mutex<Answer>,
    /// So many requests are refused before any is answered so.
    pub(crate) refusals: AtomicUsize,
    /// Requests so far, by transport.
    pub(crate) asked: [AtomicUsize; 2],
    /// While it is true the peers take everything and answer nothing.
    pub(crate) silent: Arc<AtomicBool>,
    /// Ends all sessions.
    pub(crate) cut: Arc<Notify>,
    pub(crate) sessions: Arc<AtomicUsize>,
    /// The pods' peer is not spdystream.
    pub(crate) is_other: AtomicBool,
    /// What a peer that is not spdystream saw and should not have seen.
    pub(crate) offences: Arc<Mutex<Vec<&'static str>>>,
}

impl Cluster {
    pub(crate) fn new(websocket: Answer, spdy: Answer) -> Arc<Self> {
        Arc::new(Self {
            websocket: Mutex::new(websocket),
            spdy: Mutex::new(spdy),
            refusals: AtomicUsize::new(0),
            asked: Default::default(),
            silent: Arc::default(),
            cut: Arc::default(),
            sessions: Arc::default(),
            is_other: AtomicBool::new(false),
            offences: Arc::default(),
        })
    }

    pub(crate) fn asked(&self) -> [usize; 2] {
        [0, 1].map(|transport| self.asked[transport].load(Ordering::SeqCst))
    }
}

impl Upgrade for Cluster {
    fn upgrade(
        &self,
        request: Request<()>,
    ) -> Pin<Box<dyn Future<Output = Result<UpgradeAnswer, UpgradeFailure>> + Send + '_>> {
        Box::pin(async move {
            let is_websocket = request.method() == Method::GET;
            self.asked[usize::from(!is_websocket)].fetch_add(1, Ordering::SeqCst);
            let answer = *if is_websocket { &self.websocket } else { &self.spdy }
                .lock()
                .unwrap();
            let refusals = |count: usize| count.checked_sub(1);
            let is_refused = self
                .refusals
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, refusals);
            let answer = is_refused.map_or(answer, |_| Answer::Status(429));
            let head = Response::builder().header("connection", "Upgrade");
            match answer {
                Answer::Never => std::future::pending().await,
                Answer::Later(seconds) => Ok(refused(
                    Response::builder().status(429).header("retry-after", seconds),
                )),
                Answer::Status(status) => Ok(refused(Response::builder().status(status))),
                Answer::Switch => {
                    let head = if is_websocket {
                        let key = request.headers()["sec-websocket-key"].to_str().unwrap();
                        head.header("upgrade", "websocket")
                            .header("sec-websocket-accept", handshake::accept(key))
                            .header("sec-websocket-protocol", "SPDY/3.1+portforward.k8s.io")
                    } else {
                        head.header("upgrade", "SPDY/3.1")
                            .header("x-stream-protocol-version", "portforward.k8s.io")
                    };
                    let (ours, theirs) = tokio::io::duplex(64 * 1024);
                    let is_other = self.is_other.load(Ordering::SeqCst);
                    let mut peer = Peer::new(theirs, is_websocket, is_other.then(|| self.offences.clone()));
                    peer.silent = self.silent.clone();
                    let (cut, sessions) = (self.cut.clone(), self.sessions.clone());
                    sessions.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(async move {
                        tokio::select! {
                            () = peer.run() => {}
                            () = cut.notified() => {}
                        }
                        sessions.fetch_sub(1, Ordering::SeqCst);
                    });
                    let (head, ()) = head.status(101).body(()).unwrap().into_parts();
                    Ok(UpgradeAnswer::Switched {
                        head,
                        io: Box::new(ours),
                        read_ahead: Bytes::new(),
                    })
                }
            }
        })
    }
}

fn refused(head: http::response::Builder) -> UpgradeAnswer {
    UpgradeAnswer::Refused {
        head: head.body(()).unwrap().into_parts().0,
        body: Bytes::from_static(br#"{"kind":"Status","message":"no way"}"#),
    }
}

/// Echoes what comes on data streams; ends a stream that the client ends.
struct Peer {
    io: DuplexStream,
    silent: Arc<AtomicBool>,
    websocket: Option<Decoder>,
    reader: FrameReader,
    headers: HeaderDecoder,
    /// Data streams and their error streams.
    pairs: BTreeMap<StreamId, StreamId>,
    error_streams: BTreeMap<String, StreamId>,
    replied: bool,
    /// It has carried a connection.
    carried: bool,
    /// Where a peer that is not spdystream notes what it should not have seen.
    offences: Option<Arc<Mutex<Vec<&'static str>>>>,
}

impl Peer {
    fn new(io: DuplexStream, websocket: bool, offences: Option<Arc<Mutex<Vec<&'static str>>>>) -> Self {
        Self {
            io,
            silent: Arc::default(),
            websocket: websocket.then(|| Decoder::new(Role::Server)),
            reader: FrameReader::new(Role::Server),
            headers: HeaderDecoder::new(),
            pairs: BTreeMap::new(),
            error_streams: BTreeMap::new(),
            replied: false,
            carried: false,
            offences,
        }
    }

    fn offended(&self, by: &'static str) {
        if let Some(offences) = &self.offences {
            offences.lock().unwrap().push(by);
        }
    }

    async fn run(mut self) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let Ok(read @ 1..) = self.io.read(&mut buffer).await else {
                return;
            };
            let spdy = self.unwrap(&mut buffer[..read]);
            let Some(answer) = self.answer(&spdy) else { return };
            if self.silent.load(Ordering::SeqCst) {
                continue;
            }
            let answer = self.wrap(answer);
            if self.io.write_all(&answer).await.is_err() {
                return;
            }
        }
    }

    fn unwrap(&mut self, input: &mut [u8]) -> Vec<u8> {
        let Some(decoder) = &mut self.websocket else {
            return input.to_vec();
        };
        let mut spdy = Vec::new();
        let mut rest = &mut *input;
        while let Some(piece) = decoder.read_masked(&mut rest).unwrap() {
            if let Piece::Data(bytes) = piece {
                spdy.extend_from_slice(bytes);
            }
        }
        spdy
    }

    fn wrap(&self, spdy: BytesMut) -> BytesMut {
        if self.websocket.is_none() || spdy.is_empty() {
            return spdy;
        }
        let mut message =
            BytesMut::from(websocket::head(Opcode::Binary, true, spdy.len() as u64, None).as_bytes());
        message.extend_from_slice(&spdy);
        message
    }

    /// None: the client said farewell.
    fn answer(&mut self, mut input: &[u8]) -> Option<BytesMut> {
        let mut out = BytesMut::new();
        while let Some(frame) = self.reader.read(&mut input).unwrap() {
            match frame {
                Frame::Ping { id } => out.extend_from_slice(&spdy::ping(id)),
                Frame::SynStream { stream, block, .. } => self.open(stream, &block, &mut out),
                Frame::Data {
                    stream, payload, fin, ..
                } if self.pairs.contains_key(&stream) => {
                    out.extend_from_slice(&spdy::data_head(stream, payload.len(), fin));
                    out.extend_from_slice(payload);
                    if fin {
                        self.end(stream, &mut out);
                    }
                }
                Frame::Reset { stream, .. } if self.pairs.contains_key(&stream) => self.end(stream, &mut out),
                Frame::GoAway { .. } => return None,
                _ => {}
            }
        }
        Some(out)
    }

    fn open(&mut self, stream: StreamId, block: &[u8], out: &mut BytesMut) {
        let headers: BTreeMap<_, _> = self.headers.decode(block).unwrap().into_iter().collect();
        if headers.is_empty() {
            self.offended("a stream without headers");
            // A fence, or a probe of the reader: refused as spdystream does it.
            let used = stream.get() == 1;
            let status = if used {
                ResetStatus::PROTOCOL_ERROR
            } else {
                ResetStatus::CANCEL
            };
            out.extend_from_slice(&spdy::reset(stream, status));
            return;
        }
        if headers["streamtype"] == "data" && std::mem::replace(&mut self.carried, true) {
            self.offended("a second connection");
        }
        self.reply(stream, out);
        let request = headers["requestid"].clone();
        if headers["streamtype"] == "error" {
            self.error_streams.insert(request, stream);
            return;
        }
        let error = self.error_streams.remove(&request).unwrap();
        if headers["port"] == REFUSED.to_string() {
            out.extend_from_slice(&spdy::data_head(stream, 0, true));
            let text = "error forwarding port 83 to pod 4f, uid : failed to connect to localhost:83 inside namespace \"4f\", IPv4: refused";
            out.extend_from_slice(&spdy::data_head(error, text.len(), false));
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(&spdy::reset(error, ResetStatus::CANCEL));
        } else {
            self.pairs.insert(stream, error);
        }
    }

    /// As spdystream replies.
    fn reply(&mut self, stream: StreamId, out: &mut BytesMut) {
        let block: &[u8] = if self.offences.is_some() {
            // Some header, compressed in another way.
            &[0x78, 0x9c, 0x01, 0x02]
        } else if self.replied {
            &[0x02, 0x61, 0, 0, 0, 0, 0xff, 0xff]
        } else {
            &[
                0x78, 0xf9, 0xe3, 0xc6, 0xa7, 0xc2, 0x62, 0x60, 0x60, 0x60, 0, 0, 0, 0, 0xff, 0xff,
            ]
        };
        self.replied = true;
        out.extend_from_slice(&[0x80, 3, 0, 2, 0, 0, 0, 4 + block.len() as u8]);
        out.extend_from_slice(&stream.get().to_be_bytes());
        out.extend_from_slice(block);
    }

    fn end(&mut self, stream: StreamId, out: &mut BytesMut) {
        if let Some(error) = self.pairs.remove(&stream) {
            out.extend_from_slice(&spdy::data_head(error, 0, true));
        }
    }
}
