use std::time::Duration;

use podline_cluster::{Options, RemotePort, Target};
use podline_tunnel::TransportChoice;

use super::run::Run;
use super::{Measure, Report};
use crate::HttpPath;

/// How long one measure takes, where nothing else is asked for.
const DURATION: Duration = Duration::from_secs(2);
/// How many connections there are at once where many are measured, where nothing else is asked for. A service that cannot bear
/// so many is none.
const CONNECTIONS: usize = 16;
/// How long a running pod is waited for at the start, where nothing else is asked for.
const POD_RUNNING_TIMEOUT: Duration = Duration::from_secs(60);

/// Measures of a forward to a port of a target; [`Bench::run`] takes them.
///
/// ```no_run
/// use podline::Bench;
/// use podline::bench::Service;
/// use podline::cluster::Options;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let bench = Bench::new(Options::default(), "svc/web".parse()?, "http".parse()?)
///     .service(Service::Http("/healthz".parse()?));
/// let report = bench.run(std::future::pending(), |measure| println!("{:?}", measure.value)).await;
/// if let Some((stage, problem)) = report.failed {
///     println!("it ended at {stage}: {}", problem.reason);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is measured before it is run"]
pub struct Bench {
    pub(super) options: Options,
    pub(super) target: Target,
    pub(super) port: RemotePort,
    pub(super) service: Option<Service>,
    pub(super) connections: usize,
    pub(super) duration: Duration,
    pub(super) pod_running_timeout: Duration,
    pub(super) transport: TransportChoice,
}

/// What the port is known to serve, so that it can be asked for an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Service {
    /// It sends back every byte that it gets.
    Echo,
    /// It answers to this path by HTTP/1.1, with any status.
    Http(HttpPath),
    /// It answers to this path by HTTP/1.1 through TLS. The app's certificate is not looked at.
    Https(HttpPath),
}

impl Bench {
    /// The most connections at once.
    pub const MOST_CONNECTIONS: usize = 512;
    /// The least time that one measure may take.
    pub const LEAST_DURATION: Duration = Duration::from_millis(100);
    /// The most time that one measure may take.
    pub const MOST_DURATION: Duration = Duration::from_secs(600);

    /// Measures of `port` of `target` in the cluster that `options` name. Unless it is said what the port serves, it is only
    /// measured as far as that can be done without asking it for something.
    pub fn new(options: Options, target: Target, port: RemotePort) -> Self {
        Self {
            options,
            target,
            port,
            service: None,
            connections: CONNECTIONS,
            duration: DURATION,
            pod_running_timeout: POD_RUNNING_TIMEOUT,
            transport: TransportChoice::default(),
        }
    }

    /// Says what the port serves.
    pub fn service(mut self, service: Service) -> Self {
        self.service = Some(service);
        self
    }

    /// How many connections there are at once where many are measured; 16 by default, at least one, at most
    /// [`Bench::MOST_CONNECTIONS`].
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.clamp(1, Self::MOST_CONNECTIONS);
        self
    }

    /// How long one measure takes; 2 seconds by default, at least [`Bench::LEAST_DURATION`], at most
    /// [`Bench::MOST_DURATION`].
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = duration.clamp(Self::LEAST_DURATION, Self::MOST_DURATION);
        self
    }

    /// How long a running pod is waited for at the start. One minute by default.
    pub fn pod_running_timeout(mut self, timeout: Duration) -> Self {
        self.pod_running_timeout = timeout;
        self
    }

    /// How sessions are asked for, as in a forward.
    pub fn transport(mut self, transport: TransportChoice) -> Self {
        self.transport = transport;
        self
    }

    /// Starts a forward on 127.0.0.1, measures it by connections to its local port, and tells of each measure as soon as it is
    /// taken. When `stop` is ready it ends in order, with what was measured until then. Each step has a deadline, so it comes
    /// to an end by itself.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn run(self, stop: impl Future<Output = ()>, tell: impl FnMut(&Measure)) -> Report {
        Run::new(self, tell).until(stop).await
    }
}
