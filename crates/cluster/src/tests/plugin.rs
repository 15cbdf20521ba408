//! Credentials from a program.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use http::Request;
use podline_tunnel::{Upgrade, UpgradeAnswer};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::{Authority, TestServer, connect, json};
use crate::environment::Environment;
use crate::{Cluster, ConfigError, CredentialsError};

pub(super) const V1: &str = "client.authentication.k8s.io/v1";
const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";

/// A plugin that is a shell script, and how often it ran.
pub(super) struct Script {
    folder: TempDir,
    path: PathBuf,
}

impl Script {
    /// A script that notes each run and what it is told, and then does `body`.
    fn new(body: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugin");
        let here = folder.path().display();
        let text = format!(
            "#!/bin/sh\necho run >> '{here}/runs'\nprintf %s \"$KUBERNETES_EXEC_INFO\" > '{here}/info'\n{body}\n"
        );
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, path }
    }

    /// A script that gives these credentials.
    fn granting(version: &str, status: &Value) -> Self {
        Self::new(&format!("cat <<'END'\n{}\nEND", answer(version, status)))
    }

    /// A script that gives a token, which may be changed.
    pub(super) fn changing(token: &str) -> Self {
        let script = Self::new("cat \"${0%/*}/answer\"");
        script.grant(token);
        script
    }

    /// From now on it gives another token.
    pub(super) fn grant(&self, token: &str) {
        let answer = answer(V1, &json!({"token": token}));
        std::fs::write(self.folder.path().join("answer"), answer.to_string()).unwrap();
    }

    /// From now on it fails.
    pub(super) fn fail(&self) {
        std::fs::remove_file(self.folder.path().join("answer")).unwrap();
    }

    pub(super) fn runs(&self) -> usize {
        std::fs::read_to_string(self.folder.path().join("runs")).map_or(0, |runs| runs.lines().count())
    }

    /// What it was told in its last run.
    fn info(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.folder.path().join("info")).unwrap()).unwrap()
    }

    pub(super) fn user(&self, version: &str) -> Value {
        user(&self.path, version)
    }
}

fn user(command: &Path, version: &str) -> Value {
    json!({"exec": {"apiVersion": version, "command": command, "interactiveMode": "IfAvailable"}})
}

fn answer(version: &str, status: &Value) -> Value {
    json!({"apiVersion": version, "kind": "ExecCredential", "status": status})
}

async fn server() -> TestServer {
    TestServer::start(|_| {
        json(
            "404 Not Found",
            &json!({"kind": "Status", "code": 404, "message": "no such pod"}),
        )
    })
    .await
}

async fn refused_server() -> TestServer {
    TestServer::start(|_| {
        json(
            "401 Unauthorized",
            &json!({"kind": "Status", "code": 401, "message": "who?"}),
        )
    })
    .await
}

async fn ask(cluster: &Cluster) {
    cluster.find(&"pod/web".parse().unwrap()).await.unwrap_err();
}

async fn upgrade(cluster: &Cluster) -> UpgradeAnswer {
    let request = Request::post("/api/v1/namespaces/shop/pods/web/portforward")
        .body(())
        .unwrap();
    cluster.upgrade(request).await.unwrap()
}

async fn fail(user: &Value) -> CredentialsError {
    let server = server().await;
    match connect(&server.kubeconfig(user), &Environment::of(&[])).await {
        Err(ConfigError::Credentials(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_plugin_runs_exactly_once_for_any_number_of_requests() {
    for version in [V1, V1BETA1] {
        let script = Script::granting(
            version,
            &json!({"token": "t0ken", "expirationTimestamp": "2999-01-01T00:00:00Z"}),
        );
        let server = server().await;
        let cluster = server.cluster(&script.user(version)).await;
        assert_eq!(script.runs(), 1);
        ask(&cluster).await;
        upgrade(&cluster).await;
        tokio::join!(ask(&cluster), ask(&cluster), upgrade(&cluster));
        assert_eq!(script.runs(), 1);
        assert_eq!(
            script.info(),
            json!({"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": false}})
        );
        let requests = server.requests();
        assert_eq!(requests.len(), 5);
        assert!(
            requests
                .iter()
                .all(|request| request.to_lowercase().contains("authorization: bearer t0ken\r\n"))
        );
        assert!(cluster.credentials_expiry().is_some());
    }
}

#[tokio::test]
async fn expired_credentials_are_renewed_by_one_run() {
    let script = Script::granting(
        V1,
        &json!({"token": "old", "expirationTimestamp": "2001-01-01T00:00:00Z"}),
    );
    let cluster = server().await.cluster(&script.user(V1)).await;
    assert_eq!(script.runs(), 1);
    ask(&cluster).await;
    assert_eq!(script.runs(), 2);
}

#[tokio::test]
async fn a_fresh_plugin_is_not_blamed_for_a_401() {
    let script = Script::granting(V1, &json!({"token": "t"}));
    let cluster = refused_server().await.cluster(&script.user(V1)).await;
    ask(&cluster).await;
    ask(&cluster).await;
    assert_eq!(script.runs(), 1);
}

#[tokio::test]
async fn the_cluster_is_described_where_that_was_asked_for() {
    let script = Script::granting(V1, &json!({"token": "t"}));
    let server = server().await;
    let mut kubeconfig = server.kubeconfig(&script.user(V1));
    kubeconfig["users"][0]["user"]["exec"]["provideClusterInfo"] = true.into();
    kubeconfig["users"][0]["user"]["exec"]["env"] = json!([{"name": "EXTRA", "value": "1"}]);
    let cluster = &mut kubeconfig["clusters"][0]["cluster"];
    cluster["tls-server-name"] = "k8s".into();
    cluster["proxy-url"] = "http://me:s3cret@127.0.0.1:1".into();
    cluster["extensions"] = json!([
        {"name": "other", "extension": 1},
        {"name": "client.authentication.k8s.io/exec", "extension": {"audience": ["a", 7]}},
    ]);
    let data = cluster["certificate-authority-data"].clone();
    connect(&kubeconfig, &Environment::of(&[])).await.unwrap();
    assert_eq!(
        script.info()["spec"]["cluster"],
        json!({
            "server": format!("https://localhost:{}/prefix", server.address.port()),
            "tls-server-name": "k8s",
            "certificate-authority-data": data,
            "proxy-url": "http://127.0.0.1:1",
            "config": {"audience": ["a", 7]},
        })
    );
}

#[tokio::test]
async fn arguments_and_variables_reach_the_plugin() {
    let script = Script::new(&format!(
        "echo '{{\"apiVersion\":\"{V1}\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"'$1-$EXTRA'\"}}}}'"
    ));
    let server = server().await;
    let mut user = script.user(V1);
    user["exec"]["args"] = json!(["first", "second"]);
    user["exec"]["env"] = json!([{"name": "EXTRA", "value": "more"}]);
    ask(&server.cluster(&user).await).await;
    assert!(
        server.requests()[0]
            .to_lowercase()
            .contains("authorization: bearer first-more\r\n")
    );
}

#[tokio::test]
async fn a_plugins_certificate_is_shown_to_the_server() {
    let authority = Authority::new();
    let config = authority.strict_server(&["localhost"]);
    let (certificate, key) = authority.issue(&[], |_| {});
    let server = TestServer::start_with(authority, config, |_| {
        json("404 Not Found", &json!({"code": 404}))
    })
    .await;
    let script = Script::granting(
        V1,
        &json!({"clientCertificateData": certificate, "clientKeyData": key}),
    );
    let cluster = server.cluster(&script.user(V1)).await;
    ask(&cluster).await;
    assert!(server.seen.lock().unwrap().certificates >= 1);
    assert_eq!(server.requests().len(), 1);
    assert!(!server.requests()[0].to_lowercase().contains("authorization:"));
}

#[tokio::test]
async fn a_token_of_the_user_makes_the_plugin_unnecessary() {
    let script = Script::granting(V1, &json!({"token": "plugin"}));
    let server = server().await;
    let mut user = script.user(V1);
    user["token"] = "fixed".into();
    ask(&server.cluster(&user).await).await;
    assert_eq!(script.runs(), 0);
    assert!(
        server.requests()[0]
            .to_lowercase()
            .contains("authorization: bearer fixed\r\n")
    );
}

#[tokio::test]
async fn an_answer_in_yaml_will_do() {
    let script = Script::new(&format!(
        "printf 'apiVersion: {V1}\\nkind: ExecCredential\\nstatus:\\n  token: from-yaml\\n'"
    ));
    let server = server().await;
    ask(&server.cluster(&script.user(V1)).await).await;
    assert!(
        server.requests()[0]
            .to_lowercase()
            .contains("authorization: bearer from-yaml\r\n")
    );
}

#[tokio::test]
async fn a_plugin_that_has_to_ask_needs_a_terminal() {
    let script = Script::granting(V1, &json!({"token": "t"}));
    let mut user = script.user(V1);
    user["exec"]["interactiveMode"] = "Always".into();
    assert!(matches!(
        fail(&user).await,
        CredentialsError::PluginNeedsTerminal { .. }
    ));
    assert_eq!(script.runs(), 0);
}

#[tokio::test]
async fn a_plugin_that_has_to_ask_is_not_run_again_unasked() {
    let script = Script::granting(
        V1,
        &json!({"token": "t", "expirationTimestamp": "2001-01-01T00:00:00Z"}),
    );
    let server = server().await;
    let mut user = script.user(V1);
    user["exec"]["interactiveMode"] = "Always".into();
    let environment = Environment {
        has_terminal: true,
        ..Environment::of(&[])
    };
    let cluster = connect(&server.kubeconfig(&user), &environment).await.unwrap();
    assert_eq!(script.info()["spec"]["interactive"], true);
    let error = cluster.find(&"pod/web".parse().unwrap()).await.unwrap_err();
    assert!(
        error.to_string().contains("asks the user for new ones"),
        "{error}"
    );
    assert_eq!(script.runs(), 1);
}

#[tokio::test]
async fn every_failure_of_a_plugin_is_told_apart_and_tells_no_secret() {
    let failed = fail(&Script::new("echo 'login \u{1b}[31mfirst' >&2; exit 3").user(V1)).await;
    assert!(
        matches!(failed, CredentialsError::PluginFailed { .. }),
        "{failed:?}"
    );
    let text = failed.to_string();
    assert!(
        text.ends_with("failed: exit status: 3: login \\u{1b}[31mfirst"),
        "{text}"
    );

    let mut missing = user(Path::new("/nonexistent/plugin"), V1);
    missing["exec"]["installHint"] = "get it at https://example.com".into();
    let missing = fail(&missing).await;
    assert!(
        matches!(missing, CredentialsError::PluginNotRun { .. }),
        "{missing:?}"
    );
    assert_eq!(missing.hint().unwrap(), "get it at https://example.com");

    for (body, problem) in [
        ("true".to_owned(), "it is not an ExecCredential object"),
        (
            "echo '{\"s3cret\": '".to_owned(),
            "it is not an ExecCredential object",
        ),
        (
            format!("echo '{}'", answer(V1BETA1, &json!({"token": "s3cret"}))),
            "it is of version 'client.authentication.k8s.io/v1beta1', but client.authentication.k8s.io/v1 was asked for",
        ),
        (
            format!("echo '{}'", json!({"apiVersion": V1, "kind": "ExecCredential"})),
            "it has no status",
        ),
        (
            format!("echo '{}'", answer(V1, &json!({}))),
            "it has neither a token nor a certificate",
        ),
        (
            format!("echo '{}'", answer(V1, &json!({"clientKeyData": "s3cret"}))),
            "only one of certificate and key",
        ),
        (
            format!(
                "echo '{}'",
                answer(
                    V1,
                    &json!({"clientCertificateData": "s3cret", "clientKeyData": "s3cret"})
                )
            ),
            "there is no certificate in it",
        ),
        (
            format!(
                "echo '{}'",
                answer(V1, &json!({"token": "s3cret", "expirationTimestamp": "tomorrow"}))
            ),
            "'tomorrow' is not a time",
        ),
    ] {
        let error = fail(&Script::new(&body).user(V1)).await;
        let text = format!("{error} {error:?}");
        assert!(matches!(error, CredentialsError::PluginAnswer { .. }), "{text}");
        assert!(text.contains(problem), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }

    let newline = Script::granting(V1, &json!({"token": "s3c\nret"}));
    let error = fail(&newline.user(V1)).await;
    assert!(matches!(error, CredentialsError::Malformed { .. }), "{error:?}");
}
