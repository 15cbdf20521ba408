use podline_wire::spdy::{ResetStatus, reset};

use super::{Peer, frames, peer::id};
use crate::node::runtime::{Action, PairId};

/// SETTINGS without entries, and WINDOW_UPDATE for the session.
const SETTINGS: [u8; 12] = [0x80, 3, 0, 4, 0, 0, 0, 4, 0, 0, 0, 0];
const WINDOW_UPDATE: [u8; 16] = [0x80, 3, 0, 9, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1];

/// A pair on lane `data % 5` whose pod has taken one frame and takes no more.
fn stalled(peer: &mut Peer, error: u32, data: u32) -> PairId {
    let pair = peer.connect(error, data);
    peer.data(data, b"taken", false);
    assert!(matches!(peer.actions.pop_front(), Some(Action::WritePod { .. })));
    pair
}

#[test]
fn a_stalled_stream_silences_exactly_the_lane_of_its_id() {
    for lane in 0..5 {
        let mut peer = Peer::containerd();
        let data = 20 + lane;
        stalled(&mut peer, 11, data);
        peer.data(data, b"waits", false);
        // Ping k goes to worker k mod 5, whatever its id.
        let silent = 1001 + 2 * (lane);
        let expected: Vec<u32> = (0..5)
            .map(|index| 1001 + 2 * index)
            .filter(|id| *id != silent)
            .collect();
        assert_eq!(peer.round(1001), expected);
    }
}

#[test]
fn settings_and_window_updates_take_a_turn_of_the_pings() {
    for noise in [&SETTINGS[..], &WINDOW_UPDATE] {
        let mut peer = Peer::containerd();
        stalled(&mut peer, 11, 20);
        peer.data(20, b"waits", false);
        peer.send(noise);
        // The noise took the stalled worker 0; the fifth ping comes to it next.
        assert_eq!(peer.round(1), [1, 3, 5, 7]);
    }
}

#[test]
fn fifty_queued_frames_are_harmless_and_the_fifty_first_stops_the_reader() {
    let mut peer = Peer::containerd();
    stalled(&mut peer, 11, 21);
    // One in the hand-over and fifty in the queue.
    (0..51).for_each(|_| peer.data(21, b"x", false));
    assert!(peer.runtime.wants_input());
    peer.syn(21, false, &[]);
    assert_eq!(peer.frames(), frames(&["RST 21 1"]), "the reader answers");

    peer.data(21, b"x", false);
    assert!(!peer.runtime.wants_input());
    peer.syn(21, false, &[]);
    assert_eq!(peer.round(1), [0_u32; 0]);
    assert_eq!(
        peer.frames(),
        frames(&[]),
        "not even the reader's probe is answered"
    );
}

#[test]
fn taking_one_frame_lets_the_reader_go_on() {
    let mut peer = Peer::containerd();
    let pair = stalled(&mut peer, 11, 21);
    (0..52).for_each(|_| peer.data(21, b"x", false));
    peer.ping(1);
    assert_eq!(peer.frames(), frames(&[]));
    peer.pod_takes(pair);
    assert_eq!(peer.frames(), frames(&["PING 1"]));
}

#[test]
fn other_lanes_of_a_session_with_a_stalled_one_work() {
    let mut peer = Peer::containerd();
    stalled(&mut peer, 11, 21);
    (0..40).for_each(|_| peer.data(21, b"x", false));
    let pair = peer.connect(27, 32);
    peer.data(32, b"hello", false);
    let Some(Action::WritePod { pair: written, bytes }) = peer.actions.pop_front() else {
        panic!("not written")
    };
    assert_eq!((written, &bytes[..]), (pair, &b"hello"[..]));
    peer.pod_sends(pair, b"hello");
    assert_eq!(peer.frames(), frames(&["DATA 32 \"hello\""]));
}

#[test]
fn a_pair_on_the_stalled_lane_is_not_answered() {
    let mut peer = Peer::containerd();
    stalled(&mut peer, 11, 21);
    peer.data(21, b"waits", false);
    peer.half("error", 31, 7, "second");
    peer.half("data", 36, 7, "second");
    assert_eq!(peer.frames(), frames(&[]));
}

#[test]
fn pings_alone_kill_a_session_with_a_stalled_lane() {
    let mut peer = Peer::containerd();
    stalled(&mut peer, 11, 20);
    peer.data(20, b"waits", false);
    let mut rounds = 0;
    while peer.round(1 + 10 * rounds).len() == 4 {
        rounds += 1;
    }
    assert_eq!(rounds, 50, "one slot of the stalled lane a round");
    assert!(!peer.runtime.wants_input());
}

#[test]
fn a_reset_or_a_fin_does_not_free_a_stalled_lane() {
    for fin in [false, true] {
        let mut peer = Peer::containerd();
        stalled(&mut peer, 11, 20);
        peer.data(20, b"waits", false);
        if fin {
            peer.data(20, b"", true);
        } else {
            peer.reset(20);
        }
        assert_eq!(peer.round(1), [3, 5, 7, 9]);
    }
}

#[test]
fn an_empty_header_list_is_answered_by_its_lane_in_order() {
    let mut peer = Peer::containerd();
    let pair = stalled(&mut peer, 11, 21);
    peer.data(21, b"waits", false);
    peer.syn(26, false, &[]);
    peer.syn(32, false, &[]);
    assert_eq!(peer.frames(), frames(&["RST 32 5"]), "the other lane's fence");
    peer.pod_takes(pair);
    assert_eq!(
        peer.frames(),
        frames(&["RST 26 5"]),
        "the waiting frame was taken"
    );
}

#[test]
fn fences_take_no_slot_of_another_lane() {
    let mut peer = Peer::containerd();
    stalled(&mut peer, 11, 21);
    (0..51).for_each(|_| peer.data(21, b"x", false));
    for index in 0..200 {
        peer.syn(27 + 5 * index, false, &[]);
        assert_eq!(peer.frames().len(), 1);
    }
    assert!(peer.runtime.wants_input());
}

#[test]
fn a_used_id_is_answered_by_the_reader_past_a_stalled_lane() {
    let mut peer = Peer::containerd();
    stalled(&mut peer, 11, 21);
    (0..51).for_each(|_| peer.data(21, b"x", false));
    for _ in 0..300 {
        peer.syn(21, false, &[]);
        assert_eq!(peer.frames(), frames(&["RST 21 1"]));
    }
}

#[test]
fn ids_must_rise_by_two() {
    let mut peer = Peer::containerd();
    peer.half("error", 101, 7, "a");
    assert_eq!(peer.frames(), frames(&["SYN_REPLY 101 first"]));
    peer.half("data", 102, 7, "a");
    assert_eq!(peer.frames(), frames(&["RST 102 1"]));
    peer.half("data", 103, 7, "a");
    assert_eq!(peer.frames(), frames(&["SYN_REPLY 103 later"]));
    peer.half("error", 0x7fff_ffff, 7, "b");
    assert_eq!(peer.frames(), frames(&["SYN_REPLY 2147483647 later"]));
}

#[test]
fn early_data_of_a_pair_whose_error_stream_was_refused_blocks_its_lane() {
    let mut peer = Peer::containerd();
    peer.half("data", 101, 7, "a");
    peer.half("error", 102, 7, "a");
    peer.data(101, b"early", false);
    peer.frames();
    assert_eq!(peer.round(1), [1, 5, 7, 9]);
}

#[test]
fn priorities_order_a_queue() {
    let mut peer = Peer::containerd();
    let pair = stalled(&mut peer, 11, 20);
    peer.data(20, b"waits", false);
    // A reset of an unknown stream has the lowest priority, a ping the highest: the ping overtakes it.
    peer.send(&reset(id(500), ResetStatus::CANCEL));
    peer.ping(1);
    peer.pod_takes(pair);
    assert_eq!(peer.frames(), frames(&["PING 1"]));
}

#[test]
fn the_peers_own_parity_is_not_echoed() {
    let mut peer = Peer::containerd();
    peer.ping(2);
    peer.ping(3);
    assert_eq!(peer.frames(), frames(&["PING 3"]));
}

#[test]
fn headers_on_a_live_stream_jam_its_lane() {
    let mut peer = Peer::containerd();
    peer.connect(11, 21);
    peer.send(&[0x80, 3, 0, 8, 0, 0, 0, 4, 0, 0, 0, 21]);
    peer.reset(21);
    assert_eq!(peer.round(1), [1, 5, 7, 9]);
}

#[test]
fn two_streams_on_one_lane_share_its_fate() {
    let mut peer = Peer::containerd();
    stalled(&mut peer, 11, 21);
    let neighbour = peer.connect(23, 31);
    peer.data(21, b"waits", false);
    peer.data(31, b"neighbour", false);
    assert_eq!(peer.actions.pop_front(), None);
    peer.pod_sends(neighbour, b"down");
    assert_eq!(
        peer.frames(),
        frames(&["DATA 31 \"down\""]),
        "the other direction goes on"
    );
}
