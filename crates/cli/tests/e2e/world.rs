//! The cluster that the cases run on, with what they need in it.

mod change;
mod control;
mod kubectl;
mod objects;
mod users;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use podline_minicluster::{Config, Minicluster, Rule, User, manifest, node::Faults};
use tempfile::TempDir;

use crate::{browser::Browser, harness::Need, tmux::Tmux, tshark};
use kubectl::Kubectl;
pub(crate) use users::{FORWARDER, LOOKER, NAMER, WATCHER, WEBSOCKET_FORWARDER};

/// How long a real cluster may take to run a pod, in kubectl's words.
const PODS: &str = "--timeout=120s";

/// A cluster with the pods, services and rights of the cases.
pub(crate) struct World {
    cluster: Cluster,
    folder: TempDir,
    kubectl: Option<Kubectl>,
    namespace: String,
}

enum Cluster {
    Minicluster(Box<Minicluster>),
    Real { control: Option<PathBuf>, image: String },
}

impl World {
    /// Starts the cluster in this process, or makes the one of the environment ready.
    pub(crate) async fn make() -> Result<Self, String> {
        match std::env::var_os("PODLINE_E2E_KUBECONFIG") {
            None => Self::in_process().await,
            Some(kubeconfig) => Self::real(Path::new(&kubeconfig)).await,
        }
    }

    /// A cluster in this process for one case alone, which may break it in any way.
    pub(crate) async fn own() -> Self {
        Self::in_process().await.unwrap()
    }

    async fn in_process() -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let namespace = "podline-e2e".to_owned();
        let config = objects::all(&namespace, manifest::IMAGE)
            .into_iter()
            .fold(Config::empty(), Config::with);
        let minicluster = Minicluster::start(config)
            .await
            .map_err(|error| error.to_string())?;
        for (name, rights) in users::ALL {
            let user = User::Other(name.to_owned());
            let rules = rights
                .iter()
                .map(|(verbs, resources)| Rule::new(verbs, resources).in_namespace(&namespace));
            minicluster.rules().set(&user, rules.collect());
            write_private(&kubeconfig_in(&folder, Some(name)), &minicluster.kubeconfig(user))?;
        }
        write_private(
            &kubeconfig_in(&folder, None),
            &minicluster.kubeconfig(User::Admin),
        )?;
        let world = Self {
            cluster: Cluster::Minicluster(Box::new(minicluster)),
            kubectl: Kubectl::find(kubeconfig_in(&folder, None), &namespace),
            folder,
            namespace,
        };
        world.apply(vec![objects::never()]).await?;
        Ok(world)
    }

    async fn real(kubeconfig: &Path) -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let content = std::fs::read_to_string(kubeconfig)
            .map_err(|error| format!("PODLINE_E2E_KUBECONFIG: {}: {error}", kubeconfig.display()))?;
        write_private(&kubeconfig_in(&folder, None), &content)?;
        let namespace = format!("podline-e2e-{:06x}", fastrand::u32(..0x0100_0000));
        let kubectl = Kubectl::find(kubeconfig_in(&folder, None), &namespace);
        if kubectl.is_none() {
            return Err(
                "a cluster of PODLINE_E2E_KUBECONFIG is made ready by kubectl, which is not on the PATH"
                    .to_owned(),
            );
        }
        let world = Self {
            cluster: Cluster::Real {
                control: std::env::var_os("PODLINE_E2E_CONTROL").map(PathBuf::from),
                image: std::env::var("PODLINE_E2E_IMAGE").unwrap_or_else(|_| manifest::IMAGE.to_owned()),
            },
            folder,
            kubectl,
            namespace,
        };
        match world.fill().await {
            Ok(()) => Ok(world),
            Err(error) => {
                let pods = world.kubectl(&["get", "pods", "--output=wide"]).await;
                world.tidy().await;
                Err(format!("{error}\n{}", pods.unwrap_or_default()))
            }
        }
    }

    /// What the cases run on, in words.
    pub(crate) fn description(&self) -> String {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => {
                format!("the cluster in this process, {}", minicluster.url())
            }
            Cluster::Real { .. } => format!(
                "the cluster of PODLINE_E2E_KUBECONFIG, namespace {}",
                self.namespace
            ),
        }
    }

    /// Whether a case that needs this can run.
    pub(crate) fn has(&self, need: Need) -> bool {
        match need {
            Need::Chromium => cfg!(unix) && Browser::find().is_some(),
            Need::Control => !matches!(self.cluster, Cluster::Real { control: None, .. }),
            Need::Faults => matches!(self.cluster, Cluster::Minicluster(_)),
            Need::Kubectl => self.kubectl.is_some(),
            Need::LoopbackNet => cfg!(target_os = "linux"),
            #[cfg(unix)]
            Need::Terminal => cfg!(target_os = "linux"),
            Need::MeasuredKubectl => self.kubectl.as_ref().is_some_and(Kubectl::is_measured),
            Need::Signals => cfg!(unix),
            Need::Tmux => Tmux::is_there(),
            Need::Tshark => tshark::path().is_some(),
        }
    }

    /// The kubeconfig of somebody who may do everything.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        kubeconfig_in(&self.folder, None)
    }

    /// The kubeconfig of a user, who has a token and nothing else.
    pub(crate) fn kubeconfig_of(&self, user: &str) -> String {
        let path = kubeconfig_in(&self.folder, Some(user));
        path.to_str()
            .expect("temporary folders have plain names")
            .to_owned()
    }

    /// A folder for files of the cases.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The URL of the API server.
    pub(crate) fn server(&self) -> String {
        let kubeconfig = std::fs::read_to_string(self.kubeconfig()).unwrap();
        let server = kubeconfig
            .lines()
            .find_map(|line| line.trim().strip_prefix("server: "))
            .unwrap();
        server.trim_matches('"').to_owned()
    }

    /// Where the pods are.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The kubectl that is on the PATH.
    pub(crate) fn kubectl_path(&self) -> Option<&Path> {
        self.kubectl.as_ref().map(Kubectl::path)
    }

    /// What can go wrong on demand.
    pub(crate) fn faults(&self) -> &Faults {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => minicluster.faults(),
            Cluster::Real { .. } => panic!("a real cluster has no faults on demand"),
        }
    }

    /// The cluster in this process, of a case that has it for itself.
    pub(crate) fn minicluster(&self) -> &Minicluster {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => minicluster,
            Cluster::Real { .. } => panic!("this is a real cluster"),
        }
    }

    /// Leaves nothing behind.
    pub(crate) async fn tidy(&self) {
        if let Cluster::Real { .. } = self.cluster {
            let arguments = ["delete", "namespace", &self.namespace, "--wait=false"];
            if let Err(error) = self.kubectl(&arguments).await {
                eprintln!("the namespace {} is left behind: {error}", self.namespace);
            }
        }
    }

    /// Makes what the cases need on a real cluster, and waits until its pods are ready.
    async fn fill(&self) -> Result<(), String> {
        let Cluster::Real { image, .. } = &self.cluster else {
            return Ok(());
        };
        let mut list = objects::all(&self.namespace, image);
        list.push(objects::never());
        list.extend(users::roles(&self.namespace));
        self.apply(list).await?;
        for (user, _) in users::ALL {
            let content = self.token_kubeconfig(user).await?;
            write_private(&kubeconfig_in(&self.folder, Some(user)), &content)?;
        }
        for deployment in ["deployment/web", "deployment/echo"] {
            self.kubectl(&["rollout", "status", deployment, PODS]).await?;
        }
        self.kubectl(&["wait", "--for=condition=Ready", "pod/tools", PODS])
            .await?;
        Ok(())
    }

    /// The kubeconfig of a service account: the administrator's, with a token in the place of his credentials.
    async fn token_kubeconfig(&self, account: &str) -> Result<String, String> {
        let view = [
            "config",
            "view",
            "--raw",
            "--minify",
            "--flatten",
            "--output=json",
        ];
        let mut config: serde_json::Value =
            serde_json::from_str(&self.kubectl(&view).await?).map_err(|error| error.to_string())?;
        let token = self.kubectl(&["create", "token", account]).await?;
        config["users"][0]["user"] = serde_json::json!({ "token": token.trim() });
        Ok(config.to_string())
    }

    /// Runs kubectl as somebody who may do everything, and gives its standard output.
    async fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        self.kubectl_with(arguments, "").await
    }

    /// The same with something on its standard input.
    async fn kubectl_with(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let kubectl = self.kubectl.as_ref().ok_or("kubectl is not on the PATH")?;
        kubectl.run(arguments, input).await
    }
}

fn kubeconfig_in(folder: &TempDir, user: Option<&str>) -> PathBuf {
    folder
        .path()
        .join(user.map_or_else(|| "config".to_owned(), |user| format!("{user}.config")))
}

fn write_private(path: &Path, content: &str) -> Result<(), String> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()));
    written.map_err(|error| format!("{}: {error}", path.display()))
}
