//! Through an HTTP proxy by CONNECT (RFC 9110, section 9.3.6).

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Request, StatusCode};
use podline_wire::Untrusted;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Exchange, ProxyError, exchange};
use crate::request::AGENT;

/// Asks the proxy at the other end of `io` to connect to `place` (`host:port`).
/// Gives the connection back, and what already came through it.
pub(crate) async fn connect<T>(
    io: T,
    place: &str,
    authorization: Option<HeaderValue>,
) -> Result<(T, Bytes), ProxyError>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| ProxyError::Broken { source: error };
    let mut request = Request::connect(place)
        .header(HOST, place)
        .header(USER_AGENT, AGENT);
    if let Some(authorization) = authorization {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(Bytes::new()).map_err(|error| broken(error.into()))?;
    match exchange(io, request)
        .await
        .map_err(|error| broken(error.into()))?
    {
        Exchange::Switched { io, read_ahead, .. } => Ok((io, read_ahead)),
        Exchange::Refused { head, .. } if head.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            Err(ProxyError::Authentication)
        }
        Exchange::Refused { head, .. } => Err(ProxyError::Refused {
            answer: Untrusted::new(head.status.to_string()),
        }),
    }
}
