use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::{
    Buffer, CaptureEnd, CaptureError, CaptureNotice, CaptureOptions, CaptureState, CaptureStatus,
    CaptureSummary, Made, Packet, Packets, Taken,
};

/// How long less than a full chunk may wait: a call to the system for each packet would cost more than all else, whoever watches live
/// does not notice, and a quiet connection costs ten wake-ups a second.
const GATHER: Duration = Duration::from_millis(100);

/// What the tasks of connections and the writer of a capture share.
pub(super) struct Shared {
    /// The number of the capture that takes packets, 0 where none does: for all who need no more than that.
    number: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
    tell: Box<dyn Fn(&CaptureNotice) + Send + Sync>,
}

#[derive(Default)]
struct State {
    interfaces: Vec<String>,
    captures: u64,
    running: Option<Running>,
    last: Option<Past>,
}

/// A capture that is not over.
struct Running {
    buffer: Buffer,
    made: Option<Made>,
    /// Bytes of whole blocks that were written.
    written: u64,
    /// Tells how many bytes were written, and by its end that it is over.
    progress: watch::Receiver<u64>,
    /// Why it is to end, until the writer knows.
    ending: Option<CaptureEnd>,
    /// Whether it takes no more.
    is_ending: bool,
    is_dropping: bool,
    writer: WaitsFor,
}

/// A capture that is over.
#[derive(Clone)]
struct Past {
    made: Option<Made>,
    end: Arc<CaptureEnd>,
    summary: CaptureSummary,
}

/// What the writer must be woken for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum WaitsFor {
    Anything,
    FullChunk,
    Nothing,
}

impl Shared {
    pub(super) fn new(tell: impl Fn(&CaptureNotice) + Send + Sync + 'static) -> Self {
        Self {
            number: AtomicU64::new(0),
            state: Mutex::default(),
            changed: Condvar::new(),
            tell: Box::new(tell),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives an interface a number, from 0.
    pub(super) fn add_interface(&self, name: String) -> usize {
        let mut state = self.state();
        if let Some(running) = &mut state.running
            && !running.is_ending
        {
            let taken = running.buffer.interface(&name);
            running.handle_taken(taken, &self.number);
        }
        state.interfaces.push(name);
        state.interfaces.len() - 1
    }

    /// Begins a capture.
    pub(super) fn begin(
        &self,
        options: &CaptureOptions,
        made: Option<Made>,
        progress: watch::Receiver<u64>,
    ) -> Result<(), CaptureError> {
        let mut state = self.state();
        if state.running.is_some() {
            return Err(CaptureError::AlreadyRunning);
        }
        let mut running = Running {
            buffer: Buffer::new(options.limit, options.snaplen, now()),
            made,
            written: 0,
            progress,
            ending: None,
            is_ending: false,
            is_dropping: false,
            writer: WaitsFor::Nothing,
        };
        state.captures += 1;
        self.number.store(state.captures, Ordering::Relaxed);
        for name in &state.interfaces {
            let taken = running.buffer.interface(name);
            running.handle_taken(taken, &self.number);
        }
        state.running = Some(running);
        Ok(())
    }

    /// Takes back what [`Shared::begin`] began.
    pub(super) fn never_began(&self) {
        self.number.store(0, Ordering::Relaxed);
        self.state().running = None;
    }

    /// The number of the capture that takes packets, if one does.
    pub(super) fn number(&self) -> Option<u64> {
        match self.number.load(Ordering::Relaxed) {
            0 => None,
            number => Some(number),
        }
    }

    /// Takes packets of one moment.
    pub(super) fn recording(&self, interface: usize, at: u64) -> Recording<'_> {
        Recording {
            shared: self,
            state: Some(self.state()),
            interface,
            at,
            has_dropped: false,
        }
    }

    /// Ends the capture, and gives what tells that it is over, if there is one.
    pub(super) fn stop(&self) -> Option<watch::Receiver<u64>> {
        let mut state = self.state();
        let running = state.running.as_mut()?;
        running.end(CaptureEnd::Stopped, &self.number);
        let progress = running.progress.clone();
        drop(state);
        self.changed.notify_all();
        Some(progress)
    }

    pub(super) fn is_running(&self) -> bool {
        self.state().running.is_some()
    }

    /// How the capture that runs is, or the last one was.
    pub(super) fn status(&self) -> Option<CaptureStatus> {
        let state = self.state();
        let (made, summary, progress) = match (&state.running, &state.last) {
            (Some(running), _) => {
                let progress = if running.is_ending {
                    CaptureState::Ending
                } else {
                    CaptureState::Running
                };
                (&running.made, running.summary(), progress)
            }
            (None, Some(past)) => (&past.made, past.summary, CaptureState::Over(past.end.clone())),
            (None, None) => return None,
        };
        Some(CaptureStatus {
            number: state.captures,
            path: made.as_ref().map(|made| made.path.clone()),
            state: progress,
            summary,
        })
    }

    /// The file of the capture that runs, or of the last one, and how many bytes of it are whole.
    pub(super) fn made(&self) -> Option<(Made, u64)> {
        let state = self.state();
        let (made, bytes) = match &state.running {
            Some(running) => (&running.made, running.written),
            None => state.last.as_ref().map(|past| (&past.made, past.summary.bytes))?,
        };
        Some((made.clone()?, bytes))
    }

    /// Gives the writer what is to be written next, in the place of `batch`; waits until there is something. With the last of
    /// it, says why it is that.
    pub(super) fn next_batch(&self, batch: &mut Vec<u8>) -> Option<CaptureEnd> {
        let mut state = self.state();
        loop {
            let running = state.running.as_mut()?;
            if running.ending.is_some() {
                running.buffer.close(now());
                running.buffer.take_chunk(batch);
                if running.buffer.waiting() > 0 {
                    return None;
                }
                return running.ending.take();
            }
            if running.buffer.waiting() > 0 {
                break;
            }
            running.writer = WaitsFor::Anything;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let gathers = |state: &mut State| match &mut state.running {
            Some(running) if running.ending.is_none() && !running.buffer.has_full_chunk() => {
                running.writer = WaitsFor::FullChunk;
                true
            }
            _ => false,
        };
        let waited = self.changed.wait_timeout_while(state, GATHER, gathers);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let running = state.running.as_mut()?;
        running.writer = WaitsFor::Nothing;
        running.buffer.take_chunk(batch);
        None
    }

    /// So many bytes of whole blocks were written in all.
    pub(super) fn handle_written(&self, bytes: u64) {
        if let Some(running) = &mut self.state().running {
            running.written = bytes;
        }
    }

    /// How many bytes of whole blocks were written.
    pub(super) fn written(&self) -> u64 {
        self.state().running.as_ref().map_or(0, |running| running.written)
    }

    /// The blocks `lost` cannot be written, nor can what waits. Gives what a file ends with.
    pub(super) fn handle_lost(&self, lost: &[u8]) -> Vec<u8> {
        let mut end = Vec::new();
        self.number.store(0, Ordering::Relaxed);
        if let Some(running) = &mut self.state().running {
            running.is_ending = true;
            running.buffer.lose(lost);
            running.buffer.close(now());
            running.buffer.take_chunk(&mut end);
        }
        end
    }

    /// How many bytes a file ends with.
    pub(super) fn closing_length(&self) -> usize {
        let state = self.state();
        state
            .running
            .as_ref()
            .map_or(0, |running| running.buffer.closing_length())
    }

    /// The capture is over, with so many bytes.
    pub(super) fn handle_over(&self, end: CaptureEnd, bytes: u64) {
        self.number.store(0, Ordering::Relaxed);
        let mut state = self.state();
        let Some(mut running) = state.running.take() else {
            return;
        };
        running.written = bytes;
        let summary = running.summary();
        let end = Arc::new(end);
        let path = running.made.as_ref().map(|made| made.path.clone());
        state.last = Some(Past {
            made: running.made,
            end: end.clone(),
            summary,
        });
        drop(state);
        (self.tell)(&CaptureNotice::Ended { end, path, summary });
    }
}

impl Running {
    fn end(&mut self, end: CaptureEnd, number: &AtomicU64) {
        number.store(0, Ordering::Relaxed);
        if !self.is_ending {
            self.is_ending = true;
            self.ending = Some(end);
        }
    }

    fn handle_taken(&mut self, taken: Taken, number: &AtomicU64) {
        if taken == Taken::LimitReached {
            let limit = self.buffer.limit();
            self.end(CaptureEnd::LimitReached { limit }, number);
        }
    }

    /// Whether the writer is to be woken; once each time.
    fn wakes(&mut self) -> bool {
        let wakes = match self.writer {
            WaitsFor::Anything => self.buffer.waiting() > 0 || self.ending.is_some(),
            WaitsFor::FullChunk => self.buffer.has_full_chunk() || self.ending.is_some(),
            WaitsFor::Nothing => false,
        };
        if wakes {
            self.writer = WaitsFor::Nothing;
        }
        wakes
    }

    fn summary(&self) -> CaptureSummary {
        CaptureSummary {
            bytes: self.written,
            ..self.buffer.summary()
        }
    }
}

/// Takes the packets of one interface that were seen at one moment, until it is dropped.
pub(super) struct Recording<'a> {
    shared: &'a Shared,
    /// There until it is dropped.
    state: Option<MutexGuard<'a, State>>,
    interface: usize,
    at: u64,
    has_dropped: bool,
}

impl Packets for Recording<'_> {
    fn take(&mut self, packet: &Packet<'_>) -> bool {
        let state = self.state.as_mut();
        let Some(running) = state.and_then(|state| state.running.as_mut()) else {
            return false;
        };
        if running.is_ending {
            return false;
        }
        let taken = running.buffer.packet(self.interface, self.at, packet);
        running.handle_taken(taken, &self.shared.number);
        self.has_dropped |= taken == Taken::Dropped;
        taken == Taken::Yes
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        let Some(mut state) = self.state.take() else {
            return;
        };
        let Some(running) = &mut state.running else { return };
        let wakes = running.wakes();
        let begins_to_drop = self.has_dropped && !running.is_dropping;
        running.is_dropping |= begins_to_drop;
        // The writer finds the lock free, and who is told may ask for anything.
        drop(state);
        if wakes {
            self.shared.changed.notify_all();
        }
        if begins_to_drop {
            (self.shared.tell)(&CaptureNotice::Dropping);
        }
    }
}

/// The time, in nanoseconds since the Unix epoch, as far as that can be said: until 2554.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
