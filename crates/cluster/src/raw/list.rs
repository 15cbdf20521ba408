use serde::Deserialize;

/// A page of a list.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(crate) struct List<T> {
    #[serde(default)]
    metadata: ListMetadata,
    /// They may be `null`. What has none is no list.
    #[serde(deserialize_with = "Option::deserialize")]
    pub(crate) items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    resource_version: Option<String>,
    r#continue: Option<String>,
}

impl<T> List<T> {
    /// The version of the whole list; empty where it says none.
    pub(crate) fn version(&self) -> &str {
        self.metadata.resource_version.as_deref().unwrap_or_default()
    }

    /// What the next page is asked for by, if there is one.
    pub(crate) fn next(&self) -> Option<&str> {
        let token = self.metadata.r#continue.as_deref();
        token.filter(|token| !token.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_items_is_no_list() {
        let read = |json| serde_json::from_str::<List<u8>>(json).map(|list| list.items);
        assert!(matches!(read(r#"{"items": [1]}"#), Ok(Some(items)) if items == [1]));
        assert!(matches!(read(r#"{"metadata": {}, "items": null}"#), Ok(None)));
        assert!(read(r#"{"metadata": {"resourceVersion": "7"}}"#).is_err());
    }
}
