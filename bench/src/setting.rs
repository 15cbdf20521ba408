use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use thiserror::Error;
use tokio::task::JoinSet;

use crate::args::Args;
use crate::contender::Contender;
use crate::forwarder::Launch;
use crate::helper::{self, Helper};
use crate::kubeconfig::{Kubeconfig, KubeconfigError};
use crate::pipe::{Pipe, Recorded};
use crate::plan::Plan;
use crate::programs::Programs;
use crate::relay::{Recorder, Relay};
use crate::sheet::{Figure, Sheet};

/// Where a run takes place: the cluster, what stands in front of it, and the contenders.
pub(crate) struct Setting {
    pub(crate) plan: Plan,
    pub(crate) programs: Programs,
    contenders: Vec<Contender>,
    kubeconfig: Kubeconfig,
    /// Arguments and environment that name the pod to all contenders alike.
    target: Target,
    rtt: Duration,
    /// For files with credentials in them: only this user can look in, and it is removed at the end.
    directory: TempDir,
    _helpers: Vec<Helper>,
}

/// Why a run cannot take place.
#[derive(Debug, Error)]
pub(crate) enum SettingError {
    #[error("{doing} failed")]
    Io { doing: &'static str, source: io::Error },
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    #[error("the API server `{0}` has no address")]
    NoAddress(String),
    #[error("neither podline nor kubectl is there to be recorded")]
    NobodyToRecord,
    #[error("the API server is reached without TLS")]
    PlainText,
}

/// What the helper that runs a minicluster answers.
#[derive(Deserialize, Serialize)]
pub(crate) struct MiniclusterAnswer {
    pub(crate) kubeconfig: String,
}

/// A forwarder whose TLS records are noted.
pub(crate) struct Recording {
    pub(crate) launch: Launch,
    pub(crate) recorder: Recorder,
    _relay: JoinSet<()>,
}

struct Target {
    name: String,
    namespace: Option<String>,
    environment: Vec<(&'static str, String)>,
}

impl Setting {
    pub(crate) async fn prepare(args: &Args, programs: Programs) -> Result<Self, SettingError> {
        let mut helpers = Vec::new();
        let kubeconfig = match &args.kubeconfig {
            Some(file) => Kubeconfig::read(file, args.context.as_deref())?,
            None => {
                let started = Helper::start::<MiniclusterAnswer>(vec!["minicluster".into()]).await;
                let (helper, answer) = started.map_err(doing("starting a minicluster"))?;
                helpers.push(helper);
                Kubeconfig::parse(&answer.kubeconfig, Path::new("/"), None)?
            }
        };
        let directory = TempDir::new().map_err(doing("making a directory"))?;
        let text = if args.rtt.is_zero() {
            kubeconfig.direct()
        } else {
            let server = resolve(&kubeconfig).await?;
            let (relay, address) = helper::relay(server, args.rtt)
                .await
                .map_err(doing("starting a relay"))?;
            helpers.push(relay);
            kubeconfig.relayed(address)?
        };
        std::fs::write(directory.path().join(MEASURED), text).map_err(doing("writing a kubeconfig"))?;
        let contenders = Contender::ALL
            .into_iter()
            .filter(|&contender| args.takes_part(contender))
            .collect();
        let websockets = ("KUBECTL_PORT_FORWARD_WEBSOCKETS", (!args.spdy).to_string());
        Ok(Self {
            plan: Plan::new(args),
            programs,
            contenders,
            kubeconfig,
            target: Target {
                name: args.target.clone(),
                namespace: args.namespace.clone(),
                environment: vec![websockets],
            },
            rtt: args.rtt,
            directory,
            _helpers: helpers,
        })
    }

    /// Whether `contender` was asked for.
    pub(crate) fn takes_part(&self, contender: Contender) -> bool {
        self.contenders.contains(&contender)
    }

    /// The contenders that forward through the API server. One whose program is missing is noted in `figures`.
    pub(crate) fn entrants(&self, figures: &'static [Figure], sheet: &mut Sheet) -> Vec<Launch> {
        let mut launches = Vec::new();
        for contender in [Contender::Podline, Contender::Kubectl] {
            match self.programs.path(contender) {
                _ if !self.takes_part(contender) => {}
                Ok(program) => {
                    launches.push(self.launch(contender, program, &self.directory.path().join(MEASURED)));
                }
                Err(reason) => sheet.not_measured(figures, contender, &reason),
            }
        }
        launches
    }

    /// The TLS pipe where it was asked for; a failure is noted in `figures`.
    pub(crate) async fn pipe(
        &self,
        recorded: Option<&Recorded>,
        figures: &'static [Figure],
        sheet: &mut Sheet,
    ) -> Option<Pipe> {
        if !self.takes_part(Contender::Pipe) {
            return None;
        }
        let started = Pipe::start(recorded, self.rtt, self.directory.path()).await;
        started
            .map_err(|error| sheet.failed(figures, Contender::Pipe, &error))
            .ok()
    }

    /// A relay without delay that notes the TLS records of the first contender that is there.
    pub(crate) async fn recording(&self) -> Result<Recording, SettingError> {
        if !self.kubeconfig.encrypted() {
            return Err(SettingError::PlainText);
        }
        let (contender, program) = [Contender::Podline, Contender::Kubectl]
            .into_iter()
            .filter(|&contender| self.takes_part(contender))
            .find_map(|contender| Some((contender, self.programs.path(contender).ok()?)))
            .ok_or(SettingError::NobodyToRecord)?;
        let recorder = Recorder::default();
        let relay = Relay {
            delay: None,
            recorder: Some(recorder.clone()),
        };
        let server = resolve(&self.kubeconfig).await?;
        let (address, tasks) = relay.start(server).await.map_err(doing("starting a relay"))?;
        let file = self.directory.path().join(RECORDED);
        std::fs::write(&file, self.kubeconfig.relayed(address)?).map_err(doing("writing a kubeconfig"))?;
        Ok(Recording {
            launch: self.launch(contender, program, &file),
            recorder,
            _relay: tasks,
        })
    }

    fn launch(&self, contender: Contender, program: &Path, kubeconfig: &Path) -> Launch {
        let Target {
            name,
            namespace,
            environment,
        } = &self.target;
        let mut arguments: Vec<OsString> = Vec::new();
        if contender == Contender::Kubectl {
            arguments.push("port-forward".into());
        }
        arguments.extend(["--kubeconfig".into(), kubeconfig.into()]);
        if let Some(namespace) = namespace {
            arguments.extend(["--namespace".into(), namespace.into()]);
        }
        arguments.push(name.into());
        Launch {
            contender,
            program: program.to_owned(),
            arguments,
            environment: environment.clone(),
        }
    }
}

/// Names of the files in the run's directory.
const MEASURED: &str = "measured.kubeconfig";
const RECORDED: &str = "recorded.kubeconfig";

fn doing(doing: &'static str) -> impl FnOnce(io::Error) -> SettingError {
    move |source| SettingError::Io { doing, source }
}

async fn resolve(kubeconfig: &Kubeconfig) -> Result<SocketAddr, SettingError> {
    let (host, port) = kubeconfig.endpoint();
    let found = tokio::net::lookup_host((host.as_str(), port))
        .await
        .map_err(doing("looking up the API server"))?
        .next();
    found.ok_or(SettingError::NoAddress(host))
}
