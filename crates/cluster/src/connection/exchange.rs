//! One HTTP/1.1 request and its answer on a connection that is used for nothing else.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::response::Parts;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::deadline;

/// Largest head of an answer, in bytes.
const HEAD_MAX: usize = 64 << 10;
/// How much of a refusal's body is read, in bytes.
const BODY_MAX: usize = 64 << 10;

/// What came of a request.
pub(crate) enum Exchange<T> {
    /// An answer that ends the connection.
    Refused { head: Parts, body: Bytes },
    /// The connection now carries something else, of which `read_ahead` already arrived.
    Switched { head: Parts, io: T, read_ahead: Bytes },
}

/// Sends `request` and waits for the head of its answer. A 101, or a 2xx to a CONNECT, gives the connection back.
pub(crate) async fn exchange<T>(io: T, mut request: Request<Bytes>) -> Result<Exchange<T>, hyper::Error>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let is_connect = request.method() == Method::CONNECT;
    if request.method() == Method::POST && request.body().is_empty() {
        // hyper leaves it out, and not every server takes a POST without.
        request
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let mut builder = http1::Builder::new();
    // Middle boxes that compare header names byte by byte are used to Go's way of writing them.
    builder.title_case_headers(true).max_buf_size(HEAD_MAX);
    let (mut sender, mut connection) = builder.handshake(TokioIo::new(io)).await?;

    let mut answer = pin!(sender.send_request(request.map(Full::new)));
    let mut ended = None;
    let answer = poll_fn(|cx| {
        if ended.is_none()
            && let Poll::Ready(result) = connection.poll_without_shutdown(cx)
        {
            ended = Some(result);
        }
        answer.as_mut().poll(cx)
    })
    .await;
    // What ended the connection says more than that the answer is missing.
    let answer = match (answer, &mut ended) {
        (Err(_), Some(Err(_))) => match ended.take() {
            Some(Err(error)) => return Err(error),
            _ => unreachable!("it was just matched"),
        },
        (answer, _) => answer?,
    };

    let (head, body) = answer.into_parts();
    let is_switched =
        head.status == StatusCode::SWITCHING_PROTOCOLS || (is_connect && head.status.is_success());
    if is_switched {
        drop(body);
        if ended.is_none() {
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await?;
        }
        let parts = connection.into_parts();
        return Ok(Exchange::Switched {
            head,
            io: parts.io.into_inner(),
            read_ahead: parts.read_buf,
        });
    }
    let mut gathered = BytesMut::new();
    {
        let mut gather = pin!(gather(body, &mut gathered));
        let gather = poll_fn(|cx| {
            if ended.is_none()
                && let Poll::Ready(result) = connection.poll_without_shutdown(cx)
            {
                ended = Some(result);
            }
            gather.as_mut().poll(cx)
        });
        // A body that does not end in time is as good as what there is of it.
        let _ = timeout(deadline::REFUSAL_BODY, gather).await;
    }
    Ok(Exchange::Refused {
        head,
        body: gathered.freeze(),
    })
}

/// Reads a body until it ends, breaks, or there is enough of it.
async fn gather(mut body: Incoming, gathered: &mut BytesMut) {
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            let room = BODY_MAX - gathered.len();
            gathered.extend_from_slice(&data[..data.len().min(room)]);
        }
        if gathered.len() == BODY_MAX {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    fn request() -> Request<Bytes> {
        Request::post("/portforward")
            .header("Host", "k8s")
            .header("Upgrade", "SPDY/3.1")
            .body(Bytes::new())
            .unwrap()
    }

    /// Answers the first request with `answer` in pieces of `piece` bytes.
    async fn serve(mut io: DuplexStream, answer: Vec<u8>, piece: usize) -> (DuplexStream, String) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(io.read_u8().await.unwrap());
        }
        for piece in answer.chunks(piece) {
            // The client may have read enough and be gone.
            if io.write_all(piece).await.is_err() {
                break;
            }
        }
        (io, String::from_utf8(request).unwrap())
    }

    async fn run(
        answer: &[u8],
        piece: usize,
    ) -> (Result<Exchange<DuplexStream>, hyper::Error>, DuplexStream, String) {
        let (near, far) = duplex(1 << 20);
        let ((far, request), exchange) =
            tokio::join!(serve(far, answer.to_vec(), piece), exchange(near, request()));
        (exchange, far, request)
    }

    #[tokio::test]
    async fn bytes_glued_to_a_101_are_kept() {
        for piece in [1, 7, 1000] {
            let answer =
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\nEARLY";
            let (exchange, mut far, request) = run(answer, piece).await;
            let Ok(Exchange::Switched {
                head,
                mut io,
                read_ahead,
            }) = exchange
            else {
                panic!("not switched")
            };
            assert_eq!(head.headers["upgrade"], "SPDY/3.1");
            assert!(request.starts_with("POST /portforward HTTP/1.1\r\n"), "{request}");
            assert!(
                request.contains("Upgrade: SPDY/3.1\r\n")
                    && request.to_lowercase().contains("content-length: 0\r\n"),
                "{request}"
            );
            far.write_all(b"LATER").await.unwrap();
            let mut all = read_ahead.to_vec();
            while all.len() < 10 {
                all.push(io.read_u8().await.unwrap());
            }
            assert_eq!(all, b"EARLYLATER");
            io.write_all(b"UP").await.unwrap();
            let mut up = [0; 2];
            far.read_exact(&mut up).await.unwrap();
            assert_eq!(&up, b"UP");
        }
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_body() {
        for answer in [
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope",
            "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n",
        ] {
            let (exchange, ..) = run(answer.as_bytes(), 3).await;
            let Ok(Exchange::Refused { head, body }) = exchange else {
                panic!("not refused")
            };
            assert_eq!((head.status.as_u16(), &body[..]), (403, &b"nope"[..]));
        }
    }

    #[tokio::test]
    async fn a_refusals_body_is_bounded() {
        let mut answer = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 900000\r\n\r\n".to_vec();
        answer.resize(900_000, b'x');
        let (exchange, ..) = run(&answer, 10_000).await;
        let Ok(Exchange::Refused { body, .. }) = exchange else {
            panic!("not refused")
        };
        assert_eq!(body.len(), BODY_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_end_is_given_up_on() {
        let answer = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 9\r\n\r\npart";
        let (exchange, ..) = run(answer, 1000).await;
        let Ok(Exchange::Refused { body, .. }) = exchange else {
            panic!("not refused")
        };
        assert_eq!(&body[..], b"part");
    }

    #[tokio::test]
    async fn what_is_not_http_is_an_error() {
        let endless = [
            b"HTTP/1.1 101 Switching Protocols\r\nX: ".to_vec(),
            vec![b'x'; 200_000],
        ]
        .concat();
        for answer in [
            b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec(),
            b"HTTP/1.1 9999 x\r\n\r\n".to_vec(),
            endless,
        ] {
            assert!(run(&answer, 1000).await.0.is_err());
        }
        let (near, far) = duplex(1 << 20);
        drop(far);
        assert!(exchange(near, request()).await.is_err());
    }
}
