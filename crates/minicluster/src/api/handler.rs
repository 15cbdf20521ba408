//! The way of one request: Host, user, rules, then what it asks for.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HOST, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::accept::{Form, wants_aggregated_discovery};
use super::body::{self, Body, full, streamed};
use super::deletion;
use super::discovery;
use super::identity::Identity;
use super::objects::Object;
use super::openapi;
use super::operations::{self, Place};
use super::patch::PatchKind;
use super::protobuf;
use super::request::{Query, RequestInfo, TargetInfo};
use super::review::review;
use super::rules::Rules;
use super::status::Status;
use super::store::Store;
use super::watch::watch;
use crate::credentials::{Credentials, SERVER_NAMES};
use crate::node::Node;
use crate::user::User;

/// How many watches may be open at once; above that a client is told to come again later.
const MAX_WATCHES: usize = 512;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Answers requests.
pub(crate) struct Handler {
    pub(crate) store: Store,
    pub(crate) rules: Rules,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) node: Arc<Node>,
    watches: Arc<Semaphore>,
}

/// What a request's connection tells about it.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo {
    pub(crate) server: SocketAddr,
    /// Whom the client certificate was issued to.
    pub(crate) certificate: Option<User>,
    /// Ends watches when the server ends.
    pub(crate) shutdown: CancellationToken,
}

impl Handler {
    pub(crate) fn new(store: Store, rules: Rules, credentials: Arc<Credentials>, node: Arc<Node>) -> Self {
        Self {
            store,
            rules,
            credentials,
            node,
            watches: Arc::new(Semaphore::new(MAX_WATCHES)),
        }
    }

    pub(crate) async fn handle(
        &self,
        request: Request<Incoming>,
        connection: &ConnectionInfo,
    ) -> Response<Body> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        if let Some(answer) = self.node.api_fault().await {
            return answer.map(BodyExt::boxed_unsync);
        }
        let response = match self.answer(request, connection).await {
            Ok(response) => response,
            Err(status) => status.into_response(),
        };
        tracing::debug!(%method, path, status = response.status().as_u16(), "request answered");
        response
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        connection: &ConnectionInfo,
    ) -> Result<Response<Body>, Status> {
        check_host(&request)?;
        let certificate = connection.certificate.as_ref();
        let identity = Identity::of_request(request.headers(), certificate, &self.credentials, &self.rules)?;
        let info = RequestInfo::parse(request.method(), request.uri());
        if !self.rules.allow(&identity, &info) {
            return Err(Status::forbidden(&identity.name, &info));
        }
        match &info.target {
            None => self.path(&request, &info, connection),
            Some(target) if target.resource.is_none() => self.review(request, &info, target, &identity).await,
            Some(target) => self.object(request, &info, target, &identity, connection).await,
        }
    }

    /// Paths that are no resources: discovery, version, health.
    fn path(
        &self,
        request: &Request<Incoming>,
        info: &RequestInfo,
        connection: &ConnectionInfo,
    ) -> Result<Response<Body>, Status> {
        if !matches!(info.verb, "get" | "head") {
            return Err(Status::method_not_allowed());
        }
        let parts: Vec<&str> = info.path.split('/').filter(|part| !part.is_empty()).collect();
        let aggregated = wants_aggregated_discovery(request.headers());
        let found = match parts.as_slice() {
            [] => Some(
                json!({"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/readyz", "/version"]}),
            ),
            ["version"] => Some(discovery::version()),
            ["healthz" | "livez" | "readyz", ..] => return Ok(text(StatusCode::OK, "ok")),
            ["api"] if aggregated => return Ok(typed_json(AGGREGATED, &discovery::aggregated_core())),
            ["apis"] if aggregated => return Ok(typed_json(AGGREGATED, &discovery::aggregated_groups())),
            ["api"] => Some(discovery::core_versions(connection.server)),
            ["apis"] => Some(discovery::groups()),
            ["api", version] => discovery::resources("", version),
            ["apis", group] => discovery::group(group),
            ["apis", group, version] => discovery::resources(group, version),
            ["openapi", "v3"] => Some(openapi::index()),
            ["openapi", "v3", group @ ..] => openapi::document(&group.join("/")),
            _ => None,
        };
        match found {
            Some(answer) => Ok(json_response(StatusCode::OK, &answer)),
            None if matches!(parts.as_slice(), ["api" | "apis", ..]) => Err(Status::no_such_resource()),
            None => Ok(text(StatusCode::NOT_FOUND, "404 page not found\n")),
        }
    }

    async fn review(
        &self,
        request: Request<Incoming>,
        info: &RequestInfo,
        target: &TargetInfo,
        identity: &Identity,
    ) -> Result<Response<Body>, Status> {
        let group = target.description.group.as_str();
        if !matches!(group, "authentication.k8s.io" | "authorization.k8s.io") {
            return Err(Status::no_such_resource());
        }
        if info.verb != "create" {
            return Err(Status::method_not_allowed());
        }
        let body = review_body(request).await?;
        let answer = review(&target.description.plural, &body, identity, &self.rules);
        let answer = answer.filter(|answer| answer["apiVersion"] == format!("{group}/v1"));
        answer
            .map(|answer| json_response(StatusCode::CREATED, &answer))
            .ok_or_else(Status::no_such_resource)
    }

    async fn object(
        &self,
        request: Request<Incoming>,
        info: &RequestInfo,
        target: &TargetInfo,
        identity: &Identity,
        connection: &ConnectionInfo,
    ) -> Result<Response<Body>, Status> {
        let Some(resource) = target.resource else {
            return Err(Status::no_such_resource());
        };
        let place = Place {
            resource,
            namespace: &target.namespace,
            name: &target.name,
        };
        let query = Query::parse(request.uri())?;
        let store = &self.store;
        let dry_run = query.get("dryRun") == "All";
        let known = resource
            .info()
            .subresources
            .iter()
            .any(|known| known.name == target.subresource);
        if !target.subresource.is_empty() && !known {
            return Err(Status::no_such_resource());
        }
        let nowhere = resource.info().namespaced && target.namespace.is_empty();
        let nothing = target.name.is_empty();
        if (nowhere && !matches!(info.verb, "list" | "watch"))
            || (nothing && matches!(info.verb, "update" | "patch"))
        {
            return Err(Status::method_not_allowed());
        }
        let ok = |answer: Value| Ok(json_response(StatusCode::OK, &answer));
        match (target.subresource.as_str(), info.verb) {
            ("portforward", "create" | "get") => self.port_forward(request, place, target, identity).await,
            ("scale", "get") => ok(operations::get_scale(store, place)?),
            ("scale", "update") => {
                let body = json_body(request).await?;
                let change = |scale: &mut Value| {
                    *scale = body.clone();
                    Ok(())
                };
                ok(operations::change_scale(store, place, change, dry_run)?)
            }
            ("scale", "patch") => {
                let (kind, patch) = patch_body(request).await?;
                let change = |scale: &mut Value| operations::apply(kind, scale, &patch, place);
                ok(operations::change_scale(store, place, change, dry_run)?)
            }
            ("status", "update") => {
                let body = json_body(request).await?;
                let change = |object: &mut Value| {
                    *object = body.clone();
                    Ok(())
                };
                ok(operations::change_status(store, place, change, dry_run)?.to_json())
            }
            ("status", "patch") => {
                let (kind, patch) = patch_body(request).await?;
                let change = |object: &mut Value| operations::apply(kind, object, &patch, place);
                ok(operations::change_status(store, place, change, dry_run)?.to_json())
            }
            ("" | "status", "get") => {
                let form = Form::negotiate(request.headers())?;
                let object = place.get(&store.read())?;
                ok(operations::render(&object, form, &query))
            }
            ("", "list") => {
                let form = Form::negotiate(request.headers())?;
                ok(operations::list(store, place, &query, form)?)
            }
            ("", "watch") => {
                let form = Form::negotiate(request.headers())?;
                let permit = Arc::clone(&self.watches).try_acquire_owned();
                let permit = permit.map_err(|_| Status::too_many_requests())?;
                let options = operations::watch_options(place, &query, form)?;
                let lines = watch(store, options, connection.shutdown.clone(), permit);
                Ok(typed("application/json", streamed(lines)))
            }
            ("", "create") if target.name.is_empty() => {
                let form = Form::negotiate(request.headers())?;
                let body = json_body(request).await?;
                let object = operations::create(store, place, &body, dry_run)?;
                Ok(json_response(
                    StatusCode::CREATED,
                    &operations::render(&object, form, &query),
                ))
            }
            ("", "update") => {
                let form = Form::negotiate(request.headers())?;
                let body = json_body(request).await?;
                let object = operations::update(store, place, &body, dry_run)?;
                ok(operations::render(&object, form, &query))
            }
            ("", "patch") => {
                let form = Form::negotiate(request.headers())?;
                let (kind, patch) = patch_body(request).await?;
                let object = operations::patch(store, place, kind, &patch, dry_run)?;
                ok(operations::render(&object, form, &query))
            }
            ("", "delete") => {
                let body = json_body(request).await?;
                ok(deletion::delete(store, place, &query, &body, dry_run)?)
            }
            ("", "deletecollection") => {
                let body = json_body(request).await?;
                ok(deletion::delete_collection(store, place, &query, &body, dry_run)?)
            }
            _ => Err(Status::method_not_allowed()),
        }
    }

    async fn port_forward(
        &self,
        request: Request<Incoming>,
        place: Place<'_>,
        target: &TargetInfo,
        identity: &Identity,
    ) -> Result<Response<Body>, Status> {
        let upgrade = request
            .headers()
            .get(UPGRADE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        // By its verb a WebSocket is only read; what it does is the same as what a POST creates.
        if upgrade.eq_ignore_ascii_case("websocket")
            && self.rules.websocket_needs_create()
            && !self.rules.allow_target(identity, "create", target)
        {
            let create = RequestInfo {
                verb: "create",
                path: request.uri().path().to_owned(),
                target: Some(target.clone()),
            };
            return Err(Status::forbidden(&identity.name, &create));
        }
        let object = place.get(&self.store.read())?;
        let assigned = matches!(&*object, Object::Pod(pod) if !pod.spec.node_name.is_empty());
        if !assigned {
            return Err(Status::bad_request(format!(
                "pod {} does not have a host assigned",
                place.name
            )));
        }
        let response = self.node.port_forward(request, place.namespace, place.name).await;
        Ok(response.map(BodyExt::boxed_unsync))
    }
}

/// A browser that a foreign page led here by a name of its own is turned away before anything else.
fn check_host(request: &Request<Incoming>) -> Result<(), Status> {
    let header = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    match header.or(authority) {
        Some(host) if is_own_host(host) && authority.is_none_or(is_own_host) => Ok(()),
        _ => Err(Status::forbidden_host()),
    }
}

/// Whether a Host header names this server, at whatever port: a relay in front has its own.
fn is_own_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => {
            return rest
                .split_once(']')
                .is_some_and(|(address, port)| address == "::1" && is_port(port));
        }
        None => match host.split_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name == "127.0.0.1" || SERVER_NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn is_port(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A request's body as JSON; null if it is empty.
async fn json_body(request: Request<Incoming>) -> Result<Value, Status> {
    let media_type = media_type(&request);
    let body = body::read(request.into_body()).await?;
    if body.is_empty() {
        return Ok(Value::Null);
    }
    match media_type.as_str() {
        "" | "application/json" | "application/x-www-form-urlencoded" => parse(&body),
        _ => Err(Status::unsupported_media_type()),
    }
}

async fn review_body(request: Request<Incoming>) -> Result<Value, Status> {
    if media_type(&request) != protobuf::MEDIA_TYPE {
        return json_body(request).await;
    }
    let body = body::read(request.into_body()).await?;
    protobuf::review_json(&body)
        .ok_or_else(|| Status::bad_request("the body of the request is no review in Protocol Buffers"))
}

async fn patch_body(request: Request<Incoming>) -> Result<(PatchKind, Value), Status> {
    let kind = PatchKind::of_media_type(&media_type(&request)).ok_or_else(Status::unsupported_media_type)?;
    let body = body::read(request.into_body()).await?;
    Ok((kind, parse(&body)?))
}

fn parse(body: &[u8]) -> Result<Value, Status> {
    serde_json::from_slice(body)
        .map_err(|error| Status::bad_request(format!("the body of the request is not JSON: {error}")))
}

fn media_type(request: &Request<Incoming>) -> String {
    let value = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

fn json_response(code: StatusCode, answer: &Value) -> Response<Body> {
    let mut response = typed_json("application/json", answer);
    *response.status_mut() = code;
    response
}

fn typed_json(media_type: &'static str, answer: &Value) -> Response<Body> {
    typed(media_type, full(answer.to_string()))
}

fn text(code: StatusCode, content: &'static str) -> Response<Body> {
    let mut response = typed("text/plain; charset=utf-8", full(content));
    *response.status_mut() = code;
    response
}

fn typed(media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_own_names_are_taken_as_host() {
        for own in [
            "127.0.0.1",
            "127.0.0.1:6443",
            "LOCALHOST:1",
            "[::1]:1",
            "[::1]",
            "kubernetes.default.svc",
        ] {
            assert!(is_own_host(own), "{own}");
        }
        for foreign in [
            "",
            "example.com",
            "127.0.0.1.example.com",
            "localhost:x",
            "10.0.0.1",
            "[::2]:1",
            "[::1]x",
        ] {
            assert!(!is_own_host(foreign), "{foreign}");
        }
    }
}
