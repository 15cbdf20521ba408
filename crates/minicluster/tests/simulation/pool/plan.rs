//! What one seed of a pool stands for.

use std::{fmt, time::Duration};

use fastrand::Rng;
use podline_minicluster::node::runtime::{Flavor, ReplyFault};
use podline_wire::{Time, pool::PoolConfig};

use crate::{
    app::AppPlan,
    facts::DialKind,
    network::{Cut, CutKind, DirectionPlan},
    plan::{Draw, Scale, direction, pick},
    pod::{PodEndHow, PodPlan},
};

/// How long after the release all is looked at: surplus sessions are closed by then, the longest pause is over.
const AFTERMATH: Duration = Duration::from_secs(150);

/// Sessions that a pool may have where it is not meant to share lanes.
const MOST: usize = 512;

/// What sockets on a node hold at least. Whoever shares a lane and has sent less is not suspected of blocking it.
const SOCKET: usize = 64 * 1024;

/// Networks that sessions get in turn.
const PATHS: usize = 8;

/// Everything that is drawn before a simulation begins.
#[derive(Clone)]
pub(crate) struct PoolPlan {
    pub(crate) config: PoolConfig,
    pub(crate) websocket: bool,
    pub(crate) flavor: Flavor,
    pub(crate) reply: ReplyFault,
    /// The networks under the sessions, one after the other and again from the first.
    pub(crate) paths: Vec<Path>,
    pub(crate) connects: ConnectsPlan,
    /// What happens to all, the last one first.
    pub(crate) happenings: Vec<(Time, Happening)>,
    pub(crate) callers: Vec<CallerPlan>,
    pub(crate) pods: Vec<PodPlan>,
    /// From here on all goes well, and every pod reads all and ends.
    pub(crate) release: Time,
    pub(crate) end: Time,
}

/// The network under one session.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) up: DirectionPlan,
    pub(crate) down: DirectionPlan,
}

/// How sessions are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectsPlan {
    pub(crate) shortest: Duration,
    pub(crate) longest: Duration,
    /// So many of 256 fail.
    pub(crate) failing: u8,
    /// What the server asks of those that fail.
    pub(crate) retry_after: Option<Duration>,
}

/// What happens to all sessions or to the pod.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening {
    /// The API server is gone, and with it every session.
    OutageBegins {
        cut: CutKind,
        outage: Outage,
    },
    OutageEnds,
    /// The pod's program ends; dials fail from now on.
    PodEnds {
        how: PodEndHow,
        dials: DialKind,
    },
    PodStarts,
    /// The pool has a successor.
    Retire,
    /// So many idle sessions are to be kept from now on.
    SetFloor(usize),
    /// The machine has slept.
    Wake,
}

/// How sessions fail to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    /// The time until it is known.
    pub(crate) takes: Duration,
    pub(crate) retry_after: Option<Duration>,
}

/// A connection, and what it does until it has its lane.
#[derive(Clone, Debug)]
pub(crate) struct CallerPlan {
    pub(crate) app: AppPlan,
    /// The time from getting a lane to opening it.
    pub(crate) hold: Duration,
    /// It goes away after so long, if it has not opened by then.
    pub(crate) gives_up: Option<Duration>,
}

impl fmt::Debug for PoolPlan {
    /// Without the connections and the networks, which are many.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PoolPlan")
            .field("config", &self.config)
            .field("websocket", &self.websocket)
            .field("flavor", &self.flavor)
            .field("reply", &self.reply)
            .field("connects", &self.connects)
            .field("happenings", &self.happenings)
            .field("release", &self.release)
            .finish_non_exhaustive()
    }
}

impl PoolPlan {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let Scale { grain, volume } = Scale::draw(rng, 200_000);
        let seconds = *pick(rng, &[5, 40, 90, 90, 2000]);
        let most = *pick(rng, &[1, 2, 4, MOST, MOST, MOST, MOST, MOST]);
        let floor = most.min(*pick(rng, &[0, 0, 1, 1, 2, 6]));
        let isolated = most.min(floor.max(*pick(rng, &[1, 2, 4, 64])));
        let mut draw = Draw {
            rng: rng.fork(),
            volume,
            seconds,
            // Set when it is known on which session a connection is.
            patience: Duration::MAX,
        };
        let bursts: Vec<Time> = (0..rng.usize(1..=4)).map(|_| moment(rng, seconds)).collect();
        let (callers, mut pods): (Vec<CallerPlan>, Vec<PodPlan>) = (0..rng.usize(1..=24))
            .map(|_| {
                let (mut app, pod) = draw.connection();
                app.starts = match rng.u8(0..4) {
                    0 => moment(rng, seconds),
                    1 => *pick(rng, &bursts) + Duration::from_millis(rng.u64(0..50)),
                    _ => *pick(rng, &bursts),
                };
                (caller(rng, app), pod)
            })
            .unzip();
        if most < MOST {
            for pod in &mut pods {
                pod.buffer = pod.buffer.max(SOCKET);
            }
        }
        let release = Time::ZERO + Duration::from_secs(seconds);
        Self {
            config: PoolConfig {
                floor,
                isolated,
                most,
            },
            websocket: rng.bool(),
            flavor: *pick(
                rng,
                &[
                    Flavor::Containerd21,
                    Flavor::Containerd21,
                    Flavor::Containerd21,
                    Flavor::Containerd21,
                    Flavor::Containerd20,
                    Flavor::Containerd17,
                    Flavor::CriO,
                    Flavor::Strict,
                ],
            ),
            reply: match rng.u8(..) {
                0..=10 => ReplyFault::Delayed(Duration::from_millis(rng.u64(1..3000))),
                _ => ReplyFault::None,
            },
            paths: paths(rng, grain, seconds, volume),
            connects: connects(rng),
            happenings: happenings(rng, seconds, isolated),
            callers,
            pods,
            release,
            end: release + AFTERMATH,
        }
    }
}

impl PoolPlan {
    /// Whether lanes may have to be shared.
    pub(crate) fn shares_lanes(&self) -> bool {
        self.config.most < MOST
    }
}

fn caller(rng: &mut Rng, app: AppPlan) -> CallerPlan {
    CallerPlan {
        app,
        hold: match rng.u8(0..8) {
            0 => Duration::from_millis(rng.u64(0..3000)),
            1 => Duration::from_micros(rng.u64(0..3000)),
            _ => Duration::ZERO,
        },
        gives_up: (rng.u8(..) < 16).then(|| Duration::from_millis(rng.u64(0..2000))),
    }
}

/// Networks alike but for what goes wrong in them.
fn paths(rng: &mut Rng, grain: usize, seconds: u64, volume: u64) -> Vec<Path> {
    let (up, down) = (direction(rng, grain, seconds), direction(rng, grain, seconds));
    let stalling = rng.u8(..) < 64;
    let cutting = rng.u8(..) < 64;
    (0..PATHS)
        .map(|_| {
            let [mut up, mut down] = [&up, &down].map(|like| DirectionPlan {
                stalls: if stalling {
                    direction(rng, grain, seconds).stalls
                } else {
                    Vec::new()
                },
                ..like.clone()
            });
            if cutting && rng.bool() {
                let cut = Some(Cut {
                    after: rng.u64(0..volume),
                    kind: *pick(
                        rng,
                        &[CutKind::End, CutKind::Reset, CutKind::Reset, CutKind::Silence],
                    ),
                });
                if rng.bool() {
                    up.cut = cut;
                } else {
                    down.cut = cut;
                }
            }
            Path { up, down }
        })
        .collect()
}

fn connects(rng: &mut Rng) -> ConnectsPlan {
    let shortest = *pick(
        rng,
        &[
            Duration::ZERO,
            Duration::from_millis(1),
            Duration::from_millis(30),
            Duration::from_millis(30),
            Duration::from_millis(700),
        ],
    );
    ConnectsPlan {
        shortest,
        longest: shortest * *pick(rng, &[1, 2, 10]),
        failing: *pick(rng, &[0, 0, 0, 20, 128, 230]),
        retry_after: retry_after(rng),
    }
}

fn happenings(rng: &mut Rng, seconds: u64, isolated: usize) -> Vec<(Time, Happening)> {
    let mut happenings = Vec::new();
    if rng.u8(..) < 64 {
        let (from, to) = span(rng, seconds);
        let outage = Outage {
            takes: *pick(
                rng,
                &[
                    Duration::ZERO,
                    Duration::from_millis(20),
                    Duration::from_secs(1),
                    Duration::from_secs(15),
                ],
            ),
            retry_after: retry_after(rng),
        };
        let cut = *pick(rng, &[CutKind::End, CutKind::Reset, CutKind::Silence]);
        happenings.push((from, Happening::OutageBegins { cut, outage }));
        happenings.push((to, Happening::OutageEnds));
    }
    if rng.u8(..) < 48 {
        let (from, to) = span(rng, seconds);
        let how = *pick(rng, &[PodEndHow::Close, PodEndHow::Reset]);
        let dials = *pick(rng, &[DialKind::Refused, DialKind::NamespaceClosed]);
        happenings.push((from, Happening::PodEnds { how, dials }));
        if dials == DialKind::Refused {
            happenings.push((to, Happening::PodStarts));
        }
    }
    if rng.u8(..) < 12 {
        happenings.push((moment(rng, seconds), Happening::Retire));
    }
    if rng.u8(..) < 32 {
        let floor = rng.usize(0..=isolated.min(6));
        happenings.push((moment(rng, seconds), Happening::SetFloor(floor)));
    }
    if rng.u8(..) < 32 {
        happenings.push((moment(rng, seconds), Happening::Wake));
    }
    happenings.sort_by_key(|&(at, _)| std::cmp::Reverse(at));
    happenings
}

fn retry_after(rng: &mut Rng) -> Option<Duration> {
    *pick(
        rng,
        &[
            None,
            None,
            Some(Duration::from_secs(1)),
            Some(Duration::from_secs(20)),
        ],
    )
}

fn moment(rng: &mut Rng, seconds: u64) -> Time {
    Time::ZERO + Duration::from_millis(rng.u64(0..seconds * 900))
}

fn span(rng: &mut Rng, seconds: u64) -> (Time, Time) {
    let from = moment(rng, seconds);
    (from, from + Duration::from_millis(rng.u64(0..seconds * 100)))
}
