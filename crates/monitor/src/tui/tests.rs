//! What is on the screen, and what keys do, on a terminal in memory.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use podline::{Connection, End, LocalAddress, Outcome, PodAddress, PodState, PodView, Way};
use podline_wire::Time;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::model::{NextCapture, Pane};
use super::{Command, Key, Look, Model, Prompt, Recording, draw};
use crate::http::{Dissector, Finding};
use crate::pcap::{
    Capture, CaptureEnd, CaptureOptions, CaptureState, CaptureStatus, CaptureSummary, Destination,
};
use crate::{
    Closed, ConnectionState, ConnectionView, Exchanged, Fact, ForwardName, ForwardSnapshot, Next, Rates,
    Sample, Totals, What,
};

fn pod(name: &str, state: PodState, connections: usize) -> PodView {
    PodView {
        address: PodAddress {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        },
        ip: "10.0.0.7".parse().ok(),
        connections,
        sessions: 6,
        state,
    }
}

fn connection(id: u64, state: ConnectionState) -> ConnectionView {
    let peer = ([127, 0, 0, 1], 40_000 + u16::try_from(id).unwrap());
    let is_held = matches!(state, ConnectionState::Held);
    ConnectionView {
        connection: Connection::new(id, ([127, 0, 0, 1], 8080).into(), peer.into()),
        accepted: Timestamp::from_second(1_700_000_000 + i64::try_from(id).unwrap()).unwrap(),
        way: (!is_held).then(|| {
            let pod = if id.is_multiple_of(2) { "api-1" } else { "api-2" };
            Way::new(pod_address(pod), "10.0.0.7".parse().ok(), 80, id)
        }),
        sent: 1000 * id,
        received: 1_000_000 / id,
        first_byte: (!is_held).then_some(Duration::from_millis(12)),
        age: Duration::from_secs(100 - id),
        protocol: None,
        state,
    }
}

fn pod_address(name: &str) -> PodAddress {
    PodAddress {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    }
}

fn name(index: usize, target: &str) -> Arc<ForwardName> {
    Arc::new(ForwardName {
        index,
        target: target.parse().unwrap(),
    })
}

fn forward(index: usize, target: &str, connections: Vec<ConnectionView>) -> ForwardSnapshot {
    let mut rates = Rates::default();
    let mut sum = 0;
    for second in 0..40 {
        sum += second * second * 1000;
        rates.handle_second(Sample::new(second, sum / 10, sum));
    }
    ForwardSnapshot {
        name: name(index, target),
        addresses: vec![LocalAddress {
            socket: ([127, 0, 0, 1], 8080).into(),
            remote: 80,
        }],
        pods: vec![
            pod("api-1", PodState::Ready, 2),
            pod("api-2", PodState::NotReady, 1),
        ],
        transport: None,
        held: 0,
        waiting: None,
        totals: Totals {
            accepted: 40,
            ..Totals::default()
        },
        connections,
        ended: Vec::new(),
        rates,
        lost_sessions: 0,
        made_sessions: 6,
    }
}

fn model() -> Model {
    let mut model = Model::new(TimeZone::UTC);
    let mut snapshot = forward(
        0,
        "svc/api",
        vec![
            connection(1, ConnectionState::Open),
            connection(2, ConnectionState::HalfClosed),
            connection(3, ConnectionState::Held),
        ],
    );
    snapshot.ended = vec![
        connection(4, ConnectionState::Ended(End::Clean { verified: true })),
        connection(5, ConnectionState::Ended(End::PodReset)),
    ];
    model.handle_forwards(vec![snapshot]);
    model
}

fn shown(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw::draw(frame, model, Look::Plain))
        .unwrap();
    let text = terminal.backend().to_string();
    // Without the quotes that the backend shows each line in.
    text.lines()
        .map(|line| line.trim_matches('"').trim_end())
        .collect::<Vec<_>>()
        .join("\n")
}

fn keys(model: &mut Model, keys: &str) -> Option<Command> {
    let mut last = None;
    for character in keys.chars() {
        last = model.handle_key(Key::Character(character));
    }
    last
}

fn closed(id: u64, end: End) -> Next {
    let connection = connection(id, ConnectionState::Open);
    Next::Fact(Arc::new(Fact {
        at: Timestamp::from_second(1_700_000_000).unwrap(),
        forward: name(0, "svc/api"),
        what: What::Closed(Box::new(Closed {
            connection: connection.connection,
            way: connection.way,
            outcome: Outcome {
                sent: 1,
                received: 2,
                duration: Duration::from_secs(3),
                end,
            },
            first_byte: None,
        })),
    }))
}

#[test]
fn a_wide_screen_shows_everything() {
    insta::assert_snapshot!(shown(&model(), 130, 16));
}

#[test]
fn a_narrow_screen_leaves_away_what_matters_less() {
    insta::assert_snapshot!(shown(&model(), 46, 14));
}

#[test]
fn a_tiny_screen_says_so() {
    assert_eq!(shown(&model(), 19, 3), "too small\n\n");
}

#[test]
fn no_size_of_a_screen_is_a_trouble() {
    let mut model = model();
    for id in 0..50 {
        model.handle_next(&closed(id + 1, End::PodReset));
    }
    for pane in Pane::ALL {
        for (has_detail, has_help) in [(false, false), (true, false), (false, true)] {
            (model.pane, model.has_detail, model.has_help) = (pane, has_detail, has_help);
            for width in 0..90 {
                for height in [0, 1, 2, 5, 6, 7, 9, 24] {
                    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
                    terminal
                        .draw(|frame| draw::draw(frame, &model, Look::Plain))
                        .unwrap();
                }
            }
        }
    }
}

#[test]
fn the_detail_shows_all_that_is_known() {
    let mut model = model();
    // The youngest that is open comes first: 3 is held, 2 is half closed.
    keys(&mut model, "j");
    model.handle_key(Key::Enter);
    insta::assert_snapshot!(shown(&model, 90, 22));
    model.handle_key(Key::Escape);
    assert!(!model.has_detail);
}

#[test]
fn the_help_names_the_keys_and_any_key_leaves_it() {
    let mut model = model();
    keys(&mut model, "?");
    insta::assert_snapshot!(shown(&model, 70, 20));
    assert_eq!(keys(&mut model, "q"), None);
    assert!(!model.has_help);
    assert_eq!(keys(&mut model, "q"), Some(Command::Quit));
}

#[test]
fn what_happens_is_in_the_log_and_can_be_scrolled() {
    let mut model = model();
    model.handle_next(&closed(1, End::Clean { verified: false }));
    for id in 2..30 {
        model.handle_next(&closed(id, End::PodReset));
    }
    assert_eq!(model.log.len(), 28, "a clean end is no news");
    keys(&mut model, "3");
    insta::assert_snapshot!(shown(&model, 60, 14));
    keys(&mut model, "kk");
    let before = shown(&model, 60, 14);
    assert!(before.contains("2 back"));
    // Whoever reads old lines is not carried away by new ones.
    model.handle_next(&closed(30, End::PodReset));
    let after = shown(&model, 60, 14).replace("3 back", "2 back");
    assert_eq!(after, before);
}

#[test]
fn what_was_missed_is_said() {
    let mut model = model();
    model.handle_next(&Next::Skipped(7));
    keys(&mut model, "3");
    assert!(shown(&model, 80, 12).contains("7 events were not shown"));
}

#[test]
fn the_cursor_stays_with_its_connection() {
    let mut model = model();
    keys(&mut model, "jj");
    let key = model.selected().unwrap().key();
    assert_eq!(key, (0, 1));
    let mut snapshot = model.forwards.remove(0);
    snapshot.connections.push(connection(9, ConnectionState::Open));
    model.handle_forwards(vec![snapshot]);
    assert_eq!(model.selected().unwrap().key(), key);
    // Sorting moves it, and the cursor with it.
    keys(&mut model, "s");
    assert_eq!(model.selected().unwrap().key(), key);
    // Over and forgotten: the one in its place is next.
    let mut snapshot = model.forwards.remove(0);
    snapshot
        .connections
        .retain(|connection| connection.connection.id != 1);
    model.handle_forwards(vec![snapshot]);
    assert!(model.selected().is_some());
}

#[test]
fn a_cursor_that_was_not_moved_stays_at_the_top() {
    let mut model = model();
    assert_eq!(model.selected().unwrap().key(), (0, 3));
    let mut snapshot = model.forwards.remove(0);
    snapshot.connections.push(connection(9, ConnectionState::Open));
    model.handle_forwards(vec![snapshot]);
    assert_eq!(model.selected().unwrap().key(), (0, 9));
}

#[test]
fn the_filter_shows_what_has_a_text_and_can_be_given_up() {
    let mut model = model();
    keys(&mut model, "/API-2");
    assert!(matches!(model.prompt, Some(Prompt::Filter { .. })));
    let ids = |model: &Model| -> Vec<u64> { model.rows.iter().map(|row| row.key().1).collect() };
    assert_eq!(ids(&model), [1, 5]);
    // While it is typed, letters are letters.
    assert_eq!(keys(&mut model, "q"), None);
    model.handle_key(Key::Backspace);
    model.handle_key(Key::Enter);
    assert_eq!((model.filter.as_str(), model.prompt.is_none()), ("API-2", true));
    keys(&mut model, "/x");
    model.handle_key(Key::Escape);
    assert_eq!(model.filter, "API-2");
    model.handle_key(Key::Escape);
    assert_eq!(ids(&model).len(), 5);
}

#[test]
fn a_connection_is_ended_only_on_yes() {
    let mut model = model();
    keys(&mut model, "jx");
    assert!(shown(&model, 60, 12).contains("end connection 2? y/n"));
    assert_eq!(keys(&mut model, "n"), None);
    assert_eq!(
        keys(&mut model, "xy"),
        Some(Command::EndConnection { forward: 0, id: 2 })
    );
    // One that is over cannot be ended.
    keys(&mut model, "Gx");
    assert_eq!(model.prompt, None);
}

#[test]
fn text_from_outside_cannot_drive_the_terminal() {
    let mut model = Model::new(TimeZone::UTC);
    let mut hostile = connection(1, ConnectionState::Open);
    hostile.way = Some(Way::new(pod_address("\u{1b}[2Jweb\n"), None, 80, 1));
    model.handle_forwards(vec![forward(0, "svc/api", vec![hostile])]);
    model.handle_key(Key::Enter);
    let shown = shown(&model, 100, 24);
    assert!(
        !shown.contains('\u{1b}') && shown.contains("\\u{1b}[2Jweb"),
        "{shown}"
    );
}

/// The facts of a connection that carried `request` and `response`.
fn exchanged(request: &[u8], response: &[u8]) -> Vec<Next> {
    let mut dissector = Dissector::new(false);
    dissector.sent(request, Time::ZERO);
    dissector.received(response, Time::ZERO + Duration::from_millis(12));
    let mut facts = Vec::new();
    while let Some(finding) = dissector.poll() {
        if let Finding::Exchange(exchange) = finding {
            facts.push(Next::Fact(Arc::new(Fact {
                at: Timestamp::from_second(1_700_000_001).unwrap(),
                forward: name(0, "svc/api"),
                what: What::Exchanged(Box::new(Exchanged {
                    connection: connection(7, ConnectionState::Open).connection,
                    started: Timestamp::from_second(1_700_000_000).unwrap(),
                    exchange: *exchange,
                })),
            })));
        }
    }
    facts
}

#[test]
fn http_requests_have_a_pane_with_details() {
    let mut model = model();
    keys(&mut model, "2");
    assert!(shown(&model, 80, 12).contains("no HTTP request yet"));
    let requests = b"GET /a?token=1 HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer x\r\n\r\n\
                     DELETE /b HTTP/1.1\r\nHost: api\r\n\r\n";
    let responses = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
                      HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    for next in exchanged(requests, responses) {
        model.handle_next(&next);
    }
    // The latest is chosen, and stays so for whoever does not move.
    assert_eq!(model.request_place(), 1);
    keys(&mut model, "k");
    model.handle_key(Key::Enter);
    insta::assert_snapshot!(shown(&model, 90, 24));
    // Whoever has moved stays with the request.
    for next in exchanged(
        b"GET /c HTTP/1.1\r\nHost: api\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ) {
        model.handle_next(&next);
    }
    assert_eq!(model.request_place(), 0);
    keys(&mut model, "G");
    assert_eq!(model.request_place(), 2);
}

fn capture(state: CaptureState) -> Option<CaptureStatus> {
    Some(CaptureStatus {
        number: 1,
        path: Some("/tmp/web\u{1b}.pcapng".into()),
        state,
        summary: CaptureSummary {
            bytes: 12_345_678,
            packets: 34_000,
            dropped: 0,
        },
    })
}

fn over(end: CaptureEnd) -> Option<CaptureStatus> {
    let mut status = capture(CaptureState::Over(Arc::new(end)));
    if let Some(status) = &mut status {
        status.summary.dropped = 7;
    }
    status
}

#[test]
fn a_capture_is_shown_with_its_state_its_size_and_its_file() {
    let mut model = model();
    model.handle_next_capture(NextCapture::Starting);
    assert!(shown(&model, 80, 12).contains("\ncapture  starting\n"));
    model.handle_next_capture(NextCapture::None);
    model.handle_capture(capture(CaptureState::Running));
    insta::assert_snapshot!(shown(&model, 90, 14));
    model.handle_capture(capture(CaptureState::Ending));
    assert!(
        shown(&model, 80, 12).contains("\ncapture  ending  12 MB, 34000 packets  /tmp/web\\u{1b}.pcapng\n")
    );
    model.handle_capture(over(CaptureEnd::LimitReached { limit: 65536 }));
    assert!(
        shown(&model, 80, 12).contains("\ncapture  over by itself  12 MB, 34000 packets, 7 missing  /tmp/")
    );
    // Each thing is said once.
    model.handle_capture(over(CaptureEnd::LimitReached { limit: 65536 }));
    assert_eq!(model.log.len(), 2);
    let trouble = NextCapture::Failed(podline::Untrusted::new("cannot create x: it is full"));
    model.handle_next_capture(trouble);
    assert!(shown(&model, 80, 12).contains("\ncapture  cannot create x: it is full\n"));
    // There are lines that matter more where there are few.
    assert!(!shown(&model, 80, 7).contains("capture  "));
    let said: Vec<&str> = model.log.iter().map(|line| &*line.saying.sentence).collect();
    assert_eq!(
        said,
        [
            "connections are recorded into /tmp/web\\u{1b}.pcapng",
            "the capture ends at its limit of 65536 bytes; 34000 packets are in /tmp/web\\u{1b}.pcapng, 7 are missing",
            "no capture was started: cannot create x: it is full",
        ]
    );
}

#[test]
fn a_key_starts_and_ends_a_capture_in_every_pane_and_is_a_letter_of_a_filter() {
    for pane in Pane::ALL {
        let mut model = model();
        model.pane = pane;
        assert_eq!(keys(&mut model, "c"), Some(Command::Capture));
    }
    let mut model = model();
    assert_eq!(keys(&mut model, "/c"), None);
    assert_eq!(model.filter, "c");
}

#[tokio::test]
async fn captures_are_made_one_beside_the_other() {
    let folder = tempfile::TempDir::new().unwrap();
    let capture = Capture::new(|_| {});
    let file = |name: &str| folder.path().join(name);
    let options = CaptureOptions::new(Destination::File(file("web.pcapng")));
    let mut recording = Recording::new(capture.clone(), options);
    for name in ["web.pcapng", "web-2.pcapng"] {
        recording.toggle();
        // A second press while the disk takes its time is none.
        assert!(recording.is_starting());
        recording.started().await.unwrap();
        assert!(!recording.is_starting() && capture.is_running());
        assert_eq!(capture.status().unwrap().path, Some(file(name)));
        recording.toggle();
        assert!(capture.finish().await);
        assert!(file(name).exists());
    }
}

#[tokio::test]
async fn a_capture_that_cannot_be_made_is_said() {
    let folder = tempfile::TempDir::new().unwrap();
    let options = CaptureOptions::new(Destination::File(folder.path().join("none/web.pcapng")));
    let mut recording = Recording::new(Capture::new(|_| {}), options);
    recording.toggle();
    let reason = recording.started().await.unwrap_err().to_string();
    assert!(
        reason.starts_with("cannot create ") && reason.contains("none/web.pcapng: "),
        "{reason}"
    );
    assert!(!recording.is_starting());
}
