//! The cluster that the cases run on, with what they need in it.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use podline_minicluster::{Config, Minicluster, Rule, User, manifest};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::harness::Need;

/// Who has the rights of `kubectl port-forward` and no others.
pub(crate) const FORWARDER: &str = "podline-e2e-forwarder";

/// Who may look at pods, and nothing else.
pub(crate) const LOOKER: &str = "podline-e2e-looker";

/// How long a real cluster may take to run the pods.
const PODS: &str = "--timeout=120s";

/// How long a part of the cluster may take to stop or start.
const CONTROL: Duration = Duration::from_secs(90);

/// A cluster with the pods, services and rights of the cases.
pub(crate) struct World {
    cluster: Cluster,
    folder: TempDir,
    kubectl: Option<PathBuf>,
    namespace: String,
}

enum Cluster {
    Minicluster(Box<Minicluster>),
    Real { control: Option<PathBuf> },
}

impl World {
    /// Starts the cluster in this process, or makes the one of the environment ready.
    pub(crate) async fn make() -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let kubectl = find("kubectl");
        match std::env::var_os("PODLINE_E2E_KUBECONFIG") {
            None => Self::minicluster(folder, kubectl).await,
            Some(kubeconfig) => Self::real(Path::new(&kubeconfig), folder, kubectl).await,
        }
    }

    async fn minicluster(folder: TempDir, kubectl: Option<PathBuf>) -> Result<Self, String> {
        let namespace = "podline-e2e".to_owned();
        let config = objects(&namespace, manifest::IMAGE)
            .into_iter()
            .fold(Config::empty(), Config::with);
        let minicluster = Minicluster::start(config)
            .await
            .map_err(|error| error.to_string())?;
        let pod = never(&namespace);
        minicluster
            .store()
            .create(&pod)
            .map_err(|error| error.to_string())?;
        let rules = minicluster.rules();
        let here = |rules: Vec<Rule>| {
            rules
                .into_iter()
                .map(|rule| rule.in_namespace(&namespace))
                .collect()
        };
        rules.set(&User::Other(FORWARDER.to_owned()), here(Rule::port_forward()));
        rules.set(
            &User::Other(LOOKER.to_owned()),
            here(vec![Rule::new("get list", "pods")]),
        );
        write_private(
            &folder.path().join("config"),
            &minicluster.kubeconfig(User::Admin),
        )?;
        Ok(Self {
            cluster: Cluster::Minicluster(Box::new(minicluster)),
            folder,
            kubectl,
            namespace,
        })
    }

    async fn real(kubeconfig: &Path, folder: TempDir, kubectl: Option<PathBuf>) -> Result<Self, String> {
        let content = std::fs::read_to_string(kubeconfig)
            .map_err(|error| format!("PODLINE_E2E_KUBECONFIG: {}: {error}", kubeconfig.display()))?;
        write_private(&folder.path().join("config"), &content)?;
        if kubectl.is_none() {
            return Err(
                "a cluster of PODLINE_E2E_KUBECONFIG is made ready by kubectl, which is not on the PATH"
                    .to_owned(),
            );
        }
        let image = std::env::var("PODLINE_E2E_IMAGE").unwrap_or_else(|_| manifest::IMAGE.to_owned());
        let world = Self {
            cluster: Cluster::Real {
                control: std::env::var_os("PODLINE_E2E_CONTROL").map(PathBuf::from),
            },
            folder,
            kubectl,
            namespace: format!("podline-e2e-{:06x}", fastrand::u32(..0x0100_0000)),
        };
        let mut list = objects(&world.namespace, &image);
        list.push(never(&world.namespace));
        list.extend(rights(&world.namespace));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": list}).to_string();
        let ready = async {
            world.kubectl(&["apply", "--filename=-"], &list).await?;
            for deployment in ["web", "echo"] {
                let deployment = format!("deployment/{deployment}");
                world
                    .kubectl(&["rollout", "status", &deployment, PODS], "")
                    .await?;
            }
            world
                .kubectl(&["wait", "--for=condition=Ready", "pod/tools", PODS], "")
                .await
        };
        match ready.await {
            Ok(_) => Ok(world),
            Err(error) => {
                let pods = world
                    .kubectl(&["get", "pods", "--output=wide"], "")
                    .await
                    .unwrap_or_default();
                world.tidy().await;
                Err(format!("{error}\n{pods}"))
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
            Need::Control => !matches!(self.cluster, Cluster::Real { control: None }),
            Need::Kubectl => self.kubectl.is_some(),
            Need::LoopbackNet => cfg!(target_os = "linux"),
            Need::Signals => cfg!(unix),
        }
    }

    /// The kubeconfig of somebody who may do everything.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("config")
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
        self.kubectl.as_deref()
    }

    /// The names of the pods with the label `app`.
    pub(crate) async fn pods(&self, app: &str) -> Vec<String> {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => {
                let pods = minicluster.store().pods(&self.namespace).into_iter();
                pods.filter(|pod| pod.labels.get("app").is_some_and(|label| label == app) && !pod.deleting)
                    .map(|pod| pod.name)
                    .collect()
            }
            Cluster::Real { .. } => {
                let selector = format!("--selector=app={app}");
                let names = self
                    .kubectl(&["get", "pods", &selector, "--output=name"], "")
                    .await
                    .unwrap();
                names
                    .lines()
                    .map(|line| line.trim_start_matches("pod/").to_owned())
                    .collect()
            }
        }
    }

    /// Deletes a pod, and returns when it is gone.
    pub(crate) async fn delete_pod(&self, name: &str) {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => {
                minicluster
                    .store()
                    .delete_pod(&self.namespace, name)
                    .await
                    .unwrap();
            }
            Cluster::Real { .. } => drop(self.kubectl(&["delete", "pod", name], "").await.unwrap()),
        }
    }

    /// Stops and starts the API server.
    pub(crate) async fn restart_api_server(&self) {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => {
                minicluster.stop_api_server().await;
                minicluster.start_api_server().await.unwrap();
            }
            Cluster::Real { .. } => {
                self.control("apiserver", "stop").await;
                self.control("apiserver", "start").await;
                self.until_ready().await;
            }
        }
    }

    async fn control(&self, part: &str, what: &str) {
        let Cluster::Real {
            control: Some(control),
        } = &self.cluster
        else {
            panic!("there is no control over this cluster");
        };
        let status = tokio::time::timeout(
            CONTROL,
            Command::new(control)
                .args([part, what])
                .stdin(Stdio::null())
                .status(),
        );
        assert!(
            status.await.unwrap().unwrap().success(),
            "{} {part} {what}",
            control.display()
        );
    }

    /// Waits until the API server answers again.
    async fn until_ready(&self) {
        let ready = async {
            while self.kubectl(&["get", "--raw=/readyz"], "").await.is_err() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(CONTROL, ready).await.unwrap();
    }

    /// Runs kubectl as somebody who may do everything, and gives its standard output.
    pub(crate) async fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let kubectl = self.kubectl.as_ref().ok_or("kubectl is not on the PATH")?;
        let mut child = Command::new(kubectl)
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .arg("--namespace")
            .arg(&self.namespace)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("kubectl: {error}"))?;
        let mut stdin = child.stdin.take().ok_or("kubectl has no standard input")?;
        stdin
            .write_all(input.as_bytes())
            .await
            .map_err(|error| format!("kubectl: {error}"))?;
        drop(stdin);
        let output = child
            .wait_with_output()
            .await
            .map_err(|error| format!("kubectl: {error}"))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(format!(
                "kubectl {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            ))
        }
    }

    /// Leaves nothing behind.
    pub(crate) async fn tidy(self) {
        match &self.cluster {
            Cluster::Real { .. } => {
                let arguments = ["delete", "namespace", &self.namespace, "--wait=false"];
                if let Err(error) = self.kubectl(&arguments, "").await {
                    eprintln!("the namespace {} is left behind: {error}", self.namespace);
                }
            }
            Cluster::Minicluster(_) => {}
        }
        if let Cluster::Minicluster(minicluster) = self.cluster {
            minicluster.shutdown().await;
        }
    }
}

/// What the cases forward to.
fn objects(namespace: &str, image: &str) -> Vec<Value> {
    let mut headless = manifest::service("headless", &[("http", 8080, "http")]);
    headless["spec"]["clusterIP"] = "None".into();
    headless["spec"]["selector"]["app"] = "web".into();
    let mut unnamed = manifest::service("unnamed", &[("web", 8081, "http")]);
    unnamed["spec"]["ports"][0]["targetPort"] = 8080.into();
    unnamed["spec"]["selector"]["app"] = "web".into();
    let mut objects = vec![
        manifest::deployment("web", 2, &[("http", 8080, "web"), ("echo", 7, "echo")]),
        manifest::service("web", &[("http", 80, "http"), ("echo", 7, "echo")]),
        manifest::deployment("echo", 1, &[("echo", 7, "echo")]),
        manifest::service("echo", &[("echo", 7, "echo")]),
        headless,
        unnamed,
        manifest::service("nobody", &[("http", 80, "http")]),
        manifest::tools(),
    ];
    for object in &mut objects {
        object["metadata"]["namespace"] = namespace.into();
        let containers = match object["kind"].as_str() {
            Some("Deployment") => &mut object["spec"]["template"]["spec"]["containers"],
            Some("Pod") => &mut object["spec"]["containers"],
            _ => continue,
        };
        containers[0]["image"] = image.into();
    }
    objects.insert(
        0,
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
    );
    objects
}

/// A pod that cannot run: a real cluster has no such image, the one in this process no such workload.
fn never(namespace: &str) -> Value {
    let mut pod = manifest::pod("never", &[("http", 8080, "nonsense")]);
    pod["metadata"]["namespace"] = namespace.into();
    pod["spec"]["containers"][0]["image"] = "local/there-is-no-such-image:1".into();
    pod
}

/// The roles of those who may do less.
fn rights(namespace: &str) -> Vec<Value> {
    let role = |name: &str, rules: Value| {
        [
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "Role",
                "metadata": {"name": name, "namespace": namespace},
                "rules": rules,
            }),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": name, "namespace": namespace},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
            }),
        ]
    };
    let forwarder = json!([
        {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["create"]},
    ]);
    let looker = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]);
    [role(FORWARDER, forwarder), role(LOOKER, looker)].concat()
}

fn find(program: &str) -> Option<PathBuf> {
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
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
