//! A connection's far end: a small program in a pod, behind a socket buffer.

use std::time::Duration;

use bytes::Bytes;
use podline_minicluster::node::runtime::{COPY_BUFFER, PodEnd, PodError};
use podline_wire::Time;

use crate::{
    facts::{DialKind, Facts},
    pattern,
};

/// What a pod does with a connection.
#[derive(Clone, Debug)]
pub(crate) struct PodPlan {
    /// How long a dial takes, and what comes of it.
    pub(crate) dial: (Duration, Result<(), DialKind>),
    /// Bytes that its socket holds unread.
    pub(crate) buffer: usize,
    pub(crate) reads: Reads,
    pub(crate) writes: Writes,
    pub(crate) end: PodEndPlan,
}

/// How a pod reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    All,
    /// Stops after so many bytes, and goes on so long after the dial.
    Stops {
        after: u64,
        resumes: Duration,
    },
}

/// What a pod sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    /// What it reads.
    Echo,
    /// So many bytes of its own, unasked.
    Source(u64),
}

/// When a pod ends the connection, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PodEndPlan {
    pub(crate) when: PodEndWhen,
    pub(crate) how: PodEndHow,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum PodEndWhen {
    /// So long after the dial.
    After(Duration),
    /// Once it has sent all that it has to send.
    AllSent,
    /// Only at the simulation's own end.
    Never,
    /// Once it has read so many bytes.
    Received(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PodEndHow {
    Close,
    HalfClose,
    Reset,
}

/// What a pod tells the runtime.
#[derive(Debug)]
pub(crate) enum Told {
    Bytes(Bytes),
    Dialed,
    DialFailed(DialKind),
    End(PodEnd),
    /// It goes on.
    Nothing,
    Written(Result<(), PodError>),
}

/// One connection into a pod.
#[derive(Debug)]
pub(crate) struct Pod {
    plan: PodPlan,
    connection: usize,
    dial_due: Option<Time>,
    dialed: Time,
    connected: bool,
    /// What the runtime is writing.
    writing: Option<Bytes>,
    reading: bool,
    /// Bytes accepted, read by the program, and given to the runtime.
    accepted: u64,
    consumed: u64,
    produced: u64,
    ended: Option<PodEndHow>,
    /// Something was written to a closed socket: its peer knows by now.
    broken: bool,
    /// Everything is let go: reads all, ends.
    released: bool,
    /// The last time that it had its turn.
    stepped: Time,
}

impl Pod {
    pub(crate) fn new(connection: usize, plan: &PodPlan, now: Time) -> Self {
        Self {
            dial_due: Some(now + plan.dial.0),
            plan: plan.clone(),
            connection,
            dialed: now,
            connected: false,
            writing: None,
            reading: false,
            accepted: 0,
            consumed: 0,
            produced: 0,
            ended: None,
            broken: false,
            released: false,
            stepped: now,
        }
    }

    pub(crate) fn connection(&self) -> usize {
        self.connection
    }

    pub(crate) fn read(&mut self) {
        self.reading = true;
    }

    pub(crate) fn write(&mut self, bytes: Bytes) {
        self.writing = Some(bytes);
    }

    /// Lets the pod read everything and end.
    pub(crate) fn release(&mut self) {
        self.released = true;
    }

    /// The program ends, and its socket with it.
    pub(crate) fn kill(&mut self, now: Time, how: PodEndHow, facts: &mut Facts) {
        if self.connected {
            facts.killed = Some(now);
            if !matches!(self.ended, Some(PodEndHow::Close | PodEndHow::Reset)) {
                self.ended = Some(how);
                facts.pod_ended = true;
            }
        }
    }

    /// When something happens by itself.
    pub(crate) fn next(&self) -> Option<Time> {
        if self.dial_due.is_some() {
            return self.dial_due;
        }
        if !self.connected || self.released {
            return None;
        }
        let resumes = match self.plan.reads {
            Reads::Stops { resumes, .. } => Some(self.dialed + resumes),
            Reads::All => None,
        };
        let ends = match self.plan.end.when {
            PodEndWhen::After(time) if self.ended.is_none() => Some(self.dialed + time),
            _ => None,
        };
        resumes
            .into_iter()
            .chain(ends)
            .filter(|at| *at > self.stepped)
            .min()
    }

    /// Does one thing; gives what the runtime has to know of it.
    pub(crate) fn step(&mut self, now: Time, facts: &mut Facts) -> Result<Option<Told>, String> {
        self.stepped = now;
        if let Some(due) = self.dial_due {
            if due > now && !self.released {
                return Ok(None);
            }
            self.dial_due = None;
            self.dialed = now;
            return Ok(Some(match self.plan.dial.1 {
                Ok(()) => {
                    self.connected = true;
                    facts.dialed = Some(now);
                    Told::Dialed
                }
                Err(kind) => {
                    facts.dial_failed = Some(kind);
                    Told::DialFailed(kind)
                }
            }));
        }
        if !self.connected {
            return Ok(None);
        }
        self.consume(now);
        self.end_if_due(now, facts);
        if let Some(told) = self.take_write(facts)? {
            return Ok(Some(told));
        }
        Ok(self.give_read(facts))
    }

    fn consume(&mut self, now: Time) {
        if matches!(self.ended, Some(PodEndHow::Close | PodEndHow::Reset)) {
            return;
        }
        let may = match self.plan.reads {
            Reads::Stops { after, resumes } if !self.released && now < self.dialed + resumes => after,
            Reads::All | Reads::Stops { .. } => u64::MAX,
        };
        let mut until = self.accepted.min(may);
        if self.plan.writes == Writes::Echo && self.ended.is_none() {
            // An echo server that cannot write does not read.
            until = until.min(self.produced + self.plan.buffer as u64);
        }
        self.consumed = self.consumed.max(until);
    }

    fn end_if_due(&mut self, now: Time, facts: &mut Facts) {
        if self.ended.is_some() {
            return;
        }
        let due = match self.plan.end.when {
            PodEndWhen::After(time) => self.dialed + time <= now,
            PodEndWhen::AllSent => match self.plan.writes {
                Writes::Source(total) => self.produced == total,
                Writes::Echo => false,
            },
            PodEndWhen::Never => false,
            PodEndWhen::Received(bytes) => self.consumed >= bytes,
        };
        if due || self.released {
            self.ended = Some(if due { self.plan.end.how } else { PodEndHow::Close });
            facts.pod_ended = true;
        }
    }

    /// The socket takes what the runtime writes, as far as there is room.
    fn take_write(&mut self, facts: &mut Facts) -> Result<Option<Told>, String> {
        let Some(bytes) = &mut self.writing else {
            return Ok(None);
        };
        match self.ended {
            Some(PodEndHow::Reset) => {
                self.writing = None;
                facts.pod_failed = true;
                return Ok(Some(Told::Written(Err(PodError::Reset))));
            }
            Some(PodEndHow::Close) => {
                self.writing = None;
                // The first write to a closed socket succeeds; its answer is a reset.
                if std::mem::replace(&mut self.broken, true) {
                    facts.pod_failed = true;
                    return Ok(Some(Told::Written(Err(PodError::BrokenPipe))));
                }
                return Ok(Some(Told::Written(Ok(()))));
            }
            Some(PodEndHow::HalfClose) | None => {}
        }
        let held = (self.accepted - self.consumed) as usize;
        let taken = bytes.split_to(bytes.len().min(self.plan.buffer.saturating_sub(held)));
        if let Err(place) = pattern::check(pattern::upstream(self.connection), self.accepted, &taken) {
            return Err(format!(
                "the pod got a wrong byte at {place} of what the app sent"
            ));
        }
        self.accepted += taken.len() as u64;
        facts.accepted = self.accepted;
        if bytes.is_empty() {
            self.writing = None;
            return Ok(Some(Told::Written(Ok(()))));
        }
        Ok((!taken.is_empty()).then_some(Told::Nothing))
    }

    /// Gives the runtime what there is to read.
    fn give_read(&mut self, facts: &mut Facts) -> Option<Told> {
        if !self.reading {
            return None;
        }
        let told = if self.ended == Some(PodEndHow::Reset) || self.broken {
            facts.pod_failed = true;
            Told::End(PodEnd::Failed(PodError::Reset))
        } else {
            let (key, until) = match self.plan.writes {
                Writes::Echo => (pattern::upstream(self.connection), self.consumed),
                Writes::Source(total) => (pattern::downstream(self.connection), total),
            };
            let until = if self.released && self.plan.writes != Writes::Echo {
                self.produced
            } else {
                until
            };
            let length = until.saturating_sub(self.produced).min(COPY_BUFFER as u64) as usize;
            if length > 0 {
                let bytes = pattern::bytes(key, self.produced, length);
                self.produced += length as u64;
                facts.produced = self.produced;
                Told::Bytes(bytes.into())
            } else if self.ended.is_some() {
                facts.pod_finished = true;
                Told::End(PodEnd::Fin)
            } else {
                return None;
            }
        };
        self.reading = false;
        Some(told)
    }
}
