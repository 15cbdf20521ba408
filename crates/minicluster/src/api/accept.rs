//! The form in which a client wants its answer, by its Accept header.

use http::HeaderMap;
use http::header::ACCEPT;

use super::status::Status;

/// The form in which an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The objects themselves.
    Objects,
    /// `meta.k8s.io/v1` `PartialObjectMetadata`.
    Metadata,
    /// `meta.k8s.io/v1` `Table`.
    Table,
}

impl Form {
    /// The first form of the Accept header that can be served.
    pub(crate) fn negotiate(headers: &HeaderMap) -> Result<Self, Status> {
        for range in ranges(headers) {
            match (range.media_type, range.parameter("as")) {
                ("application/json" | "application/*" | "*/*", None) => return Ok(Self::Objects),
                ("application/json", Some("Table")) if range.is_meta_v1() => return Ok(Self::Table),
                ("application/json", Some("PartialObjectMetadata" | "PartialObjectMetadataList"))
                    if range.is_meta_v1() =>
                {
                    return Ok(Self::Metadata);
                }
                _ => {}
            }
        }
        match headers.contains_key(ACCEPT) {
            true => Err(Status::not_acceptable()),
            false => Ok(Self::Objects),
        }
    }
}

/// Whether the client takes discovery as one list for all groups rather than the plain form.
pub(crate) fn wants_aggregated_discovery(headers: &HeaderMap) -> bool {
    let mut json = ranges(headers).filter(|range| range.media_type == "application/json");
    let is_aggregated = |range: &MediaRange<'_>| {
        range.parameter("g") == Some("apidiscovery.k8s.io")
            && range.parameter("v") == Some("v2")
            && range.parameter("as") == Some("APIGroupDiscoveryList")
    };
    json.find(|range| is_aggregated(range) || range.parameter("as").is_none())
        .is_some_and(|range| is_aggregated(&range))
}

struct MediaRange<'a> {
    media_type: &'a str,
    parameters: &'a str,
}

impl<'a> MediaRange<'a> {
    fn parameter(&self, key: &str) -> Option<&'a str> {
        let pairs = self.parameters.split(';').filter_map(|pair| pair.split_once('='));
        pairs
            .map(|(name, value)| (name.trim(), value.trim()))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    fn is_meta_v1(&self) -> bool {
        self.parameter("g").is_none_or(|group| group == "meta.k8s.io")
            && self.parameter("v").is_none_or(|version| version == "v1")
    }
}

fn ranges(headers: &HeaderMap) -> impl Iterator<Item = MediaRange<'_>> {
    let values = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|range| {
        let (media_type, parameters) = range.split_once(';').unwrap_or((range, ""));
        MediaRange {
            media_type: media_type.trim(),
            parameters,
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn the_form_follows_the_accept_header() {
        let form = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            Form::negotiate(&headers)
        };
        assert_eq!(Form::negotiate(&HeaderMap::new()), Ok(Form::Objects));
        assert_eq!(
            form("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
            Ok(Form::Table)
        );
        assert_eq!(
            form("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"),
            Ok(Form::Objects)
        );
        assert_eq!(
            form("application/vnd.kubernetes.protobuf, */*"),
            Ok(Form::Objects)
        );
        assert!(form("application/vnd.kubernetes.protobuf").is_err());
    }

    #[test]
    fn discovery_is_aggregated_where_that_is_taken_before_the_plain_form() {
        let aggregated = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            wants_aggregated_discovery(&headers)
        };
        let v2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let beta = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
        assert!(aggregated(&format!("{v2},application/json")));
        assert!(aggregated(&format!("{beta},{v2},application/json")));
        assert!(!aggregated(&format!("{beta},application/json")));
        assert!(!aggregated(&format!("application/json,{v2}")));
        assert!(!aggregated("*/*"));
        assert!(!wants_aggregated_discovery(&HeaderMap::new()));
    }
}
