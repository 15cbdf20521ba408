use podline_wire::Role;
use podline_wire::spdy::{Frame, FrameReader, PeerMisbehaved, StreamId};

/// Frames are the same however their bytes are cut, every frame takes bytes, no frame means that all are taken.
///
/// The first byte is the role, the second one says how the bytes after it are cut.
pub fn frame_reader(data: &[u8]) {
    let Some((&[role, portion], bytes)) = data.split_first_chunk() else {
        return;
    };
    let role = if role & 1 == 0 { Role::Client } else { Role::Server };
    let whole = read_all(role, bytes, bytes.len());
    let cut = read_all(role, bytes, usize::from(portion) + 1);
    assert_eq!(whole, cut);
}

/// A frame of which the pieces of DATA have been put together.
#[derive(Debug, PartialEq)]
enum Whole {
    Control(Frame<'static>),
    Data {
        stream: StreamId,
        payload: Vec<u8>,
        ended: bool,
        fin: bool,
    },
}

fn read_all(role: Role, bytes: &[u8], portion: usize) -> (Vec<Whole>, Option<PeerMisbehaved>) {
    let mut reader = FrameReader::new(role);
    let mut frames = Vec::new();
    for mut input in bytes.chunks(portion.max(1)) {
        loop {
            let before = input.len();
            match reader.read(&mut input) {
                Ok(Some(frame)) => {
                    assert!(input.len() < before, "a frame takes bytes");
                    push(&mut frames, frame);
                }
                Ok(None) => {
                    assert!(input.is_empty(), "all bytes are taken");
                    break;
                }
                Err(offence) => {
                    assert_eq!(reader.read(&mut input), Err(offence), "an error stays");
                    return (frames, Some(offence));
                }
            }
        }
    }
    (frames, None)
}

fn push(frames: &mut Vec<Whole>, frame: Frame<'_>) {
    let control = match frame {
        Frame::Data {
            stream,
            payload,
            first,
            last,
            fin,
        } => {
            assert!(last || !fin, "only the last piece ends a stream");
            assert!(
                !payload.is_empty() || first && last,
                "only an empty frame is an empty piece"
            );
            if first {
                let payload = payload.to_vec();
                frames.push(Whole::Data {
                    stream,
                    payload,
                    ended: last,
                    fin,
                });
                return;
            }
            let Some(Whole::Data {
                stream: of,
                payload: begin,
                ended,
                fin: fins,
            }) = frames.last_mut()
            else {
                panic!("a later piece without a first one");
            };
            assert!(*of == stream && !*ended, "pieces follow each other");
            begin.extend(payload);
            (*ended, *fins) = (last, fin);
            return;
        }
        Frame::GoAway { last_stream, status } => Frame::GoAway { last_stream, status },
        Frame::Headers { stream, fin } => Frame::Headers { stream, fin },
        Frame::Ping { id } => Frame::Ping { id },
        Frame::Reset { stream, status } => Frame::Reset { stream, status },
        Frame::Settings => Frame::Settings,
        Frame::SynReply { stream, fin, block } => Frame::SynReply { stream, fin, block },
        Frame::SynStream {
            stream,
            fin,
            unidirectional,
            priority,
            block,
        } => Frame::SynStream {
            stream,
            fin,
            unidirectional,
            priority,
            block,
        },
        Frame::WindowUpdate { stream, delta } => Frame::WindowUpdate { stream, delta },
    };
    frames.push(Whole::Control(control));
}
