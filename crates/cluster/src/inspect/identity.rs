use podline_wire::Untrusted;
use serde::Deserialize;

/// Who the API server takes the user for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The user's name.
    pub name: Untrusted,
    /// The groups that the user is in.
    pub groups: Vec<Untrusted>,
}

/// What the API server answers, as far as it is read.
#[derive(Deserialize)]
pub(super) struct Review {
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    user_info: Option<User>,
}

#[derive(Default, Deserialize)]
struct User {
    username: Option<String>,
    groups: Option<Vec<String>>,
}

impl Identity {
    pub(super) fn of(review: Review) -> Self {
        let user = review.status.and_then(|status| status.user_info);
        let User { username, groups } = user.unwrap_or_default();
        Self {
            name: Untrusted::new(username.unwrap_or_default()),
            groups: groups.into_iter().flatten().map(Untrusted::new).collect(),
        }
    }
}
