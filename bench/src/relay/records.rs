use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Records kept for one direction of one connection; 4 GiB in full records are a quarter of it.
const KEPT_RECORDS: usize = 1 << 20;

const HEADER: usize = 5;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Notes the sizes of the TLS records that pass a relay, one track a connection.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<Arc<Track>>>>);

impl Recorder {
    /// A track for a new connection.
    pub(crate) fn track(&self) -> Arc<Track> {
        let track = Arc::new(Track::default());
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(track.clone());
        track
    }

    /// Forgets the records noted so far, such as those of handshakes.
    pub(crate) fn forget(&self) {
        for track in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            for reader in &track.ways {
                reader
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .sizes
                    .clear();
            }
        }
    }

    /// The records that carried the most bytes one way, of all connections since `forget`.
    pub(crate) fn busiest(&self, way: Way) -> Option<Recording> {
        let tracks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = |track: &Arc<Track>| {
            track
                .read(way)
                .sizes
                .iter()
                .map(|&size| u64::from(size))
                .sum::<u64>()
        };
        let track = tracks.iter().max_by_key(|track| bytes(track))?;
        let suite = track.read(Way::Down).suite?;
        let overhead = overhead(suite);
        let sizes: Vec<u16> = track
            .read(way)
            .sizes
            .iter()
            .map(|size| size.saturating_sub(overhead))
            .filter(|&size| size > 0)
            .collect();
        (!sizes.is_empty()).then_some(Recording { suite, sizes })
    }
}

/// What a relay saw of one direction of a TLS connection.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Recording {
    /// The cipher suite's number (IANA TLS Cipher Suites).
    pub(crate) suite: u16,
    /// Plaintext bytes of each application data record, in order.
    pub(crate) sizes: Vec<u16>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// From the client to the server.
    Up,
    Down,
}

/// The records of one connection.
#[derive(Default)]
pub(crate) struct Track {
    ways: [Mutex<RecordReader>; 2],
}

impl Track {
    pub(crate) fn note(&self, way: Way, bytes: &[u8]) {
        self.read(way).feed(bytes);
    }

    fn read(&self, way: Way) -> std::sync::MutexGuard<'_, RecordReader> {
        self.ways[way as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows the record layer of a byte stream (RFC 8446 5.1) without its keys.
#[derive(Default)]
struct RecordReader {
    header: [u8; HEADER],
    /// Bytes of `header` that have come.
    gathered: usize,
    /// Payload bytes of the current record that are still to come.
    left: usize,
    /// The first bytes of the first record: in the server's direction its ServerHello.
    hello: Vec<u8>,
    first_is_over: bool,
    suite: Option<u16>,
    /// Ciphertext sizes of application data records.
    sizes: Vec<u16>,
}

impl RecordReader {
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let taken = self.left.min(bytes.len());
                self.read_hello(&bytes[..taken]);
                self.left -= taken;
                bytes = &bytes[taken..];
                continue;
            }
            let taken = (HEADER - self.gathered).min(bytes.len());
            self.header[self.gathered..self.gathered + taken].copy_from_slice(&bytes[..taken]);
            self.gathered += taken;
            bytes = &bytes[taken..];
            if self.gathered == HEADER {
                self.gathered = 0;
                let [kind, _, _, high, low] = self.header;
                let size = u16::from_be_bytes([high, low]);
                self.left = size.into();
                self.first_is_over |= kind != HANDSHAKE;
                if kind == APPLICATION_DATA && self.sizes.len() < KEPT_RECORDS {
                    self.sizes.push(size);
                }
            }
        }
    }

    /// Takes the chosen suite out of a ServerHello (RFC 8446 4.1.3): type 1, length 3, version 2, random 32, session id with
    /// its length in one byte, suite 2.
    fn read_hello(&mut self, payload: &[u8]) {
        const SERVER_HELLO: u8 = 2;
        const SESSION_ID: usize = 38;
        if self.first_is_over {
            return;
        }
        self.hello.extend(payload);
        let Some(&session_id) = self.hello.get(SESSION_ID) else {
            return;
        };
        let at = SESSION_ID + 1 + usize::from(session_id);
        if let Some(suite) = self.hello.get(at..at + 2) {
            if self.hello[0] == SERVER_HELLO {
                self.suite = Some(u16::from_be_bytes([suite[0], suite[1]]));
            }
            self.first_is_over = true;
            self.hello = Vec::new();
        }
    }
}

/// Bytes that a suite adds to the plaintext of a record.
fn overhead(suite: u16) -> u16 {
    const TAG: u16 = 16;
    match suite {
        // TLS 1.3: the tag and the real content type.
        0x1301..=0x1303 => TAG + 1,
        // TLS 1.2 with ChaCha20-Poly1305.
        0xcca8 | 0xcca9 => TAG,
        // TLS 1.2 with AES-GCM: an explicit nonce as well.
        _ => TAG + 8,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 3, 3];
        record.extend((payload.len() as u16).to_be_bytes());
        record.extend(payload);
        record
    }

    fn server_hello(suite: u16) -> Vec<u8> {
        let mut hello = vec![2, 0, 0, 72, 3, 3];
        hello.extend([9; 32]);
        hello.push(32);
        hello.extend([8; 32]);
        hello.extend(suite.to_be_bytes());
        hello.push(0);
        record(HANDSHAKE, &hello)
    }

    fn noted(recorder: &Recorder, chunk: usize) {
        let track = recorder.track();
        let mut stream = server_hello(0x1301);
        stream.extend(record(20, &[1]));
        for size in [16_401, 1, 19, 17, 5017] {
            stream.extend(record(APPLICATION_DATA, &vec![23; size]));
        }
        for piece in stream.chunks(chunk) {
            track.note(Way::Down, piece);
        }
    }

    #[test]
    fn plaintext_sizes_come_out_however_the_stream_is_cut() {
        for chunk in [1, 2, 3, 4, 5, 7, 100, 1 << 16] {
            let recorder = Recorder::default();
            noted(&recorder, chunk);
            let recording = recorder.busiest(Way::Down).unwrap();
            assert_eq!(
                recording,
                Recording {
                    suite: 0x1301,
                    sizes: vec![16_384, 2, 5000]
                },
                "cut at {chunk}"
            );
        }
    }

    #[test]
    fn the_busiest_connection_counts_since_the_last_forgetting() {
        let recorder = Recorder::default();
        noted(&recorder, 1000);
        recorder.forget();
        assert_eq!(recorder.busiest(Way::Down), None);
        let track = recorder.track();
        track.note(Way::Down, &server_hello(0xc02f));
        track.note(Way::Down, &record(APPLICATION_DATA, &[0; 124]));
        track.note(Way::Up, &record(APPLICATION_DATA, &[0; 54]));
        assert_eq!(
            recorder.busiest(Way::Down),
            Some(Recording {
                suite: 0xc02f,
                sizes: vec![100]
            })
        );
        assert_eq!(
            recorder.busiest(Way::Up),
            Some(Recording {
                suite: 0xc02f,
                sizes: vec![30]
            })
        );
    }

    #[test]
    fn plain_text_gives_no_recording() {
        let recorder = Recorder::default();
        recorder.track().note(Way::Down, b"HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(recorder.busiest(Way::Down), None);
    }
}
