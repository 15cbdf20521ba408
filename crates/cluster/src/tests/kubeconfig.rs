//! Kubeconfigs, good and bad. Each bad one of `tests/kubeconfig/invalid` has one defect; its first line is the error
//! that it gives, and a second one is the hint.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::environment::Environment;
use crate::{Cluster, ConfigError, Options};

fn fixtures(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/kubeconfig")
        .join(kind);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// The comments at the top of a fixture.
fn comments(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map_while(|line| line.strip_prefix("# "))
        .map(str::to_owned)
        .collect()
}

async fn connect(path: &Path) -> Result<Cluster, ConfigError> {
    let options = Options {
        kubeconfig: Some(path.to_owned()),
        ..Options::default()
    };
    Cluster::connect_in(&options, &Environment::of(&[])).await
}

#[tokio::test]
async fn good_files_are_understood() {
    for path in fixtures("valid") {
        let cluster = connect(&path)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let got = [
            format!("server: {}", cluster.server()),
            format!("context: {}", cluster.context().unwrap()),
            format!("namespace: {}", cluster.namespace()),
        ];
        assert_eq!(comments(&path), got, "{}", path.display());
        assert!(!format!("{cluster:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn every_defect_has_a_clear_error_that_tells_no_secret() {
    for path in fixtures("invalid") {
        let Err(error) = connect(&path).await else {
            panic!("{} gives no error", path.display())
        };
        // Separators are compared as they are on Unix.
        let normal = |text: &str| {
            if cfg!(windows) {
                text.replace('\\', "/")
            } else {
                text.to_owned()
            }
        };
        let folder = normal(&path.parent().unwrap().display().to_string());
        let (message, shown) = (normal(&error.to_string()), normal(&path.display().to_string()));
        let message = message
            .replace(&shown, "PATH")
            .replace(&folder, "FOLDER")
            .replace("FOLDER/./", "FOLDER/");
        let expected = comments(&path);
        let first = normal(&expected[0]);
        // Where a parser's words are not ours to fix, the beginning decides.
        assert!(
            message.starts_with(first.split(", column N").next().unwrap()),
            "{shown}: {message}"
        );
        if !first.starts_with("kubeconfig PATH cannot be understood") {
            assert_eq!(message, first, "{shown}");
        }
        if let Some(hint) = expected.iter().find_map(|line| line.strip_prefix("hint: ")) {
            assert_eq!(error.hint().as_deref(), Some(hint), "{shown}");
        }
        let everything = format!("{message} {error:?} {:?}", error.hint());
        assert!(
            !everything.contains("s3cret") && !everything.contains("s3c\nret"),
            "{everything}"
        );
    }
}

/// Files of a folder, and the variable `KUBECONFIG` that lists them.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    async fn connect(&self, names: &[&str], options: Options) -> Result<Cluster, ConfigError> {
        let paths = names.iter().map(|name| {
            if name.is_empty() {
                PathBuf::new()
            } else {
                self.folder.path().join(name)
            }
        });
        let list = std::env::join_paths(paths).unwrap().into_string().unwrap();
        Cluster::connect_in(&options, &Environment::of(&[("KUBECONFIG", &list)])).await
    }
}

const FIRST: &str = "
current-context: a
contexts:
- {name: a, context: {cluster: one, user: me, namespace: first}}
clusters:
- {name: one, cluster: {server: https://one}}
";
const SECOND: &str = "
current-context: b
contexts:
- {name: a, context: {cluster: two, user: me, namespace: second}}
- {name: b, context: {cluster: two, user: me}}
clusters:
- {name: one, cluster: {server: https://other, tls-server-name: x}}
- {name: two, cluster: {server: https://two}}
users:
- {name: me, user: {token: t}}
";

#[tokio::test]
async fn files_are_merged_and_the_first_to_have_an_entry_wins_it() {
    let files = Files::new(&[("first", FIRST), ("second", SECOND), ("empty", "")]);
    let shown = |cluster: &Cluster| format!("{} {}", cluster.server(), cluster.namespace());
    let cluster = files
        .connect(&["first", "second"], Options::default())
        .await
        .unwrap();
    assert_eq!(shown(&cluster), "https://one first");
    let cluster = files
        .connect(&["", "missing", "empty", "second", "first"], Options::default())
        .await
        .unwrap();
    assert_eq!(shown(&cluster), "https://two default");
    let options = Options {
        context: Some("b".into()),
        ..Options::default()
    };
    assert_eq!(
        shown(&files.connect(&["first", "second"], options).await.unwrap()),
        "https://two default"
    );
    // A user that only the second file has.
    let error = files.connect(&["first"], Options::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the kubeconfig has no user 'me'");
}

#[tokio::test]
async fn a_broken_file_of_a_list_is_an_error_and_a_missing_one_is_not() {
    let files = Files::new(&[("good", SECOND), ("broken", "clusters: [")]);
    assert!(
        files
            .connect(&["missing", "good"], Options::default())
            .await
            .is_ok()
    );
    let error = files
        .connect(&["good", "broken"], Options::default())
        .await
        .unwrap_err();
    assert!(matches!(error, ConfigError::Malformed { .. }), "{error:?}");
    let error = files
        .connect(&["missing", "missing-too"], Options::default())
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("no kubeconfig found at ") && text.ends_with("missing-too"),
        "{text}"
    );
    assert!(error.hint().unwrap().contains("--kubeconfig"));
}

#[tokio::test]
async fn a_file_that_was_asked_for_has_to_be_there_and_is_the_only_one_read() {
    let files = Files::new(&[("first", FIRST), ("second", SECOND)]);
    let path = |name: &str| Some(files.folder.path().join(name));
    let error = files
        .connect(
            &["second"],
            Options {
                kubeconfig: path("missing"),
                ..Options::default()
            },
        )
        .await;
    assert!(matches!(error, Err(ConfigError::Unreadable { .. })), "{error:?}");
    let error = files
        .connect(
            &["second"],
            Options {
                kubeconfig: path("first"),
                ..Options::default()
            },
        )
        .await;
    assert!(matches!(error, Err(ConfigError::NoSuchUser { .. })), "{error:?}");
    let error = files
        .connect(
            &["second"],
            Options {
                kubeconfig: path(""),
                ..Options::default()
            },
        )
        .await;
    assert!(matches!(error, Err(ConfigError::Unreadable { .. })), "{error:?}");
}

#[tokio::test]
async fn the_home_folders_file_is_the_default() {
    let home = tempfile::tempdir().unwrap();
    let environment = Environment::of(&[("HOME", home.path().to_str().unwrap())]);
    let error = Cluster::connect_in(&Options::default(), &environment)
        .await
        .unwrap_err();
    let default = home.path().join(".kube").join("config");
    assert_eq!(
        error.to_string(),
        format!("no kubeconfig found at {}", default.display())
    );
    std::fs::create_dir(home.path().join(".kube")).unwrap();
    std::fs::write(home.path().join(".kube/config"), SECOND).unwrap();
    let cluster = Cluster::connect_in(&Options::default(), &environment)
        .await
        .unwrap();
    assert_eq!(cluster.server().to_string(), "https://two");
}

#[tokio::test]
async fn flags_win_over_the_file() {
    let files = Files::new(&[("config", SECOND)]);
    let connect = |options: Options| files.connect(&["config"], options);
    let cluster = connect(Options {
        cluster: Some("one".into()),
        namespace: Some("ns".into()),
        ..Options::default()
    })
    .await;
    let cluster = cluster.unwrap();
    assert_eq!(
        (cluster.server().to_string().as_str(), cluster.namespace()),
        ("https://other", "ns")
    );
    let cluster = connect(Options {
        server: Some("https://three:3".into()),
        ..Options::default()
    })
    .await
    .unwrap();
    assert_eq!(cluster.server().to_string(), "https://three:3");
    for (options, message) in [
        (
            Options {
                context: Some("c".into()),
                ..Options::default()
            },
            "context 'c' does not exist",
        ),
        (
            Options {
                cluster: Some("c".into()),
                ..Options::default()
            },
            "the kubeconfig has no cluster 'c'",
        ),
        (
            Options {
                user: Some("c".into()),
                ..Options::default()
            },
            "the kubeconfig has no user 'c'",
        ),
        (
            Options {
                namespace: Some("a/b".into()),
                ..Options::default()
            },
            "'a/b' is not a name that a namespace can have",
        ),
        (
            Options {
                request_timeout: Some("soon".into()),
                ..Options::default()
            },
            "invalid request timeout 'soon'",
        ),
        (
            Options {
                certificate_authority: Some("/no-such-ca".into()),
                ..Options::default()
            },
            "certificate-authority /no-such-ca cannot be read",
        ),
        (
            Options {
                client_certificate: Some("/no-such".into()),
                ..Options::default()
            },
            "client-certificate /no-such cannot be read",
        ),
        (
            Options {
                impersonate_groups: vec!["g".into()],
                ..Options::default()
            },
            "the user 'me' of the kubeconfig is unusable: it asks for another's UID, groups or extra without a user to impersonate",
        ),
        (
            Options {
                username: Some("u".into()),
                ..Options::default()
            },
            "the user 'me' of the kubeconfig is unusable: it has both a token and a username or password; only one is allowed",
        ),
    ] {
        assert_eq!(connect(options).await.unwrap_err().to_string(), message);
    }
}

#[tokio::test]
async fn a_server_alone_is_enough() {
    let options = Options {
        server: Some("http://127.0.0.1:1".into()),
        ..Options::default()
    };
    let cluster = Cluster::connect_in(&options, &Environment::of(&[]))
        .await
        .unwrap();
    assert_eq!(cluster.server().to_string(), "http://127.0.0.1:1");
    assert_eq!(cluster.context(), None);
}

#[tokio::test]
async fn a_pod_uses_its_service_account() {
    let account = tempfile::tempdir().unwrap();
    let authority = super::server::Authority::new();
    for (name, text) in [
        ("token", "t0ken\n"),
        ("ca.crt", authority.pem.as_str()),
        ("namespace", "shop\n"),
    ] {
        std::fs::write(account.path().join(name), text).unwrap();
    }
    let variables = [
        ("KUBERNETES_SERVICE_HOST", "fd00::1"),
        ("KUBERNETES_SERVICE_PORT", "443"),
    ];
    let environment = Environment {
        service_account: account.path().to_owned(),
        ..Environment::of(&variables)
    };
    let cluster = Cluster::connect_in(&Options::default(), &environment)
        .await
        .unwrap();
    assert_eq!(
        (cluster.server().to_string().as_str(), cluster.namespace()),
        ("https://[fd00::1]", "shop")
    );
    let options = Options {
        namespace: Some("other".into()),
        ..Options::default()
    };
    assert_eq!(
        Cluster::connect_in(&options, &environment)
            .await
            .unwrap()
            .namespace(),
        "other"
    );
    // A kubeconfig comes first.
    let files = Files::new(&[("config", SECOND)]);
    let options = Options {
        kubeconfig: Some(files.folder.path().join("config")),
        ..Options::default()
    };
    let cluster = Cluster::connect_in(&options, &environment).await.unwrap();
    assert_eq!(cluster.server().to_string(), "https://two");
    // Without the account it is no pod.
    std::fs::remove_file(account.path().join("token")).unwrap();
    let error = Cluster::connect_in(&Options::default(), &environment)
        .await
        .unwrap_err();
    assert!(matches!(error, ConfigError::NoKubeconfig { .. }), "{error:?}");
}
