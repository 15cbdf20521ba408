//! As much of an HTTP client as the check needs.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Bytes of an answer that are taken at most.
const LONGEST: usize = 1024 * 1024;

/// The body of the answer to a GET.
pub(super) async fn fetch(address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // The head says where the body ends: the end of the connection comes a second later.
    loop {
        match body(&answer)? {
            Some(body) => return Ok(body),
            None if answer.len() > LONGEST => return Err(invalid("the answer is too long")),
            None if stream.read_buf(&mut answer).await? == 0 => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            None => {}
        }
    }
}

/// The body of an answer of status 200; `None` if there is more to come.
fn body(answer: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&answer[..end]).map_err(|_| invalid("the answer is no HTTP answer"))?;
    let mut lines = head.split("\r\n");
    if !lines.next().is_some_and(|line| line.starts_with("HTTP/1.1 200 ")) {
        return Err(invalid("the answer is not of status 200"));
    }
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then_some(value.trim())
    });
    let length: usize = length
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| invalid("the answer has no length"))?;
    let body = &answer[end + 4..];
    match body.len() {
        have if have < length => Ok(None),
        have if have == length => Ok(Some(body.to_vec())),
        _ => Err(invalid("the answer is longer than it says")),
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_as_long_as_the_head_says() {
        let answer = |text: &str| body(text.as_bytes()).unwrap();
        assert_eq!(
            answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
            Some(b"hi".to_vec())
        );
        assert_eq!(
            answer("HTTP/1.1 200 OK\r\nA: b\r\ncontent-length:0\r\n\r\n"),
            Some(Vec::new())
        );
        assert_eq!(answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi"), None);
        assert_eq!(answer("HTTP/1.1 200 OK\r\nContent-Le"), None);
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for text in [
            "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhi",
            "hello\r\n\r\n",
        ] {
            assert!(body(text.as_bytes()).is_err(), "{text}");
        }
    }
}
