//! The request for an upgrade and the check of its answer, for each transport.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::response::Parts;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode};
use podline_wire::Untrusted;
use podline_wire::websocket::handshake;

use crate::{Io, PodAddress, SessionError, Transport, Upgrade, UpgradeAnswer, UpgradeFailure};

/// How long the answer to a request for an upgrade may take, connection and TLS included: each of those has a deadline
/// of its own inside it.
pub(crate) const UPGRADE_DEADLINE: Duration = Duration::from_secs(15);

const SPDY: &str = "SPDY/3.1";
const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");
const PORT_FORWARD: &str = "portforward.k8s.io";
/// The WebSocket sub-protocol for SPDY in binary messages (KEP-4006).
const TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";

/// A connection that carries SPDY from here on.
pub(crate) struct Upgraded {
    pub(crate) io: Box<dyn Io>,
    pub(crate) read_ahead: Bytes,
}

/// Asks for an upgrade to `pod` by `transport`. `entropy` makes the WebSocket's key.
pub(crate) async fn upgrade(
    cluster: &dyn Upgrade,
    pod: &PodAddress,
    transport: Transport,
    entropy: [u8; 16],
) -> Result<Upgraded, SessionError> {
    let key = handshake::key(entropy);
    let answer = tokio::time::timeout(UPGRADE_DEADLINE, cluster.upgrade(request(pod, transport, &key)))
        .await
        .map_err(|_| unanswered())??;
    match answer {
        UpgradeAnswer::Switched { head, io, read_ahead } => {
            check(transport, &head.headers, &key).map_err(SessionError::Misanswered)?;
            Ok(Upgraded { io, read_ahead })
        }
        UpgradeAnswer::Refused { head, body } => Err(refusal(&head, &body, transport)),
    }
}

/// There is no answer to the request.
pub(crate) fn unanswered() -> UpgradeFailure {
    UpgradeFailure::Timeout {
        step: "the answer to the upgrade",
    }
}

fn request(pod: &PodAddress, transport: Transport, key: &str) -> Request<()> {
    let path = format!(
        "/api/v1/namespaces/{}/pods/{}/portforward",
        pod.namespace, pod.name
    );
    let request = Request::builder().uri(path).header(CONNECTION, "Upgrade");
    let request = match transport {
        Transport::Spdy => request
            .method(Method::POST)
            .header(UPGRADE, SPDY)
            .header(STREAM_PROTOCOL, PORT_FORWARD),
        Transport::Websocket => request
            .method(Method::GET)
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, key)
            .header(SEC_WEBSOCKET_PROTOCOL, TUNNEL),
    };
    request
        .body(())
        .expect("names of Kubernetes objects are valid in a path")
}

/// RFC 6455 section 4.1 for the WebSocket; what client-go checks for SPDY.
fn check(transport: Transport, headers: &HeaderMap, key: &str) -> Result<(), &'static str> {
    let value = |name: &HeaderName| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let contains = |name: &HeaderName, token: &str| value(name).to_ascii_lowercase().contains(token);
    if !contains(&CONNECTION, "upgrade") {
        return Err("`Connection` does not say `Upgrade`");
    }
    match transport {
        Transport::Spdy if !contains(&UPGRADE, "spdy/3.1") => Err("`Upgrade` does not say `SPDY/3.1`"),
        Transport::Spdy if value(&STREAM_PROTOCOL) != PORT_FORWARD => {
            Err("another stream protocol than `portforward.k8s.io`")
        }
        Transport::Websocket if !contains(&UPGRADE, "websocket") => Err("`Upgrade` does not say `websocket`"),
        Transport::Websocket if value(&SEC_WEBSOCKET_ACCEPT) != handshake::accept(key) => {
            Err("a wrong `Sec-WebSocket-Accept`")
        }
        Transport::Websocket if value(&SEC_WEBSOCKET_PROTOCOL) != TUNNEL => {
            Err("another WebSocket sub-protocol than `SPDY/3.1+portforward.k8s.io`")
        }
        Transport::Spdy | Transport::Websocket => Ok(()),
    }
}

fn refusal(head: &Parts, body: &Bytes, transport: Transport) -> SessionError {
    let retry_after = head
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    SessionError::Refused {
        message: message(head.status, body),
        retry_after,
        status: head.status,
        transport,
    }
}

/// The message of a `metav1.Status`, else the text of the body.
fn message(status: StatusCode, body: &[u8]) -> Untrusted {
    #[derive(serde::Deserialize)]
    struct Status {
        message: String,
    }
    match serde_json::from_slice::<Status>(body) {
        Ok(status) if !status.message.is_empty() => Untrusted::new(status.message),
        _ => match String::from_utf8_lossy(body).trim() {
            "" => Untrusted::new(status.canonical_reason().unwrap_or("an empty answer")),
            text => Untrusted::new(text),
        },
    }
}

/// Whether another transport may succeed where this one failed: not where the API server itself spoke of the pod or of
/// who asks, nor where it is overloaded.
pub(crate) fn other_transport_may_work(error: &SessionError) -> bool {
    match error {
        SessionError::Misanswered(_) => true,
        SessionError::Refused { status, .. } => !matches!(
            *status,
            StatusCode::NOT_FOUND | StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use http::Response;

    use super::*;

    fn pod() -> PodAddress {
        PodAddress {
            namespace: "default".into(),
            name: "web-1".into(),
        }
    }

    fn parts(status: u16, headers: &[(&str, &str)]) -> Parts {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        answer.body(()).unwrap().into_parts().0
    }

    #[test]
    fn requests_are_as_kubectl_sends_them() {
        let spdy = request(&pod(), Transport::Spdy, "");
        assert_eq!(spdy.method(), Method::POST);
        assert_eq!(spdy.uri(), "/api/v1/namespaces/default/pods/web-1/portforward");
        assert_eq!(spdy.headers()["upgrade"], "SPDY/3.1");
        assert_eq!(spdy.headers()["x-stream-protocol-version"], "portforward.k8s.io");
        let websocket = request(&pod(), Transport::Websocket, "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(websocket.method(), Method::GET);
        assert_eq!(
            websocket.headers()["sec-websocket-protocol"],
            "SPDY/3.1+portforward.k8s.io"
        );
        assert_eq!(
            websocket.headers()["sec-websocket-key"],
            "dGhlIHNhbXBsZSBub25jZQ=="
        );
    }

    #[test]
    fn a_101_to_something_else_is_noticed() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let good = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("sec-websocket-protocol", TUNNEL),
        ];
        assert_eq!(
            check(Transport::Websocket, &parts(101, &good).headers, key),
            Ok(())
        );
        for spoiled in 0..good.len() {
            let mut bad = good;
            bad[spoiled].1 = "x";
            assert!(
                check(Transport::Websocket, &parts(101, &bad).headers, key).is_err(),
                "{}",
                bad[spoiled].0
            );
        }
        let good = [
            ("connection", "Upgrade"),
            ("upgrade", SPDY),
            ("x-stream-protocol-version", PORT_FORWARD),
        ];
        assert_eq!(check(Transport::Spdy, &parts(101, &good).headers, ""), Ok(()));
        for spoiled in 0..good.len() {
            let mut bad = good;
            bad[spoiled].1 = "x";
            assert!(
                check(Transport::Spdy, &parts(101, &bad).headers, "").is_err(),
                "{}",
                bad[spoiled].0
            );
        }
    }

    #[test]
    fn a_refusal_tells_what_the_server_said() {
        let told = |body: &'static str| match refusal(
            &parts(500, &[("retry-after", "7")]),
            &Bytes::from(body),
            Transport::Spdy,
        ) {
            SessionError::Refused {
                message, retry_after, ..
            } => (message.to_string(), retry_after),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            told(r#"{"kind":"Status","message":"no\u001b[31m"}"#).0,
            "no\\u{1b}[31m"
        );
        assert_eq!(told(" pod does not exist\n").0, "pod does not exist");
        assert_eq!(told("").0, "Internal Server Error");
        assert_eq!(told("").1, Some(Duration::from_secs(7)));
    }
}
