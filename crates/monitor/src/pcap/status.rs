use std::{path::PathBuf, sync::Arc};

use super::{CaptureEnd, CaptureSummary};

/// How the capture that runs is, or the last one was.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CaptureStatus {
    /// Counts captures, from 1.
    pub number: u64,
    /// Its file, if it has one.
    pub path: Option<PathBuf>,
    /// How far it is.
    pub state: CaptureState,
    /// What it has.
    pub summary: CaptureSummary,
}

/// How far a capture is.
#[derive(Clone, Debug)]
pub enum CaptureState {
    /// It takes no more, and what it took is being written.
    Ending,
    /// It is over, and why.
    Over(Arc<CaptureEnd>),
    /// It takes what comes.
    Running,
}

impl CaptureState {
    /// Whether everything that will ever be in it is.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }
}
