use bytes::Bytes;
use podline_wire::{
    Time,
    spdy::{ResetStatus, WORKERS},
};

use super::{
    Action, Phase, ReplyFault, Runtime,
    lane::{Lane, Queued, Worker},
    pair::{Pair, Request},
    stream::{Consumer, Stream},
    timers::Timer,
};

impl Runtime {
    /// Lets a lane's worker do what it can.
    pub(super) fn run_lane(&mut self, now: Time, lane: u32) {
        let Some(mut state) = self.lanes.remove(&lane) else {
            return;
        };
        while self.step(now, lane, &mut state) {}
        // Without workers a lane is there for as long as one stream needs it.
        if self.profile.flavor.has_workers() || !state.is_idle() {
            self.lanes.insert(lane, state);
        }
    }

    /// One step of a worker; false if it has to wait or has nothing to do.
    fn step(&mut self, now: Time, lane: u32, state: &mut Lane) -> bool {
        match std::mem::take(&mut state.worker) {
            Worker::HandingOver { stream, payload, fin } => match self.hand_over(stream, payload) {
                Ok(()) => {
                    if fin {
                        self.finish_remote(now, stream);
                    }
                    true
                }
                Err(payload) => {
                    state.worker = Worker::HandingOver { stream, payload, fin };
                    false
                }
            },
            Worker::HandingOverHeaders { stream } => {
                let closed = self
                    .streams
                    .get(&stream)
                    .is_none_or(|stream| stream.remote_closed);
                if !closed {
                    state.worker = Worker::HandingOverHeaders { stream };
                }
                closed
            }
            Worker::Idle => {
                if self.output.is_full() && state.peek().is_some_and(Queued::is_answered) {
                    return false;
                }
                let Some(frame) = state.pop() else { return false };
                self.queued -= frame.size();
                self.handle_frame(now, lane, state, frame);
                true
            }
            Worker::Replying { stream, until } => {
                let due = until.is_some_and(|until| until <= now);
                if due {
                    self.reply(now, stream);
                } else {
                    state.worker = Worker::Replying { stream, until };
                }
                due
            }
        }
    }

    fn handle_frame(&mut self, now: Time, lane: u32, state: &mut Lane, frame: Queued) {
        match frame {
            Queued::Data { stream, payload, fin } => {
                let Some(found) = self.streams.get(&stream) else {
                    return;
                };
                if !found.known || !found.replied {
                    return;
                }
                if !payload.is_empty() && !found.remote_closed {
                    state.worker = Worker::HandingOver { stream, payload, fin };
                } else if fin {
                    self.finish_remote(now, stream);
                }
            }
            Queued::Headers { stream } => {
                let taken = |stream: &Stream| stream.known && stream.replied && !stream.remote_closed;
                if self.streams.get(&stream).is_some_and(taken) {
                    state.worker = Worker::HandingOverHeaders { stream };
                }
            }
            Queued::Nothing => {}
            Queued::Ping { id } => self.answer_ping(id),
            Queued::Reset { stream } => {
                if let Some(found) = self.streams.get_mut(&stream).filter(|stream| stream.known) {
                    found.finished = true;
                    self.forget(stream);
                    self.close_remote(now, stream);
                    self.collect(stream);
                }
            }
            Queued::SynStream { stream, headers } => self.accept(now, lane, state, stream, &headers),
        }
    }

    /// Answers the peer's ping. An even id would be the answer to one of ours, and there is none.
    pub(super) fn answer_ping(&mut self, id: u32) {
        if id % 2 == 1 {
            self.output.ping(id);
        }
    }

    /// Checks a new stream's headers, gives it to its pair and answers it, all before the worker's next frame.
    fn accept(&mut self, now: Time, lane: u32, state: &mut Lane, stream: u32, headers: &[(String, String)]) {
        if self.streams.get(&stream).is_none_or(|stream| !stream.known) {
            return;
        }
        let Some(request) = Request::read(stream, headers) else {
            tracing::debug!(stream, "stream rejected");
            return self.reset_stream(now, stream, ResetStatus::CANCEL);
        };
        let reply = if self.phase == Phase::Serving {
            self.profile.reply
        } else {
            ReplyFault::None
        };
        match reply {
            ReplyFault::None => self.reply(now, stream),
            ReplyFault::Delayed(delay) => {
                let until = now + delay;
                self.timers.set(until, Timer::Reply(lane));
                state.worker = Worker::Replying {
                    stream,
                    until: Some(until),
                };
            }
            ReplyFault::Never => state.worker = Worker::Replying { stream, until: None },
        }
        self.join_pair(now, stream, &request);
    }

    pub(super) fn reply(&mut self, now: Time, stream: u32) {
        let Some(found) = self.streams.get_mut(&stream) else {
            return;
        };
        found.replied = true;
        self.output.syn_reply(found.id);
        if let Some(pair) = found.pair {
            self.go_on(now, pair);
        }
        self.collect(stream);
    }

    /// Gives DATA to whoever reads the stream; gives it back if nobody takes it now.
    fn hand_over(&mut self, stream: u32, payload: Bytes) -> Result<(), Bytes> {
        let Some(found) = self.streams.get_mut(&stream) else {
            return Ok(());
        };
        if found.remote_closed {
            return Ok(());
        }
        match found.consumer {
            Consumer::Copy(id) => {
                if self.pairs.get_mut(&id).is_some_and(Pair::take_data) {
                    self.actions.push_back(Action::WritePod {
                        pair: id,
                        bytes: payload,
                    });
                    Ok(())
                } else {
                    Err(payload)
                }
            }
            Consumer::Drain => Ok(()),
            Consumer::Leftover => {
                found.consumer = Consumer::None;
                Ok(())
            }
            Consumer::None => Err(payload),
        }
    }

    /// The peer's FIN has its turn.
    fn finish_remote(&mut self, now: Time, stream: u32) {
        self.close_remote(now, stream);
        if self.streams.get(&stream).is_some_and(|stream| stream.finished) {
            self.forget(stream);
            self.collect(stream);
        }
    }

    /// Nothing more comes from the peer on this stream, or nobody wants it.
    pub(super) fn close_remote(&mut self, now: Time, stream: u32) {
        let Some(found) = self.streams.get_mut(&stream) else {
            return;
        };
        if found.remote_closed {
            return;
        }
        found.remote_closed = true;
        self.wake(stream);
        if let Some(Consumer::Copy(pair)) = self.streams.get(&stream).map(|stream| stream.consumer) {
            self.go_on(now, pair);
        }
    }

    /// Lets the worker of a stream look again.
    pub(super) fn wake(&mut self, stream: u32) {
        let lanes = u32::from(WORKERS);
        self.ready.insert(if self.profile.flavor.has_workers() {
            stream % lanes
        } else {
            stream
        });
    }

    /// Frames no longer find the stream.
    pub(super) fn forget(&mut self, stream: u32) {
        if let Some(found) = self.streams.get_mut(&stream) {
            found.known = false;
        }
    }

    /// Ends a stream both ways; the peer is told unless it was told of an end before.
    pub(super) fn reset_stream(&mut self, now: Time, stream: u32, status: ResetStatus) {
        self.forget(stream);
        self.close_remote(now, stream);
        if let Some(found) = self.streams.get_mut(&stream)
            && !std::mem::replace(&mut found.finished, true)
        {
            self.output.reset(found.id, status);
        }
        self.collect(stream);
    }

    /// Sends FIN; false if the stream has to be answered first.
    pub(super) fn close_stream(&mut self, stream: u32) -> bool {
        let Some(found) = self.streams.get_mut(&stream) else {
            return true;
        };
        if found.remote_closed {
            found.known = false;
        }
        if found.finished {
            return true;
        }
        if !found.replied {
            return false;
        }
        found.finished = true;
        let id = found.id;
        self.output.data(id, &[], true);
        self.collect(stream);
        true
    }

    /// Drops what is left of a stream that nobody can find any more.
    pub(super) fn collect(&mut self, stream: u32) {
        if self
            .streams
            .get(&stream)
            .is_some_and(|stream| !stream.known && stream.pair.is_none())
        {
            self.streams.remove(&stream);
        }
    }
}
