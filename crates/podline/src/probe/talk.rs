use std::mem;

use super::tls::is_tls;
use super::{Answer, Ask, Tls};

/// The most that is kept of what came; a status line is shorter.
const HEARD: usize = 8 * 1024;
/// What an HTTP answer begins with.
const HTTP: &[u8] = b"HTTP/";

/// The talk with a server: what is said to it, and what its bytes come to. No io.
#[derive(Debug)]
pub(super) struct Talk {
    tls: Option<Tls>,
    /// Whether an HTTP answer is hoped for.
    is_http: bool,
    output: Vec<u8>,
    /// The first bytes that came, as they came.
    came: Vec<u8>,
    /// The first bytes of what they mean, where that is not the same.
    opened: Vec<u8>,
}

impl Talk {
    /// # Errors
    /// TLS cannot be spoken at all.
    pub(super) fn new(ask: &Ask, port: u16) -> Result<Self, rustls::Error> {
        let request = ask.request(port);
        let is_http = request.is_some();
        let request = request.unwrap_or_default();
        let mut tls = match ask {
            Ask::Https(_) => Some(Tls::new(&request)?),
            Ask::Http(_) | Ask::Listen => None,
        };
        let output = tls.as_mut().map_or(request, Tls::output);
        Ok(Self {
            tls,
            is_http,
            output,
            came: Vec::new(),
            opened: Vec::new(),
        })
    }

    /// Takes what is to be sent now.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        mem::take(&mut self.output)
    }

    /// Takes bytes of the server.
    pub(super) fn handle(&mut self, bytes: &[u8]) {
        keep(&mut self.came, bytes);
        if let Some(tls) = &mut self.tls {
            let mut opened = Vec::new();
            tls.handle(bytes, &mut opened);
            self.output.extend(tls.output());
            keep(&mut self.opened, &opened);
        }
    }

    /// What the server's bytes come to; None while more may make more of them. `is_all`: no more will come.
    pub(super) fn answer(&self, is_all: bool) -> Option<Answer> {
        if self.came.is_empty() {
            return None;
        }
        let Some(tls) = &self.tls else {
            return if self.is_http {
                http(&self.came, false).or_else(|| self.otherwise(&self.came, is_all))
            } else {
                Some(Answer::said(&self.came))
            };
        };
        match is_tls(&self.came) {
            Some(false) => return Some(Answer::said(&self.came)),
            None if is_all => return Some(Answer::said(&self.came)),
            None => return None,
            Some(true) => {}
        }
        let answer = http(&self.opened, true);
        let failed = tls.problem().filter(|_| self.opened.is_empty());
        let is_other = is_all || failed.is_some() || !may_be_http(&self.opened);
        answer.or_else(|| {
            is_other.then(|| Answer::Tls {
                problem: failed.cloned(),
            })
        })
    }

    /// What `heard` is that is no HTTP answer, or is none yet.
    fn otherwise(&self, heard: &[u8], is_all: bool) -> Option<Answer> {
        let is_other = is_all || heard.len() >= HEARD || !may_be_http(heard);
        is_other.then(|| Answer::said(heard))
    }
}

/// An HTTP answer, if `heard` has its status line.
fn http(heard: &[u8], tls: bool) -> Option<Answer> {
    // Only the status line counts; what is behind it need not be whole, nor fit.
    let end = heard.iter().position(|&byte| byte == b'\n')?;
    let mut headers = [];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(&heard[..=end]).ok()?;
    response.code.map(|status| Answer::Http { status, tls })
}

/// Whether what begins with `heard` can be an HTTP answer.
fn may_be_http(heard: &[u8]) -> bool {
    let known = heard.len().min(HTTP.len());
    heard[..known] == HTTP[..known] && heard.len() < HEARD && !heard.contains(&b'\n')
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = HEARD - kept.len();
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use std::io::{Read, Write};
    use std::sync::Arc;

    use proptest::prelude::*;
    use rustls::crypto::ring;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::{ServerConfig, ServerConnection};

    use super::*;

    fn http_ask() -> Ask {
        Ask::Http("/x".parse().unwrap())
    }

    fn https_ask() -> Ask {
        Ask::Https("/x".parse().unwrap())
    }

    /// What comes of `said` in pieces of the sizes given, and how many of its bytes that took; all of them came.
    fn answer(ask: &Ask, said: &[u8], pieces: &[usize]) -> Option<Answer> {
        let mut talk = Talk::new(ask, 80).unwrap();
        let mut rest = said;
        for &size in pieces {
            let (piece, left) = rest.split_at(size.min(rest.len()));
            rest = left;
            talk.handle(piece);
            if let Some(answer) = talk.answer(false) {
                return Some(answer);
            }
        }
        talk.handle(rest);
        talk.answer(true)
    }

    #[test]
    fn an_http_answer_is_its_status_line() {
        let said = b"HTTP/1.1 503 Service Unavailable\r\nServer: x\r\n\r\nno";
        for cut in 0..said.len() {
            let answer = answer(&http_ask(), said, &[cut]);
            assert_eq!(
                answer,
                Some(Answer::Http {
                    status: 503,
                    tls: false
                }),
                "{cut}"
            );
        }
        let mut talk = Talk::new(&http_ask(), 80).unwrap();
        assert!(talk.take_output().starts_with(b"GET /x HTTP/1.1\r\n"));
        talk.handle(b"HTTP/1.1 20");
        assert_eq!(talk.answer(false), None);
    }

    #[test]
    fn a_server_that_says_something_else_serves_too() {
        let answer = |said: &[u8]| answer(&http_ask(), said, &[]).map(|answer| answer.to_string());
        assert_eq!(
            answer(b"-ERR unknown command\r\n").as_deref(),
            Some("it says `-ERR unknown command`")
        );
        assert_eq!(
            answer(b"HTTP/1.1 nonsense\r\n").as_deref(),
            Some("it says `HTTP/1.1 nonsense`")
        );
        assert_eq!(answer(b"HTTP/1.1 20").as_deref(), Some("it says `HTTP/1.1 20`"));
        assert_eq!(answer(b""), None);
    }

    #[test]
    fn who_only_listens_takes_what_comes_first() {
        let mut talk = Talk::new(&Ask::Listen, 22).unwrap();
        assert!(talk.take_output().is_empty());
        assert_eq!(talk.answer(true), None);
        talk.handle(b"SSH-2.0-x\r\n");
        assert_eq!(talk.answer(false), Some(Answer::said(b"SSH-2.0-x")));
    }

    fn server(protocols: &[&[u8]]) -> ServerConnection {
        let certified = rcgen::generate_simple_self_signed(["elsewhere".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        ServerConnection::new(Arc::new(config)).unwrap()
    }

    /// Lets the two talk until neither has anything to say; the server says `answer` once it was asked.
    fn over_tls(mut server: ServerConnection, answer: &[u8]) -> (Option<Answer>, Vec<u8>) {
        let mut talk = Talk::new(&https_ask(), 443).unwrap();
        let mut asked = Vec::new();
        loop {
            let output = talk.take_output();
            let mut output = &output[..];
            while !output.is_empty() {
                server.read_tls(&mut output).unwrap();
                // The alert that follows an error is sent below.
                let _ = server.process_new_packets();
            }
            let before = asked.len();
            let _ = server.reader().read_to_end(&mut asked);
            if before == 0 && !asked.is_empty() {
                server.writer().write_all(answer).unwrap();
            }
            let mut said = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut said).unwrap();
            }
            if said.is_empty() {
                return (talk.answer(true), asked);
            }
            // A byte at a time is the worst that can be.
            for byte in said.chunks(1) {
                talk.handle(byte);
            }
            if let Some(answer) = talk.answer(false) {
                return (Some(answer), asked);
            }
        }
    }

    #[test]
    fn http_is_spoken_through_tls_with_whatever_certificate() {
        let (answer, asked) = over_tls(server(&[]), b"HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(
            answer,
            Some(Answer::Http {
                status: 204,
                tls: true
            })
        );
        assert!(asked.starts_with(b"GET /x HTTP/1.1\r\n"));
    }

    #[test]
    fn a_tls_server_without_http_serves_too() {
        let (answer, _) = over_tls(server(&[]), b"");
        assert_eq!(answer, Some(Answer::Tls { problem: None }));
        let (answer, _) = over_tls(server(&[]), b"+OK ready\r\n");
        assert_eq!(answer, Some(Answer::Tls { problem: None }));
        let (answer, asked) = over_tls(server(&[b"h2"]), b"");
        assert!(
            matches!(answer, Some(Answer::Tls { problem: Some(_) })),
            "{answer:?}"
        );
        assert!(asked.is_empty());
    }

    #[test]
    fn a_server_that_speaks_no_tls_is_quoted() {
        let said = b"HTTP/1.0 400 Bad Request\r\n\r\n";
        for cut in 0..said.len() {
            let answer = answer(&https_ask(), said, &[cut]);
            assert_eq!(
                answer,
                Some(Answer::said(if cut == 0 { said } else { &said[..cut] })),
                "{cut}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_byte_that_comes_is_an_answer(
            said in prop::collection::vec(any::<u8>(), 1..600),
            pieces in prop::collection::vec(0..64_usize, 0..20),
            like_http in any::<bool>(),
        ) {
            let said = if like_http { [b"HTTP/1.1 ", &said[..]].concat() } else { said };
            for ask in [http_ask(), https_ask(), Ask::Listen] {
                prop_assert!(answer(&ask, &said, &pieces).is_some());
            }
        }
    }
}
