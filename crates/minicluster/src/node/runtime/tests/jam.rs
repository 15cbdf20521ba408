//! What becomes of a lane when DATA comes for a connection that ended.

use std::time::Duration;

use super::{Peer, peer::milliseconds};
use crate::node::runtime::{Action, DialFailure, PairId, PodError};

/// Answers of a round on a session with nothing wrong, and on one whose lane 1 is dead.
const FINE: [u32; 5] = [1, 3, 5, 7, 9];
const JAMMED: [u32; 4] = [1, 5, 7, 9];

/// A connection on lane 1 whose pod has ended and whose data FIN was sent.
fn ended() -> (Peer, PairId) {
    let mut peer = Peer::containerd();
    let pair = peer.connect(11, 21);
    peer.pod_ends(pair);
    peer.pass(Duration::from_secs(1));
    peer.frames();
    (peer, pair)
}

fn data(peer: &mut Peer, count: usize) {
    (0..count).for_each(|_| peer.data(21, b"late", false));
}

#[test]
fn none_or_one_frame_after_the_data_fin_is_harmless() {
    for count in [0, 1] {
        let (mut peer, _) = ended();
        data(&mut peer, count);
        assert_eq!(peer.round(1), FINE, "{count}");
    }
}

#[test]
fn two_frames_after_the_data_fin_jam_the_lane_for_good() {
    for count in [2, 3] {
        let (mut peer, _) = ended();
        data(&mut peer, count);
        assert_eq!(peer.round(1), JAMMED, "{count}");
        peer.pass(Duration::from_secs(3));
        assert_eq!(peer.round(11), [11, 15, 17, 19], "{count}");
    }
}

#[test]
fn a_reset_behind_the_frames_comes_too_late() {
    let (mut peer, _) = ended();
    data(&mut peer, 2);
    peer.reset(21);
    assert_eq!(peer.round(1), JAMMED);
}

#[test]
fn a_reset_or_fin_before_the_frames_saves_the_lane() {
    let (mut peer, _) = ended();
    peer.reset(21);
    data(&mut peer, 3);
    assert_eq!(peer.round(1), FINE);

    let (mut peer, _) = ended();
    peer.data(21, b"", true);
    data(&mut peer, 3);
    assert_eq!(peer.round(1), FINE);
}

#[test]
fn one_frame_and_then_an_end_is_harmless() {
    let (mut peer, _) = ended();
    data(&mut peer, 1);
    peer.reset(21);
    assert_eq!(peer.round(1), FINE);

    let (mut peer, _) = ended();
    data(&mut peer, 1);
    peer.data(21, b"", true);
    assert_eq!(peer.round(1), FINE);

    let (mut peer, _) = ended();
    peer.data(21, b"last", true);
    assert_eq!(peer.round(1), FINE);
}

#[test]
fn frames_within_the_second_of_a_closed_pod_fail_and_are_harmless() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(11, 21);
    peer.pod_ends(pair);
    peer.pass(milliseconds(100));
    data(&mut peer, 3);
    // The first is taken by the pod's kernel, the second breaks.
    peer.pod_takes(pair);
    peer.pod_refuses(pair, PodError::BrokenPipe);
    let told = peer.frames();
    assert!(told.contains(&"RST 11 5".to_owned()), "{told:?}");
    assert_eq!(peer.round(1), FINE);
}

#[test]
fn frames_within_the_second_of_a_half_closed_pod_are_taken() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(11, 21);
    peer.pod_ends(pair);
    data(&mut peer, 3);
    (0..3).for_each(|_| peer.pod_takes(pair));
    peer.pass(Duration::from_secs(1));
    assert_eq!(peer.round(1), FINE);
}

#[test]
fn frames_around_a_pods_reset_are_harmless() {
    for before in [0, 3] {
        let mut peer = Peer::containerd();
        let pair = peer.connect(11, 21);
        peer.pod_fails(pair, PodError::Reset);
        data(&mut peer, before);
        peer.pass(Duration::from_secs(1));
        data(&mut peer, 3);
        assert_eq!(peer.round(1), FINE, "{before}");
    }
}

#[test]
fn frames_for_a_refused_port_are_harmless() {
    let mut peer = Peer::containerd();
    let pair = peer.open(11, 21, 83);
    data(&mut peer, 3);
    assert_eq!(peer.round(1), JAMMED, "the first waits for the dial");
    peer.answer_dial(pair, Err(DialFailure::Refused));
    data(&mut peer, 3);
    peer.frames();
    assert_eq!(peer.round(11), [11, 13, 15, 17, 19]);
}

#[test]
fn an_upload_that_the_runtime_cuts_jams_its_lane_and_without_a_window_the_session() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(11, 21);
    peer.pod_ends(pair);
    data(&mut peer, 1);
    // The pod does not keep up, so the copy is still writing when its second is over.
    peer.pass(Duration::from_secs(1));
    assert!(peer.actions.contains(&Action::ClosePod { pair }));
    peer.frames();
    data(&mut peer, 1);
    assert_eq!(peer.round(1), JAMMED, "no copy is left to take even one");
    data(&mut peer, 50);
    assert_eq!(peer.round(11), [0_u32; 0]);
    assert!(!peer.is_read());
}
