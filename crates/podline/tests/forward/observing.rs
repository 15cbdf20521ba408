use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

use podline::{Connection, End, Event, Outcome, PodState, Tap};
use tokio::sync::mpsc;

use crate::stage::{Stage, connect, echo, event, read_all, who};

#[derive(Debug, Default)]
struct Seen {
    connection: Option<Connection>,
    sent: Vec<u8>,
    received: Vec<u8>,
    outcome: Option<Outcome>,
}

struct Recorder(Arc<Mutex<Seen>>);

impl Tap for Recorder {
    fn sent(&mut self, bytes: &[u8]) {
        self.0.lock().unwrap().sent.extend_from_slice(bytes);
    }

    fn received(&mut self, bytes: &[u8]) {
        self.0.lock().unwrap().received.extend_from_slice(bytes);
    }

    fn ended(&mut self, outcome: &Outcome) {
        self.0.lock().unwrap().outcome = Some(outcome.clone());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tap_sees_every_byte_and_the_outcome() {
    let stage = Stage::new().await;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let recorded = seen.clone();
    let taps = move |connection: &Connection| {
        recorded.lock().unwrap().connection = Some(connection.clone());
        Some(Box::new(Recorder(recorded.clone())) as Box<dyn Tap>)
    };
    let forward = stage
        .forward("pod/tools", &[":7"])
        .taps(taps)
        .start()
        .await
        .unwrap();
    let mut events = forward.events();
    let mut app = connect(&forward, 0).await;
    let peer = app.local_addr().unwrap();
    echo(&mut app, b"hello").await.unwrap();
    drop(app);
    let outcome = event(&mut events, |event| match event {
        Event::ConnectionEnded { id: 1, outcome, .. } => Some(outcome),
        _ => None,
    })
    .await;
    assert_eq!((outcome.sent, outcome.received), (5, 5));
    assert!(outcome.end.is_clean(), "{}", outcome.end);

    let seen = seen.lock().unwrap();
    let connection = seen.connection.as_ref().unwrap();
    assert_eq!((connection.id, connection.peer, connection.port), (1, peer, 7));
    assert_eq!(connection.pod.name, "tools");
    assert!(connection.pod_ip.is_some());
    assert_eq!(
        (&seen.sent[..], &seen.received[..]),
        (&b"hello"[..], &b"hello"[..])
    );
    assert!(seen.outcome.as_ref().unwrap().end.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_told_with_their_numbers() {
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":7"]).start().await.unwrap();
    let mut events = forward.events();
    for expected in 1..=3 {
        let app = connect(&forward, 0).await;
        let (id, peer) = event(&mut events, |event| match event {
            Event::ConnectionOpened { id, peer, .. } => Some((id, peer)),
            _ => None,
        })
        .await;
        assert_eq!((id, peer), (expected, app.local_addr().unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_connection_can_be_ended() {
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":7"]).start().await.unwrap();
    let mut events = forward.events();
    let mut first = connect(&forward, 0).await;
    echo(&mut first, b"one").await.unwrap();
    let mut second = connect(&forward, 0).await;
    echo(&mut second, b"two").await.unwrap();

    let view = forward.view();
    assert_eq!(view.connections(), 2);
    assert!(view.end_connection(1));
    let (_, end) = read_all(&mut first).await;
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let (id, end) = event(&mut events, |event| match event {
        Event::ConnectionEnded { id, outcome, .. } => Some((id, outcome.end)),
        _ => None,
    })
    .await;
    assert!(id == 1 && matches!(end, End::Killed), "{id} {end:?}");
    assert!(!view.end_connection(1));
    echo(&mut second, b"three").await.unwrap();

    forward.shutdown().await;
    assert!(view.target().is_none() && !view.end_connection(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pods_behind_a_forward_can_be_looked_at() {
    let stage = Stage::new().await;
    let forward = stage.forward("deploy/web", &[":http"]).start().await.unwrap();
    let view = forward.view();
    let who = who(&forward, 0).await;
    let pods = view.pods();
    let used = pods.iter().find(|pod| pod.address.name == who).unwrap();
    assert_eq!(used.state, PodState::Ready);
    assert!(used.ip.is_some() && used.sessions > 0, "{used:?}");
    assert_eq!((view.held(), view.waiting()), (0, None));
}

/// Tells as what connections begin.
struct Beginnings(mpsc::Sender<Connection>);

impl Tap for Beginnings {
    fn begun_anew(&mut self, connection: &Connection) {
        self.0.try_send(connection.clone()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tap_hears_that_its_connection_begins_anew() {
    let stage = Stage::new().await;
    let (told, mut beginnings) = mpsc::channel(8);
    let taps = move |connection: &Connection| {
        told.try_send(connection.clone()).unwrap();
        Some(Box::new(Beginnings(told.clone())) as Box<dyn Tap>)
    };
    let builder = stage.forward("pod/tools", &[":7"]).taps(taps);
    let forward = builder.start().await.unwrap();
    let mut app = connect(&forward, 0).await;
    let first = beginnings.recv().await.unwrap();
    stage.minicluster.faults().cut_sessions();
    let again = beginnings.recv().await.unwrap();
    assert_eq!(
        (again.id, &again.pod, again.port),
        (first.id, &first.pod, first.port)
    );
    assert_ne!(again.session, first.session);
    echo(&mut app, b"first words").await.unwrap();
}
