use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use podline_cluster::{Cluster, Found, Pod, PortError, RemotePort, Target};
use podline_tunnel::Pool;
use podline_wire::Untrusted;
use tokio::net::TcpListener;
use tokio::time;

use super::ForwardError;
use super::builder::{ForwardBuilder, with_all};
use super::choice::Wanted;
use super::connection::Accepted;
use super::shared::Shared;
use super::supervisor::Supervisor;
use super::view::ForwardView;
use crate::listen::{Acceptor, Bound, bind, places};
use crate::{Event, Events, LocalAddress, LocalPort, PortSpec};

/// How long the tasks of connections may take to end at shutdown. They wait for nothing then.
const TASKS_DEADLINE: Duration = Duration::from_secs(1);

/// Local addresses that lead to a pod of a target, for as long as this lives.
///
/// ```no_run
/// use podline::{Event, Forward};
/// use podline::cluster::{Cluster, Options};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let cluster = Cluster::connect(Options::default()).await?;
/// let forward = Forward::builder(cluster, "svc/web".parse()?)
///     .port("8080:http".parse()?)
///     .start()
///     .await?;
/// for address in forward.local_addrs() {
///     println!("Forwarding from {address}");
/// }
/// let mut events = forward.events();
/// while let Some(event) = events.next().await {
///     if let Event::ConnectionEnded { outcome, .. } = event {
///         println!("{} bytes up, {} down: {}", outcome.sent, outcome.received, outcome.end);
///         break;
///     }
/// }
/// forward.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub struct Forward {
    pub(super) shared: Arc<Shared>,
    local_addrs: Vec<LocalAddress>,
}

/// How a forward ended.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ended {
    /// Its pod was lost, and it was asked to end then.
    Lost(Untrusted),
    /// It was shut down.
    ShutDown,
}

impl Forward {
    /// A forward to `target`, a pod or something that has pods.
    pub fn builder(cluster: Cluster, target: Target) -> ForwardBuilder {
        ForwardBuilder::new(cluster, target)
    }

    pub(super) async fn start(builder: ForwardBuilder) -> Result<Self, ForwardError> {
        let ForwardBuilder {
            cluster,
            target,
            ports,
            all_ports,
            addresses,
            pod_running_timeout,
            settings,
        } = builder;
        let wanted = Wanted::of(&target, settings.require_ready);
        let mut watch = cluster.watch(&target);
        // Where all that run are being deleted, their successors are on the way; where they are not ready and have to be,
        // they may be soon.
        let suit = |pods: &[Pod]| !wanted.choose_anew(pods).places.is_empty();
        let found = watch.running(pod_running_timeout, suit).await?;
        let Some(&place) = wanted.choose_anew(&found.pods).places.first() else {
            return Err(
                if found.pods.iter().any(Pod::is_running) && settings.require_ready {
                    ForwardError::NoReadyPod { target }
                } else {
                    ForwardError::NoPod { target }
                },
            );
        };
        let declared = if all_ports {
            found.declared_tcp_ports()
        } else {
            Vec::new()
        };
        let specs = with_all(ports, declared);
        if specs.is_empty() {
            return Err(ForwardError::NoPort { target });
        }
        let ports = specs
            .iter()
            .map(|spec| local_and_remote(&found, &found.pods[place], spec))
            .collect::<Result<Vec<_>, _>>()?;
        let remotes: Vec<RemotePort> = specs.into_iter().map(|spec| spec.remote).collect();
        let (shared, reports) = Shared::new(cluster, target, remotes, settings);
        let shared = Arc::new(shared);
        // Whatever has begun ends if this does not come to its end.
        let stop = shared.stop.clone().drop_guard();
        let mut supervisor = Supervisor::new(shared.clone(), watch, reports, wanted, found);
        supervisor.reach().await?;

        let places = places(&addresses);
        let mut bound = Vec::with_capacity(ports.len());
        for (local, remote) in ports {
            bound.push((remote, bind(&places, local)?));
        }
        supervisor.serve();
        let local_addrs = serve(&shared, bound);
        shared.tasks.spawn(supervisor.run());
        stop.disarm();
        Ok(Self { shared, local_addrs })
    }

    /// Where it listens: the ports in the order in which they were named, the addresses of each in string order.
    pub fn local_addrs(&self) -> &[LocalAddress] {
        &self.local_addrs
    }

    /// What happens from now on, and what lasts.
    pub fn events(&self) -> Events {
        self.shared.hub.watch()
    }

    /// Looks at the forward for as long as it lives, without keeping it alive.
    pub fn view(&self) -> ForwardView {
        ForwardView::new(&self.shared)
    }

    /// Waits until the forward has ended by itself or was shut down.
    pub async fn ended(&self) -> Ended {
        let mut ended = self.shared.ended.subscribe();
        let ended = ended.wait_for(Option::is_some).await;
        ended
            .ok()
            .and_then(|ended| ended.clone())
            .unwrap_or(Ended::ShutDown)
    }

    /// Stops listening, resets the connections that are left, and closes the sessions, which takes 1.3 seconds at most:
    /// closed sooner, connections inside the pod could stay open.
    pub async fn shutdown(self) {
        let shared = &self.shared;
        let pools = shared.pools();
        shared.stop.cancel();
        shared.tasks.close();
        let _ = time::timeout(TASKS_DEADLINE, shared.tasks.wait()).await;
        join_all(pools.iter().map(Pool::shutdown)).await;
    }
}

/// Ends what was not shut down, without waiting for anything.
impl Drop for Forward {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.shared
            .ended
            .send_if_modified(|ended| ended.is_none() && ended.replace(Ended::ShutDown).is_none());
        self.shared.hub.close();
    }
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward")
            .field("target", &self.shared.target)
            .field("local_addrs", &self.local_addrs)
            .finish_non_exhaustive()
    }
}

/// The local port that is wanted, 0 for any, and the port inside the pod.
fn local_and_remote(found: &Found, pod: &Pod, spec: &PortSpec) -> Result<(u16, u16), PortError> {
    let remote = found.endpoint(pod, &spec.remote)?;
    let local = match spec.local {
        LocalPort::Any => 0,
        LocalPort::Exact(port) => port,
        LocalPort::Same => found.local_port(&spec.remote)?,
    };
    Ok((local, remote))
}

/// Accepts connections on everything that was bound: for each port of the forward, the port inside the pod and the
/// listeners.
fn serve(shared: &Arc<Shared>, bound: Vec<(u16, Bound)>) -> Vec<LocalAddress> {
    let mut local_addrs = Vec::new();
    for (index, (remote, bound)) in bound.into_iter().enumerate() {
        for (listener, socket) in bound.listeners {
            let address = LocalAddress { socket, remote };
            local_addrs.push(address);
            shared.hub.tell(Event::Listening(address));
            shared
                .tasks
                .spawn(accept(shared.clone(), listener, socket, index));
        }
        if let Some(held) = bound.held {
            shared.hub.tell(Event::HeldElsewhere(Arc::new(held)));
        }
    }
    local_addrs
}

async fn accept(shared: Arc<Shared>, listener: TcpListener, local: SocketAddr, index: usize) {
    let acceptor = Acceptor::new(listener);
    let say = |error| {
        if !shared.out_of_files_was_said.swap(true, Ordering::Relaxed) {
            shared.hub.tell(Event::OutOfFiles(Arc::new(error)));
        }
    };
    while let Some((app, peer)) = shared
        .stop
        .run_until_cancelled(acceptor.accept(&shared.room, say))
        .await
    {
        let id = shared.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        shared.hub.tell(Event::ConnectionOpened { id, local, peer });
        let connection = Accepted {
            shared: shared.clone(),
            id,
            local,
            peer,
            index,
        };
        shared.tasks.spawn(connection.serve(app));
    }
}
