use std::fmt;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From the pod to the app.
    Received,
    /// From the app to the pod.
    Sent,
}

/// The one that says them.
impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Received => "the pod",
            Self::Sent => "the app",
        })
    }
}
