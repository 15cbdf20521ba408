use std::{
    io::{self, ErrorKind},
    sync::Arc,
};

use tokio::sync::watch;

use super::{Block, CaptureEnd, Shared, Sink};

/// Writes a capture, on a thread of its own.
pub(super) struct Writer<S> {
    shared: Arc<Shared>,
    sink: S,
    progress: watch::Sender<u64>,
    /// Bytes that were written in all.
    written: u64,
}

impl<S: Sink> Writer<S> {
    pub(super) fn new(shared: Arc<Shared>, sink: S, progress: watch::Sender<u64>) -> Self {
        Self {
            shared,
            sink,
            progress,
            written: 0,
        }
    }

    /// Writes until the capture ends, or cannot be written.
    pub(super) fn run(mut self) {
        let mut batch = Vec::new();
        let end = loop {
            let end = self.shared.next_batch(&mut batch);
            if let Err(error) = self.write(&batch) {
                let whole = self.save(&batch);
                self.written = whole;
                break why(error);
            }
            self.shared.handle_written(self.written);
            if let Some(end) = end {
                break end;
            }
        };
        self.shared.handle_over(end, self.written);
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.sink.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => {
                    bytes = &bytes[length..];
                    self.written += length as u64;
                    self.progress.send_replace(self.written);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Some of `batch`, the last that was written, was not. Leaves whole blocks, with the statistics behind them if there is
    /// room, and gives how many bytes that are.
    fn save(&mut self, batch: &[u8]) -> u64 {
        let before = self.shared.written();
        let came = usize::try_from(self.written - before).expect("no more than the batch was written");
        // What is torn off makes room.
        let whole = Block::whole(batch, came.saturating_sub(self.shared.closing_length()));
        let length = before + whole as u64;
        match self.sink.cut(length) {
            Ok(true) => {
                let end = self.shared.handle_lost(&batch[whole..]);
                self.written = length;
                if self.write(&end).is_ok() {
                    return self.written;
                }
                // Nothing else can be done if even this fails.
                let _ = self.sink.cut(length);
                length
            }
            Ok(false) | Err(_) => {
                self.shared.handle_lost(&batch[Block::whole(batch, came)..]);
                self.written
            }
        }
    }
}

fn why(error: io::Error) -> CaptureEnd {
    if error.kind() == ErrorKind::BrokenPipe {
        CaptureEnd::ReaderGone
    } else {
        CaptureEnd::CannotWrite(error)
    }
}
