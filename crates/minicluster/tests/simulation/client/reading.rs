//! What came for the apps, and those that do not take it.

use std::time::Duration;

use podline_wire::{Time, session::PairId};

use super::{Client, STALLED_READER, Stalled, Waiting};
use crate::{
    app::App,
    facts::{End, Facts},
};

impl Client {
    /// Lets the apps read what waits for them.
    pub(super) fn read_apps(&mut self, now: Time, apps: &mut [App], facts: &[Facts]) -> Result<bool, String> {
        let mut progress = false;
        let reading: Vec<PairId> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| apps[waiting.connection].reads(now))
            .map(|(&pair, _)| pair)
            .collect();
        for pair in reading {
            let Some(Waiting { connection, bytes }) = self.waiting.remove(&pair) else {
                continue;
            };
            apps[connection]
                .read(now, &facts[connection])
                .map_err(|error| format!("connection {connection}: {error}"))?;
            self.backlog.handle_taken(now, pair, bytes);
            self.forget_if_read(pair);
            progress = true;
        }
        self.note_reading(now, apps);
        Ok(progress)
    }

    /// Tells the session if it is read again, or not any more.
    pub(super) fn note_reading(&mut self, now: Time, apps: &mut [App]) {
        match (self.paused, self.backlog.is_reading()) {
            (None, false) => {
                self.paused = Some(now);
                self.session.handle_reading(now, false);
            }
            (Some(since), true) => {
                self.paused = None;
                self.session.handle_reading(now, true);
                self.excuse(now.saturating_since(since), apps);
            }
            (None, true) | (Some(_), false) => {}
        }
    }

    pub(super) fn excuse(&self, time: Duration, apps: &mut [App]) {
        for &connection in self.pairs.values() {
            apps[connection].excuse(time);
        }
    }

    /// A pair that is over and whose bytes were all read is nobody's neighbour.
    pub(super) fn forget_if_read(&mut self, pair: PairId) {
        if !self.pairs.contains_key(&pair) && !self.waiting.contains_key(&pair) {
            self.backlog.remove(pair);
        }
    }

    /// The pair that is to be reset next for taking nothing.
    pub(super) fn stalled(&self) -> Option<Stalled> {
        let by_app = self.backlog.stalled().map(|(pair, since)| (since, pair, true));
        let by_pod = self.session.stalled().map(|(pair, since)| (since, pair, false));
        let (since, pair, by_app) = by_app.into_iter().chain(by_pod).min()?;
        Some(Stalled {
            pair,
            at: since + STALLED_READER,
            by_app,
        })
    }

    /// Resets the pairs that took nothing for too long while a neighbour waited.
    pub(super) fn cut_stalled(
        &mut self,
        now: Time,
        apps: &mut [App],
        facts: &mut [Facts],
    ) -> Result<bool, String> {
        let mut progress = false;
        while let Some(Stalled { pair, at, by_app }) = self.stalled()
            && at <= now
        {
            progress = true;
            let waiting = if by_app { self.waiting.remove(&pair) } else { None };
            let connection = self
                .pairs
                .get(&pair)
                .copied()
                .or_else(|| waiting.map(|waiting| waiting.connection))
                .ok_or_else(|| format!("{pair:?} is stalled, but it is over"))?;
            if by_app && apps[connection].reads(now) {
                return Err(format!(
                    "connection {connection} is reset for reading nothing, and it reads"
                ));
            }
            if by_app && self.paused.is_none_or(|since| now < since + STALLED_READER) {
                return Err(format!(
                    "connection {connection} is reset before it has held up anybody for long"
                ));
            }
            facts[connection].sent -= self.purge(pair);
            let end = if !by_app && self.session.is_retired() {
                End::StalledWithSession
            } else {
                End::StalledReader
            };
            self.session.reset(now, pair);
            self.collect();
            self.pairs.remove(&pair);
            self.backlog.handle_ended(pair);
            self.forget_if_read(pair);
            apps[connection].end();
            facts[connection].end = Some(end);
            facts[connection].ended = Some(now);
            self.note_reading(now, apps);
        }
        Ok(progress)
    }
}
