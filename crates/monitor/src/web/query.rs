use std::cmp::Ordering;

use serde::Deserialize;

use super::view::{ConnectionRow, Window};
use super::{Refusal, Speed, Speeds};
use crate::{ConnectionState, ConnectionView, ForwardSnapshot};

/// Most rows that are told at a time.
const ROWS: usize = 200;

/// Longest filter, in bytes.
const FILTER: usize = 200;

/// What a page wants to see.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Query {
    /// The number of the one forward to show, if it is not all.
    pub(super) forward: Option<usize>,
    /// Words that a connection has to have, all of them.
    pub(super) filter: String,
    /// Which connections.
    pub(super) show: Show,
    pub(super) sort: Sort,
    pub(super) descending: bool,
    /// How many rows to leave out before the first.
    pub(super) skip: usize,
    /// How many rows, [`ROWS`] at most.
    pub(super) rows: usize,
    /// The connection to show in detail.
    pub(super) watched: Option<Watched>,
    /// The number of the last event or request that is known already.
    pub(super) since: u64,
}

/// Which connections are shown.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Show {
    #[default]
    All,
    Ended,
    Open,
}

/// What connections are sorted by.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sort {
    #[default]
    Accepted,
    Age,
    FirstByte,
    Forward,
    Peer,
    Pod,
    Received,
    Sent,
    Speed,
    State,
}

/// The name of a connection.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Watched {
    pub(super) forward: usize,
    pub(super) id: u64,
}

/// A connection that may be shown.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    forward: &'a ForwardSnapshot,
    view: &'a ConnectionView,
    speed: Speed,
}

impl Query {
    /// Reads what a page has sent.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let query: Self = serde_json::from_slice(body).map_err(|_| Refusal::BadRequest)?;
        if query.filter.len() > FILTER {
            return Err(Refusal::BadRequest);
        }
        Ok(query)
    }

    /// Those of the forwards that it is about.
    pub(super) fn forwards<'a>(
        &self,
        forwards: &'a [ForwardSnapshot],
    ) -> impl Iterator<Item = &'a ForwardSnapshot> {
        let wanted = self.forward;
        forwards
            .iter()
            .filter(move |forward| wanted.is_none_or(|wanted| forward.name.index == wanted))
    }

    /// The connections that are in sight.
    pub(super) fn window(&self, forwards: &[ForwardSnapshot], speeds: &Speeds) -> Window {
        let words: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        let mut candidates: Vec<Candidate<'_>> = self
            .forwards(forwards)
            .flat_map(|forward| {
                let open = forward.connections.iter().filter(|_| self.show != Show::Ended);
                let ended = forward.ended.iter().filter(|_| self.show != Show::Open);
                open.chain(ended).map(move |view| Candidate {
                    forward,
                    view,
                    speed: speeds.of(forward.name.index, view.connection.id),
                })
            })
            .filter(|candidate| candidate.has(&words))
            .collect();
        candidates.sort_unstable_by(|one, other| {
            let order = one.compare(other, self.sort);
            if self.descending { order.reverse() } else { order }
        });
        let matching = candidates.len();
        let rows = self.rows.min(ROWS);
        // Where fewer are left than were left out, the last ones are shown.
        let skipped = self.skip.min(matching.saturating_sub(rows));
        Window {
            open: forwards.iter().map(|forward| forward.connections.len()).sum(),
            matching,
            skipped,
            rows: candidates[skipped..]
                .iter()
                .take(rows)
                .map(Candidate::row)
                .collect(),
        }
    }

    /// The connection that is shown in detail, if it is still known.
    pub(super) fn watched(&self, forwards: &[ForwardSnapshot], speeds: &Speeds) -> Option<ConnectionRow> {
        let Watched { forward: index, id } = self.watched?;
        let forward = forwards.iter().find(|forward| forward.name.index == index)?;
        let view = forward
            .connections
            .iter()
            .chain(&forward.ended)
            .find(|view| view.connection.id == id)?;
        Some(ConnectionRow::new(index, view, speeds.of(index, id)))
    }
}

impl<'a> Candidate<'a> {
    fn has(&self, words: &[String]) -> bool {
        if words.is_empty() {
            return true;
        }
        let Self { forward, view, .. } = self;
        let pod = view.way.as_ref().map_or("", |way| &way.pod.name);
        let text = format!(
            "#{} {} {} {pod} {} {}",
            view.connection.id,
            forward.name,
            view.connection.peer,
            view.connection.local,
            view.state.name()
        )
        .to_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    }

    /// The order by a column, and within it by acceptance: no two are equal, so rows do not jump about.
    fn compare(&self, other: &Self, sort: Sort) -> Ordering {
        let (one, two) = (self.view, other.view);
        let pod = |view: &'a ConnectionView| view.way.as_ref().map(|way| way.pod.name.as_str());
        let order = match sort {
            Sort::Accepted => Ordering::Equal,
            Sort::Age => one.age.cmp(&two.age),
            Sort::FirstByte => one.first_byte.cmp(&two.first_byte),
            Sort::Forward => self.forward.name.index.cmp(&other.forward.name.index),
            Sort::Peer => one.connection.peer.cmp(&two.connection.peer),
            Sort::Pod => pod(one).cmp(&pod(two)),
            Sort::Received => one.received.cmp(&two.received),
            Sort::Sent => one.sent.cmp(&two.sent),
            Sort::Speed => self.speed.sum().cmp(&other.speed.sum()),
            Sort::State => rank(&one.state).cmp(&rank(&two.state)),
        };
        order
            .then_with(|| one.accepted.cmp(&two.accepted))
            .then_with(|| self.forward.name.index.cmp(&other.forward.name.index))
            .then_with(|| one.connection.id.cmp(&two.connection.id))
    }

    fn row(&self) -> ConnectionRow {
        ConnectionRow::new(self.forward.name.index, self.view, self.speed)
    }
}

/// The open ones first, those that are over by how they ended.
fn rank(of: &ConnectionState) -> (u8, &'static str) {
    let rank = match of {
        ConnectionState::Held => 0,
        ConnectionState::Open => 1,
        ConnectionState::HalfClosed => 2,
        ConnectionState::Ended(_) => 3,
    };
    (rank, of.name())
}

#[cfg(test)]
mod tests;
