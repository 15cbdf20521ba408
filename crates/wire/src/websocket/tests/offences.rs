//! Each offence has its name, and ends the connection for good.

use super::*;

/// What a client makes of a server's bytes, whole and byte by byte.
#[track_caller]
fn offence(bytes: &[u8]) -> PeerMisbehaved {
    let events = decode(Role::Client, bytes, &[usize::MAX]);
    assert_eq!(events, decode(Role::Client, bytes, &[1]));
    match events.last() {
        Some(Event::Offence(offence)) => *offence,
        other => panic!("{bytes:02x?} is no offence: {other:?}"),
    }
}

#[test]
fn frames_that_a_tunnel_cannot_take() {
    assert_eq!(offence(&[0x81, 0x00]), PeerMisbehaved::Text);
    assert_eq!(offence(&[0x83, 0x00]), PeerMisbehaved::ReservedOpcode(0x3));
    assert_eq!(offence(&[0x8f, 0x00]), PeerMisbehaved::ReservedOpcode(0xf));
    assert_eq!(offence(&[0xc2, 0x00]), PeerMisbehaved::ReservedBit);
    assert_eq!(offence(&[0x92, 0x00]), PeerMisbehaved::ReservedBit);
    assert_eq!(offence(&[0x82, 0x80]), PeerMisbehaved::Masked);
}

#[test]
fn fragments_out_of_order() {
    assert_eq!(offence(&[0x80, 0x00]), PeerMisbehaved::ContinuationWithoutStart);
    assert_eq!(
        offence(&[0x82, 0x00, 0x00, 0x00]),
        PeerMisbehaved::ContinuationWithoutStart
    );
    assert_eq!(
        offence(&[0x02, 0x01, 0x61, 0x82, 0x00]),
        PeerMisbehaved::MessageInsideMessage
    );
}

#[test]
fn control_frames_that_are_long_or_fragmented() {
    assert_eq!(offence(&[0x89, 126]), PeerMisbehaved::ControlTooLong);
    assert_eq!(offence(&[0x88, 127]), PeerMisbehaved::ControlTooLong);
    assert_eq!(offence(&[0x09, 0x00]), PeerMisbehaved::ControlFragmented);
    assert_eq!(
        offence(&[0x02, 0x00, 0x08, 0x00]),
        PeerMisbehaved::ControlFragmented
    );
}

#[test]
fn lengths_that_are_wasteful_or_impossible() {
    assert_eq!(offence(&[0x82, 126, 0, 125]), PeerMisbehaved::LengthNotMinimal);
    assert_eq!(
        offence(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
        PeerMisbehaved::LengthNotMinimal
    );
    assert_eq!(
        offence(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        PeerMisbehaved::LengthTooLarge
    );
}

#[test]
fn close_frames_that_say_nothing_valid() {
    assert_eq!(offence(&[0x88, 1, 0x03]), PeerMisbehaved::CloseCodeTruncated);
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        let [high, low] = code.to_be_bytes();
        assert_eq!(
            offence(&[0x88, 2, high, low]),
            PeerMisbehaved::ReservedCloseCode(code)
        );
    }
    assert_eq!(
        offence(&[0x88, 3, 0x03, 0xe8, 0xff]),
        PeerMisbehaved::CloseReasonNotUtf8
    );
}

#[test]
fn an_offence_is_final() {
    let mut decoder = Decoder::new(Role::Client);
    assert_eq!(
        decoder.read(&mut &[0x81, 0x00][..]).unwrap_err(),
        PeerMisbehaved::Text
    );
    assert_eq!(
        decoder.read(&mut &[0x82, 0x01, 0x61][..]).unwrap_err(),
        PeerMisbehaved::Text
    );
}

#[test]
fn data_before_an_offence_is_given_out() {
    let events = decode(Role::Client, &[0x82, 0x01, 0x61, 0x81, 0x00], &[usize::MAX]);
    assert_eq!(
        events,
        [Event::Data(vec![0x61]), Event::Offence(PeerMisbehaved::Text)]
    );
}

#[cfg(feature = "server")]
#[test]
fn a_client_that_does_not_mask() {
    let events = decode(Role::Server, &[0x82, 0x01, 0x61], &[1]);
    assert_eq!(events, [Event::Offence(PeerMisbehaved::Unmasked)]);
}
