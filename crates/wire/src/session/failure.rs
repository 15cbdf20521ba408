//! What a runtime's error text says. A text is recognised whole or not at all: an app's own output never gets here, but
//! a connection is sent elsewhere on the strength of it.

/// What of a runtime's error text is to be concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// The dial inside the pod failed: no byte has reached an app.
    Dial,
    /// Anything else, such as a broken connection.
    Other,
    /// The pod's sandbox is gone: no byte has reached an app, and no later connection on this session will.
    SandboxGone,
}

impl FailureKind {
    /// Classifies the whole text of an error stream.
    ///
    /// The forms are those of cri-streaming with containerd (`sandbox_portforward_linux.go`) and CRI-O
    /// (`runtime_oci_linux.go`, `container_portforward.go`).
    pub fn of(text: &str) -> Self {
        Self::in_wrapping(text).unwrap_or(Self::Other)
    }

    fn in_wrapping(text: &str) -> Option<Self> {
        let rest = text.trim_end().strip_prefix("error forwarding port ")?;
        let (port, rest) = rest.split_once(" to pod ")?;
        port.parse::<u16>().ok()?;
        let (pod, cause) = rest.split_once(", uid : ")?;
        if pod.contains(' ') {
            return None;
        }
        Some(Self::of_cause(cause, port))
    }

    fn of_cause(cause: &str, port: &str) -> Self {
        if Self::names_lost_sandbox(cause) {
            return Self::SandboxGone;
        }
        let inner = [
            "failed to execute portforward in network namespace \"",
            "port forward into network namespace \"",
        ]
        .iter()
        .find_map(|form| cause.strip_prefix(form))
        .and_then(|rest| rest.split_once("\": "))
        .map_or(cause, |(_, inner)| inner);
        let dial = inner
            .strip_prefix("failed to connect to localhost:")
            .and_then(|rest| rest.strip_prefix(port))
            .is_some_and(|rest| rest.starts_with(" inside namespace "));
        if dial { Self::Dial } else { Self::Other }
    }

    fn names_lost_sandbox(cause: &str) -> bool {
        let between = |start: &str, end: &str| {
            cause
                .strip_prefix(start)
                .and_then(|rest| rest.strip_suffix(end))
                .is_some_and(|name| !name.contains(' '))
        };
        between("network namespace for sandbox \"", "\" is closed")
            || between("could not find sandbox ", "")
            || between("sandbox ", " is not running")
            || between("network namespace path of sandbox ", " is empty")
            || cause
                .strip_prefix("failed to find sandbox \"")
                .is_some_and(|rest| rest.contains("\" in store: "))
            || cause
                .strip_prefix("PodSandbox with ID starting with ")
                .is_some_and(|rest| rest.contains(" not found: "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn containerd(cause: &str) -> String {
        format!("error forwarding port 83 to pod 4f1c, uid : {cause}")
    }

    #[test]
    fn a_failed_dial_is_recognised() {
        for cause in [
            "failed to execute portforward in network namespace \"/var/run/netns/cni-1\": failed to connect to localhost:83 inside namespace \"4f1c\", IPv4: dial tcp4 127.0.0.1:83: connect: connection refused IPv6 dial tcp6: address localhost: no suitable address found ",
            "port forward into network namespace \"/run/netns/x\": failed to connect to localhost:83 inside namespace 4f1c: dial tcp [::1]:83: connect: connection refused",
        ] {
            assert_eq!(FailureKind::of(&containerd(cause)), FailureKind::Dial, "{cause}");
        }
    }

    #[test]
    fn a_lost_sandbox_is_recognised() {
        for cause in [
            "network namespace for sandbox \"4f1c\" is closed",
            "failed to find sandbox \"4f1c\" in store: not found",
            "could not find sandbox 4f1c",
            "sandbox 4f1c is not running",
            "network namespace path of sandbox 4f1c is empty",
            "PodSandbox with ID starting with 4f1c not found: ID does not exist",
        ] {
            assert_eq!(
                FailureKind::of(&containerd(cause)),
                FailureKind::SandboxGone,
                "{cause}"
            );
        }
    }

    #[test]
    fn what_is_not_known_whole_proves_nothing() {
        for text in [
            "",
            "failed to connect to localhost:83 inside namespace \"x\"",
            "error forwarding port http to pod a, uid : could not find sandbox a",
            &containerd(
                "failed to execute portforward in network namespace \"n\": failed to connect to localhost:8 inside namespace \"x\", IPv4",
            ),
            &containerd(
                "failed to execute portforward in network namespace \"n\": writeto tcp4 127.0.0.1:1->127.0.0.1:83: read tcp4: connection reset by peer",
            ),
        ] {
            assert_eq!(FailureKind::of(text), FailureKind::Other, "{text}");
        }
    }
}
