use podline::Untrusted;

use super::super::{Protocol, redact};

/// Longest name of a server, and longest list of protocols, that is kept, in bytes.
const NAME: usize = 255;
const PROTOCOLS: usize = 128;

// RFC 8446, 4 and 5.1; RFC 6066, 3; RFC 7301, 3.1.
const HANDSHAKE: u8 = 0x16;
const CLIENT_HELLO: u8 = 0x01;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
const APPLICATION_PROTOCOLS: u16 = 16;

/// What a client that begins with the byte of a handshake says; none while more is needed. Where `is_all`, what there
/// is has to do.
pub(super) fn hello(bytes: &[u8], is_all: bool) -> Option<Protocol> {
    let (hello, is_whole) = match handshake(bytes) {
        Ok(found) => found,
        Err(NotTls) => return Some(Protocol::Bytes),
    };
    if !is_whole && !is_all {
        return None;
    }
    let (server_name, application_protocols) = extensions(&hello).map_or((None, None), named);
    Some(Protocol::Tls {
        server_name,
        application_protocols,
    })
}

/// Not what TLS begins with.
#[derive(Debug)]
struct NotTls;

/// The body of the hello, put together from its records, as far as it came; and whether that is all of it.
fn handshake(bytes: &[u8]) -> Result<(Vec<u8>, bool), NotTls> {
    let mut message = Vec::new();
    let mut rest = bytes;
    loop {
        // Its length is known once its head is there.
        if let [kind, a, b, c, ..] = message[..] {
            let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            if kind != CLIENT_HELLO {
                return Err(NotTls);
            }
            if message.len() >= 4 + length {
                message.truncate(4 + length);
                message.drain(..4);
                return Ok((message, true));
            }
        } else if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
            return Err(NotTls);
        }
        match *rest {
            [] => break,
            [kind, ..] if kind != HANDSHAKE => return Err(NotTls),
            [_, major, ..] if major != 3 => return Err(NotTls),
            [_, _, _, high, low, ref behind @ ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                if length == 0 {
                    return Err(NotTls);
                }
                let (record, behind) = behind.split_at(length.min(behind.len()));
                message.extend_from_slice(record);
                rest = behind;
            }
            _ => break,
        }
    }
    message.drain(..message.len().min(4));
    Ok((message, false))
}

/// The extensions of a hello.
fn extensions(hello: &[u8]) -> Option<&[u8]> {
    // Version and random.
    let mut rest = hello.get(34..)?;
    let _session = vector(&mut rest, 1)?;
    let _ciphers = vector(&mut rest, 2)?;
    let _compressions = vector(&mut rest, 1)?;
    vector(&mut rest, 2)
}

/// The server's name and the protocols in the extensions.
fn named(mut extensions: &[u8]) -> (Option<Untrusted>, Option<Untrusted>) {
    let (mut name, mut protocols) = (None, None);
    while let Some((kind, rest)) = extensions.split_first_chunk() {
        extensions = rest;
        let Some(extension) = vector(&mut extensions, 2) else {
            break;
        };
        match u16::from_be_bytes(*kind) {
            SERVER_NAME => name = server_name(extension),
            APPLICATION_PROTOCOLS => protocols = application_protocols(extension),
            _ => {}
        }
    }
    (name, protocols)
}

fn server_name(mut extension: &[u8]) -> Option<Untrusted> {
    let mut list = vector(&mut extension, 2)?;
    while let Some((&kind, rest)) = list.split_first() {
        list = rest;
        let name = vector(&mut list, 2)?;
        if kind == HOST_NAME {
            return Some(redact::cut(name, NAME));
        }
    }
    None
}

fn application_protocols(mut extension: &[u8]) -> Option<Untrusted> {
    let mut list = vector(&mut extension, 2)?;
    let mut names: Vec<&[u8]> = Vec::new();
    while !list.is_empty() {
        names.push(vector(&mut list, 1)?);
    }
    (!names.is_empty()).then(|| redact::cut(&names.join(&b", "[..]), PROTOCOLS))
}

/// Takes what has its length before it, in so many bytes.
fn vector<'a>(bytes: &mut &'a [u8], length_bytes: usize) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_at_checked(length_bytes)?;
    let length = length
        .iter()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    let (vector, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_length(length_bytes: usize, bytes: &[u8]) -> Vec<u8> {
        let mut vector = (bytes.len() as u32).to_be_bytes()[4 - length_bytes..].to_vec();
        vector.extend_from_slice(bytes);
        vector
    }

    fn extension(kind: u16, bytes: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &with_length(2, bytes)].concat()
    }

    /// A hello in records of at most so many bytes.
    fn client_hello(extensions: &[u8], record: usize) -> Vec<u8> {
        let body = [
            &[3, 3][..],
            &[7; 32],
            &with_length(1, &[9; 32]),
            &with_length(2, &[0x13, 0x01]),
            &with_length(1, &[0]),
            &with_length(2, extensions),
        ]
        .concat();
        let message = [&[CLIENT_HELLO][..], &with_length(3, &body)].concat();
        message
            .chunks(record)
            .flat_map(|piece| [&[HANDSHAKE, 3, 1][..], &with_length(2, piece)].concat())
            .collect()
    }

    fn tls(server_name: Option<&str>, application_protocols: Option<&str>) -> Option<Protocol> {
        Some(Protocol::Tls {
            server_name: server_name.map(Untrusted::new),
            application_protocols: application_protocols.map(Untrusted::new),
        })
    }

    fn both() -> Vec<u8> {
        let name = with_length(
            2,
            &[&[HOST_NAME][..], &with_length(2, b"db.example.com")].concat(),
        );
        let protocols = with_length(2, &[with_length(1, b"h2"), with_length(1, b"http/1.1")].concat());
        [
            extension(0x0a0a, b""),
            extension(SERVER_NAME, &name),
            extension(APPLICATION_PROTOCOLS, &protocols),
        ]
        .concat()
    }

    #[test]
    fn a_hello_tells_the_server_and_the_protocols_however_it_is_cut() {
        let expected = tls(Some("db.example.com"), Some("h2, http/1.1"));
        for record in [1, 3, 4, 5, 50, 1000] {
            let bytes = client_hello(&both(), record);
            for length in 1..bytes.len() {
                assert_eq!(hello(&bytes[..length], false), None, "{record} {length}");
            }
            assert_eq!(hello(&bytes, false), expected);
            // What follows is not looked at.
            assert_eq!(hello(&[&bytes[..], b"more"].concat(), false), expected);
        }
    }

    #[test]
    fn a_hello_that_is_too_long_or_broken_is_tls_all_the_same() {
        assert_eq!(hello(&client_hello(b"", 1000), false), tls(None, None));
        assert_eq!(hello(&client_hello(&both()[..20], 1000), false), tls(None, None));
        let cut = &client_hello(&both(), 1000)[..60];
        assert_eq!(hello(cut, false), None);
        assert_eq!(hello(cut, true), tls(None, None));
    }

    #[test]
    fn what_only_begins_like_it_is_bytes() {
        for bytes in [
            &[HANDSHAKE, 2][..],
            &[HANDSHAKE, 3, 1, 0, 0],
            &[HANDSHAKE, 3, 1, 0, 1, 2],
            &[HANDSHAKE, 3, 1, 0, 1, CLIENT_HELLO, 0x17],
        ] {
            assert_eq!(hello(bytes, false), Some(Protocol::Bytes), "{bytes:?}");
        }
    }
}
