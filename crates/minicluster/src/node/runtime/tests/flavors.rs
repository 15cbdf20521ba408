//! How other runtimes than the newest containerd differ.

use std::time::Duration;

use super::{Peer, frames};
use crate::node::runtime::{DialFailure, Flavor, PodError};

fn failed(flavor: Flavor, broken: bool) -> Vec<String> {
    let mut peer = Peer::new(flavor);
    if broken {
        let pair = peer.connect(1, 6);
        peer.pod_fails(pair, PodError::Reset);
        peer.pass(Duration::from_secs(1));
    } else {
        let pair = peer.open(1, 6, 83);
        peer.frames();
        peer.answer_dial(pair, Err(DialFailure::Refused));
    }
    let mut told = peer.frames();
    for frame in &mut told {
        if frame.starts_with("DATA 1 \"") {
            *frame = "text".into();
        }
    }
    told
}

#[test]
fn containerd_2_0_ends_a_failed_connection_by_text_and_fin() {
    for broken in [false, true] {
        assert_eq!(
            failed(Flavor::Containerd20, broken),
            frames(&["DATA 6 FIN", "text", "DATA 1 FIN"])
        );
    }
}

#[test]
fn containerd_1_7_resets_a_broken_connection_without_text() {
    assert_eq!(
        failed(Flavor::Containerd17, true),
        frames(&["DATA 6 FIN", "RST 1 5"])
    );
    assert_eq!(
        failed(Flavor::Containerd17, false),
        frames(&["DATA 6 FIN", "text", "DATA 1 FIN"])
    );
}

#[test]
fn containerd_2_1_and_cri_o_reset_after_the_text() {
    for flavor in [Flavor::Containerd21, Flavor::CriO] {
        for broken in [false, true] {
            assert_eq!(failed(flavor, broken), frames(&["DATA 6 FIN", "text", "RST 1 5"]));
        }
    }
}

#[test]
fn early_data_of_a_refused_port_jams_a_runtime_that_does_not_reset() {
    for flavor in [Flavor::Containerd17, Flavor::Containerd20] {
        let mut peer = Peer::new(flavor);
        let pair = peer.open(11, 21, 83);
        peer.data(21, b"early", false);
        peer.answer_dial(pair, Err(DialFailure::Refused));
        peer.frames();
        assert_eq!(peer.round(1), [1, 5, 7, 9], "{flavor:?}");
    }
}

#[test]
fn cri_o_reads_on_after_the_end_and_never_jams() {
    let mut peer = Peer::new(Flavor::CriO);
    let pair = peer.connect(11, 21);
    peer.pod_ends(pair);
    peer.pass(Duration::from_secs(1));
    (0..100).for_each(|_| peer.data(21, b"late", false));
    peer.frames();
    assert_eq!(peer.round(1), [1, 3, 5, 7, 9]);
}

#[test]
fn cri_o_has_its_own_words() {
    let mut peer = Peer::new(Flavor::CriO);
    let pair = peer.open(1, 6, 83);
    peer.answer_dial(pair, Err(DialFailure::Refused));
    let expected = "DATA 1 \"error forwarding port 83 to pod 5afe, uid : port forward into network namespace \
                    \\\"/var/run/netns/cni-1\\\": failed to connect to localhost:83 inside namespace 5afe: dial tcp \
                    [::1]:83: connect: connection refused\"";
    assert!(peer.frames().contains(&expected.to_owned()));
}

#[test]
fn a_strict_peer_has_no_lanes_and_another_reply_block() {
    let mut peer = Peer::new(Flavor::Strict);
    let pair = peer.open(1, 3, 7);
    assert_eq!(peer.frames(), frames(&["SYN_REPLY 1 other", "SYN_REPLY 3 other"]));
    peer.answer_dial(pair, Ok(()));
    (0..30).for_each(|_| peer.data(3, b"stalls", false));
    assert_eq!(peer.round(1), [1, 3, 5, 7, 9], "a ping is answered by the reader");
    peer.actions.clear();
    peer.connect(5, 7);
}

#[test]
fn a_strict_peer_ends_the_session_for_what_spdystream_puts_up_with() {
    type Offence = fn(&mut Peer);
    let offences: [(&str, Offence); 4] = [
        ("used id", |peer| peer.syn(3, false, &[])),
        ("even id", |peer| peer.half("error", 8, 7, "n")),
        ("empty headers", |peer| peer.syn(5, false, &[])),
        ("unknown stream", |peer| peer.data(99, b"x", false)),
    ];
    for (name, offence) in offences {
        let mut peer = Peer::new(Flavor::Strict);
        peer.connect(1, 3);
        offence(&mut peer);
        assert_eq!(peer.frames(), frames(&["GOAWAY 3 1"]), "{name}");
        assert!(peer.is_hung_up(), "{name}");
    }
}
