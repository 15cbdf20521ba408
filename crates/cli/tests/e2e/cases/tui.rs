//! The terminal view, on a terminal.

use std::{net::SocketAddr, sync::Arc};

use tokio::net::TcpStream;

use crate::{
    app::App,
    forwarding::{Forwarding, podline},
    harness::cases,
    tmux::Tmux,
    world::World,
};

cases! {
    the_view_needs_a_terminal;
    the_view_shows_a_connection_ends_it_and_leaves_the_terminal_as_it_was [Tmux];
}

async fn the_view_needs_a_terminal(world: Arc<World>) {
    let said = Forwarding::run(&world, &["pod/tools", ":7", "--tui"]).await;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stdout.is_empty());
    assert_eq!(
        said.stderr,
        ["error: `--tui` needs a terminal on standard input and standard output"]
    );
}

async fn the_view_shows_a_connection_ends_it_and_leaves_the_terminal_as_it_was(world: Arc<World>) {
    let tmux = Tmux::start(&world).await;
    let podline = podline(&world, &["--address=127.0.0.1", "pod/tools", ":7", "--tui"]);
    let program = podline.as_std();
    let words: Vec<String> = std::iter::once(program.get_program())
        .chain(program.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    tmux.types(&format!("{}; echo status=$?", words.join(" "))).await;
    tmux.presses("Enter").await;

    // Where it listens is on the screen alone.
    let screen = tmux.shows("→ 7").await;
    assert!(screen.starts_with("podline  1 forward"), "{screen}");
    let address: SocketAddr = screen
        .lines()
        .find_map(|line| line.split_once(" → 7")?.0.rsplit(' ').next()?.parse().ok())
        .unwrap();
    let mut app = App::new(TcpStream::connect(address).await.unwrap());
    app.is_echoed(b"hello").await;
    let screen = tmux.shows("1 open of 1").await;
    assert!(screen.contains("tools:7") && screen.contains("5 B"), "{screen}");

    tmux.types("x").await;
    tmux.shows("end connection 1? y/n").await;
    tmux.types("y").await;
    app.is_reset().await;
    tmux.shows("killed").await;

    tmux.types("q").await;
    let screen = tmux.shows("status=0").await;
    // What was there before is there again, and the shell reads lines as before.
    assert!(
        screen.contains("--tui") && !screen.contains("1 forward"),
        "{screen}"
    );
    tmux.types("echo as\"\"before").await;
    tmux.presses("Enter").await;
    tmux.shows("asbefore").await;
}
