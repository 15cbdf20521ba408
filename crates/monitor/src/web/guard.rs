use std::net::SocketAddr;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Token, page};

/// Decides who is served.
#[derive(Debug)]
pub(super) struct Guard {
    token: Token,
}

/// The address that a request reached: what its Host and Origin have to name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached(SocketAddr);

/// Why a request is not served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// Its body is not what was asked for.
    BadRequest,
    /// It was sent by a page of somebody else.
    ForeignOrigin,
    /// It has no token, or a wrong one.
    NoToken,
    /// There is no such thing.
    NotFound,
    /// Its body is not JSON, by its own words.
    NotJson,
    /// It took too long to come.
    TooSlow,
    /// There are as many live streams as there may be.
    TooManyStreams,
    /// It names another host: a name that somebody made lead here, most likely.
    WrongHost,
}

/// What goes with every answer. Nothing is run or loaded but the page's own files, nobody may frame it, read it from
/// elsewhere or keep it, and it tells nobody where it is.
const HEADERS: [(HeaderName, HeaderValue); 8] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; \
             img-src 'self'; require-trusted-types-for 'script'; script-src 'self'; style-src 'self'; \
             trusted-types 'none'",
        ),
    ),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

/// Where a browser says from what kind of place a request comes.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl Guard {
    pub(super) fn new(token: Token) -> Self {
        Self { token }
    }

    /// Whether a request that reached this address is served. The page's own files need no token: they come before it.
    pub(super) fn check(&self, head: &Parts, reached: Reached) -> Result<(), Refusal> {
        reached.check_host(head)?;
        reached.check_origin(&head.headers)?;
        if page::is_file(head.uri.path()) {
            return Ok(());
        }
        check_site(&head.headers)?;
        self.check_token(&head.headers)
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let claimed = only(headers, &AUTHORIZATION)
            .flatten()
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        match claimed {
            Some(claimed) if self.token.is(claimed) => Ok(()),
            _ => Err(Refusal::NoToken),
        }
    }
}

impl Reached {
    /// The address at this end of a connection.
    pub(super) fn new(local: SocketAddr) -> Self {
        // One of IPv4 that came to a listener of both families is named by its IPv4 form.
        Self(SocketAddr::new(local.ip().to_canonical(), local.port()))
    }

    /// How a browser names it: without the port where that is the scheme's own.
    pub(super) fn authority(self) -> String {
        match self.0 {
            SocketAddr::V4(address) if address.port() == 80 => address.ip().to_string(),
            SocketAddr::V6(address) if address.port() == 80 => format!("[{}]", address.ip()),
            address => address.to_string(),
        }
    }

    /// A name that leads here is not enough, for whoever owns a name can let it lead anywhere.
    fn check_host(self, head: &Parts) -> Result<(), Refusal> {
        let authority = self.authority();
        let in_target = head
            .uri
            .authority()
            .is_none_or(|named| named.as_str() == authority);
        match only(&head.headers, &HOST) {
            Some(Some(host)) if in_target && host.as_bytes() == authority.as_bytes() => Ok(()),
            _ => Err(Refusal::WrongHost),
        }
    }

    fn check_origin(self, headers: &HeaderMap) -> Result<(), Refusal> {
        match only(headers, &ORIGIN) {
            Some(None) => Ok(()),
            Some(Some(origin)) if origin.as_bytes() == format!("http://{}", self.authority()).as_bytes() => {
                Ok(())
            }
            _ => Err(Refusal::ForeignOrigin),
        }
    }
}

/// What the browser says of where the request comes from, if it says anything.
fn check_site(headers: &HeaderMap) -> Result<(), Refusal> {
    match only(headers, &SEC_FETCH_SITE) {
        Some(None) => Ok(()),
        Some(Some(site)) if site == "same-origin" || site == "none" => Ok(()),
        _ => Err(Refusal::ForeignOrigin),
    }
}

/// The value of a header that is there at most once; `None` where it is there more often.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a HeaderValue>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    values.next().is_none().then_some(first)
}

/// Gives an answer the headers that go with every one.
pub(super) fn protect(mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().extend(HEADERS);
    answer
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyStreams => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::WrongHost => StatusCode::MISDIRECTED_REQUEST,
        }
    }

    /// What the client is told. Nothing of its own words is among it.
    fn sentence(self) -> &'static str {
        match self {
            Self::BadRequest => "the request makes no sense\n",
            Self::ForeignOrigin => "this is for podline's own page alone\n",
            Self::NoToken => "open the link that podline printed when it started\n",
            Self::NotFound => "there is nothing here\n",
            Self::NotJson => "the body has to be JSON\n",
            Self::TooManyStreams => "too many pages are open\n",
            Self::TooSlow => "the request took too long\n",
            Self::WrongHost => {
                "open the link that podline printed, as it was printed: by address, not by name\n"
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut answer = Response::new(self.sentence().into());
        *answer.status_mut() = self.status();
        let headers = answer.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        if self == Self::NoToken {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}

#[cfg(test)]
mod tests;
