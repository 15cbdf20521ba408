use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use podline::{Connection, End, Event, Outcome, PodState, Tap, Way};
use tokio::sync::mpsc;

use crate::stage::{Stage, connect, echo, event, read_all, who};

#[derive(Debug, Default)]
struct Seen {
    connection: Option<Connection>,
    way: Option<Way>,
    sent: Vec<u8>,
    received: Vec<u8>,
    outcome: Option<Outcome>,
}

struct Recorder(Arc<Mutex<Seen>>);

impl Tap for Recorder {
    fn opened(&mut self, way: &Way) {
        self.0.lock().unwrap().way = Some(way.clone());
    }

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
        recorded.lock().unwrap().connection = Some(*connection);
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
    assert_eq!((connection.id, connection.peer), (1, peer));
    let way = seen.way.as_ref().unwrap();
    assert_eq!((way.pod.name.as_str(), way.port), ("tools", 7));
    assert!(way.pod_ip.is_some());
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

/// Tells the ways of connections.
struct Ways(mpsc::Sender<Way>);

impl Tap for Ways {
    fn opened(&mut self, way: &Way) {
        self.0.try_send(way.clone()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tap_hears_that_its_connection_begins_anew() {
    let stage = Stage::new().await;
    let (told, mut ways) = mpsc::channel(8);
    let taps = move |_: &Connection| Some(Box::new(Ways(told.clone())) as Box<dyn Tap>);
    // One session at a time: on another that is cut with it, what the app says next could be lost.
    let builder = stage.forward("pod/tools", &[":7"]).max_sessions(1).taps(taps);
    let forward = builder.start().await.unwrap();
    let mut app = connect(&forward, 0).await;
    let first = ways.recv().await.unwrap();
    stage.minicluster.faults().cut_sessions();
    let again = ways.recv().await.unwrap();
    assert_eq!((&again.pod, again.port), (&first.pod, first.port));
    assert_ne!(again.session, first.session);
    echo(&mut app, b"first words").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tap_hears_of_a_connection_that_got_no_pod() {
    let stage = Stage::new().await;
    let (told, mut ends) = mpsc::channel(8);
    let taps = move |_: &Connection| Some(Box::new(Ends(told.clone())) as Box<dyn Tap>);
    let builder = stage.forward("pod/tools", &[":7"]).taps(taps);
    let forward = builder.hold(Duration::ZERO).start().await.unwrap();
    let mut events = forward.events();
    stage
        .minicluster
        .store()
        .delete_pod("default", "tools")
        .await
        .unwrap();
    event(&mut events, |event| {
        matches!(event, Event::PodGone { .. }).then_some(())
    })
    .await;
    let _app = connect(&forward, 0).await;
    let end = ends.recv().await.unwrap();
    assert!(matches!(end, End::NoPod(_)), "{end:?}");
}

/// Tells the ends of connections.
struct Ends(mpsc::Sender<End>);

impl Tap for Ends {
    fn ended(&mut self, outcome: &Outcome) {
        self.0.try_send(outcome.end.clone()).unwrap();
    }
}
