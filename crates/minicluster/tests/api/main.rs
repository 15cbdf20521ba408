//! The API server as a plain HTTPS client sees it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod access;
mod lifecycle;
mod objects;
mod port_forward;
mod support;
mod watches;

use podline_minicluster::{Config, Minicluster, User, manifest};
use serde_json::Value;
use support::Client;

const PODS: &str = "/api/v1/namespaces/default/pods";
const WEB: &str = "/apis/apps/v1/namespaces/default/deployments/web";

async fn start() -> Minicluster {
    let config = Config::empty()
        .with(manifest::deployment("web", 2, &[("http", 8080, "web")]))
        .with(manifest::service("web", &[("http", 80, "http")]))
        .with(manifest::pod("lone", &[("echo", 7, "echo")]));
    Minicluster::start(config).await.unwrap()
}

async fn admin(minicluster: &Minicluster) -> Client {
    Client::new(minicluster, User::Admin).await
}

fn names(list: &Value) -> Vec<&str> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["metadata"]["name"].as_str().unwrap())
        .collect()
}
