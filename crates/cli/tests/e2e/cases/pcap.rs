//! Captures of what went through.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use podline_minicluster::workload::pattern;
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    net::TcpStream,
    process::Child,
    time::timeout,
};

use crate::{
    app::App,
    forwarding::{Forwarding, podline},
    harness::cases,
    tshark,
    world::World,
};

cases! {
    a_capture_ends_at_its_limit_and_the_forward_goes_on;
    a_capture_is_watched_while_it_is_made [Tshark];
    a_forward_that_does_not_start_leaves_no_capture;
    a_reader_of_the_capture_that_goes_away_ends_nothing;
    packets_are_those_of_app_and_pod [Signals, Tshark];
    resets_are_told_from_orderly_ends [Signals, Tshark];
    streams_are_put_together_to_the_byte [Signals, Tshark];
}

/// How long a line may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than a window, and more than the first of everything that grows.
const BULK: usize = 20_000_000;

/// A file of this case.
fn file(world: &World, name: &str) -> PathBuf {
    world.folder().join(format!("{name}.pcapng"))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// Ends a forward in order, after which its capture is whole.
async fn end(forwarding: Forwarding) {
    forwarding.signal("INT").await;
    let said = forwarding.end().await;
    assert_eq!(said.status.code(), Some(0), "{:?}", said.stderr);
    assert!(
        said.stderr
            .iter()
            .any(|line| line.starts_with("note: the capture has ended; ")),
        "{:?}",
        said.stderr
    );
    assert!(
        said.stderr.iter().all(|line| !line.contains("missing")),
        "{:?}",
        said.stderr
    );
}

async fn packets_are_those_of_app_and_pod(world: Arc<World>) {
    let capture = file(&world, "packets");
    let arguments = [
        "--address=127.0.0.1",
        "svc/web",
        ":80",
        "pod/tools",
        ":7",
        "--pcap",
        text(&capture),
    ];
    let forwarding = Forwarding::start(&world, &arguments).await;
    let mut app = forwarding.connect(8080).await;
    let name = String::from_utf8(app.get("/whoami").await).unwrap();
    app.post("/hash", &[b'x'; 200_000]).await;
    app.get("/bytes/300000").await;
    let web = app.local_port();
    let mut app = forwarding.connect(7).await;
    app.is_echoed(b"hello").await;
    let tools = app.local_port();
    end(forwarding).await;

    tshark::finds_no_fault(&capture, 2).await;
    let names = [
        "frame.interface_name",
        "ip.src",
        "ip.dst",
        "tcp.dstport",
        "frame.comment",
    ];
    let opened = async |port: u16| {
        let filter = format!("tcp.srcport == {port} && tcp.flags.syn == 1");
        let lines = tshark::fields(&capture, &filter, &names).await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines[0].split('|').map(str::to_owned).collect::<Vec<_>>()
    };
    let [interface, source, destination, port, comment] = &opened(web).await[..] else {
        panic!("there are five fields");
    };
    assert_eq!(
        (&**interface, &**source, &**port),
        ("svc/web", "127.0.0.1", "8080")
    );
    assert_ne!(destination, "127.0.0.1");
    let pod = format!("pod {}/{}, port 8080", world.namespace(), name.trim());
    assert!(comment.ends_with(&pod), "{comment} does not end with {pod}");
    let tools = opened(tools).await;
    assert_eq!((&*tools[0], &*tools[3]), ("pod/tools", "7"));
    let pod = format!("pod {}/tools, port 7", world.namespace());
    assert!(tools[4].ends_with(&pod), "{tools:?}");

    let requests = tshark::fields(
        &capture,
        "http.request",
        &["http.request.method", "http.request.uri"],
    );
    assert_eq!(requests.await, ["GET|/whoami", "POST|/hash", "GET|/bytes/300000"]);
    let answers = tshark::fields(
        &capture,
        "http.response",
        &["http.response.code", "http.content_length"],
    )
    .await;
    assert_eq!(answers.len(), 3, "{answers:?}");
    assert!(answers[2].starts_with("200|300000"), "{answers:?}");
}

async fn streams_are_put_together_to_the_byte(world: Arc<World>) {
    let capture = file(&world, "streams");
    let arguments = [
        "--address=127.0.0.1",
        "tools",
        ":7",
        ":20",
        "--pcap",
        text(&capture),
    ];
    let forwarding = Forwarding::start(&world, &arguments).await;
    // Some at once, so that their packets are mixed.
    let bulk = async {
        let mut app = forwarding.connect(20).await;
        app.send(format!("{BULK}\n").as_bytes()).await;
        app.receive_pattern(BULK as u64).await;
        let port = app.local_port();
        app.rest().await.1.unwrap();
        port
    };
    let echo = async {
        let mut app = forwarding.connect(7).await;
        app.exchange_pattern(BULK as u64 / 4).await;
        app.local_port()
    };
    let (bulk, echo) = tokio::join!(bulk, echo);
    end(forwarding).await;

    tshark::finds_no_fault(&capture, 2).await;
    for (port, sent, received) in [
        (bulk, format!("{BULK}\n").into_bytes(), BULK),
        (echo, expected(BULK / 4), BULK / 4),
    ] {
        let filter = format!("tcp.srcport == {port} && tcp.flags.syn == 1");
        let stream = tshark::fields(&capture, &filter, &["tcp.stream"]).await;
        let (app, pod) = tshark::follow(&capture, &stream[0]).await;
        assert!(app == sent, "{} of {} bytes of the app", app.len(), sent.len());
        assert!(
            pod == expected(received),
            "{} of {received} bytes of the pod",
            pod.len()
        );
    }
}

/// What a pattern of this length is.
fn expected(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    pattern::fill(0, &mut bytes);
    bytes
}

async fn resets_are_told_from_orderly_ends(world: Arc<World>) {
    let capture = file(&world, "resets");
    let arguments = [
        "--address=127.0.0.1",
        "tools",
        ":7",
        ":1",
        "--pcap",
        text(&capture),
    ];
    let forwarding = Forwarding::start(&world, &arguments).await;
    let mut orderly = forwarding.connect(7).await;
    orderly.is_echoed(b"orderly").await;
    orderly.finish().await;
    let (_, end_of_it) = orderly.rest().await;
    end_of_it.unwrap();
    let orderly = orderly.local_port();
    let mut reset = forwarding.connect(7).await;
    reset.is_echoed(b"reset").await;
    let by_app = reset.local_port();
    reset.reset();
    // Nothing listens there.
    forwarding.is_reset(1).await;
    forwarding.warns("was reset").await;
    end(forwarding).await;

    tshark::finds_no_fault(&capture, 3).await;
    let last = async |filter: &str| {
        let names = ["tcp.srcport", "tcp.flags.fin", "tcp.flags.reset", "frame.comment"];
        tshark::fields(&capture, filter, &names).await
    };
    let fins = last(&format!("tcp.port == {orderly} && tcp.flags.fin == 1")).await;
    assert_eq!(fins.len(), 2, "{fins:?}");
    let ended = last(&format!(
        "tcp.port == {orderly} && frame.comment contains \"bytes sent\""
    ))
    .await;
    assert!(
        ended[0].contains("ended") && ended[0].contains("; 7 bytes sent, 7 received"),
        "{ended:?}"
    );
    let resets = last("tcp.flags.reset == 1").await;
    assert_eq!(resets.len(), 2, "{resets:?}");
    let by_app = format!("{by_app}|0|1|the app reset the connection; 5 bytes sent, 5 received");
    assert!(resets.contains(&by_app), "{resets:?} has no {by_app}");
    assert!(
        resets
            .iter()
            .any(|line| line.starts_with("1|0|1|") && line.contains("takes no connections")),
        "{resets:?}"
    );
}

async fn a_capture_ends_at_its_limit_and_the_forward_goes_on(world: Arc<World>) {
    let capture = file(&world, "limit");
    let arguments = [
        "--address=127.0.0.1",
        "tools",
        ":7",
        "--pcap",
        text(&capture),
        "--pcap-limit=64KiB",
    ];
    let forwarding = Forwarding::start(&world, &arguments).await;
    let mut app = forwarding.connect(7).await;
    app.is_echoed(&vec![b'x'; 100_000]).await;
    forwarding
        .warns("the capture ends at its limit of 65536 bytes")
        .await;
    app.is_echoed(b"still served").await;
    let length = std::fs::metadata(&capture).unwrap().len();
    assert!(length <= 65536, "{length}");
}

async fn a_forward_that_does_not_start_leaves_no_capture(world: Arc<World>) {
    let capture = file(&world, "nothing");
    let said = Forwarding::run(&world, &["svc/there-is-none", ":80", "--pcap", text(&capture)]).await;
    assert_eq!(said.status.code(), Some(1), "{:?}", said.stderr);
    assert!(!capture.exists());
}

/// Starts a forward of port 7 whose capture goes to standard output, and gives its address.
async fn start(world: &World, stdout: Stdio) -> (Child, impl AsyncBufRead + Unpin + use<>, String) {
    let mut child = podline(world, &["--address=127.0.0.1", "tools", ":7", "--pcap", "-"])
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let line = line_with(&mut stderr, "Forwarding from ").await;
    let address = line
        .strip_prefix("Forwarding from ")
        .and_then(|line| line.strip_suffix(" -> 7\n"))
        .unwrap()
        .to_owned();
    (child, stderr, address)
}

/// The next line that contains `text`.
async fn line_with(lines: &mut (impl AsyncBufRead + Unpin), text: &str) -> String {
    let found = async {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(
                lines.read_line(&mut line).await.unwrap(),
                0,
                "it ends without `{text}`"
            );
        }
        line
    };
    timeout(PATIENCE, found).await.expect("the line comes in time")
}

async fn a_capture_is_watched_while_it_is_made(world: Arc<World>) {
    let mut tshark = tshark::command()
        .args(["-l", "-i", "-", "-T", "fields", "-e", "tcp.payload"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pipe = tshark.stdin.take().unwrap().try_into().unwrap();
    let (_podline, _stderr, address) = start(&world, pipe).await;
    let mut app = App::new(TcpStream::connect(address).await.unwrap());
    app.is_echoed(b"live").await;
    // Nothing follows, and the connection stays open.
    let mut seen = BufReader::new(tshark.stdout.take().unwrap());
    line_with(&mut seen, "6c697665").await;
    line_with(&mut seen, "6c697665").await;
}

async fn a_reader_of_the_capture_that_goes_away_ends_nothing(world: Arc<World>) {
    let (mut podline, mut stderr, address) = start(&world, Stdio::piped()).await;
    let mut stdout = podline.stdout.take().unwrap();
    let mut magic = [0; 4];
    timeout(PATIENCE, stdout.read_exact(&mut magic))
        .await
        .expect("it begins in time")
        .unwrap();
    assert_eq!(magic, [0x0A, 0x0D, 0x0D, 0x0A]);
    drop(stdout);
    let mut app = App::new(TcpStream::connect(address).await.unwrap());
    app.is_echoed(b"served").await;
    line_with(
        &mut stderr,
        "warning: the capture ends, for nobody reads it any more",
    )
    .await;
    app.is_echoed(b"still served").await;
    assert_eq!(podline.try_wait().unwrap(), None);
}
