use std::sync::{Arc, Mutex};

use podline::{Connection, Event, Outcome, Tap};

use crate::stage::{Stage, connect, echo, event};

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
