//! What can be asked of the server.

use std::io::{self, Read as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Extension, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::guard::protect;
use super::{Guard, Live, Log, Query, Reached, Refusal, Speeds, page};
use crate::serve::LocalEnd;
use crate::{
    Monitor,
    pcap::{Capture, Snapshot},
};

/// The largest body of a request, in bytes. What a page asks takes a few hundred.
const BODY: usize = 4096;

/// How long a request's body and the making of its answer may take; not the answer's travel.
const ANSWER: Duration = Duration::from_secs(10);

/// Bytes of a capture that are read at a time.
const PIECE: usize = 64 * 1024;

/// Pages that may look at the same time. Each costs a look at all connections a second.
const STREAMS: usize = 8;

/// What all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    guard: Guard,
    monitor: Monitor,
    capture: Option<Capture>,
    log: Arc<Log>,
    speeds: Arc<Mutex<Speeds>>,
    streams: Arc<Semaphore>,
}

/// Which connection to end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    forward: usize,
    id: u64,
}

/// Which request to show in detail.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Detail {
    number: u64,
}

impl Shared {
    pub(super) fn new(guard: Guard, monitor: Monitor, capture: Option<Capture>, log: Arc<Log>) -> Arc<Self> {
        Arc::new(Self {
            guard,
            monitor,
            capture,
            log,
            speeds: Arc::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
        })
    }
}

/// All routes, behind the guard.
pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/live", post(live))
        .route("/api/end", post(end))
        .route("/api/request", post(request))
        .route("/api/capture", get(capture))
        .merge(page::routes())
        .fallback(async || Refusal::NotFound)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), admit))
        .with_state(shared)
}

/// Lets in who may come in, and gives every answer the headers that it needs.
async fn admit(
    State(shared): State<Arc<Shared>>,
    Extension(LocalEnd(local)): Extension<LocalEnd>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    let answer = match shared.guard.check(&head, Reached::new(local)) {
        Ok(()) => timeout(ANSWER, next.run(Request::from_parts(head, body)))
            .await
            .unwrap_or_else(|_| Refusal::TooSlow.into_response()),
        Err(refusal) => {
            tracing::debug!(?refusal, "a request to the web page was refused");
            refusal.into_response()
        }
    };
    protect(answer)
}

/// What happens, for as long as the page listens.
async fn live(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let query = Query::read(json(&headers, &body)?)?;
    let slot = Arc::clone(&shared.streams)
        .try_acquire_owned()
        .map_err(|_| Refusal::TooManyStreams)?;
    let live = Live::new(
        shared.monitor.clone(),
        shared.capture.clone(),
        Arc::clone(&shared.log),
        Arc::clone(&shared.speeds),
        query,
        slot,
    );
    let content_type = HeaderValue::from_static("application/x-ndjson");
    Ok(([(CONTENT_TYPE, content_type)], live.into_body()).into_response())
}

/// Ends a connection.
async fn end(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let End { forward, id } =
        serde_json::from_slice(json(&headers, &body)?).map_err(|_| Refusal::BadRequest)?;
    if shared.monitor.end_connection(forward, id) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::NotFound)
    }
}

/// What is known of a request.
async fn request(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let Detail { number } =
        serde_json::from_slice(json(&headers, &body)?).map_err(|_| Refusal::BadRequest)?;
    let request = shared.log.request(number);
    let detail = request
        .and_then(|request| request.detail())
        .ok_or(Refusal::NotFound)?;
    let text = serde_json::to_vec(&detail).map_err(|_| Refusal::NotFound)?;
    Ok((
        [(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        text,
    )
        .into_response())
}

/// What is in the capture's file now.
async fn capture(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let capture = shared.capture.clone().ok_or(Refusal::NotFound)?;
    let snapshot = spawn_blocking(move || capture.snapshot()).await;
    let snapshot = match snapshot {
        Ok(Ok(Some(snapshot))) => snapshot,
        Ok(Err(error)) => {
            tracing::debug!(%error, "the capture cannot be downloaded");
            return Err(Refusal::NotFound);
        }
        Ok(Ok(None)) | Err(_) => return Err(Refusal::NotFound),
    };
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/vnd.tcpdump.pcap"),
        ),
        (
            CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"podline.pcapng\""),
        ),
        (CONTENT_LENGTH, snapshot.length.into()),
    ];
    let pieces = stream::try_unfold(snapshot, async |snapshot| {
        spawn_blocking(move || piece(snapshot))
            .await
            .map_err(io::Error::other)?
    });
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// The next bytes of a capture, and what comes behind them; nothing at its end.
fn piece(mut snapshot: Snapshot) -> io::Result<Option<(Bytes, Snapshot)>> {
    let mut bytes = vec![0; PIECE];
    let length = snapshot.read(&mut bytes)?;
    bytes.truncate(length);
    Ok((length > 0).then(|| (bytes.into(), snapshot)))
}

/// The body of a request that says it is JSON. No page of another origin can say so unless it is allowed to.
fn json<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<&'a [u8], Refusal> {
    match headers.get(CONTENT_TYPE) {
        Some(content_type) if content_type == "application/json" => Ok(body),
        _ => Err(Refusal::NotJson),
    }
}
