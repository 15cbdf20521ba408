//! What was typed: the command line as clap reads it. Nothing here looks at a file, a cluster or a socket; `plan` turns
//! what was typed into what will be done.

mod bench;
mod capture;
mod check;
mod completion;
mod demo;
mod flag;
mod forward;
mod kubectl;
mod logging;
mod monitor;
mod name;
mod usage;

use std::ffi::OsString;

use clap::{FromArgMatches as _, Parser};

pub use bench::{BenchArguments, BenchFormat};
pub use capture::CaptureArguments;
pub use check::{CheckArguments, CheckFormat};
pub use completion::CompletionArguments;
pub use demo::DemoArguments;
pub use forward::{BalanceArgument, ForwardArguments, TransportArgument};
pub use kubectl::{KubectlArguments, WithoutMeaning};
pub use logging::LoggingArguments;
pub use monitor::{MonitorArguments, OutputFormat};
pub use name::ProgramName;
pub use usage::UsageError;

/// Everything that was typed, flag by flag, unchecked.
#[derive(Debug, Parser)]
#[command(
    name = "podline",
    version,
    about = "Forwards local ports into Kubernetes pods",
    long_about = LONG_ABOUT,
    after_help = "Try it without a cluster: `podline demo`. All flags: `podline --help`",
    after_long_help = AFTER_LONG_HELP,
    args_override_self = true,
    disable_help_subcommand = false,
    subcommand_help_heading = "Other commands",
    subcommand_value_name = "COMMAND",
    max_term_width = 100,
)]
pub struct Arguments {
    /// A word that is a command of its own, if the first word is one.
    #[command(subcommand)]
    pub subcommand: Option<Subcommand>,
    /// What to forward.
    #[command(flatten)]
    pub forward: ForwardArguments,
    /// What to show of what goes through.
    #[command(flatten)]
    pub monitor: MonitorArguments,
    /// What to record.
    #[command(flatten)]
    pub capture: CaptureArguments,
    /// How much to say.
    #[command(flatten)]
    pub logging: LoggingArguments,
    /// Which cluster, and as whom.
    #[command(flatten)]
    pub kubectl: KubectlArguments,
}

/// The words that are commands when they come first; such a pod is `pod/demo`.
#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Measure a forward to a port: round trips, connections a second, bytes a second
    #[command(long_about = BENCH_ABOUT, after_long_help = BENCH_STATUS)]
    Bench(Box<BenchArguments>),
    /// Walk the way to a target and its ports, and say what each hop found
    #[command(long_about = CHECK_ABOUT, after_long_help = CHECK_STATUS)]
    Check(Box<CheckArguments>),
    /// Print the completion script of a shell
    #[command(long_about = "Prints the completion script of a shell on standard output.")]
    Completion(CompletionArguments),
    /// Start a cluster inside this process and forward to it
    #[command(long_about = DEMO_ABOUT)]
    Demo(DemoArguments),
}

impl Arguments {
    /// Reads a command line, `arguments[0]` being the program's own name.
    ///
    /// # Errors
    ///
    /// A [`UsageError`] for what is no command line of podline's; help and version are among them, as texts to print.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<(Self, ProgramName), UsageError> {
        let mut arguments = arguments.into_iter().peekable();
        let name = ProgramName::of(arguments.peek());
        let refuse = |error: clap::Error| UsageError::new(error, name);
        let matches = Self::command(name)
            .try_get_matches_from(arguments)
            .map_err(refuse)?;
        let mut typed = Self::from_arg_matches(&matches).map_err(refuse)?;
        if typed.forward.move_targets_before_the_command().is_err() {
            return Err(UsageError::not_text(name));
        }
        if typed.subcommand.is_some()
            && let Some(flag) = first_typed(&matches, &KubectlArguments::group())
                .or_else(|| first_typed(&matches, &ForwardArguments::group()))
                .or_else(|| first_typed(&matches, &MonitorArguments::group()))
                .or_else(|| first_typed(&matches, &CaptureArguments::group()))
        {
            return Err(UsageError::misplaced(
                &flag,
                matches.subcommand_name().unwrap_or_default(),
                name,
            ));
        }
        Ok((typed, name))
    }

    /// The definitions, as the program of this name answers to them.
    #[must_use]
    pub fn command(name: ProgramName) -> clap::Command {
        let command = <Self as clap::CommandFactory>::command()
            .bin_name(name.as_str())
            .override_usage(format!(
                "{name} [TYPE/]NAME [LOCAL_PORT:]REMOTE_PORT... [[NAMESPACE/]TYPE/NAME PORT...]... [OPTIONS]\n       \
                 {name} [TYPE/]NAME [LOCAL_PORT:]REMOTE_PORT... [OPTIONS] -- PROGRAM [ARGUMENT]...\n       \
                 {name} COMMAND"
            ));
        let command = command.mut_subcommand("bench", completed);
        completed(command.mut_subcommand("check", completed))
    }
}

/// Gives flags what all of their kind have.
fn completed(command: clap::Command) -> clap::Command {
    command.mut_args(flag::completed)
}

/// The first of these flags that was typed, as it would be typed.
fn first_typed(matches: &clap::ArgMatches, group: &[clap::Arg]) -> Option<String> {
    group
        .iter()
        .find(|argument| {
            matches.value_source(argument.get_id().as_str()) == Some(clap::parser::ValueSource::CommandLine)
        })
        .map(|argument| match argument.get_long() {
            Some(long) => format!("--{long}"),
            None => argument.get_id().to_string(),
        })
}

/// The arguments that a group defines, for looking them up among those that were typed.
trait Group: clap::Args {
    fn group() -> Vec<clap::Arg> {
        Self::augment_args(clap::Command::new("group"))
            .get_arguments()
            .cloned()
            .collect()
    }
}

impl Group for CaptureArguments {}
impl Group for ForwardArguments {}
impl Group for KubectlArguments {}
impl Group for MonitorArguments {}

const LONG_ABOUT: &str = "\
Forwards local ports into Kubernetes pods, through the API server, with kubectl port-forward's \
command line, output and rights.

NAME is a pod. TYPE/NAME is a pod, service, deployment, replicaset, statefulset, daemonset, job or \
replicationcontroller, by kubectl's names and short names. NAMESPACE/TYPE/NAME names the namespace \
too. An argument with a `/` begins the next target, so one command serves many.

A port is REMOTE (the same port on both sides), LOCAL:REMOTE, or :REMOTE (any free local port). \
REMOTE is a number or the name of a port. A service's port is translated to the pod's.

A PROGRAM behind `--` is run, without a shell, once the ports are forwarded; podline ends with it, with its exit \
status. It finds the local port in PODLINE_PORT and the address with the port, such as 127.0.0.1:8080, in \
PODLINE_ADDR; `{port}` and `{addr}` in its arguments are replaced by them. Where there are several ports, \
PODLINE_PORT_1 or `{port1}` is the first, and so on. `{{` stands for a brace. podline's own lines go to \
standard error then; SIGINT, SIGTERM, SIGHUP and SIGQUIT go to the program.";

const BENCH_ABOUT: &str = "\
Starts a forward to one port of a target and measures it as an app sees it, by connections to a local port: the round trip to the API \
server and to the pod's node, how long a new connection and a request take, connections a second, and bytes a second, with one \
connection and with many at once.

What the port serves is not guessed. --http-path and --https ask it by HTTP, --echo is for a port that sends back what it gets, \
and every byte of that is compared. Without one of them the port gets empty connections only, and less can be measured.

The service notices: with the defaults it gets some thousand small requests, or as many bytes as it can send, for about ten seconds. What \
fails is counted by reason, and is in no average. Ctrl-C ends it in order, with what was measured until then.";

const BENCH_STATUS: &str = "\
Exit status:
  0    measured; what failed of it is in the report
  1    the command line is wrong
  10 to 22  it could not be measured, for a reason at that stage of the way, as `podline check` tells them
  130  ended by Ctrl-C
  143  ended by SIGTERM";

const CHECK_ABOUT: &str = "\
Walks the way from here to a target's ports and says for each hop what it found and how long it took: configuration, \
credentials, DNS, proxy, TCP, TLS, the API server, who you are, the rights, the target, its pods, sessions over both transports, \
round trips, and the ports. It ends at the first hop that fails, with the reason and what to do.

It changes nothing in the cluster. Each port gets a connection that says nothing, or what --http-path and --https say; that may be in \
the app's log.";

const CHECK_STATUS: &str = "\
Exit status:
  0   the way is open
  1   the command line is wrong
  10  configuration   15  tls         20  pods
  11  credentials     16  server      21  session
  12  dns             17  identity    22  port
  13  tcp             18  rights
  14  proxy           19  target";

const DEMO_ABOUT: &str = "\
Starts a Kubernetes cluster inside this process (an API server on 127.0.0.1, a node, and pods that really serve), forwards its \
service web to localhost:8080, or to a free port where that is taken, and stays until Ctrl-C. Nothing of it touches another \
cluster or outlives the process.";

const AFTER_LONG_HELP: &str = "\
Examples:
  podline web 8080                          port 8080 of pod web, on localhost:8080
  podline svc/web 8080:80                   port 80 of service web, on localhost:8080
  podline deploy/web 8443:https             the pod's port named https
  podline web :5000                         any free local port
  podline --address 0.0.0.0 svc/web 8080:80 reachable from other machines
  podline svc/web 8080:80 db/svc/pg 5432    two targets, one of them in namespace db
  podline svc/web --all-ports               every TCP port that the service declares
  podline svc/web :80 -- curl http://{addr} a program that needs the port, and no longer than that
  podline check svc/web 80                  what is wrong on the way, if something is
  podline bench svc/web 80 --http-path /    how fast a forward to it is
  podline demo                              a cluster inside the process, to try it all

Exit status:
  0    ended by Ctrl-C; a command that ran to its end
  1    an error, one in the command line included
  130  ended by a second Ctrl-C, at once
  143  ended by SIGTERM, in order
  With a program behind `--`, its own; 128+n if signal n killed it, or ended podline before it ran; 127 if \
it is not found, 126 if it cannot be run.

Environment:
  KUBECONFIG                       kubeconfig files, read as kubectl reads them
  KUBECTL_PORT_FORWARD_WEBSOCKETS  `false`: as `--transport spdy`
  HTTPS_PROXY, NO_PROXY            the proxy to the API server, and the hosts it is not for
  NO_COLOR                         no colours";

#[cfg(test)]
mod tests;
