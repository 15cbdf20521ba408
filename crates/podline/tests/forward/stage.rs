use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use podline::cluster::{Cluster, Options};
use podline::{Event, Events, Forward, ForwardBuilder};
use podline_minicluster::{Config, Minicluster, User};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long anything may take that should happen; only a broken build ever waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster, and who uses it.
pub(crate) struct Stage {
    pub(crate) minicluster: Minicluster,
    cluster: Cluster,
    _kubeconfig: NamedTempFile,
}

impl Stage {
    /// A cluster with the demo's content: deployments and services `web` and `echo`, and the pod `tools`.
    pub(crate) async fn new() -> Self {
        Self::of(Config::default()).await
    }

    pub(crate) async fn of(config: Config) -> Self {
        let minicluster = Minicluster::start(config).await.unwrap();
        let kubeconfig = NamedTempFile::new().unwrap();
        std::fs::write(kubeconfig.path(), minicluster.kubeconfig(User::Admin)).unwrap();
        let options = Options {
            kubeconfig: Some(kubeconfig.path().to_owned()),
            ..Options::default()
        };
        let cluster = Cluster::connect(options).await.unwrap();
        Self {
            minicluster,
            cluster,
            _kubeconfig: kubeconfig,
        }
    }

    /// A forward of the ports given to `target`, on 127.0.0.1 only.
    pub(crate) fn forward(&self, target: &str, ports: &[&str]) -> ForwardBuilder {
        let builder = Forward::builder(self.cluster.clone(), target.parse().unwrap())
            .address("127.0.0.1".parse().unwrap());
        ports
            .iter()
            .fold(builder, |builder, port| builder.port(port.parse().unwrap()))
    }

    pub(crate) fn builder(&self, target: &str) -> ForwardBuilder {
        Forward::builder(self.cluster.clone(), target.parse().unwrap())
    }
}

/// Where the port number `index` of `forward` is listened on.
pub(crate) fn address(forward: &Forward, index: usize) -> SocketAddr {
    forward.local_addrs()[index].socket
}

/// Connects as a blocking app does: tokio asks once more after the handshake, and would take a reset that has come by then
/// for a failure to connect.
pub(crate) async fn connect(forward: &Forward, index: usize) -> TcpStream {
    let address = address(forward, index);
    let connect = move || std::net::TcpStream::connect(address);
    let app = tokio::task::spawn_blocking(connect).await.unwrap().unwrap();
    app.set_nonblocking(true).unwrap();
    TcpStream::from_std(app).unwrap()
}

/// Sends `bytes` and waits until they have come back.
pub(crate) async fn echo(app: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    app.write_all(bytes).await?;
    let mut back = vec![0; bytes.len()];
    soon(app.read_exact(&mut back)).await?;
    assert_eq!(back, bytes);
    Ok(())
}

/// All that comes until the connection ends, and how that is.
pub(crate) async fn read_all(app: &mut TcpStream) -> (Vec<u8>, io::Result<usize>) {
    let mut bytes = Vec::new();
    let result = soon(app.read_to_end(&mut bytes)).await;
    (bytes, result)
}

/// Waits for an event that `wanted` makes something of.
pub(crate) async fn event<T>(events: &mut Events, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    soon(async {
        loop {
            let event = events.next().await.expect("the forward has not ended");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    })
    .await
}

/// Waits until it is told that connections are held.
pub(crate) async fn holding(events: &mut Events) {
    event(events, |event| match event {
        Event::Waiting { .. } | Event::PodGone { waiting: true, .. } => Some(()),
        _ => None,
    })
    .await;
}

/// Which pod answers the next connection to a `web` port.
pub(crate) async fn who(forward: &Forward, index: usize) -> String {
    stay_with(forward, index).await.0
}

/// The same, if the connection is not cut.
pub(crate) async fn try_who(forward: &Forward, index: usize) -> Option<String> {
    ask_who(connect(forward, index).await)
        .await
        .ok()
        .map(|(name, _)| name)
}

/// Which pod answers the next connection to a `web` port, and that connection, which is open.
pub(crate) async fn stay_with(forward: &Forward, index: usize) -> (String, TcpStream) {
    ask_who(connect(forward, index).await).await.unwrap()
}

async fn ask_who(mut app: TcpStream) -> io::Result<(String, TcpStream)> {
    app.write_all(b"GET /whoami HTTP/1.1\r\nHost: web\r\n\r\n")
        .await?;
    let mut answer = String::new();
    // The body is a line. Whoever waits for the end of the connection waits for the runtime's second.
    loop {
        let mut part = [0; 1024];
        let length = soon(app.read(&mut part)).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.push_str(std::str::from_utf8(&part[..length]).unwrap());
        if let Some((head, body)) = answer.split_once("\r\n\r\n")
            && let Some(name) = body.strip_suffix('\n')
        {
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            return Ok((name.to_owned(), app));
        }
    }
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it happens soon")
}

/// Looks at the minicluster until it is so, for of this nobody tells.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    soon(async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
