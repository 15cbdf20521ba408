use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use podline_wire::websocket::handshake;
use serde_json::json;

/// The only sub-protocol of port-forward.
const PORT_FORWARD: &str = "portforward.k8s.io";

/// What stands before a sub-protocol that is tunnelled in WebSocket messages.
const TUNNEL_PREFIX: &str = "SPDY/3.1+";
const TUNNEL_SUFFIX: &str = ".k8s.io";

/// The sub-protocols of the legacy WebSocket protocol. The unnamed one is the binary one.
const BINARY_CHANNELS: &str = "v4.channel.k8s.io";
const TEXT_CHANNELS: &str = "v4.base64.channel.k8s.io";

const STREAM_PROTOCOL: &str = "x-stream-protocol-version";
const ACCEPTED_PROTOCOLS: &str = "x-accepted-stream-protocol-versions";

/// Ports of one legacy request, as kube-rs bounds them.
const MAX_PORTS: usize = 128;

/// What a request asks to be upgraded to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Upgrade {
    /// One WebSocket message for each piece of a port's data.
    Channels {
        accept: String,
        protocol: Option<&'static str>,
        ports: Vec<u16>,
    },
    Spdy,
    /// SPDY in WebSocket messages.
    Tunnel {
        accept: String,
    },
}

/// Why a request is not upgraded, in the words of whoever refuses it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// The API server's `Status` object.
    Status {
        status: StatusCode,
        reason: &'static str,
        message: String,
    },
    /// Plain text of the kubelet or the runtime.
    Text { status: StatusCode, text: String },
    /// The runtime knows none of the sub-protocols.
    UnknownProtocol { text: String },
}

impl Upgrade {
    /// Decides what a request becomes. `tunnel` tells whether the cluster knows the WebSocket tunnel.
    pub(super) fn negotiate<B>(request: &Request<B>, tunnel: bool) -> Result<Self, Refusal> {
        let headers = request.headers();
        if !has_token(headers, header::CONNECTION, "upgrade") {
            return Err(Refusal::status(
                StatusCode::BAD_REQUEST,
                "BadRequest",
                "Upgrade request required",
            ));
        }
        if !has_token(headers, header::UPGRADE, "websocket") {
            return Self::negotiate_spdy(headers);
        }
        let offered = websocket_protocols(headers);
        let tunnelled: Vec<&str> = offered
            .iter()
            .filter_map(|protocol| tunnelled(protocol))
            .collect();
        if tunnelled.is_empty() || !tunnel {
            return Self::negotiate_channels(request, &offered);
        }
        if !tunnelled.contains(&PORT_FORWARD) {
            return Err(Refusal::unknown_protocol(&tunnelled));
        }
        Ok(Self::Tunnel {
            accept: accept(headers)?,
        })
    }

    /// The 101.
    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        let (accept, protocol) = match self {
            Self::Spdy => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("SPDY/3.1"));
                headers.insert(STREAM_PROTOCOL, HeaderValue::from_static(PORT_FORWARD));
                return response;
            }
            Self::Channels { accept, protocol, .. } => (accept, *protocol),
            Self::Tunnel { accept } => (accept, Some("SPDY/3.1+portforward.k8s.io")),
        };
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(accept) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(protocol) = protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        }
        response
    }

    fn negotiate_spdy(headers: &HeaderMap) -> Result<Self, Refusal> {
        if !has_token(headers, header::UPGRADE, "spdy/3.1") {
            let found: Vec<_> = headers
                .get_all(header::UPGRADE)
                .iter()
                .map(|value| format!("{value:?}"))
                .collect();
            let text = format!(
                "unable to upgrade: missing upgrade headers in request: [{}]",
                found.join(" ")
            );
            return Err(Refusal::text(StatusCode::BAD_REQUEST, &text));
        }
        let offered: Vec<&str> = headers
            .get_all(STREAM_PROTOCOL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|protocol| !protocol.is_empty())
            .collect();
        if offered.contains(&PORT_FORWARD) {
            return Ok(Self::Spdy);
        }
        if !offered.is_empty() {
            return Err(Refusal::unknown_protocol(&offered));
        }
        let count = headers.len();
        let text = if headers.contains_key(STREAM_PROTOCOL) {
            "unable to upgrade: header X-Stream-Protocol-Version exists in request but no valid protocols"
                .into()
        } else {
            format!(
                "unable to upgrade: header X-Stream-Protocol-Version does not exist in request with {count} headers"
            )
        };
        Err(Refusal::text(StatusCode::BAD_REQUEST, &text))
    }

    fn negotiate_channels<B>(request: &Request<B>, offered: &[String]) -> Result<Self, Refusal> {
        let ports = legacy_ports(request.uri().query().unwrap_or_default())
            .map_err(|text| Refusal::text(StatusCode::BAD_REQUEST, &text))?;
        let known = |offered: &String| {
            [BINARY_CHANNELS, TEXT_CHANNELS]
                .into_iter()
                .find(|name| name == offered)
        };
        let protocol = match offered {
            [] => None,
            // The runtime's WebSocket library refuses without a word.
            _ => Some(
                offered
                    .iter()
                    .find_map(known)
                    .ok_or_else(|| Refusal::text(StatusCode::FORBIDDEN, ""))?,
            ),
        };
        Ok(Self::Channels {
            accept: accept(request.headers())?,
            protocol,
            ports,
        })
    }
}

impl Upgrade {
    /// Whether the legacy protocol's messages are base64 text.
    pub(super) fn is_text(protocol: Option<&str>) -> bool {
        protocol == Some(TEXT_CHANNELS)
    }
}

impl Refusal {
    pub(super) fn status(status: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self::Status {
            status,
            reason,
            message: message.into(),
        }
    }

    /// Text as Go's error helper writes it: with a line feed.
    pub(super) fn text(status: StatusCode, text: &str) -> Self {
        let text = if text.is_empty() {
            String::new()
        } else {
            format!("{text}\n")
        };
        Self::Text { status, text }
    }

    /// The answer of a fault that is set: what an API server says with that status.
    pub(super) fn of_fault(status: StatusCode, name: &str) -> Self {
        let (reason, message) = match status {
            StatusCode::UNAUTHORIZED => ("Unauthorized", "Unauthorized".into()),
            StatusCode::FORBIDDEN => (
                "Forbidden",
                format!(
                    "pods \"{name}\" is forbidden: cannot create resource \"pods/portforward\" in API group \"\""
                ),
            ),
            StatusCode::NOT_FOUND => ("NotFound", format!("pods \"{name}\" not found")),
            StatusCode::TOO_MANY_REQUESTS => (
                "TooManyRequests",
                "too many requests, please try again later".into(),
            ),
            StatusCode::INTERNAL_SERVER_ERROR => (
                "InternalError",
                "error dialing backend: dial tcp 127.0.0.1:10250: connect: connection refused".into(),
            ),
            StatusCode::SERVICE_UNAVAILABLE => (
                "ServiceUnavailable",
                "the server is currently unable to handle the request".into(),
            ),
            other => ("", other.canonical_reason().unwrap_or("unknown").into()),
        };
        Self::Status {
            status,
            reason,
            message,
        }
    }

    fn unknown_protocol(offered: &[&str]) -> Self {
        let offered = offered.join(" ");
        let text = format!(
            "unable to upgrade: unable to negotiate protocol: client supports [{offered}], server accepts \
             [{PORT_FORWARD}]\n"
        );
        Self::UnknownProtocol { text }
    }

    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let (status, kind, body) = match &self {
            Self::Status {
                status,
                reason,
                message,
            } => {
                let object = json!({
                    "kind": "Status",
                    "apiVersion": "v1",
                    "metadata": {},
                    "status": "Failure",
                    "message": message,
                    "reason": reason,
                    "code": status.as_u16(),
                });
                (*status, "application/json", object.to_string())
            }
            Self::Text { status, text } => (*status, "text/plain; charset=utf-8", text.clone()),
            Self::UnknownProtocol { text } => {
                (StatusCode::FORBIDDEN, "text/plain; charset=utf-8", text.clone())
            }
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        // What the upgrade proxy relays is the last thing on its connection.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        if status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if matches!(self, Self::UnknownProtocol { .. }) {
            headers.insert(ACCEPTED_PROTOCOLS, HeaderValue::from_static(PORT_FORWARD));
        }
        response
    }
}

/// Whether a header has a value that contains `token`, in any case, as the proxies look for it.
fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.to_ascii_lowercase().contains(token))
}

/// The sub-protocols of the first header that names any.
fn websocket_protocols(headers: &HeaderMap) -> Vec<String> {
    let value = headers
        .get(header::SEC_WEBSOCKET_PROTOCOL)
        .and_then(|value| value.to_str().ok());
    let tokens = value.into_iter().flat_map(|value| value.split(','));
    tokens
        .map(|token| token.trim().to_owned())
        .filter(|token| !token.is_empty())
        .collect()
}

fn tunnelled(protocol: &str) -> Option<&str> {
    protocol
        .strip_prefix(TUNNEL_PREFIX)
        .filter(|protocol| protocol.ends_with(TUNNEL_SUFFIX))
}

/// Checks what a WebSocket needs besides its protocol, and answers its key.
fn accept(headers: &HeaderMap) -> Result<String, Refusal> {
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let key = value(header::SEC_WEBSOCKET_KEY).filter(|key| !key.is_empty());
    match (value(header::SEC_WEBSOCKET_VERSION), key) {
        (Some("13"), Some(key)) => Ok(handshake::accept(key)),
        _ => Err(Refusal::text(StatusCode::BAD_REQUEST, "Bad Request")),
    }
}

/// The ports of a legacy request; the kubelet sees the API server's `ports` as `port`.
fn legacy_ports(query: &str) -> Result<Vec<u16>, String> {
    let values: Vec<&str> = query
        .split('&')
        .filter_map(|field| field.split_once('='))
        .filter(|(name, _)| *name == "ports")
        .map(|(_, value)| value)
        .collect();
    if values.is_empty() {
        return Err("query parameter \"port\" is required".into());
    }
    let mut ports = Vec::new();
    for value in values {
        if value.is_empty() {
            return Err("query parameter \"port\" cannot be empty".into());
        }
        let value = value.replace("%2C", ",").replace("%2c", ",");
        for digits in value.split(',') {
            let port = digits
                .parse::<u16>()
                .map_err(|_| format!("unable to parse {value:?} as a port"))?;
            if port == 0 {
                return Err(format!("port {digits:?} must be > 0"));
            }
            ports.push(port);
        }
    }
    if ports.len() > MAX_PORTS {
        return Err(format!("more than {MAX_PORTS} ports"));
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(query: &str, headers: &[(&str, &str)]) -> Request<()> {
        let uri = format!("/api/v1/namespaces/default/pods/web/portforward{query}");
        let builder = headers
            .iter()
            .fold(Request::builder().uri(uri), |builder, (name, value)| {
                builder.header(*name, *value)
            });
        builder.body(()).unwrap()
    }

    fn websocket<'a>(extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut headers = vec![
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        headers.extend(extra);
        headers
    }

    fn text(status: u16, text: &str) -> Refusal {
        Refusal::text(StatusCode::from_u16(status).unwrap(), text)
    }

    #[test]
    fn spdy_needs_both_headers_and_the_protocol() {
        let connection = ("connection", "keep-alive, Upgrade");
        let spdy = ("upgrade", "SPDY/3.1");
        let protocol = ("X-Stream-Protocol-Version", "portforward.k8s.io");
        assert_eq!(
            Upgrade::negotiate(&request("", &[connection, spdy, protocol]), true),
            Ok(Upgrade::Spdy)
        );

        let missing = Upgrade::negotiate(&request("", &[connection, spdy]), true).unwrap_err();
        let expected =
            "unable to upgrade: header X-Stream-Protocol-Version does not exist in request with 2 headers";
        assert_eq!(missing, text(400, expected));

        let refused =
            Upgrade::negotiate(&request("", &[connection, spdy, (protocol.0, "v9, x")]), true).unwrap_err();
        let response = refused.response();
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers()[ACCEPTED_PROTOCOLS], PORT_FORWARD);

        let plain = Upgrade::negotiate(&request("", &[]), true).unwrap_err();
        assert_eq!(
            plain,
            Refusal::status(StatusCode::BAD_REQUEST, "BadRequest", "Upgrade request required")
        );
    }

    #[test]
    fn a_tunnel_is_told_by_its_sub_protocol() {
        let headers = websocket(&[("sec-websocket-protocol", "SPDY/3.1+portforward.k8s.io")]);
        let upgrade = Upgrade::negotiate(&request("", &headers), true).unwrap();
        let response = upgrade.response();
        assert_eq!(
            response.headers()[header::SEC_WEBSOCKET_ACCEPT],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert_eq!(
            response.headers()[header::SEC_WEBSOCKET_PROTOCOL],
            "SPDY/3.1+portforward.k8s.io"
        );

        let unknown = websocket(&[("sec-websocket-protocol", "SPDY/3.1+exec.k8s.io")]);
        let refusal = Upgrade::negotiate(&request("", &unknown), true).unwrap_err();
        assert_eq!(refusal.response().status(), 403);
    }

    #[test]
    fn an_older_cluster_asks_a_tunnel_for_its_port() {
        let headers = websocket(&[("sec-websocket-protocol", "SPDY/3.1+portforward.k8s.io")]);
        let refusal = Upgrade::negotiate(&request("", &headers), false).unwrap_err();
        assert_eq!(refusal, text(400, "query parameter \"port\" is required"));
    }

    #[test]
    fn the_legacy_protocol_takes_ports_and_the_first_known_name() {
        let headers = websocket(&[("sec-websocket-protocol", "v5.channel.k8s.io, v4.channel.k8s.io")]);
        let upgrade = Upgrade::negotiate(&request("?ports=80,8080&ports=7", &headers), true);
        let Ok(Upgrade::Channels { protocol, ports, .. }) = upgrade else {
            panic!("{upgrade:?}")
        };
        assert_eq!((protocol, ports), (Some(BINARY_CHANNELS), vec![80, 8080, 7]));

        for (query, problem) in [
            ("?ports=", "query parameter \"port\" cannot be empty"),
            ("?ports=0", "port \"0\" must be > 0"),
            ("?ports=x", "unable to parse \"x\" as a port"),
        ] {
            assert_eq!(
                Upgrade::negotiate(&request(query, &headers), true),
                Err(text(400, problem))
            );
        }
        let unknown = websocket(&[("sec-websocket-protocol", "v5.channel.k8s.io")]);
        assert_eq!(
            Upgrade::negotiate(&request("?ports=7", &unknown), true),
            Err(text(403, ""))
        );
    }

    #[test]
    fn a_fault_is_told_as_an_api_server_tells_it() {
        let refusal = Refusal::of_fault(StatusCode::NOT_FOUND, "web-0");
        let Refusal::Status { message, .. } = &refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(message, "pods \"web-0\" not found");
        assert_eq!(
            Refusal::of_fault(StatusCode::TOO_MANY_REQUESTS, "web")
                .response()
                .headers()["retry-after"],
            "1"
        );
    }
}
