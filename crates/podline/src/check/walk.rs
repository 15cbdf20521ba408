use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, stream};
use podline_cluster::{
    Cluster, ConfigError, ConnectError, FindError, Found, Kind, Pod, Right, StepFound, WayPart,
};
use podline_tunnel::PodAddress;
use podline_wire::Untrusted;
use tokio::time::{Instant, timeout};

use super::sessions::Sessions;
use super::{Check, Finding, Hop, Stage, State, judge, pods, port, span};
use crate::reason::reason;

/// How long credentials may take: a plugin has 60 s, and an OIDC provider is asked by several requests.
const CREDENTIALS_DEADLINE: Duration = Duration::from_secs(90);
/// How long one request may take, where the configuration gives it longer or for ever.
const REQUEST_DEADLINE: Duration = Duration::from_secs(30);
/// Requests at once.
const REQUESTS: usize = 4;
/// Requests that the way to the API server is measured by, on a connection that stands.
const ROUND_TRIPS: usize = 3;
/// The most declared ports that are looked at where none is named.
const DECLARED: usize = 8;
/// Ports that are probed at once.
const PROBES: usize = 8;

/// The hops that were made so far.
pub(super) struct Walk<T> {
    pub(super) hops: Vec<Hop>,
    tell: T,
}

/// A hop failed; the way goes no further.
pub(super) struct Stopped;

impl<T: FnMut(&Hop)> Walk<T> {
    pub(super) fn new(tell: T) -> Self {
        Self {
            hops: Vec::new(),
            tell,
        }
    }

    /// Makes all hops, up to the first one that fails.
    pub(super) async fn all(&mut self, check: &Check) -> Result<(), Stopped> {
        let cluster = self.configuration(check)?;
        self.credentials(&cluster).await?;
        self.way(&cluster).await?;
        let server_trip = self.server(&cluster).await?;
        self.identity(&cluster).await?;
        self.rights(&cluster, check).await?;
        let found = self.target(&cluster, check).await?;
        let pod = self.pods(&cluster, &found).await?;
        let address = PodAddress {
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
        };
        let sessions = Sessions::make(&cluster, &address).await;
        let end = self.inside(&sessions, check, &found, pod, server_trip).await;
        sessions.shutdown().await;
        end
    }

    fn add(&mut self, hop: Hop) -> Result<(), Stopped> {
        (self.tell)(&hop);
        let has_failed = hop.state == State::Failed;
        self.hops.push(hop);
        if has_failed { Err(Stopped) } else { Ok(()) }
    }

    fn fail<R>(&mut self, hop: Hop) -> Result<R, Stopped> {
        let state = State::Failed;
        self.add(Hop { state, ..hop }).and(Err(Stopped))
    }

    fn configuration(&mut self, check: &Check) -> Result<Cluster, Stopped> {
        let begun = Instant::now();
        let cluster = Cluster::configure(check.options.clone());
        let hop = |stage| Hop::new(stage, State::Good, begun.elapsed());
        match cluster {
            Ok(cluster) => {
                let finding = Finding::Configuration(cluster.configuration());
                self.add(hop(Stage::Configuration).found(finding))?;
                Ok(cluster)
            }
            Err(error) => {
                let stage = match &error {
                    ConfigError::Credentials(_) => Stage::Credentials,
                    _ => Stage::Configuration,
                };
                self.fail(hop(stage).problem(reason(&error).as_raw(), error.hint()))
            }
        }
    }

    async fn credentials(&mut self, cluster: &Cluster) -> Result<(), Stopped> {
        let begun = Instant::now();
        let got = timeout(CREDENTIALS_DEADLINE, cluster.authenticate()).await;
        let hop = Hop::new(Stage::Credentials, State::Good, begun.elapsed());
        let (sort, expires) = cluster.credentials();
        match got {
            Err(_) => {
                let hop = hop.found(Finding::Credentials { sort, expires });
                self.fail(hop.problem(late("the credentials", CREDENTIALS_DEADLINE), None))
            }
            Ok(Err(error)) => {
                let hop = hop.found(Finding::Credentials { sort, expires });
                self.fail(hop.problem(reason(&error).as_raw(), error.hint()))
            }
            Ok(Ok(())) => self.add(judge::credentials(hop, sort, expires)),
        }
    }

    /// The way to the API server: DNS, TCP, a proxy, TLS.
    async fn way(&mut self, cluster: &Cluster) -> Result<(), Stopped> {
        let trace = cluster.trace().await;
        for step in trace.steps {
            let stage = match &step.found {
                StepFound::Dns { .. } => Stage::Dns,
                StepFound::Proxy { .. } => Stage::Proxy,
                StepFound::Tcp { .. } => Stage::Tcp,
                StepFound::Tls { .. } => Stage::Tls,
            };
            let mut hop = Hop::new(stage, State::Good, step.took);
            if let StepFound::Tls {
                expires, is_verified, ..
            } = &step.found
            {
                hop = judge::certificate(hop, *expires, *is_verified);
            }
            self.add(hop.found(step.found.into()))?;
        }
        let Some(failure) = trace.failure else {
            return Ok(());
        };
        let stage = match failure.part {
            WayPart::Dns => Stage::Dns,
            WayPart::Proxy => Stage::Proxy,
            WayPart::Tcp => Stage::Tcp,
            WayPart::Tls => Stage::Tls,
        };
        let hop = Hop::new(stage, State::Failed, failure.took);
        self.add(hop.problem(reason(&failure.error).as_raw(), failure.error.hint()))
    }

    /// Whether the API server answers; gives how long the way there and back takes.
    async fn server(&mut self, cluster: &Cluster) -> Result<Option<Duration>, Stopped> {
        let begun = Instant::now();
        let version = within(cluster.version()).await;
        let hop = Hop::new(Stage::Server, State::Good, begun.elapsed());
        match version {
            Ok(version) => self.add(hop.found(Finding::Server(version)))?,
            // Whether it knows the user is the next question.
            Err(Asked::Failed(FindError::Refused(refusal)))
                if refusal.is_forbidden() || refusal.is_unauthorized() =>
            {
                let reason = format!("it does not tell its version: {refusal}");
                self.add(hop.doubt(reason, None))?;
            }
            Err(Asked::Failed(FindError::Connect(error))) if matches!(*error, ConnectError::Tls { .. }) => {
                let hop = Hop {
                    stage: Stage::Tls,
                    ..hop
                };
                return self.fail(hop.problem(reason(&*error).as_raw(), error.hint()));
            }
            Err(error) => return self.fail(error.problem_of(hop)),
        }
        let mut shortest = None;
        for _ in 0..ROUND_TRIPS {
            let begun = Instant::now();
            if within(cluster.version()).await.is_ok() {
                let took = begun.elapsed();
                shortest = Some(shortest.map_or(took, |shortest: Duration| shortest.min(took)));
            }
        }
        Ok(shortest)
    }

    async fn identity(&mut self, cluster: &Cluster) -> Result<(), Stopped> {
        let begun = Instant::now();
        let identity = within(cluster.identity()).await;
        let hop = Hop::new(Stage::Identity, State::Good, begun.elapsed());
        match identity {
            Ok(identity) => self.add(hop.found(Finding::Identity(identity))),
            // Before Kubernetes 1.28, or where nobody may ask.
            Err(Asked::Failed(FindError::Refused(refusal)))
                if refusal.is_not_found() || refusal.is_forbidden() =>
            {
                self.add(hop.doubt(
                    format!("the API server does not tell who is asking: {refusal}"),
                    None,
                ))
            }
            Err(error) => {
                let hop = error.problem_of(hop);
                let (_, expires) = cluster.credentials();
                let past = expires.and_then(|expires| SystemTime::now().duration_since(expires).ok());
                let hop = match past {
                    Some(past) => hop.problem(format!("the credentials expired {} ago", span(past)), None),
                    None => hop,
                };
                self.fail(hop)
            }
        }
    }

    async fn rights(&mut self, cluster: &Cluster, check: &Check) -> Result<(), Stopped> {
        let begun = Instant::now();
        let asked = stream::iter(cluster.rights(&check.target)).map(async |right| {
            let has = within(cluster.has_right(&right, &check.target)).await;
            (right, has)
        });
        let answers: Vec<(Right, Result<bool, Asked>)> = asked.buffered(REQUESTS).collect().await;
        let mut hop = Hop::new(Stage::Rights, State::Good, begun.elapsed());
        let mut rights = Vec::new();
        let mut unasked = None;
        for (right, has) in answers {
            match has {
                Ok(has) => rights.push((right, has)),
                Err(error) => unasked = Some(error),
            }
        }
        hop = judge::missing(hop, &rights, &namespace(cluster, check));
        if let (Some(error), State::Good) = (unasked, hop.state) {
            hop = error.problem_of(hop);
            hop.state = State::Doubtful;
        }
        self.add(hop.found(Finding::Rights(rights)))
    }

    async fn target(&mut self, cluster: &Cluster, check: &Check) -> Result<Found, Stopped> {
        let begun = Instant::now();
        let found = within(cluster.find(&check.target)).await;
        let hop = Hop::new(Stage::Target, State::Good, begun.elapsed());
        match found {
            Ok(found) => {
                self.add(hop.found(Finding::Target(found.target.clone())))?;
                Ok(found)
            }
            Err(error) => {
                let is_missing = matches!(&error, Asked::Failed(error) if error.is_not_found());
                let mut hop = error.problem_of(hop);
                if is_missing {
                    let namespace = namespace(cluster, check);
                    let place = format!("looked in namespace {namespace}");
                    hop = hop.problem(place, Some("-n names another namespace".to_owned()));
                }
                self.fail(hop)
            }
        }
    }

    async fn pods<'a>(&mut self, cluster: &Cluster, found: &'a Found) -> Result<&'a Pod, Stopped> {
        let begun = Instant::now();
        let endpoints = if found.target.kind == Kind::Service {
            // Where they may not be seen, the pods' own readiness is what counts.
            within(cluster.endpoints(&found.target)).await.ok()
        } else {
            None
        };
        let pods = pods::look(found, endpoints);
        let mut hop = Hop::new(Stage::Pods, pods.state, begun.elapsed()).found(pods.finding);
        hop.problems = pods.problems;
        self.add(hop)?;
        pods.chosen.ok_or(Stopped)
    }

    /// What is behind the API server: sessions, the way to the node, ports.
    async fn inside(
        &mut self,
        sessions: &Sessions,
        check: &Check,
        found: &Found,
        pod: &Pod,
        server: Option<Duration>,
    ) -> Result<(), Stopped> {
        for hop in sessions.hops() {
            self.add(hop)?;
        }
        let mut ports = check.ports.clone();
        if ports.is_empty() {
            ports = found.declared_tcp_ports();
            ports.truncate(DECLARED);
        }
        if ports.is_empty() {
            let hop = Hop::new(Stage::Port, State::Skipped, Duration::ZERO);
            return self.add(hop.problem("no port is named, and the target declares none", None));
        }
        let ask = check.ask.as_ref();
        let probes = stream::iter(ports).map(|port| port::look(sessions, found, pod, port, ask));
        let probed: Vec<(Hop, Option<Duration>)> = probes.buffered(PROBES).collect().await;
        if let Some(session) = probed.iter().filter_map(|(_, round_trip)| *round_trip).min() {
            let hop = Hop::new(Stage::RoundTrip, State::Good, session);
            self.add(hop.found(Finding::RoundTrip { server, session }))?;
        }
        // All of them are told, whichever failed.
        let mut end = Ok(());
        for (hop, _) in probed {
            end = self.add(hop).and(end);
        }
        end
    }
}

fn namespace(cluster: &Cluster, check: &Check) -> String {
    let namespace = check.target.namespace.as_deref();
    Untrusted::new(namespace.unwrap_or_else(|| cluster.namespace())).to_string()
}

/// Why a request was not answered.
enum Asked {
    Failed(FindError),
    Late,
}

impl Asked {
    fn problem_of(&self, hop: Hop) -> Hop {
        match self {
            Self::Failed(error) => hop.problem(reason(error).as_raw(), error.hint()),
            Self::Late => hop.problem(late("the API server's answer", REQUEST_DEADLINE), None),
        }
    }
}

async fn within<R>(request: impl Future<Output = Result<R, FindError>>) -> Result<R, Asked> {
    match timeout(REQUEST_DEADLINE, request).await {
        Ok(answer) => answer.map_err(Asked::Failed),
        Err(_) => Err(Asked::Late),
    }
}

fn late(what: &str, deadline: Duration) -> String {
    format!("{what} took longer than {} s", deadline.as_secs())
}
