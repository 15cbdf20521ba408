//! `podline demo`: a cluster inside this process, and a forward to it.

mod check;
mod http;
mod kubeconfig_file;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    path::Path,
};

use podline::{
    Forward, ForwardError, LocalPort, PortSpec, RemotePort, Target,
    cluster::{Cluster, Kind, Options},
};
use podline_minicluster::{Config, Minicluster, User};

use super::{
    Ending,
    forward::{ended, failure},
    narrator,
    signals::Signals,
};
use crate::{
    arguments::DemoArguments,
    output::{Failure, Output},
};

use kubeconfig_file::KubeconfigFile;

/// The local port that the demonstration likes best.
const PORT: u16 = 8080;

/// The port of the service `web`.
const WEB: u16 = 80;

/// A cluster, the way to it, and what has to be tidied up.
struct Demo {
    minicluster: Minicluster,
    cluster: Cluster,
    web: Forward,
    /// Removed when it is dropped.
    kubeconfig: KubeconfigFile,
}

/// Runs the demonstration until a signal comes, or the check is done.
pub(crate) async fn run(
    arguments: DemoArguments,
    output: Output,
    mut signals: Signals,
) -> Result<Ending, Failure> {
    let demo = tokio::select! {
        biased;
        signal = signals.asked() => return Ok(signal.into()),
        demo = Demo::start(&arguments) => demo?,
    };
    let (name, number) = (
        demo.minicluster.url(),
        demo.minicluster.store().pods("default").len(),
    );
    output.text(&format!(
        "A Kubernetes cluster runs inside this process: {number} pods, API server at {name}\n"
    ));
    narrator::announce(&demo.web, &output);
    narrator::follow(&demo.web, &web(), &output);
    output.text("");
    let ending = tokio::select! {
        biased;
        signal = signals.asked() => Ok(signal.into()),
        ending = demo.proceed(&arguments, &output) => ending,
    };
    demo.end().await;
    ending
}

impl Demo {
    async fn start(arguments: &DemoArguments) -> Result<Self, Failure> {
        let minicluster = Minicluster::start(Config::default())
            .await
            .map_err(|error| Failure::of(&error).while_doing("the cluster cannot start"))?;
        let content = minicluster.kubeconfig(User::Admin);
        let kubeconfig = match &arguments.kubeconfig {
            Some(path) => KubeconfigFile::write(path, &content),
            None => KubeconfigFile::temporary(&content),
        }
        .map_err(|error| Failure::of(&error).hinted(error.hint()))?;
        let options = Options {
            kubeconfig: Some(kubeconfig.path().to_owned()),
            ..Options::default()
        };
        let cluster = Cluster::connect(options)
            .await
            .map_err(|error| Failure::of(&error).hinted(error.hint()))?;
        let forward = |local| {
            let remote = RemotePort::Number(WEB);
            Forward::builder(cluster.clone(), web())
                .port(PortSpec { local, remote })
                .start()
        };
        let web = match forward(local_port()).await {
            // Somebody took the port in this moment.
            Err(ForwardError::Listen(_)) => forward(LocalPort::Any).await,
            started => started,
        };
        let web = web.map_err(|error| failure(&error))?;
        Ok(Self {
            minicluster,
            cluster,
            web,
            kubeconfig,
        })
    }

    /// What comes after `Forwarding from`.
    async fn proceed(&self, arguments: &DemoArguments, output: &Output) -> Result<Ending, Failure> {
        // Of both families only one may be ours, where somebody took the other's port meanwhile.
        let Some(bound) = self.web.local_addrs().first() else {
            return Err(Failure::new("the demonstration listens nowhere"));
        };
        if arguments.check {
            return check::run(&self.minicluster, &self.cluster, bound.socket, output).await;
        }
        let port = bound.socket.port();
        output.text(&invitation(port, arguments.kubeconfig.as_deref()));
        Err(ended(&web(), &self.web.ended().await))
    }

    async fn end(self) {
        drop(self.kubeconfig);
        self.web.shutdown().await;
        self.minicluster.shutdown().await;
    }
}

fn web() -> Target {
    Target {
        namespace: None,
        kind: Kind::Service,
        name: "web".to_owned(),
    }
}

/// The port that the demonstration likes best, unless anybody has it in either family.
fn local_port() -> LocalPort {
    let is_held = |address: SocketAddr| {
        TcpListener::bind(address).is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
    };
    if is_held((Ipv4Addr::LOCALHOST, PORT).into()) || is_held((Ipv6Addr::LOCALHOST, PORT).into()) {
        LocalPort::Any
    } else {
        LocalPort::Exact(PORT)
    }
}

/// What to open and what to try.
fn invitation(port: u16, kubeconfig: Option<&Path>) -> String {
    let tools = match kubeconfig {
        Some(path) => {
            let path = path.display();
            format!(
                "And   kubectl --kubeconfig {path} get pods\n\
                 \x20     kubectl --kubeconfig {path} rollout restart deployment/web\n\
                 \x20     podline --kubeconfig {path} pod/tools 7 22 svc/echo 7777:7"
            )
        }
        None => "And   podline demo --kubeconfig demo.yaml\n\
                 \x20     makes the cluster known to kubectl and every other tool"
            .to_owned(),
    };
    format!(
        "Open  http://localhost:{port}\n\
         Try   curl http://localhost:{port}/whoami\n\
         \x20     curl http://localhost:{port}/sse\n\
         \x20     curl http://localhost:{port}/bytes/1000000000 --output /dev/null\n\
         {tools}\n\
         \n\
         Ctrl-C ends it all."
    )
}
