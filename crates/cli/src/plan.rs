//! What will be done: the command line, checked as far as it can be without a cluster.

mod bench;
mod capture;
mod check;
mod command;
mod environment;
mod http;
mod overlap;
mod stdout;
mod targets;
mod template;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use podline::{Address, Balance, TransportChoice, cluster::Options};
use podline_monitor::{
    Look, WebOptions,
    pcap::{CaptureOptions, Destination},
};

use crate::{
    arguments::{
        BalanceArgument, CaptureArguments, ForwardArguments, KubectlArguments, MonitorArguments,
        OutputFormat, ProgramName, TransportArgument,
    },
    output::Failure,
};

pub use bench::BenchPlan;
pub use check::CheckPlan;
pub use command::CommandPlan;
pub use environment::Environment;
pub use http::HttpPlan;
pub use stdout::StdoutOwner;
pub use targets::TargetPlan;

/// Everything that a forward needs to know before it starts.
#[derive(Debug)]
pub struct ForwardPlan {
    /// Where to listen.
    pub addresses: Vec<Address>,
    /// Which pod each connection goes to, where that is not left to the target.
    pub balance: Option<Balance>,
    /// What is recorded.
    pub capture: Option<CaptureOptions>,
    /// Which cluster, and as whom.
    pub cluster: Options,
    /// What to run while the ports are forwarded.
    pub command: Option<CommandPlan>,
    /// Whether to end when a pod is lost.
    pub exit_on_loss: bool,
    /// How long a silent pod is waited for after an app's half-close.
    pub half_close_linger: Duration,
    /// How long a connection is held that has no pod to go to.
    pub hold: Duration,
    /// Whether HTTP requests are shown, and how.
    pub http: Option<HttpPlan>,
    /// How many sessions to a pod may be made so that each connection has its own.
    pub max_sessions: usize,
    /// Where to serve metrics.
    pub metrics: Option<SocketAddr>,
    /// How long to wait for a running pod.
    pub pod_running_timeout: Duration,
    /// The file that tells where the ports are.
    pub ports_file: Option<PathBuf>,
    /// Whether connections wait for a pod that is ready.
    pub require_ready: bool,
    /// How long a connection may take nothing while another waits behind it.
    pub stalled_reader: Duration,
    /// Who writes to standard output.
    pub stdout: StdoutOwner,
    /// What to forward to, in the order in which it was typed.
    pub targets: Vec<TargetPlan>,
    /// How to get into the pod.
    pub transport: TransportChoice,
    /// Whether all is shown on the terminal, and how.
    pub tui: Option<Look>,
    /// How long to wait until the ports are open, if that is to be waited for.
    pub wait: Option<Duration>,
    /// Where the web page is served, if it is.
    pub web: Option<WebOptions>,
    /// The flags that were typed and change nothing.
    pub without_meaning: Vec<&'static str>,
}

impl ForwardPlan {
    /// Makes a plan of what was typed.
    ///
    /// # Errors
    ///
    /// Says what cannot be a target, a port or an address, or cannot go together.
    pub fn new(
        forward: &ForwardArguments,
        monitor: &MonitorArguments,
        capture: &CaptureArguments,
        kubectl: KubectlArguments,
        environment: &Environment,
        name: ProgramName,
    ) -> Result<Self, Failure> {
        let addresses = addresses(&forward.address)?;
        let targets = targets::parse(&forward.words, forward.all_ports, name)?;
        overlap::refuse(&targets)?;
        let command = CommandPlan::new(&forward.command, &targets)?;
        let capture = capture::options(capture)?;
        Ok(Self {
            addresses,
            balance: forward.balance.map(balance),
            without_meaning: kubectl.without_meaning.typed(),
            cluster: options(kubectl),
            stdout: StdoutOwner::only(claims(forward, monitor, capture.as_ref()))?,
            capture,
            command,
            exit_on_loss: forward.exit_on_loss,
            half_close_linger: forward.half_close_linger,
            hold: forward.hold,
            http: HttpPlan::new(monitor)?,
            max_sessions: forward.max_sessions,
            metrics: monitor.metrics,
            pod_running_timeout: forward.pod_running_timeout,
            ports_file: forward.ports_file.clone(),
            require_ready: forward.require_ready,
            stalled_reader: forward.stalled_reader,
            targets,
            transport: transport(forward.transport, environment),
            tui: tui(forward.tui, environment)?,
            wait: forward.wait.then_some(forward.timeout),
            web: web(monitor),
        })
    }
}

/// Who wants standard output.
fn claims(
    forward: &ForwardArguments,
    monitor: &MonitorArguments,
    capture: Option<&CaptureOptions>,
) -> impl Iterator<Item = StdoutOwner> {
    let is_captured = capture.is_some_and(|capture| capture.destination == Destination::StandardOutput);
    [
        (!forward.command.is_empty()).then_some(StdoutOwner::Command),
        monitor.output.map(|OutputFormat::Json| StdoutOwner::Json),
        forward.tui.then_some(StdoutOwner::Tui),
        is_captured.then_some(StdoutOwner::Pcap),
    ]
    .into_iter()
    .flatten()
}

/// Each address once, in the order in which it was typed.
fn addresses(typed: &[String]) -> Result<Vec<Address>, Failure> {
    let mut addresses = Vec::with_capacity(typed.len());
    for text in typed {
        let address: Address = text.parse().map_err(|error| {
            Failure::of(&error)
                .hinted(["--address takes IP addresses and `localhost`, separated by commas".to_owned()])
        })?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn web(typed: &MonitorArguments) -> Option<WebOptions> {
    typed.web.map(|address| WebOptions {
        address,
        allow_remote: typed.web_allow_remote,
    })
}

fn balance(typed: BalanceArgument) -> Balance {
    match typed {
        BalanceArgument::First => Balance::First,
        BalanceArgument::Least => Balance::Least,
        BalanceArgument::RoundRobin => Balance::RoundRobin,
    }
}

/// How the terminal view looks, where one is asked for and there is a terminal.
fn tui(typed: bool, environment: &Environment) -> Result<Option<Look>, Failure> {
    if !typed {
        return Ok(None);
    }
    if !environment.is_terminal {
        return Err(Failure::new(
            "`--tui` needs a terminal on standard input and standard output",
        ));
    }
    Ok(Some(if environment.has_colours {
        Look::Coloured
    } else {
        Look::Plain
    }))
}

/// The flag, and where there is none, kubectl's environment variable.
fn transport(typed: Option<TransportArgument>, environment: &Environment) -> TransportChoice {
    match typed {
        Some(TransportArgument::Auto) => TransportChoice::Auto,
        Some(TransportArgument::Spdy) => TransportChoice::Spdy,
        Some(TransportArgument::Websocket) => TransportChoice::Websocket,
        None if environment.websockets_are_disabled => TransportChoice::Spdy,
        None => TransportChoice::Auto,
    }
}

/// kubectl's flags in the cluster's terms. To kubectl, an empty value is none.
fn options(kubectl: KubectlArguments) -> Options {
    let text = |value: Option<String>| value.filter(|value| !value.is_empty());
    let path = |value: Option<PathBuf>| value.filter(|value| !value.as_os_str().is_empty());
    Options {
        impersonate_user: text(kubectl.impersonate),
        impersonate_groups: kubectl.impersonate_groups,
        impersonate_uid: text(kubectl.impersonate_uid),
        impersonate_extra: kubectl.impersonate_extras,
        certificate_authority: path(kubectl.certificate_authority),
        client_certificate: path(kubectl.client_certificate),
        client_key: path(kubectl.client_key),
        cluster: text(kubectl.cluster),
        context: text(kubectl.context),
        insecure_skip_tls_verify: kubectl.insecure_skip_tls_verify.unwrap_or(false),
        kubeconfig: path(kubectl.kubeconfig),
        namespace: text(kubectl.namespace),
        password: text(kubectl.password).map(Into::into),
        proxy_url: text(kubectl.proxy_url),
        request_timeout: text(kubectl.request_timeout),
        server: text(kubectl.server),
        tls_server_name: text(kubectl.tls_server_name),
        token: text(kubectl.token).map(Into::into),
        user: text(kubectl.user),
        username: text(kubectl.username),
        ..Options::default()
    }
}

#[cfg(test)]
mod tests;
