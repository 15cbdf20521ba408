use std::{
    fmt,
    fs::File,
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use podline::Untrusted;
use tokio::{sync::watch, time};

use super::{
    CaptureError, CaptureNotice, CaptureOptions, CaptureStatus, FileSink, Interface, Made, Shared, Sink,
    Writer,
};

/// How long the end of a capture waits for who takes nothing of what is left. A disk that is slower is broken.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many names are tried for a new file.
const NAMES: u32 = 1000;
/// The writer needs no more stack than the standard library's write does, and who is told of the end.
const STACK: usize = 256 * 1024;

/// Records connections into pcapng, one capture at a time, and none until one is started. Clones are the same.
#[derive(Clone)]
pub struct Capture {
    shared: Arc<Shared>,
    /// Held while one is started.
    starting: Arc<Mutex<()>>,
}

/// The bytes that a capture's file had at some moment: whole blocks, which make a capture themselves.
#[derive(Debug)]
pub struct Snapshot {
    /// How many they are.
    pub length: u64,
    rest: io::Take<File>,
}

impl Capture {
    /// Something to record with. What is to be heard of captures goes to `tell`, which is called by threads and tasks that
    /// must not be kept waiting.
    pub fn new(tell: impl Fn(&CaptureNotice) + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::new(Shared::new(tell)),
            starting: Arc::default(),
        }
    }

    /// An interface in this and all later captures: one for each forward.
    pub fn interface(&self, name: &str) -> Interface {
        let name = Untrusted::new(name).to_string();
        Interface::new(self.shared.clone(), self.shared.add_interface(name))
    }

    /// Starts a capture. Connections that are open already appear with what they say from now on.
    ///
    /// # Errors
    ///
    /// A capture is running, or the destination cannot be had as it was asked for.
    pub fn start(&self, options: &CaptureOptions) -> Result<(), CaptureError> {
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_running() {
            return Err(CaptureError::AlreadyRunning);
        }
        let (sink, made) = FileSink::open(&options.destination, options.overwrite)?;
        let started = self.start_into(sink, made.clone(), options);
        if started.is_err()
            && let Some(made) = made
        {
            // Why it did not start counts, not this.
            let _ = made.remove();
        }
        started
    }

    /// Starts a capture into a file that was not there, whatever the options say of replacing one: the file that they name, or
    /// else the first of those that are numbered behind its name, as `web-2.pcapng`.
    ///
    /// # Errors
    ///
    /// As for [`Capture::start`]. A thousand such files are there.
    pub fn start_beside(&self, options: &CaptureOptions) -> Result<(), CaptureError> {
        let mut numbered = options.clone();
        numbered.overwrite = false;
        let mut started = self.start(&numbered);
        for number in 2..=NAMES {
            if !matches!(started, Err(CaptureError::Exists { .. })) {
                break;
            }
            numbered.destination = options.destination.numbered(number);
            started = self.start(&numbered);
        }
        started
    }

    pub(super) fn start_into(
        &self,
        sink: impl Sink,
        made: Option<Made>,
        options: &CaptureOptions,
    ) -> Result<(), CaptureError> {
        let (progress, written) = watch::channel(0);
        self.shared.begin(options, made, written)?;
        let writer = Writer::new(self.shared.clone(), sink, progress);
        let thread = thread::Builder::new()
            .name("capture".to_owned())
            .stack_size(STACK);
        if let Err(error) = thread.spawn(move || writer.run()) {
            self.shared.never_began();
            return Err(CaptureError::Thread(error));
        }
        Ok(())
    }

    /// Ends the capture, if one is running, without waiting for its last bytes.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Ends the capture, if one is running, and waits until it is over. Says whether it is: not if nothing of what was left
    /// was taken for five seconds, as by a reader that does not read.
    pub async fn finish(&self) -> bool {
        let Some(mut progress) = self.shared.stop() else {
            return true;
        };
        loop {
            match time::timeout(PATIENCE, progress.changed()).await {
                Ok(Ok(())) => {}
                // Its writer is gone.
                Ok(Err(_)) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Whether a capture is running, or about to be over.
    pub fn is_running(&self) -> bool {
        self.shared.is_running()
    }

    /// How the capture that runs is, or the last one was; `None` if there was none.
    pub fn status(&self) -> Option<CaptureStatus> {
        self.shared.status()
    }

    /// What is in the file of the capture that runs, or of the last one; `None` if there was none, or it has no file.
    ///
    /// # Errors
    ///
    /// The file is not there any more, or cannot be read.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, CaptureError> {
        let Some((made, length)) = self.shared.made() else {
            return Ok(None);
        };
        let rest = made.open()?.take(length);
        Ok(Some(Snapshot { length, rest }))
    }

    /// Removes the file of the last capture if no packet is in it. For a program that could not even begin: its next try must
    /// not find the file.
    ///
    /// # Errors
    ///
    /// The file is another one now, or cannot be removed.
    pub fn remove_if_empty(&self) -> Result<(), CaptureError> {
        let is_empty = self
            .status()
            .is_some_and(|status| status.state.is_over() && status.summary.packets == 0);
        match self.shared.made() {
            Some((made, _)) if is_empty => made.remove(),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_running = self.is_running();
        f.debug_struct("Capture")
            .field("is_running", &is_running)
            .finish_non_exhaustive()
    }
}

impl Read for Snapshot {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.rest.read(buffer)
    }
}

#[cfg(test)]
mod tests;
