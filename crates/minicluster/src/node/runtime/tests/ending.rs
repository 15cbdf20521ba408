//! How connections end, and how a session does.

use std::time::Duration;

use podline_wire::spdy::{GoAwayStatus, go_away};

use super::{Peer, frames, peer::milliseconds};
use crate::node::runtime::{Action, PodError};

#[test]
fn a_pods_end_is_told_one_second_later() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.pass(milliseconds(100));
    peer.pod_ends(pair);
    peer.pass(milliseconds(999));
    assert_eq!(peer.frames(), frames(&[]));
    peer.pass(milliseconds(1));
    assert_eq!(peer.frames(), frames(&["DATA 6 FIN", "DATA 1 FIN"]));
    assert_eq!(peer.actions.pop_front(), Some(Action::ClosePod { pair }));
}

#[test]
fn after_the_clients_fin_a_pods_end_is_told_at_once() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.data(6, b"", true);
    peer.pod_ends(pair);
    assert_eq!(peer.frames(), frames(&["DATA 6 FIN", "DATA 1 FIN"]));
}

#[test]
fn a_clients_fin_within_the_second_ends_it() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.pod_ends(pair);
    peer.pass(milliseconds(200));
    peer.data(6, b"", true);
    assert_eq!(peer.frames(), frames(&["DATA 6 FIN", "DATA 1 FIN"]));
}

#[test]
fn a_clients_reset_within_the_second_ends_it_without_a_data_fin() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.pod_ends(pair);
    peer.pass(milliseconds(200));
    peer.reset(6);
    assert_eq!(peer.frames(), frames(&["DATA 1 FIN"]));
}

#[test]
fn a_clients_fin_cuts_the_answer_after_one_second_with_a_clean_end() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.data(6, b"question", true);
    assert!(matches!(peer.actions.pop_front(), Some(Action::WritePod { .. })));
    peer.pod_takes(pair);
    peer.pass(milliseconds(500));
    peer.pod_sends(pair, b"part of the ");
    peer.pass(milliseconds(500));
    assert_eq!(
        peer.frames(),
        frames(&["DATA 6 \"part of the \"", "DATA 6 FIN", "DATA 1 FIN"])
    );
    // The pod never saw an end of the stream: its connection is closed.
    assert!(peer.actions.contains(&Action::ClosePod { pair }));
}

#[test]
fn a_fin_waits_until_the_pod_took_what_came_before_it() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.data(6, b"question", true);
    peer.pass(Duration::from_secs(5));
    assert_eq!(peer.frames(), frames(&[]), "the copy still writes");
    peer.pod_takes(pair);
    peer.pass(Duration::from_secs(1));
    assert_eq!(peer.frames(), frames(&["DATA 6 FIN", "DATA 1 FIN"]));
}

#[test]
fn a_clients_reset_ends_the_error_stream_after_one_second_and_data_goes_on_until_then() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.reset(6);
    peer.pass(milliseconds(999));
    peer.pod_sends(pair, b"flood");
    assert_eq!(peer.frames(), frames(&["DATA 6 \"flood\""]));
    peer.pass(milliseconds(1));
    assert_eq!(peer.frames(), frames(&["DATA 1 FIN"]));
    assert!(peer.actions.contains(&Action::ClosePod { pair }));
}

#[test]
fn empty_data_within_the_second_changes_nothing() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.pod_ends(pair);
    peer.pass(milliseconds(200));
    peer.data(6, b"", false);
    peer.pass(milliseconds(800));
    assert_eq!(peer.frames(), frames(&["DATA 6 FIN", "DATA 1 FIN"]));
}

#[test]
fn a_write_that_fails_within_the_second_ends_it_with_text() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.pod_ends(pair);
    peer.data(6, b"x", false);
    peer.pod_refuses(pair, PodError::BrokenPipe);
    let told = peer.frames();
    assert_eq!((told[0].as_str(), told[2].as_str()), ("DATA 6 FIN", "RST 1 5"));
    assert!(told[1].ends_with("write: broken pipe\""), "{}", told[1]);
}

#[test]
fn a_fin_may_ride_on_the_last_data() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.data(6, b"all", true);
    assert_eq!(
        peer.actions.pop_front(),
        Some(Action::WritePod {
            pair,
            bytes: "all".into()
        })
    );
    peer.pod_takes(pair);
    peer.pod_ends(pair);
    assert_eq!(peer.frames(), frames(&["DATA 6 FIN", "DATA 1 FIN"]));
}

#[test]
fn an_idle_session_is_reset_and_goes_away() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.pass(milliseconds(1000));
    peer.ping(1);
    peer.frames();
    peer.pass(Duration::from_secs(4 * 60 * 60) - milliseconds(1));
    assert!(!peer.is_hung_up(), "the ping started the time anew");
    peer.pass(milliseconds(1));
    // The error stream was ended by the client; we had not ended it.
    assert_eq!(peer.frames(), frames(&["RST 1 5", "RST 6 5", "GOAWAY 6 0"]));
    assert!(peer.is_hung_up());
    peer.pass(Duration::from_secs(1));
    assert!(peer.actions.contains(&Action::ClosePod { pair }));
    assert!(peer.runtime.is_finished());
}

#[test]
fn a_goaway_of_the_client_ends_everything_at_once() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.send(&go_away(0, GoAwayStatus::OK));
    assert!(peer.is_hung_up());
    peer.pass(Duration::from_secs(1));
    assert!(peer.actions.contains(&Action::ClosePod { pair }));
    assert!(peer.runtime.is_finished());
}

#[test]
fn a_lost_client_frees_the_pods_after_one_second() {
    let mut peer = Peer::containerd();
    let pairs: Vec<_> = (0..8)
        .map(|index| peer.connect(2 + 10 * index, 7 + 10 * index))
        .collect();
    peer.disconnect();
    assert!(!peer.runtime.is_finished());
    peer.pass(Duration::from_secs(1));
    assert!(peer.runtime.is_finished());
    for pair in pairs {
        assert!(peer.actions.contains(&Action::ClosePod { pair }));
    }
}

#[test]
fn a_lost_client_with_a_jammed_lane_leaks_every_connection() {
    let mut peer = Peer::containerd();
    let jammed = peer.connect(1, 6);
    peer.pod_ends(jammed);
    peer.pass(Duration::from_secs(1));
    peer.data(6, b"one", false);
    peer.data(6, b"two", false);
    peer.actions.clear();
    let healthy: Vec<_> = (0..8)
        .map(|index| peer.connect(12 + 10 * index, 17 + 10 * index))
        .collect();
    peer.actions.clear();
    peer.disconnect();
    peer.pass(Duration::from_secs(60));
    assert_eq!(peer.actions, []);
    assert_eq!(peer.runtime.connections(), 8);
    // Each goes when its pod ends it.
    for pair in healthy {
        peer.pod_ends(pair);
        peer.pass(Duration::from_secs(1));
        assert_eq!(peer.actions.pop_front(), Some(Action::ClosePod { pair }));
    }
}

#[test]
fn streams_that_were_ended_first_do_not_leak_with_a_jammed_lane() {
    let mut peer = Peer::containerd();
    let jammed = peer.connect(1, 6);
    peer.pod_ends(jammed);
    peer.pass(Duration::from_secs(1));
    peer.data(6, b"one", false);
    peer.data(6, b"two", false);
    peer.actions.clear();
    peer.connect(12, 17);
    peer.connect(22, 27);
    peer.reset(17);
    peer.data(27, b"", true);
    peer.pass(milliseconds(1300));
    peer.disconnect();
    assert_eq!(peer.runtime.connections(), 0);
}

#[test]
fn a_stalled_lane_holds_the_session_until_its_pod_reads() {
    let mut peer = Peer::containerd();
    let stalled = peer.connect(1, 6);
    peer.connect(12, 17);
    peer.data(6, b"taken", false);
    peer.data(6, b"waits", false);
    peer.disconnect();
    peer.pass(Duration::from_secs(60));
    assert_eq!(peer.runtime.connections(), 2);
    peer.pod_takes(stalled);
    peer.pod_takes(stalled);
    peer.pass(Duration::from_secs(1));
    assert!(peer.runtime.is_finished());
}

#[test]
fn broken_frames_close_the_connection_without_a_word() {
    let unknown_type = [0x80, 3, 0, 5, 0, 0, 0, 0];
    let ping_with_flags = [0x80, 3, 0, 6, 1, 0, 0, 4, 0, 0, 0, 1];
    let short_goaway = [0x80, 3, 0, 7, 0, 0, 0, 4, 0, 0, 0, 1];
    for bytes in [&unknown_type[..], &ping_with_flags, &short_goaway] {
        let mut peer = Peer::containerd();
        peer.connect(1, 6);
        peer.send(bytes);
        assert!(peer.is_hung_up());
        assert_eq!(peer.frames(), frames(&[]));
    }
}

#[test]
fn frames_without_meaning_end_the_session_by_goaway() {
    let ping_zero = [0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 0];
    let data_zero = [0, 0, 0, 0, 0, 0, 0, 0];
    for bytes in [&ping_zero[..], &data_zero] {
        let mut peer = Peer::containerd();
        peer.connect(1, 6);
        peer.send(bytes);
        assert_eq!(peer.frames(), frames(&["GOAWAY 6 0"]));
        assert!(peer.is_hung_up());
    }
    let mut peer = Peer::containerd();
    peer.syn(1, false, &[("host", "x")]);
    assert_eq!(peer.frames(), frames(&["GOAWAY 0 0"]));
}

#[test]
fn frames_for_unknown_streams_are_ignored() {
    let mut peer = Peer::containerd();
    peer.data(99, b"nobody", true);
    peer.reset(99);
    assert_eq!(peer.round(1), [1, 3, 5, 7, 9]);
}
