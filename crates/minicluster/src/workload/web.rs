use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Sleep,
};

use super::{connection::hex, pattern};

/// Bytes of one body piece.
const PIECE: usize = 64 * 1024;

/// The longest `/slow/MS`.
const SLOWEST: Duration = Duration::from_secs(600);

/// Events of `/sse` and the pause before each: the stream lasts one second.
const EVENTS: u32 = 10;
const EVENT_PAUSE: Duration = Duration::from_millis(100);

type AnswerBody = UnsyncBoxBody<Bytes, Infallible>;

/// Serves HTTP/1.1 on one connection.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, pod: Arc<str>) -> io::Result<()> {
    let service = service_fn(move |request| {
        let pod = Arc::clone(&pod);
        async move { Ok::<_, Infallible>(answer(request, &pod).await) }
    });
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .map_err(io::Error::other)
}

async fn answer(request: Request<Incoming>, pod: &str) -> Response<AnswerBody> {
    let path = request.uri().path().to_owned();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match (request.method(), segments.as_slice()) {
        (&Method::GET | &Method::HEAD, [""]) => text(StatusCode::OK, "text/html; charset=utf-8", page(pod)),
        (&Method::GET, ["whoami"]) => plain(StatusCode::OK, format!("{pod}\n")),
        (&Method::GET, ["bytes", length]) => match length.parse() {
            Ok(length) => bytes(length),
            Err(_) => plain(StatusCode::BAD_REQUEST, "not a number of bytes\n".into()),
        },
        (&Method::GET, ["slow", milliseconds]) => match milliseconds.parse().map(Duration::from_millis) {
            Ok(pause) if pause <= SLOWEST => {
                tokio::time::sleep(pause).await;
                plain(StatusCode::OK, format!("{} ms\n", pause.as_millis()))
            }
            _ => plain(
                StatusCode::BAD_REQUEST,
                "not a number of milliseconds up to 600000\n".into(),
            ),
        },
        (&Method::GET, ["sse"]) => events(),
        (&Method::POST | &Method::PUT, ["hash"]) => hash(request.into_body()).await,
        (_, ["" | "whoami" | "sse" | "hash"] | ["bytes" | "slow", _]) => {
            plain(StatusCode::METHOD_NOT_ALLOWED, "no such method here\n".into())
        }
        _ => plain(StatusCode::NOT_FOUND, "nothing here\n".into()),
    }
}

fn page(pod: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<title>{pod}</title>\n<h1>Hello from {pod}</h1>\n\
         <p>Try <a href=\"/whoami\">/whoami</a>, <a href=\"/bytes/1000000\">/bytes/N</a>, \
         <a href=\"/slow/500\">/slow/MS</a>, <a href=\"/sse\">/sse</a> and <code>POST /hash</code>.</p>\n</html>\n"
    )
}

fn plain(status: StatusCode, body: String) -> Response<AnswerBody> {
    text(status, "text/plain; charset=utf-8", body)
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<AnswerBody> {
    respond(status, kind, Full::new(Bytes::from(body)).boxed_unsync())
}

fn bytes(length: u64) -> Response<AnswerBody> {
    respond(
        StatusCode::OK,
        "application/octet-stream",
        PatternBody { offset: 0, length }.boxed_unsync(),
    )
}

fn events() -> Response<AnswerBody> {
    let body = EventBody {
        sent: 0,
        pause: Box::pin(tokio::time::sleep(EVENT_PAUSE)),
    };
    respond(StatusCode::OK, "text/event-stream", body.boxed_unsync())
}

async fn hash(mut body: Incoming) -> Response<AnswerBody> {
    let mut hash = Sha256::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Some(data) = frame.data_ref() {
                    hash.update(data);
                }
            }
            Err(_) => return plain(StatusCode::BAD_REQUEST, "the body was cut short\n".into()),
        }
    }
    plain(StatusCode::OK, format!("{}\n", hex(&hash.finalize())))
}

fn respond(status: StatusCode, kind: &'static str, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

/// `length` deterministic bytes, made as they are sent.
struct PatternBody {
    offset: u64,
    length: u64,
}

impl Body for PatternBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = (self.length - self.offset).min(PIECE as u64) as usize;
        if piece == 0 {
            return Poll::Ready(None);
        }
        let mut bytes = BytesMut::zeroed(piece);
        pattern::fill(self.offset, &mut bytes);
        self.offset += piece as u64;
        Poll::Ready(Some(Ok(Frame::data(bytes.freeze()))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length - self.offset)
    }
}

/// One server-sent event after each pause.
struct EventBody {
    sent: u32,
    pause: Pin<Box<Sleep>>,
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.sent == EVENTS {
            return Poll::Ready(None);
        }
        std::task::ready!(self.pause.as_mut().poll(context));
        self.sent += 1;
        let next = self.pause.deadline() + EVENT_PAUSE;
        self.pause.as_mut().reset(next);
        Poll::Ready(Some(Ok(Frame::data(format!("data: {}\n\n", self.sent).into()))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::workload::{self, Workload};

    /// One request on a connection of its own; gives the head and the body of the answer.
    async fn ask(request: &str) -> (String, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(workload::serve(listener, Workload::Web, "web-0".into()).unwrap());
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        server.abort();
        let end = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap()
            + 4;
        let body = answer.split_off(end);
        (String::from_utf8(answer).unwrap().to_lowercase(), body)
    }

    fn get(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
    }

    #[tokio::test]
    async fn bytes_have_their_length_and_the_pattern() {
        let (head, body) = ask(&get("/bytes/200000")).await;
        assert!(head.contains("content-length: 200000"), "{head}");
        assert_eq!(body.len(), 200_000);
        assert_eq!(pattern::first_difference(0, &body), None);
    }

    #[tokio::test]
    async fn hash_is_that_of_the_body() {
        let request = "POST /hash HTTP/1.1\r\nHost: web\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";
        let (_, body) = ask(request).await;
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[tokio::test]
    async fn pages_tell_the_pod() {
        let (_, body) = ask(&get("/whoami")).await;
        assert_eq!(body, b"web-0\n");
        let (head, body) = ask(&get("/")).await;
        assert!(head.starts_with("http/1.1 200"));
        assert!(String::from_utf8(body).unwrap().contains("Hello from web-0"));
    }

    #[tokio::test]
    async fn bad_paths_are_refused() {
        for (path, status) in [
            ("/nothing", "404"),
            ("/bytes/-1", "400"),
            ("/slow/999999999", "400"),
            ("/hash", "405"),
        ] {
            let (head, _) = ask(&get(path)).await;
            assert!(head.starts_with(&format!("http/1.1 {status}")), "{path}: {head}");
        }
    }

    #[tokio::test]
    async fn events_come_one_by_one() {
        let (head, body) = ask(&get("/sse")).await;
        assert!(head.contains("text/event-stream"));
        assert!(String::from_utf8(body).unwrap().contains("data: 10"));
    }
}
