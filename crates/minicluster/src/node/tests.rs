//! Sessions over real sockets: raw clients on one side, the workload's listeners on the other.

mod channels;
mod client;
mod faults;
mod pods;
mod sessions;

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::{Faults, Node, Sandbox};
use crate::workload::FIXED_PORTS;

const UID: &str = "b7c1ad44-91a3-4b8e-9d7a-0c6d8f4ffb31";

/// A node with one pod, `default/web-0`, and a server in front of it.
struct Bench {
    node: Arc<Node>,
    faults: Faults,
    address: SocketAddr,
}

impl Bench {
    async fn new() -> Self {
        let faults = Faults::new();
        let node = Arc::new(Node::new(faults.clone()));
        node.start_pod(sandbox(UID)).await.unwrap();
        let mut bench = Self {
            node,
            faults,
            address: ([127, 0, 0, 1], 0).into(),
        };
        bench.address = bench.server(|| ()).await;
        bench
    }

    /// Another server in front of the node, which does something before each of its answers.
    async fn server(&self, before_answer: impl Fn() + Clone + Send + Sync + 'static) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Arc::clone(&self.node), before_answer));
        address
    }
}

fn sandbox(uid: &str) -> Sandbox {
    Sandbox {
        namespace: "default".into(),
        name: "web-0".into(),
        uid: uid.into(),
        ports: FIXED_PORTS.to_vec(),
    }
}

async fn serve(
    listener: TcpListener,
    node: Arc<Node>,
    before_answer: impl Fn() + Clone + Send + Sync + 'static,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (node, before_answer) = (Arc::clone(&node), before_answer.clone());
        let service = service_fn(move |request| {
            let (node, before_answer) = (Arc::clone(&node), before_answer.clone());
            async move {
                let answer = node.port_forward(request, "default", "web-0").await;
                before_answer();
                Ok::<_, Infallible>(answer)
            }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}
