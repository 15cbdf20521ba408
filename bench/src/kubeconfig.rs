use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use http::Uri;
use serde_json::Value;
use thiserror::Error;

/// A kubeconfig file reduced to the one context in use, so that it can be pointed at a relay.
#[derive(Debug)]
pub(crate) struct Kubeconfig {
    document: Value,
    /// Index of the context's cluster in `clusters`.
    cluster: usize,
    server: Uri,
}

/// Why a kubeconfig cannot be used.
#[derive(Debug, Error)]
pub(crate) enum KubeconfigError {
    #[error("the kubeconfig has no {kind} `{name}`")]
    Missing { kind: &'static str, name: String },
    #[error("the kubeconfig names no current context; give one with --context")]
    NoContext,
    #[error(
        "the cluster is reached through a proxy (proxy-url), which a relay in front of it cannot emulate"
    )]
    Proxy,
    #[error("{path} cannot be read")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{0}` is not the URL of a server")]
    Server(String),
    #[error("the kubeconfig is not valid YAML")]
    Yaml(#[source] Box<serde_saphyr::Error>),
}

impl Kubeconfig {
    pub(crate) fn read(path: &Path, context: Option<&str>) -> Result<Self, KubeconfigError> {
        let failed = |source| KubeconfigError::Read {
            path: path.to_owned(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let path = std::path::absolute(path).map_err(failed)?;
        Self::parse(&text, path.parent().unwrap_or_else(|| Path::new("/")), context)
    }

    /// Reads the text of a kubeconfig; paths in it are relative to `directory`.
    pub(crate) fn parse(
        text: &str,
        directory: &Path,
        context: Option<&str>,
    ) -> Result<Self, KubeconfigError> {
        let mut document: Value =
            serde_saphyr::from_str(text).map_err(|error| KubeconfigError::Yaml(Box::new(error)))?;
        let context = match context {
            Some(name) => name.to_owned(),
            None => document["current-context"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        };
        if context.is_empty() {
            return Err(KubeconfigError::NoContext);
        }
        let index = named(&document, "contexts", "context", &context)?;
        let cluster = document["contexts"][index]["context"]["cluster"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let cluster = named(&document, "clusters", "cluster", &cluster)?;
        let server = document["clusters"][cluster]["cluster"]["server"]
            .as_str()
            .unwrap_or_default();
        let server: Uri = server
            .parse()
            .map_err(|_| KubeconfigError::Server(server.to_owned()))?;
        if server.host().is_none() || !matches!(server.scheme_str(), Some("http" | "https")) {
            return Err(KubeconfigError::Server(server.to_string()));
        }
        document["current-context"] = Value::String(context);
        make_absolute(
            &mut document,
            "clusters",
            "cluster",
            &["certificate-authority"],
            directory,
        );
        make_absolute(
            &mut document,
            "users",
            "user",
            &["client-certificate", "client-key", "tokenFile"],
            directory,
        );
        Ok(Self {
            document,
            cluster,
            server,
        })
    }

    /// Host and port of the API server.
    pub(crate) fn endpoint(&self) -> (String, u16) {
        let default = if self.encrypted() { 443 } else { 80 };
        let host = self.server.host().unwrap_or_default().trim_matches(['[', ']']);
        (host.to_owned(), self.server.port_u16().unwrap_or(default))
    }

    /// Whether the server is reached over TLS.
    pub(crate) fn encrypted(&self) -> bool {
        self.server.scheme_str() == Some("https")
    }

    /// The file's text for programs that reach the server directly.
    pub(crate) fn direct(&self) -> String {
        self.document.to_string()
    }

    /// The file's text for programs that reach the server through a relay; its certificate is still checked for the
    /// name that it had.
    pub(crate) fn relayed(&self, relay: SocketAddr) -> Result<String, KubeconfigError> {
        let mut document = self.document.clone();
        let cluster = &mut document["clusters"][self.cluster]["cluster"];
        if cluster["proxy-url"].as_str().is_some_and(|url| !url.is_empty()) {
            return Err(KubeconfigError::Proxy);
        }
        let scheme = self.server.scheme_str().unwrap_or("https");
        cluster["server"] = format!("{scheme}://{relay}{}", self.server.path().trim_end_matches('/')).into();
        if self.encrypted() && cluster["tls-server-name"].as_str().is_none_or(str::is_empty) {
            cluster["tls-server-name"] = self.endpoint().0.into();
        }
        Ok(document.to_string())
    }
}

fn named(document: &Value, list: &str, kind: &'static str, name: &str) -> Result<usize, KubeconfigError> {
    document[list]
        .as_array()
        .and_then(|entries| {
            entries
                .iter()
                .position(|entry| entry["name"].as_str() == Some(name))
        })
        .filter(|&index| document[list][index][kind].is_object())
        .ok_or_else(|| KubeconfigError::Missing {
            kind,
            name: name.to_owned(),
        })
}

/// Joins relative file names to the directory of the original file: what is made of it lies elsewhere.
fn make_absolute(document: &mut Value, list: &str, kind: &str, fields: &[&str], directory: &Path) {
    let join = |value: &mut Value| {
        if let Some(path) = value.as_str().filter(|path| !path.is_empty()) {
            *value = directory.join(path).to_string_lossy().into_owned().into();
        }
    };
    for entry in document
        .get_mut(list)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let Some(inner) = entry.get_mut(kind) else {
            continue;
        };
        for field in fields {
            inner.get_mut(field).map(join);
        }
        // A command with a separator in it is a path beside the file; one without is looked up on the PATH.
        if let Some(command) = inner.pointer_mut("/exec/command")
            && command.as_str().is_some_and(|command| command.contains('/'))
        {
            join(command);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const FILE: &str = "
apiVersion: v1
kind: Config
current-context: here
clusters:
- name: other
  cluster: {server: 'https://other.example'}
- name: main
  cluster: {server: 'https://api.example:6443/k8s/', certificate-authority: ca.crt}
contexts:
- name: here
  context: {cluster: main, user: me, namespace: apps}
- name: there
  context: {cluster: other, user: me}
users:
- name: me
  user: {client-key: /keys/me.key, client-certificate: me.crt, exec: {command: ./login}}
";

    fn parse(context: Option<&str>) -> Result<Kubeconfig, KubeconfigError> {
        Kubeconfig::parse(FILE, Path::new("/home/me"), context)
    }

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn relative_paths_become_absolute() {
        let direct = json(&parse(None).unwrap().direct());
        assert_eq!(
            direct["clusters"][1]["cluster"]["certificate-authority"],
            "/home/me/ca.crt"
        );
        assert_eq!(
            direct["users"][0]["user"]["client-certificate"],
            "/home/me/me.crt"
        );
        assert_eq!(direct["users"][0]["user"]["client-key"], "/keys/me.key");
        assert_eq!(direct["users"][0]["user"]["exec"]["command"], "/home/me/./login");
    }

    #[test]
    fn a_relay_takes_the_servers_place_but_not_its_name() {
        let kubeconfig = parse(None).unwrap();
        assert_eq!(kubeconfig.endpoint(), ("api.example".to_owned(), 6443));
        let relayed = json(&kubeconfig.relayed("127.0.0.1:9".parse().unwrap()).unwrap());
        let cluster = &relayed["clusters"][1]["cluster"];
        assert_eq!(cluster["server"], "https://127.0.0.1:9/k8s");
        assert_eq!(cluster["tls-server-name"], "api.example");
        assert_eq!(
            relayed["clusters"][0]["cluster"]["server"],
            "https://other.example"
        );
    }

    #[test]
    fn another_context_can_be_chosen() {
        let kubeconfig = parse(Some("there")).unwrap();
        assert_eq!(kubeconfig.endpoint(), ("other.example".to_owned(), 443));
        assert_eq!(json(&kubeconfig.direct())["current-context"], "there");
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(matches!(
            parse(Some("x")),
            Err(KubeconfigError::Missing { kind: "context", .. })
        ));
        let refused = |text| Kubeconfig::parse(text, Path::new("/"), None).unwrap_err();
        assert!(matches!(refused("a: [1"), KubeconfigError::Yaml(_)));
        assert!(matches!(refused("kind: Config"), KubeconfigError::NoContext));
        assert!(matches!(
            refused(&FILE.replace("https://api", "ftp://api")),
            KubeconfigError::Server(_)
        ));
    }
}
