//! What a minicluster begins with.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;

use crate::node::Faults;

/// How to start a minicluster.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where the API server listens; a loopback address, port 0 for a free one.
    pub listen: SocketAddr,
    /// The objects that the cluster begins with, in JSON, besides the namespaces and the node.
    pub manifests: Vec<Value>,
    /// What goes wrong from the start.
    pub faults: Faults,
}

impl Config {
    /// A cluster without pods.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            manifests: Vec::new(),
            faults: Faults::new(),
        }
    }

    /// Adds an object.
    #[must_use]
    pub fn with(mut self, manifest: Value) -> Self {
        self.manifests.push(manifest);
        self
    }
}

impl Default for Config {
    /// The demo's content: deployments and services `web` and `echo`, and the pod `tools` with all workload ports.
    fn default() -> Self {
        Self::empty()
            .with(manifest::deployment("web", 2, &[("http", 8080, "web")]))
            .with(manifest::service("web", &[("http", 80, "http")]))
            .with(manifest::deployment("echo", 1, &[("echo", 7, "echo")]))
            .with(manifest::service("echo", &[("echo", 7, "echo")]))
            .with(manifest::tools())
    }
}

/// Manifests of small deployments, services and pods, in the form that a real cluster takes too.
pub mod manifest {
    use serde_json::{Value, json};

    use crate::workload::FIXED_PORTS;

    /// The image of the workload, as a real cluster would have it.
    pub const IMAGE: &str = "local/podline-workload:1";

    /// A container that serves: name of the port, its number, and what it serves by the workload's name.
    pub type Served<'a> = (&'a str, u16, &'a str);

    /// A deployment of the label `app=NAME`.
    #[must_use]
    pub fn deployment(name: &str, replicas: u32, ports: &[Served<'_>]) -> Value {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec(name, ports)},
            },
        })
    }

    /// A pod of the label `app=NAME`.
    #[must_use]
    pub fn pod(name: &str, ports: &[Served<'_>]) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": pod_spec(name, ports),
        })
    }

    /// A service for the label `app=NAME`: name of the port, its number, and the name of the container port.
    #[must_use]
    pub fn service(name: &str, ports: &[(&str, u16, &str)]) -> Value {
        let ports: Vec<Value> = (ports.iter())
            .map(|(name, port, target)| json!({"name": name, "port": port, "targetPort": target}))
            .collect();
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"selector": {"app": name}, "ports": ports},
        })
    }

    /// The pod `tools`, which serves everything that the workload can.
    #[must_use]
    pub fn tools() -> Value {
        let ports: Vec<Value> = (FIXED_PORTS.iter())
            .filter(|(_, workload)| workload.listens())
            .map(|(port, workload)| {
                let name = if *port == 8080 {
                    "http".to_owned()
                } else {
                    workload.to_string()
                };
                // A port's name has at most 15 characters.
                let name: String = name.chars().take(15).collect();
                json!({"name": name.trim_end_matches('-'), "containerPort": port})
            })
            .collect();
        let mut pod = pod("tools", &[]);
        pod["spec"]["containers"][0]["args"] = json!(["--all"]);
        pod["spec"]["containers"][0]["ports"] = ports.into();
        pod
    }

    fn pod_spec(name: &str, ports: &[Served<'_>]) -> Value {
        let args: Vec<String> = ports
            .iter()
            .map(|(_, port, workload)| format!("{workload}={port}"))
            .collect();
        let ports: Vec<Value> = ports
            .iter()
            .map(|(name, port, _)| json!({"name": name, "containerPort": port}))
            .collect();
        json!({
            "containers": [{
                "name": name,
                "image": IMAGE,
                "imagePullPolicy": "Never",
                "args": args,
                "ports": ports,
            }],
            // The workload ends at once when asked; a real kubelet need not wait longer for a stuck one.
            "terminationGracePeriodSeconds": 1,
        })
    }
}
