//! What cases do to the cluster's objects.

use podline_minicluster::manifest::{self, Served};
use serde_json::{Value, json};

use super::{Cluster, PODS, World, objects};

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
