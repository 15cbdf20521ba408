//! When sessions are closed.

use super::*;

#[test]
fn surplus_sessions_are_closed_after_a_while_and_the_floor_stays() {
    let (mut world, keys) = World::filled(4);
    world.pool.set_floor(world.now, 1);
    assert_eq!(world.wait_until_due(), "surplus session");
    world.wait(SURPLUS_AFTER);
    assert_eq!(world.actions(), [keys[0], keys[1], keys[2]].map(Action::Close));
    world.wait(SURPLUS_AFTER);
    assert_eq!(world.actions(), []);
}

#[test]
fn what_the_load_needed_a_moment_ago_is_not_closed() {
    let (mut world, keys) = World::filled(3);
    world.pool.set_floor(world.now, 1);
    for _ in 0..20 {
        world.wait(SURPLUS_AFTER / 2);
        for _ in 0..2 {
            world.request();
        }
        let lent: Vec<_> = world
            .actions()
            .into_iter()
            .filter_map(|action| match action {
                Action::Lend(_, key) => Some(key),
                Action::Connect(key) => panic!("{key:?} is made"),
                _ => None,
            })
            .collect();
        for &key in &lent {
            world.opens(key);
        }
        for &key in &lent {
            world.ends(key);
            world.gets_clean(key);
        }
        assert!(lent.iter().all(|key| keys[1..].contains(key)), "{lent:?}");
    }
}

#[test]
fn a_quiet_forward_keeps_one_session() {
    let (mut world, keys) = World::filled(3);
    while world.now < Time::ZERO + QUIET_AFTER + SURPLUS_AFTER {
        if world.pool.poll_timeout(world.now).is_none() {
            break;
        }
        world.wait_until_due();
    }
    let closed = world.actions();
    assert_eq!(closed, [keys[0], keys[1]].map(Action::Close));
}

#[test]
fn the_floor_may_be_changed_while_the_pool_is_in_use_and_not_after() {
    let (mut world, _) = World::filled(1);
    world.wait(Duration::from_secs(1));
    world.pool.set_floor(world.now, 2);
    assert_eq!(world.connects().len(), 1);
    world.pool.retire(world.now);
    world.pool.set_floor(world.now, 5);
    world.wait(Duration::from_secs(1));
    assert_eq!(world.connects(), []);
}

#[test]
fn a_pool_with_a_successor_makes_no_session_but_for_what_waits() {
    let (mut world, keys) = World::filled(2);
    world.pool.retire(world.now);
    world.pool.handle_lost(world.now, keys[1]);
    assert_eq!(world.connects(), []);
    world.wait(SURPLUS_AFTER);
    assert_eq!(world.actions(), [Action::Close(keys[0])]);
    world.request();
    assert_eq!(world.connects().len(), 1);
}

#[test]
fn a_retired_session_is_closed_once_its_pairs_are_over_and_its_tails_silent() {
    let (mut world, keys) = World::filled(1);
    world.request();
    world.actions();
    world.opens(keys[0]);
    world.actions();
    world.report(keys[0], 0, |report| report.retired = true);
    world.wait(Duration::from_secs(24 * 60 * 60));
    let actions = world.actions();
    assert!(!actions.contains(&Action::Close(keys[0])), "{actions:?}");
    world.ends(keys[0]);
    assert!(!world.actions().contains(&Action::Close(keys[0])));
    world.report(keys[0], 0, |report| report.tails = false);
    assert_eq!(world.actions(), [Action::Close(keys[0])]);
}

#[test]
fn a_tail_that_never_comes_does_not_keep_a_retired_session() {
    let (mut world, keys) = World::filled(1);
    world.pool.set_floor(world.now, 0);
    world.request();
    world.actions();
    world.opens(keys[0]);
    world.report(keys[0], 0, |report| report.retired = true);
    world.ends(keys[0]);
    assert_eq!(world.wait_until_due(), "unused session");
    assert_eq!(world.actions(), [Action::Close(keys[0])]);
}

#[test]
fn a_session_that_does_not_get_clean_is_closed_when_nobody_uses_it() {
    let (mut world, keys) = World::filled(1);
    world.report(keys[0], 0, |report| {
        report.clean = false;
        report.free_lanes = 0;
    });
    world.wait(Duration::from_secs(31));
    assert!(world.actions().contains(&Action::Close(keys[0])));
}

#[test]
fn a_closed_pool_wants_nothing() {
    let (mut world, _) = World::filled(2);
    world.request();
    world.pool.close();
    assert_eq!(world.actions(), []);
    assert_eq!(world.pool.handle_request(world.now), None);
    assert_eq!(world.pool.poll_timeout(world.now), None);
}
