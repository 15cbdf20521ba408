use podline_wire::Time;
use tokio::time::Instant;

/// The runtime's clock, as the argument that pure code wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_duration(self.epoch.elapsed())
    }

    pub(crate) fn instant(&self, time: Time) -> Instant {
        self.epoch + time.as_duration()
    }
}
