//! How long a PING takes.

use super::*;

const TRIP: Duration = Duration::from_millis(40);

#[test]
fn the_answer_of_a_ping_that_is_timed_tells_the_round_trip_once() {
    let mut script = Script::proven();
    let ping = script.session.time_ping(script.now).unwrap();
    let sent = script.sent();
    assert_eq!(sent, [Sent::Ping(2 * ping + 1)]);
    script.now += TRIP;
    script.pong_all(&sent);
    assert_eq!(script.events(), [Event::RoundTrip { ping, took: TRIP }]);
    script.pong_all(&sent);
    assert_eq!(script.events(), []);
}

#[test]
fn other_pings_are_not_told_of() {
    let mut script = Script::new(None);
    let round = script.sent();
    script.pong_all(&round);
    assert!(
        !script
            .events()
            .iter()
            .any(|event| matches!(event, Event::RoundTrip { .. }))
    );
}

#[test]
fn a_stalled_lane_gets_no_ping_to_time() {
    let mut script = Script::proven();
    // A pair on each lane, so that the next PING meets the stalled one.
    let pairs: Vec<PairId> = (0..WORKERS).map(|_| script.opened()).collect();
    for pair in pairs {
        while script.session.allowance(pair) > 0 {
            script.send(pair, 1).unwrap();
            script.sent();
        }
    }
    script.wait(Duration::from_secs(2));
    assert!(script.session.is_late());
    script.sent();
    assert_eq!(script.session.time_ping(script.now), None);
    assert_eq!(script.sent(), []);
}
