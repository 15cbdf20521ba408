//! The controllers without a node: a test says what becomes of pods.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};

use super::*;
use crate::api::objects::{Object, Pod, Resource};
use crate::api::store::{admit, mark_deleted, uid};

struct Cluster {
    state: State,
    random: Rng,
    now: Timestamp,
}

impl Cluster {
    fn new() -> Self {
        let mut cluster = Self {
            state: State::default(),
            random: Rng::with_seed(1),
            now: Timestamp::now(),
        };
        cluster.create(Resource::Namespaces, json!({"metadata": {"name": "default"}}));
        cluster
    }

    fn create(&mut self, resource: Resource, json: Value) {
        let namespace = if resource.info().namespaced { "default" } else { "" };
        let object = Object::from_json(resource, json).unwrap();
        let object = admit(object, namespace, &self.state, &mut self.random).unwrap();
        self.state
            .create(object, uid(&mut self.random), self.now)
            .unwrap();
        self.settle();
    }

    fn create_set(&mut self, resource: Resource, fields: &Value) {
        let mut json = json!({
            "metadata": {"name": "web"},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{
                        "name": "web", "ports": [{"name": "http", "containerPort": 8080}],
                    }]},
                },
            },
        });
        for (field, value) in fields.as_object().unwrap() {
            json["spec"][field] = value.clone();
        }
        self.create(resource, json);
    }

    fn settle(&mut self) {
        let before = self.state.version();
        settle(&mut self.state, &mut self.random, self.now);
        assert!(
            self.state.version().0 - before.0 < 1000,
            "the controllers do not settle"
        );
    }

    fn pods(&self) -> Vec<Pod> {
        self.state
            .list(Resource::Pods, None)
            .filter_map(|object| object.as_pod())
            .cloned()
            .collect()
    }

    fn active(&self) -> Vec<Pod> {
        self.pods().into_iter().filter(Pod::is_active).collect()
    }

    fn change(&mut self, resource: Resource, change: impl FnOnce(&mut Object)) {
        let namespace = if resource.info().namespaced { "default" } else { "" };
        let mut object = Object::clone(self.state.get(resource, namespace, "web").unwrap());
        change(&mut object);
        self.state.update(object).unwrap();
        self.settle();
    }

    fn change_template(&mut self, resource: Resource) {
        self.change(resource, |object| {
            let template = match object {
                Object::Deployment(deployment) => &mut deployment.spec.template,
                other => &mut other.as_pod_set_mut().unwrap().spec.template,
            };
            template
                .metadata
                .annotations
                .insert("restartedAt".to_owned(), "now".to_owned());
        });
    }

    /// One step of the node: a pod being deleted goes, or else a pod that waits runs. False if there is neither.
    fn node_step(&mut self) -> bool {
        let pods = self.pods();
        if let Some(pod) = pods.iter().find(|pod| pod.metadata.is_deleting()) {
            self.state
                .remove(Resource::Pods, "default", &pod.metadata.name)
                .unwrap();
        } else if let Some(mut pod) = pods.into_iter().find(|pod| !pod.is_running()) {
            pod.spec.node_name = "node".to_owned();
            pod.status.pod_ip = format!("10.244.0.{}", pod.metadata.resource_version);
            pod.set_running(true, self.now);
            self.state.update(Object::Pod(pod)).unwrap();
        } else {
            return false;
        }
        self.settle();
        true
    }

    fn run(&mut self) {
        for _ in 0..1000 {
            if !self.node_step() {
                return;
            }
        }
        panic!("the cluster does not come to rest");
    }

    fn json(&self, resource: Resource) -> Value {
        self.state.get(resource, "default", "web").unwrap().to_json()
    }

    fn slices(&self) -> Vec<Value> {
        self.state
            .list(Resource::EndpointSlices, None)
            .map(|object| object.to_json())
            .collect()
    }
}

#[test]
fn a_deployment_gets_its_pods_and_says_so() {
    let mut cluster = Cluster::new();
    cluster.create_set(Resource::Deployments, &json!({"replicas": 3}));
    assert_eq!(cluster.active().len(), 3);
    cluster.run();
    let status = &cluster.json(Resource::Deployments)["status"];
    assert_eq!(status["readyReplicas"], 3);
    assert_eq!(status["updatedReplicas"], 3);
    assert_eq!(status["observedGeneration"], 1);
    assert_eq!(status["conditions"][1]["reason"], "NewReplicaSetAvailable");
    let owner = cluster.pods()[0].metadata.controller().unwrap().clone();
    assert_eq!(owner.kind, "ReplicaSet");
}

#[test]
fn scaling_adds_and_takes_away() {
    let mut cluster = Cluster::new();
    cluster.create_set(Resource::Deployments, &json!({"replicas": 3}));
    cluster.run();
    for wanted in [5, 1, 0, 2] {
        cluster.change(Resource::Deployments, |object| {
            let Object::Deployment(deployment) = object else {
                panic!()
            };
            deployment.spec.replicas = Some(wanted);
        });
        cluster.run();
        assert_eq!(cluster.pods().len(), wanted as usize);
        assert_eq!(cluster.json(Resource::Deployments)["spec"]["replicas"], wanted);
    }
}

#[test]
fn a_rollout_never_leaves_the_service_without_enough_pods() {
    for replicas in 1..6 {
        let mut cluster = Cluster::new();
        cluster.create_set(Resource::Deployments, &json!({"replicas": replicas}));
        cluster.run();
        let before: Vec<String> = cluster.pods().into_iter().map(|pod| pod.metadata.uid).collect();
        cluster.change_template(Resource::Deployments);
        let least = replicas - replicas / 4;
        while cluster.node_step() {
            let ready = cluster.active().iter().filter(|pod| pod.is_ready()).count();
            assert!(ready >= least, "{ready} of {replicas} left");
            assert!(cluster.active().len() <= replicas + replicas.div_ceil(4));
        }
        let after = cluster.pods();
        assert_eq!(after.len(), replicas);
        assert!(after.iter().all(|pod| !before.contains(&pod.metadata.uid)));
        let deployment = cluster.json(Resource::Deployments);
        assert_eq!(
            deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
            "2"
        );
        assert_eq!(deployment["status"]["updatedReplicas"], replicas);
    }
}

#[test]
fn recreating_ends_all_old_pods_first() {
    let mut cluster = Cluster::new();
    cluster.create_set(
        Resource::Deployments,
        &json!({"replicas": 2, "strategy": {"type": "Recreate"}}),
    );
    cluster.run();
    cluster.change_template(Resource::Deployments);
    let hashes = |cluster: &Cluster| {
        let pods = cluster.pods();
        let mut hashes: Vec<_> = pods
            .iter()
            .map(|pod| pod.metadata.labels["pod-template-hash"].clone())
            .collect();
        hashes.dedup();
        hashes.len()
    };
    while cluster.node_step() {
        assert!(hashes(&cluster) <= 1, "old and new pods at once");
    }
    assert_eq!(cluster.active().len(), 2);
}

#[test]
fn a_rollout_passes_pods_that_never_got_ready() {
    let mut cluster = Cluster::new();
    cluster.create_set(Resource::Deployments, &json!({"replicas": 2}));
    cluster.change_template(Resource::Deployments);
    cluster.run();
    assert_eq!(cluster.pods().len(), 2);
    assert_eq!(
        cluster.json(Resource::Deployments)["status"]["updatedReplicas"],
        2
    );
}

#[test]
fn a_deleted_pod_is_replaced() {
    let mut cluster = Cluster::new();
    cluster.create_set(Resource::ReplicaSets, &json!({"replicas": 2}));
    cluster.run();
    let mut pod = cluster.pods().remove(0);
    let name = pod.metadata.name.clone();
    mark_deleted(&mut pod, None, cluster.now);
    cluster.state.update(Object::Pod(pod)).unwrap();
    cluster.settle();
    assert_eq!(cluster.pods().len(), 3);
    cluster.run();
    assert_eq!(cluster.pods().len(), 2);
    assert!(cluster.pods().iter().all(|pod| pod.metadata.name != name));
}

#[test]
fn a_stateful_sets_pods_keep_their_names() {
    let mut cluster = Cluster::new();
    cluster.create_set(Resource::StatefulSets, &json!({"replicas": 2}));
    cluster.run();
    let names = |cluster: &Cluster| {
        cluster
            .pods()
            .into_iter()
            .map(|pod| pod.metadata.name)
            .collect::<Vec<_>>()
    };
    let uids = |cluster: &Cluster| {
        cluster
            .pods()
            .into_iter()
            .map(|pod| pod.metadata.uid)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&cluster), ["web-0", "web-1"]);
    let before = uids(&cluster);
    cluster.change_template(Resource::StatefulSets);
    cluster.run();
    assert_eq!(names(&cluster), ["web-0", "web-1"]);
    assert!(uids(&cluster).iter().all(|uid| !before.contains(uid)));
}

#[test]
fn every_kind_of_set_gets_its_pods() {
    for (resource, fields, number) in [
        (Resource::DaemonSets, json!({}), 1),
        (Resource::Jobs, json!({"parallelism": 2}), 2),
        (Resource::ReplicaSets, json!({"replicas": 3}), 3),
        (
            Resource::ReplicationControllers,
            json!({"replicas": 2, "selector": {"app": "web"}}),
            2,
        ),
        (Resource::StatefulSets, json!({"replicas": 2}), 2),
    ] {
        let mut cluster = Cluster::new();
        cluster.create_set(resource, &fields);
        cluster.run();
        assert_eq!(cluster.pods().len(), number, "{resource:?}");
        assert!(cluster.json(resource)["status"].is_object());
    }
}

#[test]
fn what_an_owner_leaves_behind_goes_too() {
    let mut cluster = Cluster::new();
    cluster.create_set(Resource::Deployments, &json!({"replicas": 2}));
    cluster.run();
    cluster
        .state
        .remove(Resource::Deployments, "default", "web")
        .unwrap();
    cluster.settle();
    cluster.run();
    assert!(cluster.pods().is_empty());
    assert_eq!(cluster.state.list(Resource::ReplicaSets, None).count(), 0);
}

#[test]
fn a_slice_follows_its_pods() {
    let mut cluster = Cluster::new();
    cluster.create(Resource::Services, json!({
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "web", "port": 80, "targetPort": "http"}]},
    }));
    assert_eq!(cluster.slices()[0]["endpoints"], json!([]));
    cluster.create_set(Resource::Deployments, &json!({"replicas": 2}));
    cluster.run();
    let slices = cluster.slices();
    assert_eq!(slices.len(), 1);
    assert_eq!(
        slices[0]["ports"],
        json!([{"name": "web", "port": 8080, "protocol": "TCP"}])
    );
    assert_eq!(slices[0]["endpoints"].as_array().unwrap().len(), 2);
    assert_eq!(
        slices[0]["metadata"]["labels"]["kubernetes.io/service-name"],
        "web"
    );

    let mut pod = cluster.pods().remove(0);
    pod.set_ready(false, cluster.now);
    cluster.state.update(Object::Pod(pod.clone())).unwrap();
    cluster.settle();
    let condition = |cluster: &Cluster| {
        let slice = cluster.slices().remove(0);
        let endpoints = slice["endpoints"].as_array().unwrap().clone();
        let ours = endpoints
            .iter()
            .find(|endpoint| endpoint["targetRef"]["uid"] == pod.metadata.uid)
            .unwrap();
        ours["conditions"].clone()
    };
    assert_eq!(
        condition(&cluster),
        json!({"ready": false, "serving": false, "terminating": false})
    );
    cluster.change(Resource::Services, |object| {
        let Object::Service(service) = object else {
            panic!()
        };
        service.spec.publish_not_ready_addresses = true;
    });
    assert_eq!(
        condition(&cluster),
        json!({"ready": true, "serving": false, "terminating": false})
    );
    cluster
        .state
        .remove(Resource::Services, "default", "web")
        .unwrap();
    cluster.settle();
    assert!(cluster.slices().is_empty());
}
