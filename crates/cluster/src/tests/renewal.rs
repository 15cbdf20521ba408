//! What changes while a cluster is in use: the kubeconfig, tokens, certificates.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http::Request;
use podline_tunnel::{Upgrade, UpgradeAnswer};
use rcgen::date_time_ymd;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::server::{Authority, TestServer, json};
use crate::credentials::jwt_for_tests as jwt;
use crate::environment::Environment;
use crate::{Cluster, FindError, Options};

/// Long enough for anything that should happen.
const SOON: Duration = Duration::from_secs(20);

/// A kubeconfig that can be changed while a cluster uses it.
pub(super) struct File {
    folder: tempfile::TempDir,
}

impl File {
    pub(super) fn new(kubeconfig: &Value) -> Self {
        let file = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        file.write(&kubeconfig.to_string());
        file
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    pub(super) fn write(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }

    pub(super) async fn connect(&self) -> Cluster {
        let options = Options {
            kubeconfig: Some(self.path()),
            ..Options::default()
        };
        Cluster::connect_in(&options, &Environment::of(&[]))
            .await
            .unwrap()
    }
}

/// A server that takes one token, which may be changed, and has no pods.
async fn server(token: &str) -> (TestServer, Arc<Mutex<String>>) {
    let token = Arc::new(Mutex::new(token.to_owned()));
    let shared = token.clone();
    let server = TestServer::start(move |request| {
        let expected = format!("authorization: bearer {}\r\n", shared.lock().unwrap());
        if request.to_lowercase().contains(&expected) {
            json(
                "404 Not Found",
                &json!({"kind": "Status", "code": 404, "message": "no such pod"}),
            )
        } else {
            json(
                "401 Unauthorized",
                &json!({"kind": "Status", "code": 401, "message": "who?"}),
            )
        }
    })
    .await;
    (server, token)
}

fn set(token: &Mutex<String>, text: &str) {
    *token.lock().unwrap() = text.to_owned();
}

/// The status of an ordinary request, and that of an upgrade.
async fn ask(cluster: &Cluster) -> (u16, u16) {
    let error = cluster.find(&"pod/web".parse().unwrap()).await.unwrap_err();
    let FindError::Refused(refusal) = error else {
        panic!("{error:?}")
    };
    (refusal.code, upgrade(cluster).await)
}

async fn upgrade(cluster: &Cluster) -> u16 {
    let request = Request::post("/api/v1/namespaces/shop/pods/web/portforward")
        .body(())
        .unwrap();
    match cluster.upgrade(request).await.unwrap() {
        UpgradeAnswer::Refused { head, .. } => head.status.as_u16(),
        UpgradeAnswer::Switched { .. } => panic!("switched"),
    }
}

#[tokio::test]
async fn another_token_in_the_kubeconfig_is_taken_when_the_old_one_is_refused() {
    let (server, token) = server("one").await;
    let file = File::new(&server.kubeconfig(&json!({"token": "one"})));
    let cluster = file.connect().await;
    let mut renewals = cluster.renewals();
    assert_eq!(ask(&cluster).await, (404, 404));
    set(&token, "two");
    assert_eq!(ask(&cluster).await, (401, 401));
    file.write(&server.kubeconfig(&json!({"token": "two"})).to_string());
    assert_eq!(upgrade(&cluster).await, 404);
    assert_eq!(ask(&cluster).await, (404, 404));
    timeout(SOON, renewals.next()).await.unwrap();
}

#[tokio::test]
async fn another_address_of_the_server_is_taken_when_the_old_one_fails() {
    let (old, token) = server("t").await;
    let (new, _) = server("t").await;
    let file = File::new(&old.kubeconfig(&json!({"token": "t"})));
    let cluster = file.connect().await;
    assert_eq!(ask(&cluster).await, (404, 404));
    let mut watch = cluster.watch(&"pod/web".parse().unwrap());
    assert!(
        timeout(SOON, watch.changed())
            .await
            .unwrap()
            .unwrap_err()
            .is_not_found()
    );
    set(&token, "nobody");
    file.write(&new.kubeconfig(&json!({"token": "t"})).to_string());
    assert_eq!(ask(&cluster).await, (404, 404));
    assert!(new.requests().len() >= 2);
    assert!(
        cluster
            .server()
            .to_string()
            .contains(&new.address.port().to_string())
    );
    // Whoever watches goes there too.
    let before = new.requests().len();
    timeout(SOON, async {
        while new.requests().len() == before {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn another_current_context_is_not_followed() {
    let (server, token) = server("t").await;
    let (other, _) = self::server("t").await;
    let file = File::new(&server.kubeconfig(&json!({"token": "t"})));
    let cluster = file.connect().await;
    let mut changed = server.kubeconfig(&json!({"token": "two"}));
    let mut foreign = other.kubeconfig(&json!({"token": "t"}));
    foreign["clusters"][0]["name"] = "other".into();
    changed["clusters"]
        .as_array_mut()
        .unwrap()
        .push(foreign["clusters"][0].clone());
    changed["contexts"] = json!([
        {"name": "other", "context": {"cluster": "other", "user": "me", "namespace": "elsewhere"}},
        {"name": "test", "context": {"cluster": "other", "user": "me", "namespace": "elsewhere"}},
    ]);
    changed["current-context"] = "other".into();
    file.write(&changed.to_string());
    set(&token, "two");
    assert_eq!(ask(&cluster).await, (404, 404));
    assert_eq!(cluster.namespace(), "shop");
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_file_that_is_half_written_changes_nothing() {
    let (server, token) = server("one").await;
    let kubeconfig = |token| server.kubeconfig(&json!({"token": token})).to_string();
    let file = File::new(&server.kubeconfig(&json!({"token": "one"})));
    let cluster = file.connect().await;
    set(&token, "two");
    let whole = kubeconfig("two");
    for broken in [
        "",
        "}",
        &whole[..whole.len() / 2],
        r#"{"kind": "Config", "clusters": []}"#,
    ] {
        file.write(broken);
        assert_eq!(ask(&cluster).await, (401, 401), "{broken}");
    }
    std::fs::remove_file(file.path()).unwrap();
    assert_eq!(ask(&cluster).await, (401, 401));
    file.write(&whole);
    assert_eq!(ask(&cluster).await, (404, 404));
}

#[tokio::test]
async fn certificates_in_files_may_be_replaced() {
    let authority = Authority::new();
    let config = authority.strict_server(&["localhost"]);
    let (certificate, key) = authority.issue(&[], |params| params.not_after = date_time_ymd(2050, 1, 1));
    let server = TestServer::start_with(authority, config, |_| {
        json(
            "404 Not Found",
            &json!({"kind": "Status", "code": 404, "message": "no such pod"}),
        )
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let user = json!({"client-certificate": path("crt"), "client-key": path("key")});
    let mut kubeconfig = server.kubeconfig(&user);
    let cluster = &mut kubeconfig["clusters"][0]["cluster"];
    cluster["certificate-authority-data"] = Value::Null;
    cluster["certificate-authority"] = path("ca").to_str().into();
    let stranger = Authority::new();
    let (strange_certificate, strange_key) = stranger.issue(&[], |_| {});
    let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
    write("ca", &stranger.pem);
    write("crt", &strange_certificate);
    write("key", &strange_key);
    let file = File::new(&kubeconfig);
    let cluster = file.connect().await;
    let target = "pod/web".parse().unwrap();
    assert!(cluster.find(&target).await.unwrap_err().is_unreachable());
    write("ca", &server.authority.pem);
    assert!(cluster.find(&target).await.unwrap_err().is_unreachable());
    write("key", &key);
    assert!(cluster.find(&target).await.unwrap_err().is_unreachable());
    write("crt", &certificate);
    assert_eq!(ask(&cluster).await, (404, 404));
    let new_year = SystemTime::UNIX_EPOCH + Duration::from_secs(2_524_608_000);
    assert_eq!(cluster.credentials_expiry(), Some(new_year));
}

#[tokio::test]
async fn a_service_accounts_token_and_authority_are_rotated() {
    let (server, token) = server("one").await;
    let account = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(account.path().join(name), text).unwrap();
    write("token", "one");
    write("ca.crt", &Authority::new().pem);
    write("namespace", "shop");
    let port = server.address.port().to_string();
    let environment = Environment {
        service_account: account.path().to_owned(),
        ..Environment::of(&[
            ("KUBERNETES_SERVICE_HOST", "127.0.0.1"),
            ("KUBERNETES_SERVICE_PORT", &port),
        ])
    };
    let cluster = Cluster::connect_in(&Options::default(), &environment)
        .await
        .unwrap();
    let target = "pod/web".parse().unwrap();
    assert!(cluster.find(&target).await.unwrap_err().is_unreachable());
    write("ca.crt", &server.authority.pem);
    assert_eq!(ask(&cluster).await, (404, 404));
    set(&token, "two");
    assert_eq!(ask(&cluster).await, (401, 401));
    write("token", "two");
    assert_eq!(upgrade(&cluster).await, 404);
    assert_eq!(ask(&cluster).await, (404, 404));
}

#[tokio::test]
async fn the_end_of_a_token_is_known() {
    let (server, _) = server("t").await;
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    let cluster = server.cluster(&json!({"token": jwt(end)})).await;
    assert_eq!(cluster.credentials_expiry(), Some(end));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, jwt(end)).unwrap();
    let cluster = server.cluster(&json!({"tokenFile": path})).await;
    assert_eq!(cluster.credentials_expiry(), Some(end));
}

#[cfg(unix)]
#[tokio::test]
async fn a_refused_plugin_is_run_once_more_whoever_was_refused() {
    use super::plugin::{Script, V1};
    let (server, token) = server("one").await;
    let plugin = Script::changing("one");
    let user = plugin.user(V1);
    let cluster = server.cluster(&user).await;
    assert_eq!(ask(&cluster).await, (404, 404));
    assert_eq!(plugin.runs(), 1);
    let mut renewals = cluster.renewals();
    set(&token, "two");
    plugin.grant("two");
    // So old that it may be doubted.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    let answers = tokio::join!(
        upgrade(&cluster),
        ask(&cluster),
        upgrade(&cluster),
        upgrade(&cluster)
    );
    assert_eq!(answers, (404, (404, 404), 404, 404));
    assert_eq!(plugin.runs(), 2);
    timeout(SOON, renewals.next()).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_plugin_that_fails_is_not_run_for_everybody_who_asks() {
    use super::plugin::{Script, V1};
    let later = |seconds| async move {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
    };
    let (server, token) = server("one").await;
    let plugin = Script::changing("one");
    let cluster = server.cluster(&plugin.user(V1)).await;
    set(&token, "two");
    plugin.fail();
    later(11).await;
    assert_eq!(upgrade(&cluster).await, 401);
    let target = "pod/web".parse().unwrap();
    for _ in 0..5 {
        let error = cluster.find(&target).await.unwrap_err();
        assert!(matches!(error, FindError::Connect(_)), "{error:?}");
    }
    assert_eq!(plugin.runs(), 2);
    plugin.grant("two");
    later(6).await;
    assert_eq!(ask(&cluster).await, (404, 404));
    assert_eq!(plugin.runs(), 3);
}

#[cfg(unix)]
#[tokio::test]
async fn a_plugin_that_has_to_ask_is_not_run_for_another_kubeconfig() {
    use super::plugin::{Script, V1};
    let (server, token) = server("one").await;
    let file = File::new(&server.kubeconfig(&json!({"token": "one"})));
    let cluster = file.connect().await;
    let plugin = Script::changing("two");
    let mut user = plugin.user(V1);
    user["exec"]["interactiveMode"] = "Always".into();
    file.write(&server.kubeconfig(&user).to_string());
    set(&token, "two");
    let error = cluster.find(&"pod/web".parse().unwrap()).await.unwrap_err();
    assert!(error.needs_login(), "{error:?}");
    assert_eq!(plugin.runs(), 0);
    user["exec"]["interactiveMode"] = "Never".into();
    file.write(&server.kubeconfig(&user).to_string());
    assert_eq!(ask(&cluster).await, (404, 404));
    assert_eq!(plugin.runs(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn another_server_does_not_run_the_plugin_again() {
    use super::plugin::{Script, V1};
    let (old, token) = server("one").await;
    let (new, _) = server("one").await;
    let plugin = Script::changing("one");
    let user = plugin.user(V1);
    let file = File::new(&old.kubeconfig(&user));
    let cluster = file.connect().await;
    set(&token, "nobody");
    file.write(&new.kubeconfig(&user).to_string());
    assert_eq!(ask(&cluster).await, (404, 404));
    assert_eq!(plugin.runs(), 1);
}
