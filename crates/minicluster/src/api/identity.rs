//! Who sent a request: client certificates, tokens, impersonation.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::request::{Description, RequestInfo, TargetInfo};
use super::rules::{MASTERS, Rules};
use super::status::Status;
use crate::credentials::Credentials;
use crate::user::User;

const IMPERSONATE_USER: &str = "impersonate-user";
const IMPERSONATE_GROUP: &str = "impersonate-group";
const IMPERSONATE_UID: &str = "impersonate-uid";

/// How many groups may be impersonated at once.
const MAX_GROUPS: usize = 32;

/// A user as the API server knows him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) groups: Vec<String>,
}

impl Identity {
    pub(crate) fn of(user: &User) -> Self {
        let masters = (*user == User::Admin).then(|| MASTERS.to_owned());
        Self {
            name: user.name().to_owned(),
            uid: String::new(),
            groups: masters
                .into_iter()
                .chain(["system:authenticated".to_owned()])
                .collect(),
        }
    }

    /// The sender of a request on a connection with the client certificate `certificate`.
    pub(crate) fn of_request(
        headers: &HeaderMap,
        certificate: Option<&User>,
        credentials: &Credentials,
        rules: &Rules,
    ) -> Result<Self, Status> {
        let valid_certificate = certificate.filter(|user| credentials.knows(user)).cloned();
        let user = match valid_certificate {
            // A token besides it is not looked at, as the real server does it.
            Some(user) => user,
            None => {
                let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
                let user = value
                    .and_then(bearer_token)
                    .and_then(|token| credentials.user_of_token(token));
                user.ok_or_else(Status::unauthorized)?
            }
        };
        Self::of(&user).impersonating(headers, rules)
    }

    fn impersonating(self, headers: &HeaderMap, rules: &Rules) -> Result<Self, Status> {
        let text = |name: &str| match headers.get(name) {
            None => Ok(None),
            Some(value) => match value.to_str() {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => Err(Status::bad_request(format!("the header {name} is not text"))),
            },
        };
        let groups = headers.get_all(IMPERSONATE_GROUP).iter().take(MAX_GROUPS + 1);
        let groups: Vec<String> = groups
            .filter_map(|value| value.to_str().ok())
            .map(str::to_owned)
            .collect();
        let uid = text(IMPERSONATE_UID)?;
        let Some(name) = text(IMPERSONATE_USER)? else {
            return match groups.is_empty() && uid.is_none() {
                true => Ok(self),
                false => Err(Status::bad_request(
                    "requested groups or uid without impersonating a user",
                )),
            };
        };
        if groups.len() > MAX_GROUPS {
            return Err(Status::bad_request("too many groups to impersonate"));
        }
        let wanted = [("users", &name)]
            .into_iter()
            .chain(groups.iter().map(|group| ("groups", group)));
        for (plural, name) in wanted {
            let target = TargetInfo {
                description: Description {
                    version: "v1".to_owned(),
                    plural: plural.to_owned(),
                    ..Description::default()
                },
                name: name.clone(),
                ..TargetInfo::default()
            };
            if !rules.allow_target(&self, "impersonate", &target) {
                let request = RequestInfo {
                    verb: "impersonate",
                    path: String::new(),
                    target: Some(target),
                };
                return Err(Status::forbidden(&self.name, &request));
            }
        }
        let authenticated = "system:authenticated".to_owned();
        let mut groups = groups;
        if !groups.contains(&authenticated) {
            groups.push(authenticated);
        }
        Ok(Self {
            name,
            uid: uid.unwrap_or_default(),
            groups,
        })
    }
}

fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn identify(headers: &[(&str, &str)], certificate: Option<&User>) -> Result<Identity, Status> {
        let credentials = Credentials::new(&[]).unwrap();
        let token = credentials.token(User::Forwarder).unwrap();
        credentials.token(User::Admin).unwrap();
        let headers = headers.iter().map(|(name, value)| {
            (
                name.parse().unwrap(),
                value.replace("TOKEN", &token).parse().unwrap(),
            )
        });
        Identity::of_request(&headers.collect(), certificate, &credentials, &Rules::new())
    }

    #[test]
    fn a_token_or_a_certificate_is_needed() {
        assert_eq!(identify(&[], None), Err(Status::unauthorized()));
        assert_eq!(
            identify(&[("authorization", "Bearer TOKEN")], None).unwrap().name,
            "forwarder"
        );
        assert_eq!(
            identify(&[("authorization", "bearer TOKEN")], None).unwrap().name,
            "forwarder"
        );
        assert_eq!(identify(&[], Some(&User::Admin)).unwrap().name, "admin");
        for wrong in ["Bearer TOKENx", "Basic TOKEN", "TOKEN", "Bearer ", ""] {
            assert_eq!(
                identify(&[("authorization", wrong)], None),
                Err(Status::unauthorized()),
                "{wrong}"
            );
        }
    }

    #[test]
    fn only_who_may_impersonates() {
        let jane = [("impersonate-user", "jane"), ("impersonate-group", "developers")];
        let identity = identify(&jane, Some(&User::Admin)).unwrap();
        assert_eq!(identity.name, "jane");
        assert_eq!(identity.groups, ["developers", "system:authenticated"]);
        let denied = identify(&[("authorization", "Bearer TOKEN"), jane[0]], None).unwrap_err();
        assert!(
            denied.to_json()["message"]
                .as_str()
                .unwrap()
                .contains("cannot impersonate resource \"users\"")
        );
        assert!(identify(&jane[1..], Some(&User::Admin)).is_err());
    }
}
