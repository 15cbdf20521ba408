use std::future;

use podline::{Untrusted, reason};
use tokio::sync::oneshot;

use crate::pcap::{Capture, CaptureError, CaptureOptions};

/// Starts and ends captures, and never keeps the view waiting for a disk.
#[derive(Debug)]
pub(super) struct Recording {
    capture: Capture,
    options: CaptureOptions,
    /// Told of, while one is being started.
    started: Option<oneshot::Receiver<Result<(), CaptureError>>>,
}

impl Recording {
    /// Captures are made with `capture`, one beside the other where `options` say.
    pub(super) fn new(capture: Capture, options: CaptureOptions) -> Self {
        Self {
            capture,
            options,
            started: None,
        }
    }

    /// Ends the capture that runs, or starts one. Nothing while one is being started.
    pub(super) fn toggle(&mut self) {
        if self.capture.is_running() {
            self.capture.stop();
        } else if !self.is_starting() {
            self.start();
        }
    }

    fn start(&mut self) {
        let (tell, started) = oneshot::channel();
        self.started = Some(started);
        let (capture, options) = (self.capture.clone(), self.options.clone());
        // A file system may take its time.
        tokio::task::spawn_blocking(move || tell.send(capture.start_beside(&options)));
    }

    /// Whether one is being started.
    pub(super) fn is_starting(&self) -> bool {
        self.started.is_some()
    }

    /// Waits until the capture that is being started has started, or says why not; for ever if there is none.
    pub(super) async fn started(&mut self) -> Result<(), Untrusted> {
        let Some(started) = &mut self.started else {
            return future::pending().await;
        };
        let started = started.await;
        self.started = None;
        match started {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(reason(&error)),
            // Only a panic keeps it from telling.
            Err(_) => Err(Untrusted::new("the capture cannot be started")),
        }
    }
}
