use std::fmt;
use std::time::Duration;

use podline_tunnel::{FailureKind, PairEnd, PodAddress};
use podline_wire::Untrusted;
use podline_wire::session::dial_failure;

use super::Answer;
use crate::End;

/// How long a port may take to show what it is. The runtime tells of a refused one in milliseconds and of an open one
/// after its own second; a lost SYN is sent again after 1 s and after 3 s (RFC 6298, section 2).
pub const PROBE_DEADLINE: Duration = Duration::from_secs(5);

/// What a port inside a pod is found to be.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Probe {
    /// Nothing came of the connection for [`PROBE_DEADLINE`]: packets to the port are dropped, as firewall rules inside
    /// the pod do.
    Dropped,
    /// It takes connections. Whether something serves there was not asked, or not answered.
    Open,
    /// No connection could be made; what the runtime says of it.
    Refused(Untrusted),
    /// It takes connections and resets them; what the runtime says of it.
    Reset(Untrusted),
    /// Something answers there.
    Serving(Answer),
}

/// A port that was probed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Probed {
    /// The pod.
    pub pod: PodAddress,
    /// The port inside it.
    pub port: u16,
    /// What it is found to be.
    pub probe: Probe,
    /// From the opening of the connection until that was known.
    pub took: Duration,
    /// From the opening of the connection until the runtime had answered it, which it does before it looks for the port:
    /// how long the way to the pod's node and back takes.
    pub round_trip: Duration,
}

impl Probed {
    /// What a probe comes to; for those who test what they make of it.
    pub fn new(pod: PodAddress, port: u16, probe: Probe, took: Duration, round_trip: Duration) -> Self {
        Self {
            pod,
            port,
            probe,
            took,
            round_trip,
        }
    }
}

impl Probe {
    /// Whether connections can be made to the port.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Serving(_))
    }

    /// Whether something answers at the port.
    pub fn is_serving(&self) -> bool {
        matches!(self, Self::Serving(_))
    }

    /// What can be done about a port that is not open, as one sentence without a full stop; none of one that is open.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Dropped => Some(
                "the container runtime connects from inside the pod, so it is something in the pod that drops packets: \
                 a sidecar's or the app's own firewall rules",
            ),
            Self::Open | Self::Serving(_) => None,
            Self::Refused(_) => Some(
                "nothing listens there on the pod's loopback: is it the right port, is the app up, \
                 and does it listen on 127.0.0.1 or all addresses?",
            ),
            Self::Reset(_) => Some(
                "something takes the connection and drops it: a full backlog, a proxy, an app that refuses clients",
            ),
        }
    }

    /// What the end of a probe's pair says of the port, if no byte came before it.
    ///
    /// # Errors
    /// It says nothing of the port.
    pub(super) fn of(end: PairEnd) -> Result<Self, End> {
        match end {
            PairEnd::Clean { .. } => Ok(Self::Open),
            PairEnd::Failed { kind, text } => Self::of_text(kind, text),
            PairEnd::Reset => Ok(Self::Reset(Untrusted::default())),
            PairEnd::SessionLost(error) => Err(End::SessionLost(error)),
            PairEnd::StalledReader => Err(End::StalledReader),
            // A later kind of end is no answer to this question.
            _ => Err(End::Unanswered),
        }
    }

    fn of_text(kind: FailureKind, text: Untrusted) -> Result<Self, End> {
        match kind {
            FailureKind::Dial => {
                let (_, why) = dial_failure(text.as_raw()).unwrap_or_default();
                let (refused, why) = (why.contains("refused"), Untrusted::new(why.trim_end()));
                // A port that resets at once may do so before the runtime's dial is over.
                Ok(if is_reset(why.as_raw()) && !refused {
                    Self::Reset(why)
                } else {
                    Self::Refused(why)
                })
            }
            FailureKind::SandboxGone => Err(End::PodGone(text)),
            _ if is_reset(text.as_raw()) => Ok(Self::Reset(text)),
            _ => Err(End::PodError(text)),
        }
    }
}

/// Whether a text of the runtime says that the port reset the connection.
pub(crate) fn is_reset(text: &str) -> bool {
    text.contains("connection reset by peer") || text.contains("broken pipe")
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped => write!(
                f,
                "no answer within {} s: packets to it are dropped",
                PROBE_DEADLINE.as_secs()
            ),
            Self::Open => f.write_str("open"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Reset(why) if why.is_empty() => f.write_str("takes connections and resets them"),
            Self::Reset(why) => write!(f, "takes connections and resets them: {why}"),
            Self::Serving(answer) => write!(f, "serving: {answer}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn failed(cause: &str) -> Result<Probe, End> {
        let text = format!("error forwarding port 83 to pod 4f1c, uid : {cause}");
        Probe::of(PairEnd::Failed {
            kind: FailureKind::of(&text),
            text: Untrusted::new(text),
        })
    }

    fn dial(why: &str) -> Result<Probe, End> {
        failed(&format!(
            "failed to execute portforward in network namespace \"/run/n\": failed to connect to localhost:83 inside namespace \"4f1c\", IPv4: {why} "
        ))
    }

    #[test]
    fn an_end_without_a_text_is_an_open_port() {
        for delivered in [false, true] {
            let end = PairEnd::Clean { delivered };
            assert!(matches!(Probe::of(end), Ok(Probe::Open)));
        }
    }

    #[test]
    fn a_failed_dial_is_a_refusal_with_its_reason() {
        let why = "dial tcp4 127.0.0.1:83: connect: connection refused IPv6 dial tcp6: address localhost: no suitable address found";
        match dial(why) {
            Ok(Probe::Refused(told)) => assert_eq!(told.to_string(), format!("IPv4: {why}")),
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            dial("dial tcp4 127.0.0.1:83: connect: no route to host"),
            Ok(Probe::Refused(_))
        ));
    }

    #[test]
    fn a_reset_is_told_from_a_refusal_whenever_it_comes() {
        let resets = [
            dial("dial tcp4 127.0.0.1:23: connect: connection reset by peer"),
            failed(
                "failed to execute portforward in network namespace \"/run/n\": readfrom tcp4: read: connection reset by peer",
            ),
            Probe::of(PairEnd::Reset),
        ];
        for reset in resets {
            assert!(matches!(reset, Ok(Probe::Reset(_))), "{reset:?}");
        }
    }

    #[test]
    fn what_can_be_done_is_said_of_ports_that_are_not_open() {
        let (why, answer) = (Untrusted::default, Answer::Said(Untrusted::default()));
        for open in [Probe::Open, Probe::Serving(answer)] {
            assert_eq!(open.hint(), None, "{open}");
        }
        let closed = [Probe::Dropped, Probe::Refused(why()), Probe::Reset(why())];
        let hints: HashSet<&str> = closed.iter().filter_map(Probe::hint).collect();
        assert_eq!(hints.len(), closed.len(), "{hints:?}");
    }

    #[test]
    fn what_says_nothing_of_the_port_is_no_answer() {
        assert!(matches!(
            failed("network namespace for sandbox \"4f1c\" is closed"),
            Err(End::PodGone(_))
        ));
        assert!(matches!(failed("no such luck"), Err(End::PodError(_))));
        assert!(matches!(Probe::of(PairEnd::Unanswered), Err(End::Unanswered)));
    }
}
