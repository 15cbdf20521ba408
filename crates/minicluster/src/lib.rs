//! A Kubernetes cluster in one process: API server, kubelet and pods that really serve, with faults on demand.

pub mod node;
pub mod workload;
