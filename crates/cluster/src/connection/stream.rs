//! The connection itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::gather::Gather;
use super::read_ahead::ReadAhead;

/// A connection to the API server, with TLS unless its address says http.
pub(crate) enum Stream {
    Plain(ReadAhead<Way>),
    Tls(Box<TlsStream<ReadAhead<Way>>>),
}

/// What carries the connection to the API server.
pub(crate) enum Way {
    /// TCP, to the server itself or to a proxy that passes everything on.
    Tcp(Gather),
    /// TLS to a proxy.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Whether nothing came and the other side did not close it: looks, but takes nothing.
    pub(crate) fn is_quiet(&self) -> bool {
        let ahead = match self {
            Self::Plain(ahead) => ahead,
            Self::Tls(tls) => tls.get_ref().0,
        };
        let tcp = match ahead.get_ref() {
            Way::Tcp(tcp) => tcp.tcp(),
            Way::Tls(tls) => tls.get_ref().0,
        };
        // Session tickets may wait to be read, so only the end and an error count.
        !matches!(peek(tcp), Some(Ok(0) | Err(_)))
    }
}

/// The number of bytes that wait, at most one; `None` if nothing does.
fn peek(tcp: &TcpStream) -> Option<io::Result<usize>> {
    let socket = socket2::SockRef::from(tcp);
    let mut byte = [std::mem::MaybeUninit::uninit()];
    match socket.peek(&mut byte) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        result => Some(result),
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

macro_rules! forward {
    ($type:ty, $($variant:ident),+) => {
        impl AsyncRead for $type {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(io) => Pin::new(io).poll_read(cx, buf),)+
                }
            }
        }

        impl AsyncWrite for $type {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $(Self::$variant(io) => Pin::new(io).poll_write(cx, buf),)+
                }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $(Self::$variant(io) => Pin::new(io).poll_write_vectored(cx, bufs),)+
                }
            }

            fn is_write_vectored(&self) -> bool {
                match self {
                    $(Self::$variant(io) => io.is_write_vectored(),)+
                }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(io) => Pin::new(io).poll_flush(cx),)+
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(io) => Pin::new(io).poll_shutdown(cx),)+
                }
            }
        }
    };
}

forward!(Stream, Plain, Tls);
forward!(Way, Tcp, Tls);
