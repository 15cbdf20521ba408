//! How controllers and requests select objects by their labels.

use serde::{Deserialize, Serialize};

use super::meta::{Labels, null_is_default};

/// `matchLabels` and `matchExpressions`, as controllers select their pods.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct LabelSelector {
    #[serde(
        skip_serializing_if = "Labels::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub(crate) match_labels: Labels,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub(crate) match_expressions: Vec<MatchExpression>,
}

impl LabelSelector {
    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        (self.match_labels.iter()).all(|(key, value)| labels.get(key) == Some(value))
            && self
                .match_expressions
                .iter()
                .all(|expression| expression.matches(labels))
    }

    /// In the form of a query: `app=web,tier in (a,b)`.
    pub(crate) fn query(&self) -> String {
        let pairs = self
            .match_labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        let expressions = self.match_expressions.iter().map(MatchExpression::query);
        pairs.chain(expressions).collect::<Vec<_>>().join(",")
    }
}

/// One of a selector's `matchExpressions`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct MatchExpression {
    pub(crate) key: String,
    pub(crate) operator: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub(crate) values: Vec<String>,
}

impl MatchExpression {
    fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => value.is_none_or(|value| !self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }

    fn query(&self) -> String {
        let key = &self.key;
        match self.operator.as_str() {
            "In" => format!("{key} in ({})", self.values.join(",")),
            "NotIn" => format!("{key} notin ({})", self.values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.clone(),
        }
    }
}
