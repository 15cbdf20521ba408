//! What is said in words of what happens in a forward, of requests and of captures: the same on standard error, in the terminal view and on the page.

use podline::{End, Event, Outcome, PodAddress, Skipped, Target, Untrusted, reason};

use crate::http::Exchange;
use crate::pcap::{CaptureEnd, CaptureNotice};

/// What is said of something that happened. What of it comes from outside is escaped.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Saying {
    /// How much it matters.
    pub weight: Weight,
    /// What happened, without the forward's name.
    pub sentence: String,
    /// What can be done about it.
    pub hint: Option<String>,
}

/// How much something matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Weight {
    /// It is for the curious.
    Detail,
    /// It is good to know.
    Note,
    /// Something is wrong.
    Warning,
}

/// What is said of `event`; nothing of what has a line of its own: that a connection was opened, and where is listened.
pub fn say(event: &Event) -> Option<Saying> {
    Some(match event {
        Event::ConnectionEnded {
            id,
            local,
            outcome,
            is_counted,
        } => {
            let saying = say_end(*id, local.port(), outcome)?;
            // The number of those that were lost together is said with what happened, once for all of them.
            if *is_counted {
                detail(saying.sentence)
            } else {
                saying
            }
        }
        Event::ContainerDied { reason, reset } => warning(format!("{reason}{}", were_reset(*reset))),
        Event::HeldElsewhere(error) => warning(reason(&**error).to_string())
            .hinted("an app that prefers that address of localhost gets there, not here"),
        Event::NotReady(pod) => warning(format!("no pod is ready; {} is used, which runs", name(pod))),
        Event::InSight => note("its pods can be looked up again"),
        Event::OutOfFiles(error) => warning(format!("no room for another connection: {}", reason(&**error)))
            .hinted("raise the limit of open files, for example with `ulimit -n`"),
        Event::OutOfSight(reason) => warning(format!("its pods cannot be looked up any more: {reason}")),
        Event::PodGone {
            pod,
            reset,
            waiting,
            owner,
        } => warning(gone(pod, *reset, *waiting)).hinted_at(owner.as_ref()),
        Event::PodsChanged { joined, left, total } => note(changed(joined, left, *total)),
        Event::Resumed(pod) => note(format!("connections go to {} again", name(pod))),
        Event::SessionLost(error) => detail(format!("a session was lost: {}", reason(error))),
        Event::SessionUp(transport) => detail(format!("a session is ready, by {transport}")),
        Event::Skipped(Skipped { failed, .. }) if *failed > 0 => {
            warning(format!("{failed} more connections were reset"))
        }
        Event::TransportFellBack(error) => detail(format!(
            "SPDY is used, for WebSocket did not work: {}",
            reason(error)
        )),
        Event::Waiting { reason, owner } => {
            warning(format!("waiting for a pod: {reason}")).hinted_at(owner.as_ref())
        }
        _ => return None,
    })
}

/// What is said of the end of connection `id` to a local port; nothing of one that went as it should.
pub fn say_end(id: u64, local_port: u16, outcome: &Outcome) -> Option<Saying> {
    is_worth_a_word(&outcome.end).then(|| {
        warning(format!(
            "connection {id} to local port {local_port} was reset: {}",
            outcome.end
        ))
    })
}

/// What an HTTP request was for, and behind that what else there is to say of it: the status of a gRPC call, and how it ended
/// where that was not in order.
pub(crate) fn say_exchange(exchange: &Exchange) -> String {
    let mut said = exchange.target.to_string();
    if let Some(status) = say_grpc(exchange) {
        said.push_str("  gRPC ");
        said.push_str(&status);
    }
    if !exchange.ending.is_complete() {
        said.push_str(&format!("  ({})", exchange.ending));
    }
    said
}

/// The status of a gRPC call; nothing of a request that is none.
pub(crate) fn say_grpc(exchange: &Exchange) -> Option<String> {
    let grpc = exchange.grpc.as_ref()?;
    let status = grpc.status.map(|status| status.to_string());
    Some(status.unwrap_or_else(|| "no status".to_owned()))
}

/// What is said of a capture.
pub fn say_capture(notice: &CaptureNotice) -> Saying {
    let sentence = Untrusted::new(notice.to_string()).to_string();
    let CaptureNotice::Ended { end, .. } = notice else {
        return warning(sentence);
    };
    match &**end {
        CaptureEnd::LimitReached { .. } => warning(sentence)
            .hinted("--pcap-limit sets another limit, --pcap-snaplen records less of each packet"),
        CaptureEnd::Stopped => note(sentence),
        CaptureEnd::CannotWrite(_) | CaptureEnd::ReaderGone => warning(sentence),
    }
}

impl Saying {
    pub(crate) fn note(sentence: impl Into<String>) -> Self {
        Self::new(Weight::Note, sentence)
    }

    pub(crate) fn warning(sentence: impl Into<String>) -> Self {
        Self::new(Weight::Warning, sentence)
    }

    /// The same with what it is said of before it.
    #[must_use]
    pub fn of(mut self, target: &Target) -> Self {
        self.sentence = format!("{target}: {}", self.sentence);
        self
    }

    fn new(weight: Weight, sentence: impl Into<String>) -> Self {
        Self {
            weight,
            sentence: sentence.into(),
            hint: None,
        }
    }

    fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn hinted_at(self, owner: Option<&Target>) -> Self {
        match owner {
            Some(owner) => self.hinted(format!("forward to {owner} to go on with its other pods")),
            None => self,
        }
    }
}

fn detail(sentence: impl Into<String>) -> Saying {
    Saying::new(Weight::Detail, sentence)
}

fn note(sentence: impl Into<String>) -> Saying {
    Saying::note(sentence)
}

fn warning(sentence: impl Into<String>) -> Saying {
    Saying::warning(sentence)
}

/// Whether the user should hear of it: something went wrong, and it was neither the app's nor his own doing.
fn is_worth_a_word(end: &End) -> bool {
    !matches!(
        end,
        End::AppReset | End::Clean { .. } | End::Killed | End::ShutDown
    )
}

/// Says that a pod is gone, and what that means for connections.
fn gone(pod: &PodAddress, reset: usize, waiting: bool) -> String {
    let reset = were_reset(reset);
    let waiting = if waiting { "; waiting for a pod" } else { "" };
    format!("{} is gone{reset}{waiting}", name(pod))
}

/// Says behind something else how many connections it cost.
fn were_reset(connections: usize) -> String {
    match connections {
        0 => String::new(),
        1 => "; 1 connection was reset".to_owned(),
        more => format!("; {more} connections were reset"),
    }
}

/// Says which pods connections go to.
fn changed(joined: &[PodAddress], left: &[PodAddress], total: usize) -> String {
    let pods = |number| {
        if number == 1 {
            "1 pod".to_owned()
        } else {
            format!("{number} pods")
        }
    };
    match (joined, left) {
        ([to], [from]) if total == 1 && to == from => format!("connections go to the new {} now", name(to)),
        ([], left) => format!(
            "connections go to {} no longer; {} left",
            names(left),
            if total == 1 {
                "1 pod is".to_owned()
            } else {
                format!("{total} pods are")
            }
        ),
        (joined, _) if joined.len() == total => format!("connections go to {} now", names(joined)),
        (joined, _) => format!("connections go to {} too, of {} now", names(joined), pods(total)),
    }
}

/// The names of some pods, or the first of them.
fn names(pods: &[PodAddress]) -> String {
    const MOST: usize = 3;
    let shown: Vec<String> = pods.iter().take(MOST).map(name).collect();
    match (shown.as_slice(), pods.len().saturating_sub(MOST)) {
        ([one], 0) => one.clone(),
        ([others @ .., last], 0) => format!("{} and {last}", others.join(", ")),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

fn name(pod: &PodAddress) -> String {
    format!("pod {}", Untrusted::new(&*pod.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(names: &[&str]) -> Vec<PodAddress> {
        let pod = |name: &&str| PodAddress {
            namespace: "default".to_owned(),
            name: (*name).to_owned(),
        };
        names.iter().map(pod).collect()
    }

    #[test]
    fn the_end_of_a_pod_is_said_with_what_it_costs() {
        let pod = &pods(&["web-1"])[0];
        assert_eq!(
            gone(pod, 2, true),
            "pod web-1 is gone; 2 connections were reset; waiting for a pod"
        );
        assert_eq!(gone(pod, 1, false), "pod web-1 is gone; 1 connection was reset");
        assert_eq!(gone(pod, 0, false), "pod web-1 is gone");
    }

    #[test]
    fn what_many_lost_together_is_said_once_and_for_the_curious_of_each() {
        let end = |is_counted| {
            say(&Event::ConnectionEnded {
                id: 7,
                local: ([127, 0, 0, 1], 8080).into(),
                outcome: Outcome {
                    sent: 0,
                    received: 0,
                    duration: std::time::Duration::ZERO,
                    end: End::PodDied(Untrusted::new("it died")),
                },
                is_counted,
            })
            .expect("something is said")
        };
        assert_eq!(
            (end(false).weight, end(true).weight),
            (Weight::Warning, Weight::Detail)
        );
        let died = Event::ContainerDied {
            reason: Untrusted::new("it died"),
            reset: 2,
        };
        let said = say(&died).expect("something is said");
        assert_eq!(
            (said.weight, &*said.sentence),
            (Weight::Warning, "it died; 2 connections were reset")
        );
    }

    #[test]
    fn changes_of_pods_are_said_in_few_words() {
        let said = |joined: &[&str], left: &[&str], total| changed(&pods(joined), &pods(left), total);
        assert_eq!(said(&["b"], &["a"], 1), "connections go to pod b now");
        assert_eq!(said(&["a"], &["a"], 1), "connections go to the new pod a now");
        assert_eq!(said(&["a", "b"], &[], 2), "connections go to pod a and pod b now");
        assert_eq!(
            said(&["c"], &["a"], 3),
            "connections go to pod c too, of 3 pods now"
        );
        assert_eq!(
            said(&[], &["a"], 2),
            "connections go to pod a no longer; 2 pods are left"
        );
        assert_eq!(
            said(&["a", "b", "c", "d", "e"], &[], 5),
            "connections go to pod a, pod b, pod c and 2 more now"
        );
    }
}
