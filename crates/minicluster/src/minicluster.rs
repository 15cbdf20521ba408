//! The whole cluster: its parts, how they start and how they end.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{
    Handler, KILLED, Kubelet, NODE_NAME, Pod, Rules, Server, Store, StoreError, run_controllers,
};
use crate::config::Config;
use crate::credentials::{CredentialError, Credentials};
use crate::node::{Faults, Node};
use crate::user::{Credential, User};

/// The exit code of a process that crashed.
const CRASHED: i32 = 1;

/// How long the end of the cluster's tasks is waited for.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// A Kubernetes cluster in this process.
///
/// Dropping it ends its tasks soon; [`Minicluster::shutdown`] waits for that.
pub struct Minicluster {
    address: std::sync::Mutex<SocketAddr>,
    credentials: Arc<Credentials>,
    faults: Faults,
    handler: Arc<Handler>,
    server: Mutex<Option<Server>>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Minicluster {
    /// Starts a cluster and waits until the pods it begins with are running.
    ///
    /// # Errors
    ///
    /// The address is not loopback or taken, a manifest is wrong, or the pods did not start within 30 s.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        if !config.listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(config.listen));
        }
        let addresses = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let credentials = Arc::new(Credentials::new(&addresses)?);
        let store = Store::new();
        let node = Arc::new(Node::new(config.faults.clone()));
        let handler = Handler::new(
            store.clone(),
            Rules::new(),
            Arc::clone(&credentials),
            Arc::clone(&node),
        );
        let handler = Arc::new(handler);
        for manifest in base_manifests().iter().chain(&config.manifests) {
            store.create(manifest).map_err(|source| StartError::Manifest {
                object: format!("{} {}", manifest["kind"], manifest["metadata"]["name"]),
                source,
            })?;
        }
        let tls = Arc::new(credentials.server_config()?);
        let server = Server::start(config.listen, tls, Arc::clone(&handler))
            .await
            .map_err(|source| StartError::Listen {
                address: config.listen,
                source,
            })?;
        let minicluster = Self {
            address: std::sync::Mutex::new(server.address()),
            credentials,
            faults: config.faults,
            handler,
            server: Mutex::new(Some(server)),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        minicluster
            .tasks
            .spawn(run_controllers(store.clone(), minicluster.shutdown.clone()));
        let kubelet = Kubelet::new(store.clone(), node);
        minicluster.tasks.spawn(kubelet.run(minicluster.shutdown.clone()));
        store.wait_until_settled().await.map_err(StartError::Pods)?;
        Ok(minicluster)
    }

    /// The API server's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The API server's URL, like `https://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.address())
    }

    /// A kubeconfig with all that `user` needs in it: the administrator by client certificate, all others by token.
    ///
    /// # Panics
    ///
    /// If more than 1000 users have credentials, or the system has no randomness for new ones;
    /// [`Minicluster::kubeconfig_with`] tells instead.
    #[must_use]
    pub fn kubeconfig(&self, user: User) -> String {
        let credential = match user {
            User::Admin => Credential::Certificate,
            User::Forwarder | User::Other(_) => Credential::Token,
        };
        self.kubeconfig_with(user, credential)
            .expect("the credentials of a user can be made")
    }

    /// A kubeconfig where `user` proves himself by `credential`.
    ///
    /// # Errors
    ///
    /// The credentials could not be made.
    pub fn kubeconfig_with(&self, user: User, credential: Credential) -> Result<String, CredentialError> {
        self.credentials.kubeconfig(&self.url(), user, credential)
    }

    /// A kubeconfig for the API server at another address, such as a relay's.
    ///
    /// # Errors
    ///
    /// The credentials could not be made.
    pub fn kubeconfig_at(
        &self,
        url: &str,
        user: User,
        credential: Credential,
    ) -> Result<String, CredentialError> {
        self.credentials.kubeconfig(url, user, credential)
    }

    /// The certificate in PEM that the API server's own is signed by.
    #[must_use]
    pub fn certificate_authority(&self) -> String {
        self.credentials.authority_pem()
    }

    /// The bearer token of `user`.
    ///
    /// # Errors
    ///
    /// The credentials could not be made.
    pub fn token(&self, user: User) -> Result<String, CredentialError> {
        self.credentials.token(user)
    }

    /// Makes the credentials of `user` worthless, as if they had expired: the next request is answered by 401. A
    /// kubeconfig made later has new ones.
    pub fn revoke(&self, user: &User) {
        self.credentials.revoke(user);
    }

    /// What goes wrong on the way to pods and in them.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Upgraded connections to pods that the node serves now. One that its client has left counts until everything in
    /// the pod has let go of it.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.handler.node.sessions()
    }

    /// The cluster's objects, to look at and to change from behind.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.handler.store
    }

    /// Who may do what.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.handler.rules
    }

    /// Connections that the runtime has into pods now, or waits for, those of sessions that their clients have left included.
    #[must_use]
    pub fn pod_connections(&self) -> usize {
        self.handler.node.pod_connections()
    }

    /// Kills a pod's processes, as `kill -9` does. The pod stays, unready and its containers terminated, and nothing
    /// listens in it until [`Minicluster::restart_processes`].
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    pub async fn kill_processes(&self, namespace: &str, pod: &str) -> Result<(), StoreError> {
        self.end_processes(namespace, pod, KILLED).await
    }

    /// Ends a pod's processes with an exit code; otherwise the same as [`Minicluster::kill_processes`].
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    pub async fn end_processes(&self, namespace: &str, pod: &str, exit_code: i32) -> Result<(), StoreError> {
        let uid = self.uid(namespace, pod)?;
        self.handler.node.kill_processes(&uid).await;
        self.store()
            .change_pod(namespace, pod, |pod, now| pod.set_terminated(exit_code, now))
    }

    /// Lets a pod's processes crash for good: nothing listens, and the kubelet waits longer and longer before it starts them
    /// again, which here it never does by itself.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    pub async fn crash_loop(&self, namespace: &str, pod: &str) -> Result<(), StoreError> {
        self.end_processes(namespace, pod, CRASHED).await?;
        self.store()
            .change_pod(namespace, pod, |pod, _| pod.set_crash_looping())
    }

    /// Starts a pod's processes again, as the kubelet does after a crash.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    pub async fn restart_processes(&self, namespace: &str, pod: &str) -> Result<(), StoreError> {
        let uid = self.uid(namespace, pod)?;
        self.handler
            .node
            .restart_processes(&uid)
            .await
            .map_err(|_| StoreError::NotFound)?;
        self.store().change_pod(namespace, pod, Pod::set_restarted)
    }

    /// Takes a pod away as its node does when it is short of memory: the pod has failed and stays as an object, and its
    /// owner makes another.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    pub async fn evict(&self, namespace: &str, pod: &str) -> Result<(), StoreError> {
        let uid = self.uid(namespace, pod)?;
        self.handler.node.stop_pod(&uid).await;
        self.store().change_pod(namespace, pod, Pod::set_evicted)
    }

    /// Ends the API server and all its connections at once, as a crash does; sessions to pods are cut too. Pods and
    /// objects stay.
    pub async fn stop_api_server(&self) {
        if let Some(server) = self.server.lock().await.take() {
            server.kill().await;
        }
        // After it, or a client that is quick would get a session in between, which nobody cuts.
        self.faults.cut_sessions();
    }

    /// Starts the API server again, at the same address.
    ///
    /// # Errors
    ///
    /// The address is taken by another.
    pub async fn start_api_server(&self) -> io::Result<()> {
        let mut server = self.server.lock().await;
        if server.is_none() {
            *server = Some(self.serve_at(self.address()).await?);
        }
        Ok(())
    }

    /// Ends the API server as [`Minicluster::stop_api_server`] does, and starts it at another address, with a certificate of
    /// another authority. Kubeconfigs that were made before lead nowhere; tokens stay good.
    ///
    /// # Errors
    ///
    /// There is no free port, or no new certificates could be made.
    pub async fn move_api_server(&self) -> io::Result<()> {
        self.stop_api_server().await;
        self.credentials.renew_authority().map_err(io::Error::other)?;
        let server = self.serve_at(SocketAddr::new(self.address().ip(), 0)).await?;
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = server.address();
        *self.server.lock().await = Some(server);
        Ok(())
    }

    /// Starts the API server again with a certificate that expired yesterday, at the same address and by the same
    /// authority. It keeps that until [`Minicluster::move_api_server`].
    ///
    /// # Errors
    ///
    /// No certificate could be made, or the address is taken by another.
    pub async fn expire_certificate(&self) -> io::Result<()> {
        self.credentials
            .expire_server_certificate()
            .map_err(io::Error::other)?;
        self.stop_api_server().await;
        self.start_api_server().await
    }

    async fn serve_at(&self, address: SocketAddr) -> io::Result<Server> {
        let tls = self.credentials.server_config().map_err(io::Error::other)?;
        Server::start(address, Arc::new(tls), Arc::clone(&self.handler)).await
    }

    /// Ends the cluster: the API server, its connections, the pods.
    pub async fn shutdown(self) {
        self.faults.cut_sessions();
        if let Some(server) = self.server.lock().await.take() {
            server.shutdown().await;
        }
        self.shutdown.cancel();
        self.tasks.close();
        if timeout(SHUTDOWN_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::warn!("the cluster's tasks did not end in time");
        }
    }

    fn uid(&self, namespace: &str, pod: &str) -> Result<String, StoreError> {
        let pods = self.store().pods(namespace);
        pods.into_iter()
            .find(|known| known.name == pod)
            .map(|pod| pod.uid)
            .ok_or(StoreError::NotFound)
    }
}

impl std::fmt::Debug for Minicluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Minicluster")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

impl Drop for Minicluster {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Why a cluster did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Keys, certificates or the TLS configuration could not be made.
    #[error("credentials could not be made")]
    Credentials(#[from] CredentialError),
    /// The API server's address is taken or not this machine's.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address of the configuration.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// An object of the configuration can't be created.
    #[error("{object} could not be created")]
    Manifest {
        /// Its kind and name.
        object: String,
        /// What is wrong with it.
        source: StoreError,
    },
    /// The cluster is only for this machine.
    #[error("{0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The pods did not run in time.
    #[error("the pods did not start")]
    Pods(#[source] StoreError),
}

/// What every cluster has.
fn base_manifests() -> Vec<Value> {
    let namespace = |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    vec![
        namespace("default"),
        namespace("kube-public"),
        namespace("kube-system"),
        json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": NODE_NAME,
                "labels": {"kubernetes.io/hostname": NODE_NAME, "kubernetes.io/os": std::env::consts::OS},
            },
            "spec": {"podCIDR": "10.244.0.0/16"},
            "status": {
                "addresses": [
                    {"type": "InternalIP", "address": "10.200.0.2"},
                    {"type": "Hostname", "address": NODE_NAME},
                ],
                "conditions": [{
                    "type": "Ready",
                    "status": "True",
                    "reason": "KubeletReady",
                    "message": "the node's tasks are running",
                }],
                "declaredFeatures": ["ExtendWebSocketsToKubelet"],
                "nodeInfo": {
                    "architecture": std::env::consts::ARCH,
                    "containerRuntimeVersion": "podline://1",
                    "kernelVersion": "none",
                    "kubeletVersion": "v1.37.2",
                    "operatingSystem": std::env::consts::OS,
                    "osImage": "podline minicluster",
                },
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": "kubernetes",
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {"ports": [{"name": "https", "port": 443, "targetPort": 6443}]},
        }),
    ]
}
