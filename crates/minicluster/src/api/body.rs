//! Bodies of requests and answers.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::time::timeout;

use super::status::Status;

/// The largest body of a request: far above any object that makes sense here.
const MAX_REQUEST_BODY: usize = 1024 * 1024;

/// How long a request's body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// An answer's body: whole, or a watch.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A body that is there at once.
pub(crate) fn full(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).boxed_unsync()
}

/// A body that comes piece by piece.
pub(crate) fn streamed(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece)))).boxed_unsync()
}

/// Reads a request's whole body.
pub(crate) async fn read(body: Incoming) -> Result<Bytes, Status> {
    let reading = Limited::new(body, MAX_REQUEST_BODY).collect();
    match timeout(BODY_TIMEOUT, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Status::too_large()),
        Ok(Err(error)) => Err(Status::bad_request(format!(
            "the request's body broke off: {error}"
        ))),
        Err(_) => Err(Status::bad_request("the request's body did not come in time")),
    }
}
