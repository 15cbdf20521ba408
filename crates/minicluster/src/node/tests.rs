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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Arc::clone(&node)));
        Self {
            node,
            faults,
            address,
        }
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

async fn serve(listener: TcpListener, node: Arc<Node>) {
    while let Ok((stream, _)) = listener.accept().await {
        let node = Arc::clone(&node);
        let service = service_fn(move |request| {
            let node = Arc::clone(&node);
            async move { Ok::<_, Infallible>(node.port_forward(request, "default", "web-0").await) }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}
