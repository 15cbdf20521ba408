//! The minicluster as the real kubectl sees it. Skipped where kubectl is not on the PATH.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::env;
use std::path::PathBuf;
use std::process::Stdio;

use podline_minicluster::{Config, Credential, Minicluster, Rule, User, manifest};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

/// A cluster and a kubectl that knows it.
struct Setup {
    minicluster: Minicluster,
    kubectl: PathBuf,
    home: TempDir,
}

impl Setup {
    /// `None` where there is no kubectl; says for which test.
    async fn new(test: &str, user: User, credential: Credential) -> Option<Self> {
        let Some(kubectl) = kubectl() else {
            eprintln!("skipped: {test}: kubectl is not on the PATH");
            return None;
        };
        let config = Config::empty()
            .with(manifest::deployment("web", 2, &[("http", 8080, "web")]))
            .with(manifest::service("web", &[("http", 80, "http")]))
            .with(manifest::tools());
        let minicluster = Minicluster::start(config).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let kubeconfig = minicluster.kubeconfig_with(user, credential).unwrap();
        std::fs::write(home.path().join("config"), kubeconfig).unwrap();
        Some(Self {
            minicluster,
            kubectl,
            home,
        })
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .args(arguments.split_whitespace())
            .env("HOME", self.home.path())
            .env("KUBECONFIG", self.home.path().join("config"))
            .env_remove("KUBECTL_PORT_FORWARD_WEBSOCKETS")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs kubectl to its end: whether it succeeded, its output, its complaints.
    async fn run(&self, arguments: &str) -> (bool, String, String) {
        let output = self.command(arguments).output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }

    /// Runs kubectl, which has to succeed.
    async fn succeed(&self, arguments: &str) -> String {
        let (success, output, complaints) = self.run(arguments).await;
        assert!(success, "kubectl {arguments}: {output}{complaints}");
        output
    }

    async fn fail(&self, arguments: &str) -> String {
        let (success, output, complaints) = self.run(arguments).await;
        assert!(!success, "kubectl {arguments}: {output}{complaints}");
        complaints
    }

    /// Starts kubectl with its output line by line.
    fn start(&self, arguments: &str, websockets: bool) -> (Child, Lines<BufReader<ChildStdout>>) {
        let mut command = self.command(arguments);
        command
            .env("KUBECTL_PORT_FORWARD_WEBSOCKETS", websockets.to_string())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, lines)
    }
}

fn kubectl() -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    let name = format!("kubectl{}", env::consts::EXE_SUFFIX);
    env::split_paths(&paths)
        .map(|directory| directory.join(&name))
        .find(|path| path.is_file())
}

async fn admin(test: &str) -> Option<Setup> {
    Setup::new(test, User::Admin, Credential::Certificate).await
}

/// The columns of a table, each line without the ages.
fn words(output: &str) -> Vec<Vec<&str>> {
    output
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect()
}

#[tokio::test]
async fn get_shows_the_usual_columns() {
    let Some(setup) = admin("get_shows_the_usual_columns").await else {
        return;
    };
    let pods = setup.succeed("get pods").await;
    let pods = words(&pods);
    assert_eq!(pods[0], ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]);
    assert_eq!(pods[1][..4], ["tools", "1/1", "Running", "0"]);
    assert_eq!(pods.len(), 4);
    let services = setup.succeed("get svc web").await;
    let services = words(&services);
    assert_eq!(
        services[0],
        ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
    );
    assert_eq!(
        services[1][..5],
        ["web", "ClusterIP", "10.96.0.2", "<none>", "80/TCP"]
    );
    let deployments = setup.succeed("get deploy -o wide").await;
    let deployments = words(&deployments);
    let columns = [
        "NAME",
        "READY",
        "UP-TO-DATE",
        "AVAILABLE",
        "AGE",
        "CONTAINERS",
        "IMAGES",
        "SELECTOR",
    ];
    assert_eq!(deployments[0], columns);
    assert_eq!(deployments[1][..4], ["web", "2/2", "2", "2"]);
    assert!(setup.succeed("get all").await.contains("replicaset.apps/web-"));
    assert_eq!(
        setup.succeed("get pod tools -o jsonpath={.status.phase}").await,
        "Running"
    );
    assert_eq!(
        setup.succeed("get pods -l app=tools -o name").await,
        "pod/tools\n"
    );
    assert!(
        setup
            .fail("get pod nobody")
            .await
            .contains("pods \"nobody\" not found")
    );
    assert!(setup.succeed("api-resources").await.contains("deployments"));
    assert!(setup.succeed("version").await.contains("v1.37"));
}

#[tokio::test]
async fn describe_knows_pods_services_and_deployments() {
    let Some(setup) = admin("describe_knows_pods_services_and_deployments").await else {
        return;
    };
    let pod = setup.succeed("describe pod tools").await;
    for part in [
        "Status:       Running",
        "7/TCP",
        "IP:  10.244.0.",
        "Ready                       True",
    ] {
        assert!(pod.contains(part), "{part} is missing in {pod}");
    }
    assert!(
        setup
            .succeed("describe svc web")
            .await
            .contains("TargetPort:               http/TCP")
    );
    assert!(
        setup
            .succeed("describe deploy web")
            .await
            .contains("2 desired | 2 updated | 2 total | 2 available")
    );
}

#[tokio::test]
async fn a_watch_shows_a_deletion_and_its_successor() {
    let Some(setup) = admin("a_watch_shows_a_deletion_and_its_successor").await else {
        return;
    };
    let (_child, mut lines) = setup.start("get pods -w --no-headers", true);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(lines.next_line().await.unwrap().unwrap());
    }
    let name = setup.minicluster.store().pods("default")[1].name.clone();
    // Newer versions name the namespace too.
    let deleted = setup.succeed(&format!("delete pod {name}")).await;
    assert!(
        deleted.starts_with(&format!("pod \"{name}\" deleted")),
        "{deleted}"
    );
    let mut terminated = false;
    loop {
        let line = lines.next_line().await.unwrap().unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        terminated |= words[0] == name && words[2] == "Terminating";
        let known = seen.iter().any(|old| old.starts_with(words[0]));
        if !known && words[1..3] == ["1/1", "Running"] {
            break;
        }
    }
    assert!(terminated);
}

#[tokio::test]
async fn scaling_and_restarting_roll_out() {
    let Some(setup) = admin("scaling_and_restarting_roll_out").await else {
        return;
    };
    let store = setup.minicluster.store();
    assert_eq!(
        setup.succeed("scale deploy web --replicas=3").await,
        "deployment.apps/web scaled\n"
    );
    let done = "deployment \"web\" successfully rolled out\n";
    assert!(setup.succeed("rollout status deploy web").await.ends_with(done));
    store.wait_for_pods("default", "web", 3).await.unwrap();
    let before: Vec<String> = store.pods("default").into_iter().map(|pod| pod.uid).collect();
    assert_eq!(
        setup.succeed("rollout restart deploy web").await,
        "deployment.apps/web restarted\n"
    );
    assert!(setup.succeed("rollout status deploy web").await.ends_with(done));
    store.wait_for_pods("default", "web", 3).await.unwrap();
    let kept = store
        .pods("default")
        .into_iter()
        .filter(|pod| before.contains(&pod.uid))
        .count();
    assert_eq!(kept, 1, "only the pod that is not the deployment's stays");
    setup
        .succeed("scale deploy web --current-replicas=3 --replicas=0")
        .await;
    store.wait_for_pods("default", "web", 0).await.unwrap();
    setup
        .fail("scale deploy web --current-replicas=3 --replicas=1")
        .await;
}

#[tokio::test]
async fn a_manifest_is_applied_changed_and_deleted() {
    let Some(setup) = admin("a_manifest_is_applied_changed_and_deleted").await else {
        return;
    };
    let file = setup.home.path().join("stateful.json");
    let mut set = manifest::deployment("db", 2, &[("echo", 7, "echo")]);
    set["kind"] = "StatefulSet".into();
    set["spec"]["serviceName"] = "db".into();
    std::fs::write(&file, set.to_string()).unwrap();
    let apply = format!("apply -f {}", file.display());
    assert_eq!(setup.succeed(&apply).await, "statefulset.apps/db created\n");
    setup.succeed("rollout status sts db").await;
    assert_eq!(
        setup.succeed("get pods -l app=db -o name").await,
        "pod/db-0\npod/db-1\n"
    );
    assert_eq!(setup.succeed(&apply).await, "statefulset.apps/db unchanged\n");
    set["spec"]["replicas"] = 1.into();
    std::fs::write(&file, set.to_string()).unwrap();
    assert_eq!(setup.succeed(&apply).await, "statefulset.apps/db configured\n");
    setup
        .minicluster
        .store()
        .wait_for_pods("default", "db", 1)
        .await
        .unwrap();
    setup.succeed(&format!("delete -f {}", file.display())).await;
    setup
        .minicluster
        .store()
        .wait_for_pods("default", "db", 0)
        .await
        .unwrap();
}

#[tokio::test]
async fn rights_are_asked_for_and_kept() {
    let test = "rights_are_asked_for_and_kept";
    let Some(setup) = Setup::new(test, User::Forwarder, Credential::Certificate).await else {
        return;
    };
    assert!(setup.succeed("auth whoami").await.contains("forwarder"));
    assert_eq!(
        setup
            .succeed("auth can-i create pods --subresource=portforward")
            .await,
        "yes\n"
    );
    assert_eq!(setup.run("auth can-i delete pods").await.1, "no\n");
    let denied = setup.fail("delete pod tools").await;
    assert!(
        denied.contains("User \"forwarder\" cannot delete resource \"pods\""),
        "{denied}"
    );
}

/// Forwards the remote port of a target through kubectl and gets `/whoami` from it.
async fn whoami(setup: &Setup, target: &str, remote: &str, websockets: bool) -> String {
    let (_child, mut lines) = setup.start(&format!("port-forward {target} :{remote}"), websockets);
    let line = lines.next_line().await.unwrap().unwrap_or_default();
    let port = line
        .split("127.0.0.1:")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let port: u16 = port
        .unwrap_or_else(|| panic!("no port in {line:?}"))
        .parse()
        .unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = "GET /whoami HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.rsplit("\r\n\r\n").next().unwrap().trim().to_owned()
}

#[tokio::test]
async fn ports_are_forwarded_over_both_transports() {
    let Some(setup) = admin("ports_are_forwarded_over_both_transports").await else {
        return;
    };
    for websockets in [true, false] {
        assert_eq!(whoami(&setup, "pod/tools", "8080", websockets).await, "tools");
        assert_eq!(whoami(&setup, "tools", "http", websockets).await, "tools");
        assert!(
            whoami(&setup, "svc/web", "80", websockets)
                .await
                .starts_with("web-")
        );
        assert!(
            whoami(&setup, "deploy/web", "http", websockets)
                .await
                .starts_with("web-")
        );
    }
}

#[tokio::test]
async fn ports_are_forwarded_with_no_more_rights_than_needed() {
    let test = "ports_are_forwarded_with_no_more_rights_than_needed";
    let Some(setup) = Setup::new(test, User::Forwarder, Credential::Token).await else {
        return;
    };
    // Without `get pods/portforward` the WebSocket is refused, and kubectl falls back to SPDY.
    assert_eq!(whoami(&setup, "pod/tools", "8080", true).await, "tools");
    let rules = setup.minicluster.rules();
    rules.set(
        &User::Forwarder,
        vec![Rule::new("get", "pods"), Rule::websocket()],
    );
    let denied = setup.fail("port-forward pod/tools :8080").await;
    assert!(
        denied.contains("cannot create resource \"pods/portforward\""),
        "{denied}"
    );
}
