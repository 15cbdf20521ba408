use std::pin::pin;
use std::sync::Arc;

use futures_util::future::join_all;
use podline_cluster::{Cluster, FindError};
use podline_wire::Untrusted;
use tokio::time::{Instant, timeout};

use super::clients::Clients;
use super::ends::Ends;
use super::failure::Failure;
use super::http::HttpApp;
use super::link::{App, EXCHANGE_DEADLINE, Speech};
use super::measuring::{self, Counted, FirstAnswer, Timed};
use super::{Bench, Kind, Measure, NotMeasured, Report, Service, Value, stage};
use crate::check::{Problem, Stage};
use crate::reason::reason;
use crate::{Answer, Connection, End, Forward, HttpPath, LocalPort, PortSpec, Probe};

/// Times that the ways to the API server and to the node are measured.
const ROUND_TRIPS: usize = 10;
/// An HTTP answer with more bytes is for downloads only: it takes as long as its bytes do, and a thousand of them are too much.
const SMALL_ANSWER: u64 = 1 << 20;
/// An HTTP answer with fewer bytes is not for downloads: they would be the pace of requests, which is measured as such.
const TINY_ANSWER: u64 = 64 * 1024;

/// A bench under way.
pub(super) struct Run<T> {
    bench: Bench,
    report: Report,
    ends: Arc<Ends>,
    tell: T,
}

/// What is needed to measure.
struct Started {
    cluster: Cluster,
    forward: Forward,
    clients: Clients,
}

/// It cannot go on; why is in the report.
struct Stopped;

impl<T: FnMut(&Measure)> Run<T> {
    pub(super) fn new(bench: Bench, tell: T) -> Self {
        let report = Report {
            target: bench.target.clone(),
            port: bench.port.clone(),
            transport: None,
            pods: Vec::new(),
            found: None,
            measures: Vec::new(),
            not_measured: Vec::new(),
            failed: None,
            interrupted: false,
        };
        Self {
            bench,
            report,
            ends: Arc::default(),
            tell,
        }
    }

    /// Measures everything, until `stop` or something that keeps it from going on.
    pub(super) async fn until(mut self, stop: impl Future<Output = ()>) -> Report {
        let mut stop = pin!(stop);
        let started = tokio::select! {
            biased;
            () = &mut stop => None,
            started = self.start() => Some(started),
        };
        let Some(started) = started else {
            self.report.interrupted = true;
            return self.report;
        };
        let Ok(started) = started else {
            return self.report;
        };
        let measured = tokio::select! {
            biased;
            () = &mut stop => None,
            measured = self.all(&started) => Some(measured),
        };
        self.report.interrupted = measured.is_none();
        self.report.transport = started.forward.view().transport();
        self.report.pods = self.ends.pods();
        // The apps first, or they would see their connections be reset.
        drop(started.clients);
        started.forward.shutdown().await;
        self.report
    }

    async fn start(&mut self) -> Result<Started, Stopped> {
        let cluster = match Cluster::connect(self.bench.options.clone()).await {
            Ok(cluster) => cluster,
            Err(error) => return self.fail(stage::of_config(&error)),
        };
        let clients = match Clients::start() {
            Ok(clients) => clients,
            Err(error) => {
                let reason = format!("no thread can be started: {error}");
                return self.fail((Stage::Configuration, Problem::new(reason, None)));
            }
        };
        let ends = self.ends.clone();
        let loopback = "127.0.0.1".parse().expect("it is an address");
        let started = Forward::builder(cluster.clone(), self.bench.target.clone())
            .port(PortSpec {
                local: LocalPort::Any,
                remote: self.bench.port.clone(),
            })
            .address(loopback)
            .pod_running_timeout(self.bench.pod_running_timeout)
            .transport(self.bench.transport)
            .taps(move |connection: &Connection| Some(ends.tap(connection)))
            .start()
            .await;
        match started {
            Ok(forward) => Ok(Started {
                cluster,
                forward,
                clients,
            }),
            Err(error) => {
                let namespace = self.bench.target.namespace.as_deref();
                let namespace = Untrusted::new(namespace.unwrap_or_else(|| cluster.namespace()));
                self.fail(stage::of_forward(&error, &namespace.to_string()))
            }
        }
    }

    async fn all(&mut self, started: &Started) -> Result<(), Stopped> {
        self.server(&started.cluster).await;
        self.session(&started.forward).await;
        match self.bench.service.clone() {
            None => self.unknown(started).await,
            Some(Service::Echo) => self.echo(started).await,
            Some(Service::Http(path)) => self.http(started, &path, false).await,
            Some(Service::Https(path)) => self.http(started, &path, true).await,
        }
    }

    /// The way to the API server, as a check measures it.
    async fn server(&mut self, cluster: &Cluster) {
        let begun = Instant::now();
        let mut timed = Timed::default();
        // The first one may make the connection.
        for number in 0..=ROUND_TRIPS {
            let asked = Instant::now();
            match timeout(EXCHANGE_DEADLINE, cluster.version()).await {
                // A refusal is an answer too.
                Ok(Ok(_) | Err(FindError::Refused(_))) if number == 0 => {}
                Ok(Ok(_) | Err(FindError::Refused(_))) => timed.samples.push(asked.elapsed()),
                Ok(Err(error)) => timed.failures.add_reason(reason(&error).to_string()),
                Err(_) => timed.failures.add(&Failure::TooLong),
            }
            if begun.elapsed() > self.bench.duration && number > 0 {
                break;
            }
        }
        self.timed(Kind::ServerRoundTrip, 1, begun, timed);
    }

    /// The way to the node.
    async fn session(&mut self, forward: &Forward) {
        let begun = Instant::now();
        let mut timed = Timed::default();
        for _ in 0..ROUND_TRIPS {
            match forward.round_trip(0).await {
                Ok(Some(took)) => timed.samples.push(took),
                Ok(None) => timed
                    .failures
                    .add_reason("the session has no lane that answers".to_owned()),
                Err(end) => timed.failures.add_reason(end.to_string()),
            }
            if begun.elapsed() > self.bench.duration {
                break;
            }
        }
        self.timed(Kind::SessionRoundTrip, 1, begun, timed);
    }

    /// A port that is asked for nothing.
    async fn unknown(&mut self, started: &Started) -> Result<(), Stopped> {
        let probe = self.probe(&started.forward).await?;
        self.report.found = Some(Untrusted::new(probe.to_string()));
        if let Probe::Serving(Answer::Said(_)) = probe {
            // It speaks unasked, so each connection has an answer.
            let app = self.app(started, Speech::Greeting);
            self.times(
                started,
                Kind::Greeting,
                measuring::first_bytes(app.clone(), self.bench.duration),
            )
            .await;
            self.rate(started, app).await;
            self.without(
                &[Kind::RoundTrip, Kind::Request, Kind::Download, Kind::Echo],
                "it is not known what the port answers to",
            );
            return Ok(());
        }
        self.probes(&started.forward).await;
        self.without(
            &[
                Kind::FirstByte,
                Kind::RoundTrip,
                Kind::Request,
                Kind::Rate,
                Kind::Download,
                Kind::Echo,
            ],
            "it is not known what the port answers to, and an empty connection has no answer",
        );
        Ok(())
    }

    /// Many empty connections at once.
    async fn probes(&mut self, forward: &Forward) {
        let begun = Instant::now();
        let mut timed = Timed::default();
        let probes = (0..self.bench.connections).map(|_| forward.probe(0));
        for probed in join_all(probes).await {
            match probed {
                Ok(probed) if probed.probe.is_open() => timed.samples.push(probed.round_trip),
                Ok(probed) => timed.failures.add_reason(probed.probe.to_string()),
                Err(end) => timed.failures.add_reason(end.to_string()),
            }
        }
        self.timed(Kind::Probe, self.bench.connections, begun, timed);
    }

    async fn echo(&mut self, started: &Started) -> Result<(), Stopped> {
        let app = self.app(started, Speech::Echo);
        let first = app.clone();
        let answered = started.clients.run(async move { first.visit().await }).await;
        if let Err(failure) = answered {
            let hint = "is it the right port? without --echo, it need not answer";
            return self
                .no_answer(&started.forward, "it does not echo", &failure, hint)
                .await;
        }
        self.report.found = Some(Untrusted::new("it echoes"));
        let time = self.bench.duration;
        self.times(
            started,
            Kind::FirstByte,
            measuring::first_bytes(app.clone(), time),
        )
        .await;
        self.times(
            started,
            Kind::RoundTrip,
            measuring::round_trips(app.clone(), time),
        )
        .await;
        self.rate(started, app.clone()).await;
        self.throughput(started, Kind::Echo, app).await;
        Ok(())
    }

    async fn http(&mut self, started: &Started, path: &HttpPath, tls: bool) -> Result<(), Stopped> {
        let port = started.forward.local_addrs()[0].socket.port();
        let mut http = match HttpApp::new(path, port, tls) {
            Ok(http) => http,
            Err(reason) => return self.fail((Stage::Port, Problem::new(reason, None))),
        };
        let first = self.app(started, Speech::Http(http.clone()));
        let time = self.bench.duration;
        let answered = started
            .clients
            .run(measuring::first_answer(first, SMALL_ANSWER, time));
        let answer = match answered.await {
            Ok(answer) => answer,
            Err(failure) => {
                let hint = "is it the right protocol? without --http-path and --https, it need not answer";
                let what = "it did not answer by HTTP";
                return self.no_answer(&started.forward, what, &failure, hint).await;
            }
        };
        self.report.found = Some(Untrusted::new(told(answer)));
        http.status = Some(answer.status);
        let app = self.app(started, Speech::Http(http));
        if answer.bytes.is_some() {
            self.times(
                started,
                Kind::FirstByte,
                measuring::first_bytes(app.clone(), time),
            )
            .await;
            self.times(started, Kind::Request, measuring::round_trips(app.clone(), time))
                .await;
            self.rate(started, app.clone()).await;
        } else {
            self.not_measured(
                &[Kind::FirstByte, Kind::Request, Kind::Rate],
                format!(
                    "the answer has more than {} MiB, or does not end within {} s",
                    SMALL_ANSWER >> 20,
                    time.as_secs_f64()
                ),
                "a path with a small answer measures them",
            );
        }
        match answer.bytes {
            Some(bytes @ ..TINY_ANSWER) => self.not_measured(
                &[Kind::Download],
                format!("an answer of {bytes} bytes tells the pace of requests, and not how much the way can carry"),
                "a path with an answer of some MB measures it",
            ),
            _ => self.throughput(started, Kind::Download, app).await,
        }
        Ok(())
    }

    async fn rate(&mut self, started: &Started, app: App) {
        let begun = Instant::now();
        let (connections, time) = (self.bench.connections, self.bench.duration);
        let Counted {
            number,
            time,
            failures,
        } = started.clients.run(measuring::rate(app, connections, time)).await;
        self.add(Measure {
            kind: Kind::Rate,
            connections,
            took: begun.elapsed(),
            value: Value::Connections { done: number, time },
            failures,
        });
    }

    /// By one connection, and by many.
    async fn throughput(&mut self, started: &Started, kind: Kind, app: App) {
        let many = self.bench.connections;
        for connections in [1, many].into_iter().take(if many > 1 { 2 } else { 1 }) {
            let begun = Instant::now();
            let work = measuring::throughput(app.clone(), connections, self.bench.duration);
            let Counted {
                number,
                time,
                failures,
            } = started.clients.run(work).await;
            self.add(Measure {
                kind,
                connections,
                took: begun.elapsed(),
                value: Value::Bytes { bytes: number, time },
                failures,
            });
        }
    }

    async fn times(
        &mut self,
        started: &Started,
        kind: Kind,
        work: impl Future<Output = Timed> + Send + 'static,
    ) {
        let begun = Instant::now();
        let timed = started.clients.run(work).await;
        self.timed(kind, 1, begun, timed);
    }

    /// What the port is found to be; it has to be open.
    async fn probe(&mut self, forward: &Forward) -> Result<Probe, Stopped> {
        match forward.probe(0).await {
            Ok(probed) if probed.probe.is_open() => Ok(probed.probe),
            Ok(probed) => {
                let (probe, port) = (&probed.probe, probed.port);
                let hint = probe.hint().map(str::to_owned);
                self.fail((Stage::Port, Problem::new(format!("{port}: {probe}"), hint)))
            }
            Err(end) => {
                let stage = match end {
                    End::SessionLost(_) => Stage::Session,
                    End::NoPod(_) | End::PodGone(_) => Stage::Pods,
                    _ => Stage::Port,
                };
                self.fail((stage, Problem::new(end.to_string(), None)))
            }
        }
    }

    /// The first exchange failed. Whether that is for want of a port is said first.
    async fn no_answer(
        &mut self,
        forward: &Forward,
        what: &str,
        failure: &Failure,
        hint: &str,
    ) -> Result<(), Stopped> {
        self.probe(forward).await?;
        let reason = format!("the port is open, but {what}: {}", failure.told());
        self.fail((Stage::Port, Problem::new(reason, Some(hint.to_owned()))))
    }

    fn app(&self, started: &Started, speech: Speech) -> App {
        App {
            address: started.forward.local_addrs()[0].socket,
            speech,
            ends: self.ends.clone(),
        }
    }

    fn timed(&mut self, kind: Kind, connections: usize, begun: Instant, timed: Timed) {
        let Timed { samples, failures } = timed;
        self.add(Measure {
            kind,
            connections,
            took: begun.elapsed(),
            value: Value::Times(samples.times()),
            failures,
        });
    }

    fn add(&mut self, measure: Measure) {
        (self.tell)(&measure);
        self.report.measures.push(measure);
    }

    /// What only a service that is known can be measured by.
    fn without(&mut self, kinds: &[Kind], reason: &str) {
        self.not_measured(
            kinds,
            reason.to_owned(),
            "--http-path asks by HTTP, --https through TLS, and --echo is for a port that sends back what it gets",
        );
    }

    fn not_measured(&mut self, kinds: &[Kind], reason: String, hint: &str) {
        self.report.not_measured.push(NotMeasured {
            kinds: kinds.to_vec(),
            problem: Problem::new(reason, Some(hint.to_owned())),
        });
    }

    fn fail<R>(&mut self, failed: (Stage, Problem)) -> Result<R, Stopped> {
        self.report.failed = Some(failed);
        Err(Stopped)
    }
}

fn told(answer: FirstAnswer) -> String {
    match answer.bytes {
        Some(bytes) => format!("HTTP status {}, {bytes} bytes", answer.status),
        None => format!("HTTP status {}", answer.status),
    }
}
