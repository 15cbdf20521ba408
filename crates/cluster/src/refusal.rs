//! What the API server says when it does not do what it is asked.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use http::response::Parts;
use kube::core::Status;
use podline_wire::Untrusted;
use serde_json::Value;
use thiserror::Error;

/// A refusal of the API server, in its own words.
#[derive(Clone, Debug, Error)]
#[error("{message}")]
pub struct Refusal {
    /// The HTTP status.
    pub code: u16,
    /// The reason in one word, such as `NotFound`; empty where the answer is not the API server's own.
    pub reason: Untrusted,
    /// What it says.
    pub message: Untrusted,
    /// The access rule that the user lacks, where that is the reason.
    pub missing: Option<Rule>,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Understands the answer to a request for an upgrade: `metav1.Status`, another JSON object with `message` or
    /// `error`, or plain text.
    pub fn of_upgrade(head: &Parts, body: &[u8]) -> Self {
        let json: Option<Value> = serde_json::from_slice(body).ok();
        let text = |key: &str| json.as_ref()?.get(key)?.as_str().filter(|text| !text.is_empty());
        let message = match text("message").or_else(|| text("error")) {
            Some(message) => message.to_owned(),
            None => match String::from_utf8_lossy(body).trim() {
                "" => format!("the server answered {} and said nothing", head.status),
                body => body.to_owned(),
            },
        };
        let mut refusal = Self::new(head.status.as_u16(), text("reason").unwrap_or_default(), &message);
        if head.status == StatusCode::FORBIDDEN && refusal.missing.is_none() {
            // Since Kubernetes 1.35 a second check asks for `create` and does not say so.
            refusal.missing = Some(Rule {
                verb: Untrusted::new("create"),
                resource: Untrusted::new("pods/portforward"),
                namespace: None,
            });
        }
        let seconds = head
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        refusal.retry_after = seconds.map(Duration::from_secs);
        refusal
    }

    pub(crate) fn of_request(status: &Status) -> Self {
        let mut refusal = Self::new(status.code, &status.reason, &status.message);
        let seconds = status
            .details
            .as_ref()
            .map_or(0, |details| details.retry_after_seconds);
        refusal.retry_after = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        refusal
    }

    fn new(code: u16, reason: &str, message: &str) -> Self {
        Self {
            code,
            reason: Untrusted::new(reason),
            message: Untrusted::new(if message.is_empty() {
                "the server gave no reason"
            } else {
                message
            }),
            missing: Rule::in_message(message).filter(|_| code == StatusCode::FORBIDDEN.as_u16()),
            retry_after: None,
        }
    }

    /// Whether what was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code == StatusCode::NOT_FOUND.as_u16()
    }

    /// Whether the user may not do this.
    pub fn is_forbidden(&self) -> bool {
        self.code == StatusCode::FORBIDDEN.as_u16()
    }

    /// Whether the server does not know the user.
    pub fn is_unauthorized(&self) -> bool {
        self.code == StatusCode::UNAUTHORIZED.as_u16()
    }

    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        match self.code {
            401 => Some("the credentials are missing, wrong or expired; log in again".to_owned()),
            403 => match &self.missing {
                Some(rule) => Some(format!("the user needs a role that allows: {rule}")),
                None => Some("the user lacks a role that allows this".to_owned()),
            },
            429 | 503 => Some("the server is busy; try again later".to_owned()),
            _ => None,
        }
    }
}

/// An access rule: a verb on a resource.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// The verb, such as `create`.
    pub verb: Untrusted,
    /// The resource, such as `pods/portforward`.
    pub resource: Untrusted,
    /// The namespace, where one is named.
    pub namespace: Option<Untrusted>,
}

impl Rule {
    /// Finds the rule in a text such as `User "x" cannot create resource "pods/portforward" in API group "" in the
    /// namespace "y"`.
    fn in_message(message: &str) -> Option<Self> {
        let rest = &message[message.find(" cannot ")? + " cannot ".len()..];
        let (verb, rest) = rest.split_once(" resource \"")?;
        let (resource, rest) = rest.split_once('"')?;
        let namespace = rest
            .split_once("in the namespace \"")
            .and_then(|(_, rest)| rest.split_once('"'));
        let is_plain = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"/-.*".contains(&byte))
        };
        (is_plain(verb) && is_plain(resource)).then(|| Self {
            verb: Untrusted::new(verb),
            resource: Untrusted::new(resource),
            namespace: namespace.map(|(namespace, _)| Untrusted::new(namespace)),
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use http::Response;

    use super::*;

    fn refusal(code: u16, body: &str) -> Refusal {
        let (head, ()) = Response::builder()
            .status(code)
            .header("Retry-After", "60")
            .body(())
            .unwrap()
            .into_parts();
        Refusal::of_upgrade(&head, body.as_bytes())
    }

    #[test]
    fn the_missing_rule_is_named() {
        let body = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":
            "pods \"web\" is forbidden: User \"jane\" cannot create resource \"pods/portforward\" in API group \"\" in the namespace \"shop\""}"#;
        let refusal = refusal(403, body);
        assert_eq!(refusal.reason.as_raw(), "Forbidden");
        assert_eq!(
            refusal.hint().unwrap(),
            "the user needs a role that allows: create pods/portforward in namespace shop"
        );
    }

    #[test]
    fn every_kind_of_body_gives_a_message() {
        for (code, body, message) in [
            (
                403,
                r#"{"message":"pods \"x\" is forbidden: denied"}"#,
                "pods \"x\" is forbidden: denied",
            ),
            (500, r#"{"error":"broken"}"#, "broken"),
            (404, "pod does not exist\n", "pod does not exist"),
            (502, "", "the server answered 502 Bad Gateway and said nothing"),
            (502, "[1,2]", "[1,2]"),
            (500, "a\u{1b}[0mb", "a\\u{1b}[0mb"),
        ] {
            assert_eq!(refusal(code, body).to_string(), message);
        }
        assert_eq!(
            refusal(403, "no").missing.unwrap().to_string(),
            "create pods/portforward"
        );
        assert_eq!(refusal(429, "busy").retry_after, Some(Duration::from_secs(60)));
        assert_eq!(
            refusal(500, "User \"x\" cannot get resource \"pods\"").missing,
            None
        );
    }
}
