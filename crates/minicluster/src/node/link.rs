use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::FaultSettings;

/// Bytes carried at a time.
const PIECE: usize = 64 * 1024;

/// Pieces on their way, each direction: enough for 64 MiB of a long link.
const PIECES: usize = 1024;

/// Bytes between the link and the session.
const NEAR: usize = 256 * 1024;

/// A connection of bytes.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Puts the faults of the way between client and node in front of `far`.
pub(super) fn link(far: Box<dyn Io>, faults: &FaultSettings) -> Box<dyn Io> {
    if faults.latency.is_zero() && faults.cut_after.is_none() {
        return far;
    }
    let (near, end) = tokio::io::duplex(NEAR);
    tokio::spawn(carry(far, end, faults.latency, faults.cut_after));
    Box::new(near)
}

/// Carries bytes both ways until one side ends or the link is cut; then both are dropped.
async fn carry(far: impl Io, near: impl Io, latency: Duration, cut_after: Option<u64>) {
    let left = Arc::new(AtomicU64::new(cut_after.unwrap_or(u64::MAX)));
    let cut = CancellationToken::new();
    let (far_reader, far_writer) = tokio::io::split(far);
    let (near_reader, near_writer) = tokio::io::split(near);
    let up = carry_one_way(far_reader, near_writer, latency, &left, &cut);
    let down = carry_one_way(near_reader, far_writer, latency, &left, &cut);
    tokio::select! {
        _ = up => {}
        _ = down => {}
        () = cut.cancelled() => {}
    }
}

async fn carry_one_way(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    latency: Duration,
    left: &AtomicU64,
    cut: &CancellationToken,
) -> io::Result<()> {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Bytes)>(PIECES);
    let take = async {
        loop {
            let mut bytes = BytesMut::with_capacity(PIECE);
            let length = reader.read_buf(&mut bytes).await?;
            if length == 0
                || sender
                    .send((Instant::now() + latency, bytes.freeze()))
                    .await
                    .is_err()
            {
                break;
            }
        }
        drop(sender);
        Ok::<_, io::Error>(())
    };
    let give = async {
        while let Some((due, mut bytes)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            let allowed = spend(left, bytes.len() as u64);
            bytes.truncate(allowed as usize);
            writer.write_all(&bytes).await?;
            writer.flush().await?;
            if left.load(Ordering::Relaxed) == 0 {
                cut.cancel();
            }
        }
        Ok(())
    };
    let (taken, given) = tokio::join!(take, give);
    taken.and(given)
}

/// Takes up to `wanted` from the bytes that are left; gives what there was.
fn spend(left: &AtomicU64, wanted: u64) -> u64 {
    let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        Some(left.saturating_sub(wanted))
    });
    before.unwrap_or_default().min(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(change: impl FnOnce(&mut FaultSettings)) -> (tokio::io::DuplexStream, Box<dyn Io>) {
        let mut faults = FaultSettings::default();
        change(&mut faults);
        let (client, far) = tokio::io::duplex(1024 * 1024);
        (client, link(Box::new(far), &faults))
    }

    #[tokio::test(start_paused = true)]
    async fn latency_delays_each_way() {
        let (mut client, mut server) = linked(|faults| faults.latency = Duration::from_millis(25));
        let start = Instant::now();
        client.write_all(b"ping").await.unwrap();
        let mut bytes = [0; 4];
        server.read_exact(&mut bytes).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_millis(25));
        server.write_all(b"pong").await.unwrap();
        client.read_exact(&mut bytes).await.unwrap();
        assert_eq!((&bytes, start.elapsed()), (b"pong", Duration::from_millis(50)));
    }

    #[tokio::test]
    async fn a_cut_counts_both_directions_together() {
        let (mut client, mut server) = linked(|faults| faults.cut_after = Some(10));
        client.write_all(b"123456").await.unwrap();
        let mut bytes = [0; 6];
        server.read_exact(&mut bytes).await.unwrap();
        server.write_all(b"abcdefgh").await.unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"abcd");
    }
}
