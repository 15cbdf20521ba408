//! What to forward, and how.

use std::{ffi::OsString, mem, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, ValueHint};

use super::flag;

/// The targets, their ports, and the flags of `kubectl port-forward` and of podline.
#[derive(Args, Debug)]
#[command(next_help_heading = "Forwarding")]
pub struct ForwardArguments {
    /// A target and its ports; an argument with a `/` begins the next target
    #[arg(value_name = "TARGET PORT", hide = true, value_hint = ValueHint::Other)]
    pub words: Vec<String>,

    /// A command to run while the ports are forwarded, behind `--`
    #[arg(value_name = "COMMAND", hide = true, last = true, value_hint = ValueHint::CommandName)]
    pub command: Vec<OsString>,

    /// Addresses to listen on: IP addresses or `localhost`, separated by commas
    ///
    /// `localhost` stands for 127.0.0.1 and ::1; one of the two is enough. An IP address that cannot be bound is an error.
    /// Other than loopback addresses let other machines in.
    #[arg(
        long,
        value_name = "ADDRESS",
        value_delimiter = ',',
        default_value = "localhost",
        allow_hyphen_values = true
    )]
    pub address: Vec<String>,

    /// Forward every TCP port that the target declares, besides those that are listed
    #[arg(long, value_name = flag::BOOLEAN)]
    pub all_ports: bool,

    /// Which pod each connection goes to; the default depends on the target
    ///
    /// The pods of a service take turns, unless it keeps a client with one pod (`sessionAffinity: ClientIP`); of everything
    /// else the first is used, as with kubectl, until it is lost.
    #[arg(long, value_name = "BALANCE", value_enum, hide_short_help = true)]
    pub balance: Option<BalanceArgument>,

    /// End when a pod is lost, as kubectl does, rather than go on with its successor
    ///
    /// Without it, new connections wait for another pod.
    #[arg(long, value_name = flag::BOOLEAN, hide_short_help = true)]
    pub exit_on_loss: bool,

    /// How long a pod may be silent before the end of an app that half-closed is passed on to it
    ///
    /// Container runtimes close a connection one second after its client's end, whatever the pod still has to send; so the
    /// end is kept back while an answer may come. `0` passes it on at once, as kubectl does.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "10s",
        value_parser = flag::duration,
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub half_close_linger: Duration,

    /// How long a connection waits for a pod while there is none, before it is reset
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "30s",
        value_parser = flag::duration,
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub hold: Duration,

    /// How many sessions to a pod may be made so that each connection has its own
    ///
    /// Beyond that, connections share sessions: nothing is lost then, but an app that is slow to read may delay others.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "64",
        value_parser = flag::sessions,
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub max_sessions: usize,

    /// How long to wait until a pod of the target is running, such as `5s`, `2m` or `3h`
    #[arg(long, value_name = "DURATION", default_value = "1m0s", value_parser = flag::positive_duration, allow_hyphen_values = true)]
    pub pod_running_timeout: Duration,

    /// Tell scripts where the ports are: a line for each address, in a file that is there as long as they are
    ///
    /// Each line holds the local address, the local port, the port inside the pod, the target and the number of this process. The
    /// file gets mode 0600 and appears whole, when all ports are listened on, and open with --wait. An empty file, and what an
    /// ended podline left, is replaced; any other file that is there is an error.
    #[arg(long, value_name = "FILE", value_parser = flag::path(), value_hint = ValueHint::FilePath, hide_short_help = true, allow_hyphen_values = true)]
    pub ports_file: Option<PathBuf>,

    /// Let connections wait for a pod that is ready, rather than use one that only runs where none is
    ///
    /// For a pod by name, running is enough.
    #[arg(long, value_name = flag::BOOLEAN, hide_short_help = true)]
    pub require_ready: bool,

    /// How long a connection may take nothing while another waits behind it on the same session, before it is reset
    ///
    /// One that delays nobody may take as long as it likes.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5s",
        value_parser = flag::positive_duration,
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub stalled_reader: Duration,

    /// How long to wait with --wait
    #[arg(
        long,
        value_name = "DURATION",
        default_value = WAIT_TIMEOUT,
        value_parser = flag::positive_duration,
        requires = "wait",
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub timeout: Duration,

    /// Show everything on the terminal: forwards, pods, connections and events
    ///
    /// `?` there tells the keys.
    #[arg(long, help_heading = "Seeing the traffic")]
    pub tui: bool,

    /// How to ask the API server for the connection into the pod
    ///
    /// `auto` asks for a WebSocket first and for SPDY where the answer is no. The protocol within is the same.
    #[arg(long, value_name = "TRANSPORT", value_enum, hide_short_help = true)]
    pub transport: Option<TransportArgument>,

    /// Say `Forwarding from`, and run a program, only once the ports are open inside the pod
    ///
    /// A port is tried by a connection without a byte, which may show in the app's log, until it is taken. One that is not open
    /// within --timeout is an error. --timeout also takes the place of --pod-running-timeout.
    #[arg(long, value_name = flag::BOOLEAN)]
    pub wait: bool,
}

/// How long to wait for open ports: as long as `kubectl wait` does, within which most apps have started.
const WAIT_TIMEOUT: &str = "30s";

impl ForwardArguments {
    /// Where nothing stands before the first `--`, the targets stand behind it, as kubectl takes them there, and the command
    /// behind the next one. Gives the word that is no text.
    pub(super) fn move_targets_before_the_command(&mut self) -> Result<(), OsString> {
        if !self.words.is_empty() {
            return Ok(());
        }
        let mut behind = mem::take(&mut self.command).into_iter();
        for word in behind.by_ref().take_while(|word| word != "--") {
            self.words.push(word.into_string()?);
        }
        self.command = behind.collect();
        Ok(())
    }
}

/// The ways to choose the pod of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum BalanceArgument {
    /// Always the same pod, in kubectl's order, until it is lost
    First,
    /// The pod with the fewest open connections
    Least,
    /// One pod after the other
    RoundRobin,
}

/// The ways into a pod that can be asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum TransportArgument {
    /// WebSocket first, SPDY where that is refused
    Auto,
    /// SPDY alone
    Spdy,
    /// WebSocket alone
    Websocket,
}
