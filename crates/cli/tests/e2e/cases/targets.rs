//! From what the user names to a pod and a port.

use std::sync::Arc;

use crate::{forwarding::Forwarding, harness::cases, world::World};

cases! {
    a_deployment_leads_to_one_of_its_pods;
    a_headless_service_takes_container_ports;
    a_named_port_of_a_pod_is_looked_up;
    a_named_port_of_a_service_is_looked_up;
    a_service_port_leads_to_its_target_port;
    a_target_may_name_its_namespace;
    a_replica_set_leads_to_one_of_its_pods;
    all_declared_ports_are_forwarded;
    two_targets_share_a_command;
}

/// That an HTTP application answers at a remote port.
async fn serves_http(forwarding: &Forwarding, remote: u16) {
    let name = forwarding.connect(remote).await.get("/whoami").await;
    assert!(!name.is_empty());
}

async fn a_deployment_leads_to_one_of_its_pods(world: Arc<World>) {
    for target in ["deployment/web", "deploy/web", "deployments.apps/web"] {
        serves_http(&Forwarding::start(&world, &[target, ":8080"]).await, 8080).await;
    }
}

async fn a_named_port_of_a_pod_is_looked_up(world: Arc<World>) {
    serves_http(&Forwarding::start(&world, &["pods/tools", ":http"]).await, 8080).await;
}

async fn a_named_port_of_a_service_is_looked_up(world: Arc<World>) {
    serves_http(&Forwarding::start(&world, &["service/web", ":http"]).await, 8080).await;
}

async fn a_service_port_leads_to_its_target_port(world: Arc<World>) {
    serves_http(&Forwarding::start(&world, &["svc/web", ":80"]).await, 8080).await;
    serves_http(&Forwarding::start(&world, &["svc/unnamed", ":8081"]).await, 8080).await;
}

async fn a_headless_service_takes_container_ports(world: Arc<World>) {
    serves_http(&Forwarding::start(&world, &["svc/headless", ":8080"]).await, 8080).await;
}

async fn two_targets_share_a_command(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["svc/web", ":80", "svc/echo", ":7"]).await;
    serves_http(&forwarding, 8080).await;
    forwarding.connect(7).await.is_echoed(b"the second one").await;
}

async fn a_target_may_name_its_namespace(world: Arc<World>) {
    let target = format!("{}/svc/web", world.namespace());
    serves_http(
        &Forwarding::start(&world, &["--namespace=default", &target, ":80"]).await,
        8080,
    )
    .await;
}

async fn all_declared_ports_are_forwarded(world: Arc<World>) {
    // The named one wins over the declared one of the same number; a service's ports are its own.
    let forwarding = Forwarding::start(
        &world,
        &["--address=127.0.0.1", "deploy/web", ":8080", ":7", "--all-ports"],
    )
    .await;
    serves_http(&forwarding, 8080).await;
    forwarding.connect(7).await.is_echoed(b"declared").await;
}

async fn a_replica_set_leads_to_one_of_its_pods(world: Arc<World>) {
    let pod = world.pods("web").await.remove(0);
    let (set, _) = pod.rsplit_once('-').unwrap();
    for target in [format!("rs/{set}"), format!("replicasets.apps/{set}")] {
        serves_http(&Forwarding::start(&world, &[&target, ":http"]).await, 8080).await;
    }
}
