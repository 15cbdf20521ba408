use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use http::StatusCode;
use tokio::sync::{broadcast, watch};

use super::runtime::{Flavor, ReplyFault};

/// Commands that a session may not have taken yet; a session that is further behind misses some.
const COMMANDS: usize = 64;

/// How long an idle session lives: the default of the runtimes' streaming server.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4 * 60 * 60);

/// What goes wrong in a cluster, and which container runtime it has. A clone is a handle to the same faults.
#[derive(Clone)]
pub struct Faults {
    settings: Arc<watch::Sender<FaultSettings>>,
    commands: broadcast::Sender<SessionCommand>,
}

/// Faults that stay until they are changed. The default has none.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct FaultSettings {
    /// What becomes of every request to the API server, upgrades and health checks included.
    pub api: ApiFault,
    /// A new session is cut after this many bytes, both directions counted together.
    pub cut_after: Option<u64>,
    /// The runtime that new sessions meet.
    pub flavor: Flavor,
    /// After this time without a frame a session is ended by GOAWAY. For new sessions.
    pub idle_timeout: Duration,
    /// Delay of every byte of a new session, each way.
    pub latency: Duration,
    /// Ports that refuse, whatever the pod serves.
    pub refusing_ports: BTreeSet<u16>,
    /// When the answer to SYN_STREAM comes. Live sessions follow a change.
    pub reply: ReplyFault,
    /// Ports whose connection attempts get no answer.
    pub unanswered_ports: BTreeSet<u16>,
    /// What becomes of upgrade requests.
    pub upgrade: UpgradeFault,
    /// Whether the WebSocket tunnel is known. Older clusters answer 400 to it.
    pub websocket_tunnel: bool,
}

/// What becomes of a request to the API server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ApiFault {
    /// Answered with this status and a `Status` object.
    Answer(StatusCode),
    /// Never answered.
    Hang,
    /// Served.
    #[default]
    None,
}

/// What becomes of an upgrade request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum UpgradeFault {
    /// Answered with this status and a `Status` object.
    Answer(StatusCode),
    /// Never answered.
    Hang,
    /// Served.
    #[default]
    None,
}

/// What live sessions are told to do at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SessionCommand {
    /// The connection between API server and kubelet is lost.
    Cut,
    /// The connection between kubelet and runtime is lost.
    CutBackend,
    /// The idle timer expires.
    Expire,
}

/// The commands to one session, from the moment when it was asked for.
pub(super) struct Commands {
    receiver: broadcast::Receiver<SessionCommand>,
}

impl Commands {
    /// The next one; `None` when nobody can give any more. Nothing is lost when this is cancelled.
    pub(super) async fn next(&mut self) -> Option<SessionCommand> {
        loop {
            match self.receiver.recv().await {
                Ok(command) => return Some(command),
                // The oldest were missed; the next one comes at once.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// Waits until the connection to the runtime is lost, on either part of the way.
    pub(super) async fn cut(&mut self) {
        while let Some(SessionCommand::Expire) = self.next().await {}
    }
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            settings: Arc::new(watch::Sender::new(FaultSettings::default())),
            commands: broadcast::Sender::new(COMMANDS),
        }
    }

    /// Changes the settings, for instance `faults.set(|faults| faults.latency = Duration::from_millis(25))`.
    pub fn set(&self, change: impl FnOnce(&mut FaultSettings)) {
        self.settings.send_modify(change);
    }

    /// Goes back to no faults. What live sessions have from their start stays with them.
    pub fn clear(&self) {
        self.set(|settings| *settings = FaultSettings::default());
    }

    /// The settings now.
    #[must_use]
    pub fn settings(&self) -> FaultSettings {
        self.settings.borrow().clone()
    }

    /// Loses every live session's connection at once, as a stopped API server does.
    pub fn cut_sessions(&self) {
        self.command(SessionCommand::Cut);
    }

    /// Loses the connection between kubelet and runtime of every live session. A WebSocket client learns of it only
    /// with the next message that it sends.
    pub fn cut_backends(&self) {
        self.command(SessionCommand::CutBackend);
    }

    /// Ends every live session as an idle timer does: all streams reset, then GOAWAY, then the end.
    pub fn expire_sessions(&self) {
        self.command(SessionCommand::Expire);
    }

    pub(super) fn watch(&self) -> watch::Receiver<FaultSettings> {
        self.settings.subscribe()
    }

    /// The commands from now on.
    pub(super) fn commands(&self) -> Commands {
        Commands {
            receiver: self.commands.subscribe(),
        }
    }

    fn command(&self, command: SessionCommand) {
        // Nobody listening means that there is no session.
        let _ = self.commands.send(command);
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.borrow().fmt(formatter)
    }
}

impl Default for FaultSettings {
    fn default() -> Self {
        Self {
            api: ApiFault::default(),
            cut_after: None,
            flavor: Flavor::default(),
            idle_timeout: IDLE_TIMEOUT,
            latency: Duration::ZERO,
            refusing_ports: BTreeSet::new(),
            reply: ReplyFault::default(),
            unanswered_ports: BTreeSet::new(),
            upgrade: UpgradeFault::default(),
            websocket_tunnel: true,
        }
    }
}
