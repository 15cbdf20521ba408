//! The sessions of a pool, kept in the orders in which the pool looks for them, so that no decision looks at them all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::Time;

use super::{Health, Report, SessionKey};

/// A retired session without pairs is closed after so long, though the peer still has some that we reset: closing
/// sooner leaves their connections to the pod open in the runtime (verified: a session with a jammed lane). The
/// runtime's own second and a little.
const RETIRED_TAIL: Duration = Duration::from_millis(1300);

/// A session without pairs that does not become clean in so long is of no use.
const WORN_AFTER: Duration = Duration::from_secs(30);

/// A session that is being made for longer than this may never be.
const HUNG_AFTER: Duration = Duration::from_secs(3);

/// The sessions of a pool.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    connecting: BTreeMap<SessionKey, Time>,
    ready: BTreeMap<SessionKey, Entry>,
    /// Clean ones that nobody uses, by the time since when.
    idle: BTreeSet<(Time, SessionKey)>,
    /// Those with a free lane: the healthiest first, then the least used.
    lanes: BTreeSet<(Health, usize, SessionKey)>,
    /// Those whose lanes may be shared, in the same order.
    shared: BTreeSet<(Health, usize, SessionKey)>,
    /// Those that nobody uses nor is to use, by the time to close them.
    doomed: BTreeSet<(Time, SessionKey)>,
    resting: usize,
    retired: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    report: Report,
    /// Lanes lent whose pair is not open yet.
    reserved: usize,
    /// Since when there is no pair and none is to come.
    unused_since: Time,
    idle_since: Time,
}

impl Sessions {
    /// All of them, those being made included.
    pub(super) fn total(&self) -> usize {
        self.connecting.len() + self.ready.len()
    }

    /// Those that are ready.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Those that are ready and take new pairs.
    pub(super) fn taking(&self) -> usize {
        self.ready.len() - self.retired
    }

    /// Those that take new pairs, or will.
    pub(super) fn useful(&self) -> usize {
        self.connecting() + self.taking()
    }

    /// Those with open pairs, or about to have some, that take new ones.
    pub(super) fn used(&self) -> usize {
        self.taking().saturating_sub(self.unused())
    }

    pub(super) fn connecting(&self) -> usize {
        self.connecting.len()
    }

    /// Those being made whose keys are no later than `last`.
    pub(super) fn connecting_up_to(&self, last: SessionKey) -> usize {
        self.connecting.range(..=last).count()
    }

    /// When the session, which is being made, was begun.
    pub(super) fn begun(&self, key: SessionKey) -> Option<Time> {
        self.connecting.get(&key).copied()
    }

    /// Those being made that may be expected soon.
    pub(super) fn expected(&self, now: Time) -> usize {
        self.connecting
            .values()
            .filter(|&&since| since + HUNG_AFTER > now)
            .count()
    }

    /// When one fewer may be expected.
    pub(super) fn hung_at(&self, now: Time) -> Option<Time> {
        self.connecting
            .values()
            .map(|&since| since + HUNG_AFTER)
            .filter(|&at| at > now)
            .min()
    }

    /// Whether this one is idle and clean.
    pub(super) fn is_idle(&self, key: SessionKey) -> bool {
        self.ready.get(&key).is_some_and(Entry::is_idle)
    }

    /// Idle and clean ones.
    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    /// Those without open pairs that are clean, or will be as soon as the peer has ended what we have ended.
    pub(super) fn unused(&self) -> usize {
        self.idle.len() + self.resting
    }

    /// The idle session used last. The others age, so that there are as many as the load needs.
    pub(super) fn freshest_idle(&self) -> Option<SessionKey> {
        self.idle.last().map(|&(_, key)| key)
    }

    /// The session that has been idle for longest, and since when.
    pub(super) fn oldest_idle(&self) -> Option<(Time, SessionKey)> {
        self.idle.first().copied()
    }

    /// The best session with a free lane that is no worse than `worst`.
    pub(super) fn with_lane(&self, worst: Health) -> Option<SessionKey> {
        let &(health, _, key) = self.lanes.first()?;
        (health <= worst).then_some(key)
    }

    /// The best session whose lanes may be shared.
    pub(super) fn with_shared_lane(&self) -> Option<SessionKey> {
        self.shared.first().map(|&(.., key)| key)
    }

    /// The session to be closed next, and when.
    pub(super) fn doomed(&self) -> Option<(Time, SessionKey)> {
        self.doomed.first().copied()
    }

    pub(super) fn start(&mut self, now: Time, key: SessionKey) {
        self.connecting.insert(key, now);
    }

    /// A session that was being made is ready.
    pub(super) fn insert(&mut self, now: Time, key: SessionKey, report: Report) {
        if self.connecting.remove(&key).is_none() {
            return;
        }
        let entry = Entry {
            report,
            reserved: 0,
            unused_since: now,
            idle_since: now,
        };
        self.enter(key, &entry);
        self.ready.insert(key, entry);
    }

    pub(super) fn remove(&mut self, key: SessionKey) {
        self.connecting.remove(&key);
        if let Some(entry) = self.ready.remove(&key) {
            self.leave(key, &entry);
        }
    }

    /// A lane of `key` is lent.
    pub(super) fn reserve(&mut self, now: Time, key: SessionKey) {
        self.change(now, key, |entry| entry.reserved += 1);
    }

    /// `opened` of the lanes of `key` that were lent are used, or given back.
    pub(super) fn report(&mut self, now: Time, key: SessionKey, report: Report, opened: usize) {
        self.change(now, key, |entry| {
            entry.report = report;
            entry.reserved = entry.reserved.saturating_sub(opened);
        });
    }

    fn change(&mut self, now: Time, key: SessionKey, change: impl FnOnce(&mut Entry)) {
        let Some(&before) = self.ready.get(&key) else {
            return;
        };
        let mut entry = before;
        change(&mut entry);
        if entry.is_unused() && !before.is_unused() {
            entry.unused_since = now;
        }
        if entry.is_idle() && !before.is_idle() {
            entry.idle_since = now;
        }
        self.leave(key, &before);
        self.enter(key, &entry);
        self.ready.insert(key, entry);
    }

    fn enter(&mut self, key: SessionKey, entry: &Entry) {
        if entry.is_idle() {
            self.idle.insert((entry.idle_since, key));
        }
        if entry.report.takes_one_more(entry.reserved) {
            self.lanes.insert((entry.report.health, entry.used(), key));
        }
        if entry.report.shares_with_one_more(entry.reserved) {
            self.shared.insert((entry.report.health, entry.used(), key));
        }
        if let Some(at) = entry.doomed_at() {
            self.doomed.insert((at, key));
        }
        self.resting += usize::from(entry.is_resting());
        self.retired += usize::from(entry.report.retired);
    }

    /// The reverse of [`Sessions::enter`].
    fn leave(&mut self, key: SessionKey, entry: &Entry) {
        self.idle.remove(&(entry.idle_since, key));
        let place = (entry.report.health, entry.used(), key);
        self.lanes.remove(&place);
        self.shared.remove(&place);
        if let Some(at) = entry.doomed_at() {
            self.doomed.remove(&(at, key));
        }
        self.resting -= usize::from(entry.is_resting());
        self.retired -= usize::from(entry.report.retired);
    }
}

impl Entry {
    fn used(&self) -> usize {
        self.report.open + self.reserved
    }

    fn is_unused(&self) -> bool {
        self.report.pairs == 0 && self.reserved == 0
    }

    fn is_idle(&self) -> bool {
        self.report.clean && self.is_lendable_whole()
    }

    /// Nothing but what the peer has still to end keeps it from being idle.
    fn is_resting(&self) -> bool {
        !self.report.clean && self.is_lendable_whole()
    }

    fn is_lendable_whole(&self) -> bool {
        self.used() == 0 && self.report.health == Health::Well && self.report.takes_one_more(0)
    }

    fn doomed_at(&self) -> Option<Time> {
        if !self.is_unused() {
            None
        } else if self.report.retired {
            Some(if self.report.tails {
                self.unused_since + RETIRED_TAIL
            } else {
                self.unused_since
            })
        } else {
            (!self.report.clean).then(|| self.unused_since + WORN_AFTER)
        }
    }
}
