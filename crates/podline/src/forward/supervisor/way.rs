//! The way to the pods when it is lost: tried until there is one again.

use std::sync::Arc;
use std::time::Duration;

use podline_cluster::ConnectError;
use podline_tunnel::SessionError;
use podline_wire::Untrusted;

use super::super::backoff::Backoff;
use super::super::choice::Health;
use super::super::served::ServedPod;
use super::{Supervisor, errand};
use crate::reason::reason;

/// How often a way is tried that somebody has to do something about: a right is missing, a login.
const REFUSED_PAUSE: Duration = Duration::from_secs(15);

/// The way to all pods is lost; one after the other is tried.
pub(super) struct LostWay {
    pub(super) backoff: Backoff,
    pub(super) attempt: usize,
    pub(super) probed: Arc<ServedPod>,
    pub(super) reason: Untrusted,
    /// It was tried again in vain.
    pub(super) is_lasting: bool,
}

impl Supervisor {
    /// Nothing can be reached.
    pub(super) fn lose_way(&mut self, pod: &Arc<ServedPod>, reason: Untrusted) {
        tracing::debug!(%reason, "connections are held");
        self.lost_way = Some(LostWay {
            backoff: Backoff::new(),
            attempt: 0,
            probed: pod.clone(),
            reason: reason.clone(),
            is_lasting: false,
        });
        self.lose(&reason);
        self.try_way(Duration::ZERO);
        self.publish();
    }

    /// Tries the way to one of the pods after `pause`.
    fn try_way(&mut self, pause: Duration) {
        let Some(way) = &mut self.lost_way else { return };
        let Some(turn) = way.attempt.checked_rem(self.routes.len()) else {
            // Without a pod there is no way; the next one is tried when it is there.
            self.lost_way = None;
            return;
        };
        let route = &self.routes[turn];
        way.attempt += 1;
        way.probed = route.pod.clone();
        let (pod, sessions) = (route.pod.clone(), route.sessions.clone());
        self.errands
            .spawn(errand::probe(self.shared.clone(), pod, sessions, pause));
    }

    /// Tries after a while whether connections can go to `pod` again.
    pub(super) fn probe(&mut self, pod: &Arc<ServedPod>) {
        let is_holding = self.shared.is_holding();
        let Some(entry) = self.roster.entry(pod) else {
            return;
        };
        entry.renew();
        let pause = entry.backoff.pause(is_holding, fastrand::u64(..));
        let sessions = entry.sessions.clone();
        self.errands
            .spawn(errand::probe(self.shared.clone(), pod.clone(), sessions, pause));
    }

    pub(super) fn handle_probed(&mut self, pod: &Arc<ServedPod>, result: Result<(), SessionError>) {
        let is_holding = self.shared.is_holding();
        if let Some(way) = self.lost_way.as_mut().filter(|way| Arc::ptr_eq(&way.probed, pod)) {
            match result {
                Err(error) if is_of_the_way(&error) => {
                    way.reason = reason(&error);
                    way.is_lasting = true;
                    let pause = if needs_somebody(&error) {
                        REFUSED_PAUSE
                    } else {
                        way.backoff.pause(is_holding, fastrand::u64(..))
                    };
                    self.try_way(pause);
                }
                Err(error) => {
                    // The server answers, so there is a way again.
                    self.lost_way = None;
                    self.handle_no_session(pod, &error);
                }
                Ok(()) => self.lost_way = None,
            }
            return self.publish();
        }
        let is_leaving = self.roster.is_leaving(pod);
        let Some(entry) = self
            .roster
            .entry(pod)
            .filter(|entry| entry.health != Health::Fine)
        else {
            return;
        };
        match result {
            Ok(()) => {
                entry.handle_way();
                self.publish();
            }
            Err(error) if error.is_pod_gone() && entry.health != Health::Gone => {
                self.handle_trouble(pod, Health::Gone, reason(&error));
            }
            Err(error) => {
                entry.reason = Some(reason(&error));
                if !(entry.health == Health::Gone && is_leaving) {
                    self.probe(pod);
                }
            }
        }
    }
}

/// Whether no other pod could be reached either.
pub(super) fn is_of_the_way(error: &SessionError) -> bool {
    match error {
        SessionError::Refused { status, .. } => {
            let status = status.as_u16();
            status == 429 || is_refusal_of_user(status)
        }
        SessionError::Fault(_) | SessionError::ShutDown => false,
        _ => true,
    }
}

/// Whether it stays so until somebody does something about it.
fn needs_somebody(error: &SessionError) -> bool {
    match error {
        SessionError::Refused { status, .. } => is_refusal_of_user(status.as_u16()),
        error => ConnectError::behind(error).is_some_and(ConnectError::needs_login),
    }
}

fn is_refusal_of_user(status: u16) -> bool {
    matches!(status, 401 | 403)
}
