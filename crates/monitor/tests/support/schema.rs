//! Checks a value against a JSON schema, as far as `docs/events.schema.json` uses the language. A word that is not known here
//! is an error: it would check nothing.

use serde_json::Value;

/// What is wrong with `value`, if anything is.
pub(crate) fn check(root: &Value, value: &Value) -> Result<(), String> {
    matches(root, root, value, "$")
}

fn matches(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let words = schema
        .as_object()
        .ok_or_else(|| format!("{at}: a schema is an object"))?;
    for (word, rule) in words {
        let fits = match word.as_str() {
            "$comment" | "$defs" | "$id" | "$schema" | "description" | "title" => true,
            "$ref" => {
                let path = rule
                    .as_str()
                    .and_then(|path| path.strip_prefix('#'))
                    .unwrap_or_default();
                let referred = root
                    .pointer(path)
                    .ok_or_else(|| format!("{at}: {rule} leads nowhere"))?;
                matches(root, referred, value, at)?;
                true
            }
            "const" => value == rule,
            "enum" => rule.as_array().is_some_and(|values| values.contains(value)),
            "type" => is_a(rule, value),
            "minimum" => !value.is_number() || value.as_f64() >= rule.as_f64(),
            "maximum" => !value.is_number() || value.as_f64() <= rule.as_f64(),
            "format" => match (rule.as_str(), value.as_str()) {
                (_, None) => true,
                (Some("date-time"), Some(text)) => is_time(text),
                (Some("ipv4"), Some(text)) => text.parse::<std::net::Ipv4Addr>().is_ok(),
                (Some("ipv6"), Some(text)) => text.parse::<std::net::Ipv6Addr>().is_ok(),
                _ => return Err(format!("{at}: the format {rule} is not known here")),
            },
            "required" => rule.as_array().is_some_and(|names| {
                names
                    .iter()
                    .all(|name| value.get(name.as_str().unwrap_or_default()).is_some())
            }),
            "properties" => {
                for (name, rule) in rule.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(name) {
                        matches(root, rule, value, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            // Only with `properties` beside it, as here.
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                *rule == Value::Bool(false)
                    && value
                        .as_object()
                        .into_iter()
                        .flatten()
                        .all(|(name, _)| known.is_some_and(|known| known.contains_key(name)))
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    matches(root, rule, value, &format!("{at}[{index}]"))?;
                }
                true
            }
            "anyOf" => {
                let rules = rule.as_array().into_iter().flatten();
                rules
                    .map(|rule| matches(root, rule, value, at))
                    .any(|tried| tried.is_ok())
            }
            "oneOf" => {
                let tried: Vec<_> = rule
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|rule| matches(root, rule, value, at))
                    .collect();
                if tried.iter().filter(|tried| tried.is_ok()).count() != 1 {
                    // The one that got furthest into the value says most.
                    let errors = tried.into_iter().filter_map(Result::err);
                    let error = errors.max_by_key(|error| (!error.contains("`const`"), error.len()));
                    return Err(error.unwrap_or_else(|| format!("{at}: {value} is of more kinds than one")));
                }
                true
            }
            _ => return Err(format!("{at}: the word `{word}` is not known here")),
        };
        if !fits {
            return Err(format!("{at}: {value} breaks `{word}` {rule}"));
        }
    }
    Ok(())
}

fn is_a(rule: &Value, value: &Value) -> bool {
    match rule {
        Value::Array(rules) => rules.iter().any(|rule| is_a(rule, value)),
        _ => match rule.as_str() {
            Some("array") => value.is_array(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_u64() || value.is_i64(),
            Some("null") => value.is_null(),
            Some("number") => value.is_number(),
            Some("object") => value.is_object(),
            Some("string") => value.is_string(),
            _ => false,
        },
    }
}

/// `2026-01-31T23:59:59.123Z` and nothing else.
fn is_time(text: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00.000Z";
    text.len() == SHAPE.len()
        && text.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            other => byte == *other,
        })
}
