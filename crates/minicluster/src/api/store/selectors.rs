//! Label and field selectors of list and watch requests.

use crate::api::objects::{LabelSelector, MatchExpression, Object, Resource};

/// How many requirements a selector may have.
const MAX_REQUIREMENTS: usize = 64;

/// What a request wants to see of a resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Selectors {
    labels: LabelSelector,
    fields: Vec<Requirement>,
}

impl Selectors {
    /// Parses the `labelSelector` and `fieldSelector` of a request for `resource`.
    pub(crate) fn parse(resource: Resource, labels: &str, fields: &str) -> Result<Self, SelectorError> {
        Ok(Self {
            labels: parse_labels(labels)?,
            fields: parse_fields(resource, fields)?,
        })
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        if !self.labels.matches(&object.meta().labels) {
            return false;
        }
        if self.fields.is_empty() {
            return true;
        }
        let json = object.to_json();
        self.fields.iter().all(|requirement| {
            let value = json
                .pointer(&requirement.pointer)
                .and_then(serde_json::Value::as_str)
                .unwrap_or("");
            (value == requirement.value) == requirement.equal
        })
    }
}

/// Why a selector can't be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectorError {
    #[error("field label not supported: {0}")]
    Field(String),
    #[error("unable to parse requirement: {0}")]
    Syntax(String),
    #[error("more than {MAX_REQUIREMENTS} requirements")]
    TooMany,
}

#[derive(Clone, Debug, PartialEq)]
struct Requirement {
    /// Where the field is, as a JSON pointer.
    pointer: String,
    value: String,
    equal: bool,
}

fn parse_labels(text: &str) -> Result<LabelSelector, SelectorError> {
    let mut selector = LabelSelector::default();
    for requirement in split_outside_parentheses(text)? {
        let expression = parse_label(requirement)?;
        // The same key twice is a contradiction or a repetition; expressions keep both.
        selector.match_expressions.push(expression);
    }
    Ok(selector)
}

fn parse_label(text: &str) -> Result<MatchExpression, SelectorError> {
    let expression = |key: &str, operator: &str, values: Vec<String>| {
        let key = key.trim();
        let valid = !key.is_empty()
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
        match valid {
            true => Ok(MatchExpression {
                key: key.to_owned(),
                operator: operator.to_owned(),
                values,
            }),
            false => Err(SelectorError::Syntax(text.to_owned())),
        }
    };
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some((head, values)) = text.split_once('(') {
        let values = values.trim_end().strip_suffix(')');
        let values = values.ok_or_else(|| SelectorError::Syntax(text.to_owned()))?;
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = head.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(key), Some("in"), None) => expression(key, "In", values),
            (Some(key), Some("notin"), None) => expression(key, "NotIn", values),
            _ => Err(SelectorError::Syntax(text.to_owned())),
        };
    }
    if let Some((key, value)) = text.split_once("!=") {
        return expression(key, "NotIn", one(value));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return expression(key, "In", one(value));
    }
    match text.trim().strip_prefix('!') {
        Some(key) => expression(key, "DoesNotExist", Vec::new()),
        None => expression(text, "Exists", Vec::new()),
    }
}

fn split_outside_parentheses(text: &str) -> Result<Vec<&str>, SelectorError> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    if parts.len() > MAX_REQUIREMENTS {
        return Err(SelectorError::TooMany);
    }
    Ok(parts)
}

fn parse_fields(resource: Resource, text: &str) -> Result<Vec<Requirement>, SelectorError> {
    split_outside_parentheses(text)?
        .into_iter()
        .map(|part| {
            let (field, value, equal) = if let Some((field, value)) = part.split_once("!=") {
                (field, value, false)
            } else if let Some((field, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (field, value, true)
            } else {
                return Err(SelectorError::Syntax(part.to_owned()));
            };
            let field = field.trim();
            if !is_supported(resource, field) {
                return Err(SelectorError::Field(field.to_owned()));
            }
            Ok(Requirement {
                pointer: format!("/{}", field.replace('.', "/")),
                value: value.trim().to_owned(),
                equal,
            })
        })
        .collect()
}

fn is_supported(resource: Resource, field: &str) -> bool {
    let of_resource: &[&str] = match resource {
        Resource::Pods => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
        ],
        Resource::Events => &[
            "involvedObject.kind",
            "involvedObject.name",
            "involvedObject.namespace",
            "involvedObject.uid",
            "involvedObject.fieldPath",
            "reason",
            "type",
        ],
        Resource::Namespaces => &["status.phase"],
        Resource::Services => &["spec.clusterIP", "spec.type"],
        _ => &[],
    };
    matches!(field, "metadata.name" | "metadata.namespace") || of_resource.contains(&field)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::api::objects::Pod;

    fn pod(labels: &[(&str, &str)]) -> Object {
        let mut pod = Pod::default();
        pod.metadata.name = "web-1".to_owned();
        pod.metadata.labels = labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Object::Pod(pod)
    }

    fn matches(labels: &str, fields: &str) -> bool {
        let pod = pod(&[("app", "web"), ("tier", "front")]);
        Selectors::parse(Resource::Pods, labels, fields)
            .unwrap()
            .matches(&pod)
    }

    #[test]
    fn every_form_of_a_label_requirement_is_understood() {
        for yes in [
            "",
            "app=web",
            "app==web",
            "app = web",
            "app!=x",
            "app",
            "!x",
            "app in (web, api)",
            "tier notin (back),app=web",
            "x notin (y)",
        ] {
            assert!(matches(yes, ""), "{yes}");
        }
        for no in [
            "app=x",
            "app!=web",
            "x",
            "!app",
            "app in (api)",
            "app notin (web)",
            "app=web,tier=back",
        ] {
            assert!(!matches(no, ""), "{no}");
        }
    }

    #[test]
    fn fields_are_compared_as_text() {
        assert!(matches("", "metadata.name=web-1,status.phase=Pending"));
        assert!(matches("", "status.phase!=Running"));
        assert!(!matches("", "metadata.name==web-2"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let parse = |labels, fields| Selectors::parse(Resource::Pods, labels, fields).unwrap_err();
        assert_eq!(parse("", "spec.x=1"), SelectorError::Field("spec.x".to_owned()));
        assert_eq!(
            parse("", "metadata.name"),
            SelectorError::Syntax("metadata.name".to_owned())
        );
        for text in ["a in (b", "a within (b)", "=x", "a b", "a in b (c)"] {
            assert_eq!(parse(text, ""), SelectorError::Syntax(text.to_owned()));
        }
        assert_eq!(parse(&"a,".repeat(65), ""), SelectorError::TooMany);
    }
}
