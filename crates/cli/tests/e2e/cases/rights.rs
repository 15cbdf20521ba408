//! What a user may do.

use std::sync::Arc;

use crate::{
    forwarding::Forwarding,
    harness::cases,
    world::{FORWARDER, LOOKER, World},
};

cases! {
    kubectls_rights_are_enough;
    the_missing_right_is_named;
    what_may_not_be_looked_at_is_named;
}

async fn kubectls_rights_are_enough(world: Arc<World>) {
    for target in [["pod/tools", ":7"], ["svc/echo", ":7"], ["deployment/echo", ":7"]] {
        let forwarding = Forwarding::start(&world, &["--as", FORWARDER, target[0], target[1]]).await;
        forwarding
            .connect(7)
            .await
            .is_echoed(b"with kubectl's rights")
            .await;
    }
}

async fn the_missing_right_is_named(world: Arc<World>) {
    for transport in ["auto", "websocket", "spdy"] {
        let said = Forwarding::run(&world, &["--as", LOOKER, "--transport", transport, "tools", ":7"]).await;
        assert_eq!(said.status.code(), Some(1));
        assert!(said.stderr[0].starts_with("error: "), "{:?}", said.stderr);
        assert!(said.stderr[0].contains("forbidden"), "{:?}", said.stderr);
        assert!(
            said.stderr[1].starts_with("hint: the user needs a role that allows: create"),
            "{:?}",
            said.stderr
        );
        assert!(said.stderr[1].contains("pods/portforward"), "{:?}", said.stderr);
    }
}

async fn what_may_not_be_looked_at_is_named(world: Arc<World>) {
    let said = Forwarding::run(&world, &["--as", LOOKER, "svc/web", ":80"]).await;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stderr[0].contains("forbidden"), "{:?}", said.stderr);
    assert!(said.stderr[1].contains("get services"), "{:?}", said.stderr);
}
