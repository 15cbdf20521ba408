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
        let (port, cause) = unwrap(text)?;
        Some(if Self::names_lost_sandbox(cause) {
            Self::SandboxGone
        } else if failed_dial(port, cause).is_some() {
            Self::Dial
        } else {
            Self::Other
        })
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

/// The port of a failed dial and why it failed, if the whole text of an error stream tells of one.
pub fn dial_failure(text: &str) -> Option<(&str, &str)> {
    let (port, cause) = unwrap(text)?;
    Some((port, failed_dial(port, cause)?))
}

/// The port and the forwarder's own words, without what the stream server puts before them.
fn unwrap(text: &str) -> Option<(&str, &str)> {
    let rest = text.trim_end().strip_prefix("error forwarding port ")?;
    let (port, rest) = rest.split_once(" to pod ")?;
    port.parse::<u16>().ok()?;
    let (pod, cause) = rest.split_once(", uid : ")?;
    (!pod.contains(' ')).then_some((port, cause))
}

/// Why the dial to `port` failed, if it is that which `cause` tells.
fn failed_dial<'a>(port: &str, cause: &'a str) -> Option<&'a str> {
    let inner = [
        "failed to execute portforward in network namespace \"",
        "port forward into network namespace \"",
    ]
    .iter()
    .find_map(|form| cause.strip_prefix(form))
    .and_then(|rest| rest.split_once("\": "))
    .map_or(cause, |(_, inner)| inner);
    let rest = inner
        .strip_prefix("failed to connect to localhost:")?
        .strip_prefix(port)?;
    // containerd puts the namespace in quotes and a comma behind it, CRI-O neither.
    let namespace = rest.strip_prefix(" inside namespace ")?;
    let (_, why) = namespace
        .split_once("\", ")
        .or_else(|| namespace.split_once(": "))?;
    Some(why)
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
    fn why_a_dial_failed_is_told_without_its_wrapping() {
        let text = containerd(
            "failed to execute portforward in network namespace \"/run/n\": failed to connect to localhost:83 inside namespace \"4f1c\", IPv4: dial tcp4 127.0.0.1:83: connect: connection refused IPv6 dial tcp6: no",
        );
        assert_eq!(
            dial_failure(&text),
            Some((
                "83",
                "IPv4: dial tcp4 127.0.0.1:83: connect: connection refused IPv6 dial tcp6: no"
            ))
        );
        assert_eq!(dial_failure(&containerd("could not find sandbox 4f1c")), None);
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
