//! Holds an end that looks clean against what is known of the pod: a killed process and a deleted pod look the same on
//! the wire as a server that closes.

use std::time::Duration;

use tokio::time;

use super::served::ServedPod;
use super::shared::Shared;
use crate::End;
use crate::carrier::Evidence;

/// How long the word about a pod is awaited that is known to be on its way out, or not well.
const FAILING: Duration = Duration::from_secs(1);
/// How long it is awaited where only the end itself is suspicious.
const SUSPICIOUS: Duration = Duration::from_millis(500);
/// Connections of one pod that end within so many milliseconds of each other may have had one cause.
const TOGETHER: u64 = 50;
/// A pod that had been sending for so long may have been cut off, rather than have given a short answer.
const FED: Duration = Duration::from_millis(100);
/// A connection that was fed until its end is held back by no more than this part of its life.
const PART: u32 = 8;

/// How an end of a connection to `pod` is to be taken that looks clean. An ordinary close is not delayed: only what is
/// suspicious waits for more to be known, and never longer than a second.
pub(super) async fn judge(shared: &Shared, pod: &ServedPod, evidence: Evidence) -> End {
    if evidence.app_ended {
        // The end is the app's own doing.
        return End::Clean { verified: false };
    }
    let end = pod.clock.now();
    let are_together = pod.note_end() < TOGETHER;
    let mut life = pod.life.subscribe();
    let (patience, sights) = {
        let life = life.borrow_and_update();
        if let Some(text) = life.against(end) {
            return End::PodDied(text.clone());
        }
        (patience(life.is_failing, are_together, evidence), life.sights)
    };
    if patience.is_zero() {
        return End::Clean { verified: false };
    }
    shared.look.notify_one();
    let known =
        life.wait_for(|life| life.against(end).is_some() || (life.sights > sights && !life.is_failing));
    match time::timeout(patience, known).await {
        Ok(Ok(life)) => match life.against(end) {
            Some(text) => End::PodDied(text.clone()),
            None => End::Clean { verified: true },
        },
        _ => End::Clean { verified: false },
    }
}

/// How long to wait for what is known of the pod.
fn patience(is_failing: bool, are_together: bool, evidence: Evidence) -> Duration {
    // Many that were answered and closed at once are a server's ordinary day, not a pod's death.
    let were_fed_together = are_together && evidence.fed_for >= FED;
    if is_failing {
        FAILING
    } else if were_fed_together || evidence.answer_owed {
        SUSPICIOUS
    } else {
        // Behind a long download, nobody notices so little.
        (evidence.fed_for / PART).min(SUSPICIOUS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINARY: Evidence = Evidence {
        answer_owed: false,
        app_ended: false,
        fed_for: Duration::ZERO,
    };

    #[test]
    fn an_ordinary_close_waits_for_nothing() {
        assert_eq!(patience(false, false, ORDINARY), Duration::ZERO);
        assert_eq!(patience(false, true, ORDINARY), Duration::ZERO);
        let answered = Evidence {
            fed_for: Duration::from_millis(8),
            ..ORDINARY
        };
        assert_eq!(patience(false, false, answered), Duration::from_millis(1));
        assert_eq!(patience(false, true, answered), Duration::from_millis(1));
    }

    #[test]
    fn what_is_suspicious_waits_and_not_for_long() {
        assert_eq!(patience(true, false, ORDINARY), FAILING);
        let fed = Evidence {
            fed_for: FED,
            ..ORDINARY
        };
        assert_eq!(patience(false, true, fed), SUSPICIOUS);
        let unanswered = Evidence {
            answer_owed: true,
            ..ORDINARY
        };
        assert_eq!(patience(false, false, unanswered), SUSPICIOUS);
        let download = Evidence {
            fed_for: Duration::from_secs(600),
            ..ORDINARY
        };
        assert_eq!(patience(false, false, download), SUSPICIOUS);
    }
}
