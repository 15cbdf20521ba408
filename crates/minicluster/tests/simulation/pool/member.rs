//! One session of the pool.

use std::time::Duration;

use podline_wire::pool::{Health, Report};

use crate::link::Link;

/// A session, and what the pool has been told of it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) link: Link,
    /// Lanes lent of which the pool has not heard that they were used or given back.
    pub(crate) lent: usize,
    /// So many of them were.
    pub(crate) settled: usize,
    pub(crate) reported: Report,
    /// The network may end it.
    pub(crate) may_be_lost: bool,
    /// The longest time between a question and the whole answer, by the network.
    pub(crate) patience: Duration,
}

impl Member {
    pub(crate) fn new(link: Link, may_be_lost: bool, patience: Duration) -> Self {
        Self {
            reported: link.client.report(),
            link,
            lent: 0,
            settled: 0,
            may_be_lost,
            patience,
        }
    }

    /// Whether a connection that comes now may have a lane here, where it suffers no worse than `worst`.
    pub(crate) fn takes_one_more(&self, worst: Health) -> bool {
        let report = self.link.client.report();
        !report.retired && report.health <= worst && report.free_lanes > self.lent - self.settled
    }

    /// Whether a connection may have a lane here as far as the pool knows, though it be a bad one.
    pub(crate) fn was_said_to_take_one_more(&self) -> bool {
        let report = &self.reported;
        !report.retired && report.health <= Health::Late && report.free_lanes > self.lent
    }

    /// The same, with a lane that others are on.
    pub(crate) fn was_said_to_share(&self) -> bool {
        !self.reported.retired && self.reported.shared_room > self.lent
    }

    /// Whether a connection may have a lane here that others are on.
    pub(crate) fn shares_with_one_more(&self) -> bool {
        let report = self.link.client.report();
        !report.retired && report.shared_room > self.lent - self.settled
    }

    /// Whether it is as good as new, and nobody's.
    pub(crate) fn is_idle(&self) -> bool {
        let report = self.link.client.report();
        report.clean
            && !report.retired
            && report.health == Health::Well
            && report.pairs == 0
            && self.lent == 0
    }

    /// What the pool has to be told, and how many lent lanes were settled; None if it knows all.
    pub(crate) fn news(&mut self) -> Option<(Report, usize)> {
        let report = self.link.client.report();
        if report == self.reported && self.settled == 0 {
            return None;
        }
        self.reported = report;
        self.lent -= self.settled;
        Some((report, std::mem::take(&mut self.settled)))
    }
}
