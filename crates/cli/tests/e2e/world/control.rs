//! What cases do to the parts of the cluster.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use super::{Cluster, World};
use crate::relay::Relay;

/// How long a part of the cluster may take to stop or start.
const CONTROL: Duration = Duration::from_secs(90);

/// How often a real API server is asked whether it is ready.
const ASK_PAUSE: Duration = Duration::from_millis(200);

impl World {
    /// Ends the API server at once, with all its connections.
    pub(crate) async fn stop_api_server(&self) {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => minicluster.stop_api_server().await,
            Cluster::Real { .. } => self.control("apiserver", "stop").await,
        }
    }

    /// Starts it again, and waits until it answers.
    pub(crate) async fn start_api_server(&self) {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => minicluster.start_api_server().await.unwrap(),
            Cluster::Real { .. } => {
                self.control("apiserver", "start").await;
                let ready = async {
                    // There is nobody who could tell of it.
                    while self.kubectl(&["get", "--raw=/readyz"]).await.is_err() {
                        tokio::time::sleep(ASK_PAUSE).await;
                    }
                };
                timeout(CONTROL, ready)
                    .await
                    .expect("the API server is ready in time");
            }
        }
    }

    /// Ends the kubelet at once, with all its connections, and starts it again. Pods go on.
    pub(crate) async fn restart_kubelet(&self) {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => minicluster.faults().cut_sessions(),
            Cluster::Real { .. } => {
                self.control("kubelet", "stop").await;
                self.control("kubelet", "start").await;
            }
        }
    }

    /// A way to the API server that can be broken.
    pub(crate) async fn relay(&self) -> Relay {
        Relay::start(self.server_address()).await
    }

    /// The same, which ends what is idle for so long.
    pub(crate) async fn relay_with_idle_limit(&self, limit: Duration) -> Relay {
        Relay::with_idle_limit(self.server_address(), Some(limit)).await
    }

    /// The flags that lead over a relay.
    pub(crate) fn over(&self, relay: &Relay) -> [String; 2] {
        [
            format!("--server=https://{}", relay.address()),
            format!("--tls-server-name={}", self.server_address().ip()),
        ]
    }

    fn server_address(&self) -> SocketAddr {
        let server = self.server();
        let address = server.trim_start_matches("https://").trim_end_matches('/');
        address
            .parse()
            .expect("the server of a test's kubeconfig is an address and a port")
    }

    async fn control(&self, part: &str, what: &str) {
        let Cluster::Real {
            control: Some(control),
            ..
        } = &self.cluster
        else {
            panic!("there is no control over this cluster");
        };
        let status = Command::new(control)
            .args([part, what])
            .stdin(Stdio::null())
            .status();
        let status = timeout(CONTROL, status).await.expect("it is done in time");
        assert!(status.unwrap().success(), "{} {part} {what}", control.display());
    }
}
