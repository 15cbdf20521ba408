//! Which session carries which connection.

use super::*;

#[test]
fn a_connection_takes_the_idle_session_used_last() {
    let (mut world, keys) = World::filled(3);
    let request = world.request();
    assert_eq!(world.actions(), [Action::Lend(request, keys[2])]);
    world.opens(keys[2]);
    let request = world.request();
    assert_eq!(world.actions()[0], Action::Lend(request, keys[1]));
    world.ends(keys[2]);
    world.gets_clean(keys[2]);
    let request = world.request();
    assert_eq!(world.actions()[0], Action::Lend(request, keys[2]));
}

#[test]
fn a_connection_without_a_lane_waits_for_the_first_session() {
    let mut world = World::new(0);
    let request = world.request();
    let keys = world.connects();
    assert_eq!(keys.len(), 1);
    world.connected(keys[0]);
    assert_eq!(world.actions(), [Action::Lend(request, keys[0])]);
}

#[test]
fn free_lanes_are_lent_before_a_session_is_waited_for() {
    let (mut world, keys) = World::filled(1);
    for _ in 0..5 {
        let request = world.request();
        assert!(world.actions().contains(&Action::Lend(request, keys[0])));
        world.opens(keys[0]);
    }
    let sixth = world.request();
    assert!(
        !world
            .actions()
            .iter()
            .any(|action| matches!(action, Action::Lend(..)))
    );
    world.ends(keys[0]);
    assert_eq!(world.actions(), [Action::Lend(sixth, keys[0])]);
}

#[test]
fn lanes_that_are_lent_are_not_lent_again_before_they_are_used_or_given_back() {
    let (mut world, keys) = World::filled(1);
    for _ in 0..5 {
        world.request();
    }
    let sixth = world.request();
    assert!(
        !world
            .actions()
            .iter()
            .any(|action| *action == Action::Lend(sixth, keys[0]))
    );
    world.report(keys[0], 1, |_| {});
    assert_eq!(world.actions(), [Action::Lend(sixth, keys[0])]);
}

#[test]
fn the_session_with_the_fewest_pairs_is_shared_first() {
    let (mut world, keys) = World::filled(2);
    for _ in 0..2 {
        world.request();
    }
    world.actions();
    world.opens(keys[0]);
    world.opens(keys[1]);
    let mut lent = Vec::new();
    for _ in 0..4 {
        world.request();
        for action in world.actions() {
            if let Action::Lend(_, key) = action {
                world.opens(key);
                lent.push(key);
            }
        }
    }
    lent.sort_unstable();
    assert_eq!(lent, [keys[0], keys[0], keys[1], keys[1]]);
}

#[test]
fn a_session_that_is_not_well_is_not_shared_while_another_can_be_had() {
    for health in [Health::Fast, Health::Late, Health::Paused] {
        let (mut world, keys) = World::filled(1);
        world.request();
        world.actions();
        world.opens(keys[0]);
        world.actions();
        world.report(keys[0], 0, |report| report.health = health);
        let request = world.request();
        let actions = world.actions();
        assert!(matches!(actions[..], [] | [Action::Connect(_)]), "{actions:?}");
        world.report(keys[0], 0, |report| report.health = Health::Well);
        assert_eq!(world.actions(), [Action::Lend(request, keys[0])]);
    }
}

#[test]
fn where_no_session_can_be_made_a_fast_or_a_late_one_is_shared() {
    for (health, is_lent) in [
        (Health::Fast, true),
        (Health::Late, true),
        (Health::Paused, false),
    ] {
        let (mut world, keys) = World::filled(1);
        world.report(keys[0], 0, |report| {
            report.clean = false;
            report.health = health;
        });
        let key = world.wait_for_connect();
        let request = world.request();
        assert_eq!(world.actions(), []);
        world.failed(key, None);
        let expected = if is_lent {
            Action::Lend(request, keys[0])
        } else {
            Action::Refuse(request, key)
        };
        assert_eq!(world.actions()[0], expected, "{health:?}");
    }
}

#[test]
fn beyond_those_for_isolation_a_fast_session_is_shared_before_another_is_made() {
    let mut world = World::with(PoolConfig {
        floor: 0,
        isolated: 3,
        ..PoolConfig::default()
    });
    for _ in 0..3 {
        let request = world.request();
        let key = world.connects()[0];
        world.connected(key);
        assert_eq!(world.actions(), [Action::Lend(request, key)]);
        world.opens(key);
        world.report(key, 0, |report| report.health = Health::Fast);
    }
    for _ in 0..12 {
        let request = world.request();
        let actions = world.actions();
        let [Action::Lend(lent, key)] = actions[..] else {
            panic!("{actions:?}");
        };
        assert_eq!(lent, request);
        world.opens(key);
    }
    world.request();
    assert_eq!(world.connects().len(), 1, "no lane is left");
}

#[test]
fn where_no_session_may_be_started_yet_a_fast_one_is_shared() {
    let mut world = World::new(0);
    loop {
        let request = world.request();
        let actions = world.actions();
        let [Action::Connect(key)] = actions[..] else {
            // So many have been started within a second.
            assert!(
                matches!(actions[..], [Action::Lend(lent, _)] if lent == request),
                "{actions:?}"
            );
            break;
        };
        world.connected(key);
        assert_eq!(world.actions(), [Action::Lend(request, key)]);
        world.opens(key);
        world.report(key, 0, |report| report.health = Health::Fast);
    }
    world.wait(Duration::from_secs(1));
    let request = world.request();
    let key = world.connects()[0];
    world.connected(key);
    assert_eq!(world.actions(), [Action::Lend(request, key)]);
}

/// A pool whose first session is ready and lent, and the founders that are on their way.
fn founded(floor: usize) -> (World, SessionKey, Vec<SessionKey>) {
    let mut world = World::new(floor);
    world.pool.handle_timeout(world.now);
    let mut founders = world.connects();
    let first = founders.remove(0);
    world.connected(first);
    let request = world.request();
    assert_eq!(world.actions(), [Action::Lend(request, first)]);
    world.opens(first);
    (world, first, founders)
}

#[test]
fn a_connection_waits_for_a_founder_rather_than_share_a_session() {
    let (mut world, _, founders) = founded(6);
    for &founder in &founders {
        let request = world.request();
        assert_eq!(world.actions(), []);
        world.connected(founder);
        assert_eq!(world.actions(), [Action::Lend(request, founder)]);
        world.opens(founder);
        // Its place in the floor is taken.
        world.connects();
    }
}

#[test]
fn of_a_burst_only_as_many_wait_as_founders_are_on_their_way() {
    let (mut world, first, founders) = founded(3);
    let requests: Vec<_> = (0..4).map(|_| world.request()).collect();
    assert_eq!(
        world.actions(),
        [Action::Lend(requests[0], first), Action::Lend(requests[1], first)]
    );
    for (&request, &founder) in requests[2..].iter().zip(&founders) {
        world.connected(founder);
        assert_eq!(world.actions(), [Action::Lend(request, founder)]);
    }
}

#[test]
fn a_founder_that_does_not_come_is_waited_for_no_longer_than_a_second() {
    let (mut world, first, _) = founded(2);
    let request = world.request();
    assert_eq!(world.wait_until_due(), "founding session");
    assert_eq!(world.now, Time::ZERO + Duration::from_secs(1));
    assert_eq!(world.actions()[0], Action::Lend(request, first));
    world.opens(first);
    let request = world.request();
    assert_eq!(world.actions()[0], Action::Lend(request, first));
}

#[test]
fn no_founder_is_waited_for_once_one_has_failed() {
    let (mut world, first, founders) = founded(3);
    let request = world.request();
    assert_eq!(world.actions(), []);
    world.failed(founders[0], None);
    assert_eq!(world.actions(), [Action::Lend(request, first)]);
}

#[test]
fn a_session_that_is_no_founder_is_not_waited_for() {
    let (mut world, keys) = World::filled(2);
    world.pool.handle_lost(world.now, keys[1]);
    assert_eq!(world.connects(), []);
    world.wait(Duration::from_millis(50));
    assert_eq!(world.connects().len(), 1);
    for _ in 0..5 {
        let request = world.request();
        assert_eq!(world.actions(), [Action::Lend(request, keys[0])]);
        world.opens(keys[0]);
    }
}

#[test]
fn a_retired_session_is_lent_to_nobody() {
    let (mut world, keys) = World::filled(1);
    world.request();
    world.actions();
    world.opens(keys[0]);
    world.actions();
    world.report(keys[0], 0, |report| report.retired = true);
    world.request();
    let actions = world.actions();
    assert!(
        !actions.iter().any(|action| matches!(action, Action::Lend(..))),
        "{actions:?}"
    );
}

#[test]
fn a_connection_that_went_away_gets_nothing() {
    let mut world = World::new(0);
    let gone = world.request();
    let stays = world.request();
    let key = world.connects()[0];
    world.pool.handle_cancel(gone);
    world.connected(key);
    assert_eq!(world.actions(), [Action::Lend(stays, key)]);
}

#[test]
fn lanes_are_shared_once_there_can_be_no_more_sessions() {
    const MOST: usize = 20;
    let mut world = World::with(PoolConfig {
        floor: 0,
        most: MOST,
        ..PoolConfig::default()
    });
    let mut keys = Vec::new();
    let mut lent = 0;
    while keys.len() < MOST {
        world.request();
        for action in world.actions() {
            match action {
                Action::Connect(key) => {
                    keys.push(key);
                    world.connected(key);
                }
                Action::Lend(_, key) => {
                    world.opens(key);
                    lent += 1;
                }
                // The last one is on its way, and there will be no other.
                Action::Share(_, key) => {
                    assert_eq!(keys.len(), MOST);
                    world.shares(key);
                }
                other => panic!("{other:?}"),
            }
        }
        world.wait(Duration::from_millis(30));
    }
    while lent < MOST * 5 {
        world.request();
        for action in world.actions() {
            let Action::Lend(_, key) = action else {
                panic!("{action:?}")
            };
            world.opens(key);
            lent += 1;
        }
    }
    // The one whose neighbours are well, though it has more of them.
    for key in &keys[1..] {
        world.report(*key, 0, |report| report.health = Health::Fast);
    }
    world.report(keys[0], 0, |report| report.open += 3);
    let request = world.request();
    assert_eq!(world.actions(), [Action::Share(request, keys[0])]);
}

#[test]
fn the_first_session_that_nobody_waits_for_is_asked_what_its_peer_is_and_no_other() {
    let (mut world, keys) = World::filled(4);
    assert!(world.actions().is_empty());
    assert_eq!(world.proved, [keys[0]]);
    // Not though it was lost, perhaps by that.
    world.pool.handle_lost(world.now, keys[0]);
    let key = world.wait_for_connect();
    world.connected(key);
    assert_eq!((world.actions(), world.proved.len()), (Vec::new(), 1));
}

#[test]
fn a_session_that_is_lent_at_once_finds_out_by_its_connection() {
    let mut world = World::new(1);
    let request = world.request();
    let key = world.connects()[0];
    world.connected(key);
    assert_eq!(world.pool.poll_action(), Some(Action::Lend(request, key)));
    assert!(world.proved.is_empty());
    world.opens(key);
    let spare = world.wait_for_connect();
    world.connected(spare);
    assert_eq!((world.actions(), &world.proved[..]), (Vec::new(), &[spare][..]));
}

#[test]
fn a_session_that_may_be_dead_is_not_lent_and_says_nothing_of_others() {
    let (mut world, keys) = World::filled(1);
    world.report(keys[0], 0, |report| report.free_lanes = 0);
    // So a second one is enough for all of these.
    for _ in 0..5 {
        world.request();
    }
    let made = world.connects();
    assert_eq!(made.len(), 1);
    // And it is not closed: it may be alive.
    world.wait(WORN_AFTER * 2);
    assert!(
        world
            .actions()
            .iter()
            .all(|action| !matches!(action, Action::Close(_)))
    );
    world.report(keys[0], 0, |report| *report = CLEAN);
    let lent = world.actions().into_iter().map(|action| match action {
        Action::Lend(_, key) => key,
        other => panic!("{other:?}"),
    });
    assert_eq!(lent.collect::<Vec<_>>(), [keys[0]; 5]);
}

/// Longer than a session that does not become clean is kept.
const WORN_AFTER: Duration = Duration::from_secs(30);

impl World {
    /// The next session that the pool makes for its floor.
    fn wait_for_connect(&mut self) -> SessionKey {
        loop {
            if let Some(&key) = self.connects().first() {
                return key;
            }
            self.wait_until_due();
        }
    }
}
