use super::{DialFailure, Flavor, ForwardFailure};

/// What stands for the address of the session's connection in the text of a pair that stayed incomplete.
const CONNECTION: &str = "0xc000a1c2d0";

/// Where a session's pod is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The path of the pod's network namespace.
    pub network_namespace: String,
    /// The runtime's id of the pod's sandbox.
    pub sandbox: String,
}

/// The error stream's text for a connection that failed.
pub(crate) fn failure(flavor: Flavor, place: &Place, port: u16, failure: &ForwardFailure) -> String {
    let sandbox = &place.sandbox;
    let cause = match flavor {
        Flavor::CriO => crio_cause(place, port, failure),
        Flavor::Containerd17 | Flavor::Containerd20 | Flavor::Containerd21 | Flavor::Strict => {
            containerd_cause(place, port, failure)
        }
    };
    format!("error forwarding port {port} to pod {sandbox}, uid : {cause}")
}

/// The error stream's text for a pair whose data stream never came.
pub(super) fn pairing_timeout(request: &str) -> String {
    format!("(conn={CONNECTION}, request={request}) timed out waiting for streams")
}

/// The error stream's text for a second stream of the same type.
pub(super) fn already_assigned(request: &str, kind: &str) -> String {
    format!("error processing stream for request {request}: {kind} stream already assigned")
}

fn containerd_cause(place: &Place, port: u16, failure: &ForwardFailure) -> String {
    let Place {
        network_namespace,
        sandbox,
    } = place;
    let inner = match failure {
        ForwardFailure::Dial(DialFailure::NamespaceClosed) => {
            return format!("network namespace for sandbox \"{sandbox}\" is closed");
        }
        ForwardFailure::Dial(DialFailure::NoSandbox) => {
            return format!("failed to find sandbox \"{sandbox}\" in store: not found");
        }
        ForwardFailure::Dial(dial) => {
            let cause = dial_cause(dial);
            format!(
                "failed to connect to localhost:{port} inside namespace \"{sandbox}\", IPv4: dial tcp4 \
                 127.0.0.1:{port}: {cause} IPv6 dial tcp6: address localhost: no suitable address found "
            )
        }
        other => copy_cause(other, "tcp4", port),
    };
    format!("failed to execute portforward in network namespace \"{network_namespace}\": {inner}")
}

fn crio_cause(place: &Place, port: u16, failure: &ForwardFailure) -> String {
    let Place {
        network_namespace,
        sandbox,
    } = place;
    let inner = match failure {
        ForwardFailure::Dial(DialFailure::NamespaceClosed) => {
            return format!("sandbox {sandbox} is not running");
        }
        ForwardFailure::Dial(DialFailure::NoSandbox) => return format!("could not find sandbox {sandbox}"),
        ForwardFailure::Dial(dial) => {
            let cause = dial_cause(dial);
            format!(
                "failed to connect to localhost:{port} inside namespace {sandbox}: dial tcp [::1]:{port}: {cause}"
            )
        }
        other => copy_cause(other, "tcp", port),
    };
    format!("port forward into network namespace \"{network_namespace}\": {inner}")
}

fn dial_cause(failure: &DialFailure) -> &str {
    match failure {
        DialFailure::Other(text) => text,
        DialFailure::Reset => "connect: connection reset by peer",
        DialFailure::TimedOut => "connect: connection timed out",
        DialFailure::NamespaceClosed | DialFailure::NoSandbox | DialFailure::Refused => {
            "connect: connection refused"
        }
    }
}

fn copy_cause(failure: &ForwardFailure, network: &str, port: u16) -> String {
    match failure {
        ForwardFailure::Read { local, error } => {
            let way = format!("{network} {local}->127.0.0.1:{port}");
            format!("writeto {way}: read {way}: read: {error}")
        }
        ForwardFailure::Write { local, error } => {
            let way = format!("{network} {local}->127.0.0.1:{port}");
            format!("readfrom {way}: write {way}: write: {error}")
        }
        ForwardFailure::Dial(_) | ForwardFailure::Disconnected => "write: broken pipe".into(),
    }
}
