//! Credentials from a program (the Kubernetes `client.authentication.k8s.io` API).

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::jiff::Timestamp;
use podline_wire::Untrusted;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::CredentialsError;
use crate::connection::Identity;
use crate::kubeconfig::{Exec, ExecVariable, InteractiveMode, Settings};

/// How long a plugin may take, in which a user may have to log in.
const DEADLINE: Duration = Duration::from_secs(60);
/// Largest answer of a plugin, in bytes.
const ANSWER_MAX: u64 = 1 << 20;
/// How much of what a plugin writes to standard error is kept, in bytes.
const STDERR_MAX: u64 = 64 << 10;
/// The variable that tells a plugin what is asked of it.
const EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";
const KIND: &str = "ExecCredential";

/// A program that gives credentials.
pub(crate) struct Plugin {
    version: String,
    command: String,
    arguments: Vec<String>,
    variables: Vec<ExecVariable>,
    mode: InteractiveMode,
    /// What the plugin is told of the cluster, if it wants to know.
    cluster: Option<Value>,
    install_hint: Option<Untrusted>,
    has_terminal: bool,
}

/// What a plugin gave.
pub(crate) struct Granted {
    pub(crate) token: Option<SecretString>,
    pub(crate) identity: Option<Identity>,
    pub(crate) expires: Option<SystemTime>,
}

impl Plugin {
    pub(crate) fn new(exec: Exec, settings: &Settings, has_terminal: bool) -> Self {
        let cluster = exec
            .provide_cluster_info
            .unwrap_or_default()
            .then(|| cluster_info(settings));
        Self {
            version: exec.api_version.unwrap_or_default(),
            command: exec.command,
            arguments: exec.args.unwrap_or_default(),
            variables: exec.env.unwrap_or_default(),
            // What version v1beta1 means where it says nothing; v1 has to say something.
            mode: exec.interactive_mode.unwrap_or(InteractiveMode::IfAvailable),
            cluster,
            install_hint: exec
                .install_hint
                .filter(|hint| !hint.is_empty())
                .map(Untrusted::new),
            has_terminal,
        }
    }

    /// Whether it cannot do without the user.
    pub(crate) fn must_ask(&self) -> bool {
        self.mode == InteractiveMode::Always
    }

    /// The command, for messages.
    pub(crate) fn command(&self) -> Untrusted {
        Untrusted::new(&*self.command)
    }

    /// Runs it once. It gets the terminal if `may_ask`, there is one, and it can use one.
    pub(crate) async fn run(&self, may_ask: bool) -> Result<Granted, CredentialsError> {
        let interactive = match self.mode {
            InteractiveMode::Never => false,
            InteractiveMode::IfAvailable => may_ask && self.has_terminal,
            InteractiveMode::Always if !self.has_terminal => {
                return Err(CredentialsError::PluginNeedsTerminal {
                    command: self.command(),
                });
            }
            InteractiveMode::Always => true,
        };
        let not_run = |source: io::Error| CredentialsError::PluginNotRun {
            command: self.command(),
            install_hint: self.install_hint.clone(),
            source: source.into(),
        };
        tracing::debug!(command = %self.command(), interactive, "running the credentials plugin");
        let child = self.spawn(interactive).map_err(not_run)?;
        let Ok(ended) = timeout(DEADLINE, wait(child)).await else {
            // The process was killed when its handle was dropped.
            return Err(CredentialsError::PluginTimeout {
                command: self.command(),
            });
        };
        let (status, answer, stderr) = ended.map_err(not_run)?;
        if !status.success() {
            return Err(CredentialsError::PluginFailed {
                command: self.command(),
                status: status.to_string(),
                stderr: Untrusted::new(String::from_utf8_lossy(&stderr).trim()),
            });
        }
        self.understand(&answer)
            .map_err(|problem| CredentialsError::PluginAnswer {
                command: self.command(),
                problem,
            })
    }

    fn spawn(&self, interactive: bool) -> io::Result<Child> {
        let mut command = Command::new(&self.command);
        command
            .args(&self.arguments)
            .kill_on_drop(true)
            .stdout(Stdio::piped());
        for variable in &self.variables {
            let value = variable.value.as_ref().map_or("", |value| value.expose_secret());
            command.env(&variable.name, value);
        }
        command.env(EXEC_INFO, self.info(interactive));
        if interactive {
            command.stdin(Stdio::inherit()).stderr(Stdio::inherit());
        } else {
            command.stdin(Stdio::null()).stderr(Stdio::piped());
        }
        command.spawn()
    }

    fn info(&self, interactive: bool) -> String {
        let mut spec = json!({ "interactive": interactive });
        if let Some(cluster) = &self.cluster {
            spec["cluster"] = cluster.clone();
        }
        json!({ "kind": KIND, "apiVersion": self.version, "spec": spec }).to_string()
    }

    fn understand(&self, answer: &[u8]) -> Result<Granted, Untrusted> {
        // JSON as a rule, but client-go takes YAML too. What the parsers say is not shown: it may quote secrets.
        let answer: Answer = serde_json::from_slice(answer)
            .or_else(|_| serde_saphyr::from_slice(answer))
            .map_err(|_| Untrusted::new(format!("it is not an {KIND} object")))?;
        if answer.kind.as_deref() != Some(KIND) {
            return Err(Untrusted::new(format!("it is not an {KIND} object")));
        }
        if answer.api_version.as_deref() != Some(&self.version) {
            let got = answer.api_version.unwrap_or_default();
            return Err(Untrusted::new(format!(
                "it is of version '{got}', but {} was asked for",
                self.version
            )));
        }
        let status = answer.status.ok_or_else(|| Untrusted::new("it has no status"))?;
        let expires = match status.expiration_timestamp.filter(|text| !text.is_empty()) {
            Some(text) => {
                let time: Timestamp = text
                    .parse()
                    .map_err(|_| Untrusted::new(format!("'{text}' is not a time")))?;
                Some(SystemTime::from(time))
            }
            None => None,
        };
        let certificate = status.client_certificate_data.filter(|text| !text.is_empty());
        let identity = match (certificate, status.client_key_data) {
            (Some(certificate), Some(key)) => {
                Some(Identity::parse(certificate.as_bytes(), &key).map_err(Untrusted::new)?)
            }
            (None, None) => None,
            _ => return Err(Untrusted::new("it has only one of certificate and key")),
        };
        if identity.is_none() && status.token.is_none() {
            return Err(Untrusted::new("it has neither a token nor a certificate"));
        }
        Ok(Granted {
            token: status.token,
            identity,
            expires,
        })
    }
}

/// What a plugin is told of the cluster.
fn cluster_info(settings: &Settings) -> Value {
    let mut cluster = Map::new();
    cluster.insert("server".to_owned(), settings.server.to_string().into());
    let tls = &settings.tls;
    if let Some(name) = &tls.server_name {
        cluster.insert("tls-server-name".to_owned(), name.as_str().into());
    }
    if tls.insecure {
        cluster.insert("insecure-skip-tls-verify".to_owned(), true.into());
    }
    if let Some(pem) = &tls.certificate_authority {
        cluster.insert(
            "certificate-authority-data".to_owned(),
            STANDARD.encode(pem).into(),
        );
    }
    if let Some(proxy) = &settings.proxy {
        cluster.insert("proxy-url".to_owned(), proxy.to_string().into());
    }
    if let Some(config) = &settings.user.exec_config {
        cluster.insert("config".to_owned(), config.clone());
    }
    Value::Object(cluster)
}

async fn wait(mut child: Child) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (status, answer, stderr) =
        tokio::join!(child.wait(), read(stdout, ANSWER_MAX), read(stderr, STDERR_MAX));
    Ok((status?, answer, stderr))
}

/// Reads until the end, but keeps only so much.
async fn read(source: Option<impl AsyncRead + Unpin>, most: u64) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut source) = source {
        let _ = (&mut source).take(most).read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut source, &mut tokio::io::sink()).await;
    }
    kept
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    api_version: Option<String>,
    kind: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    client_certificate_data: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    client_key_data: Option<SecretString>,
    expiration_timestamp: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    token: Option<SecretString>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?
        .filter(|text| !text.is_empty())
        .map(SecretString::from))
}
