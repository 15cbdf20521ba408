use std::collections::VecDeque;

use podline_wire::{Time, spdy::ResetStatus};

use super::{
    Action, COPY_BUFFER, DIAL_TIMEOUT, DialFailure, ForwardFailure, Forwarder, LINGER, PAIRING_TIMEOUT,
    PairId, Runtime,
    flavor::FailureEnd,
    forwarder::Upstream,
    stream::{Consumer, StreamKind},
    text,
    timers::Timer,
};

/// One connection: an error and a data stream, and the forwarder once both are there.
#[derive(Debug)]
pub(super) struct Pair {
    request: String,
    port: u16,
    pub(super) data: Option<u32>,
    pub(super) error: Option<u32>,
    stage: Stage,
    /// The deadline of the stage that the pair is in.
    deadline: Time,
}

#[derive(Debug)]
enum Stage {
    /// One stream is missing.
    Half,
    Forwarding(Forwarder),
    /// What is still to be sent, in order. Each waits until its stream was answered.
    Ending(VecDeque<Step>),
}

#[derive(Debug)]
enum Step {
    Close(StreamKind),
    Reset(StreamKind),
    Text(String),
}

/// What the headers of a new stream ask for.
#[derive(Debug)]
pub(super) struct Request {
    id: String,
    kind: StreamKind,
    port: u16,
}

impl Pair {
    /// Whether a connection into the pod is there or being made.
    pub(super) fn is_forwarding(&self) -> bool {
        matches!(self.stage, Stage::Forwarding(_))
    }

    /// Whether the forwarder takes DATA now; it has taken it then.
    pub(super) fn take_data(&mut self) -> bool {
        let Stage::Forwarding(forwarder) = &mut self.stage else {
            return false;
        };
        let taken = forwarder.upstream() == Upstream::Reading;
        if taken {
            forwarder.handle_taken();
        }
        taken
    }
}

impl Request {
    /// Reads the headers of `stream`; nothing if the runtime rejects them.
    pub(super) fn read(stream: u32, headers: &[(String, String)]) -> Option<Self> {
        let value = |name: &str| {
            let found = headers.iter().find(|(header, _)| header == name)?;
            // Several values are separated by NUL; the first counts.
            found.1.split('\0').next().filter(|value| !value.is_empty())
        };
        let digits = value("port").filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        let port = digits.parse().ok().filter(|port| *port > 0)?;
        let kind = match value("streamtype")? {
            "data" => StreamKind::Data,
            "error" => StreamKind::Error,
            _ => return None,
        };
        // Clients from before request ids open the error stream first and the data stream next.
        let id = value("requestid").map_or_else(
            || {
                let first = if kind == StreamKind::Data {
                    i64::from(stream) - 2
                } else {
                    i64::from(stream)
                };
                first.to_string()
            },
            ToOwned::to_owned,
        );
        Some(Self { id, kind, port })
    }
}

impl Runtime {
    /// Gives a stream to its pair, and starts forwarding when that is complete.
    pub(super) fn join_pair(&mut self, now: Time, stream: u32, request: &Request) {
        let id = match self.halves.get(&request.id) {
            Some(id) => *id,
            None => self.start_pair(now, request),
        };
        let Some(pair) = self.pairs.get_mut(&id) else {
            return;
        };
        let (place, name) = match request.kind {
            StreamKind::Data => (&mut pair.data, "data"),
            StreamKind::Error => (&mut pair.error, "error"),
        };
        if place.is_some() {
            // The extra stream is left alone.
            let text = text::already_assigned(&request.id, name);
            self.write_error(id, &text);
            return;
        }
        *place = Some(stream);
        if request.kind == StreamKind::Data {
            pair.port = request.port;
        }
        let complete = pair.data.zip(pair.error);
        if let Some(found) = self.streams.get_mut(&stream) {
            found.pair = Some(id);
        }
        if let Some((data, _)) = complete {
            self.start_forwarding(now, id, data);
        }
    }

    /// One stream of a pair did not come in time: the pair is forgotten, the lone stream stays open.
    pub(super) fn give_up_pairing(&mut self, id: PairId) {
        let Some(pair) = self.pairs.get(&id) else { return };
        let text = text::pairing_timeout(&pair.request);
        self.halves.remove(&pair.request);
        self.write_error(id, &text);
        self.drop_pair(id);
    }

    /// Lets a change in a pair's forwarder, if it still has one, take its effects.
    pub(super) fn with_forwarder(&mut self, now: Time, id: PairId, change: impl FnOnce(&mut Forwarder)) {
        if let Some(Pair {
            stage: Stage::Forwarding(forwarder),
            ..
        }) = self.pairs.get_mut(&id)
        {
            change(forwarder);
            self.go_on(now, id);
        }
        self.settle(now);
    }

    /// Sends what was read from the pod.
    pub(super) fn copy_down(&mut self, now: Time, id: PairId, bytes: &[u8]) {
        let Some(Pair {
            data: Some(data),
            stage: Stage::Forwarding(forwarder),
            ..
        }) = self.pairs.get_mut(&id)
        else {
            return;
        };
        if self.output.is_closed() {
            forwarder.handle_disconnected();
        } else {
            forwarder.handle_sent();
            if let Some(stream) = self.streams.get(data) {
                self.last_frame = now;
                for piece in bytes.chunks(COPY_BUFFER) {
                    self.output.data(stream.id, piece, false);
                }
            }
        }
        self.go_on(now, id);
    }

    /// Does for a pair what can be done now.
    pub(super) fn go_on(&mut self, now: Time, id: PairId) {
        while let Some(pair) = self.pairs.get_mut(&id) {
            match &mut pair.stage {
                Stage::Half => return,
                Stage::Ending(_) => return self.run_ending(now, id),
                Stage::Forwarding(forwarder) => {
                    if let Some(end) = forwarder.poll_end() {
                        self.end_forwarding(now, id, &end);
                        continue;
                    }
                    if forwarder.is_connected() {
                        self.timers.stop(pair.deadline, Timer::Dial(id));
                    }
                    if forwarder.poll_linger() {
                        pair.deadline = now + LINGER;
                        self.timers.set(pair.deadline, Timer::Linger(id));
                    }
                    let Some(stream) = pair.data.and_then(|data| self.streams.get(&data)) else {
                        return;
                    };
                    if forwarder.upstream() == Upstream::Reading {
                        if stream.remote_closed {
                            forwarder.handle_client_end();
                            continue;
                        }
                        let data = stream.id.get();
                        let replied = stream.replied;
                        self.wake(data);
                        self.read_pod(id, replied);
                        return;
                    }
                    let replied = stream.replied;
                    return self.read_pod(id, replied);
                }
            }
        }
    }

    /// There is room for writers again.
    pub(super) fn resume(&mut self, now: Time) {
        self.ready.extend(self.lanes.keys());
        for id in std::mem::take(&mut self.paused) {
            if let Some(Pair {
                stage: Stage::Forwarding(forwarder),
                ..
            }) = self.pairs.get_mut(&id)
            {
                forwarder.resume();
            }
            self.go_on(now, id);
        }
    }

    /// Forgets a pair; its streams go on without it.
    pub(super) fn drop_pair(&mut self, id: PairId) {
        let Some(pair) = self.pairs.remove(&id) else {
            return;
        };
        self.timers.stop(pair.deadline, Timer::Pairing(id));
        for stream in [pair.data, pair.error].into_iter().flatten() {
            if let Some(found) = self.streams.get_mut(&stream) {
                found.pair = None;
            }
            self.collect(stream);
        }
    }

    fn start_pair(&mut self, now: Time, request: &Request) -> PairId {
        let id = PairId(self.next_pair);
        self.next_pair += 1;
        let deadline = now + PAIRING_TIMEOUT;
        self.timers.set(deadline, Timer::Pairing(id));
        self.halves.insert(request.id.clone(), id);
        let pair = Pair {
            request: request.id.clone(),
            port: request.port,
            data: None,
            error: None,
            stage: Stage::Half,
            deadline,
        };
        self.pairs.insert(id, pair);
        id
    }

    fn start_forwarding(&mut self, now: Time, id: PairId, data: u32) {
        let Some(pair) = self.pairs.get_mut(&id) else {
            return;
        };
        self.halves.remove(&pair.request);
        self.timers.stop(pair.deadline, Timer::Pairing(id));
        pair.deadline = now + DIAL_TIMEOUT;
        self.timers.set(pair.deadline, Timer::Dial(id));
        pair.stage = Stage::Forwarding(Forwarder::new());
        self.actions.push_back(Action::Dial {
            pair: id,
            port: pair.port,
        });
        if let Some(stream) = self.streams.get_mut(&data) {
            stream.consumer = Consumer::Copy(id);
        }
    }

    /// Reads from the pod when the copy is ready to and there is room for what it will send.
    fn read_pod(&mut self, id: PairId, replied: bool) {
        let full = self.output.is_full();
        let Some(Pair {
            stage: Stage::Forwarding(forwarder),
            ..
        }) = self.pairs.get_mut(&id)
        else {
            return;
        };
        if !replied {
            return;
        }
        if full {
            if forwarder.pause() {
                self.paused.push_back(id);
            }
        } else if forwarder.poll_read() {
            self.actions.push_back(Action::ReadPod { pair: id });
        }
    }

    /// The connection into the pod is over: it is closed, and both streams end as this runtime ends them.
    fn end_forwarding(&mut self, now: Time, id: PairId, end: &Result<(), ForwardFailure>) {
        let flavor = self.profile.flavor;
        let Some(pair) = self.pairs.get_mut(&id) else {
            return;
        };
        let Stage::Forwarding(forwarder) = &pair.stage else {
            return;
        };
        let waits = forwarder.upstream() == Upstream::Reading;
        self.timers.stop(pair.deadline, Timer::Linger(id));
        self.timers.stop(pair.deadline, Timer::Dial(id));
        if forwarder.is_connected() || matches!(end, Err(ForwardFailure::Dial(DialFailure::TimedOut))) {
            self.actions.push_back(Action::ClosePod { pair: id });
        }

        let mut steps = VecDeque::new();
        if !end.as_ref().is_err_and(ForwardFailure::is_without_sandbox) {
            steps.push_back(Step::Close(StreamKind::Data));
        }
        match end {
            Ok(()) => steps.push_back(Step::Close(StreamKind::Error)),
            Err(failure) => {
                let ending = flavor.failure_end(failure.is_broken());
                if ending != FailureEnd::Reset {
                    steps.push_back(Step::Text(text::failure(
                        flavor,
                        &self.profile.place,
                        pair.port,
                        failure,
                    )));
                }
                steps.extend(match ending {
                    FailureEnd::Reset | FailureEnd::TextAndReset => {
                        [Step::Reset(StreamKind::Data), Step::Reset(StreamKind::Error)]
                    }
                    FailureEnd::TextAndFin => [Step::Close(StreamKind::Error), Step::Close(StreamKind::Data)],
                });
            }
        }
        pair.stage = Stage::Ending(steps);
        if let Some(data) = pair.data {
            if let Some(stream) = self.streams.get_mut(&data) {
                stream.consumer = match waits {
                    _ if flavor.drains() => Consumer::Drain,
                    true => Consumer::Leftover,
                    false => Consumer::None,
                };
            }
            self.wake(data);
        }
        self.run_ending(now, id);
    }

    fn run_ending(&mut self, now: Time, id: PairId) {
        loop {
            let Some(Pair {
                data: Some(data),
                error: Some(error),
                stage: Stage::Ending(steps),
                ..
            }) = self.pairs.get_mut(&id)
            else {
                return;
            };
            let (data, error) = (*data, *error);
            let stream = |kind| if kind == StreamKind::Data { data } else { error };
            let Some(step) = steps.pop_front() else { break };
            let done = match &step {
                Step::Close(kind) => self.close_stream(stream(*kind)),
                Step::Reset(kind) => {
                    self.reset_stream(now, stream(*kind), ResetStatus::CANCEL);
                    true
                }
                Step::Text(text) => self.write(error, text),
            };
            if !done {
                if let Some(Pair {
                    stage: Stage::Ending(steps),
                    ..
                }) = self.pairs.get_mut(&id)
                {
                    steps.push_front(step);
                }
                return;
            }
            self.last_frame = now;
        }
        self.drop_pair(id);
    }

    /// Sends text on a stream; false if the stream has to be answered first.
    fn write(&mut self, stream: u32, text: &str) -> bool {
        let Some(found) = self.streams.get(&stream) else {
            return true;
        };
        if found.replied {
            self.output.data(found.id, text.as_bytes(), false);
        }
        found.replied
    }

    fn write_error(&mut self, id: PairId, text: &str) {
        if let Some(error) = self.pairs.get(&id).and_then(|pair| pair.error) {
            self.write(error, text);
        }
    }
}
