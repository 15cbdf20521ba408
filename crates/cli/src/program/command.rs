//! Runs a command while ports are forwarded, and ends as it does.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::pin,
    process::ExitStatus,
};

use podline::Untrusted;
use tokio::process::{Child, Command};

use super::{
    Ending, limits,
    signals::{Lent, Sender, Signal, Signals},
};
use crate::{
    output::{Failure, Output},
    plan::CommandPlan,
};

/// What shells give for a program that is not found.
const NOT_FOUND: u8 = 127;

/// What shells give for a program that is found and cannot be run.
const NOT_RUN: u8 = 126;

/// What shells add to the number of the signal that killed a program.
#[cfg(unix)]
const KILLED: u8 = 128;

/// The variables that tell the command where to go, without the number of the port.
const VARIABLES: [&str; 2] = ["PODLINE_ADDR", "PODLINE_PORT"];

/// Runs the command to its end, with one address for each port. Signals go to it from here on, unless one has asked the program
/// to end before: then this does not return.
///
/// `lost` ends when the forward has ended for good. The command is asked to end then, as the program would by itself, and a
/// success of it is none.
pub(super) async fn run(
    plan: &CommandPlan,
    addresses: &[SocketAddr],
    lost: impl Future<Output = Failure>,
    signals: &Signals,
    output: &Output,
) -> Result<Ending, Failure> {
    let addresses: Vec<SocketAddr> = addresses.iter().copied().map(reachable).collect();
    let words = plan.fill(&addresses)?;
    let Some((program, arguments)) = words.split_first() else {
        return Ok(Ending::Done);
    };
    let Some(mut lent) = signals.lend() else {
        return std::future::pending().await;
    };
    let mut command = Command::new(program);
    command.args(arguments);
    set_variables(&mut command, &addresses);
    let mut child = limits::as_found(|| command.spawn()).map_err(|error| {
        let status = if error.kind() == io::ErrorKind::NotFound {
            NOT_FOUND
        } else {
            NOT_RUN
        };
        let name = Untrusted::new(program.to_string_lossy());
        Failure::of(&error)
            .while_doing(&format!("cannot run {name}"))
            .exiting_with(status)
    })?;
    let failure = attend(&mut child, lost, &mut lent, output).await;
    let status = failure.map_err(|error| Failure::of(&error).while_doing("cannot wait for the command"))?;
    Ok(Ending::Status(status))
}

/// Waits for the end of the command, and lets it hear signals until then. Gives the exit status of the program.
async fn attend(
    child: &mut Child,
    lost: impl Future<Output = Failure>,
    lent: &mut Lent,
    output: &Output,
) -> io::Result<u8> {
    let mut lost = pin!(lost);
    let mut failure = None;
    loop {
        let (signal, sender) = tokio::select! {
            status = child.wait() => {
                let status = of_program(status?);
                return Ok(failure.map_or(status, |failure: Failure| status.max(failure.status())));
            }
            passed = lent.next() => passed,
            why = &mut lost, if failure.is_none() => {
                output.failure(&why);
                failure = Some(why);
                (Signal::Terminate, Sender::Process)
            }
        };
        match sender {
            Sender::Process => pass_on(child, signal),
            Sender::Terminal => {
                tracing::debug!("{signal:?} came from the terminal, so the command has it too");
            }
        }
    }
}

/// The address at which an app on this machine gets there.
fn reachable(mut socket: SocketAddr) -> SocketAddr {
    match socket.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => socket.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => socket.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    socket
}

/// Tells the command where to go. What a podline around this one has said is not mixed with that.
fn set_variables(command: &mut Command, addresses: &[SocketAddr]) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_ours) {
            command.env_remove(name);
        }
    }
    for (index, address) in addresses.iter().enumerate() {
        for (name, value) in VARIABLES
            .into_iter()
            .zip([address.to_string(), address.port().to_string()])
        {
            command.env(format!("{name}_{}", index + 1), &value);
            if index == 0 {
                command.env(name, value);
            }
        }
    }
}

/// Whether a variable is one that tells a command where to go.
fn is_ours(name: &str) -> bool {
    VARIABLES.into_iter().any(|ours| {
        name.strip_prefix(ours).is_some_and(|rest| {
            rest.is_empty()
                || rest
                    .strip_prefix('_')
                    .is_some_and(|number| number.parse::<usize>().is_ok())
        })
    })
}

#[cfg(unix)]
fn pass_on(child: &Child, signal: Signal) {
    use rustix::process::{Pid, Signal as Raw, kill_process};

    let raw = match signal {
        Signal::Hangup => Raw::HUP,
        Signal::Interrupt => Raw::INT,
        Signal::Quit => Raw::QUIT,
        Signal::Terminate => Raw::TERM,
    };
    // Until it was waited for, its number is nobody else's.
    if let Some(process) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        // It may run as somebody else, who is not to be told by us.
        if let Err(error) = kill_process(process, raw) {
            tracing::warn!("the command cannot be sent {signal:?}: {error}");
        }
    }
}

/// There are no signals to pass on: what ends the program for another reason than the console's ends the command.
#[cfg(windows)]
fn pass_on(child: &mut Child, _: Signal) {
    if let Err(error) = child.start_kill() {
        tracing::warn!("the command cannot be ended: {error}");
    }
}

/// The exit status of the command as one of the program.
fn of_program(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(signal).map_or(u8::MAX, |signal| KILLED.saturating_add(signal));
    }
    // Windows has greater ones, which this program cannot have.
    status
        .code()
        .map_or(u8::MAX, |code| u8::try_from(code).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_means_all_of_them_is_told_as_one_that_an_app_can_use() {
        for (address, expected) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:81", "[::1]:81"),
            ("[::1]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            let address = address.parse().expect("a test names addresses");
            assert_eq!(reachable(address).to_string(), expected);
        }
    }

    #[test]
    fn only_variables_of_this_kind_are_ours() {
        for ours in [
            "PODLINE_PORT",
            "PODLINE_ADDR",
            "PODLINE_PORT_1",
            "PODLINE_ADDR_20",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in [
            "PODLINE_PORTS",
            "PODLINE_PORT_",
            "PODLINE_PORT_X",
            "PODLINE_ADDRESS",
            "PORT",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
