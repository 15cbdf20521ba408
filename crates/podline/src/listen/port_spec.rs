use std::fmt;
use std::str::FromStr;

use podline_cluster::{RemotePort, RemotePortError};
use podline_wire::Untrusted;
use thiserror::Error;

/// A port to forward, as on kubectl's command line: `8080`, `https`, `5000:https`, `:80`, `0:80`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PortSpec {
    /// The port to listen on.
    pub local: LocalPort,
    /// The port of the target.
    pub remote: RemotePort,
}

/// The local half of a [`PortSpec`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LocalPort {
    /// Any that is free.
    Any,
    /// This one.
    Exact(u16),
    /// The number of the remote port; of a service its own port, not the pod's.
    Same,
}

impl FromStr for PortSpec {
    type Err = InvalidPort;

    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        let (local, remote) = match text.split_once(':') {
            None => (LocalPort::Same, text),
            Some(("", remote)) => (LocalPort::Any, remote),
            Some((local, remote)) => (local_port(local)?, remote),
        };
        if remote.is_empty() || remote.contains(':') {
            return Err(InvalidPort::Form(Untrusted::new(text)));
        }
        let remote = remote.parse()?;
        Ok(Self { local, remote })
    }
}

fn local_port(local: &str) -> Result<LocalPort, InvalidPort> {
    // `u16` takes a sign, a port has none.
    let number = local
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| local.parse());
    match number {
        Some(Ok(0)) => Ok(LocalPort::Any),
        Some(Ok(port)) => Ok(LocalPort::Exact(port)),
        Some(Err(_)) | None => Err(InvalidPort::Local(Untrusted::new(local))),
    }
}

/// Displays in the form that it was given in; any free port as `0`.
impl fmt::Display for PortSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.local {
            LocalPort::Any => write!(f, "0:{}", self.remote),
            LocalPort::Exact(port) => write!(f, "{port}:{}", self.remote),
            LocalPort::Same => write!(f, "{}", self.remote),
        }
    }
}

/// A text that is no [`PortSpec`].
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum InvalidPort {
    /// Neither `REMOTE` nor `LOCAL:REMOTE`.
    #[error("invalid port format '{0}'")]
    Form(Untrusted),
    /// The local port is no number from 0 to 65535.
    #[error("error parsing local port '{0}': not a number from 0 to 65535")]
    Local(Untrusted),
    /// The remote port is neither a number from 1 to 65535 nor a name.
    #[error(transparent)]
    Remote(#[from] RemotePortError),
}

impl InvalidPort {
    /// What would have been right.
    pub fn hint(&self) -> Option<String> {
        Some("a port is REMOTE, LOCAL:REMOTE, or :REMOTE for any free local port; REMOTE is a number or a name".to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use super::*;

    fn parsed(text: &str) -> (LocalPort, String) {
        let spec: PortSpec = text.parse().unwrap();
        (spec.local, spec.remote.to_string())
    }

    #[test]
    fn takes_the_forms_of_kubectl() {
        assert_eq!(parsed("8080"), (LocalPort::Same, "8080".to_owned()));
        assert_eq!(parsed("https"), (LocalPort::Same, "https".to_owned()));
        assert_eq!(parsed("5000:https"), (LocalPort::Exact(5000), "https".to_owned()));
        assert_eq!(parsed("8080:80"), (LocalPort::Exact(8080), "80".to_owned()));
        assert_eq!(parsed(":80"), (LocalPort::Any, "80".to_owned()));
        assert_eq!(parsed("0:80"), (LocalPort::Any, "80".to_owned()));
        assert_eq!(
            parsed("65535:65535"),
            (LocalPort::Exact(65535), "65535".to_owned())
        );
    }

    #[test]
    fn refuses_what_kubectl_refuses_or_misreads() {
        let refused = |text: &str| text.parse::<PortSpec>().unwrap_err();
        for text in ["", ":", "8080:", "1:2:3", ":1:2", "::"] {
            assert!(matches!(refused(text), InvalidPort::Form(_)), "{text:?}");
        }
        for text in ["99999:80", "-1:80", "+1:80", "http:80", " 1:80", "65536:80"] {
            assert!(matches!(refused(text), InvalidPort::Local(_)), "{text:?}");
        }
        for text in ["0", "80:0", "80:00", "99999", "80:99999", "65536"] {
            assert!(matches!(refused(text), InvalidPort::Remote(_)), "{text:?}");
        }
    }

    #[test]
    fn displays_as_given() {
        for text in ["8080", "https", "5000:https", "0:80"] {
            assert_eq!(text.parse::<PortSpec>().unwrap().to_string(), text);
        }
    }
}
