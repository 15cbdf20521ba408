//! The proof, in an upgrade's headers, that the server speaks WebSocket (RFC 6455 1.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The sub-protocol of Kubernetes that carries SPDY/3.1 port forwarding in binary messages, as it is asked for and
/// answered in `Sec-WebSocket-Protocol`.
pub const TUNNEL_PROTOCOL: &str = "SPDY/3.1+portforward.k8s.io";

/// The one value of `Sec-WebSocket-Version` that RFC 6455 defines.
pub const VERSION: &str = "13";

/// What a server appends to the key before it hashes it (RFC 6455 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The client's `Sec-WebSocket-Key`. The entropy must be new for each handshake.
pub fn key(entropy: [u8; 16]) -> String {
    STANDARD.encode(entropy)
}

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`.
pub fn accept(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.trim_matches([' ', '\t']));
    hash.update(GUID);
    STANDARD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_answers_the_key_of_rfc_6455_section_1_3() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn accept_ignores_blanks_around_the_header_value() {
        assert_eq!(
            accept(" dGhlIHNhbXBsZSBub25jZQ==\t"),
            accept("dGhlIHNhbXBsZSBub25jZQ==")
        );
    }

    #[test]
    fn key_is_sixteen_bytes_in_base64() {
        assert_eq!(key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(key([0; 16]).len(), 24);
    }

    #[test]
    fn accept_agrees_with_tungstenite() {
        let key = key([0xa5; 16]);
        assert_eq!(
            accept(&key),
            tungstenite::handshake::derive_accept_key(key.as_bytes())
        );
    }
}
