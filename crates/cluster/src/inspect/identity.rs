use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use podline_wire::Untrusted;

/// Who the API server takes the user for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The user's name.
    pub name: Untrusted,
    /// The groups that the user is in.
    pub groups: Vec<Untrusted>,
}

impl Identity {
    pub(super) fn of(review: &SelfSubjectReview) -> Self {
        let user = review
            .status
            .as_ref()
            .and_then(|status| status.user_info.as_ref());
        let groups = user.and_then(|user| user.groups.as_deref()).unwrap_or_default();
        Self {
            name: Untrusted::new(user.and_then(|user| user.username.as_deref()).unwrap_or_default()),
            groups: groups
                .iter()
                .map(|group| Untrusted::new(group.as_str()))
                .collect(),
        }
    }
}
