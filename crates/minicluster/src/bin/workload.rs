//! The test target that the end-to-end suite and the benches run in pods.
//!
//! `podline-workload echo=7 web=8080` serves what is named; `podline-workload --all` the fixed ports. All addresses of
//! the host are bound: in a pod that is the pod's own network. SIGTERM and Ctrl-C end it, and so does a line with a status
//! that comes to the port of `exit=PORT`.

use std::{io::Write as _, net::Ipv4Addr, process::ExitCode, sync::Arc, time::Duration};

use podline_minicluster::workload::{FIXED_PORTS, Workload, serve};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    net::TcpListener,
    task::JoinSet,
    time::timeout,
};

/// The longest line with a status, in bytes.
const MAX_LINE: u64 = 16;

/// How long such a line may take.
const LINE_TIMEOUT: Duration = Duration::from_secs(10);

const USAGE: &str = "usage: podline-workload --all | NAME=PORT...\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ports = match parse(&arguments) {
        Ok(ports) => ports,
        Err(problem) => return fail(&format!("{problem}\n{USAGE}"), 2),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}\n"), 1),
    };
    match runtime.block_on(run(ports)) {
        Ok(status) => {
            runtime.shutdown_background();
            ExitCode::from(status)
        }
        Err(problem) => fail(&format!("{problem}\n"), 1),
    }
}

/// Serves until the end, and gives the status to end with.
async fn run(ports: Vec<(u16, Workload)>) -> Result<u8, String> {
    let pod: Arc<str> = std::env::var("HOSTNAME")
        .unwrap_or_else(|_| "workload".into())
        .into();
    let mut servers = JoinSet::new();
    let mut exits = JoinSet::new();
    for (port, workload) in ports {
        let exit = workload == Workload::Exit;
        if !exit && !workload.listens() {
            continue;
        }
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
            .await
            .map_err(|error| format!("cannot listen on port {port} for {workload}: {error}"))?;
        if exit {
            exits.spawn(wanted_status(listener));
        } else {
            let server = serve(listener, workload, Arc::clone(&pod))
                .map_err(|error| format!("cannot serve {workload}: {error}"))?;
            servers.spawn(server);
        }
    }
    tokio::select! {
        Some(Ok(status)) = exits.join_next(), if !exits.is_empty() => Ok(status),
        ended = ended() => ended
            .map(|()| 0)
            .map_err(|error| format!("cannot wait for signals: {error}")),
    }
}

/// The status that the first line with one asks for.
async fn wanted_status(listener: TcpListener) -> u8 {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let mut line = String::new();
            let mut reader = BufReader::new(stream.take(MAX_LINE));
            let read = timeout(LINE_TIMEOUT, reader.read_line(&mut line)).await;
            if let (Ok(Ok(_)), Ok(status)) = (read, line.trim().parse()) {
                return status;
            }
        }
    }
}

#[cfg(unix)]
async fn ended() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn ended() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

fn parse(arguments: &[String]) -> Result<Vec<(u16, Workload)>, String> {
    match arguments {
        [] => Err("nothing to serve".into()),
        [all] if all == "--all" => Ok(FIXED_PORTS.to_vec()),
        _ => arguments.iter().map(|argument| parse_one(argument)).collect(),
    }
}

fn parse_one(argument: &str) -> Result<(u16, Workload), String> {
    let (name, port) = argument
        .split_once('=')
        .ok_or_else(|| format!("`{}` is not NAME=PORT", argument.escape_debug()))?;
    let workload = name.parse::<Workload>().map_err(|error| error.to_string())?;
    let port = port
        .parse()
        .map_err(|_| format!("`{}` is not a port", port.escape_debug()))?;
    Ok((port, workload))
}

fn fail(message: &str, code: u8) -> ExitCode {
    let _ = std::io::stderr().write_all(format!("podline-workload: {message}").as_bytes());
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_and_ports_are_taken_together() {
        let ports = parse(&arguments(&["echo=7", "web=8080"]));
        assert_eq!(ports, Ok(vec![(7, Workload::Echo), (8080, Workload::Web)]));
        assert_eq!(
            parse(&arguments(&["--all"])).map(|ports| ports.len()),
            Ok(FIXED_PORTS.len())
        );
    }

    #[test]
    fn bad_arguments_are_named() {
        for (words, problem) in [
            (&["echo"][..], "`echo` is not NAME=PORT"),
            (&["ecko=7"], "no workload is called `ecko`"),
            (&["echo=70000"], "`70000` is not a port"),
            (&[], "nothing to serve"),
        ] {
            assert_eq!(parse(&arguments(words)), Err(problem.into()));
        }
    }
}
