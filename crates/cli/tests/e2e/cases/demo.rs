//! `podline demo`.

use std::{path::Path, process::Stdio, sync::Arc};

use tokio::process::Command;

use crate::{
    forwarding::{Forwarding, clean, program},
    harness::cases,
    world::World,
};

cases! {
    a_file_of_somebody_else_is_left_alone;
    kubectl_can_use_the_demonstrations_cluster [Kubectl, Signals];
    the_check_does_what_it_says;
    the_demonstration_stays_until_it_is_interrupted [Signals];
}

fn demo(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    clean(&mut command, home);
    command.env("TMPDIR", home).arg("demo").args(arguments);
    command
}

async fn the_check_does_what_it_says(world: Arc<World>) {
    let home = tempfile::TempDir::new_in(world.folder()).unwrap();
    let output = demo(home.path(), &["--check"])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert_eq!(
        stdout.lines().filter(|line| line.starts_with("ok ")).count(),
        7,
        "{stdout}"
    );
    assert!(stdout.ends_with("\nAll is well.\n"), "{stdout}");
    assert_eq!(
        home.path().read_dir().unwrap().count(),
        0,
        "something is left behind"
    );
}

async fn the_demonstration_stays_until_it_is_interrupted(world: Arc<World>) {
    let home = tempfile::TempDir::new_in(world.folder()).unwrap();
    let forwarding = Forwarding::of(demo(home.path(), &[])).await;
    let page = forwarding.connect(8080).await.get("/").await;
    assert!(String::from_utf8(page).unwrap().contains("Hello from web-"));
    forwarding.signal("INT").await;
    let said = forwarding.end().await;
    assert_eq!(said.status.code(), Some(0), "{:?}", said.stderr);
    assert!(said.stderr.is_empty(), "{:?}", said.stderr);
    assert!(
        said.stdout
            .iter()
            .any(|line| line.starts_with("Open  http://localhost:")),
        "{:?}",
        said.stdout
    );
    assert_eq!(
        home.path().read_dir().unwrap().count(),
        0,
        "something is left behind"
    );
}

async fn kubectl_can_use_the_demonstrations_cluster(world: Arc<World>) {
    let home = tempfile::TempDir::new_in(world.folder()).unwrap();
    let file = home.path().join("demo.yaml");
    let forwarding = Forwarding::of(demo(home.path(), &["--kubeconfig", "demo.yaml"])).await;
    let mut kubectl = Command::new(world.kubectl_path().unwrap());
    clean(&mut kubectl, home.path());
    kubectl.args([
        "--kubeconfig",
        "demo.yaml",
        "--context",
        "podline-demo",
        "get",
        "pods",
        "--output=name",
    ]);
    let output = kubectl.output().await.unwrap();
    let pods = String::from_utf8(output.stdout).unwrap();
    assert!(
        pods.lines().any(|line| line == "pod/tools"),
        "{pods} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(file.exists());
    forwarding.signal("TERM").await;
    assert_eq!(forwarding.end().await.status.code(), Some(143));
    assert!(!file.exists(), "the kubeconfig is left behind");
}

async fn a_file_of_somebody_else_is_left_alone(world: Arc<World>) {
    let home = tempfile::TempDir::new_in(world.folder()).unwrap();
    let file = home.path().join("config");
    std::fs::write(&file, "apiVersion: v1\n").unwrap();
    let output = demo(home.path(), &["--kubeconfig", "config"])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap().as_str()
        ),
        (
            Some(1),
            "error: config is there already and was not written by `podline demo`\nhint: name another file\n"
        )
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "apiVersion: v1\n");
}
