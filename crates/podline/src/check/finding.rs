use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use podline_cluster::{
    Configuration, CredentialsSort, Endpoints, Identity, Phase, RemotePort, Right, StepFound, Target,
};
use podline_tunnel::Transport;
use podline_wire::Untrusted;

use super::span;
use crate::Probe;

/// What a hop found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Finding {
    /// What the configuration says.
    Configuration(Configuration),
    /// What proves who asks.
    Credentials {
        /// Of what sort it is.
        sort: CredentialsSort,
        /// When it expires, as far as that is known.
        expires: Option<SystemTime>,
    },
    /// The addresses of a name.
    Dns {
        /// The name.
        host: Untrusted,
        /// Its addresses.
        addresses: Vec<IpAddr>,
    },
    /// Who the API server takes the user for.
    Identity(Identity),
    /// The pods of the target, the one first that connections go to.
    Pods {
        /// The first of them, ten at most.
        pods: Vec<PodFound>,
        /// How many there are.
        total: usize,
        /// How many of them run and are ready.
        ready: usize,
        /// The endpoints of the service, where the target is one and they may be seen.
        endpoints: Option<Endpoints>,
    },
    /// A port inside the pod.
    Port {
        /// The port as it was named.
        asked: RemotePort,
        /// The port inside the pod; None where it could not be made out.
        port: Option<u16>,
        /// The ports that the pod declares, with their names.
        declared: Vec<(u16, Option<Untrusted>)>,
        /// What it is found to be.
        probe: Option<Probe>,
    },
    /// The proxy that let the connection through.
    Proxy(Untrusted),
    /// The rights that were asked for, and whether they are there.
    Rights(Vec<(Right, bool)>),
    /// How long the ways take.
    RoundTrip {
        /// To the API server and back: the shortest of some requests on a connection that stands.
        server: Option<Duration>,
        /// To the pod's node and back, on a session.
        session: Duration,
    },
    /// The API server's version.
    Server(Untrusted),
    /// A session to the pod.
    Session(Transport),
    /// The target exists, and is in this namespace.
    Target(Target),
    /// The address that answered.
    Tcp(SocketAddr),
    /// The TLS session with the API server.
    Tls {
        /// The version, such as `1.3`.
        version: &'static str,
        /// What the server's certificate is for.
        names: Vec<Untrusted>,
        /// When the server's certificate expires, if that can be made out.
        expires: Option<SystemTime>,
        /// Whether the certificate was checked.
        is_verified: bool,
    },
}

/// A pod of the target.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PodFound {
    /// Its name.
    pub name: Untrusted,
    /// Where it is in its life.
    pub phase: Phase,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Its containers and sidecars.
    pub containers: Vec<Container>,
}

/// A container of a pod.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Container {
    /// Its name.
    pub name: Untrusted,
    /// How many times it was started again.
    pub restarts: u32,
    /// What keeps it from running, in one word such as `CrashLoopBackOff`.
    pub waiting: Option<Untrusted>,
    /// Why it ended last, in one word such as `OOMKilled`, if it ever did.
    pub last_end: Option<Untrusted>,
}

impl PodFound {
    /// How often its containers were started again, altogether.
    pub fn restarts(&self) -> u32 {
        let restarts = self.containers.iter().map(|container| container.restarts);
        restarts.fold(0, u32::saturating_add)
    }
}

impl From<StepFound> for Finding {
    fn from(found: StepFound) -> Self {
        match found {
            StepFound::Dns { host, addresses } => Self::Dns { host, addresses },
            StepFound::Proxy { proxy } => Self::Proxy(proxy),
            StepFound::Tcp { address } => Self::Tcp(address),
            StepFound::Tls {
                version,
                names,
                expires,
                is_verified,
            } => Self::Tls {
                version,
                names,
                expires,
                is_verified,
            },
        }
    }
}

/// In one line.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(configuration) => configured(configuration, f),
            Self::Credentials { sort, expires } => {
                write!(f, "{sort}{}", until(*expires))
            }
            Self::Dns { host, .. } if host.as_raw().parse::<IpAddr>().is_ok() => {
                write!(f, "{host} is an address")
            }
            Self::Dns { host, addresses } => write!(f, "{host} is {}", list(addresses)),
            Self::Identity(Identity { name, groups }) => match groups[..] {
                [] => write!(f, "user {name}"),
                _ => write!(f, "user {name}, groups {}", list(groups)),
            },
            Self::Pods {
                pods, total, ready, ..
            } => match pods.first() {
                None => f.write_str("none"),
                Some(pod) => write!(f, "{ready} of {total} ready; {pod}"),
            },
            Self::Port {
                asked, port, probe, ..
            } => {
                match (asked, port) {
                    (RemotePort::Number(number), Some(port)) if number != port => {
                        write!(f, "{number}, which is {port} in the pod")?;
                    }
                    (RemotePort::Name(_), Some(port)) => write!(f, "{asked}, which is {port}")?,
                    _ => write!(f, "{asked}")?,
                }
                match probe {
                    Some(probe) => write!(f, ": {probe}"),
                    None => Ok(()),
                }
            }
            Self::Proxy(proxy) => write!(f, "{proxy} lets the connection through"),
            Self::Rights(rights) => {
                let of = |needed| {
                    rights
                        .iter()
                        .filter(move |(right, _)| right.is_needed() == needed)
                };
                let (needed, useful) = (of(true).count(), of(false).count());
                write!(
                    f,
                    "{} of {needed} needed, {} of {useful} useful",
                    of(true).filter(|(_, has)| *has).count(),
                    of(false).filter(|(_, has)| *has).count(),
                )
            }
            Self::RoundTrip {
                server: Some(server),
                session,
            } => {
                write!(
                    f,
                    "{} to the API server, {} to the pod's node",
                    ms(*server),
                    ms(*session)
                )
            }
            Self::RoundTrip {
                server: None,
                session,
            } => write!(f, "{} to the pod's node", ms(*session)),
            Self::Server(version) => write!(f, "Kubernetes {version}"),
            Self::Session(transport) => write!(f, "{transport}"),
            Self::Target(target) => write!(f, "{target}"),
            Self::Tcp(address) => write!(f, "connected to {address}"),
            Self::Tls {
                version,
                names,
                expires,
                ..
            } => {
                write!(
                    f,
                    "TLS {version}, certificate for {}{}",
                    list(names),
                    until(*expires)
                )
            }
        }
    }
}

impl fmt::Display for PodFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.phase.to_string().to_lowercase();
        write!(f, "{} is {phase}", self.name)?;
        if self.ready {
            f.write_str(" and ready")?;
        }
        if self.deleting {
            f.write_str(", being deleted")?;
        }
        match self.restarts() {
            0 => Ok(()),
            1 => f.write_str(", restarted once"),
            times => write!(f, ", restarted {times} times"),
        }
    }
}

fn configured(configuration: &Configuration, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match &configuration.context {
        Some(context) => write!(f, "context {context}, ")?,
        None => f.write_str("no context, ")?,
    }
    write!(
        f,
        "server {}, namespace {}",
        configuration.server, configuration.namespace
    )?;
    match &configuration.proxy {
        Some(proxy) => write!(f, ", through {proxy}"),
        None => Ok(()),
    }
}

/// The most elements of a list that are shown.
const SHOWN: usize = 6;

fn list<T: fmt::Display>(elements: &[T]) -> String {
    let shown: Vec<String> = elements.iter().take(SHOWN).map(T::to_string).collect();
    let rest = elements.len().saturating_sub(SHOWN);
    match (shown.is_empty(), rest) {
        (true, _) => "nothing".to_owned(),
        (false, 0) => shown.join(", "),
        (false, _) => format!("{} and {rest} more", shown.join(", ")),
    }
}

/// When something expires, as the end of a sentence.
fn until(expires: Option<SystemTime>) -> String {
    let Some(expires) = expires else {
        return String::new();
    };
    match expires.duration_since(SystemTime::now()) {
        Ok(left) => format!(", expires in {}", span(left)),
        Err(past) => format!(", expired {} ago", span(past.duration())),
    }
}

fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
