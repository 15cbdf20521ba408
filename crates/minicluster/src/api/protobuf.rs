//! The Protocol Buffers that kubectl posts: reviews come in no other form from it.
//!
//! A body is the magic `k8s\0` and a `runtime.Unknown`, whose field 2 is the message itself. Only the fields that a
//! review is answered by are read.

use serde_json::{Value, json};

/// The media type of such a body.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

const MAGIC: &[u8] = b"k8s\0";

/// A posted review in its JSON form; `None` if the body is malformed or holds another kind.
pub(crate) fn review_json(body: &[u8]) -> Option<Value> {
    let unknown = body.strip_prefix(MAGIC)?;
    let type_meta = message(unknown, 1)?;
    let kind = text(type_meta, 2)?;
    let review = message(unknown, 2)?;
    let spec = message(review, 2)?;
    let spec = match kind.as_str() {
        "SelfSubjectReview" => json!({}),
        "SelfSubjectRulesReview" => json!({"namespace": text(spec, 1)?}),
        "SelfSubjectAccessReview" if has(spec, 1)? => {
            let attributes = message(spec, 1)?;
            let names = [
                "namespace",
                "verb",
                "group",
                "version",
                "resource",
                "subresource",
                "name",
            ];
            let mut json = json!({});
            for (name, number) in names.into_iter().zip(1..) {
                json[name] = text(attributes, number)?.into();
            }
            json!({"resourceAttributes": json})
        }
        "SelfSubjectAccessReview" => {
            let attributes = message(spec, 2)?;
            json!({"nonResourceAttributes": {"path": text(attributes, 1)?, "verb": text(attributes, 2)?}})
        }
        _ => return None,
    };
    Some(json!({"apiVersion": text(type_meta, 1)?, "kind": kind, "spec": spec}))
}

/// The bytes of a field, empty if it is absent; `None` if the message is malformed.
fn message(bytes: &[u8], wanted: u64) -> Option<&[u8]> {
    find(bytes, wanted).map(Option::unwrap_or_default)
}

fn text(bytes: &[u8], wanted: u64) -> Option<String> {
    std::str::from_utf8(message(bytes, wanted)?)
        .ok()
        .map(str::to_owned)
}

fn has(bytes: &[u8], wanted: u64) -> Option<bool> {
    find(bytes, wanted).map(|found| found.is_some())
}

/// The last length-delimited field of a number: `Some(None)` if there is none, `None` if the message is malformed.
fn find(mut bytes: &[u8], wanted: u64) -> Option<Option<&[u8]>> {
    let mut found = None;
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        match tag & 7 {
            0 => drop(varint(&mut bytes)?),
            1 => drop(take(&mut bytes, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let payload = take(&mut bytes, length)?;
                if tag >> 3 == wanted {
                    found = Some(payload);
                }
            }
            5 => drop(take(&mut bytes, 4)?),
            _ => return None,
        }
    }
    Some(found)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn field(number: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, u8::try_from(payload.len()).unwrap()];
        bytes.extend(payload);
        bytes
    }

    fn body(kind: &str, review: &[u8]) -> Vec<u8> {
        let type_meta = [field(1, b"authorization.k8s.io/v1"), field(2, kind.as_bytes())].concat();
        [
            MAGIC.to_vec(),
            field(1, &type_meta),
            field(2, review),
            vec![3 << 3, 1],
        ]
        .concat()
    }

    #[test]
    fn an_access_review_is_read() {
        let attributes = [
            field(1, b"default"),
            field(2, b"create"),
            field(5, b"pods"),
            field(6, b"portforward"),
        ];
        let spec = field(1, &attributes.concat());
        let review = [field(1, b""), field(2, &spec)].concat();
        let json = review_json(&body("SelfSubjectAccessReview", &review)).unwrap();
        let attributes = &json["spec"]["resourceAttributes"];
        assert_eq!(attributes["namespace"], "default");
        assert_eq!(attributes["subresource"], "portforward");
        assert_eq!(attributes["name"], "");
    }

    #[test]
    fn a_review_of_a_path_is_read() {
        let spec = field(2, &[field(1, b"/version"), field(2, b"get")].concat());
        let json = review_json(&body("SelfSubjectAccessReview", &field(2, &spec))).unwrap();
        assert_eq!(
            json["spec"]["nonResourceAttributes"],
            json!({"path": "/version", "verb": "get"})
        );
    }

    #[test]
    fn malformed_messages_are_refused() {
        let whole = body("SelfSubjectRulesReview", &field(2, &field(1, b"default")));
        assert!(review_json(&whole).is_some());
        for length in 0..whole.len() - 2 {
            // Nothing that is cut off is taken for the whole, unless the cut is between two fields.
            if let Some(json) = review_json(&whole[..length]) {
                assert_ne!(json, review_json(&whole).unwrap());
            }
        }
        assert_eq!(
            review_json(b"k8s\0\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            None
        );
        assert_eq!(review_json(&body("Pod", b"")), None);
        assert_eq!(review_json(b"{}"), None);
    }
}
