use podline_wire::{
    Time,
    spdy::{GoAwayStatus, ResetStatus},
};

use super::{Action, Runtime, lane::Worker};

/// How far a session is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// Frames are read.
    Serving,
    /// Nothing is read any more; the workers finish what is queued. One that is stuck keeps the session here, and with
    /// it every live connection into the pod.
    Draining,
    /// The peer's connection is closed; connections into the pod may still have their last second.
    Over,
}

impl Runtime {
    /// The read loop ends; a peer that is still there is told by GOAWAY.
    pub(super) fn stop_reading(&mut self, now: Time) {
        if self.phase != Phase::Serving {
            return;
        }
        self.reset_halves(now);
        self.output.go_away(self.last_stream(), GoAwayStatus::OK);
        self.drain(now);
    }

    /// The peer sent GOAWAY: an abort, not a graceful end.
    pub(super) fn stop_reading_for_go_away(&mut self, now: Time) {
        self.drain(now);
    }

    /// The connection is closed at once: what is to be sent no longer reaches the peer.
    pub(super) fn break_connection(&mut self, now: Time) {
        self.output.close();
        self.actions.push_back(Action::HangUp);
        self.stop_reading(now);
    }

    /// Ends the session as a peer does that puts up with nothing.
    pub(super) fn break_off(&mut self, now: Time, status: GoAwayStatus) {
        self.output.go_away(self.last_stream(), status);
        self.drain(now);
        self.end_streams(now, false);
    }

    /// The idle timer's end: every stream is reset, then GOAWAY, then the connection is closed.
    pub(super) fn end_idle(&mut self, now: Time) {
        if self.phase == Phase::Over {
            return;
        }
        self.end_streams(now, true);
        self.output.go_away(self.last_stream(), GoAwayStatus::OK);
        self.drain(now);
        self.phase = Phase::Over;
        self.hang_up();
    }

    /// Ends the session once no worker has anything to do.
    pub(super) fn finish_draining(&mut self, now: Time) {
        if self.phase != Phase::Draining
            || self.held.is_some()
            || self.lanes.values().any(|lane| !lane.is_idle())
        {
            return;
        }
        self.phase = Phase::Over;
        self.hang_up();
        self.end_streams(now, false);
        while let Some(lane) = self.ready.pop_first() {
            self.run_lane(now, lane);
        }
    }

    fn drain(&mut self, now: Time) {
        if self.phase != Phase::Serving {
            return;
        }
        self.phase = Phase::Draining;
        // The reader is gone with the frame that it stood with.
        self.held = None;
        // A worker that waits with a late reply has no session to wait for any more.
        let mut late = Vec::new();
        for lane in self.lanes.values_mut() {
            if let Worker::Replying { stream, .. } = lane.worker {
                lane.worker = Worker::Idle;
                late.push(stream);
            }
        }
        for stream in late {
            self.reply(now, stream);
        }
        self.ready.extend(self.lanes.keys());
    }

    fn hang_up(&mut self) {
        self.output.finish();
        self.actions.push_back(Action::HangUp);
    }

    /// Streams whose pair never got complete are reset when the session ends; those of live pairs are not.
    fn reset_halves(&mut self, now: Time) {
        let halves: Vec<_> = std::mem::take(&mut self.halves).into_values().collect();
        for pair in halves {
            let streams = self.pairs.get(&pair).map(|pair| [pair.data, pair.error]);
            for stream in streams.into_iter().flatten().flatten() {
                self.reset_stream(now, stream, ResetStatus::CANCEL);
            }
            self.drop_pair(pair);
        }
    }

    /// Every stream reaches its end.
    fn end_streams(&mut self, now: Time, reset: bool) {
        let known: Vec<u32> = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.known)
            .map(|(id, _)| *id)
            .collect();
        for stream in known {
            if reset {
                self.reset_stream(now, stream, ResetStatus::CANCEL);
            } else {
                self.forget(stream);
                self.close_remote(now, stream);
            }
        }
        self.ready.extend(self.lanes.keys());
    }
}
