//! What the real kubectl does with the same faults: the right column of docs/reliability.md, measured.
//!
//! These cases hold for the kubectl that they were written with; another one's are skipped.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use podline_minicluster::manifest::Served;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

use crate::{
    app::App,
    forwarding::{Forwarding, kubectl},
    harness::cases,
    relay::Way,
    world::World,
};

cases! {
    kubectl_after_fifty_cancelled_downloads [MeasuredKubectl];
    kubectl_and_a_black_hole_on_the_way [MeasuredKubectl];
    kubectl_and_a_crashed_process [MeasuredKubectl];
    kubectl_and_a_deleted_pod [MeasuredKubectl];
    kubectl_and_a_download_that_nobody_reads [MeasuredKubectl];
    kubectl_and_a_pod_that_is_unready [MeasuredKubectl];
    kubectl_and_a_pod_that_resets [MeasuredKubectl];
    kubectl_and_a_refused_port [MeasuredKubectl];
    kubectl_and_a_rollout [MeasuredKubectl];
    kubectl_and_a_stalled_upload [MeasuredKubectl];
    kubectl_and_an_answer_after_the_half_close [MeasuredKubectl];
    kubectl_and_an_api_server_restart [Control, MeasuredKubectl] alone;
    kubectl_and_an_evicted_pod [MeasuredKubectl];
    kubectl_and_a_kubelet_restart [Control, MeasuredKubectl] alone;
    kubectl_and_the_loss_of_the_way [MeasuredKubectl];
}

/// How long something may take that a user would wait for.
const A_WHILE: Duration = Duration::from_secs(5);

const PORTS: &[Served<'_>] = &[
    ("http", 8080, "web"),
    ("echo", 7, "echo"),
    ("generator", 19, "generator"),
    ("exit", 30, "exit"),
];

/// What became of a download that was open, of a new connection, and of the command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct After {
    open: Open,
    new: New,
    command: Command,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Open {
    EndsInOrder,
    GoesOn,
    Hangs,
    IsReset,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum New {
    EndsInOrder,
    Hangs,
    IsRefused,
    IsReset,
    IsServed,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Command {
    Ends,
    Runs,
}

impl fmt::Display for After {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { open, new, command } = self;
        write!(formatter, "open: {open:?}, new: {new:?}, command: {command:?}")
    }
}

/// kubectl with the ports that cases need.
async fn forwarding(world: &World, target: &str) -> Forwarding {
    with(world, &[], &[target, ":7", ":19"]).await
}

async fn with(world: &World, flags: &[String], arguments: &[&str]) -> Forwarding {
    let all: Vec<&str> = (["port-forward", "--address=127.0.0.1"].into_iter())
        .chain(flags.iter().map(String::as_str))
        .chain(arguments.iter().copied())
        .collect();
    Forwarding::of(kubectl(world, &all)).await
}

/// A download that runs, and is read all the time.
struct Download {
    task: JoinHandle<Open>,
    /// Whether the fault is over: what still runs then goes on.
    over: Arc<AtomicBool>,
}

impl Download {
    fn follow(app: App) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(fate(app, Arc::clone(&over)));
        Self { task, over }
    }

    async fn fate(self) -> Open {
        // Some of what comes may have been under way.
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.over.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// Looks at what there is after a fault.
async fn after(mut forwarding: Forwarding, open: Download, address: SocketAddr) -> After {
    let open = open.fate().await;
    let new = new(address).await;
    // One that will end ends soon.
    let command = match timeout(A_WHILE, forwarding.ended()).await {
        Ok(()) => Command::Ends,
        Err(_) => Command::Runs,
    };
    let after = After { open, new, command };
    println!("  kubectl: {after}");
    after
}

/// What becomes of an endless download.
async fn fate(app: App, over: Arc<AtomicBool>) -> Open {
    let mut stream = app.into_stream();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match timeout(A_WHILE, stream.read(&mut buffer)).await {
            Err(_) => return Open::Hangs,
            Ok(Ok(0)) => return Open::EndsInOrder,
            Ok(Err(_)) => return Open::IsReset,
            Ok(Ok(_)) if over.load(Ordering::Relaxed) => return Open::GoesOn,
            Ok(Ok(_)) => {}
        }
    }
}

/// What becomes of a new connection to an echo.
async fn new(address: SocketAddr) -> New {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return New::IsRefused;
    };
    if stream.write_all(b"new").await.is_err() {
        return New::IsReset;
    }
    let mut heard = [0; 3];
    match timeout(A_WHILE, stream.read_exact(&mut heard)).await {
        Err(_) => New::Hangs,
        Ok(Ok(_)) => New::IsServed,
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => New::EndsInOrder,
        Ok(Err(_)) => New::IsReset,
    }
}

/// A forward to a target with a download that runs, and the address of an echo.
async fn with_a_download(world: &World, target: &str) -> (Forwarding, Download, SocketAddr) {
    with_a_download_and(world, &[], &[target, ":7", ":19"]).await
}

async fn with_a_download_and(
    world: &World,
    flags: &[String],
    arguments: &[&str],
) -> (Forwarding, Download, SocketAddr) {
    let forwarding = with(world, flags, arguments).await;
    let address = forwarding.address_of(7).await;
    let mut download = forwarding.connect(19).await;
    download.receive_pattern(100_000).await;
    (forwarding, Download::follow(download), address)
}

/// The session is lost: what was open looks whole, and the command is gone.
const ENDS: After = After {
    open: Open::EndsInOrder,
    new: New::IsRefused,
    command: Command::Ends,
};

/// The pod is lost: what was open looks whole, the next connection ends without a byte, and the command with it.
const ENDS_WITH_THE_NEXT: After = After {
    new: New::EndsInOrder,
    ..ENDS
};

/// The pod is lost, and its network with it: where that goes before the pod's last words, which a real node may do, kubectl
/// does not even hear of an end.
fn ends_with_the_next_or_hangs(after: After) {
    let ends = After {
        open: Open::EndsInOrder,
        ..after
    };
    assert_eq!(ends, ENDS_WITH_THE_NEXT);
    assert!(matches!(after.open, Open::EndsInOrder | Open::Hangs), "{after}");
}

async fn kubectl_and_a_deleted_pod(world: Arc<World>) {
    world.deploy("kubectl-deleted", 1, PORTS).await;
    let (forwarding, open, address) = with_a_download(&world, "deployment/kubectl-deleted").await;
    let pod = world.pods("kubectl-deleted").await.remove(0);
    world.delete_pod(&pod).await;
    ends_with_the_next_or_hangs(after(forwarding, open, address).await);
}

async fn kubectl_and_an_evicted_pod(world: Arc<World>) {
    world.deploy("kubectl-evicted", 1, PORTS).await;
    let (forwarding, open, address) = with_a_download(&world, "deployment/kubectl-evicted").await;
    let pod = world.pods("kubectl-evicted").await.remove(0);
    world.evict(&pod).await;
    ends_with_the_next_or_hangs(after(forwarding, open, address).await);
}

async fn kubectl_and_a_rollout(world: Arc<World>) {
    world.deploy("kubectl-rolled", 1, PORTS).await;
    let (forwarding, open, address) = with_a_download(&world, "deployment/kubectl-rolled").await;
    world.roll_out("kubectl-rolled").await;
    ends_with_the_next_or_hangs(after(forwarding, open, address).await);
}

async fn kubectl_and_a_crashed_process(world: Arc<World>) {
    world.run_pod("kubectl-crashed", PORTS).await;
    let (forwarding, open, address) = with_a_download(&world, "pod/kubectl-crashed").await;
    world.crash("kubectl-crashed", 137).await;
    assert_eq!(
        after(forwarding, open, address).await,
        After {
            open: Open::EndsInOrder,
            new: New::IsServed,
            command: Command::Runs,
        }
    );
}

async fn kubectl_and_a_pod_that_is_unready(world: Arc<World>) {
    world.deploy_with_gate("kubectl-unready", 2, PORTS).await;
    world.serve("kubectl-unready", &[("http", 80, "http")]).await;
    let forwarding = with(&world, &[], &["svc/kubectl-unready", ":80"]).await;
    let before = forwarding.connect(8080).await.get("/whoami").await;
    let pod = String::from_utf8(before.clone()).unwrap();
    world.set_ready(pod.trim(), false).await;
    // It never looks again.
    assert_eq!(forwarding.connect(8080).await.get("/whoami").await, before);
}

async fn kubectl_and_an_api_server_restart(world: Arc<World>) {
    let (forwarding, open, address) = with_a_download(&world, "pod/tools").await;
    world.stop_api_server().await;
    world.start_api_server().await;
    assert_eq!(after(forwarding, open, address).await, ENDS);
}

async fn kubectl_and_a_kubelet_restart(world: Arc<World>) {
    let (forwarding, open, address) = with_a_download(&world, "pod/tools").await;
    world.restart_kubelet().await;
    assert_eq!(after(forwarding, open, address).await, ENDS);
}

async fn kubectl_and_the_loss_of_the_way(world: Arc<World>) {
    let relay = world.relay().await;
    let (forwarding, download, address) =
        with_a_download_and(&world, &world.over(&relay), &["pod/tools", ":7", ":19"]).await;
    relay.set(Way::Refusing).await;
    relay.set(Way::Open).await;
    assert_eq!(after(forwarding, download, address).await, ENDS);
}

async fn kubectl_and_a_black_hole_on_the_way(world: Arc<World>) {
    let relay = world.relay().await;
    let (forwarding, download, address) =
        with_a_download_and(&world, &world.over(&relay), &["pod/tools", ":7", ":19"]).await;
    relay.set(Way::BlackHole).await;
    // What was on its way still comes.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        after(forwarding, download, address).await,
        After {
            open: Open::Hangs,
            new: New::Hangs,
            command: Command::Runs,
        }
    );
}

async fn kubectl_and_a_refused_port(world: Arc<World>) {
    let (forwarding, download, address) =
        with_a_download_and(&world, &[], &["pod/tools", ":7", ":19", ":83"]).await;
    let _ = new(forwarding.address_of(83).await).await;
    assert_eq!(after(forwarding, download, address).await, ENDS);
}

async fn kubectl_and_a_pod_that_resets(world: Arc<World>) {
    let arguments = ["pod/tools", ":7", ":19", ":23"];
    let (forwarding, download, address) = with_a_download_and(&world, &[], &arguments).await;
    let _ = forwarding.connect(23).await.rest().await;
    assert_eq!(after(forwarding, download, address).await, ENDS);
}

async fn kubectl_and_a_stalled_upload(world: Arc<World>) {
    let (forwarding, download, address) =
        with_a_download_and(&world, &[], &["pod/tools", ":7", ":19", ":25"]).await;
    let flood = tokio::spawn(forwarding.connect(25).await.flood());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = after(forwarding, download, address).await;
    flood.abort();
    assert_eq!(after.new, New::Hangs, "{after}");
    assert_eq!(after.command, Command::Runs, "{after}");
}

async fn kubectl_and_a_download_that_nobody_reads(world: Arc<World>) {
    let forwarding = forwarding(&world, "pod/tools").await;
    let address = forwarding.address_of(7).await;
    let mut unread = forwarding.connect(19).await;
    unread.receive_pattern(1000).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let new = new(address).await;
    drop(unread);
    println!("  kubectl: new: {new:?}");
    assert_eq!(new, New::Hangs);
}

async fn kubectl_after_fifty_cancelled_downloads(world: Arc<World>) {
    let forwarding = forwarding(&world, "pod/tools").await;
    let address = forwarding.address_of(7).await;
    let downloads = join_all((0..50).map(|_| forwarding.connect(19))).await;
    join_all(downloads.into_iter().map(|mut app| async move {
        app.receive_pattern(2_000_000).await;
    }))
    .await;
    let new = new(address).await;
    println!("  kubectl: new: {new:?}");
    assert_eq!(new, New::IsServed);
}

async fn kubectl_and_an_answer_after_the_half_close(world: Arc<World>) {
    let forwarding = with(&world, &[], &["pod/tools", ":8080"]).await;
    let mut slow = forwarding.connect(8080).await;
    slow.send(b"GET /slow/2000 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await;
    slow.finish().await;
    let (answer, end) = slow.rest().await;
    println!("  kubectl: {} bytes, {end:?}", answer.len());
    assert!(answer.is_empty() && end.is_ok(), "{end:?}");
}
