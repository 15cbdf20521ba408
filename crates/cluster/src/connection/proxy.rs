//! Which proxy leads to the API server, if any.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use podline_wire::Untrusted;
use secrecy::{ExposeSecret, SecretString};

use super::dial::shown;
use super::no_proxy::NoProxy;
use crate::environment::Environment;
use crate::kubeconfig::ConfigError;

/// A proxy's address, and who may use it.
#[derive(Clone)]
pub(crate) struct ProxyUrl {
    pub(crate) scheme: ProxyScheme,
    /// Without brackets where it is an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: Option<(String, SecretString)>,
}

/// How one talks to a proxy.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum ProxyScheme {
    /// HTTP CONNECT.
    Http,
    /// HTTP CONNECT over TLS.
    Https,
    /// SOCKS5 (RFC 1928); names are looked up by the proxy.
    Socks5,
}

impl ProxyUrl {
    /// Parses `http://user:password@host:port`; https and socks5 are the other schemes.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let (scheme, default) = match uri.scheme_str()? {
            "http" => (ProxyScheme::Http, 80),
            "https" => (ProxyScheme::Https, 443),
            "socks5" | "socks5h" => (ProxyScheme::Socks5, 1080),
            _ => return None,
        };
        let authority = uri.authority()?;
        let host = authority.host();
        let (user, place) = match authority.as_str().rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority.as_str()),
        };
        let port = match place.strip_prefix(host)?.strip_prefix(':') {
            None | Some("") => default,
            Some(port) => port.parse().ok()?,
        };
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let user = user.map(|user| {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            (decode(user), SecretString::from(decode(password)))
        });
        (!host.is_empty()).then(|| Self {
            scheme,
            host: host.to_owned(),
            port,
            user,
        })
    }

    /// The proxy that the environment names for a server, unless `NO_PROXY` covers the server.
    pub(crate) fn from_environment(
        environment: &Environment,
        tls: bool,
        host: &str,
        port: u16,
    ) -> Result<Option<Self>, ConfigError> {
        let names: &[&str] = if tls {
            &["HTTPS_PROXY", "https_proxy"]
        } else {
            &["HTTP_PROXY", "http_proxy"]
        };
        let Some(url) = environment.text(names) else {
            return Ok(None);
        };
        let exceptions = environment.text(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
        if NoProxy::parse(exceptions).covers(host, port) {
            return Ok(None);
        }
        let proxy = if url.contains("://") {
            Self::parse(url)
        } else {
            Self::parse(&format!("http://{url}"))
        };
        proxy.map(Some).ok_or_else(|| ConfigError::BadProxy {
            url: Untrusted::new(without_user(url)),
        })
    }

    /// The value of `Proxy-Authorization`, if the URL has a user.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let (user, password) = self.user.as_ref()?;
        let credentials = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
        let mut value = HeaderValue::try_from(format!("Basic {credentials}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The URL without user and password.
impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            ProxyScheme::Http => "http",
            ProxyScheme::Https => "https",
            ProxyScheme::Socks5 => "socks5",
        };
        Untrusted::new(format!("{scheme}://{}", shown(&self.host, self.port))).fmt(f)
    }
}

/// Cuts user and password out of a URL.
pub(crate) fn without_user(url: &str) -> String {
    let (scheme, rest) = url
        .split_once("://")
        .map_or((None, url), |(scheme, rest)| (Some(scheme), rest));
    // An unencoded slash may be part of the password, so everything in front of the last @ goes.
    let rest = rest.rfind('@').map_or(rest, |at| &rest[at + 1..]);
    scheme.map_or_else(|| rest.to_owned(), |scheme| format!("{scheme}://{rest}"))
}

/// Undoes percent-encoding; what is not properly encoded stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn urls_are_understood() {
        for (url, scheme, host, port) in [
            ("http://proxy", ProxyScheme::Http, "proxy", 80),
            ("http://proxy:3128/", ProxyScheme::Http, "proxy", 3128),
            ("https://proxy", ProxyScheme::Https, "proxy", 443),
            ("socks5://[::1]", ProxyScheme::Socks5, "::1", 1080),
            ("socks5h://[::1]:9", ProxyScheme::Socks5, "::1", 9),
        ] {
            let proxy = ProxyUrl::parse(url).unwrap();
            assert_eq!(
                (proxy.scheme, &*proxy.host, proxy.port),
                (scheme, host, port),
                "{url}"
            );
        }
        for url in [
            "",
            "proxy",
            "proxy:3128",
            "ftp://proxy",
            "http://",
            "http://proxy:99999",
            "http://:1",
            "http://a b",
        ] {
            assert!(ProxyUrl::parse(url).is_none(), "{url}");
        }
    }

    #[test]
    fn user_and_password_are_used_and_never_shown() {
        let proxy = ProxyUrl::parse("http://me:p%40ss%3a@proxy:1").unwrap();
        let (user, password) = proxy.user.as_ref().unwrap();
        assert_eq!((&**user, password.expose_secret()), ("me", "p@ss:"));
        assert_eq!(proxy.authorization().unwrap(), "Basic bWU6cEBzczo=");
        assert_eq!(proxy.to_string(), "http://proxy:1");
        assert!(proxy.authorization().unwrap().is_sensitive());
    }

    #[test]
    fn the_environment_is_asked_as_go_asks_it() {
        let proxy = |variables: &[(&str, &str)], tls, host| {
            let environment = Environment::of(variables);
            ProxyUrl::from_environment(&environment, tls, host, 443)
                .unwrap()
                .map(|proxy| proxy.to_string())
        };
        let https = [("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", "10.0.0.0/8,.local")];
        assert_eq!(proxy(&https, true, "k8s.example").unwrap(), "http://p:1");
        assert_eq!(proxy(&https, false, "k8s.example"), None);
        assert_eq!(proxy(&https, true, "10.9.9.9"), None);
        assert_eq!(proxy(&https, true, "k8s.local"), None);
        assert_eq!(proxy(&https, true, "localhost"), None);
        assert_eq!(
            proxy(&[("https_proxy", "p:3128")], true, "k").unwrap(),
            "http://p:3128"
        );
        assert_eq!(
            proxy(&[("HTTPS_PROXY", ""), ("https_proxy", "socks5://p")], true, "k").unwrap(),
            "socks5://p:1080"
        );
        assert_eq!(
            proxy(&[("http_proxy", "http://p")], false, "k").unwrap(),
            "http://p:80"
        );
        let bad = Environment::of(&[("HTTPS_PROXY", "ftp://me:s3c/ret@proxy")]);
        let error = ProxyUrl::from_environment(&bad, true, "k", 443).err().unwrap();
        assert_eq!(
            error.to_string(),
            "invalid proxy URL 'ftp://proxy': it must be http, https or socks5 with a host"
        );
        assert_eq!(proxy(&[("ALL_PROXY", "http://p")], true, "k"), None);
    }
}
