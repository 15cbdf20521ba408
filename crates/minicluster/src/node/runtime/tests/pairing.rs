use super::{
    Peer, frames,
    peer::{id, milliseconds},
};
use crate::node::runtime::{Action, PAIRING_TIMEOUT, ReplyFault};
use podline_wire::spdy::data_head;

#[test]
fn everything_in_one_write_is_served() {
    let mut peer = Peer::containerd();
    let (mut out, mut encoder) = (bytes::BytesMut::new(), podline_wire::spdy::HeaderEncoder::new());
    for (stream, kind) in [(1, "error"), (6, "data")] {
        let headers = [("streamtype", kind), ("port", "7"), ("requestid", "1")];
        encoder.syn_stream(&mut out, id(stream), kind == "error", &headers);
    }
    out.extend_from_slice(&data_head(id(6), 5, false));
    out.extend_from_slice(b"early");
    peer.send(&out);
    let pair = peer.dialled(7);
    assert_eq!(peer.frames(), frames(&["SYN_REPLY 1 first", "SYN_REPLY 6 later"]));
    assert_eq!(peer.actions.pop_front(), None, "early data waits for the dial");
    peer.answer_dial(pair, Ok(()));
    let done: Vec<_> = peer.actions.drain(..).collect();
    assert_eq!(
        done,
        [
            Action::ReadPod { pair },
            Action::WritePod {
                pair,
                bytes: "early".into()
            }
        ]
    );
}

#[test]
fn streams_pair_in_either_order_and_by_byte() {
    let mut peer = Peer::containerd();
    peer.half("data", 1, 7, "x");
    peer.half("error", 3, 7, "x");
    peer.dialled(7);
}

#[test]
fn streams_without_request_id_pair_by_their_numbers() {
    let mut peer = Peer::containerd();
    peer.syn(5, true, &[("streamtype", "error"), ("port", "7")]);
    peer.syn(7, false, &[("streamtype", "data"), ("port", "7")]);
    peer.dialled(7);
}

#[test]
fn bad_headers_are_rejected_without_a_reply() {
    let mut peer = Peer::containerd();
    let bad: [&[(&str, &str)]; 6] = [
        &[],
        &[("streamtype", "data"), ("requestid", "1")],
        &[("streamtype", "data"), ("port", "0")],
        &[("streamtype", "data"), ("port", "+7")],
        &[("streamtype", "data"), ("port", "65536")],
        &[("streamtype", "both"), ("port", "7")],
    ];
    for (index, headers) in bad.iter().enumerate() {
        let stream = 1 + 2 * index as u32;
        peer.syn(stream, false, headers);
        assert_eq!(
            peer.frames(),
            frames(&[&format!("RST {stream} 5")]),
            "{headers:?}"
        );
    }
}

#[test]
fn a_lone_error_stream_is_told_after_thirty_seconds_and_stays_open() {
    let mut peer = Peer::containerd();
    peer.half("error", 1, 7, "lone");
    peer.frames();
    peer.pass(PAIRING_TIMEOUT - milliseconds(1));
    assert_eq!(peer.frames(), frames(&[]));
    peer.pass(milliseconds(1));
    let told = peer.frames();
    assert_eq!(told.len(), 1, "no FIN and no RST: {told:?}");
    assert!(
        told[0].starts_with("DATA 1 \"(conn=0x")
            && told[0].ends_with("request=lone) timed out waiting for streams\"")
    );
    // The pair is forgotten: its other half starts a new one.
    peer.half("data", 3, 7, "lone");
    assert_eq!(peer.actions.pop_front(), None);
}

#[test]
fn a_lone_error_stream_that_was_reset_is_told_all_the_same_and_nothing_is_left() {
    let mut peer = Peer::containerd();
    peer.half("error", 1, 7, "lone");
    peer.frames();
    peer.reset(1);
    assert_eq!(peer.runtime.streams(), 1);
    peer.pass(PAIRING_TIMEOUT);
    let told = peer.frames();
    assert_eq!(told.len(), 1, "no FIN and no RST: {told:?}");
    assert!(told[0].starts_with("DATA 1 ") && told[0].ends_with("timed out waiting for streams\""));
    assert_eq!((peer.runtime.streams(), peer.runtime.connections()), (0, 0));
    assert_eq!(peer.actions.pop_front(), None, "nothing is dialled");
}

#[test]
fn a_lone_data_stream_is_forgotten_without_a_word() {
    let mut peer = Peer::containerd();
    peer.half("data", 1, 7, "lone");
    peer.frames();
    peer.pass(PAIRING_TIMEOUT);
    assert_eq!(peer.frames(), frames(&[]));
}

#[test]
fn a_second_stream_of_a_type_is_told_on_the_first() {
    let mut peer = Peer::containerd();
    peer.half("error", 1, 7, "n");
    peer.half("error", 3, 7, "n");
    let expected = "DATA 1 \"error processing stream for request n: error stream already assigned\"";
    assert_eq!(
        peer.frames(),
        frames(&["SYN_REPLY 1 first", "SYN_REPLY 3 later", expected])
    );
    peer.half("data", 5, 7, "n");
    peer.dialled(7);
}

#[test]
fn a_request_id_may_be_used_again_after_its_pair_was_complete() {
    let mut peer = Peer::containerd();
    for first in [1, 11] {
        peer.half("error", first, 7, "same");
        peer.half("data", first + 5, 7, "same");
        peer.dialled(7);
    }
}

#[test]
fn a_delayed_reply_holds_its_worker_but_not_the_dial() {
    let mut peer = Peer::containerd();
    peer.runtime.set_reply(ReplyFault::Delayed(milliseconds(300)));
    peer.half("error", 1, 7, "n");
    peer.half("data", 7, 7, "n");
    let pair = peer.dialled(7);
    peer.answer_dial(pair, Ok(()));
    assert_eq!(peer.actions.pop_front(), None, "nothing is read before the reply");
    assert_eq!(peer.round(1), [1, 7, 9]);
    peer.pass(milliseconds(300));
    assert_eq!(
        peer.frames(),
        frames(&["SYN_REPLY 1 first", "PING 3", "SYN_REPLY 7 later", "PING 5"])
    );
    assert_eq!(peer.actions.pop_front(), Some(Action::ReadPod { pair }));
}

#[test]
fn a_reply_that_never_comes_holds_its_worker_for_ever() {
    let mut peer = Peer::containerd();
    peer.runtime.set_reply(ReplyFault::Never);
    peer.half("error", 1, 7, "n");
    peer.pass(PAIRING_TIMEOUT);
    assert_eq!(peer.round(1), [1, 5, 7, 9]);
}
