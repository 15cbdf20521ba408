use std::io::{Read, Write};

use podline_cluster::unverified_tls;
use podline_wire::Untrusted;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use crate::reason::reason;

/// The least that tells a TLS record: its type and the major version (RFC 8446, section 5.1).
const RECORD_START: usize = 2;
/// Record types alert and handshake, with which a server begins.
const FIRST_RECORDS: [u8; 2] = [0x15, 0x16];
/// The major version of every TLS.
const MAJOR_VERSION: u8 = 0x03;

/// A client's side of TLS, as bytes in and bytes out. It does not look at the server's certificate.
#[derive(Debug)]
pub(super) struct Tls {
    connection: ClientConnection,
    problem: Option<Untrusted>,
}

impl Tls {
    /// A session that says `request` as soon as it can.
    ///
    /// # Errors
    /// As [`unverified_tls`].
    pub(super) fn new(request: &[u8]) -> Result<Self, rustls::Error> {
        let name = ServerName::try_from("localhost").expect("it is a DNS name");
        let mut connection = ClientConnection::new(unverified_tls()?, name)?;
        connection
            .writer()
            .write_all(request)
            .expect("a request is shorter than the buffer for what waits for the handshake");
        Ok(Self {
            connection,
            problem: None,
        })
    }

    /// What is to be sent now.
    pub(super) fn output(&mut self) -> Vec<u8> {
        let mut output = Vec::new();
        while self.connection.wants_write() {
            // A vector takes everything.
            if self.connection.write_tls(&mut output).is_err() {
                break;
            }
        }
        output
    }

    /// Takes what came and appends to `into` what it means.
    pub(super) fn handle(&mut self, mut came: &[u8], into: &mut Vec<u8>) {
        while !came.is_empty() && self.problem.is_none() {
            let taken = self.connection.read_tls(&mut came);
            let processed = match taken {
                // Its buffer is full of what makes no record.
                Ok(0) | Err(_) => return,
                Ok(_) => self.connection.process_new_packets(),
            };
            if let Err(error) = processed {
                self.problem = Some(reason(&error));
            }
            self.read(into);
        }
    }

    /// Why there can be no session, if so.
    pub(super) fn problem(&self) -> Option<&Untrusted> {
        self.problem.as_ref()
    }

    fn read(&mut self, into: &mut Vec<u8>) {
        // An error is its end, or that there is nothing more yet; what came is there all the same.
        let _ = self.connection.reader().read_to_end(into);
    }
}

/// Whether `came`, the first bytes of a server, are TLS; None: too few to say.
pub(super) fn is_tls(came: &[u8]) -> Option<bool> {
    if came.len() < RECORD_START {
        return came
            .first()
            .filter(|first| !FIRST_RECORDS.contains(first))
            .map(|_| false);
    }
    Some(FIRST_RECORDS.contains(&came[0]) && came[1] == MAJOR_VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_speaks_tls_is_known_by_its_first_bytes() {
        assert_eq!(is_tls(b""), None);
        assert_eq!(is_tls(&[0x16]), None);
        assert_eq!(is_tls(b"H"), Some(false));
        assert_eq!(is_tls(&[0x16, 0x03, 0x03]), Some(true));
        assert_eq!(is_tls(&[0x15, 0x03]), Some(true));
        assert_eq!(is_tls(&[0x16, 0x00]), Some(false));
        assert_eq!(is_tls(b"HTTP/1.1 400 Bad Request"), Some(false));
    }
}
