//! What a request asks for, read from its method, path and query.

use std::borrow::Cow;

use http::{Method, Uri};

use super::objects::Resource;
use super::status::Status;

/// How many parameters a query may have.
const MAX_PARAMETERS: usize = 64;

/// A request as the rules see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RequestInfo {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for a path that is no
    /// resource the method in lower case.
    pub(crate) verb: &'static str,
    pub(crate) path: String,
    /// `None` for a path that is no resource.
    pub(crate) target: Option<TargetInfo>,
}

/// The resource, or the object, that a request is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TargetInfo {
    pub(crate) description: Description,
    /// `None` if no such resource is served.
    pub(crate) resource: Option<Resource>,
    /// Empty for cluster-wide resources and for all namespaces.
    pub(crate) namespace: String,
    /// Empty for a collection.
    pub(crate) name: String,
    /// Empty for the object itself.
    pub(crate) subresource: String,
}

/// The words of a path that name a resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Description {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
}

impl Description {
    pub(crate) fn qualified(&self) -> String {
        match self.group.as_str() {
            "" => self.plural.clone(),
            group => format!("{}.{group}", self.plural),
        }
    }
}

impl TargetInfo {
    /// As rules name it: `pods`, `pods/portforward`.
    pub(crate) fn resource_and_subresource(&self) -> String {
        match self.subresource.as_str() {
            "" => self.description.plural.clone(),
            subresource => format!("{}/{subresource}", self.description.plural),
        }
    }
}

impl RequestInfo {
    pub(crate) fn parse(method: &Method, uri: &Uri) -> Self {
        let path = uri.path().to_owned();
        let target = parse_path(&path);
        let verb = match (&target, method) {
            (None, method) => lower_case(method),
            (Some(target), &Method::GET | &Method::HEAD) if target.name.is_empty() => {
                let query = Query::parse(uri).unwrap_or_default();
                if query.flag("watch") { "watch" } else { "list" }
            }
            (Some(_), &Method::GET | &Method::HEAD) => "get",
            (Some(_), &Method::POST) => "create",
            (Some(_), &Method::PUT) => "update",
            (Some(_), &Method::PATCH) => "patch",
            (Some(target), &Method::DELETE) if target.name.is_empty() => "deletecollection",
            (Some(_), &Method::DELETE) => "delete",
            (Some(_), method) => lower_case(method),
        };
        Self { verb, path, target }
    }
}

fn lower_case(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        Method::OPTIONS => "options",
        _ => "unknown",
    }
}

fn parse_path(path: &str) -> Option<TargetInfo> {
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts.reverse();
    let (group, version) = match parts.pop()? {
        "api" => ("", parts.pop()?),
        "apis" => (parts.pop()?, parts.pop()?),
        _ => return None,
    };
    let mut plural = parts.pop()?;
    let mut namespace = "";
    // `/namespaces/NS/RESOURCE...` is about what is in the namespace, `/namespaces/NS` about the namespace; so is
    // a namespace's subresource.
    if plural == "namespaces"
        && let [.., resource, name] = parts.as_slice()
        && !matches!(*resource, "status" | "finalize")
    {
        (namespace, plural) = (*name, *resource);
        parts.truncate(parts.len() - 2);
    }
    let name = parts.pop().unwrap_or("");
    let subresource = parts.pop().unwrap_or("");
    if !parts.is_empty() {
        return None;
    }
    let found = Resource::find(group, version, plural);
    Some(TargetInfo {
        description: Description {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
        },
        resource: found.filter(|resource| resource.info().namespaced || namespace.is_empty()),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: subresource.to_owned(),
    })
}

/// A query's parameters, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(uri: &Uri) -> Result<Self, Status> {
        let pairs = uri
            .query()
            .unwrap_or("")
            .split('&')
            .filter(|pair| !pair.is_empty());
        let parameters: Vec<_> = pairs
            .take(MAX_PARAMETERS + 1)
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((decode(key)?.into_owned(), decode(value)?.into_owned()))
            })
            .collect::<Option<_>>()
            .ok_or_else(|| Status::bad_request("the query is not URL-encoded UTF-8"))?;
        if parameters.len() > MAX_PARAMETERS {
            return Err(Status::bad_request("the query has too many parameters"));
        }
        Ok(Self(parameters))
    }

    /// A parameter's value; empty if it is absent.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map_or("", |(_, value)| value)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }

    /// Whether a parameter is there and not `false` or `0`.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.has(key) && !matches!(self.get(key), "false" | "0")
    }

    /// A parameter that is a number.
    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>, Status> {
        match self.get(key) {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| Status::bad_request(format!("invalid query parameter {key}: {text:?}"))),
        }
    }
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn info(method: &str, path: &str) -> RequestInfo {
        RequestInfo::parse(&method.parse().unwrap(), &path.parse().unwrap())
    }

    #[test]
    fn paths_are_read_as_the_api_has_them() {
        for (method, path, verb, namespace, name, subresource) in [
            ("GET", "/api/v1/pods", "list", "", "", ""),
            ("GET", "/api/v1/pods?watch=true", "watch", "", "", ""),
            ("GET", "/api/v1/pods?watch=0", "list", "", "", ""),
            ("GET", "/api/v1/namespaces/a/pods/", "list", "a", "", ""),
            ("GET", "/api/v1/namespaces/a/pods/b", "get", "a", "b", ""),
            (
                "POST",
                "/api/v1/namespaces/a/pods/b/portforward",
                "create",
                "a",
                "b",
                "portforward",
            ),
            (
                "PATCH",
                "/apis/apps/v1/namespaces/a/deployments/b/scale",
                "patch",
                "a",
                "b",
                "scale",
            ),
            (
                "DELETE",
                "/api/v1/namespaces/a/pods",
                "deletecollection",
                "a",
                "",
                "",
            ),
            ("GET", "/api/v1/namespaces/a", "get", "", "a", ""),
            ("GET", "/api/v1/namespaces/a/status", "get", "", "a", "status"),
            ("GET", "/api/v1/namespaces", "list", "", "", ""),
        ] {
            let info = info(method, path);
            let target = info.target.unwrap();
            let found = (info.verb, &*target.namespace, &*target.name, &*target.subresource);
            assert_eq!(found, (verb, namespace, name, subresource), "{path}");
            assert!(target.resource.is_some(), "{path}");
        }
    }

    #[test]
    fn other_paths_are_no_resources() {
        for path in [
            "/",
            "/version",
            "/api",
            "/api/v1",
            "/apis/apps",
            "/apis/apps/v1",
            "/api/v1/a/b/c/d/e/f",
        ] {
            assert_eq!(info("GET", path).target, None, "{path}");
        }
        for path in [
            "/api/v1/foos",
            "/api/v1/namespaces/a/nodes",
            "/apis/apps/v2/deployments",
        ] {
            assert_eq!(info("GET", path).target.unwrap().resource, None, "{path}");
        }
    }

    #[test]
    fn a_query_is_decoded() {
        let query = Query::parse(&"/?a=b%3Dc+d&e&f=0".parse().unwrap()).unwrap();
        assert_eq!(
            (query.get("a"), query.get("e"), query.get("x")),
            ("b=c d", "", "")
        );
        assert!(query.flag("e") && !query.flag("f") && !query.flag("x"));
        assert!(Query::parse(&"/?a=%zz".parse().unwrap()).is_err());
        assert!(Query::parse(&"/?a=%ff".parse().unwrap()).is_err());
        assert!(Query::parse(&format!("/?{}", "a&".repeat(65)).parse().unwrap()).is_err());
    }
}
