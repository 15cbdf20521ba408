use podline_cluster::{Options, RemotePort, Target};

use super::walk::Walk;
use super::{Hop, Report};
use crate::Ask;

/// A walk to a target and its ports; [`Check::run`] makes it.
///
/// ```no_run
/// use podline::cluster::Options;
/// use podline::{Check, Untrusted};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let check = Check::new(Options::default(), "svc/web".parse()?).port("http".parse()?);
/// let report = check.run(|hop| println!("{} took {:?}", hop.stage, hop.took)).await;
/// if let Some(failed) = report.failed() {
///     println!("the way ends at {}", failed.stage);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is checked before it is run"]
pub struct Check {
    pub(super) options: Options,
    pub(super) target: Target,
    pub(super) ports: Vec<RemotePort>,
    pub(super) ask: Option<Ask>,
}

impl Check {
    /// A walk to `target` in the cluster that `options` name. Without ports, the first ones that the target declares are
    /// looked at.
    pub fn new(options: Options, target: Target) -> Self {
        Self {
            options,
            target,
            ports: Vec::new(),
            ask: None,
        }
    }

    /// Adds a port.
    pub fn port(mut self, port: RemotePort) -> Self {
        self.ports.push(port);
        self
    }

    /// Ports have to serve, by what comes back to this; being open is not enough.
    pub fn ask(mut self, ask: Ask) -> Self {
        self.ask = Some(ask);
        self
    }

    /// Makes the walk, and tells of each hop as soon as it is made. Each hop has a deadline, so this comes to an end.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn run(self, tell: impl FnMut(&Hop)) -> Report {
        let mut walk = Walk::new(tell);
        // Where it ended is in the last hop.
        let _stopped = walk.all(&self).await;
        Report {
            target: self.target,
            hops: walk.hops,
        }
    }
}
