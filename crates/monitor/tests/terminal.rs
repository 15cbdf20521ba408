//! What becomes of a real terminal when the program that has it panics.
//!
//! The program is this one again. As the released program does, it ends by the panic without unwinding, so nothing but what is
//! done in the panic itself can give the terminal back.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program says how it went"
)]

#[cfg(unix)]
#[path = "support/pty.rs"]
mod pty;

/// The one test there is.
const NAME: &str = "a_panic_leaves_the_terminal_as_it_was";

/// Makes this the program that panics.
const VIEW: &str = "--view";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let mut words = arguments.iter().filter(|word| !word.starts_with("--")).peekable();
    if has("--list") {
        println!("{NAME}: test");
    } else if has(VIEW) {
        #[cfg(unix)]
        unix::panic_in_the_view(words.next().unwrap());
    } else if words.peek().is_none() || words.any(|word| NAME.contains(word.as_str())) {
        #[cfg(unix)]
        unix::a_panic_leaves_the_terminal_as_it_was();
        println!("test {NAME} ... {}", if cfg!(unix) { "ok" } else { "ignored" });
    }
}

#[cfg(unix)]
mod unix {
    use std::{
        fs::File,
        io::{self, Read as _},
        net::TcpListener,
        os::unix::process::ExitStatusExt as _,
        panic,
        process::{self, Command},
        sync::mpsc::{SyncSender, sync_channel},
        thread,
        time::Duration,
    };

    use podline_monitor::{
        Look, Monitor,
        pcap::{Capture, CaptureOptions, Destination},
        run_tui,
    };
    use rustix::{
        process::Signal,
        termios::{Termios, tcgetattr},
    };
    use tokio::{io::AsyncReadExt as _, net::TcpStream};

    use crate::pty;

    /// How long the view may take to be drawn.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// What the panic says.
    const WORDS: &str = "it panics on purpose";

    /// What the view shows of nothing.
    const DRAWN: &str = "no connection yet";

    /// Shows the view on the terminal, and panics when somebody hangs up at `address`.
    pub(super) fn panic_in_the_view(address: &str) {
        panic::set_hook(Box::new(|info| {
            eprintln!("{info}");
            process::abort();
        }));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let monitor = Monitor::start();
            let capture = Capture::new(|_| {});
            let options = CaptureOptions::new(Destination::StandardOutput);
            tokio::select! {
                left = run_tui(&monitor, &capture, &options, Look::Coloured) => left.unwrap(),
                () = panic_when_told(address) => {}
            }
        });
    }

    async fn panic_when_told(address: &str) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        panic!("{WORDS}");
    }

    pub(super) fn a_panic_leaves_the_terminal_as_it_was() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (keys, terminal) = pty::open(80, 24);
        let before = modes(&tcgetattr(&terminal).unwrap());
        let mut view = Command::new(std::env::current_exe().unwrap())
            .arg(super::VIEW)
            .arg(listener.local_addr().unwrap().to_string())
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .stderr(terminal.try_clone().unwrap())
            .spawn()
            .unwrap();
        let (tell, is_drawn) = sync_channel(1);
        let shown = thread::spawn(move || read(keys, DRAWN, &tell));
        if is_drawn.recv_timeout(PATIENCE).is_ok() {
            drop(listener.accept().unwrap());
        } else {
            // What it showed instead is told below.
            let _ = view.kill();
        }
        let status = view.wait().unwrap();
        let after = modes(&tcgetattr(&terminal).unwrap());
        // Nobody has it any more, which ends what is read.
        drop(terminal);
        let shown = shown.join().unwrap();

        assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{shown}");
        assert_eq!(after, before);
        let place = |text: &str| {
            shown
                .find(text)
                .unwrap_or_else(|| panic!("no {text:?} in {shown:?}"))
        };
        let (other_screen, drawn) = (place("\x1b[?1049h"), place(DRAWN));
        let (hidden, first_screen) = (place("\x1b[?25l"), place("\x1b[?1049l"));
        let (seen, words) = (place("\x1b[?25h"), place(WORDS));
        assert!(
            other_screen < drawn && drawn < first_screen && first_screen < words,
            "{shown:?}"
        );
        assert!(hidden < seen && seen < words, "{shown:?}");
    }

    /// How it treats what is typed and written.
    fn modes(termios: &Termios) -> String {
        format!(
            "{:?} {:?} {:?} {:?}",
            termios.input_modes, termios.output_modes, termios.control_modes, termios.local_modes
        )
    }

    /// Everything that is shown, until no program has the terminal; tells when `wanted` is.
    fn read(mut keys: File, wanted: &str, tell: &SyncSender<()>) -> String {
        let mut shown = Vec::new();
        let mut piece = [0; 4096];
        loop {
            match keys.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => {
                    shown.extend_from_slice(&piece[..length]);
                    if String::from_utf8_lossy(&shown).contains(wanted) {
                        // Once is enough.
                        let _ = tell.try_send(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Linux says so at the end.
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => break,
                Err(error) => panic!("the terminal cannot be read: {error}"),
            }
        }
        String::from_utf8_lossy(&shown).into_owned()
    }
}
