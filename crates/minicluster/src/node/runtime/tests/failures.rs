//! Connections that fail: the order of the frames, and the texts.

use std::time::Duration;

use super::{
    Peer, frames,
    peer::{LOCAL, milliseconds},
};
use crate::node::runtime::{Action, DIAL_TIMEOUT, DialFailure, PodError};

const NAMESPACE: &str = "failed to execute portforward in network namespace \\\"/var/run/netns/cni-1\\\": ";

fn told(port: u16, cause: &str) -> String {
    format!("DATA 1 \"error forwarding port {port} to pod 5afe, uid : {cause}\"")
}

fn refused(port: u16, cause: &str) -> String {
    let cause = format!(
        "{NAMESPACE}failed to connect to localhost:{port} inside namespace \\\"5afe\\\", IPv4: dial tcp4 \
         127.0.0.1:{port}: connect: {cause} IPv6 dial tcp6: address localhost: no suitable address found "
    );
    told(port, &cause)
}

#[test]
fn a_refused_port_gives_data_fin_then_text_then_a_reset_of_the_error_stream() {
    for early in [false, true] {
        let mut peer = Peer::containerd();
        let pair = peer.open(1, 6, 83);
        assert_eq!(peer.frames(), frames(&["SYN_REPLY 1 first", "SYN_REPLY 6 later"]));
        if early {
            peer.data(6, b"early", false);
        }
        peer.answer_dial(pair, Err(DialFailure::Refused));
        assert_eq!(
            peer.frames(),
            frames(&["DATA 6 FIN", &refused(83, "connection refused"), "RST 1 5"])
        );
    }
}

#[test]
fn a_dial_without_an_answer_fails_in_the_end() {
    let mut peer = Peer::containerd();
    let pair = peer.open(1, 6, 84);
    peer.frames();
    peer.data(6, b"early", false);
    peer.pass(DIAL_TIMEOUT - milliseconds(1));
    assert_eq!(peer.round(1), [1, 5, 7, 9], "the lane waits with it");
    peer.pass(milliseconds(1));
    assert_eq!(peer.actions.pop_front(), Some(Action::ClosePod { pair }));
    let expected = [&*refused(84, "connection timed out"), "RST 1 5"];
    assert_eq!(
        peer.frames(),
        frames(&["DATA 6 FIN", expected[0], expected[1], "PING 3"])
    );
}

#[test]
fn a_reset_after_data_is_told_one_second_later() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.pod_sends(pair, b"partial");
    peer.pod_fails(pair, PodError::Reset);
    peer.pass(milliseconds(999));
    assert_eq!(peer.frames(), frames(&["DATA 6 \"partial\""]));
    peer.pass(milliseconds(1));
    let way = format!("tcp4 {LOCAL}->127.0.0.1:7");
    let cause = format!("{NAMESPACE}writeto {way}: read {way}: read: connection reset by peer");
    assert_eq!(
        peer.frames(),
        frames(&["DATA 6 FIN", &told(7, &cause), "RST 1 5"])
    );
}

#[test]
fn a_write_into_a_reset_is_told_in_its_own_words() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.data(6, b"x", false);
    peer.pod_refuses(pair, PodError::Reset);
    peer.pod_fails(pair, PodError::Reset);
    let way = format!("tcp4 {LOCAL}->127.0.0.1:7");
    let cause = format!("{NAMESPACE}readfrom {way}: write {way}: write: connection reset by peer");
    assert_eq!(
        peer.frames(),
        frames(&["DATA 6 FIN", &told(7, &cause), "RST 1 5"])
    );
}

#[test]
fn a_reset_before_the_dial_is_done_is_told_as_a_dial_error() {
    let mut peer = Peer::containerd();
    let pair = peer.open(1, 6, 23);
    peer.frames();
    peer.answer_dial(pair, Err(DialFailure::Reset));
    assert_eq!(
        peer.frames(),
        frames(&["DATA 6 FIN", &refused(23, "connection reset by peer"), "RST 1 5"])
    );
}

#[test]
fn a_deleted_pod_gives_text_and_resets_both_streams_without_a_fin() {
    for (failure, cause) in [
        (
            DialFailure::NamespaceClosed,
            "network namespace for sandbox \\\"5afe\\\" is closed",
        ),
        (
            DialFailure::NoSandbox,
            "failed to find sandbox \\\"5afe\\\" in store: not found",
        ),
    ] {
        let mut peer = Peer::containerd();
        let pair = peer.open(1, 6, 7);
        peer.frames();
        peer.answer_dial(pair, Err(failure));
        assert_eq!(peer.frames(), frames(&[&told(7, cause), "RST 6 5", "RST 1 5"]));
        assert_eq!(peer.round(1).len(), 5, "the session stays");
    }
}

#[test]
fn a_killed_process_looks_like_a_clean_end() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    peer.data(6, b"request", false);
    peer.pod_takes(pair);
    peer.pod_ends(pair);
    peer.pass(Duration::from_secs(1));
    assert_eq!(peer.frames(), frames(&["DATA 6 FIN", "DATA 1 FIN"]));
}

#[test]
fn one_failed_connection_ends_no_other() {
    let mut peer = Peer::containerd();
    let healthy = peer.connect(1, 6);
    let pair = peer.open(12, 17, 83);
    peer.answer_dial(pair, Err(DialFailure::Refused));
    peer.frames();
    peer.pod_sends(healthy, b"still here");
    assert_eq!(peer.frames(), frames(&["DATA 6 \"still here\""]));
}

#[test]
fn a_client_that_does_not_read_stops_the_copies_from_the_pod() {
    let mut peer = Peer::containerd();
    let pair = peer.connect(1, 6);
    let piece = [b'x'; 32 * 1024];
    let mut copied = 0;
    loop {
        peer.pod_sends(pair, &piece);
        copied += piece.len();
        if peer.actions.pop_front().is_none() {
            break;
        }
    }
    assert_eq!(copied, 256 * 1024);
    // Workers that have to answer wait as well; DATA is still taken.
    peer.ping(1);
    peer.data(6, b"up", false);
    assert!(matches!(peer.actions.pop_front(), Some(Action::WritePod { .. })));
    assert_eq!(peer.frames().last().map(String::as_str), Some("PING 1"));
    assert_eq!(peer.actions.pop_front(), Some(Action::ReadPod { pair }));
}
