//! Which connections are shown, and in which order.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::{ConnectionState, ConnectionView, ForwardName, ForwardSnapshot};

/// One connection of one forward.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) forward: Arc<ForwardName>,
    pub(super) connection: ConnectionView,
}

/// What connections are ordered by.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Sort {
    /// The youngest first.
    #[default]
    Age,
    /// Those that sent most first.
    Sent,
    /// Those that received most first.
    Received,
    /// By how far they are.
    State,
}

impl Sort {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Age => Self::Sent,
            Self::Sent => Self::Received,
            Self::Received => Self::State,
            Self::State => Self::Age,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Sent => "sent",
            Self::Received => "received",
            Self::State => "state",
        }
    }

    fn compare(self, one: &Row, other: &Row) -> Ordering {
        let (this, that) = (&one.connection, &other.connection);
        let youngest = || {
            that.accepted
                .cmp(&this.accepted)
                .then(that.connection.id.cmp(&this.connection.id))
        };
        match self {
            Self::Age => youngest(),
            Self::Sent => that.sent.cmp(&this.sent).then_with(youngest),
            Self::Received => that.received.cmp(&this.received).then_with(youngest),
            Self::State => rank(this).cmp(&rank(that)).then_with(youngest),
        }
    }
}

impl Row {
    /// Whether it is the connection `id` of the forward number `forward`.
    pub(super) fn is(&self, (forward, id): (usize, u64)) -> bool {
        self.key() == (forward, id)
    }

    /// What tells it from all others.
    pub(super) fn key(&self) -> (usize, u64) {
        (self.forward.index, self.connection.connection.id)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.connection.state, ConnectionState::Ended(_))
    }

    /// Where it goes, as `pod:port`.
    pub(super) fn way(&self) -> String {
        let way = self.connection.way.as_ref();
        way.map_or_else(|| "-".to_owned(), |way| format!("{}:{}", way.pod.name, way.port))
    }

    /// How far it is, in a word.
    pub(super) fn state(&self) -> &'static str {
        match &self.connection.state {
            ConnectionState::HalfClosed => "half-closed",
            state => state.name(),
        }
    }

    /// Whether something of it has `filter`, which is in lower case, in it.
    fn has(&self, filter: &str) -> bool {
        let has = |text: &str| text.to_lowercase().contains(filter);
        has(&self.forward.to_string())
            || has(&self.connection.connection.peer.to_string())
            || has(&self.way())
            || has(self.state())
    }
}

/// The connections of all forwards that have `filter` in them, those that are over after the others, sorted by `sort`.
pub(super) fn rows(forwards: &[ForwardSnapshot], filter: &str, sort: Sort, is_reversed: bool) -> Vec<Row> {
    let filter = filter.to_lowercase();
    let mut rows: Vec<Row> = forwards
        .iter()
        .flat_map(|forward| {
            let connections = forward.connections.iter().chain(&forward.ended);
            connections.map(|connection| Row {
                forward: forward.name.clone(),
                connection: connection.clone(),
            })
        })
        .filter(|row| row.has(&filter))
        .collect();
    rows.sort_by(|one, other| {
        let order = sort.compare(one, other);
        let order = if is_reversed { order.reverse() } else { order };
        one.is_over().cmp(&other.is_over()).then(order)
    });
    rows
}

fn rank(connection: &ConnectionView) -> u8 {
    match connection.state {
        ConnectionState::Held => 0,
        ConnectionState::HalfClosed => 1,
        ConnectionState::Open => 2,
        ConnectionState::Ended(_) => 3,
    }
}
