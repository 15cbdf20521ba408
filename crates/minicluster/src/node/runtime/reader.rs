use bytes::{Bytes, BytesMut};
use podline_wire::{
    Time,
    spdy::{
        Frame, GoAwayStatus, HeaderError, MAX_STREAM_ID, PeerMisbehaved, ResetStatus, STREAM_ID_STEP, WORKERS,
    },
};

use super::{MAX_STREAMS, Runtime, lane::Queued, stream::Stream};

/// The priority of frames that belong to no stream the session knows (the lowest).
const UNKNOWN_PRIORITY: u8 = 7;

/// Room made for a DATA frame that comes in pieces.
const GATHERED: usize = 64 * 1024;

/// A DATA frame that is not whole yet.
#[derive(Debug)]
pub(super) struct Gathering {
    payload: BytesMut,
}

/// A frame in front of a full queue.
#[derive(Debug)]
pub(super) struct Held {
    lane: u32,
    priority: u8,
    frame: Queued,
}

impl Runtime {
    /// Reads one frame or piece of one; false if `input` holds no more.
    pub(super) fn read_frame(&mut self, now: Time, input: &mut &[u8]) -> bool {
        match self.reader.read(input) {
            Ok(Some(frame)) => {
                self.last_frame = now;
                self.take_frame(now, frame);
                true
            }
            Ok(None) => false,
            Err(offence) => {
                self.fail_reading(now, offence);
                false
            }
        }
    }

    /// Puts the held frame into its queue, if that has room now.
    pub(super) fn push_held(&mut self) -> bool {
        let Some(held) = self.held.take() else {
            return false;
        };
        if self.lanes.get(&held.lane).is_some_and(|lane| !lane.has_room()) {
            self.held = Some(held);
            return false;
        }
        self.push(held.lane, held.priority, held.frame);
        true
    }

    fn take_frame(&mut self, now: Time, frame: Frame<'_>) {
        match frame {
            Frame::Data {
                stream,
                payload,
                last,
                fin,
                ..
            } => self.take_data(now, stream.get(), payload, last, fin),
            Frame::GoAway { .. } => self.stop_reading_for_go_away(now),
            Frame::Headers { stream, .. } => {
                self.enqueue(
                    stream.get(),
                    self.priority(stream.get()),
                    Queued::Headers { stream: stream.get() },
                );
            }
            Frame::Ping { id } => {
                if self.profile.flavor.has_workers() {
                    self.enqueue_round_robin(0, Queued::Ping { id });
                } else {
                    self.answer_ping(id);
                }
            }
            Frame::Reset { stream, .. } => {
                self.enqueue(
                    stream.get(),
                    self.priority(stream.get()),
                    Queued::Reset { stream: stream.get() },
                );
            }
            Frame::Settings | Frame::WindowUpdate { .. } => {
                if self.profile.flavor.has_workers() {
                    self.enqueue_round_robin(UNKNOWN_PRIORITY, Queued::Nothing);
                }
            }
            // An answer to a stream that the runtime never opened.
            Frame::SynReply { .. } => {}
            Frame::SynStream {
                stream,
                fin,
                unidirectional,
                priority,
                block,
            } => match self.headers.decode(&block) {
                Ok(headers) => {
                    let stream = Stream::new(stream, priority, fin, unidirectional);
                    self.take_stream(now, stream, headers);
                }
                Err(error) => self.fail_headers(now, error),
            },
        }
    }

    fn take_data(&mut self, now: Time, stream: u32, payload: &[u8], last: bool, fin: bool) {
        let payload = match self.gathering.take() {
            None if last => Bytes::copy_from_slice(payload),
            gathering => {
                let mut gathering = gathering.unwrap_or_else(|| Gathering {
                    payload: BytesMut::with_capacity(GATHERED),
                });
                gathering.payload.extend_from_slice(payload);
                if !last {
                    self.gathering = Some(gathering);
                    return;
                }
                gathering.payload.freeze()
            }
        };
        if self.is_offence_to_strict(stream) {
            return self.break_off(now, GoAwayStatus::PROTOCOL_ERROR);
        }
        self.enqueue(
            stream,
            self.priority(stream),
            Queued::Data { stream, payload, fin },
        );
    }

    /// Registers a stream, so that later frames find it, and leaves the rest to its worker.
    fn take_stream(&mut self, now: Time, stream: Stream, headers: Vec<(String, String)>) {
        let id = stream.id.get();
        let strict = !self.profile.flavor.has_workers();
        if strict && (id < self.next_stream || id.is_multiple_of(2) || headers.is_empty()) {
            return self.break_off(now, GoAwayStatus::PROTOCOL_ERROR);
        }
        if id < self.next_stream {
            // Straight from the reader: no queue, no worker.
            self.output.reset(stream.id, ResetStatus::PROTOCOL_ERROR);
            return;
        }
        if self.streams.len() >= MAX_STREAMS {
            return self.break_off(now, GoAwayStatus::INTERNAL_ERROR);
        }
        self.next_stream = id.saturating_add(STREAM_ID_STEP);
        let priority = stream.priority;
        self.streams.insert(id, stream);
        self.enqueue(id, priority, Queued::SynStream { stream: id, headers });
    }

    fn enqueue_round_robin(&mut self, priority: u8, frame: Queued) {
        let lane = self.round_robin;
        self.round_robin = (lane + 1) % WORKERS;
        self.queue(u32::from(lane), priority, frame);
    }

    fn enqueue(&mut self, stream: u32, priority: u8, frame: Queued) {
        let lane = if self.profile.flavor.has_workers() {
            stream % u32::from(WORKERS)
        } else {
            stream
        };
        self.queue(lane, priority, frame);
    }

    fn queue(&mut self, lane: u32, priority: u8, frame: Queued) {
        self.queued += frame.size();
        if self.lanes.entry(lane).or_default().has_room() {
            self.push(lane, priority, frame);
        } else {
            self.held = Some(Held {
                lane,
                priority,
                frame,
            });
        }
    }

    fn push(&mut self, lane: u32, priority: u8, frame: Queued) {
        self.lanes.entry(lane).or_default().push(priority, frame);
        self.ready.insert(lane);
    }

    /// The stream's own priority while frames find it.
    fn priority(&self, stream: u32) -> u8 {
        self.streams
            .get(&stream)
            .filter(|stream| stream.known)
            .map_or(UNKNOWN_PRIORITY, |stream| stream.priority)
    }

    /// DATA for a stream that was never opened, or that the peer had ended, when nobody but spdystream puts up with it.
    fn is_offence_to_strict(&self, stream: u32) -> bool {
        !self.profile.flavor.has_workers() && (stream >= self.next_stream || stream.is_multiple_of(2))
    }

    /// The reader cannot go on. Where only the meaning was wrong the peer is told by GOAWAY; where the frame itself
    /// was, the connection is closed at once.
    fn fail_reading(&mut self, now: Time, offence: PeerMisbehaved) {
        tracing::debug!(%offence, "session ends");
        match offence {
            PeerMisbehaved::PingIdZero | PeerMisbehaved::StreamIdZero { .. } => self.stop_reading(now),
            _ => self.break_connection(now),
        }
    }

    fn fail_headers(&mut self, now: Time, error: HeaderError) {
        tracing::debug!(%error, "session ends");
        match error {
            HeaderError::TooLong | HeaderError::TooMany { .. } => self.break_connection(now),
            _ => self.stop_reading(now),
        }
    }

    /// The last stream that was taken, for GOAWAY; 0 if there was none.
    pub(super) fn last_stream(&self) -> u32 {
        if self.next_stream > STREAM_ID_STEP {
            (self.next_stream - STREAM_ID_STEP).min(MAX_STREAM_ID)
        } else {
            0
        }
    }
}
