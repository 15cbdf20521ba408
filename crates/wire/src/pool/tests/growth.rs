//! How many sessions are made, and when.

use super::*;

#[test]
fn a_pool_begins_with_its_whole_floor_at_once() {
    let (mut world, keys) = World::filled(6);
    assert_eq!((world.now, keys.len()), (Time::ZERO, 6));
    world.wait(Duration::from_secs(5));
    assert_eq!(world.connects(), []);
}

#[test]
fn a_pool_that_begins_with_a_connection_begins_with_its_whole_floor_too() {
    let mut world = World::new(6);
    world.request();
    assert_eq!(world.connects().len(), 6);
    // A higher one before the first is ready is no other beginning.
    world.pool.set_floor(world.now, 40);
    assert_eq!(world.connects().len(), CONNECTING - 6);
}

#[test]
fn the_floor_of_a_pool_in_use_is_filled_one_session_after_the_other() {
    let (mut world, keys) = World::filled(6);
    for &key in &keys {
        world.pool.handle_lost(world.now, key);
    }
    let lost = world.now;
    let mut made = 0;
    loop {
        let keys = world.connects();
        assert!(keys.len() <= 1, "{keys:?}");
        made += keys.len();
        for key in keys {
            world.connected(key);
        }
        if made == 6 {
            break;
        }
        assert_eq!(world.wait_until_due(), "spare session");
    }
    assert!(world.now >= lost + Duration::from_millis(200), "{:?}", world.now);
}

#[test]
fn a_pool_whose_first_sessions_fail_tries_with_one() {
    let mut world = World::new(6);
    world.pool.handle_timeout(world.now);
    for key in world.connects() {
        world.failed(key, None);
    }
    assert_eq!(world.wait_until_due(), "spare session");
    assert_eq!(world.now, Time::ZERO + Duration::from_millis(100), "one failure");
    assert_eq!(world.connects().len(), 1);
}

#[test]
fn the_floor_is_filled_again_when_an_idle_session_is_used() {
    let (mut world, _) = World::filled(2);
    world.wait(Duration::from_secs(1));
    world.request();
    assert!(matches!(world.actions()[..], [Action::Lend(..)]));
    assert_eq!(world.wait_until_due(), "spare session");
    assert_eq!(world.connects().len(), 1);
}

#[test]
fn connections_that_come_together_delay_the_next_session_once() {
    let (mut world, _) = World::filled(3);
    world.wait(Duration::from_secs(1));
    let burst = world.now;
    let mut lent = 0;
    while world.actions().is_empty() {
        world.request();
        assert!(matches!(world.actions()[..], [Action::Lend(..)]));
        lent += 1;
        world.wait(Duration::from_millis(30));
    }
    assert!(lent > 3, "{lent}");
    assert!(world.now.saturating_since(burst) < Duration::from_millis(300));
}

#[test]
fn a_connection_that_is_over_soon_needs_no_other_session() {
    let (mut world, _) = World::filled(2);
    world.wait(Duration::from_secs(1));
    world.request();
    let [Action::Lend(_, key)] = world.actions()[..] else {
        panic!("no lane");
    };
    world.opens(key);
    world.wait(Duration::from_millis(50));
    world.finishes(key);
    world.wait(Duration::from_secs(5));
    assert_eq!(world.actions(), []);
}

#[test]
fn connections_that_come_and_go_need_no_sessions_but_the_floor() {
    let (mut world, keys) = World::filled(6);
    let mut resting = VecDeque::new();
    for n in 0..640_u32 {
        world.wait(Duration::from_micros(15_625));
        while let Some((_, key)) =
            resting.pop_front_if(|&mut (since, _)| since + Duration::from_secs(1) <= world.now)
        {
            if world.reports[&key].open == 0 && !resting.iter().any(|&(_, other)| other == key) {
                world.gets_clean(key);
            }
        }
        world.request();
        for action in world.actions() {
            match action {
                Action::Lend(_, key) => {
                    world.opens(key);
                    world.finishes(key);
                    resting.push_back((world.now, key));
                }
                Action::Connect(key) => {
                    world.connected(key);
                }
                other => panic!("{other:?} at connection {n}"),
            }
        }
    }
    assert!(
        world.reports.len() <= keys.len() + 1,
        "{} sessions",
        world.reports.len()
    );
}

#[test]
fn connections_that_stay_get_a_session_each_up_to_the_bound_and_then_lanes() {
    let mut world = World::with(PoolConfig {
        floor: 2,
        isolated: 8,
        ..PoolConfig::default()
    });
    let mut lent = BTreeMap::<SessionKey, usize>::new();
    let mut carry = |world: &mut World| {
        loop {
            let actions = world.actions();
            if actions.is_empty() {
                return lent.clone();
            }
            for action in actions {
                match action {
                    Action::Connect(key) => world.connected(key),
                    Action::Lend(_, key) => {
                        world.opens(key);
                        *lent.entry(key).or_default() += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    };
    let mut spread = BTreeMap::new();
    for _ in 0..8 {
        world.request();
        carry(&mut world);
        world.wait(Duration::from_secs(1));
        spread = carry(&mut world);
    }
    assert_eq!(spread.values().copied().collect::<Vec<_>>(), [1; 8]);
    for _ in 8..40 {
        world.request();
        spread = carry(&mut world);
        world.wait(Duration::from_secs(1));
    }
    assert_eq!(spread.values().copied().collect::<Vec<_>>(), [5; 8]);
    world.request();
    assert_eq!(
        carry(&mut world).len(),
        9,
        "beyond the bound if a connection would wait"
    );
}

#[test]
fn a_burst_makes_as_many_sessions_as_have_lanes_for_it() {
    let (mut world, keys) = World::filled(1);
    for _ in 0..25 {
        world.request();
    }
    let connects = world
        .actions()
        .into_iter()
        .filter(|action| matches!(action, Action::Connect(_)))
        .count();
    assert_eq!((connects, keys.len()), (4, 1));
}

#[test]
fn at_most_so_many_sessions_are_made_at_once_and_in_a_second() {
    let mut world = World::new(0);
    for _ in 0..1000 {
        world.request();
    }
    let mut started = 0;
    loop {
        let keys = world.connects();
        if keys.is_empty() {
            break;
        }
        assert!(keys.len() <= CONNECTING);
        started += keys.len();
        for key in keys {
            world.reports.insert(key, CLEAN);
            let none_left = Report {
                free_lanes: 0,
                clean: false,
                open: 5,
                pairs: 5,
                ..CLEAN
            };
            world.pool.handle_connected(world.now, key, none_left);
        }
    }
    assert_eq!(started, 50);
    assert_eq!(world.wait_until_due(), "next session");
    assert_eq!(world.now, Time::ZERO + Duration::from_secs(1));
}

#[test]
fn an_upgrade_that_hangs_is_not_relied_on() {
    let mut world = World::new(0);
    world.request();
    assert_eq!(world.connects().len(), 1);
    assert_eq!(world.wait_until_due(), "hung upgrade");
    assert_eq!(world.connects().len(), 1);
}

#[test]
fn a_failed_upgrade_refuses_those_who_wait_and_the_floor_backs_off() {
    let mut world = World::new(1);
    let request = world.request();
    let key = world.connects()[0];
    world.failed(key, None);
    assert_eq!(world.actions(), [Action::Refuse(request, key)]);
    assert_eq!(world.wait_until_due(), "spare session");
    let key = world.connects()[0];
    world.failed(key, None);
    world.wait(Duration::from_millis(60));
    assert_eq!(world.actions(), [], "the pause has doubled");
    let retried = world.request();
    let key = world.connects()[0];
    world.connected(key);
    assert_eq!(world.actions(), [Action::Lend(retried, key)]);
}

#[test]
fn a_server_that_asks_for_patience_is_waited_for() {
    let mut world = World::new(1);
    let request = world.request();
    let key = world.connects()[0];
    world.failed(key, Some(Duration::from_secs(1)));
    assert_eq!(world.actions(), []);
    assert_eq!(world.wait_until_due(), "next session");
    assert_eq!(world.now, Time::ZERO + Duration::from_secs(1));
    let key = world.connects()[0];
    world.connected(key);
    assert_eq!(world.actions(), [Action::Lend(request, key)]);
}

#[test]
fn after_a_wake_the_floor_does_not_wait_for_the_end_of_a_pause() {
    let mut world = World::new(1);
    world.pool.handle_timeout(world.now);
    for _ in 0..10 {
        let key = world.connects()[0];
        world.failed(key, None);
        world.wait_until_due();
    }
    let key = world.connects()[0];
    world.failed(key, None);
    assert_eq!(world.connects(), []);
    world.pool.handle_wake(world.now);
    assert_eq!(world.connects().len(), 1);
}

#[test]
fn one_connection_a_session_where_there_are_no_lanes() {
    let (mut world, keys) = World::filled(2);
    let alone = Report {
        free_lanes: 1,
        shared_room: 0,
        ..CLEAN
    };
    for key in &keys {
        world.report(*key, 0, |report| *report = alone);
    }
    let mut busy = Vec::new();
    for _ in 0..100 {
        world.wait(Duration::from_secs(1));
        world.request();
        for action in world.actions() {
            match action {
                Action::Connect(key) => {
                    world.reports.insert(key, alone);
                    world.pool.handle_connected(world.now, key, alone);
                }
                Action::Lend(_, key) => {
                    assert!(!busy.contains(&key));
                    busy.push(key);
                    world.report(key, 1, |report| {
                        *report = Report {
                            clean: false,
                            open: 1,
                            pairs: 1,
                            free_lanes: 0,
                            retired: true,
                            ..alone
                        };
                    });
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(busy.len(), 100, "each found a session ready");
}

/// One connection after the other, each for so long.
const CONNECTION: Duration = Duration::from_millis(40);

#[test]
fn a_load_makes_its_sessions_once_and_keeps_them() {
    let (mut world, _) = World::filled(6);
    // When which connection ends, and when which session's tails are silent.
    let mut ends = VecDeque::new();
    let mut silent = VecDeque::new();
    let mut last_made = world.now;
    let mut carried = 0;
    let begun = world.now;
    while world.now < begun + Duration::from_secs(20) {
        world.wait(Duration::from_millis(1));
        while let Some((_, key)) = ends.pop_front_if(|&mut (at, _)| at <= world.now) {
            world.finishes(key);
            silent.push_back((world.now + Duration::from_secs(1), key));
            carried += 1;
        }
        while let Some((_, key)) = silent.pop_front_if(|&mut (at, _)| at <= world.now) {
            let is_last = !silent.iter().any(|&(_, other)| other == key);
            if is_last && world.reports[&key].open == 0 {
                world.gets_clean(key);
            }
        }
        if ends.len() < 64 {
            world.request();
        }
        for action in world.actions() {
            match action {
                Action::Connect(key) => {
                    last_made = world.now;
                    world.connected(key);
                }
                Action::Lend(_, key) => {
                    world.opens(key);
                    ends.push_back((world.now + CONNECTION, key));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(carried > 10_000, "{carried}");
    assert!(world.reports.len() <= 64, "{} sessions", world.reports.len());
    assert!(
        last_made <= begun + Duration::from_secs(5),
        "the last one after {last_made:?}"
    );
}
