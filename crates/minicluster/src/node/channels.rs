//! The legacy WebSocket protocol, `v4.channel.k8s.io`: one message for each piece of a port's data, with the number
//! of its channel in front. The runtime serves it itself; all ports are connected at once, at the upgrade.

mod messages;

use std::{future::Future, io, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream::FuturesUnordered};
use podline_wire::websocket::{Opcode, close, control, head};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::{Mutex, mpsc},
    time::timeout,
};

use self::messages::{Message, Messages};
use super::{
    Faults,
    framing::NORMAL,
    link::Io,
    pod::Pod,
    runtime::{COPY_BUFFER, DIAL_TIMEOUT, DialFailure, Flavor, ForwardFailure, LINGER, Place, failure_text},
    session::pod_error,
};

/// Bytes read from the peer at a time.
const READ: usize = 64 * 1024;

/// A legacy session.
pub(super) struct Channels {
    pub(super) ports: Vec<u16>,
    /// Messages are text: the channel as a digit, the data in base64.
    pub(super) text: bool,
    pub(super) pod: Arc<Pod>,
    pub(super) faults: Faults,
}

/// The write side, shared by all ports.
struct Writer {
    half: Mutex<WriteHalf<Box<dyn Io>>>,
    text: bool,
}

impl Channels {
    /// Runs until every port's connection ended or the peer is gone.
    pub(super) async fn run(self, io: Box<dyn Io>) {
        let (reader, half) = tokio::io::split(io);
        let writer = Writer {
            half: Mutex::new(half),
            text: self.text,
        };
        let (mut senders, mut ports) = (Vec::new(), FuturesUnordered::new());
        for (index, port) in self.ports.iter().enumerate() {
            // Whoever writes has to wait until the port's copy has taken the message: a stalled port stalls all.
            let (sender, receiver) = mpsc::channel(1);
            senders.push(sender);
            ports.push(self.serve_port(&writer, index, *port, receiver));
        }
        let served = async { while ports.next().await.is_some() {} };
        tokio::select! {
            () = served => {}
            result = self.receive(reader, &writer, senders) => {
                if let Err(error) = result {
                    tracing::debug!(%error, "legacy session ends");
                }
            }
        }
        let _ = writer.close().await;
    }

    /// Gives every message to its port, in order.
    async fn receive(
        &self,
        mut reader: ReadHalf<Box<dyn Io>>,
        writer: &Writer,
        senders: Vec<mpsc::Sender<Bytes>>,
    ) -> io::Result<()> {
        let mut messages = Messages::default();
        let mut raw = BytesMut::with_capacity(READ);
        loop {
            raw.reserve(READ);
            if reader.read_buf(&mut raw).await? == 0 {
                return Ok(());
            }
            while let Some(message) = messages.next(&mut raw)? {
                match message {
                    Message::Close => return Ok(()),
                    Message::Data(data) => {
                        if let Some((channel, data)) = self.unwrap(data)?
                            && channel % 2 == 0
                            && let Some(sender) = senders.get(usize::from(channel / 2))
                        {
                            // A port that ended takes nothing; the others go on.
                            let _ = sender.send(data).await;
                        }
                    }
                    Message::Ping(payload) => writer.control(Opcode::Pong, &payload).await?,
                    Message::Pong => {}
                }
            }
        }
    }

    /// A message's channel and data.
    fn unwrap(&self, mut message: Bytes) -> io::Result<Option<(u8, Bytes)>> {
        if message.is_empty() {
            return Ok(None);
        }
        let channel = message.split_to(1)[0];
        if !self.text {
            return Ok(Some((channel, message)));
        }
        let data = STANDARD.decode(&message).map_err(io::Error::other)?;
        Ok(Some((channel.wrapping_sub(b'0'), data.into())))
    }

    async fn serve_port(&self, writer: &Writer, index: usize, port: u16, data: mpsc::Receiver<Bytes>) {
        let (down, error) = ((index * 2) as u8, (index * 2 + 1) as u8);
        for channel in [down, error] {
            if writer.send(channel, &port.to_le_bytes()).await.is_err() {
                return;
            }
        }
        if let Err(failure) = self.forward(writer, down, port, data).await {
            let place = Place {
                network_namespace: self.pod.network_namespace().into(),
                sandbox: self.pod.id().into(),
            };
            let flavor: Flavor = self.faults.settings().flavor;
            let _ = writer
                .send(error, failure_text(flavor, &place, port, &failure).as_bytes())
                .await;
        }
    }

    /// Copies both ways with the runtime's one second between the two ends.
    async fn forward(
        &self,
        writer: &Writer,
        channel: u8,
        port: u16,
        mut data: mpsc::Receiver<Bytes>,
    ) -> Result<(), ForwardFailure> {
        let settings = self.faults.settings();
        let dialed = timeout(DIAL_TIMEOUT, self.pod.dial(port, &settings)).await;
        let mut connection = dialed
            .unwrap_or(Err(DialFailure::TimedOut))
            .map_err(ForwardFailure::Dial)?;
        let local = connection
            .stream
            .local_addr()
            .map_err(|error| ForwardFailure::Dial(DialFailure::Other(error.to_string())))?;
        let (mut from_pod, mut to_pod) = connection.stream.split();
        let down = async {
            let mut buffer = vec![0; COPY_BUFFER];
            loop {
                let length = from_pod.read(&mut buffer).await;
                match length.map_err(|error| ForwardFailure::Read {
                    local,
                    error: pod_error(&error),
                })? {
                    0 => return Ok(()),
                    length => {
                        let sent = writer.send(channel, &buffer[..length]).await;
                        sent.map_err(|_| ForwardFailure::Disconnected)?;
                    }
                }
            }
        };
        let up = async {
            while let Some(bytes) = data.recv().await {
                let written = to_pod.write_all(&bytes).await;
                written.map_err(|error| ForwardFailure::Write {
                    local,
                    error: pod_error(&error),
                })?;
            }
            Ok(())
        };
        both(down, up).await
    }
}

/// Waits for one, then at most one second for the other; the first failure counts.
async fn both(
    left: impl Future<Output = Result<(), ForwardFailure>>,
    right: impl Future<Output = Result<(), ForwardFailure>>,
) -> Result<(), ForwardFailure> {
    let (mut left, mut right) = (std::pin::pin!(left), std::pin::pin!(right));
    let (first, second) = tokio::select! {
        first = &mut left => (first, timeout(LINGER, right).await),
        first = &mut right => (first, timeout(LINGER, left).await),
    };
    first.and_then(|()| second.unwrap_or(Ok(())))
}

impl Writer {
    async fn send(&self, channel: u8, data: &[u8]) -> io::Result<()> {
        let mut frame = BytesMut::with_capacity(data.len() * 4 / 3 + 32);
        if self.text {
            let payload = format!("{}{}", char::from(b'0' + channel), STANDARD.encode(data));
            // A text message: its opcode is 1, which the tunnel's codec does not write.
            frame.extend_from_slice(head(Opcode::Binary, true, payload.len() as u64, None).as_bytes());
            frame[0] = messages::FINAL_TEXT;
            frame.extend_from_slice(payload.as_bytes());
        } else {
            frame.extend_from_slice(head(Opcode::Binary, true, data.len() as u64 + 1, None).as_bytes());
            frame.extend_from_slice(&[channel]);
            frame.extend_from_slice(data);
        }
        self.write(&frame).await
    }

    async fn control(&self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mut frame = BytesMut::new();
        control(&mut frame, opcode, payload, None);
        self.write(&frame).await
    }

    async fn close(&self) -> io::Result<()> {
        let mut frame = BytesMut::new();
        close(&mut frame, NORMAL, "", None);
        self.write(&frame).await?;
        self.half.lock().await.shutdown().await
    }

    async fn write(&self, frame: &[u8]) -> io::Result<()> {
        let mut half = self.half.lock().await;
        half.write_all(frame).await?;
        half.flush().await
    }
}
