//! Properties of the SPDY codec: what is written is what is read, however the bytes are cut, and no bytes at all make
//! it panic.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use bytes::BytesMut;
use podline_wire::Role;
use podline_wire::spdy::{
    Frame, FrameReader, GoAwayStatus, HeaderDecoder, HeaderEncoder, MAX_STREAM_ID, ReplyBlock, ResetStatus,
    StreamId, data_head, go_away, ping, reset,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A frame to write, and to be read again.
#[derive(Clone, Debug, PartialEq)]
enum Sent {
    Data {
        stream: StreamId,
        payload: Vec<u8>,
        fin: bool,
    },
    GoAway {
        last: u32,
        status: u32,
    },
    Ping {
        id: u32,
    },
    Reset {
        stream: StreamId,
        status: u32,
    },
    SynReply {
        stream: StreamId,
        fin: bool,
    },
    SynStream {
        stream: StreamId,
        fin: bool,
        headers: Vec<(String, String)>,
    },
}

proptest! {
    #[test]
    fn what_is_written_is_read(frames in vec(sent(), 0..20), portions in vec(1_usize..40, 1..20)) {
        prop_assert_eq!(read(&write(&frames), &portions), frames);
    }

    #[test]
    fn any_bytes_are_frames_or_an_offence(bytes in vec(any::<u8>(), 0..500)) {
        podline_fuzz_targets::frame_reader(&bytes);
    }

    #[test]
    fn bytes_that_look_like_frames_are_frames_or_an_offence(
        role in 0_u8..2,
        portion in any::<u8>(),
        frames in vec((control_head(), vec(any::<u8>(), 0..40)), 0..10),
    ) {
        let mut bytes = vec![role, portion];
        for (head, payload) in frames {
            bytes.extend(head);
            bytes.extend([0, 0, payload.len() as u8]);
            bytes.extend(payload);
        }
        podline_fuzz_targets::frame_reader(&bytes);
    }

    #[test]
    fn one_changed_byte_never_panics(
        frames in vec(sent(), 1..6),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = [&[1, 2], &write(&frames)[..]].concat();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        podline_fuzz_targets::frame_reader(&bytes);
    }

    #[test]
    fn any_bytes_are_headers_or_an_error(blocks in vec(vec(any::<u8>(), 0..60), 0..5)) {
        let mut data = Vec::new();
        for mut block in blocks {
            block.extend([0, 0, 0xff, 0xff]);
            data.push(block.len() as u8);
            data.extend(block);
        }
        podline_fuzz_targets::header_decoder(&data);
    }
}

fn stream() -> impl Strategy<Value = StreamId> {
    prop_oneof![1..20_u32, 1..=MAX_STREAM_ID].prop_map(|id| StreamId::new(id).unwrap())
}

fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    // A map, because no name may come twice; the suffix keeps clear of the names that are refused.
    prop::collection::btree_map("[a-z-]{1,12}[0-9]", "[^\0]{0,40}", 0..6)
        .prop_map(|map| map.into_iter().collect())
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        (stream(), vec(any::<u8>(), 0..100), any::<bool>()).prop_map(|(stream, payload, fin)| Sent::Data {
            stream,
            payload,
            fin
        }),
        (0..=MAX_STREAM_ID, any::<u32>()).prop_map(|(last, status)| Sent::GoAway { last, status }),
        (1..=u32::MAX).prop_map(|id| Sent::Ping { id }),
        (stream(), 1..=u32::MAX).prop_map(|(stream, status)| Sent::Reset { stream, status }),
        (stream(), any::<bool>()).prop_map(|(stream, fin)| Sent::SynReply { stream, fin }),
        (stream(), any::<bool>(), headers()).prop_map(|(stream, fin, headers)| Sent::SynStream {
            stream,
            fin,
            headers
        }),
    ]
}

/// Heads of control frames, right and nearly right, without the length.
fn control_head() -> impl Strategy<Value = Vec<u8>> {
    (prop::sample::select(vec![0x80_u8, 0]), 2_u8..4, 0_u8..11, 0_u8..4)
        .prop_map(|(control, version, code, flags)| vec![control, version, 0, code, flags])
}

fn write(frames: &[Sent]) -> BytesMut {
    let mut out = BytesMut::new();
    let mut streams = HeaderEncoder::new();
    // A real peer sends SYN_STREAM or SYN_REPLY; the reader under test inflates only the former.
    let mut replies = HeaderEncoder::new();
    for frame in frames {
        match frame {
            Sent::Data { stream, payload, fin } => {
                out.extend_from_slice(&data_head(*stream, payload.len(), *fin));
                out.extend_from_slice(payload);
            }
            Sent::GoAway { last, status } => {
                out.extend_from_slice(&go_away(*last, GoAwayStatus::new(*status)));
            }
            Sent::Ping { id } => out.extend_from_slice(&ping(*id)),
            Sent::Reset { stream, status } => {
                out.extend_from_slice(&reset(*stream, ResetStatus::new(*status)));
            }
            Sent::SynReply { stream, fin } => replies.syn_reply(&mut out, *stream, *fin, &[]),
            Sent::SynStream { stream, fin, headers } => {
                let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
                streams.syn_stream(&mut out, *stream, *fin, &headers);
            }
        }
    }
    out
}

/// Reads `bytes` in portions of those sizes, over and over.
fn read(bytes: &[u8], portions: &[usize]) -> Vec<Sent> {
    let mut reader = FrameReader::new(Role::Server);
    let mut decoder = HeaderDecoder::new();
    let mut frames = Vec::new();
    let mut rest = bytes;
    for &portion in portions.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let mut input;
        (input, rest) = rest.split_at(portion.min(rest.len()));
        while let Some(frame) = reader.read(&mut input).unwrap() {
            match frame {
                Frame::Data {
                    stream,
                    payload,
                    first: true,
                    fin,
                    ..
                } => {
                    frames.push(Sent::Data {
                        stream,
                        payload: payload.to_vec(),
                        fin,
                    });
                }
                Frame::Data { payload, fin, .. } => match frames.last_mut() {
                    Some(Sent::Data {
                        payload: begin,
                        fin: fins,
                        ..
                    }) => {
                        begin.extend(payload);
                        *fins = fin;
                    }
                    other => panic!("a later piece behind {other:?}"),
                },
                Frame::GoAway { last_stream, status } => {
                    frames.push(Sent::GoAway {
                        last: last_stream,
                        status: status.code(),
                    });
                }
                Frame::Ping { id } => frames.push(Sent::Ping { id }),
                Frame::Reset { stream, status } => frames.push(Sent::Reset {
                    stream,
                    status: status.code(),
                }),
                Frame::SynReply { stream, fin, block } => {
                    assert_eq!(
                        block,
                        ReplyBlock::Other,
                        "ours is stored, spdystream's is compressed"
                    );
                    frames.push(Sent::SynReply { stream, fin });
                }
                Frame::SynStream {
                    stream,
                    fin,
                    block,
                    unidirectional: false,
                    priority: 0,
                } => {
                    frames.push(Sent::SynStream {
                        stream,
                        fin,
                        headers: decoder.decode(&block).unwrap(),
                    });
                }
                other => panic!("nobody wrote {other:?}"),
            }
        }
    }
    assert!(reader.is_between_frames());
    frames
}
