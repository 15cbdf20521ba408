use std::future::Future;
use std::time::Duration;

use crate::End;

/// What a connection itself says about an end of it that looks clean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Evidence {
    /// The last word was the app's: it may have been owed an answer.
    pub(crate) answer_owed: bool,
    /// The app had ended first, and the pod was told.
    pub(crate) app_ended: bool,
    /// How long the pod had been sending, if it did until the end.
    pub(crate) fed_for: Duration,
}

/// Who decides how an end is to be taken that looks clean.
pub(crate) trait Judge: Sync {
    /// The end to give to the app.
    fn judge(&self, evidence: Evidence) -> impl Future<Output = End> + Send;
}
