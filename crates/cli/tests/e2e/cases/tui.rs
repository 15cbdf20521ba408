//! The terminal view, on a terminal.

use std::{net::SocketAddr, sync::Arc};

use tokio::net::TcpStream;

use crate::{
    app::App,
    forwarding::{Forwarding, podline},
    harness::cases,
    tmux::Tmux,
    tshark,
    world::World,
};

cases! {
    a_key_starts_and_ends_captures_in_the_view [Tmux, Tshark];
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
    let mut app = view(&world, &tmux).await;
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

async fn a_key_starts_and_ends_captures_in_the_view(world: Arc<World>) {
    let tmux = Tmux::start(&world).await;
    // Files go where podline was started.
    tmux.types("mkdir captures && cd captures").await;
    tmux.presses("Enter").await;
    let mut app = view(&world, &tmux).await;
    app.is_echoed(b"before").await;
    let folder = world.folder().join("captures");
    for (name, before, bytes) in [
        ("podline.pcapng", "6", &b"recorded"[..]),
        ("podline-2.pcapng", "23", b"recorded too"),
    ] {
        tmux.types("c").await;
        let screen = tmux.shows("capture  running").await;
        assert!(screen.contains(name), "{screen}");
        let capture = folder.join(name);
        #[cfg(unix)]
        {
            let permissions = std::fs::metadata(&capture).unwrap().permissions();
            let mode = std::os::unix::fs::PermissionsExt::mode(&permissions);
            assert_eq!(mode & 0o777, 0o600);
        }
        app.is_echoed(bytes).await;
        tmux.types("c").await;
        tmux.shows("capture  over").await;
        app.is_echoed(b"beside it").await;

        // The connection begins in the middle there, and says so.
        tshark::finds_no_fault(&capture, 0).await;
        assert_eq!(
            tshark::follow(&capture, "0").await,
            (bytes.to_vec(), bytes.to_vec())
        );
        let comments = tshark::fields(&capture, "frame.comment", &["frame.comment"]).await;
        let told = format!("; open before the capture, with {before} bytes sent and {before} received");
        assert!(
            comments.len() == 1 && comments[0].ends_with(&told),
            "{comments:?} does not end with {told}"
        );
    }
    // One that still runs is ended with the view, which tells of all that there were.
    tmux.types("c").await;
    tmux.shows("capture  running").await;
    app.is_echoed(b"to the end").await;
    tmux.types("q").await;
    let screen = tmux.shows("status=0").await;
    for name in ["podline.pcapng", "podline-2.pcapng", "podline-3.pcapng"] {
        let told = format!("packets are in {name}");
        assert!(
            screen.contains("note: the capture has ended; ") && screen.contains(&told),
            "{screen}"
        );
    }
    tshark::finds_no_fault(&folder.join("podline-3.pcapng"), 0).await;
}

/// Types a forward with the view into a shell, and connects an app through it.
async fn view(world: &World, tmux: &Tmux) -> App {
    let podline = podline(world, &["--address=127.0.0.1", "pod/tools", ":7", "--tui"]);
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
    App::new(TcpStream::connect(address).await.unwrap())
}
