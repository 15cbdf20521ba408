use std::{fmt::Write as _, io, sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use super::{Workload, pattern, web};

/// Bytes read or written at a time.
const BUFFER: usize = 64 * 1024;

/// Digits of the longest number line, `u64::MAX`.
const NUMBER_DIGITS: usize = 20;

/// Bytes that `EchoOnce` sends back before it closes.
const ECHO_ONCE: usize = 64;

/// One connection's whole life. The web application speaks through `tls` where there is one.
pub(super) async fn serve(
    mut stream: TcpStream,
    workload: Workload,
    pod: Arc<str>,
    tls: Option<TlsAcceptor>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match workload {
        Workload::Blackhole => {
            // Holds the connection until the pod ends: nothing is read, so nothing is learnt of the peer either.
            std::future::pending::<()>().await;
            Ok(())
        }
        Workload::Discard => discard(&mut stream).await,
        Workload::Echo => echo(&mut stream).await,
        Workload::EchoOnce => echo_once(&mut stream).await,
        Workload::Generator => generate(&mut stream, u64::MAX).await,
        Workload::Greeter => {
            stream.write_all(b"hello\n").await?;
            echo(&mut stream).await
        }
        Workload::HalfClose => {
            stream.write_all(b"half\n").await?;
            stream.shutdown().await?;
            read_to_end(&mut stream).await.map(|_| ())
        }
        Workload::Reset => reset(stream),
        Workload::ResetAfterData => {
            stream.write_all(b"partial").await?;
            // A reset drops what the peer has not read yet: its kernel must have the bytes, and the runtime have
            // taken them, before it follows.
            tokio::time::sleep(RESET_PAUSE).await;
            reset(stream)
        }
        Workload::LateSink => {
            let pause = number_line(&mut stream).await?;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            sink(&mut stream).await
        }
        Workload::Sink => sink(&mut stream).await,
        Workload::SlowReader => slow_reader(&mut stream).await,
        Workload::Source => {
            let length = number_line(&mut stream).await?;
            generate(&mut stream, length).await?;
            stream.shutdown().await
        }
        Workload::Https | Workload::Web => match tls {
            Some(acceptor) => web::serve(acceptor.accept(stream).await?, pod).await,
            None => web::serve(stream, pod).await,
        },
        Workload::Exit | Workload::Outside(_) | Workload::Refused | Workload::Unreachable => Ok(()),
    }
}

/// Time for a peer to read what was sent before the reset.
const RESET_PAUSE: Duration = Duration::from_millis(2);

/// The slow reader's pace: this much every second.
const SLOW_PIECE: usize = 1024;

async fn discard(stream: &mut TcpStream) -> io::Result<()> {
    let total = read_to_end(stream).await?;
    stream.write_all(format!("{total}\n").as_bytes()).await
}

async fn echo(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return stream.shutdown().await,
            length => stream.write_all(&buffer[..length]).await?,
        }
    }
}

async fn echo_once(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; ECHO_ONCE];
    let mut echoed = 0;
    while echoed < ECHO_ONCE {
        let length = stream.read(&mut buffer[echoed..]).await?;
        if length == 0 {
            break;
        }
        stream.write_all(&buffer[echoed..echoed + length]).await?;
        echoed += length;
    }
    stream.shutdown().await
}

async fn generate(stream: &mut TcpStream, length: u64) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut offset = 0;
    while offset < length {
        let piece = (length - offset).min(BUFFER as u64) as usize;
        pattern::fill(offset, &mut buffer[..piece]);
        stream.write_all(&buffer[..piece]).await?;
        offset += piece as u64;
    }
    Ok(())
}

/// Closes with a reset instead of an orderly end.
fn reset(stream: TcpStream) -> io::Result<()> {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    drop(stream);
    Ok(())
}

async fn sink(stream: &mut TcpStream) -> io::Result<()> {
    let mut left = number_line(stream).await?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    while left > 0 {
        let piece = left.min(BUFFER as u64) as usize;
        let length = stream.read(&mut buffer[..piece]).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hash.update(&buffer[..length]);
        left -= length as u64;
    }
    let mut answer = hex(&hash.finalize());
    answer.push('\n');
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    read_to_end(stream).await.map(|_| ())
}

async fn slow_reader(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; SLOW_PIECE];
    loop {
        if stream.read(&mut buffer).await? == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn read_to_end(stream: &mut TcpStream) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(total),
            length => total += length as u64,
        }
    }
}

/// Reads a decimal number up to its line feed, byte by byte: what follows belongs to the caller.
async fn number_line(stream: &mut TcpStream) -> io::Result<u64> {
    let mut digits = String::new();
    loop {
        match stream.read_u8().await? {
            b'\n' => break,
            b'\r' => {}
            digit if digit.is_ascii_digit() && digits.len() < NUMBER_DIGITS => digits.push(char::from(digit)),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    digits.parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Lower-case hex digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

    use tokio::net::TcpListener;

    use super::*;
    use crate::workload;

    async fn connect(workload: Workload) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(workload::serve(listener, workload, "web-0".into()).unwrap());
        TcpStream::connect(address).await.unwrap()
    }

    async fn rest(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn discard_answers_the_byte_count_after_the_end() {
        let mut stream = connect(Workload::Discard).await;
        stream.write_all(&[7; 100_000]).await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(rest(&mut stream).await, "100000\n");
    }

    #[tokio::test]
    async fn echo_once_closes_by_itself() {
        let mut stream = connect(Workload::EchoOnce).await;
        stream.write_all(&[b'x'; 64]).await.unwrap();
        assert_eq!(rest(&mut stream).await, "x".repeat(64));
    }

    #[tokio::test]
    async fn greeter_speaks_first_and_then_echoes() {
        let mut stream = connect(Workload::Greeter).await;
        let mut greeting = [0; 6];
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"hello\n");
        stream.write_all(b"again").await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(rest(&mut stream).await, "again");
    }

    #[tokio::test]
    async fn half_close_ends_its_side_and_still_reads() {
        let mut stream = connect(Workload::HalfClose).await;
        assert_eq!(rest(&mut stream).await, "half\n");
        stream.write_all(&[1; 200_000]).await.unwrap();
        stream.write_all(b"more").await.unwrap();
    }

    #[tokio::test]
    async fn reset_after_data_gives_the_data_first() {
        let mut stream = connect(Workload::ResetAfterData).await;
        let mut bytes = Vec::new();
        let error = stream.read_to_end(&mut bytes).await.unwrap_err();
        assert_eq!(bytes, b"partial");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn sink_answers_the_hash_of_what_a_source_sends() {
        let mut source = connect(Workload::Source).await;
        source.write_all(b"300000\n").await.unwrap();
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes.len(), 300_000);
        assert_eq!(pattern::first_difference(0, &bytes), None);

        let mut sink = connect(Workload::Sink).await;
        sink.write_all(b"300000\n").await.unwrap();
        sink.write_all(&bytes).await.unwrap();
        let mut answer = [0; 65];
        sink.read_exact(&mut answer).await.unwrap();
        assert_eq!(
            String::from_utf8_lossy(&answer),
            format!("{}\n", hex(&Sha256::digest(&bytes)))
        );
    }

    #[tokio::test]
    async fn a_late_sink_takes_all_that_was_sent_in_its_pause() {
        let mut sink = connect(Workload::LateSink).await;
        sink.write_all(b"20\n5\nhello").await.unwrap();
        let mut answer = [0; 65];
        sink.read_exact(&mut answer).await.unwrap();
        assert_eq!(
            String::from_utf8_lossy(&answer),
            format!("{}\n", hex(&Sha256::digest(b"hello")))
        );
    }

    #[tokio::test]
    async fn a_line_that_is_no_number_ends_the_connection() {
        for line in ["abc\n", "\n", "999999999999999999999\n"] {
            let mut stream = connect(Workload::Source).await;
            stream.write_all(line.as_bytes()).await.unwrap();
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes).await;
            assert!(bytes.is_empty(), "{line:?}");
        }
    }
}
