//! Connections from local addresses into Kubernetes pods, as a library: a Forward from a target to local addresses.
