//! What holds whatever the client and the pods do.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    Peer,
    peer::{id, milliseconds},
};
use crate::node::runtime::{Action, DialFailure, Flavor, PairId, PodError, ReplyFault};

/// One thing that happens. Streams and pairs are chosen by an index into what there is.
#[derive(Clone, Debug)]
enum Step {
    Data { stream: u8, length: u16, fin: bool },
    Dial { pair: u8, result: Option<DialFailure> },
    Disconnect,
    Fence,
    Noise(Vec<u8>),
    Open { port: u16, half: bool },
    Pass(u16),
    Ping,
    PodEnds { pair: u8, failed: bool },
    PodSends { pair: u8, length: u16 },
    PodTakes { pair: u8, failed: bool },
    Read,
    Reply(bool),
    Reset { stream: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let failure = prop_oneof![
        Just(None),
        Just(None),
        Just(None),
        Just(Some(DialFailure::Refused)),
        Just(Some(DialFailure::NamespaceClosed)),
    ];
    prop_oneof![
        6 => (any::<u8>(), 0..9000_u16, any::<bool>()).prop_map(|(stream, length, fin)| Step::Data {
            stream,
            length,
            fin: fin && length % 4 == 0
        }),
        4 => (any::<u8>(), failure).prop_map(|(pair, result)| Step::Dial { pair, result }),
        1 => Just(Step::Fence),
        1 => vec(any::<u8>(), 0..12).prop_map(Step::Noise),
        4 => (1..100_u16, any::<bool>()).prop_map(|(port, half)| Step::Open { port, half: half && port % 3 == 0 }),
        3 => (0..2000_u16).prop_map(Step::Pass),
        2 => Just(Step::Ping),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(pair, failed)| Step::PodEnds { pair, failed }),
        4 => (any::<u8>(), 1..20_000_u16).prop_map(|(pair, length)| Step::PodSends { pair, length }),
        4 => (any::<u8>(), any::<bool>()).prop_map(|(pair, failed)| Step::PodTakes { pair, failed }),
        3 => Just(Step::Read),
        1 => any::<bool>().prop_map(Step::Reply),
        2 => any::<u8>().prop_map(|stream| Step::Reset { stream }),
        1 => Just(Step::Disconnect),
    ]
}

fn flavor() -> impl Strategy<Value = Flavor> {
    select(vec![
        Flavor::Containerd17,
        Flavor::Containerd20,
        Flavor::Containerd21,
        Flavor::CriO,
        Flavor::Strict,
    ])
}

/// Seconds for everything to end: more than there are pairs.
const ROUNDS: usize = 120;

/// What is asked of the pods and not answered yet.
#[derive(Debug, Default)]
struct Asked {
    dials: BTreeSet<PairId>,
    reads: BTreeSet<PairId>,
    writes: BTreeSet<PairId>,
    open: BTreeSet<PairId>,
}

impl Asked {
    /// Takes the runtime's actions; none may be asked twice or for a connection that is not there.
    fn take(&mut self, peer: &mut Peer) {
        while let Some(action) = peer.actions.pop_front() {
            match action {
                Action::ClosePod { pair } => {
                    assert!(
                        self.open.remove(&pair) || self.dials.contains(&pair),
                        "closed twice"
                    );
                    self.dials.remove(&pair);
                    self.reads.remove(&pair);
                    self.writes.remove(&pair);
                }
                Action::Dial { pair, .. } => assert!(self.dials.insert(pair), "dialled twice"),
                Action::ReadPod { pair } => assert!(self.open.contains(&pair) && self.reads.insert(pair)),
                Action::WritePod { pair, bytes } => {
                    assert!(!bytes.is_empty() && self.open.contains(&pair) && self.writes.insert(pair));
                }
                Action::HangUp => {}
            }
        }
    }

    fn pick(from: &BTreeSet<PairId>, index: u8) -> Option<PairId> {
        from.iter().nth(usize::from(index) % from.len().max(1)).copied()
    }
}

/// Reads what was sent: after FIN or RST of a stream nothing of it follows, and no stream is answered twice.
fn check_frames(peer: &mut Peer, ended: &mut BTreeMap<String, String>, replied: &mut BTreeSet<String>) {
    for frame in peer.frames() {
        let mut words = frame.split(' ');
        let (kind, stream) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default().to_owned(),
        );
        match kind {
            "DATA" | "RST" => {
                let probe = kind == "RST" && frame.ends_with(" 1");
                assert!(
                    probe || !ended.contains_key(&stream),
                    "{frame} after {}",
                    ended[&stream]
                );
                if kind == "RST" || frame.contains(" FIN") {
                    ended.insert(stream, frame);
                }
            }
            "SYN_REPLY" => assert!(replied.insert(stream), "{frame} again"),
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn no_input_breaks_the_rules(flavor in flavor(), steps in vec(step(), 1..120)) {
        let mut peer = Peer::new(flavor);
        let (mut asked, mut ended, mut replied) = (Asked::default(), BTreeMap::new(), BTreeSet::new());
        let (mut streams, mut next, mut number) = (Vec::new(), 1_u32, 1);
        for step in steps {
            let stream = |index: u8| -> Option<u32> {
                streams.get(usize::from(index) % streams.len().max(1)).copied()
            };
            match step {
                Step::Data { stream: index, length, fin } => if let Some(stream) = stream(index) {
                    peer.data(stream, &vec![0; usize::from(length)], fin);
                },
                Step::Dial { pair, result } => if let Some(pair) = Asked::pick(&asked.dials, pair) {
                    asked.dials.remove(&pair);
                    if result.is_none() {
                        asked.open.insert(pair);
                    }
                    peer.answer_dial(pair, result.map_or(Ok(()), Err));
                },
                Step::Disconnect => if number % 5 == 0 { peer.disconnect() },
                Step::Fence => {
                    peer.syn(next, false, &[]);
                    next += 2;
                }
                Step::Noise(bytes) => if number % 7 == 0 { peer.send(&bytes) },
                Step::Open { port, half } => {
                    let request = next.to_string();
                    peer.half("error", next, port, &request);
                    streams.push(next);
                    if !half {
                        peer.half("data", next + 2, port, &request);
                        streams.push(next + 2);
                    }
                    next += 4;
                }
                Step::Pass(time) => peer.pass(milliseconds(time.into())),
                Step::Ping => peer.ping(number),
                Step::PodEnds { pair, failed } => if let Some(pair) = Asked::pick(&asked.reads, pair) {
                    asked.reads.remove(&pair);
                    if failed { peer.pod_fails(pair, PodError::Reset) } else { peer.pod_ends(pair) }
                },
                Step::PodSends { pair, length } => if let Some(pair) = Asked::pick(&asked.reads, pair) {
                    asked.reads.remove(&pair);
                    peer.pod_sends(pair, &vec![1; usize::from(length)]);
                },
                Step::PodTakes { pair, failed } => if let Some(pair) = Asked::pick(&asked.writes, pair) {
                    asked.writes.remove(&pair);
                    if failed { peer.pod_refuses(pair, PodError::BrokenPipe) } else { peer.pod_takes(pair) }
                },
                Step::Read => check_frames(&mut peer, &mut ended, &mut replied),
                Step::Reply(late) => peer.runtime.set_reply(if late {
                    ReplyFault::Delayed(milliseconds(50))
                } else {
                    ReplyFault::None
                }),
                Step::Reset { stream: index } => if let Some(stream) = stream(index) { peer.reset(id(stream).get()) },
            }
            number += 2;
            asked.take(&mut peer);
        }

        // Once the client is gone and every pod has ended, nothing is left.
        check_frames(&mut peer, &mut ended, &mut replied);
        peer.disconnect();
        asked.take(&mut peer);
        // What ends frees a lane, and the lane may have had the next pair waiting.
        for _ in 0..ROUNDS {
            while let Some(pair) = asked.dials.pop_first() {
                peer.answer_dial(pair, Err(DialFailure::Refused));
                asked.take(&mut peer);
            }
            while let Some(pair) = asked.writes.pop_first() {
                peer.pod_refuses(pair, PodError::Reset);
                asked.take(&mut peer);
            }
            while let Some(pair) = asked.reads.pop_first() {
                peer.pod_ends(pair);
                asked.take(&mut peer);
            }
            peer.pass(milliseconds(1000));
            asked.take(&mut peer);
        }
        prop_assert_eq!(peer.runtime.connections(), 0);
        prop_assert!(asked.open.is_empty(), "{:?}", asked);
    }
}
