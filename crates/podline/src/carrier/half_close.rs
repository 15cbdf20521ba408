use std::time::Duration;

use podline_wire::Time;

use super::Evidence;

/// A pod that was the last to send has said all it had to say when it is silent for so long.
const ANSWERED: Duration = Duration::from_millis(250);
/// A pod that sends now and then, and did so this recently, is not done.
const STREAMING: Duration = Duration::from_secs(1);
/// The runtime ends a pair so long after our end of it, whatever the pod still has to send (containerd and CRI-O: the
/// copy that is left gets one second), less what clocks and rounding may take of it.
const RUNTIME_TAIL: Duration = Duration::from_millis(950);
/// A pod whose last bytes came within this before the end sent until it ended: the runtime's second, and the way here.
const FED_UNTIL: Duration = Duration::from_millis(1500);

/// When the end of an app's bytes is passed on to the pod, and whether the pod was cut short by that.
///
/// The runtime answers our end of a connection by ending all of it one second later, and never tells the pod. So an
/// app that half-closes and then waits for its answer would not get it if its end were passed on at once:
///
/// | the last byte was | our end goes |
/// |---|---|
/// | nobody's, or the app's: an answer may be owed | when the pod was silent for the linger |
/// | the pod's | when it was silent for 250 ms: that was the answer |
/// | the pod's, which paused before and goes on, the last time less than a second ago | when it was silent for the linger |
///
/// An app that has closed its socket waits for nothing: then it goes at once, and so it does with a linger of zero.
#[derive(Debug)]
pub(crate) struct HalfClose {
    linger: Duration,
    last: Option<(Direction, Time)>,
    /// When the pod began to send what it sends now: since the app's last byte.
    fed_since: Option<Time>,
    /// Since the app's last byte the pod was silent for [`ANSWERED`] and then went on.
    pauses: bool,
    app: App,
    passed_on: Option<Time>,
}

/// When to pass the app's end on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PassOn {
    /// Not before this, if nothing more comes until then.
    At(Time),
    /// There is nothing to pass on, or no more.
    Never,
    /// Now.
    Now,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum App {
    Sends,
    Finished(Time),
    Closed,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Direction {
    Down,
    Up,
}

impl HalfClose {
    pub(crate) fn new(linger: Duration) -> Self {
        Self {
            linger,
            last: None,
            fed_since: None,
            pauses: false,
            app: App::Sends,
            passed_on: None,
        }
    }

    /// Bytes of the app were sent.
    pub(crate) fn handle_sent(&mut self, now: Time) {
        self.last = Some((Direction::Up, now));
        self.fed_since = None;
        self.pauses = false;
    }

    /// Bytes of the pod came, or the app took some that it had let wait.
    pub(crate) fn handle_received(&mut self, now: Time) {
        if let Some((Direction::Down, before)) = self.last {
            self.pauses |= now.saturating_since(before) >= ANSWERED;
        }
        self.last = Some((Direction::Down, now));
        self.fed_since.get_or_insert(now);
    }

    /// The app sends no more.
    pub(crate) fn handle_finished(&mut self, now: Time) {
        if let Some((Direction::Down, at)) = self.last {
            self.pauses &= now.saturating_since(at) < STREAMING;
        }
        self.app = App::Finished(now);
    }

    /// The app takes no more either.
    pub(crate) fn handle_closed(&mut self) {
        self.app = App::Closed;
    }

    /// The connection begins anew with another pod, which knows nothing of the app's end.
    pub(crate) fn handle_begun_anew(&mut self) {
        self.passed_on = None;
    }

    /// Whether the app sends no more.
    pub(crate) fn is_finished(&self) -> bool {
        self.app != App::Sends
    }

    /// Whether the app is known to take no more.
    pub(crate) fn is_closed(&self) -> bool {
        self.app == App::Closed
    }

    /// When the end is to be passed on. After `Now` it was.
    pub(crate) fn poll_pass_on(&mut self, now: Time) -> PassOn {
        let at = match self.app {
            _ if self.passed_on.is_some() => return PassOn::Never,
            App::Sends => return PassOn::Never,
            App::Closed => now,
            App::Finished(_) if self.linger.is_zero() => now,
            App::Finished(finished) => match self.last {
                Some((Direction::Down, at)) if !self.pauses => at + ANSWERED.min(self.linger),
                Some((Direction::Down, at)) => at + self.linger,
                Some((Direction::Up, _)) | None => finished + self.linger,
            },
        };
        if at <= now {
            self.passed_on = Some(now);
            PassOn::Now
        } else {
            PassOn::At(at)
        }
    }

    /// What an end of the pair now looks like from here.
    pub(crate) fn evidence(&self, now: Time) -> Evidence {
        let fed_for = match (self.last, self.fed_since) {
            (Some((Direction::Down, last)), Some(since)) if now.saturating_since(last) < FED_UNTIL => {
                last.saturating_since(since)
            }
            _ => Duration::ZERO,
        };
        Evidence {
            answer_owed: matches!(self.last, Some((Direction::Up, _))),
            app_ended: self.passed_on.is_some() || self.is_closed(),
            fed_for,
        }
    }

    /// Whether an end of the pair now means that the pod was still sending when the runtime's second was over.
    pub(crate) fn is_cut(&self, now: Time) -> bool {
        let Some(passed_on) = self.passed_on else {
            return false;
        };
        let Some((Direction::Down, last)) = self.last else {
            return false;
        };
        !self.is_closed()
            && now.saturating_since(passed_on) >= RUNTIME_TAIL
            && last > passed_on
            && now.saturating_since(last) < Duration::from_secs(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINGER: Duration = Duration::from_secs(10);

    fn at(milliseconds: u64) -> Time {
        Time::from_duration(Duration::from_millis(milliseconds))
    }

    #[test]
    fn an_app_that_sends_has_no_end_to_pass_on() {
        let mut half_close = HalfClose::new(LINGER);
        half_close.handle_sent(at(0));
        half_close.handle_received(at(1));
        assert_eq!(half_close.poll_pass_on(at(100_000)), PassOn::Never);
    }

    #[test]
    fn an_answer_that_is_owed_is_waited_for() {
        let mut half_close = HalfClose::new(LINGER);
        half_close.handle_sent(at(5));
        half_close.handle_finished(at(10));
        assert_eq!(half_close.poll_pass_on(at(10)), PassOn::At(at(10_010)));
        assert_eq!(half_close.poll_pass_on(at(10_010)), PassOn::Now);
        assert_eq!(half_close.poll_pass_on(at(10_011)), PassOn::Never);
    }

    #[test]
    fn a_greeting_may_be_owed_to_an_app_that_never_sent() {
        let mut half_close = HalfClose::new(LINGER);
        half_close.handle_finished(at(10));
        assert_eq!(half_close.poll_pass_on(at(10)), PassOn::At(at(10_010)));
    }

    #[test]
    fn behind_the_answer_a_short_silence_suffices() {
        let mut half_close = HalfClose::new(LINGER);
        half_close.handle_sent(at(0));
        half_close.handle_finished(at(1));
        half_close.handle_received(at(50));
        half_close.handle_received(at(200));
        assert_eq!(half_close.poll_pass_on(at(200)), PassOn::At(at(450)));
        half_close.handle_received(at(400));
        assert_eq!(half_close.poll_pass_on(at(450)), PassOn::At(at(650)));
        assert_eq!(half_close.poll_pass_on(at(650)), PassOn::Now);
    }

    #[test]
    fn an_app_that_ends_long_after_the_answer_is_passed_on_at_once() {
        let mut half_close = HalfClose::new(LINGER);
        half_close.handle_sent(at(0));
        half_close.handle_received(at(50));
        half_close.handle_finished(at(300));
        assert_eq!(half_close.poll_pass_on(at(300)), PassOn::Now);
    }

    #[test]
    fn a_pod_that_sends_now_and_then_is_not_cut_by_a_pause() {
        let mut half_close = HalfClose::new(LINGER);
        half_close.handle_sent(at(0));
        for tick in 1..=3 {
            half_close.handle_received(at(tick * 800));
        }
        half_close.handle_finished(at(2_900));
        assert_eq!(half_close.poll_pass_on(at(2_900)), PassOn::At(at(12_400)));
        half_close.handle_received(at(3_200));
        assert_eq!(half_close.poll_pass_on(at(3_200)), PassOn::At(at(13_200)));
    }

    #[test]
    fn a_pod_that_fell_silent_a_second_ago_owes_nothing() {
        let mut half_close = HalfClose::new(LINGER);
        half_close.handle_received(at(0));
        half_close.handle_received(at(800));
        half_close.handle_finished(at(1_800));
        assert_eq!(half_close.poll_pass_on(at(1_800)), PassOn::Now);
    }

    #[test]
    fn the_apps_next_words_forget_the_pods_pauses() {
        let mut half_close = HalfClose::new(LINGER);
        half_close.handle_received(at(0));
        half_close.handle_received(at(800));
        half_close.handle_sent(at(900));
        half_close.handle_received(at(910));
        half_close.handle_finished(at(920));
        assert_eq!(half_close.poll_pass_on(at(920)), PassOn::At(at(1_160)));
    }

    #[test]
    fn a_closed_app_waits_for_nothing_and_cannot_be_cut_short() {
        let mut half_close = HalfClose::new(LINGER);
        half_close.handle_sent(at(0));
        half_close.handle_finished(at(1));
        assert_eq!(half_close.poll_pass_on(at(1)), PassOn::At(at(10_001)));
        half_close.handle_closed();
        assert_eq!(half_close.poll_pass_on(at(2)), PassOn::Now);
        half_close.handle_received(at(900));
        assert!(!half_close.is_cut(at(1_002)));
    }

    #[test]
    fn an_end_that_a_lost_pod_was_told_is_told_the_next_one_too() {
        let mut half_close = HalfClose::new(Duration::ZERO);
        half_close.handle_finished(at(1));
        assert_eq!(half_close.poll_pass_on(at(1)), PassOn::Now);
        assert_eq!(half_close.poll_pass_on(at(2)), PassOn::Never);
        half_close.handle_begun_anew();
        assert_eq!(half_close.poll_pass_on(at(3)), PassOn::Now);
    }

    #[test]
    fn without_a_linger_the_end_goes_at_once_as_in_kubectl() {
        let mut half_close = HalfClose::new(Duration::ZERO);
        half_close.handle_sent(at(0));
        half_close.handle_finished(at(1));
        assert_eq!(half_close.poll_pass_on(at(1)), PassOn::Now);
    }

    #[test]
    fn bytes_in_the_runtimes_last_second_show_a_cut() {
        let mut half_close = HalfClose::new(Duration::ZERO);
        half_close.handle_sent(at(0));
        half_close.handle_finished(at(1));
        assert_eq!(half_close.poll_pass_on(at(1)), PassOn::Now);
        half_close.handle_received(at(500));
        // Well before the second is over the pod ended by itself.
        assert!(!half_close.is_cut(at(510)));
        assert!(half_close.is_cut(at(1_003)));
    }

    #[test]
    fn an_end_behind_the_whole_answer_is_no_cut() {
        let mut half_close = HalfClose::new(LINGER);
        half_close.handle_sent(at(0));
        half_close.handle_finished(at(1));
        half_close.handle_received(at(2));
        assert_eq!(half_close.poll_pass_on(at(252)), PassOn::Now);
        assert!(!half_close.is_cut(at(1_253)));
    }

    #[test]
    fn the_evidence_tells_an_answer_from_a_question_and_a_stream_from_a_silence() {
        let mut half_close = HalfClose::new(LINGER);
        assert!(!half_close.evidence(at(0)).answer_owed);
        half_close.handle_sent(at(0));
        assert!(half_close.evidence(at(1)).answer_owed);
        half_close.handle_received(at(1_000));
        half_close.handle_received(at(5_000));
        let evidence = half_close.evidence(at(6_001));
        assert!(!evidence.answer_owed && !evidence.app_ended);
        assert_eq!(evidence.fed_for, Duration::from_secs(4));
        assert_eq!(half_close.evidence(at(9_000)).fed_for, Duration::ZERO);
        half_close.handle_sent(at(9_000));
        half_close.handle_received(at(9_100));
        assert_eq!(half_close.evidence(at(9_200)).fed_for, Duration::ZERO);
        half_close.handle_finished(at(9_300));
        assert!(!half_close.evidence(at(9_300)).app_ended);
        assert_eq!(half_close.poll_pass_on(at(30_000)), PassOn::Now);
        assert!(half_close.evidence(at(30_000)).app_ended);
    }
}
