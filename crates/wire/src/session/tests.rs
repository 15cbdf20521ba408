//! The session against a scripted peer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod proving;
mod sharing;
mod timing;

use super::fences::LOGGED_FENCES;
use super::*;
use crate::spdy::{Frame, ResetStatus};

/// The other end: reads what the session sends and answers as told.
struct Script {
    session: Session,
    now: Time,
    reader: FrameReader,
    replies: HeaderEncoder,
}

/// A frame of the session, as far as these tests look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Data(StreamId, usize, bool),
    Ping(u32),
    Reset(StreamId),
    Syn(StreamId, bool),
}

impl Script {
    fn new(known: Option<Peer>) -> Self {
        Self {
            session: Session::new(Time::ZERO, known),
            now: Time::ZERO,
            reader: FrameReader::new(Role::Server),
            replies: HeaderEncoder::new(),
        }
    }

    /// A session whose peer is known to be spdystream.
    fn proven() -> Self {
        Self::new(Some(Peer::Spdystream))
    }

    fn open(&mut self) -> PairId {
        let lane = self.session.free_lane().unwrap();
        self.session.open(self.now, lane, 80).unwrap()
    }

    /// Opens a pair and answers both its streams.
    fn opened(&mut self) -> PairId {
        let pair = self.open();
        self.sent();
        self.reply(pair.error_stream());
        self.reply(pair.data_stream());
        self.events();
        pair
    }

    fn send(&mut self, pair: PairId, length: usize) -> Option<[u8; 8]> {
        self.session.data_head(self.now, pair, length, false)
    }

    /// What the session has sent since the last look, without payload.
    fn sent(&mut self) -> Vec<Sent> {
        let output = self.session.take_output();
        let mut input = &output[..];
        let mut sent = Vec::new();
        while let Some(frame) = self.reader.read(&mut input).unwrap() {
            sent.push(match frame {
                Frame::Data {
                    stream, payload, fin, ..
                } => Sent::Data(stream, payload.len(), fin),
                Frame::Ping { id } => Sent::Ping(id),
                Frame::Reset { stream, .. } => Sent::Reset(stream),
                Frame::SynStream { stream, fin, .. } => Sent::Syn(stream, fin),
                other => panic!("{other:?}"),
            });
        }
        sent
    }

    fn handle(&mut self, mut bytes: &[u8]) {
        while self.session.handle_bytes(self.now, &mut bytes).unwrap().is_some() {}
    }

    fn reply(&mut self, stream: StreamId) {
        // The block of spdystream, which the test's own encoder does not make.
        let first = [
            0x78, 0xf9, 0xe3, 0xc6, 0xa7, 0xc2, 0x62, 0x60, 0x60, 0x60, 0, 0, 0, 0, 0xff, 0xff,
        ];
        let mut frame = vec![0x80, 3, 0, 2, 0, 0, 0, 4 + first.len() as u8];
        frame.extend(stream.get().to_be_bytes());
        frame.extend(first);
        self.handle(&frame);
    }

    fn pong(&mut self, id: u32) {
        self.handle(&spdy::ping(id));
    }

    fn pong_all(&mut self, sent: &[Sent]) {
        for frame in sent {
            if let Sent::Ping(id) = frame {
                self.pong(*id);
            }
        }
    }

    fn data(&mut self, stream: StreamId, bytes: &[u8], fin: bool) {
        let mut frame = spdy::data_head(stream, bytes.len(), fin).to_vec();
        frame.extend(bytes);
        self.handle(&frame);
    }

    fn reset(&mut self, stream: StreamId, status: ResetStatus) {
        self.handle(&spdy::reset(stream, status));
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        for _ in 0..10 {
            self.session.handle_timeout(self.now);
            if self.session.poll_timeout().is_none_or(|(at, _)| at > self.now) {
                return;
            }
        }
        panic!("still due: {:?}", self.session.poll_timeout());
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }
}

/// Whether a PING or a SYN_STREAM takes a slot of `lane`.
fn falls_to(frame: &Sent, lane: LaneIndex) -> bool {
    match *frame {
        Sent::Ping(id) => LaneIndex::of_ping(id / 2) == lane,
        Sent::Syn(stream, _) => stream != PROBE_STREAM && LaneIndex::of(stream) == lane,
        Sent::Data(..) | Sent::Reset(_) => false,
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn an_opening_is_two_rising_odd_ids_of_one_lane_and_the_error_stream_is_finished() {
    let mut script = Script::proven();
    let mut last = PROBE_STREAM;
    for _ in 0..5 {
        script.open();
        let sent = script.sent();
        let [Sent::Syn(error, true), Sent::Syn(data, false)] = sent[..] else {
            panic!("{sent:?}")
        };
        assert_eq!(error.worker(), data.worker());
        assert!(error.get() % 2 == 1 && data.get() % 2 == 1);
        assert!(last.get() + 2 <= error.get() && error.get() + 2 <= data.get());
        last = data;
    }
    assert_eq!(script.session.free_lane(), None, "each lane has its pair");
}

#[test]
fn a_peer_is_spdystream_by_its_reply_and_a_whole_round_of_pings() {
    let mut script = Script::new(None);
    let round = script.sent();
    assert_eq!(round, [1, 3, 5, 7, 9].map(Sent::Ping));
    let pair = script.opened();
    assert_eq!(
        (script.session.peer(), script.session.free_lane()),
        (None, None),
        "no second pair before the proof"
    );
    script.pong_all(&round[..4]);
    assert_eq!(script.session.peer(), None);
    script.pong(9);
    assert_eq!(script.session.peer(), Some(Peer::Spdystream));
    assert_eq!(script.events(), [Event::PeerKnown(Peer::Spdystream)]);
    assert!(
        script
            .session
            .free_lane()
            .is_some_and(|lane| lane != LaneIndex::of(pair.data_stream()))
    );
}

#[test]
fn another_peer_carries_one_pair_and_is_never_fenced() {
    let mut script = Script::new(None);
    let round = script.sent();
    script.pong_all(&round);
    let pair = script.open();
    script.sent();
    let mut reply = BytesMut::new();
    script
        .replies
        .syn_reply(&mut reply, pair.data_stream(), false, &[("server", "gateway")]);
    script.handle(&reply);
    assert_eq!(script.session.peer(), Some(Peer::Other));
    assert_eq!(script.session.free_lane(), None);
    for _ in 0..200 {
        assert!(script.session.allowance(pair) > 0);
        script.send(pair, 10).unwrap();
        assert_eq!(script.sent(), []);
    }
    script.session.reset(script.now, pair);
    assert_eq!(
        (script.session.free_lane(), script.session.free_lanes()),
        (None, 0)
    );
    assert!(
        script.session.is_retired(),
        "nobody can tell whether the lane is free"
    );
}

#[test]
fn a_session_of_another_peer_that_is_known_carries_one_pair() {
    let mut script = Script::new(Some(Peer::Other));
    assert_eq!(script.session.free_lanes(), 1);
    script.open();
    assert!(script.session.is_retired());
}

#[test]
fn a_clean_end_needs_the_end_of_both_streams() {
    let mut script = Script::proven();
    let pair = script.opened();
    script.data(pair.data_stream(), b"last", true);
    assert_eq!(script.events(), [Event::Stopped(pair)]);
    assert_eq!(
        script.sent(),
        [Sent::Reset(pair.data_stream())],
        "the lane must not jam"
    );
    script.data(pair.error_stream(), b"", true);
    assert_eq!(
        script.events(),
        [Event::Ended(pair, PairEnd::Clean { delivered: true })]
    );
}

#[test]
fn bytes_under_way_at_the_peers_end_are_fenced_behind_the_reset() {
    for answered in [true, false] {
        let mut script = Script::proven();
        let pair = script.opened();
        script.send(pair, 100).unwrap();
        script.data(pair.data_stream(), b"", true);
        script.data(pair.error_stream(), b"", true);
        let sent = script.sent();
        assert_eq!(sent[0], Sent::Reset(pair.data_stream()));
        assert!(matches!(sent[1..], [Sent::Ping(_), ..]));
        assert_eq!(
            script.events(),
            [Event::Stopped(pair)],
            "it is not known yet whether they were taken"
        );
        if answered {
            script.pong_all(&sent);
        } else {
            script.wait(seconds(1));
        }
        assert_eq!(
            script.events(),
            [Event::Ended(pair, PairEnd::Clean { delivered: answered })]
        );
    }
}

#[test]
fn an_error_text_comes_after_the_data_stream_ended() {
    let mut script = Script::proven();
    let pair = script.opened();
    script.data(pair.data_stream(), b"", true);
    script.data(
        pair.error_stream(),
        b"error forwarding port 80 to pod 4f1c, uid : ",
        false,
    );
    script.data(
        pair.error_stream(),
        b"network namespace for sandbox \"4f1c\" is closed",
        false,
    );
    assert_eq!(script.events(), [Event::Stopped(pair)]);
    script.reset(pair.error_stream(), ResetStatus::CANCEL);
    let events = script.events();
    let [
        Event::Ended(
            _,
            PairEnd::Failed {
                kind: FailureKind::SandboxGone,
                text,
            },
        ),
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert!(text.to_string().ends_with("is closed"));
    assert!(!script.session.is_retired());
}

#[test]
fn a_runtime_that_leaves_early_data_in_the_worker_gets_no_new_pair() {
    let mut script = Script::proven();
    let pair = script.opened();
    script.send(pair, 1).unwrap();
    script.data(pair.data_stream(), b"", true);
    script.data(pair.error_stream(), b"refused", true);
    assert!(script.session.is_retired());
    assert_eq!(script.session.free_lane(), None);
}

#[test]
fn resets_without_a_text_are_the_pods() {
    let mut script = Script::proven();
    let pair = script.opened();
    script.reset(pair.data_stream(), ResetStatus::CANCEL);
    script.reset(pair.error_stream(), ResetStatus::CANCEL);
    assert_eq!(
        script.events(),
        [Event::Stopped(pair), Event::Ended(pair, PairEnd::Reset)]
    );
}

/// The network stops between the two ends, of which the second one tells the failure.
#[test]
fn an_end_that_comes_in_two_parts_is_not_taken_for_a_clean_one() {
    let mut script = Script::proven();
    let pair = script.opened();
    script.data(pair.data_stream(), b"", true);
    script.events();
    script.wait(END_GRACE * 5);
    assert_eq!(script.events(), []);
    script.data(pair.error_stream(), b"something", false);
    script.wait(END_GRACE / 2);
    script.data(pair.error_stream(), b" broke", false);
    script.wait(END_GRACE / 2);
    assert_eq!(script.events(), []);
    script.reset(pair.error_stream(), ResetStatus::CANCEL);
    let events = script.events();
    let [Event::Ended(_, PairEnd::Failed { text, .. })] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(text.to_string(), "something broke");
}

#[test]
fn a_pair_of_which_one_stream_never_ends_did_not_end_well() {
    for stream in [PairId::data_stream, PairId::error_stream] {
        let mut script = Script::proven();
        let pair = script.opened();
        script.data(stream(pair), b"", true);
        script.events();
        script.wait(END_DEADLINE);
        assert_eq!(script.events().last(), Some(&Event::Ended(pair, PairEnd::Reset)));
    }
}

#[test]
fn an_end_that_never_comes_whole_is_given_up() {
    let mut script = Script::proven();
    let pair = script.opened();
    script.data(pair.error_stream(), b"something broke", false);
    script.data(pair.data_stream(), b"", true);
    script.events();
    script.wait(END_GRACE);
    let events = script.events();
    assert!(
        matches!(
            events[..],
            [Event::Ended(
                _,
                PairEnd::Failed {
                    kind: FailureKind::Other,
                    ..
                }
            )]
        ),
        "{events:?}"
    );
}

#[test]
fn the_window_closes_below_the_peers_queue_and_its_opening_makes_frames_grow() {
    let mut script = Script::proven();
    let pair = script.opened();
    let mut sent = Vec::new();
    let mut frames = 0;
    while script.session.allowance(pair) > 0 {
        assert_eq!(script.session.allowance(pair), FIRST_FRAME);
        script.send(pair, FIRST_FRAME).unwrap();
        sent.extend(script.sent());
        frames += 1;
        assert!(frames < spdy::QUEUE_FRAMES);
    }
    let own = LaneIndex::of(pair.data_stream());
    let pings = sent
        .iter()
        .filter(|frame| matches!(frame, Sent::Ping(id) if LaneIndex::of_ping(id / 2) == own))
        .count();
    assert!(frames + pings < spdy::QUEUE_FRAMES, "{frames} and {pings}");
    assert_eq!(script.events(), []);
    script.pong_all(&sent);
    assert_eq!(script.events(), [Event::Writable(pair)]);
    assert_eq!(script.session.allowance(pair), 2 * FIRST_FRAME);
}

#[test]
fn fences_of_a_busy_lane_do_not_fill_a_stalled_one_before_it_is_late() {
    let mut script = Script::proven();
    let (stalled, busy) = (script.opened(), script.opened());
    let (stalled_lane, busy_lane) = [stalled, busy]
        .map(|pair| LaneIndex::of(pair.data_stream()))
        .into();
    let mut held = 0;
    while script.session.allowance(stalled) > 0 {
        script.send(stalled, 1).unwrap();
        held += 1;
        let sent = script.sent();
        held += sent.iter().filter(|frame| falls_to(frame, stalled_lane)).count();
    }
    for _ in 0..1000 {
        if script.session.allowance(busy) > 0 {
            script.send(busy, 1).unwrap();
        }
        for frame in script.sent() {
            held += usize::from(falls_to(&frame, stalled_lane));
            match frame {
                Sent::Ping(id) if LaneIndex::of_ping(id / 2) != stalled_lane => script.pong(id),
                Sent::Syn(stream, _) if LaneIndex::of(stream) == busy_lane => {
                    script.reset(stream, ResetStatus::CANCEL);
                }
                _ => {}
            }
        }
    }
    assert!(!script.session.is_late());
    assert!(held < spdy::QUEUE_FRAMES, "{held} frames");
}

#[test]
fn with_a_late_lane_others_are_fenced_without_pings_and_not_too_often() {
    let mut script = Script::proven();
    let (stalled, healthy) = (script.opened(), script.opened());
    for _ in 0..10 {
        script.send(stalled, 1).unwrap();
        script.sent();
    }
    script.wait(seconds(1));
    assert!(script.session.is_late());
    assert_eq!(script.session.free_lanes(), 3);
    let at_once = script
        .sent()
        .iter()
        .filter(|frame| matches!(frame, Sent::Syn(stream, _) if *stream != PROBE_STREAM))
        .count();
    assert_eq!(at_once, 1, "for what the healthy lane had under way");
    let (mut fences, mut pings, mut frames) = (1, 0, 0);
    while script.session.allowance(healthy) > 0 {
        script.send(healthy, 1).unwrap();
        frames += 1;
        for frame in script.sent() {
            match frame {
                Sent::Ping(_) => pings += 1,
                Sent::Syn(stream, _) if stream != PROBE_STREAM => {
                    assert_eq!(LaneIndex::of(stream), LaneIndex::of(healthy.data_stream()));
                    fences += 1;
                    script.reset(stream, ResetStatus::CANCEL);
                }
                _ => {}
            }
        }
    }
    assert_eq!((fences, pings), (LOGGED_FENCES, 0), "after {frames} frames");
    script.wait(seconds(1));
    assert!(
        script.sent().iter().any(|frame| matches!(frame, Sent::Syn(..))),
        "the next second has fences of its own"
    );
}

#[test]
fn a_stalled_lane_is_waited_for_as_long_as_the_reader_answers() {
    let mut script = Script::proven();
    let pair = script.opened();
    for _ in 0..10 {
        script.send(pair, 1).unwrap();
        script.sent();
    }
    for _ in 0..3600 {
        script.wait(seconds(1));
        for frame in script.sent() {
            assert!(
                !matches!(frame, Sent::Ping(_)),
                "a PING takes a slot of the stalled lane"
            );
            if frame == Sent::Syn(PROBE_STREAM, true) {
                script.reset(PROBE_STREAM, ResetStatus::PROTOCOL_ERROR);
            }
        }
    }
    assert_eq!(script.session.fault(), None);
    assert_eq!(script.session.pairs(), 1);
}

#[test]
fn a_session_is_retired_with_a_late_lane_whose_pair_is_over() {
    for late_first in [true, false] {
        let mut script = Script::proven();
        let pair = script.opened();
        while script.session.allowance(pair) > 0 {
            script.send(pair, 1).unwrap();
            script.sent();
        }
        if late_first {
            script.wait(seconds(1));
            assert!(!script.session.is_retired(), "the pod may read on");
        }
        script.session.reset(script.now, pair);
        script.sent();
        script.wait(seconds(2));
        assert!(script.session.is_retired());
    }
}

#[test]
fn a_slow_network_does_not_retire_an_idle_session() {
    let mut script = Script::proven();
    script.wait(KEEPALIVE);
    let asked = script.sent();
    assert!(matches!(asked[..], [Sent::Ping(_)]));
    script.wait(seconds(2));
    assert!(script.session.is_late());
    script.pong_all(&asked);
    assert!(!script.session.is_retired());
    assert_eq!(script.session.free_lanes(), 5);
}

/// A neighbour's app reads by fits and starts, so the session is read only for a moment at a time.
#[test]
fn only_the_time_in_which_nothing_is_read_does_not_count_for_a_lane() {
    for (read, unread, rounds) in [(300, 0, 4), (300, 5000, 4), (300, 100, 4), (1100, 5000, 1)] {
        let mut script = Script::proven();
        let pair = script.opened();
        let lane = LaneIndex::of(pair.data_stream());
        for _ in 0..10 {
            script.send(pair, 1000);
            script.sent();
        }
        for round in 0..rounds {
            assert!(!script.session.lane(lane).is_late(), "{read} {unread} {round}");
            script.session.handle_reading(script.now, false);
            script.wait(Duration::from_millis(unread));
            script.session.handle_reading(script.now, true);
            assert!(!script.session.lane(lane).is_late(), "{read} {unread} {round}");
            script.wait(Duration::from_millis(read));
        }
        assert!(script.session.lane(lane).is_late(), "{read} {unread}");
    }
}

#[test]
fn a_pod_that_reads_again_after_long_does_not_make_the_way_slow() {
    let mut script = Script::proven();
    let pair = script.opened();
    let mut asked = Vec::new();
    for _ in 0..10 {
        script.send(pair, 1000);
        asked.extend(script.sent());
    }
    // Minutes later the session has asked its reader, and the lane answers.
    for _ in 0..90 {
        script.wait(seconds(10));
        script.reset(PROBE_STREAM, ResetStatus::PROTOCOL_ERROR);
    }
    script.pong_all(&asked);
    assert!(script.session.round_trip().unwrap() <= seconds(5));
}

#[test]
fn a_peer_that_answered_before_and_is_silent_is_given_up_unless_it_is_not_read() {
    for reading in [true, false] {
        let mut script = Script::new(None);
        let round = script.sent();
        script.pong_all(&round);
        script.session.handle_reading(script.now, reading);
        let mut asked = 0;
        for _ in 0..60 {
            if script.session.fault().is_some() {
                break;
            }
            script.wait(seconds(1));
            asked += script.sent().len();
        }
        assert_eq!(script.session.fault(), reading.then_some(&SessionFault::Silent));
        assert_eq!(asked, usize::from(reading));
    }
}

#[test]
fn a_peer_of_a_kind_that_answers_is_given_up_though_it_never_answered_here() {
    let mut script = Script::new(Some(Peer::Spdystream));
    script.wait(KEEPALIVE);
    assert_eq!(script.sent().len(), 1);
    for _ in 0..11 {
        assert_eq!(script.session.fault(), None);
        script.wait(seconds(1));
        script.sent();
    }
    for _ in 0..20 {
        script.wait(seconds(1));
    }
    assert_eq!(script.session.fault(), Some(&SessionFault::Silent));
}

#[test]
fn a_peer_that_owes_an_answer_is_silent_until_anything_comes() {
    let mut script = Script::new(None);
    let round = script.sent();
    script.pong_all(&round);
    script.wait(KEEPALIVE);
    let asked = script.sent();
    assert_eq!(asked.len(), 1);
    script.wait(seconds(1));
    assert!(!script.session.is_silent());
    script.wait(seconds(1));
    assert!(script.session.is_silent());
    assert_eq!(script.session.fault(), None);
    script.pong_all(&asked);
    assert!(!script.session.is_silent());
}

#[test]
fn a_silent_session_has_no_lane_for_anybody_and_is_clean_all_the_same() {
    let mut script = Script::proven();
    let lanes = |script: &Script| {
        let session = &script.session;
        (
            session.free_lanes(),
            session.free_lane().is_some(),
            session.shared_room() > 0,
            session.shared_lane().is_some(),
        )
    };
    assert_eq!(lanes(&script), (5, true, true, true));
    script.session.handle_doubt(script.now);
    assert_eq!(lanes(&script), (0, false, false, false));
    assert!(script.session.is_clean() && !script.session.is_retired());
    let asked = script.sent();
    script.pong_all(&asked);
    assert_eq!(lanes(&script), (5, true, true, true));
}

#[test]
fn a_peer_in_doubt_is_asked_at_once_and_silent_until_it_answers() {
    let mut script = Script::new(None);
    let round = script.sent();
    script.pong_all(&round);
    script.session.handle_doubt(script.now);
    assert!(script.session.is_silent());
    let asked = script.sent();
    assert_eq!(asked.len(), 1);
    // It is asked once, however often it is doubted.
    script.session.handle_doubt(script.now);
    assert!(script.sent().is_empty());
    script.pong_all(&asked);
    assert!(!script.session.is_silent());
}

#[test]
fn on_a_slow_link_an_answer_is_awaited_behind_what_was_sent() {
    let mut script = Script::proven();
    let pair = script.opened();
    script.session.handle_timeout(script.now);
    for _ in 0..5 {
        script.session.ping(script.now);
    }
    let sent = script.sent();
    script.pong_all(&sent);
    for _ in 0..10 {
        script.send(pair, FIRST_FRAME).unwrap();
        script.sent();
    }
    // 32 KiB a second: the fence behind 640 KiB is answered after 20 s.
    for _ in 0..20 {
        script.wait(seconds(1));
        assert_eq!(script.session.fault(), None);
    }
    for _ in 0..20 {
        script.wait(seconds(1));
    }
    assert_eq!(script.session.fault(), Some(&SessionFault::Silent));
}

#[test]
fn another_peer_is_not_given_up_while_a_pod_may_hold_it_up() {
    for bytes in [0, 1] {
        let mut script = Script::new(Some(Peer::Other));
        script.session.ping(script.now);
        let sent = script.sent();
        script.pong_all(&sent);
        let pair = script.open();
        script.sent();
        if bytes > 0 {
            script.send(pair, bytes).unwrap();
        }
        for _ in 0..100 {
            script.wait(seconds(1));
            script.reply(pair.error_stream());
            script.reply(pair.data_stream());
        }
        script.sent();
        assert_eq!(script.session.fault(), None);
        for _ in 0..100 {
            script.wait(seconds(1));
        }
        let silent = Some(&SessionFault::Silent);
        assert_eq!(script.session.fault(), silent.filter(|_| bytes == 0));
    }
}

#[test]
fn a_stalled_lane_is_late_before_the_peer_is_given_up_however_slow_it_was() {
    let mut script = Script::proven();
    let pair = script.opened();
    for _ in 0..20 {
        script.session.ping(script.now);
        let sent = script.sent();
        script.wait(seconds(4));
        script.pong_all(&sent);
    }
    script.sent();
    for _ in 0..10 {
        script.send(pair, 1).unwrap();
        script.sent();
    }
    for _ in 0..60 {
        script.wait(seconds(1));
        if script.sent().contains(&Sent::Syn(PROBE_STREAM, true)) {
            script.reset(PROBE_STREAM, ResetStatus::PROTOCOL_ERROR);
        }
    }
    assert_eq!(script.session.fault(), None);
}

#[test]
fn an_unproven_peer_that_never_answers_leaves_nothing_due() {
    let mut script = Script::new(None);
    script.open();
    for _ in 0..100 {
        script.wait(seconds(1));
    }
    assert_eq!(script.session.fault(), None, "only TCP can tell that it is dead");
}

#[test]
fn a_pair_without_an_answer_is_reset_and_told() {
    let mut script = Script::proven();
    let pair = script.open();
    script.sent();
    script.wait(PAIR_DEADLINE);
    assert_eq!(script.events(), [Event::Ended(pair, PairEnd::Unanswered)]);
    assert!(script.sent().contains(&Sent::Reset(pair.data_stream())));
    assert!(script.session.is_retired(), "its worker is stuck");
}

#[test]
fn a_reset_pair_says_nothing_more_and_its_lane_is_free_once_that_was_taken() {
    let mut script = Script::proven();
    let pair = script.opened();
    let lane = LaneIndex::of(pair.data_stream());
    script.send(pair, 5).unwrap();
    script.session.reset(script.now, pair);
    assert_eq!(script.sent(), [Sent::Reset(pair.data_stream())]);
    script.data(pair.data_stream(), b"late", false);
    assert_eq!((script.events(), script.session.pairs()), (vec![], 0));
    assert!(!script.session.lane(lane).is_free());
    script.wait(UNHURRIED_DELAY);
    let fence = script.sent();
    script.pong_all(&fence);
    assert!(script.session.lane(lane).is_free());
    assert!(!script.session.is_clean(), "the runtime still ends its side");
    script.data(pair.error_stream(), b"", true);
    assert!(script.session.is_clean());
}

#[test]
fn while_other_lanes_are_free_a_fence_goes_with_the_next_opening() {
    let mut script = Script::proven();
    let mut fences = Vec::new();
    for _ in 0..20 {
        let pair = script.open();
        let opening = script.sent();
        fences.push(
            opening
                .iter()
                .filter(|sent| matches!(sent, Sent::Ping(_)))
                .count(),
        );
        script.pong_all(&opening);
        script.reply(pair.error_stream());
        script.reply(pair.data_stream());
        script.session.reset(script.now, pair);
        assert_eq!(script.sent(), [Sent::Reset(pair.data_stream())]);
        script.wait(FREEING_DELAY);
        assert_eq!(script.sent(), [], "there is no hurry");
    }
    // The lane of a pair is the one that the next PING reaches.
    assert_eq!((fences[0], &fences[1..]), (0, &[1; 19][..]));
    assert_eq!(script.session.free_lanes(), 4);
}

#[test]
fn where_no_other_lane_is_free_a_fence_waits_for_no_opening() {
    let mut script = Script::proven();
    let pairs: Vec<_> = (0..5).map(|_| script.opened()).collect();
    script.sent();
    script.session.reset(script.now, pairs[3]);
    script.sent();
    script.wait(FREEING_DELAY);
    let fence = script.sent();
    script.pong_all(&fence);
    assert_eq!(script.session.free_lanes(), 1);
}

#[test]
fn a_pair_we_finished_frees_its_lane_before_the_peer_ends_it() {
    let mut script = Script::proven();
    let pair = script.opened();
    script.session.finish(script.now, pair);
    assert_eq!(script.sent(), [Sent::Data(pair.data_stream(), 0, true)]);
    assert_eq!(script.session.allowance(pair), 0);
    script.wait(UNHURRIED_DELAY);
    let fence = script.sent();
    script.pong_all(&fence);
    assert_eq!(
        (script.session.free_lanes(), script.session.is_clean()),
        (5, false)
    );
    script.data(pair.data_stream(), b"answer", true);
    script.data(pair.error_stream(), b"", true);
    assert_eq!(
        script.events(),
        [Event::Ended(pair, PairEnd::Clean { delivered: true })]
    );
    assert!(script.session.is_clean());
}

#[test]
fn what_the_peer_may_not_do_ends_the_session_and_says_why() {
    let mut script = Script::proven();
    let mut farewell = &spdy::go_away(0, GoAwayStatus::OK)[..];
    let fault = script
        .session
        .handle_bytes(Time::ZERO, &mut farewell)
        .unwrap_err();
    assert_eq!(fault, SessionFault::GoAway(GoAwayStatus::OK));
    assert_eq!(script.session.fault(), Some(&fault));
    assert_eq!(script.session.handle_bytes(Time::ZERO, &mut &b""[..]), Err(fault));
}

#[test]
fn pings_of_the_peer_are_echoed_and_streams_of_it_refused() {
    let mut script = Script::proven();
    script.pong(2);
    assert_eq!(script.sent(), [Sent::Ping(2)]);
    script.pong(1001);
    assert_eq!(script.sent(), [], "an answer nobody asked for is no question");
    let mut opening = BytesMut::new();
    let stream = StreamId::new(2).unwrap();
    script.replies.syn_stream(&mut opening, stream, false, &[]);
    script.handle(&opening);
    assert_eq!(script.sent(), [Sent::Reset(stream)]);
}

#[test]
fn a_pair_is_open_once_both_streams_were_answered() {
    let mut script = Script::proven();
    let pair = script.open();
    script.sent();
    script.reply(pair.error_stream());
    assert_eq!(script.events(), []);
    script.reply(pair.data_stream());
    assert_eq!(script.events(), [Event::Opened(pair)]);
}
