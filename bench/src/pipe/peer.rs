use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::sizes::Sizes;
use super::{BUFFER, PeerAnswer, Recorded, provider};
use crate::client::{ECHO, SINK, SOURCE};
use crate::pattern::Pattern;

/// Longest line in which a client says how much it wants.
const LONGEST_REQUEST: u64 = 32;

/// Serves the workload's echo, source and sink behind TLS for as long as the runtime lives, each on an address of its own;
/// writes its certificate to a file.
pub(crate) async fn serve(certificate: &Path, recorded: Option<&Recorded>) -> io::Result<PeerAnswer> {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(io::Error::other)?;
    std::fs::write(certificate, key.cert.der())?;
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider(recorded))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(vec![key.cert.der().clone()], private)
        })
        .map_err(io::Error::other)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let pattern = Arc::new(Pattern::new());
    let sizes = recorded
        .map(|recorded| recorded.down.sizes.clone())
        .unwrap_or_default();
    let mut ports = BTreeMap::new();
    for port in [ECHO, SOURCE, SINK] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        ports.insert(port, listener.local_addr()?);
        let (acceptor, pattern, sizes) = (acceptor.clone(), pattern.clone(), sizes.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, pattern, sizes) = (acceptor.clone(), pattern.clone(), sizes.clone());
                // A connection that fails is the client's to notice.
                tokio::spawn(async move { work(port, stream, acceptor, &pattern, sizes).await });
            }
        });
    }
    Ok(PeerAnswer { ports })
}

async fn work(
    port: u16,
    stream: TcpStream,
    acceptor: TlsAcceptor,
    pattern: &Pattern,
    sizes: Vec<u16>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(BUFFER, acceptor.accept(stream).await?);
    match port {
        SOURCE => send(&mut stream, pattern, Sizes::new(sizes)).await?,
        SINK => hash(&mut stream).await?,
        _ => {
            let (mut reads, mut writes) = tokio::io::split(&mut stream);
            tokio::io::copy(&mut reads, &mut writes).await?;
        }
    }
    stream.shutdown().await
}

/// Sends as much as is asked for, each record written by itself, as the API server does.
async fn send(
    stream: &mut (impl AsyncBufReadExt + AsyncWrite + Unpin),
    pattern: &Pattern,
    mut sizes: Sizes,
) -> io::Result<()> {
    let size = requested(stream).await?;
    let mut gone = 0;
    while gone < size {
        let left = (size - gone).min(Pattern::LONGEST_PIECE as u64) as usize;
        let length = sizes.cut(left);
        stream.write_all(pattern.piece(gone, length)).await?;
        gone += length as u64;
    }
    stream.flush().await
}

/// Reads as much as is announced and answers its hash.
async fn hash(stream: &mut (impl AsyncBufReadExt + AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    let mut left = requested(stream).await?;
    let mut hasher = Sha256::new();
    while left > 0 {
        let bytes = stream.fill_buf().await?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        hasher.update(&bytes[..taken]);
        stream.consume(taken);
        left -= taken as u64;
    }
    let mut answer: String = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    answer.push('\n');
    stream.write_all(answer.as_bytes()).await?;
    stream.flush().await
}

async fn requested(stream: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<u64> {
    let mut line = String::new();
    stream.take(LONGEST_REQUEST).read_line(&mut line).await?;
    line.trim_end()
        .parse()
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "no size was asked for"))
}
