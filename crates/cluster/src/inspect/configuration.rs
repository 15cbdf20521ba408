use std::path::PathBuf;

use podline_wire::Untrusted;

use crate::Cluster;
use crate::kubeconfig::Settings;

/// What the configuration says, secrets left out.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Configuration {
    /// The files that it was read from; none in a pod with a service account.
    pub files: Vec<Untrusted>,
    /// The kubeconfig's context, if one is used.
    pub context: Option<Untrusted>,
    /// The kubeconfig's entry for the cluster.
    pub cluster: Option<Untrusted>,
    /// The kubeconfig's entry for the user.
    pub user: Option<Untrusted>,
    /// The namespace of targets that name none.
    pub namespace: Untrusted,
    /// The API server's address.
    pub server: Untrusted,
    /// The proxy that leads there, without user and password.
    pub proxy: Option<Untrusted>,
}

/// The entries that a configuration came from.
pub(crate) struct Entries {
    files: Vec<PathBuf>,
    cluster: Option<Untrusted>,
    user: Option<Untrusted>,
}

impl Entries {
    pub(crate) fn of(settings: &Settings) -> Self {
        let name = |name: &Option<String>| name.as_deref().map(Untrusted::new);
        Self {
            files: settings.files.clone(),
            cluster: name(&settings.names.cluster),
            user: name(&settings.names.user),
        }
    }
}

impl Configuration {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let entries = cluster.entries();
        let files = entries.files.iter().filter(|file| file.is_file());
        Self {
            files: files
                .map(|file| Untrusted::new(file.display().to_string()))
                .collect(),
            context: cluster.context(),
            cluster: entries.cluster.clone(),
            user: entries.user.clone(),
            namespace: Untrusted::new(cluster.namespace()),
            server: cluster.server(),
            proxy: cluster.access().connector.proxy(),
        }
    }
}
