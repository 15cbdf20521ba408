//! The API server's address.

use std::fmt;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use podline_wire::Untrusted;

/// The API server's base address: scheme, host, port, and a path in front of all API paths.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ServerUrl {
    pub(crate) tls: bool,
    /// Without brackets where it is an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Without a slash at its end; empty if there is none.
    prefix: String,
    authority: Authority,
}

impl ServerUrl {
    /// Parses `https://host:port/path`, or a `host:port` alone, which gets https if `tls` and http otherwise.
    /// User information, query and fragment are dropped. `None` if it is neither.
    pub(crate) fn parse(text: &str, tls: bool) -> Option<Self> {
        let has_scheme = text.contains("://");
        let text = if has_scheme {
            text.to_owned()
        } else {
            format!("{}://{text}", if tls { "https" } else { "http" })
        };
        let text = text.split(['#', '?']).next()?;
        let uri: Uri = text.parse().ok()?;
        let tls = match uri.scheme()?.as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let prefix = uri.path().trim_end_matches('/').to_owned();
        if !has_scheme && !prefix.is_empty() {
            return None;
        }
        let host = uri.host()?;
        // An authority such as `host:99999` parses, but its port does not.
        let port = match uri
            .authority()?
            .as_str()
            .rsplit('@')
            .next()?
            .strip_prefix(host)?
            .strip_prefix(':')
        {
            None | Some("") => {
                if tls {
                    443
                } else {
                    80
                }
            }
            Some(port) => port.parse().ok()?,
        };
        let is_default = port == if tls { 443 } else { 80 };
        let authority = if is_default {
            host.to_owned()
        } else {
            format!("{host}:{port}")
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        if bare.is_empty() {
            return None;
        }
        Some(Self {
            tls,
            host: bare.to_owned(),
            port,
            prefix,
            authority: authority.parse().ok()?,
        })
    }

    /// The value of the header `Host`.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// An API path such as `/api/v1/pods?watch=1` behind the server's own prefix.
    pub(crate) fn path(&self, path: &Uri) -> Result<PathAndQuery, http::Error> {
        let path = path.path_and_query().map_or("/", PathAndQuery::as_str);
        Ok(PathAndQuery::try_from(format!("{}{path}", self.prefix))?)
    }

    /// The whole URI of an API path.
    pub(crate) fn uri(&self, path: &Uri) -> Result<Uri, http::Error> {
        let scheme = if self.tls { Scheme::HTTPS } else { Scheme::HTTP };
        Uri::builder()
            .scheme(scheme)
            .authority(self.authority.clone())
            .path_and_query(self.path(path)?)
            .build()
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        Untrusted::new(format!("{scheme}://{}{}", self.authority, self.prefix)).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn addresses_are_understood_as_client_go_does() {
        for (text, tls, shown, host, port) in [
            (
                "https://10.0.0.1:6443",
                false,
                "https://10.0.0.1:6443",
                "10.0.0.1",
                6443,
            ),
            (
                "https://k8s.example/",
                false,
                "https://k8s.example",
                "k8s.example",
                443,
            ),
            (
                "https://k8s.example:443",
                false,
                "https://k8s.example",
                "k8s.example",
                443,
            ),
            (
                "http://k8s.example",
                true,
                "http://k8s.example",
                "k8s.example",
                80,
            ),
            (
                "https://rancher/k8s/clusters/c-1/",
                false,
                "https://rancher/k8s/clusters/c-1",
                "rancher",
                443,
            ),
            ("https://[::1]:6443", false, "https://[::1]:6443", "::1", 6443),
            (
                "localhost:8080",
                false,
                "http://localhost:8080",
                "localhost",
                8080,
            ),
            (
                "localhost:6443",
                true,
                "https://localhost:6443",
                "localhost",
                6443,
            ),
            (
                "https://user:secret@host:1/?x#y",
                false,
                "https://host:1",
                "host",
                1,
            ),
            ("https://host:", false, "https://host", "host", 443),
        ] {
            let url = ServerUrl::parse(text, tls).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(url.to_string(), shown);
            assert_eq!((&*url.host, url.port), (host, port));
        }
        for text in [
            "",
            "://",
            "https://",
            "ftp://host",
            "https://host:99999",
            "https://ho st",
            "host:1/path",
            "https://:1",
        ] {
            assert_eq!(ServerUrl::parse(text, true), None, "{text}");
        }
    }

    #[test]
    fn the_prefix_stays_in_front_of_api_paths() {
        let path = Uri::from_static("/api/v1/pods?watch=1");
        let url = ServerUrl::parse("https://rancher/k8s/clusters/c-1", false).unwrap();
        assert_eq!(
            url.uri(&path).unwrap(),
            "https://rancher/k8s/clusters/c-1/api/v1/pods?watch=1"
        );
        let url = ServerUrl::parse("https://host:1", false).unwrap();
        assert_eq!(url.path(&path).unwrap(), "/api/v1/pods?watch=1");
    }
}
