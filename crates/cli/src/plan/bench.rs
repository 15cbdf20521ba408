//! From the words of `podline bench` to what is measured.

use std::time::Duration;

use podline::{Bench, bench::Service};

use super::{Environment, options, targets, transport};
use crate::arguments::{BenchArguments, BenchFormat};
use crate::output::Failure;

/// What `podline bench` is to do.
#[derive(Debug)]
pub struct BenchPlan {
    /// The measures.
    pub bench: Bench,
    /// How many connections are made at once.
    pub connections: usize,
    /// How long one measure takes.
    pub duration: Duration,
    /// How to tell what was measured.
    pub format: BenchFormat,
    /// The target and its port, as they are called.
    pub name: String,
    /// What the port is said to serve.
    pub service: Option<Service>,
}

impl BenchPlan {
    /// Makes a plan of what was typed.
    ///
    /// # Errors
    ///
    /// Says what cannot be a target or a port.
    pub fn new(arguments: BenchArguments, environment: &Environment) -> Result<Self, Failure> {
        let target = targets::target(&arguments.target)?;
        let port = targets::port(&arguments.port)?.remote;
        let name = format!("{target} {port}");
        let path = arguments.http_path;
        let service = match (arguments.echo, arguments.https) {
            (true, _) => Some(Service::Echo),
            (false, true) => Some(Service::Https(path.unwrap_or_default())),
            (false, false) => path.map(Service::Http),
        };
        let (connections, duration) = (arguments.connections, arguments.duration);
        let mut bench = Bench::new(options(arguments.kubectl), target, port)
            .connections(connections)
            .duration(duration)
            .pod_running_timeout(arguments.pod_running_timeout)
            .transport(transport(arguments.transport, environment));
        if let Some(service) = service.clone() {
            bench = bench.service(service);
        }
        Ok(Self {
            bench,
            connections,
            duration,
            format: arguments.output,
            name,
            service,
        })
    }
}
