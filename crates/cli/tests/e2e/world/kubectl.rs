//! The kubectl that makes things ready and changes them; not one that is tested.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};

/// How long a kubectl may take, waiting for pods included.
const KUBECTL: Duration = Duration::from_secs(150);

/// The kubectl of the PATH, for one namespace.
pub(super) struct Kubectl {
    path: PathBuf,
    kubeconfig: PathBuf,
    namespace: String,
}

impl Kubectl {
    pub(super) fn find(kubeconfig: PathBuf, namespace: &str) -> Option<Self> {
        let name = format!("kubectl{}", std::env::consts::EXE_SUFFIX);
        let path = std::env::split_paths(&std::env::var_os("PATH")?)
            .map(|folder| folder.join(&name))
            .find(|path| path.is_file())?;
        Some(Self {
            path,
            kubeconfig,
            namespace: namespace.to_owned(),
        })
    }

    /// Whether it is the one that docs/reliability.md tells of.
    pub(super) fn is_measured(&self) -> bool {
        let version = std::process::Command::new(&self.path)
            .args(["version", "--client"])
            .output();
        version.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("v1.37."))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs it to its end, and gives its standard output.
    pub(super) async fn run(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let said = |text: &str| format!("kubectl {}: {text}", arguments.join(" "));
        let output = timeout(KUBECTL, self.output(arguments, input))
            .await
            .map_err(|_| said("not done in time"))?
            .map_err(|error| said(&error.to_string()))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(said(&String::from_utf8_lossy(&output.stderr)))
        }
    }

    async fn output(&self, arguments: &[&str], input: &str) -> std::io::Result<std::process::Output> {
        let mut child = Command::new(&self.path)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--namespace")
            .arg(&self.namespace)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = child.stdin.take().expect("it was asked for");
        stdin.write_all(input.as_bytes()).await?;
        drop(stdin);
        child.wait_with_output().await
    }
}
