//! The command line is kubectl's.

use std::{process::Stdio, sync::Arc};

use tokio::process::Command;

use crate::{
    forwarding::{clean, kubectl, podline, program},
    harness::cases,
    world::World,
};

cases! {
    every_flag_of_the_kubectl_at_hand_is_known [Kubectl];
    kubectl_finds_it_as_a_plugin [Kubectl];
}

async fn every_flag_of_the_kubectl_at_hand_is_known(world: Arc<World>) {
    let help = |arguments: &[&str]| {
        let mut command = if arguments == ["--help"] {
            podline(&world, arguments)
        } else {
            kubectl(&world, arguments)
        };
        async move {
            let output = command.stdin(Stdio::null()).output().await.unwrap();
            flags(&String::from_utf8_lossy(&output.stdout))
        }
    };
    let ours = help(&["--help"]).await;
    for arguments in [&["options"][..], &["port-forward", "--help"]] {
        let theirs = help(arguments).await;
        assert!(theirs.len() > 1, "{arguments:?} lists no flags: {theirs:?}");
        let unknown: Vec<&String> = theirs.iter().filter(|flag| !ours.contains(flag)).collect();
        assert!(unknown.is_empty(), "of {arguments:?}: {unknown:?}");
    }
}

async fn kubectl_finds_it_as_a_plugin(world: Arc<World>) {
    let folder = tempfile::TempDir::new_in(world.folder()).unwrap();
    let name = format!("kubectl-podline{}", std::env::consts::EXE_SUFFIX);
    std::fs::copy(program(), folder.path().join(name)).unwrap();
    let mut command = Command::new(world.kubectl_path().unwrap());
    clean(&mut command, folder.path());
    command.env("PATH", folder.path()).args(["podline", "svc/web"]);
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.starts_with(
            "error: no port is given for svc/web\n\
             hint: for example: `kubectl podline svc/web 8080:80`"
        ),
        "{stderr}"
    );
}

/// The flags that a help text lists, at the beginnings of its lines.
fn flags(help: &str) -> Vec<String> {
    let names = help
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with('-'))
        .flat_map(|line| {
            line.split([',', ' '])
                .take_while(|word| word.is_empty() || word.starts_with('-'))
        });
    let names = names.map(|name| name.split(['=', '[', ':']).next().unwrap().to_owned());
    names.filter(|name| name.len() > 1).collect()
}
