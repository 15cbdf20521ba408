//! What every request has in common.

use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::kubeconfig::{ConfigError, Impersonation, ServerUrl};
use podline_wire::Untrusted;

/// The value of `User-Agent` in whatever podline asks for by itself.
pub const AGENT: &str = concat!("podline/", env!("CARGO_PKG_VERSION"));

/// The headers that every request of one cluster and user gets, without credentials.
pub(crate) fn common_headers(
    server: &ServerUrl,
    impersonation: Option<&Impersonation>,
) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    let host = HeaderValue::try_from(server.authority().as_str());
    let host = host.map_err(|_| ConfigError::BadServer {
        server: Untrusted::new(server.to_string()),
    })?;
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    let Some(impersonation) = impersonation else {
        return Ok(headers);
    };
    let mut add = |name: &str, value: &str| {
        let invalid = ConfigError::Invalid {
            what: "user",
            name: Untrusted::new(&*impersonation.user),
            problem: "whom it impersonates cannot be written in a header",
        };
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                headers.append(name, value);
                Ok(())
            }
            _ => Err(invalid),
        }
    };
    add("impersonate-user", &impersonation.user)?;
    if let Some(uid) = &impersonation.uid {
        add("impersonate-uid", uid)?;
    }
    for group in &impersonation.groups {
        add("impersonate-group", group)?;
    }
    for (key, value) in &impersonation.extra {
        add(&format!("impersonate-extra-{}", escape_key(key)), value)?;
    }
    Ok(headers)
}

/// Percent-encodes what a header's name cannot have (client-go: `headerKeyEscape`).
fn escape_key(key: &str) -> String {
    let mut escaped = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn impersonation_goes_into_headers() {
        let server = ServerUrl::parse("https://[::1]:6443/prefix", true).unwrap();
        let impersonation = Impersonation {
            user: "jane".into(),
            uid: Some("42".into()),
            groups: vec!["a".into(), "b".into()],
            extra: vec![("scopes/x%".into(), "y z".into())],
        };
        let headers = common_headers(&server, Some(&impersonation)).unwrap();
        assert_eq!(headers["host"], "[::1]:6443");
        assert_eq!(headers["impersonate-user"], "jane");
        assert_eq!(headers["impersonate-uid"], "42");
        assert_eq!(
            headers.get_all("impersonate-group").iter().collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert_eq!(headers["impersonate-extra-scopes%2fx%25"], "y z");
        let bad = Impersonation {
            user: "a\nb".into(),
            uid: None,
            groups: vec![],
            extra: vec![],
        };
        assert!(matches!(
            common_headers(&server, Some(&bad)),
            Err(ConfigError::Invalid { .. })
        ));
    }
}
