//! A forward on a cluster of its own, watched, and a page that shows it.

use std::time::Duration;

use podline::cluster::{Cluster, Options};
use podline::{Forward, Target};
use podline_minicluster::{Config, Minicluster, User};
use podline_monitor::pcap::Capture;
use podline_monitor::{Monitor, WebOptions, WebServer};
use secrecy::ExposeSecret as _;
use tempfile::NamedTempFile;
use tokio::net::TcpStream;

use crate::client::Client;

/// How long anything may take that should happen; only a broken build ever waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) minicluster: Minicluster,
    pub(crate) capture: Capture,
    forward: Forward,
    web: WebServer,
    _kubeconfig: NamedTempFile,
}

impl Stage {
    pub(crate) async fn new(target: &str, port: &str) -> Self {
        let minicluster = Minicluster::start(Config::default()).await.unwrap();
        let kubeconfig = NamedTempFile::new().unwrap();
        std::fs::write(kubeconfig.path(), minicluster.kubeconfig(User::Admin)).unwrap();
        let options = Options {
            kubeconfig: Some(kubeconfig.path().to_owned()),
            ..Options::default()
        };
        let cluster = Cluster::connect(options).await.unwrap();
        let target: Target = target.parse().unwrap();
        let monitor = Monitor::start();
        let capture = Capture::new(|_| {});
        let web = WebOptions {
            address: "127.0.0.1:0".parse().unwrap(),
            allow_remote: false,
        };
        let web = WebServer::start(monitor.clone(), Some(capture.clone()), web)
            .await
            .unwrap();
        let watched = monitor.forward(&target);
        watched.record_as(capture.interface(&target.to_string()));
        let forward = Forward::builder(cluster, target)
            .address("127.0.0.1".parse().unwrap())
            .port(port.parse().unwrap())
            .taps(watched.clone())
            .start()
            .await
            .unwrap();
        watched.follow(&forward);
        watched.ready();
        Self {
            minicluster,
            capture,
            forward,
            web,
            _kubeconfig: kubeconfig,
        }
    }

    /// An app's connection.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.forward.local_addrs()[0].socket)
            .await
            .unwrap()
    }

    /// A client of the page that has the link.
    pub(crate) fn client(&self) -> Client {
        let link = self.web.link().expose_secret();
        let (_, token) = link.split_once("/#token=").unwrap();
        Client::new(self.web.address(), token)
    }
}
