//! A stream of lines with a writer thread of its own.

use std::{
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Bytes that may wait for a reader that does not read, before lines that can be done without are dropped.
pub(crate) const ROOM: usize = 64 * 1024;

/// Bytes that may wait in all. Lines that must not be lost are few; this bounds them against a mistake.
const LIMIT: usize = 4 * 1024 * 1024;

/// The writer needs no more stack than the standard library's write does.
const STACK: usize = 64 * 1024;

/// Lines on their way to one stream, which may be slow, full or closed without anybody having to wait for it.
#[derive(Clone)]
pub(crate) struct LineQueue {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    writing: bool,
    closed: bool,
    dropped: u64,
}

impl LineQueue {
    /// Starts the thread that writes to `sink`. Where no thread can be had, the stream counts as closed.
    pub(crate) fn start(name: &str, sink: impl Write + Send + 'static) -> Self {
        let queue = Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                changed: Condvar::new(),
            }),
        };
        let shared = Arc::clone(&queue.shared);
        let writer = thread::Builder::new().name(name.to_owned()).stack_size(STACK);
        if writer.spawn(move || shared.write_to(sink)).is_err() {
            queue.shared.lock().closed = true;
        }
        queue
    }

    /// Takes a line that must not be lost. Never blocks.
    pub(crate) fn push(&self, line: &str) {
        if !self.shared.push(line, LIMIT) {
            self.count_dropped(1);
        }
    }

    /// Takes a line if fewer than [`ROOM`] bytes wait, otherwise counts it as dropped. Never blocks.
    pub(crate) fn push_if_room(&self, line: &str) {
        if !self.offer(line) {
            self.count_dropped(1);
        }
    }

    /// Takes a line if fewer than [`ROOM`] bytes wait, otherwise says no; true for a stream that is closed. Never blocks.
    pub(crate) fn offer(&self, line: &str) -> bool {
        self.shared.push(line, ROOM)
    }

    /// Whether there is room for a line that can be done without.
    pub(crate) fn has_room(&self) -> bool {
        self.shared.lock().waiting.len() < ROOM
    }

    /// Counts lines as dropped that never came here.
    pub(crate) fn count_dropped(&self, lines: u64) {
        self.shared.lock().dropped += lines;
    }

    /// How many lines were dropped because nobody read.
    pub(crate) fn dropped(&self) -> u64 {
        self.shared.lock().dropped
    }

    /// Waits until everything is written or the stream is closed, at most `patience`.
    pub(crate) fn drain(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut state = self.shared.lock();
        while !state.closed && (state.writing || !state.waiting.is_empty()) {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return;
            };
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line, unless more than `room` bytes would wait then. A closed stream takes everything.
    fn push(&self, line: &str, room: usize) -> bool {
        let mut state = self.lock();
        if state.closed {
            return true;
        }
        if state.waiting.len() + line.len() + 1 > room {
            return false;
        }
        // A writer that writes, or was woken already, looks again by itself.
        let is_idle = !state.writing && state.waiting.is_empty();
        state.waiting.extend_from_slice(line.as_bytes());
        state.waiting.push(b'\n');
        if is_idle {
            self.changed.notify_all();
        }
        true
    }

    fn write_to(&self, mut sink: impl Write) {
        let mut lines = Vec::new();
        let mut state = self.lock();
        while !state.closed {
            if state.waiting.is_empty() {
                state.writing = false;
                self.changed.notify_all();
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            std::mem::swap(&mut state.waiting, &mut lines);
            state.writing = true;
            drop(state);
            let written = sink.write_all(&lines).and_then(|()| sink.flush());
            lines.clear();
            state = self.lock();
            // A reader that went away ends its stream and nothing else.
            state.closed = written.is_err();
        }
        state.waiting = Vec::new();
        self.changed.notify_all();
    }
}

/// Takes what a log writes, line by line, as lines that can be done without.
impl Write for LineQueue {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push_if_room(String::from_utf8_lossy(bytes).trim_end_matches('\n'));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// Longer than any test takes, for waits that end by themselves.
    const LONG: Duration = Duration::from_secs(60);

    /// A sink that says when a write begins, and ends it only when it is let.
    struct Held {
        began: SyncSender<Vec<u8>>,
        go_on: Receiver<io::Result<()>>,
    }

    impl Write for Held {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.began.send(bytes.to_vec()).unwrap();
            self.go_on.recv().unwrap().map(|()| bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn held() -> (LineQueue, Receiver<Vec<u8>>, SyncSender<io::Result<()>>) {
        let (began, begins) = sync_channel(100);
        let (lets, go_on) = sync_channel(100);
        (LineQueue::start("test", Held { began, go_on }), begins, lets)
    }

    #[test]
    fn a_reader_that_does_not_read_costs_only_the_lines_that_can_be_done_without() {
        let (queue, begins, lets) = held();
        queue.push("first");
        assert_eq!(begins.recv().unwrap(), b"first\n");
        let long = "x".repeat(ROOM / 4 - 1);
        for _ in 0..6 {
            queue.push_if_room(&long);
        }
        assert_eq!(queue.dropped(), 2);
        queue.push("must");
        assert_eq!(queue.dropped(), 2);
        lets.send(Ok(())).unwrap();
        let rest = begins.recv().unwrap();
        assert_eq!(rest.len(), ROOM + "must\n".len());
        assert!(rest.ends_with(b"x\nmust\n"));
        lets.send(Ok(())).unwrap();
        queue.drain(LONG);
    }

    #[test]
    fn who_offers_a_line_is_told_whether_it_was_taken() {
        let (queue, begins, lets) = held();
        queue.push("first");
        begins.recv().unwrap();
        assert!(queue.has_room());
        assert!(queue.offer(&"x".repeat(ROOM - 1)));
        assert!(!queue.has_room());
        assert!(!queue.offer("y"));
        assert_eq!(queue.dropped(), 0);
        lets.send(Ok(())).unwrap();
        lets.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        queue.drain(LONG);
        assert!(queue.has_room() && queue.offer("taken by nobody"));
    }

    #[test]
    fn a_closed_stream_takes_everything_and_ends_nothing() {
        let (queue, begins, lets) = held();
        queue.push("first");
        begins.recv().unwrap();
        lets.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        queue.drain(LONG);
        queue.push("second");
        queue.drain(LONG);
        assert_eq!(queue.dropped(), 0);
        assert!(begins.try_recv().is_err());
    }

    #[test]
    fn draining_gives_up_on_a_full_stream() {
        let (queue, begins, lets) = held();
        queue.push("first");
        begins.recv().unwrap();
        queue.drain(Duration::from_millis(1));
        lets.send(Ok(())).unwrap();
        queue.drain(LONG);
    }
}
