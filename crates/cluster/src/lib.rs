//! All that podline asks of the Kubernetes API: configuration, credentials, targets, upgrades; the only crate that names kube.
