//! Conditions, in the status of pods and of controllers.

use serde::{Deserialize, Serialize};

use super::meta::Timestamp;

/// One entry of `status.conditions`, of pods and of controllers alike.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) name: String,
    pub(crate) status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_update_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_transition_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
}

/// Sets a condition; its transition time moves only when its value does.
pub(crate) fn set_condition(
    conditions: &mut Vec<Condition>,
    name: &str,
    value: bool,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let status = if value { "True" } else { "False" };
    let index = conditions
        .iter()
        .position(|condition| condition.name == name)
        .unwrap_or_else(|| {
            conditions.push(Condition {
                name: name.to_owned(),
                status: String::new(),
                last_update_time: None,
                last_transition_time: None,
                reason: String::new(),
                message: String::new(),
            });
            conditions.len() - 1
        });
    let condition = &mut conditions[index];
    if condition.status != status {
        status.clone_into(&mut condition.status);
        condition.last_transition_time = Some(now);
    }
    if condition.reason != reason || condition.message != message {
        condition.last_update_time = Some(now);
    }
    reason.clone_into(&mut condition.reason);
    message.clone_into(&mut condition.message);
}
