//! What findings come to. No io.

use std::time::{Duration, SystemTime};

use podline_cluster::{CredentialsSort, Need, Right};

use super::{Finding, Hop, State, span};

/// A certificate that is good for less is worth a word.
const SOON: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub(super) fn credentials(hop: Hop, sort: CredentialsSort, expires: Option<SystemTime>) -> Hop {
    let login = || Some("log in again".to_owned());
    let hop = match expires.map(|expires| expires.duration_since(SystemTime::now())) {
        Some(Err(past)) => {
            let reason = format!(
                "they expired {} ago by this machine's clock",
                span(past.duration())
            );
            hop.doubt(reason, login())
        }
        Some(Ok(left)) if left < SOON && sort == CredentialsSort::Certificate => {
            hop.doubt(format!("the certificate expires in {}", span(left)), login())
        }
        _ if sort == CredentialsSort::Nothing => hop.doubt(
            "the configuration has no credentials",
            Some("is the right user chosen?".to_owned()),
        ),
        _ => hop,
    };
    hop.found(Finding::Credentials { sort, expires })
}

pub(super) fn certificate(hop: Hop, expires: Option<SystemTime>, is_verified: bool) -> Hop {
    if !is_verified {
        let hint = "without insecure-skip-tls-verify it would be";
        return hop.doubt("the server's certificate is not checked", Some(hint.to_owned()));
    }
    match expires.and_then(|expires| expires.duration_since(SystemTime::now()).ok()) {
        Some(left) if left < SOON => hop.doubt(
            format!("the server's certificate expires in {}", span(left)),
            Some("renew it before it does".to_owned()),
        ),
        _ => hop,
    }
}

/// Says which rights are missing, and what that means.
pub(super) fn missing(mut hop: Hop, rights: &[(Right, bool)], namespace: &str) -> Hop {
    let may_use_websockets = rights
        .iter()
        .any(|(right, has)| *has && right.verb == "get" && right.resource == "pods/portforward");
    for (right, _) in rights.iter().filter(|(_, has)| !has) {
        let hint = Some(format!(
            "the user needs a role that allows: {right} in namespace {namespace}"
        ));
        match right.need {
            Need::Needed if right.verb == "create" && may_use_websockets => {
                let reason = format!("not allowed: {right}; before Kubernetes 1.35, WebSockets work without");
                hop.state = hop.state.worse(State::Doubtful);
                hop = hop.problem(reason, hint);
            }
            Need::Useful(what) => {
                hop = hop.problem(format!("not allowed, and not needed: {right}; {what}"), None);
            }
            _ => {
                hop.state = State::Failed;
                hop = hop.problem(format!("not allowed: {right}"), hint);
            }
        }
    }
    hop
}
