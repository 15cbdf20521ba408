//! As much of JSON Schema as the documented forms make use of. What a schema says beyond that is an error, so nothing in it
//! goes unchecked.

use serde_json::Value;

/// What is wrong with `value`, if it is not of the form `schema`; `root` is where references lead.
pub(crate) fn offence(root: &Value, schema: &Value, value: &Value, path: &str) -> Option<String> {
    let rules = schema.as_object().unwrap();
    rules.iter().find_map(|(rule, wanted)| match rule.as_str() {
        "$schema" | "$defs" | "title" | "description" => None,
        "$ref" => {
            let name = wanted.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
            offence(root, &root["$defs"][name], value, path)
        }
        "additionalProperties" => {
            assert_eq!(*wanted, Value::Bool(false));
            let known = &schema["properties"];
            let unknown = value.as_object()?.keys().find(|name| known.get(name).is_none())?;
            Some(format!("{path} has {unknown}"))
        }
        "const" => (value != wanted).then(|| format!("{path} is not {wanted}")),
        "enum" => {
            (!wanted.as_array().unwrap().contains(value)).then(|| format!("{path} is none of {wanted}"))
        }
        "items" => {
            let items = value.as_array()?.iter().enumerate();
            items
                .filter_map(|(index, item)| offence(root, wanted, item, &format!("{path}/{index}")))
                .next()
        }
        "minimum" => {
            let is_less = value.as_f64()? < wanted.as_f64().unwrap();
            is_less.then(|| format!("{path} is less than {wanted}"))
        }
        "oneOf" => {
            let all = wanted.as_array().unwrap().iter();
            let offences: Vec<_> = all.map(|one| offence(root, one, value, path)).collect();
            let fits = offences.iter().filter(|offence| offence.is_none()).count();
            (fits != 1).then(|| format!("{path} fits {fits} of the forms: {offences:?}"))
        }
        "properties" => wanted
            .as_object()
            .unwrap()
            .iter()
            .find_map(|(name, schema)| offence(root, schema, value.get(name)?, &format!("{path}/{name}"))),
        "required" => {
            let object = value.as_object()?;
            let mut names = wanted.as_array().unwrap().iter();
            let missing = names.find(|name| !object.contains_key(name.as_str().unwrap()))?;
            Some(format!("{path} lacks {missing}"))
        }
        "type" => {
            let types = match wanted {
                Value::Array(types) => types.iter().collect(),
                one => vec![one],
            };
            let fits = types.iter().any(|one| is_of(value, one.as_str().unwrap()));
            (!fits).then(|| format!("{path} is not of type {wanted}: {value}"))
        }
        other => panic!("the schema says {other}, which nothing checks"),
    })
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        "string" => value.is_string(),
        other => panic!("no type is called {other}"),
    }
}
