//! A cluster to try commands on.

use podline_minicluster::{Config, Minicluster, User};
use tokio::runtime::Runtime;

use crate::podline::Podline;

/// A cluster, and what runs it.
pub(crate) struct World {
    pub(crate) minicluster: Minicluster,
    _runtime: Runtime,
}

impl World {
    pub(crate) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let minicluster = runtime.block_on(Minicluster::start(Config::default())).unwrap();
        Self {
            minicluster,
            _runtime: runtime,
        }
    }

    /// The program, for a user who may forward.
    pub(crate) fn podline(&self) -> Podline {
        Podline::new().file(".kube/config", &self.minicluster.kubeconfig(User::Forwarder))
    }
}
