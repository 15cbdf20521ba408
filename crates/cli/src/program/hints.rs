//! What can be done about an error, wherever in its causes that is known.

use std::error::Error;

use podline::{
    ForwardError, SessionError, Untrusted,
    cluster::{ConnectError, FindError, Refusal},
};

/// The hints of an error and its causes.
pub(crate) fn of(error: &(dyn Error + 'static)) -> Vec<String> {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let mut hints = Vec::new();
    for hint in causes.flat_map(of_one) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    hints
}

/// Where was looked for what was not found: most often it is in another namespace.
pub(crate) fn of_place(error: &ForwardError, namespace: &str) -> Option<String> {
    match error {
        ForwardError::Find(FindError::Refused(refusal)) if refusal.is_not_found() => Some(format!(
            "looked in namespace {}; -n names another",
            Untrusted::new(namespace)
        )),
        _ => None,
    }
}

fn of_one(error: &(dyn Error + 'static)) -> Vec<String> {
    if let Some(error) = error.downcast_ref::<ConnectError>() {
        return error.hint().into_iter().collect();
    }
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return refusal.hint().into_iter().collect();
    }
    match error.downcast_ref::<SessionError>() {
        Some(error @ SessionError::Refused { .. }) => error.hint().map(str::to_owned).into_iter().collect(),
        // A transparent variant hides its own cause from the chain.
        Some(SessionError::Upgrade(failure)) => {
            std::iter::successors(failure.source(), |error| (*error).source())
                .flat_map(of_one)
                .collect()
        }
        _ => Vec::new(),
    }
}
