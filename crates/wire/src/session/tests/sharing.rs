//! Lanes with several pairs on them.

use super::*;

/// Opens a pair on `lane` beside others, and answers it.
fn shared(script: &mut Script, lane: LaneIndex) -> PairId {
    let pair = script.session.open(script.now, lane, 80).unwrap();
    script.sent();
    script.reply(pair.error_stream());
    script.reply(pair.data_stream());
    script.events();
    pair
}

/// Sends `bytes` of `pair` in frames as large as the session allows, while it does.
fn send_much(script: &mut Script, pair: PairId, frames: usize) -> Vec<Sent> {
    let mut sent = Vec::new();
    for _ in 0..frames {
        let room = script.session.allowance(pair);
        if room == 0 {
            break;
        }
        script.send(pair, room).unwrap();
        sent.extend(script.sent());
    }
    sent
}

/// Answers all PINGs but those of `stalled`.
fn pong_but(script: &mut Script, sent: &[Sent], stalled: LaneIndex) {
    for frame in sent {
        if let Sent::Ping(id) = *frame
            && LaneIndex::of_ping(id / 2) != stalled
        {
            script.pong(id);
        }
    }
}

/// The peer's reader answers.
fn lives(script: &mut Script) {
    script.reset(PROBE_STREAM, ResetStatus::PROTOCOL_ERROR);
}

#[test]
fn a_lane_is_shared_only_where_it_is_asked_for() {
    let mut script = Script::proven();
    for _ in 0..5 {
        script.opened();
    }
    assert_eq!(
        (script.session.free_lane(), script.session.free_lanes()),
        (None, 0)
    );
    assert!(script.session.shared_room() > 0);
    let lane = script.session.shared_lane().unwrap();
    shared(&mut script, lane);
    assert_ne!(
        script.session.shared_lane(),
        Some(lane),
        "the one with the fewest pairs"
    );
}

#[test]
fn a_free_lane_is_shared_at_last_for_it_may_be_lent() {
    let mut script = Script::proven();
    let pair = script.opened();
    assert_eq!(
        script.session.shared_lane(),
        Some(LaneIndex::of(pair.data_stream()))
    );
}

#[test]
fn lanes_of_another_peer_are_not_shared() {
    for known in [None, Some(Peer::Other)] {
        let mut script = Script::new(known);
        script.open();
        assert_eq!(
            (script.session.shared_lane(), script.session.shared_room()),
            (None, 0)
        );
    }
}

#[test]
fn however_a_shared_lane_stalls_the_peers_queue_has_room_for_the_end_of_each_pair() {
    let mut script = Script::proven();
    let lane = LaneIndex::ALL[2];
    let mut slots = 0;
    let mut pairs = Vec::new();
    // The peer takes nothing of this lane from the beginning.
    while script.session.shared_lane().is_some() && pairs.len() < 100 {
        if script.session.lane(lane).shared_room() == 0 {
            break;
        }
        let pair = script.session.open(script.now, lane, 80).unwrap();
        script.send_after_output(pair, 100, &mut slots, lane);
        pairs.push(pair);
    }
    for round in 0..200 {
        let pair = pairs[round % pairs.len()];
        if script.session.allowance(pair) > 0 {
            script.send_after_output(pair, 1000, &mut slots, lane);
        }
    }
    for (n, &pair) in pairs.iter().enumerate() {
        if n % 2 == 0 {
            script.session.reset(script.now, pair);
        } else {
            script.session.finish(script.now, pair);
        }
        slots += script.sent().iter().filter(|frame| lands_on(frame, lane)).count();
        script.wait(Duration::from_millis(200));
        slots += script.sent().iter().filter(|frame| lands_on(frame, lane)).count();
    }
    assert!(pairs.len() > 1);
    assert!(slots <= spdy::QUEUE_FRAMES, "{slots} frames for a queue of 50");
}

#[test]
fn the_pair_that_blocks_a_lane_is_known_by_its_fence() {
    let mut script = Script::proven();
    let greedy = script.opened();
    let lane = LaneIndex::of(greedy.data_stream());
    let neighbour = shared(&mut script, lane);
    let sent = send_much(&mut script, greedy, 40);
    assert!(script.session.stalled().is_none(), "nothing is late yet");
    pong_but(&mut script, &sent, lane);
    script.wait(seconds(2));
    assert!(script.session.lane(lane).is_late());
    lives(&mut script);
    assert_eq!(script.session.stalled(), None, "nobody waits behind it");
    let asked = script.now;
    script.sent();
    script.send(neighbour, 10);
    script.sent();
    assert_eq!(script.session.stalled(), Some((greedy, asked)));
    script.session.reset(script.now, greedy);
    assert_eq!(script.session.stalled(), None, "the neighbour is not to blame");
}

#[test]
fn of_two_that_send_much_the_one_whose_frame_is_not_taken_blocks_the_lane() {
    let mut script = Script::proven();
    let first = script.opened();
    let lane = LaneIndex::of(first.data_stream());
    let second = shared(&mut script, lane);
    let third = shared(&mut script, lane);
    // All is taken until both have sent much.
    for pair in [first, second] {
        let sent = send_much(&mut script, pair, 2);
        script.pong_all(&sent);
    }
    script.wait(Duration::from_millis(10));
    let sent = script.sent();
    script.pong_all(&sent);
    // The peer takes the frame of the first, and blocks at the second's.
    let sent = send_much(&mut script, first, 1);
    script.pong_all(&sent);
    let sent = send_much(&mut script, second, 1);
    pong_but(&mut script, &sent, lane);
    let sent = send_much(&mut script, first, 1);
    pong_but(&mut script, &sent, lane);
    script.send(third, 10);
    script.sent();
    script.wait(seconds(6));
    lives(&mut script);
    assert_eq!(script.session.stalled().map(|(pair, _)| pair), Some(second));
}

/// A dial that is not answered keeps its worker waiting with the first byte.
#[test]
fn a_pair_of_which_nothing_was_taken_yet_is_suspected_beside_one_that_sends_much() {
    for dialled in [false, true] {
        let mut script = Script::proven();
        let greedy = script.opened();
        let lane = LaneIndex::of(greedy.data_stream());
        let small = shared(&mut script, lane);
        let third = shared(&mut script, lane);
        let sent = send_much(&mut script, greedy, 10);
        script.pong_all(&sent);
        if dialled {
            script.send(small, 10);
            script.session.fence(script.now, lane);
            let sent = script.sent();
            script.pong_all(&sent);
        }
        script.send(small, 10);
        script.sent();
        let sent = send_much(&mut script, greedy, 20);
        pong_but(&mut script, &sent, lane);
        script.send(third, 10);
        script.sent();
        script.wait(seconds(6));
        lives(&mut script);
        let blamed = script.session.stalled().map(|(pair, _)| pair);
        assert_eq!(blamed, dialled.then_some(greedy));
    }
}

#[test]
fn a_pair_whose_opening_is_not_taken_or_that_is_ended_is_not_to_blame() {
    for ended in [false, true] {
        let mut script = Script::proven();
        let first = script.opened();
        let lane = LaneIndex::of(first.data_stream());
        let pair = script.session.open(script.now, lane, 80).unwrap();
        script.sent();
        if ended {
            script.reply(pair.error_stream());
            script.reply(pair.data_stream());
        }
        let sent = send_much(&mut script, pair, 10);
        script.send(first, 10);
        script.sent();
        if ended {
            script.data(pair.data_stream(), b"", true);
        }
        pong_but(&mut script, &sent, lane);
        script.wait(seconds(4));
        script.sent();
        lives(&mut script);
        assert!(script.session.lane(lane).is_late(), "{ended}");
        assert_eq!(script.session.stalled(), None, "{ended}");
    }
}

#[test]
fn small_senders_that_may_all_be_to_blame_are_left_alone() {
    let mut script = Script::proven();
    let first = script.opened();
    let lane = LaneIndex::of(first.data_stream());
    let others = [shared(&mut script, lane), shared(&mut script, lane)];
    for pair in [first, others[0], others[1]] {
        script.send(pair, 100);
        script.sent();
    }
    script.session.fence(script.now, lane);
    let sent = script.sent();
    pong_but(&mut script, &sent, lane);
    script.wait(seconds(6));
    assert!(script.session.lane(lane).is_late());
    lives(&mut script);
    assert_eq!(script.session.stalled(), None);
}

#[test]
fn nobody_is_to_blame_for_a_stall_of_the_network() {
    let mut script = Script::proven();
    let greedy = script.opened();
    let lane = LaneIndex::of(greedy.data_stream());
    let neighbour = shared(&mut script, lane);
    send_much(&mut script, greedy, 40);
    script.send(neighbour, 10);
    for _ in 0..7 {
        script.wait(seconds(1));
        assert_eq!(script.session.stalled(), None, "at {:?}", script.now);
    }
    assert!(script.session.lane(lane).is_late());
    // The peer's reader answers, and its worker still does not; what it may have to say is on its way only now.
    script.sent();
    lives(&mut script);
    assert_eq!(script.session.stalled(), Some((greedy, script.now)));
    // As long as we do not read, no answer can come.
    script.session.handle_reading(script.now, false);
    assert_eq!(script.session.stalled(), None);
}

#[test]
fn progress_begins_the_time_of_a_slow_pair_anew() {
    let mut script = Script::proven();
    let slow = script.opened();
    let lane = LaneIndex::of(slow.data_stream());
    let neighbour = shared(&mut script, lane);
    let sent = send_much(&mut script, slow, 40);
    script.send(neighbour, 10);
    script.sent();
    let own: Vec<_> = sent
        .iter()
        .filter(|frame| matches!(frame, Sent::Ping(id) if LaneIndex::of_ping(id / 2) == lane))
        .copied()
        .collect();
    pong_but(&mut script, &sent, lane);
    script.wait(seconds(3));
    lives(&mut script);
    let (pair, first) = script.session.stalled().unwrap();
    assert_eq!(pair, slow);
    script.pong_all(&own[..1]);
    script.wait(seconds(6));
    lives(&mut script);
    let (pair, then) = script.session.stalled().unwrap();
    assert_eq!(pair, slow);
    assert!(then > first);
}

#[test]
fn what_another_session_found_out_gives_a_session_its_lanes() {
    let mut script = Script::new(None);
    let round = script.sent();
    assert_eq!(script.session.free_lanes(), 1);
    script.session.handle_peer_known(Peer::Spdystream);
    assert_eq!(script.session.free_lanes(), 5);
    script.pong_all(&round);
    for _ in 0..5 {
        script.opened();
    }
    assert_eq!(script.session.free_lanes(), 0);
}

/// Whether the frame takes a slot of `lane`.
fn lands_on(frame: &Sent, lane: LaneIndex) -> bool {
    match *frame {
        Sent::Data(stream, ..) | Sent::Reset(stream) => LaneIndex::of(stream) == lane,
        Sent::Ping(_) | Sent::Syn(..) => falls_to(frame, lane),
    }
}

impl Script {
    /// Sends a frame of `pair`, and counts what of all that was sent since takes a slot of `lane`.
    fn send_after_output(&mut self, pair: PairId, length: usize, slots: &mut usize, lane: LaneIndex) {
        *slots += self.sent().iter().filter(|frame| lands_on(frame, lane)).count();
        *slots += usize::from(self.send(pair, length).is_some());
        *slots += self.sent().iter().filter(|frame| lands_on(frame, lane)).count();
    }
}
