//! `metav1.Status`: what the API answers when it does not do what was asked.

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::body::{Body, full};
use super::objects::{Resource, Version};
use super::request::RequestInfo;
use super::store::{Conflict, Inadmissible, SelectorError};

/// A failure, in the words of the real API server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Status {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Option<Value>,
}

impl Status {
    pub(crate) fn already_exists(resource: Resource, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", resource.info().qualified());
        Self::about(StatusCode::CONFLICT, "AlreadyExists", message, resource, name)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(crate) fn conflict(resource: Resource, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} {name:?}: the object has been modified; please apply your changes \
             to the latest version and try again",
            resource.info().qualified()
        );
        Self::about(StatusCode::CONFLICT, "Conflict", message, resource, name)
    }

    /// The answer to what the rules don't allow.
    pub(crate) fn forbidden(user: &str, request: &RequestInfo) -> Self {
        let Some(target) = &request.target else {
            let message = format!(
                "forbidden: User {user:?} cannot {} path {:?}",
                request.verb, request.path
            );
            return Self {
                details: Some(json!({})),
                ..Self::new(StatusCode::FORBIDDEN, "Forbidden", message)
            };
        };
        let info = &target.description;
        let subject = match target.name.as_str() {
            "" => info.qualified(),
            name => format!("{} {name:?}", info.qualified()),
        };
        let scope = match target.namespace.as_str() {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace {namespace:?}"),
        };
        let message = format!(
            "{subject} is forbidden: User {user:?} cannot {} resource {:?} in API group {:?} {scope}",
            request.verb,
            target.resource_and_subresource(),
            info.group,
        );
        Self {
            details: Some(details(&target.name, &info.group, &info.plural)),
            ..Self::new(StatusCode::FORBIDDEN, "Forbidden", message)
        }
    }

    pub(crate) fn forbidden_host() -> Self {
        Self {
            details: Some(json!({})),
            ..Self::new(
                StatusCode::FORBIDDEN,
                "Forbidden",
                "forbidden: the request's Host is not one of this server's",
            )
        }
    }

    pub(crate) fn expired(wanted: Version, current: Version) -> Self {
        let message = format!("too old resource version: {wanted} ({current})");
        Self::new(StatusCode::GONE, "Expired", message)
    }

    pub(crate) fn invalid(resource: Resource, name: &str, cause: &str) -> Self {
        let info = resource.info();
        let message = format!("{} {name:?} is invalid: {cause}", info.kind);
        Self {
            details: Some(details(name, info.group.name, info.kind)),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
        }
    }

    pub(crate) fn lasting_namespace(name: &str) -> Self {
        let message = format!("namespaces {name:?} is forbidden: this namespace may not be deleted");
        Self::about(
            StatusCode::FORBIDDEN,
            "Forbidden",
            message,
            Resource::Namespaces,
            name,
        )
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self {
            details: Some(json!({})),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
        }
    }

    /// No such path.
    pub(crate) fn no_such_resource() -> Self {
        let message = "the server could not find the requested resource";
        Self {
            details: Some(json!({})),
            ..Self::new(StatusCode::NOT_FOUND, "NotFound", message)
        }
    }

    pub(crate) fn not_acceptable() -> Self {
        let message = "only the following media types are accepted: application/json, \
                       application/json;as=Table;g=meta.k8s.io;v=v1";
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// No such object.
    pub(crate) fn not_found(resource: Resource, name: &str) -> Self {
        let message = format!("{} {name:?} not found", resource.info().qualified());
        Self::about(StatusCode::NOT_FOUND, "NotFound", message, resource, name)
    }

    pub(crate) fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            "the request's body is too large",
        )
    }

    /// The answer to a version that is still to come.
    pub(crate) fn too_large_version(wanted: Version, current: Version) -> Self {
        let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
        let causes = json!([{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]);
        Self {
            details: Some(json!({"causes": causes, "retryAfterSeconds": 1})),
            ..Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message)
        }
    }

    pub(crate) fn too_many_requests() -> Self {
        Self {
            details: Some(json!({"retryAfterSeconds": 1})),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequests",
                "too many requests, please try again later",
            )
        }
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn unsupported_media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: application/json",
        )
    }

    /// The failure that a conflict in the store is.
    pub(crate) fn of_conflict(conflict: Conflict, resource: Resource, name: &str) -> Self {
        match conflict {
            Conflict::AlreadyExists => Self::already_exists(resource, name),
            Conflict::Full => Self::too_many_requests(),
            Conflict::Modified => Self::conflict(resource, name),
            Conflict::NotFound => Self::not_found(resource, name),
        }
    }

    /// The failure that a refused object is.
    pub(crate) fn of_inadmissible(inadmissible: &Inadmissible, resource: Resource, name: &str) -> Self {
        match inadmissible {
            Inadmissible::NoSuchNamespace(namespace) => Self::not_found(Resource::Namespaces, namespace),
            Inadmissible::OtherNamespace => Self::bad_request(inadmissible.to_string()),
            _ => Self::invalid(resource, name, &inadmissible.to_string()),
        }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.code == StatusCode::NOT_FOUND
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut json = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        });
        if let Some(details) = &self.details {
            json["details"] = details.clone();
        }
        json["code"] = self.code.as_u16().into();
        json
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(full(self.to_json().to_string()));
        *response.status_mut() = self.code;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if matches!(
            self.code,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::GATEWAY_TIMEOUT
        ) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
        }
    }

    fn about(
        code: StatusCode,
        reason: &'static str,
        message: String,
        resource: Resource,
        name: &str,
    ) -> Self {
        let info = resource.info();
        Self {
            details: Some(details(name, info.group.name, info.plural)),
            ..Self::new(code, reason, message)
        }
    }
}

impl From<SelectorError> for Status {
    fn from(error: SelectorError) -> Self {
        Self::bad_request(error.to_string())
    }
}

/// The answer to a deletion that left nothing behind.
pub(crate) fn success(resource: Resource, name: &str, uid: &str) -> Value {
    let info = resource.info();
    let mut details = details(name, info.group.name, info.plural);
    details["uid"] = uid.into();
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

fn details(name: &str, group: &str, kind: &str) -> Value {
    let mut details = json!({});
    for (field, value) in [("name", name), ("group", group), ("kind", kind)] {
        if !value.is_empty() {
            details[field] = value.into();
        }
    }
    details
}
