//! What fails before the API server is reached.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use podline::Check;
use podline::check::{Finding, Stage, State};
use podline::cluster::Options;
use tempfile::NamedTempFile;

use crate::world::{World, ends_at, hop, is, run, says, shown};

/// A kubeconfig with this server and this user.
fn kubeconfig(server: &str, user: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: work\n\
         contexts: [{{name: work, context: {{cluster: work, user: me}}}}]\n\
         clusters: [{{name: work, cluster: {{server: \"{server}\", insecure-skip-tls-verify: true}}}}]\n\
         users: [{{name: me, user: {user}}}]\n"
    );
    std::fs::write(file.path(), text).unwrap();
    file
}

fn walk(kubeconfig: &NamedTempFile) -> Check {
    walk_with(kubeconfig, Options::default())
}

fn walk_with(kubeconfig: &NamedTempFile, options: Options) -> Check {
    let options = Options {
        kubeconfig: Some(kubeconfig.path().to_owned()),
        ..options
    };
    Check::new(options, "web".parse().unwrap())
}

/// Where nobody listens.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A server that gives this answer to whoever says something, and ends then.
fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    address
}

const TOKEN: &str = "{token: secret}";

#[tokio::test(flavor = "multi_thread")]
async fn a_context_that_does_not_exist() {
    let file = kubeconfig("https://127.0.0.1:1", TOKEN);
    let options = Options {
        context: Some("home".to_owned()),
        ..Options::default()
    };
    let report = run(walk_with(&file, options)).await;
    ends_at(&report, Stage::Configuration, "context 'home' does not exist");
    let hint = report.hops[0].problems[0].hint.as_ref().unwrap();
    assert_eq!(hint.to_string(), "it has the contexts work");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_gives_no_credentials() {
    let user = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin, interactiveMode: Never}}";
    let file = kubeconfig("https://127.0.0.1:1", user);
    let report = run(walk(&file)).await;
    is(&report.hops[0], State::Good);
    ends_at(&report, Stage::Credentials, "no-such-plugin");
    let text = report.hops[1].finding.as_ref().unwrap().to_string();
    assert_eq!(text, "the plugin 'no-such-plugin'");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_an_address() {
    let file = kubeconfig("https://nowhere.invalid", TOKEN);
    let report = run(walk(&file)).await;
    ends_at(&report, Stage::Dns, "cannot find the address of nowhere.invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_where_nobody_listens() {
    let address = closed();
    let file = kubeconfig(&format!("https://{address}"), TOKEN);
    let report = run(walk(&file)).await;
    is(hop(&report, Stage::Dns), State::Good);
    ends_at(&report, Stage::Tcp, &format!("cannot connect to {address}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_down_and_one_that_refuses() {
    let file = kubeconfig("https://k8s.invalid", TOKEN);
    let walk = |proxy: SocketAddr| {
        let options = Options {
            proxy_url: Some(format!("http://{proxy}")),
            ..Options::default()
        };
        run(walk_with(&file, options))
    };
    ends_at(&walk(closed()).await, Stage::Proxy, "it cannot be reached");
    let refusing = answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    let report = walk(refusing).await;
    // Up to the proxy all is well; the server's own name was never looked up.
    is(hop(&report, Stage::Tcp), State::Good);
    ends_at(&report, Stage::Proxy, "it answered 403");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls() {
    let address = answering("HTTP/1.1 400 Bad Request\r\n\r\n");
    let file = kubeconfig(&format!("https://{address}"), TOKEN);
    let report = run(walk(&file)).await;
    ends_at(&report, Stage::Tls, "the server does not speak TLS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_authority_or_for_another_name() {
    let (world, other) = (World::new().await, World::new().await);
    let check = |options| run(Check::new(options, "web".parse().unwrap()));
    let report = check(Options {
        server: Some(other.minicluster.url()),
        ..world.options()
    });
    ends_at(&report.await, Stage::Tls, "signed by an unknown authority");
    let report = check(Options {
        tls_server_name: Some("elsewhere.example".to_owned()),
        ..world.options()
    });
    ends_at(
        &report.await,
        Stage::Tls,
        "not for elsewhere.example but for localhost",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_has_expired() {
    let world = World::new().await;
    world.minicluster.expire_certificate().await.unwrap();
    let report = world.check("pod/tools", &["7"]).await;
    ends_at(&report, Stage::Tls, "the server's certificate has expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_checked_is_told() {
    let world = World::new().await;
    let options = Options {
        insecure_skip_tls_verify: true,
        ..world.options()
    };
    let report = run(Check::new(options, "pod/tools".parse().unwrap()).port("7".parse().unwrap())).await;
    assert!(report.failed().is_none(), "{}", shown(&report));
    let tls = hop(&report, Stage::Tls);
    is(tls, State::Doubtful);
    says(tls, "is not checked");
    match &tls.finding {
        Some(Finding::Tls { names, expires, .. }) => {
            assert!(
                names.iter().any(|name| name.to_string() == "127.0.0.1"),
                "{names:?}"
            );
            assert!(expires.is_some());
        }
        other => panic!("{other:?}"),
    }
}
