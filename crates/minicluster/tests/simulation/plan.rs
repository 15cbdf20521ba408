//! What one seed stands for: a network, a node, and what happens on it.

use std::{fmt, time::Duration};

use fastrand::Rng;
use podline_minicluster::node::runtime::{Flavor, ReplyFault};
use podline_wire::{Time, session::Peer};

use crate::{
    app::{AppEnd, AppPlan, AppWrites},
    facts::DialKind,
    network::{Cut, CutKind, DirectionPlan, may_lose_session},
    pod::{PodEndHow, PodEndPlan, PodEndWhen, PodPlan, Reads, Writes},
};

/// Everything that is drawn before a simulation begins.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) up: DirectionPlan,
    pub(crate) down: DirectionPlan,
    pub(crate) websocket: bool,
    pub(crate) known: Option<Peer>,
    /// The peer is asked what it is before there is a pair.
    pub(crate) proves: bool,
    pub(crate) flavor: Flavor,
    pub(crate) reply: ReplyFault,
    pub(crate) apps: Vec<AppPlan>,
    pub(crate) pods: Vec<PodPlan>,
    /// When every pod reads all and ends.
    pub(crate) release: Time,
    /// When all must be over.
    pub(crate) end: Time,
}

/// Bytes that may be before a question on its way: queues of the client and of the runtime.
pub(crate) const QUEUED: usize = 640 * 1024;

/// How long a pod may read nothing, where a seed has the time for it: as in a debugger.
const LONG_STALL: Duration = Duration::from_secs(15 * 60);

/// How much goes over a network at all, and at a time.
pub(crate) struct Scale {
    /// The largest piece that is received at a time.
    pub(crate) grain: usize,
    /// The most that a connection carries.
    pub(crate) volume: u64,
}

/// Draws connections.
pub(crate) struct Draw {
    pub(crate) rng: Rng,
    /// The most that a connection carries.
    pub(crate) volume: u64,
    pub(crate) seconds: u64,
    pub(crate) patience: Duration,
}

impl fmt::Debug for Plan {
    /// Without the connections, which are many.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Plan")
            .field("up", &self.up)
            .field("down", &self.down)
            .field("websocket", &self.websocket)
            .field("known", &self.known)
            .field("proves", &self.proves)
            .field("flavor", &self.flavor)
            .field("reply", &self.reply)
            .field("release", &self.release)
            .finish_non_exhaustive()
    }
}

impl Plan {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let Scale { grain, volume } = Scale::draw(rng, 400_000);
        let seconds = *pick(rng, &[3, 20, 60, 60, 2000]);
        let mut up = direction(rng, grain, seconds);
        let mut down = DirectionPlan {
            latency: if rng.bool() {
                up.latency
            } else {
                up.latency.mul_f64(rng.f64())
            },
            ..direction(rng, grain, seconds)
        };
        let flavor = *pick(
            rng,
            &[
                Flavor::Containerd21,
                Flavor::Containerd21,
                Flavor::Containerd21,
                Flavor::Containerd20,
                Flavor::Containerd17,
                Flavor::CriO,
                Flavor::Strict,
            ],
        );
        let reply = match rng.u8(..) {
            0..=7 => ReplyFault::Never,
            8..=20 => ReplyFault::Delayed(Duration::from_millis(rng.u64(1..3000))),
            _ => ReplyFault::None,
        };
        let known = (flavor != Flavor::Strict && rng.bool()).then_some(Peer::Spdystream);
        if rng.u8(..) < 30 {
            let cut = Some(Cut {
                after: rng.u64(0..volume),
                kind: *pick(rng, &[CutKind::End, CutKind::Reset, CutKind::Silence]),
            });
            if rng.bool() {
                up.cut = cut;
            } else {
                down.cut = cut;
            }
        }
        let patience = patience(&up, &down, reply);
        let mut draw = Draw {
            rng: rng.fork(),
            volume,
            seconds,
            patience,
        };
        let count = rng.usize(1..=10);
        let (apps, pods) = (0..count).map(|_| draw.connection()).unzip();
        let release = Time::ZERO + Duration::from_secs(seconds);
        Self {
            up,
            down,
            websocket: rng.bool(),
            known,
            proves: rng.bool(),
            flavor,
            reply,
            apps,
            pods,
            release,
            end: release + Duration::from_secs(60),
        }
    }

    /// Whether the network goes silent, sooner or later.
    pub(crate) fn goes_silent(&self) -> bool {
        self.up.goes_silent() || self.down.goes_silent()
    }

    /// Whether the network itself may end the session.
    pub(crate) fn may_lose_session(&self) -> bool {
        // A worker that never answers keeps the peer unproven, and nothing else can be asked then.
        let unproven = self.reply == ReplyFault::Never && self.known.is_none();
        unproven || may_lose_session(&self.up, &self.down)
    }
}

impl Scale {
    /// Little in small pieces, for they take long; rarely very much; else up to `usual` bytes.
    pub(crate) fn draw(rng: &mut Rng, usual: u64) -> Self {
        let grain = *pick(rng, &[1, 3, 100, 1448, 1448, 16 * 1024, 64 * 1024, 64 * 1024]);
        let volume = match grain {
            1 => usual / 400,
            3 => usual / 130,
            100 => usual / 7,
            _ if rng.u8(..) < 8 => usual * 15,
            _ => usual,
        };
        Self { grain, volume }
    }
}

impl Draw {
    pub(crate) fn connection(&mut self) -> (AppPlan, PodPlan) {
        let app = AppPlan {
            starts: Time::ZERO + Duration::from_millis(self.rng.u64(0..self.seconds * 500)),
            writes: self.bulk(),
            pause: None,
            end: AppEnd::Never,
            source: false,
            end_with_bytes: self.rng.bool(),
            patience: self.patience,
        };
        let pod = PodPlan {
            dial: (self.short(), Ok(())),
            buffer: *pick(&mut self.rng, &[512, 4096, 64 * 1024, 1024 * 1024]),
            reads: Reads::All,
            writes: Writes::Echo,
            end: PodEndPlan {
                when: PodEndWhen::Never,
                how: PodEndHow::Close,
            },
        };
        match self.rng.u8(0..14) {
            0..=3 => self.prober(app, pod),
            4 => self.echo(app, pod),
            5 => self.download(app, pod),
            6 => self.upload(app, pod),
            7 | 8 => self.stalled(app, pod),
            9 => self.refused(app, pod),
            10 => self.reset_by_pod(app, pod),
            11 => self.half_closing(app, pod),
            12 => self.cancelled(app, pod),
            _ => self.slow_app(app, pod),
        }
    }

    /// Asks and waits for the answer, again and again.
    fn prober(&mut self, mut app: AppPlan, mut pod: PodPlan) -> (AppPlan, PodPlan) {
        let count = self.rng.u64(1..40);
        let size = self.rng.usize(1..=(self.volume as usize / 40).clamp(1, 500));
        app.writes = AppWrites::Rounds {
            count,
            size,
            every: Duration::from_millis(self.rng.u64(100..2000)),
        };
        app.end = AppEnd::Received(count * size as u64);
        app.patience = app.patience.saturating_add(pod.dial.0);
        pod.buffer = pod.buffer.max(1024);
        (app, pod)
    }

    /// All of it comes back.
    fn echo(&mut self, mut app: AppPlan, pod: PodPlan) -> (AppPlan, PodPlan) {
        app.end = AppEnd::Received(total(&app));
        (app, pod)
    }

    /// The pod sends and closes; the app says little.
    fn download(&mut self, mut app: AppPlan, mut pod: PodPlan) -> (AppPlan, PodPlan) {
        let bytes = self.rng.u64(0..self.volume);
        app.writes = AppWrites::Bulk {
            total: if self.rng.bool() { 0 } else { self.rng.u64(0..100) },
            chunk: 100,
        };
        app.source = true;
        pod.writes = Writes::Source(bytes);
        if self.rng.bool() {
            app.end = AppEnd::Received(bytes);
        } else {
            pod.end.when = PodEndWhen::AllSent;
        }
        (app, pod)
    }

    /// The app sends; the pod reads, and may close when it has all.
    fn upload(&mut self, mut app: AppPlan, mut pod: PodPlan) -> (AppPlan, PodPlan) {
        app.source = true;
        pod.writes = Writes::Source(0);
        match self.rng.u8(0..3) {
            0 => pod.end.when = PodEndWhen::Received(total(&app)),
            1 => pod.end.when = PodEndWhen::Received(self.rng.u64(0..=total(&app))),
            _ => app.end = AppEnd::Sent,
        }
        (app, pod)
    }

    /// The pod stops reading, for long.
    fn stalled(&mut self, mut app: AppPlan, mut pod: PodPlan) -> (AppPlan, PodPlan) {
        pod.buffer = 512;
        pod.reads = Reads::Stops {
            after: if self.rng.bool() {
                0
            } else {
                self.rng.u64(0..self.volume)
            },
            resumes: if self.seconds > 2 * LONG_STALL.as_secs() && self.rng.bool() {
                LONG_STALL
            } else {
                Duration::from_millis(self.rng.u64(0..self.seconds * 2000))
            },
        };
        let total = total(&app);
        app.end = match self.rng.u8(0..4) {
            0 => AppEnd::Reset(self.moment()),
            1 => AppEnd::After(self.moment()),
            2 => AppEnd::Received(total),
            _ => AppEnd::Sent,
        };
        (app, pod)
    }

    /// No connection is had.
    fn refused(&mut self, app: AppPlan, mut pod: PodPlan) -> (AppPlan, PodPlan) {
        let kind = *pick(
            &mut self.rng,
            &[
                DialKind::Refused,
                DialKind::Refused,
                DialKind::NamespaceClosed,
                DialKind::Reset,
                DialKind::TimedOut,
            ],
        );
        pod.dial.1 = Err(kind);
        if kind == DialKind::TimedOut {
            pod.dial.0 = Duration::from_secs(130);
        }
        (app, pod)
    }

    fn reset_by_pod(&mut self, app: AppPlan, mut pod: PodPlan) -> (AppPlan, PodPlan) {
        pod.end = PodEndPlan {
            when: if self.rng.bool() {
                PodEndWhen::After(self.moment())
            } else {
                PodEndWhen::Received(self.rng.u64(0..=total(&app)))
            },
            how: PodEndHow::Reset,
        };
        (app, pod)
    }

    fn half_closing(&mut self, mut app: AppPlan, mut pod: PodPlan) -> (AppPlan, PodPlan) {
        app.source = true;
        pod.writes = Writes::Source(self.rng.u64(0..1000));
        pod.end = PodEndPlan {
            when: PodEndWhen::AllSent,
            how: PodEndHow::HalfClose,
        };
        (app, pod)
    }

    /// The app resets.
    fn cancelled(&mut self, mut app: AppPlan, mut pod: PodPlan) -> (AppPlan, PodPlan) {
        app.end = AppEnd::Reset(self.moment());
        if self.rng.bool() {
            app.source = true;
            pod.writes = Writes::Source(self.volume);
        }
        (app, pod)
    }

    /// The app reads nothing for a while.
    fn slow_app(&mut self, app: AppPlan, pod: PodPlan) -> (AppPlan, PodPlan) {
        let (mut app, pod) = self.download(app, pod);
        app.pause = Some((self.short(), Duration::from_millis(self.rng.u64(0..20_000))));
        (app, pod)
    }

    fn bulk(&mut self) -> AppWrites {
        let total = self.rng.u64(1..self.volume);
        let chunk = *pick(&mut self.rng, &[10, 100, 1000, 16 * 1024, 1024 * 1024]);
        AppWrites::Bulk {
            total,
            chunk: chunk.max(total as usize / 5000),
        }
    }

    fn short(&mut self) -> Duration {
        Duration::from_micros(*pick(&mut self.rng, &[0, 100, 5_000, 300_000]))
    }

    fn moment(&mut self) -> Duration {
        Duration::from_millis(self.rng.u64(0..self.seconds * 1000))
    }
}

/// The longest time between a question and the whole answer, by the network.
pub(crate) fn patience(up: &DirectionPlan, down: &DirectionPlan, reply: ReplyFault) -> Duration {
    let delay = match reply {
        ReplyFault::Never => return Duration::MAX,
        ReplyFault::Delayed(delay) => 2 * delay,
        _ => Duration::ZERO,
    };
    if up.goes_silent() || down.goes_silent() {
        return Duration::MAX;
    }
    5 * (up.slowest(QUEUED) + down.slowest(QUEUED)) + delay + Duration::from_millis(20)
}

fn total(app: &AppPlan) -> u64 {
    match app.writes {
        AppWrites::Bulk { total, .. } => total,
        AppWrites::Rounds { count, size, .. } => count * size as u64,
    }
}

pub(crate) fn direction(rng: &mut Rng, grain: usize, seconds: u64) -> DirectionPlan {
    let latency = Duration::from_micros(*pick(rng, &[20, 100, 1_000, 25_000, 150_000]));
    let stalls = (0..rng.usize(0..8).saturating_sub(5))
        .map(|_| {
            let from = Time::ZERO + Duration::from_millis(rng.u64(0..seconds * 1000));
            let longest = *pick(rng, &[100, 900, 7_000, 30_000]);
            (from, from + Duration::from_millis(rng.u64(1..longest)))
        })
        .collect();
    DirectionPlan {
        latency,
        jitter: latency.mul_f64(*pick(rng, &[0.0, 0.1, 1.0])),
        capacity: if latency < Duration::from_millis(2) {
            *pick(rng, &[4 * 1024, 64 * 1024, 1024 * 1024])
        } else {
            1024 * 1024
        },
        grain,
        rate: (rng.u8(..) < 60).then(|| rng.u64(100_000..50_000_000)),
        stalls,
        cut: None,
    }
}

pub(crate) fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}
