//! The command line is kubectl's.

use std::{process::Stdio, sync::Arc};

use crate::{
    forwarding::{kubectl, podline},
    harness::cases,
    world::World,
};

cases! {
    every_flag_of_the_kubectl_at_hand_is_known [Kubectl];
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
