//! What was disturbed when, and what came of the connections: whether a reset had a reason.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How many faults are named beside a problem.
const LAST: usize = 6;

/// What a connection leads to, and a fault concerns.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Place {
    /// The deployment `echo`.
    Echo,
    /// The pod `tools`.
    Tools,
    /// The service `web`.
    Web,
}

impl Place {
    pub(crate) const ALL: [Self; 3] = [Self::Echo, Self::Tools, Self::Web];
}

/// How a connection ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It was reset or lost, and all that it had carried was right.
    Cut,
    /// It ended in order, before its time.
    Early(String),
    /// Everything came, in order, with the right end.
    Served,
    /// Something is wrong, whatever was disturbed.
    Wrong(String),
}

/// All that is counted.
#[derive(Default)]
pub(crate) struct Ledger {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    disturbances: Vec<Disturbance>,
    /// By kind of visitor: how many were served undisturbed, served in spite of a disturbance, and cut by one.
    visitors: BTreeMap<&'static str, [u64; 3]>,
    /// Connections that ended in order before their time, when nobody could have told podline of their pod's end.
    early: u64,
    /// Until then what becomes of pods may not be told.
    blind_until: Option<Instant>,
    /// How often each fault was there.
    faults: BTreeMap<&'static str, u64>,
    bytes: u64,
    problems: Vec<String>,
}

/// A time in which connections to some places may be cut.
struct Disturbance {
    fault: &'static str,
    places: &'static [Place],
    began: Instant,
    /// None while it lasts.
    over: Option<Instant>,
}

/// Names a disturbance that lasts.
#[derive(Clone, Copy)]
pub(crate) struct Mark(usize);

impl Ledger {
    /// A fault begins; connections to `places` may be cut from now on.
    pub(crate) fn begin(&self, fault: &'static str, places: &'static [Place]) -> Mark {
        let mut inner = self.inner();
        *inner.faults.entry(fault).or_default() += 1;
        inner.disturbances.push(Disturbance {
            fault,
            places,
            began: Instant::now(),
            over: None,
        });
        Mark(inner.disturbances.len() - 1)
    }

    /// The fault is over; what it did is noticed by the end of `echo` at the latest.
    pub(crate) fn end(&self, Mark(index): Mark, echo: Duration) {
        self.inner().disturbances[index].over = Some(Instant::now() + echo);
    }

    /// What becomes of pods may not be told from now on, for so long.
    pub(crate) fn blind(&self, time: Duration) {
        let mut inner = self.inner();
        inner.blind_until = inner.blind_until.max(Some(Instant::now() + time));
    }

    /// A connection ended.
    pub(crate) fn take(
        &self,
        kind: &'static str,
        place: Place,
        began: Instant,
        bytes: u64,
        verdict: Verdict,
    ) {
        let mut inner = self.inner();
        let ended = Instant::now();
        let excuse = inner.disturbances.iter().rev().find(|disturbance| {
            let touches = disturbance.began <= ended && disturbance.over.is_none_or(|over| began <= over);
            touches && disturbance.places.contains(&place)
        });
        let excuse = excuse.map(|disturbance| disturbance.fault);
        inner.bytes += bytes;
        // A killed process looks on the wire as one that closes, and only the API server knows better.
        let is_blind = inner.blind_until.is_some_and(|until| ended <= until);
        inner.early += u64::from(is_blind && excuse.is_some() && matches!(verdict, Verdict::Early(_)));
        let column = match (&verdict, excuse) {
            (Verdict::Early(_), Some(_)) if is_blind => Some(2),
            (Verdict::Served, None) => Some(0),
            (Verdict::Served, Some(_)) => Some(1),
            (Verdict::Cut, Some(_)) => Some(2),
            (Verdict::Cut, None) | (Verdict::Early(_) | Verdict::Wrong(_), _) => None,
        };
        let Some(column) = column else {
            let last = inner.disturbances.iter().rev().take(LAST);
            let last: Vec<String> = last
                .map(|fault| format!("{} {:.1} s ago", fault.fault, fault.began.elapsed().as_secs_f64()))
                .collect();
            let what = match verdict {
                Verdict::Early(what) | Verdict::Wrong(what) => what,
                Verdict::Cut | Verdict::Served => "it was cut and nothing had disturbed it".to_owned(),
            };
            let lived = ended - began;
            let excuse = excuse.unwrap_or("none");
            let problem = format!(
                "{kind} to {place:?} after {:.1} s: {what} (disturbed by: {excuse}; the last faults: {})",
                lived.as_secs_f64(),
                last.join(", ")
            );
            println!("  PROBLEM: {problem}");
            inner.problems.push(problem);
            return;
        };
        inner.visitors.entry(kind).or_default()[column] += 1;
    }

    /// Something is wrong that is no connection's.
    pub(crate) fn complain(&self, problem: String) {
        println!("  PROBLEM: {problem}");
        self.inner().problems.push(problem);
    }

    /// Connections that ended as they should, and bytes, so far.
    pub(crate) fn progress(&self) -> (u64, u64, u64) {
        let inner = self.inner();
        let connections = inner.visitors.values().flatten().sum();
        (connections, inner.bytes, inner.faults.values().sum())
    }

    /// Everything, in words.
    pub(crate) fn report(&self) -> String {
        let inner = self.inner();
        let mut text = String::from("  survived:\n");
        for (fault, number) in &inner.faults {
            text += &format!("    {number:>5} x {fault}\n");
        }
        text += "  connections:                  undisturbed   served in spite   cut by a fault\n";
        let mut sums = [0; 3];
        for (kind, columns) in &inner.visitors {
            let [calm, spite, cut] = columns;
            text += &format!("    {kind:<24} {calm:>12} {spite:>17} {cut:>16}\n");
            sums.iter_mut()
                .zip(columns)
                .for_each(|(sum, column)| *sum += column);
        }
        let [calm, spite, cut] = sums;
        text += &format!("    {:<24} {calm:>12} {spite:>17} {cut:>16}\n", "all");
        text += &format!(
            "  {} of those that were cut ended in order, for nobody could tell of their pods then\n",
            inner.early
        );
        text += &format!(
            "  {:.1} MiB carried, each byte compared\n",
            inner.bytes as f64 / 1048576.0
        );
        text
    }

    /// What was wrong.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.inner().problems.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
