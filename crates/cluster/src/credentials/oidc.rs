//! Tokens of an OpenID Connect provider, renewed with a refresh token.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use podline_wire::Untrusted;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use tokio::time::Instant;

use super::{CredentialsError, jwt};
use crate::connection::{Connector, Exchange, exchange};
use crate::environment::Environment;
use crate::kubeconfig::{Entry, Replacement, ServerUrl, Tls};
use crate::request::AGENT;

/// How long before its end a token is taken for expired.
const EARLY: Duration = Duration::from_secs(30);
/// A token that was renewed since is used until its end: it was never good for long.
const NEW: Duration = Duration::from_secs(10);

/// An OpenID Connect login.
pub(crate) struct Oidc {
    config: BTreeMap<String, SecretString>,
    /// Where the tokens are written.
    entry: Option<Entry>,
    environment: Environment,
    token: Option<SecretString>,
    refresh_token: Option<SecretString>,
    /// Where tokens are renewed, once the provider said so.
    endpoint: Option<Uri>,
    /// When the token was renewed.
    renewed: Option<Instant>,
    /// Whether the token was given out before.
    is_known: bool,
}

impl Oidc {
    pub(crate) fn new(
        config: BTreeMap<String, SecretString>,
        entry: Option<Entry>,
        environment: Environment,
    ) -> Self {
        let (token, refresh_token) = tokens(&config);
        Self {
            config,
            entry,
            environment,
            token,
            refresh_token,
            endpoint: None,
            renewed: None,
            is_known: false,
        }
    }

    /// Takes in the tokens of a configuration; says whether they are other ones.
    pub(crate) fn adopt(&mut self, config: &BTreeMap<String, SecretString>) -> bool {
        let (token, refresh_token) = tokens(config);
        let are_same = |a: &Option<SecretString>, b: &Option<SecretString>| {
            a.as_ref().map(ExposeSecret::expose_secret) == b.as_ref().map(ExposeSecret::expose_secret)
        };
        if are_same(&token, &self.token) && are_same(&refresh_token, &self.refresh_token) {
            return false;
        }
        self.token = token;
        self.refresh_token = refresh_token;
        true
    }

    /// The token, renewed if it has expired, and whether it is another one than before.
    pub(crate) async fn token(&mut self) -> Result<(SecretString, bool), CredentialsError> {
        let is_young = self.age().is_some_and(|age| age < NEW);
        let early = if is_young { Duration::ZERO } else { EARLY };
        let now = SystemTime::now() + early;
        let is_good =
            |token: &SecretString| jwt::expiry(token.expose_secret()).is_some_and(|expiry| now < expiry);
        let mut is_new = !self.is_known;
        let token = match self.token.clone().filter(is_good) {
            Some(token) => token,
            None => {
                is_new = true;
                self.replace().await?
            }
        };
        self.is_known = true;
        Ok((token, is_new))
    }

    /// Renews the token, whether or not it has expired.
    pub(crate) async fn renew(&mut self) -> Result<(), CredentialsError> {
        self.replace().await.map(drop)
    }

    /// How long ago the token was renewed, if it was.
    pub(crate) fn age(&self) -> Option<Duration> {
        Some(self.renewed?.elapsed())
    }

    async fn replace(&mut self) -> Result<SecretString, CredentialsError> {
        let before = (self.token.clone(), self.refresh_token.clone());
        let token = self.ask().await.map_err(|problem| match problem {
            Problem::Login(problem) => CredentialsError::NotRenewed {
                problem,
                needs_login: true,
            },
            Problem::Other(problem) => CredentialsError::NotRenewed {
                problem,
                needs_login: false,
            },
        })?;
        self.token = Some(token.clone());
        self.renewed = Some(Instant::now());
        self.write_back(before);
        Ok(token)
    }

    /// When the token expires.
    pub(crate) fn expiry(&self) -> Option<SystemTime> {
        jwt::expiry(self.token.as_ref()?.expose_secret())
    }

    /// Writes new tokens where the old ones are: kubectl uses them too, and a refresh token may be good only once.
    fn write_back(&self, before: (Option<SecretString>, Option<SecretString>)) {
        let Some(entry) = &self.entry else { return };
        let values = [
            ("id-token", &before.0, &self.token),
            ("refresh-token", &before.1, &self.refresh_token),
        ];
        let replacements: Vec<Replacement<'_>> = values
            .into_iter()
            .filter_map(|(key, old, new)| {
                let (old, new) = (old.as_ref()?.expose_secret(), new.as_ref()?.expose_secret());
                (old != new).then_some(Replacement { key, old, new })
            })
            .collect();
        match entry.write_back(&replacements) {
            Ok(()) => tracing::debug!("the renewed tokens are in the kubeconfig"),
            Err(error) => {
                tracing::warn!(%error, "the renewed tokens were not written into the kubeconfig");
            }
        }
    }

    async fn ask(&mut self) -> Result<SecretString, Problem> {
        let refresh_token = self
            .refresh_token
            .clone()
            .ok_or_else(|| Problem::Login(Untrusted::new("there is no refresh token")))?;
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => self.discover().await?,
        };
        let client = self
            .text("client-id")
            .ok_or_else(|| Untrusted::new("there is no client-id"))?
            .to_owned();
        let secret = self.text("client-secret").unwrap_or_default().to_owned();
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose_secret()),
        ];
        // Providers want the client's secret either in a header or in the body; few say which.
        let in_header = format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", encode(&client), encode(&secret)))
        );
        let mut in_body = form.to_vec();
        in_body.push(("client_id", &client));
        if !secret.is_empty() {
            in_body.push(("client_secret", &secret));
        }
        let mut refused = None;
        for (authorization, form) in [(Some(in_header), &form[..]), (None, &in_body)] {
            if authorization.is_some() && secret.is_empty() {
                continue;
            }
            let (status, body) = self.post(&endpoint, authorization, form).await?;
            if status.is_success() {
                let answer: Renewed = serde_json::from_slice(&body)
                    .map_err(|_| Untrusted::new("the provider's answer cannot be understood"))?;
                if answer.refresh_token.is_some() {
                    self.refresh_token = answer.refresh_token;
                }
                let token = answer.id_token;
                return token.ok_or_else(|| Untrusted::new("the provider gave no ID token").into());
            }
            refused = Some(status);
        }
        let text = refused.map_or_else(String::new, |status| status.to_string());
        let problem = Untrusted::new(format!("the provider answered {text}"));
        // The refresh token is not taken any more: only a new login brings another.
        Err(match refused.is_some_and(|status| status.is_client_error()) {
            true => Problem::Login(problem),
            false => Problem::Other(problem),
        })
    }

    async fn discover(&mut self) -> Result<Uri, Untrusted> {
        #[derive(Deserialize)]
        struct Metadata {
            token_endpoint: String,
        }
        let issuer = self
            .text("idp-issuer-url")
            .ok_or_else(|| Untrusted::new("there is no idp-issuer-url"))?;
        let place = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let place = place
            .parse()
            .map_err(|_| Untrusted::new("the idp-issuer-url is not a URL"))?;
        let (status, body) = self.send(Method::GET, &place, None, String::new()).await?;
        if !status.is_success() {
            return Err(Untrusted::new(format!("the provider answered {status}")));
        }
        let metadata: Metadata = serde_json::from_slice(&body)
            .map_err(|_| Untrusted::new("the provider's metadata cannot be understood"))?;
        let endpoint: Uri = metadata
            .token_endpoint
            .parse()
            .map_err(|_| Untrusted::new("the provider's token endpoint is not a URL"))?;
        self.endpoint = Some(endpoint.clone());
        Ok(endpoint)
    }

    async fn post(
        &self,
        place: &Uri,
        authorization: Option<String>,
        form: &[(&str, &str)],
    ) -> Result<(StatusCode, Bytes), Untrusted> {
        let form: Vec<String> = form
            .iter()
            .map(|(key, value)| format!("{key}={}", encode(value)))
            .collect();
        self.send(Method::POST, place, authorization, form.join("&"))
            .await
    }

    async fn send(
        &self,
        method: Method,
        place: &Uri,
        authorization: Option<String>,
        body: String,
    ) -> Result<(StatusCode, Bytes), Untrusted> {
        let problem = |problem: &dyn std::fmt::Display| Untrusted::new(problem.to_string());
        if place.scheme_str() != Some("https") {
            return Err(Untrusted::new("the provider's URL is not https"));
        }
        let authority = place
            .authority()
            .ok_or_else(|| Untrusted::new("the provider's URL has no host"))?;
        let server = ServerUrl::parse(&format!("https://{authority}"), true);
        let server = server.ok_or_else(|| Untrusted::new("the provider's URL has no host"))?;
        let tls = Tls {
            certificate_authority: self.certificate_authority()?,
            ..Tls::default()
        };
        let mut request = Request::builder()
            .method(method)
            .uri(server.path(place).map_err(|error| problem(&error))?.as_str())
            .header(HOST, server.authority().as_str())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "application/json");
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(authorization) = authorization {
            let mut value = HeaderValue::try_from(authorization)
                .map_err(|_| Untrusted::new("the client's secret is unusable"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Bytes::from(body)).map_err(|error| problem(&error))?;
        let connector =
            Connector::new(server, &tls, None, &self.environment).map_err(|error| problem(&error))?;
        let io = connector.connect().await.map_err(|error| problem(&error))?;
        match exchange(io, request).await.map_err(|error| problem(&error))? {
            Exchange::Refused { head, body } => Ok((head.status, body)),
            Exchange::Switched { .. } => Err(Untrusted::new("the provider switched protocols")),
        }
    }

    fn certificate_authority(&self) -> Result<Option<Vec<u8>>, Untrusted> {
        if let Some(data) = self.text("idp-certificate-authority-data") {
            let data = STANDARD.decode(data);
            return data
                .map(Some)
                .map_err(|_| Untrusted::new("idp-certificate-authority-data is not base64"));
        }
        let Some(path) = self.text("idp-certificate-authority") else {
            return Ok(None);
        };
        std::fs::read(path)
            .map(Some)
            .map_err(|error| Untrusted::new(format!("idp-certificate-authority cannot be read: {error}")))
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.config
            .get(key)
            .map(ExposeSecret::expose_secret)
            .filter(|value| !value.is_empty())
    }
}

/// The ID token and the refresh token of a configuration.
fn tokens(config: &BTreeMap<String, SecretString>) -> (Option<SecretString>, Option<SecretString>) {
    let token = |key: &str| {
        let token = config.get(key).cloned();
        token.filter(|token| !token.expose_secret().is_empty())
    };
    (token("id-token"), token("refresh-token"))
}

/// Why there is no new token.
enum Problem {
    /// Only a new login helps.
    Login(Untrusted),
    Other(Untrusted),
}

impl From<Untrusted> for Problem {
    fn from(problem: Untrusted) -> Self {
        Self::Other(problem)
    }
}

#[derive(Deserialize)]
struct Renewed {
    #[serde(default, deserialize_with = "secret")]
    id_token: Option<SecretString>,
    #[serde(default, deserialize_with = "secret")]
    refresh_token: Option<SecretString>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?
        .filter(|text| !text.is_empty())
        .map(SecretString::from))
}

/// Percent-encodes all that is not unreserved (RFC 3986, section 2.3).
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
