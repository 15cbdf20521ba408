//! Holds an end that looks clean against what is known of the pod: a killed process and a deleted pod look the same on
//! the wire as a server that closes.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time;

use super::served::ServedPod;
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
/// `look` asks for a look at the pods; what is known of them may be old if the `are_eyes_shut`.
pub(super) async fn judge(look: &Notify, are_eyes_shut: bool, pod: &ServedPod, evidence: Evidence) -> End {
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
    // A watch would have told of a death by now; without one a look has to.
    let patience = if are_eyes_shut {
        patience.max(SUSPICIOUS)
    } else {
        patience
    };
    if patience.is_zero() {
        return End::Clean { verified: false };
    }
    look.notify_one();
    let known =
        life.wait_for(|life| life.against(end).is_some() || (life.sights > sights && !life.is_failing));
    match time::timeout(patience, known).await {
        Ok(Ok(life)) => match life.against(end) {
            Some(text) => End::PodDied(text.clone()),
            None => End::Clean { verified: true },
        },
        // Of a pod that was on its way out and has left, that is most likely, and its end may be all that is amiss here.
        _ => match pod.life.borrow().probably_against() {
            Some(text) => End::PodDied(text.clone()),
            None => End::Clean { verified: false },
        },
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
    use tokio::time::{Instant, sleep};

    use super::super::json::{deleting, ended, pod, running, served};
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

    const SUSPECT: Evidence = Evidence {
        answer_owed: true,
        ..ORDINARY
    };

    /// The verdict on an end, how long it took, and whether a look was asked for, while something becomes known after a
    /// quarter of a second.
    async fn verdict(
        pod: &ServedPod,
        evidence: Evidence,
        becomes_known: impl FnOnce(&ServedPod),
    ) -> (End, Duration, bool) {
        verdict_with(false, pod, evidence, becomes_known).await
    }

    async fn verdict_with(
        are_eyes_shut: bool,
        pod: &ServedPod,
        evidence: Evidence,
        becomes_known: impl FnOnce(&ServedPod),
    ) -> (End, Duration, bool) {
        let look = Notify::new();
        let begun = Instant::now();
        let judge = async {
            let end = judge(&look, are_eyes_shut, pod, evidence).await;
            (end, begun.elapsed())
        };
        let learn = async {
            sleep(SUSPICIOUS / 2).await;
            becomes_known(pod);
        };
        let ((end, took), ()) = tokio::join!(judge, learn);
        let was_looked_for = time::timeout(Duration::ZERO, look.notified()).await.is_ok();
        (end, took, was_looked_for)
    }

    fn sight(json: &serde_json::Value) -> impl FnOnce(&ServedPod) {
        let seen = pod(json);
        move |pod| {
            pod.handle_sight(&seen);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_ordinary_end_of_a_pod_that_is_well_is_passed_on_at_once() {
        let web = served(&running("web"));
        let (end, took, looked) = verdict(&web, ORDINARY, sight(&ended("web", 137))).await;
        assert!(matches!(end, End::Clean { verified: false }), "{end:?}");
        assert_eq!((took, looked), (Duration::ZERO, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_was_killed_is_no_clean_end() {
        // It is known already, and nothing has to be waited for.
        let web = served(&running("web"));
        web.handle_sight(&pod(&ended("web", 137)));
        let (end, took, _) = verdict(&web, ORDINARY, |_| ()).await;
        assert!(matches!(end, End::PodDied(_)) && took.is_zero(), "{end:?}");
        // It becomes known while something suspicious waits.
        let web = served(&running("web"));
        let (end, took, looked) = verdict(&web, SUSPECT, sight(&ended("web", 137))).await;
        let End::PodDied(text) = end else {
            panic!("{end:?}")
        };
        assert!(text.to_string().ends_with("was ended by signal 9"), "{text}");
        assert!(took == SUSPICIOUS / 2 && looked);
    }

    #[tokio::test(start_paused = true)]
    async fn where_nobody_would_tell_of_a_death_every_end_waits_for_a_look() {
        let web = served(&running("web"));
        let (end, _, looked) = verdict_with(true, &web, ORDINARY, sight(&ended("web", 137))).await;
        assert!(matches!(end, End::PodDied(_)) && looked, "{end:?}");
        let web = served(&running("web"));
        let (end, took, _) = verdict_with(true, &web, ORDINARY, |_| ()).await;
        assert!(matches!(end, End::Clean { verified: false }), "{end:?}");
        assert_eq!(took, SUSPICIOUS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_ended_well_is_a_clean_end() {
        let web = served(&running("web"));
        let mut done = ended("web", 0);
        done["status"]["phase"] = "Succeeded".into();
        let (end, ..) = verdict(&web, SUSPECT, sight(&done)).await;
        assert!(matches!(end, End::Clean { .. }), "{end:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_goes_takes_its_connections_with_it() {
        let web = served(&deleting("web"));
        let (end, took, _) = verdict(&web, ORDINARY, |web| assert!(web.handle_gone())).await;
        assert!(matches!(end, End::PodDied(_)), "{end:?}");
        assert!(took < FAILING);
        // One that is failing and stays so is waited for, and not for ever.
        let web = served(&deleting("web"));
        let (end, took, _) = verdict(&web, ORDINARY, sight(&deleting("web"))).await;
        assert!(matches!(end, End::Clean { verified: false }), "{end:?}");
        assert_eq!(took, FAILING);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_was_on_its_way_out_and_left_is_taken_for_gone_where_nobody_says() {
        let web = served(&deleting("web"));
        let (end, took, _) = verdict(&web, ORDINARY, ServedPod::handle_left).await;
        assert!(matches!(end, End::PodDied(_)) && took == FAILING, "{end:?}");
        // It may have lost a label only.
        let web = served(&deleting("web"));
        web.handle_left();
        let (end, ..) = verdict(&web, ORDINARY, ServedPod::handle_stayed).await;
        assert!(matches!(end, End::Clean { verified: false }), "{end:?}");
        let web = served(&running("web"));
        let (end, ..) = verdict(&web, SUSPECT, ServedPod::handle_left).await;
        assert!(matches!(end, End::Clean { verified: false }), "{end:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_suspicious_is_verified_by_a_look_that_finds_the_pod_well() {
        let web = served(&running("web"));
        let (end, took, looked) = verdict(&web, SUSPECT, sight(&running("web"))).await;
        assert!(matches!(end, End::Clean { verified: true }), "{end:?}");
        assert!(took < SUSPICIOUS && looked);
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_of_the_apps_own_is_held_against_nobody() {
        let web = served(&running("web"));
        web.handle_sight(&pod(&ended("web", 137)));
        let own = Evidence {
            app_ended: true,
            ..SUSPECT
        };
        let (end, took, _) = verdict(&web, own, |_| ()).await;
        assert!(end.is_clean() && took.is_zero(), "{end:?}");
    }
}
