//! What cases do to the cluster's objects.

use podline_minicluster::manifest::{self, Served};
use serde_json::{Value, json};

use super::{Cluster, PODS, World, objects};
use crate::forwarding::Forwarding;

/// The condition that pods with a readiness gate wait for.
const GATE: &str = "podline.test/gate";

impl World {
    /// The names of the pods with the label `app` that are not being deleted.
    pub(crate) async fn pods(&self, app: &str) -> Vec<String> {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => {
                let pods = minicluster.store().pods(&self.namespace).into_iter();
                pods.filter(|pod| pod.labels.get("app").is_some_and(|label| label == app) && !pod.deleting)
                    .map(|pod| pod.name)
                    .collect()
            }
            Cluster::Real { .. } => {
                let selector = format!("--selector=app={app}");
                let list = self.kubectl(&["get", "pods", &selector, "--output=json"]).await;
                let list: Value = serde_json::from_str(&list.unwrap()).unwrap();
                let pods = list["items"].as_array().unwrap().iter();
                pods.map(|pod| &pod["metadata"])
                    .filter(|metadata| metadata["deletionTimestamp"].is_null())
                    .map(|metadata| metadata["name"].as_str().unwrap().to_owned())
                    .collect()
            }
        }
    }

    /// Makes a deployment for one case, which may do with it what it likes, and waits for its pods.
    pub(crate) async fn deploy(&self, name: &str, replicas: usize, ports: &[Served<'_>]) {
        let number = u32::try_from(replicas).expect("a case asks for few pods");
        self.apply(vec![manifest::deployment(name, number, ports)])
            .await
            .unwrap();
        self.until_deployed(name, replicas).await;
    }

    /// Makes a service for the deployment of the same name.
    pub(crate) async fn serve(&self, name: &str, ports: &[Served<'_>]) {
        let ports: Vec<(&str, u16, &str)> = ports.to_vec();
        self.apply(vec![manifest::service(name, &ports)]).await.unwrap();
    }

    /// Sets the number of a deployment's pods, and waits until there are so many.
    pub(crate) async fn scale(&self, name: &str, replicas: usize) {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => {
                let number = u32::try_from(replicas).expect("a case asks for few pods");
                minicluster.store().scale(&self.namespace, name, number).unwrap();
            }
            Cluster::Real { .. } => {
                let replicas = format!("--replicas={replicas}");
                self.kubectl(&["scale", &format!("deployment/{name}"), &replicas])
                    .await
                    .unwrap();
            }
        }
        self.until_deployed(name, replicas).await;
    }

    /// Runs a pod for one case, and waits until it is ready.
    pub(crate) async fn run_pod(&self, name: &str, ports: &[Served<'_>]) {
        self.apply(vec![manifest::pod(name, ports)]).await.unwrap();
        match &self.cluster {
            Cluster::Minicluster(minicluster) => {
                let ready = minicluster.store().wait_for_pods(&self.namespace, name, 1);
                ready.await.unwrap();
            }
            Cluster::Real { .. } => {
                let pod = format!("pod/{name}");
                self.kubectl(&["wait", "--for=condition=Ready", &pod, PODS])
                    .await
                    .unwrap();
            }
        }
    }

    /// Deletes a pod, and returns when it is gone.
    pub(crate) async fn delete_pod(&self, name: &str) {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => {
                minicluster
                    .store()
                    .delete_pod(&self.namespace, name)
                    .await
                    .unwrap();
            }
            Cluster::Real { .. } => drop(self.kubectl(&["delete", "pod", name]).await.unwrap()),
        }
    }

    /// Replaces all pods of a deployment, and returns when they are replaced.
    pub(crate) async fn roll_out(&self, name: &str) {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => {
                let done = minicluster.store().roll_out(&self.namespace, name);
                done.await.unwrap();
            }
            Cluster::Real { .. } => {
                let deployment = format!("deployment/{name}");
                self.kubectl(&["rollout", "restart", &deployment]).await.unwrap();
                self.kubectl(&["rollout", "status", &deployment, PODS])
                    .await
                    .unwrap();
            }
        }
    }

    /// Has a pod evicted, and returns when it no longer runs.
    pub(crate) async fn evict(&self, pod: &str) {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => minicluster.evict(&self.namespace, pod).await.unwrap(),
            Cluster::Real { .. } => {
                let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", self.namespace);
                let eviction = json!({
                    "apiVersion": "policy/v1",
                    "kind": "Eviction",
                    "metadata": {"name": pod, "namespace": self.namespace},
                });
                self.kubectl_with(&["create", "--raw", &path, "--filename=-"], &eviction.to_string())
                    .await
                    .unwrap();
                let pod = format!("pod/{pod}");
                self.kubectl(&["wait", "--for=delete", &pod, PODS]).await.unwrap();
            }
        }
    }

    /// Ends the process in a pod with a status, and returns when its successor in the same pod is ready. The pod serves
    /// `exit=30`.
    pub(crate) async fn crash(&self, pod: &str, status: u8) {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => {
                let ended = minicluster.end_processes(&self.namespace, pod, status.into());
                ended.await.unwrap();
                minicluster.restart_processes(&self.namespace, pod).await.unwrap();
            }
            Cluster::Real { .. } => {
                let restarts = "--output=jsonpath={.status.containerStatuses[0].restartCount}";
                let before = self.kubectl(&["get", "pod", pod, restarts]).await.unwrap();
                let after: u32 = before.trim().parse::<u32>().unwrap() + 1;
                let way = Forwarding::start(self, &[pod, ":30"]).await;
                way.connect(30).await.send(format!("{status}\n").as_bytes()).await;
                let pod = format!("pod/{pod}");
                let restarted =
                    format!("--for=jsonpath={{.status.containerStatuses[0].restartCount}}={after}");
                self.kubectl(&["wait", &restarted, &pod, PODS]).await.unwrap();
                self.kubectl(&["wait", "--for=condition=Ready", &pod, PODS])
                    .await
                    .unwrap();
            }
        }
    }

    /// Makes a deployment like [`World::deploy`], whose pods [`World::set_ready`] can make unready.
    pub(crate) async fn deploy_with_gate(&self, name: &str, replicas: usize, ports: &[Served<'_>]) {
        if let Cluster::Minicluster(_) = self.cluster {
            return self.deploy(name, replicas, ports).await;
        }
        let number = u32::try_from(replicas).expect("a case asks for few pods");
        let mut deployment = manifest::deployment(name, number, ports);
        deployment["spec"]["template"]["spec"]["readinessGates"] = json!([{"conditionType": GATE}]);
        self.apply(vec![deployment]).await.unwrap();
        let selector = format!("--selector=app={name}");
        let running = ["wait", "--for=condition=ContainersReady", "pod", &selector, PODS];
        // There is nothing to wait for until the pods are made.
        while self.pods(name).await.len() < replicas {}
        self.kubectl(&running).await.unwrap();
        for pod in self.pods(name).await {
            self.set_ready(&pod, true).await;
        }
        self.until_deployed(name, replicas).await;
    }

    /// Makes a pod of [`World::deploy_with_gate`] ready or not.
    pub(crate) async fn set_ready(&self, pod: &str, ready: bool) {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => {
                minicluster
                    .store()
                    .set_ready(&self.namespace, pod, ready)
                    .unwrap();
            }
            Cluster::Real { .. } => {
                let status = if ready { "True" } else { "False" };
                let patch = json!({"status": {"conditions": [{"type": GATE, "status": status}]}}).to_string();
                let patching = [
                    "patch",
                    "pod",
                    pod,
                    "--subresource=status",
                    "--type=strategic",
                    "--patch",
                    &patch,
                ];
                self.kubectl(&patching).await.unwrap();
                let condition = format!("--for=condition=Ready={status}");
                self.kubectl(&["wait", &condition, &format!("pod/{pod}"), PODS])
                    .await
                    .unwrap();
            }
        }
    }

    /// Creates objects in the namespace.
    pub(super) async fn apply(&self, mut list: Vec<Value>) -> Result<(), String> {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => {
                for object in &mut list {
                    objects::place(object, &self.namespace, manifest::IMAGE);
                    minicluster
                        .store()
                        .create(object)
                        .map_err(|error| error.to_string())?;
                }
            }
            Cluster::Real { image, .. } => {
                for object in list.iter_mut().filter(|object| object["kind"] != "Namespace") {
                    objects::place(object, &self.namespace, image);
                }
                let list = json!({"apiVersion": "v1", "kind": "List", "items": list}).to_string();
                self.kubectl_with(&["apply", "--filename=-"], &list).await?;
            }
        }
        Ok(())
    }

    async fn until_deployed(&self, name: &str, replicas: usize) {
        match &self.cluster {
            Cluster::Minicluster(minicluster) => {
                let there = minicluster.store().wait_for_pods(&self.namespace, name, replicas);
                there.await.unwrap();
            }
            Cluster::Real { .. } => {
                let deployment = format!("deployment/{name}");
                self.kubectl(&["rollout", "status", &deployment, PODS])
                    .await
                    .unwrap();
                if replicas == 0 {
                    let selector = format!("--selector=app={name}");
                    self.kubectl(&["wait", "--for=delete", "pod", &selector, PODS])
                        .await
                        .unwrap();
                }
            }
        }
    }
}
