use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::socket::{AppSocket, app_socket};

/// First and longest pause between two looks at the socket of an app that sends no more. The first is short because a
/// closing app's FIN comes a moment before the kernel takes its socket away.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(500));

/// Looks whether an app that sends no more has closed its socket: no event tells.
#[derive(Debug)]
pub(super) struct Looks {
    next: Option<Instant>,
    pause: Duration,
}

impl Looks {
    /// Nothing is looked at until [`Looks::begin`].
    pub(super) fn new() -> Self {
        Self {
            next: None,
            pause: PAUSES.0,
        }
    }

    pub(super) fn begin(&mut self) {
        self.next = Some(Instant::now());
    }

    pub(super) fn end(&mut self) {
        self.next = None;
    }

    /// When [`Looks::is_closed`] should be asked again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether `app` is known to be closed; looks only when it is time to.
    pub(super) fn is_closed(&mut self, app: &TcpStream) -> bool {
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return false;
        }
        let seen = app_socket(app);
        self.next = (seen == AppSocket::Open).then(|| now + self.pause);
        self.pause = (self.pause * 2).min(PAUSES.1);
        seen == AppSocket::Closed
    }
}
