//! Through a SOCKS5 proxy (RFC 1928, RFC 1929).

use std::net::IpAddr;

use podline_wire::Untrusted;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::ProxyError;

const VERSION: u8 = 0x05;
const NO_AUTHENTICATION: u8 = 0x00;
const PASSWORD: u8 = 0x02;
const NONE_ACCEPTABLE: u8 = 0xff;
const PASSWORD_VERSION: u8 = 0x01;
const CONNECT: u8 = 0x01;
const IPV4: u8 = 0x01;
const DOMAIN: u8 = 0x03;
const IPV6: u8 = 0x04;

/// Asks the proxy at the other end of `io` to connect; it looks names up itself.
pub(crate) async fn connect<T: AsyncRead + AsyncWrite + Unpin>(
    io: &mut T,
    host: &str,
    port: u16,
    user: Option<&(String, SecretString)>,
) -> Result<(), ProxyError> {
    let methods: &[u8] = if user.is_some() {
        &[NO_AUTHENTICATION, PASSWORD]
    } else {
        &[NO_AUTHENTICATION]
    };
    let mut greeting = vec![VERSION, length(methods)?];
    greeting.extend_from_slice(methods);
    io.write_all(&greeting).await?;
    let mut choice = [0; 2];
    io.read_exact(&mut choice).await?;
    match (choice, user) {
        ([VERSION, NO_AUTHENTICATION], _) => {}
        ([VERSION, PASSWORD], Some((name, password))) => authenticate(io, name, password).await?,
        ([VERSION, NONE_ACCEPTABLE], _) => return Err(ProxyError::Authentication),
        _ => return Err(ProxyError::NotSocks),
    }
    io.write_all(&request(host, port)?).await?;
    let mut answer = [0; 4];
    io.read_exact(&mut answer).await?;
    let [VERSION, code, _, kind] = answer else {
        return Err(ProxyError::NotSocks);
    };
    if code != 0 {
        return Err(ProxyError::Refused {
            answer: Untrusted::new(meaning(code)),
        });
    }
    // The address that the proxy uses itself is of no interest, but has to be read.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        DOMAIN => usize::from(io.read_u8().await?),
        _ => return Err(ProxyError::NotSocks),
    };
    let mut rest = vec![0; length + 2];
    io.read_exact(&mut rest).await?;
    Ok(())
}

async fn authenticate<T: AsyncRead + AsyncWrite + Unpin>(
    io: &mut T,
    name: &str,
    password: &SecretString,
) -> Result<(), ProxyError> {
    let mut message = vec![PASSWORD_VERSION];
    for part in [name, password.expose_secret()] {
        message.push(length(part.as_bytes())?);
        message.extend_from_slice(part.as_bytes());
    }
    io.write_all(&message).await?;
    let mut answer = [0; 2];
    io.read_exact(&mut answer).await?;
    if answer[1] == 0 {
        Ok(())
    } else {
        Err(ProxyError::Authentication)
    }
}

fn request(host: &str, port: u16) -> Result<Vec<u8>, ProxyError> {
    let mut request = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend(address.octets());
        }
        Err(_) => {
            request.extend([DOMAIN, length(host.as_bytes())?]);
            request.extend_from_slice(host.as_bytes());
        }
    }
    request.extend(port.to_be_bytes());
    Ok(request)
}

fn length(bytes: &[u8]) -> Result<u8, ProxyError> {
    u8::try_from(bytes.len()).map_err(|_| ProxyError::TooLong)
}

fn meaning(code: u8) -> String {
    match code {
        1 => "general failure".to_owned(),
        2 => "not allowed by its rules".to_owned(),
        3 => "network unreachable".to_owned(),
        4 => "host unreachable".to_owned(),
        5 => "connection refused".to_owned(),
        6 => "time to live expired".to_owned(),
        7 => "command not supported".to_owned(),
        8 => "address type not supported".to_owned(),
        code => format!("code {code}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tokio::io::duplex;

    use super::*;

    /// Plays a proxy: for each pair, expects the first and answers the second.
    async fn play(
        script: &[(&[u8], &[u8])],
        host: &str,
        user: Option<(&str, &str)>,
    ) -> Result<(), ProxyError> {
        let (mut near, mut far) = duplex(4096);
        let user = user.map(|(name, password)| (name.to_owned(), SecretString::from(password)));
        let proxy = async move {
            for (expected, answer) in script {
                let mut got = vec![0; expected.len()];
                far.read_exact(&mut got).await.unwrap();
                assert_eq!(&got, expected);
                far.write_all(answer).await.unwrap();
            }
        };
        tokio::join!(proxy, connect(&mut near, host, 443, user.as_ref())).1
    }

    const OK: &[u8] = &[5, 0, 0, 1, 127, 0, 0, 1, 0, 80];

    #[tokio::test]
    async fn names_and_addresses_go_to_the_proxy_as_they_are() {
        play(
            &[(&[5, 1, 0], &[5, 0]), (b"\x05\x01\x00\x03\x03k8s\x01\xbb", OK)],
            "k8s",
            None,
        )
        .await
        .unwrap();
        play(
            &[(&[5, 1, 0], &[5, 0]), (&[5, 1, 0, 1, 10, 0, 0, 9, 1, 0xbb], OK)],
            "10.0.0.9",
            None,
        )
        .await
        .unwrap();
        let mut v6 = vec![5, 1, 0, 4];
        v6.extend([0; 15]);
        v6.extend([1, 1, 0xbb]);
        play(
            &[(&[5, 1, 0], &[5, 0]), (&v6, b"\x05\x00\x00\x03\x02ab\x00\x01")],
            "::1",
            None,
        )
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn a_password_is_offered_and_used_when_asked_for() {
        let script: &[(&[u8], &[u8])] = &[
            (&[5, 2, 0, 2], &[5, 2]),
            (b"\x01\x02me\x06s3cret", &[1, 0]),
            (b"\x05\x01\x00\x03\x03k8s\x01\xbb", OK),
        ];
        play(script, "k8s", Some(("me", "s3cret"))).await.unwrap();
        let script: &[(&[u8], &[u8])] = &[(&[5, 2, 0, 2], &[5, 2]), (b"\x01\x02me\x06s3cret", &[1, 1])];
        assert!(matches!(
            play(script, "k8s", Some(("me", "s3cret"))).await,
            Err(ProxyError::Authentication)
        ));
    }

    #[tokio::test]
    async fn every_failure_is_told_apart() {
        let refused = play(
            &[
                (&[5, 1, 0], &[5, 0]),
                (b"\x05\x01\x00\x03\x03k8s\x01\xbb", &[5, 5, 0, 1]),
            ],
            "k8s",
            None,
        );
        assert_eq!(
            refused.await.unwrap_err().to_string(),
            "it answered connection refused"
        );
        for (answer, expected) in [
            (&[5, 0xff][..], "it asks for a user and a password"),
            (b"HTTP/1.1 400", "it does not speak SOCKS5"),
            (&[5, 2], "it does not speak SOCKS5"),
            (&[5], "the connection to it broke"),
        ] {
            let error = play(&[(&[5, 1, 0], answer)], "k8s", None).await.unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        let long = "a".repeat(256);
        let error = play(&[(&[5, 1, 0], &[5, 0])], &long, None).await.unwrap_err();
        assert!(matches!(error, ProxyError::TooLong));
    }
}
