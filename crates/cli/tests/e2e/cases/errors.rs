//! What is wrong is said in one sentence, and the status is 1.

use std::sync::Arc;

use crate::{forwarding::Forwarding, harness::cases, world::World};

cases! {
    a_context_that_is_not_there_is_an_error;
    a_credential_that_is_wrong_is_told_from_a_right_that_lacks;
    a_name_that_is_not_there_is_an_error;
    a_port_name_that_is_not_there_is_an_error;
    a_pod_that_does_not_run_is_waited_for_and_then_an_error;
    a_service_port_that_is_not_there_is_an_error;
    a_server_name_that_is_not_there_is_told;
    a_service_without_pods_is_waited_for_and_then_an_error;
    an_unknown_certificate_authority_is_told;
    one_wrong_target_of_two_is_an_error;
}

async fn fails(world: &World, arguments: &[&str]) -> Vec<String> {
    let said = Forwarding::run(world, arguments).await;
    assert_eq!(said.status.code(), Some(1), "{:?}", said.stderr);
    assert!(said.stdout.is_empty(), "{:?}", said.stdout);
    assert!(
        said.stderr[1..].iter().all(|line| line.starts_with("hint: ")),
        "{:?}",
        said.stderr
    );
    said.stderr
}

async fn a_name_that_is_not_there_is_an_error(world: Arc<World>) {
    let hint = format!(
        "hint: looked in namespace {}; -n names another",
        world.namespace()
    );
    assert_eq!(fails(&world, &["nope", "80"]).await[1], hint);
    assert_eq!(
        fails(&world, &["nope", "80"]).await[0],
        "error: pods \"nope\" not found"
    );
    assert_eq!(
        fails(&world, &["svc/nope", "80"]).await[0],
        "error: services \"nope\" not found"
    );
    assert_eq!(
        fails(&world, &["deploy/nope", "80"]).await[0],
        "error: deployments.apps \"nope\" not found"
    );
}

async fn a_port_name_that_is_not_there_is_an_error(world: Arc<World>) {
    let said = fails(&world, &["tools", "nope"]).await;
    assert_eq!(said[0], "error: Pod 'tools' does not have a named port 'nope'");
    assert!(said[1].contains("http"), "{said:?}");
    let said = fails(&world, &["svc/web", "nope"]).await;
    assert_eq!(
        said,
        [
            "error: Service 'web' does not have a named port 'nope'",
            "hint: its named ports are http, echo"
        ]
    );
}

async fn a_service_port_that_is_not_there_is_an_error(world: Arc<World>) {
    assert_eq!(
        fails(&world, &["svc/web", "9999"]).await[0],
        "error: Service web does not have a service port 9999"
    );
}

async fn a_credential_that_is_wrong_is_told_from_a_right_that_lacks(world: Arc<World>) {
    // Without the kubeconfig, whose certificate a server would take first.
    let server = world.server();
    let arguments = [
        "--kubeconfig=",
        "--server",
        &server,
        "--insecure-skip-tls-verify",
        "--token=wrong",
        "tools",
        "80",
    ];
    let said = fails(&world, &arguments).await;
    assert!(said[0].contains("Unauthorized"), "{said:?}");
    assert!(said[1].contains("log in again"), "{said:?}");
}

async fn an_unknown_certificate_authority_is_told(world: Arc<World>) {
    let kubeconfig = std::fs::read_to_string(world.kubeconfig()).unwrap();
    let server = kubeconfig
        .lines()
        .find_map(|line| line.trim().strip_prefix("server: "))
        .unwrap();
    let said = fails(
        &world,
        &[
            "--kubeconfig=",
            "--server",
            server.trim_matches('"'),
            "tools",
            "80",
        ],
    )
    .await;
    assert!(said[0].contains("signed by an unknown authority"), "{said:?}");
    assert!(said[1].contains("--certificate-authority"), "{said:?}");
}

async fn a_pod_that_does_not_run_is_waited_for_and_then_an_error(world: Arc<World>) {
    let said = fails(&world, &["--pod-running-timeout=1s", "never", "80"]).await;
    assert_eq!(
        said[0],
        "error: unable to forward port because pod is not running. Current status=Pending: pod never after 1 s"
    );
}

async fn a_service_without_pods_is_waited_for_and_then_an_error(world: Arc<World>) {
    let said = fails(&world, &["--pod-running-timeout=1s", "svc/nobody", "80"]).await;
    assert!(said[0].contains("svc/nobody"), "{said:?}");
}

async fn a_context_that_is_not_there_is_an_error(world: Arc<World>) {
    let said = fails(&world, &["--context=nope", "tools", "80"]).await;
    assert_eq!(said[0], "error: context 'nope' does not exist");
    assert!(said[1].starts_with("hint: it has the contexts "), "{said:?}");
}

async fn a_server_name_that_is_not_there_is_told(world: Arc<World>) {
    let said = fails(&world, &["--server=https://podline-e2e.invalid", "tools", "80"]).await;
    assert!(
        said[0].starts_with("error: cannot find the address of podline-e2e.invalid: "),
        "{said:?}"
    );
}

async fn one_wrong_target_of_two_is_an_error(world: Arc<World>) {
    let said = Forwarding::run(&world, &["svc/web", ":80", "svc/nope", ":80"]).await;
    assert_eq!(said.status.code(), Some(1));
    assert!(
        said.stderr
            .iter()
            .any(|line| line.starts_with("error: ") && line.contains("services \"nope\" not found")),
        "{:?}",
        said.stderr
    );
}
