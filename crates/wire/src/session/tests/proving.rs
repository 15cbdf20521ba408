//! What the peer is, found out before there is a pair.

use super::*;

/// A session whose PINGs were answered, and the stream that asks its peer what it is.
fn asked() -> (Script, StreamId) {
    let mut script = Script::new(None);
    let round = script.sent();
    script.pong_all(&round);
    script.session.prove();
    let [Sent::Syn(stream, true)] = script.sent()[..] else {
        panic!("not one finished stream")
    };
    (script, stream)
}

/// Another peer's reply.
fn other_reply(script: &mut Script, stream: StreamId) {
    let mut reply = BytesMut::new();
    script
        .replies
        .syn_reply(&mut reply, stream, false, &[("server", "gateway")]);
    script.handle(&reply);
}

#[test]
fn a_lone_error_stream_proves_the_peer_and_is_reset_once_it_was_answered() {
    let (mut script, stream) = asked();
    assert!(script.session.is_clean() && script.session.pairs() == 0);
    script.reply(stream);
    assert_eq!(script.session.peer(), Some(Peer::Spdystream));
    assert_eq!(script.events(), [Event::PeerKnown(Peer::Spdystream)]);
    assert_eq!(script.sent(), [Sent::Reset(stream)]);
    assert_eq!(
        (script.session.free_lanes(), script.session.is_clean()),
        (5, true)
    );
    // The streaming server's last word of it.
    script.data(stream, b"timed out waiting for streams", false);
    assert_eq!((script.sent(), script.events()), (Vec::new(), Vec::new()));
}

#[test]
fn a_connection_need_not_wait_for_the_proof_and_has_a_lane_of_its_own() {
    let (mut script, stream) = asked();
    let pair = script.opened();
    assert_ne!(LaneIndex::of(stream), LaneIndex::of(pair.data_stream()));
    assert_eq!(
        script.session.peer(),
        Some(Peer::Spdystream),
        "the pair tells as well"
    );
    script.reply(stream);
    assert_eq!(script.sent(), [Sent::Reset(stream)]);
    assert_eq!(script.session.free_lanes(), 4);
}

#[test]
fn the_frames_of_the_lone_stream_count_on_its_lane() {
    let (mut script, stream) = asked();
    let lane = LaneIndex::of(stream);
    assert_eq!(script.session.lane(lane).unacknowledged(), 1);
    script.reply(stream);
    assert_eq!(script.session.lane(lane).unacknowledged(), 1, "the reset");
    script.session.fence(script.now, lane);
    let round = script.sent();
    script.pong_all(&round);
    assert_eq!(script.session.lane(lane).unacknowledged(), 0);
}

#[test]
fn another_peer_found_out_so_has_its_one_pair_still_to_come() {
    let (mut script, stream) = asked();
    other_reply(&mut script, stream);
    assert_eq!(script.session.peer(), Some(Peer::Other));
    assert_eq!(script.sent(), [Sent::Reset(stream)]);
    assert_eq!(
        (script.session.free_lanes(), script.session.is_retired()),
        (1, false)
    );
    script.open();
    assert!(script.session.is_retired() && script.session.free_lanes() == 0);
}

#[test]
fn a_session_that_had_a_pair_gets_none_any_more_once_the_peer_is_known_to_be_another() {
    for by_another_session in [false, true] {
        let (mut script, stream) = asked();
        let pair = script.open();
        script.session.reset(script.now, pair);
        if by_another_session {
            script.session.handle_peer_known(Peer::Other);
        } else {
            other_reply(&mut script, stream);
        }
        assert!(script.session.is_retired());
    }
}

#[test]
fn nobody_is_asked_where_something_else_tells_or_has_told() {
    let mut known = Script::proven();
    known.session.prove();
    assert_eq!(known.sent(), []);

    let mut used = Script::new(None);
    used.open();
    used.sent();
    used.session.prove();
    assert_eq!(used.sent(), []);

    let (mut twice, _) = asked();
    twice.session.prove();
    assert_eq!(twice.sent(), []);
}

#[test]
fn a_peer_that_refuses_the_lone_stream_is_known_by_its_first_pair() {
    let (mut script, stream) = asked();
    script.reset(stream, ResetStatus::REFUSED_STREAM);
    assert_eq!((script.session.peer(), script.sent()), (None, Vec::new()));
    script.opened();
    assert_eq!(script.session.peer(), Some(Peer::Spdystream));
}

#[test]
fn a_peer_that_never_answers_the_lone_stream_leaves_nothing_due_for_it() {
    let (script, _) = asked();
    let (_, due) = script.session.poll_timeout().unwrap();
    assert_eq!(due, "keepalive");
}
