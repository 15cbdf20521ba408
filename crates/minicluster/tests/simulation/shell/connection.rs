//! A simulated network connection as tokio sees one.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::cluster::Cluster;
use crate::network::{Arrival, CutKind};

/// The client's end of a simulated connection.
#[derive(Debug)]
pub(super) struct Connection {
    cluster: Cluster,
    index: usize,
    /// What has arrived and was not read yet.
    unread: Bytes,
}

impl Connection {
    pub(super) fn new(cluster: Cluster, index: usize) -> Self {
        Self {
            cluster,
            index,
            unread: Bytes::new(),
        }
    }

    fn leave(&self) {
        let now = self.cluster.now();
        let mut state = self.cluster.lock();
        let remote = &mut state.remotes[self.index];
        remote.leave(now);
        remote.changed.notify_one();
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            let now = self.cluster.now();
            let index = self.index;
            let mut guard = self.cluster.lock();
            let state = &mut *guard;
            let remote = &mut state.remotes[index];
            let arrival = remote.receive(now);
            match arrival {
                Some(Arrival::Bytes(bytes)) => {
                    // There is room again for what waits at the other end.
                    remote.changed.notify_one();
                    drop(guard);
                    self.unread = bytes;
                }
                Some(Arrival::Cut(CutKind::End)) => return Poll::Ready(Ok(())),
                Some(Arrival::Cut(CutKind::Reset | CutKind::Silence)) => {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                None => {
                    remote.waiting.push(context.waker().clone());
                    return Poll::Pending;
                }
            }
        }
        let length = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread[..length]);
        self.unread.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let now = self.cluster.now();
        let mut state = self.cluster.lock();
        let remote = &mut state.remotes[self.index];
        let sent = remote.send(now, bytes);
        if sent == 0 {
            remote.waiting.push(context.waker().clone());
            return Poll::Pending;
        }
        remote.changed.notify_one();
        Poll::Ready(Ok(sent))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.leave();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.leave();
    }
}
