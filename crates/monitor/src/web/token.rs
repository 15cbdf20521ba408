use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

/// Bytes of a token: 256 bit, so that nobody ever guesses one.
const LENGTH: usize = 32;

/// What a browser has to know to be served. Another one for each run.
#[derive(Debug)]
pub(super) struct Token(SecretString);

impl Token {
    /// A new one, of the system's randomness.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; LENGTH];
        getrandom::fill(&mut bytes)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes).into()))
    }

    /// Whether it is `claimed`. How long that takes says nothing about how much of it is right.
    pub(super) fn is(&self, claimed: &[u8]) -> bool {
        self.expose().as_bytes().ct_eq(claimed).into()
    }

    /// The token as text, for the link and nothing else.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_new_and_has_256_bits_that_need_no_escape_in_a_link() {
        let (one, other) = (Token::random().unwrap(), Token::random().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(URL_SAFE_NO_PAD.decode(one.expose()).unwrap().len() * 8, 256);
    }

    #[test]
    fn only_the_whole_token_is_it() {
        let token = Token::random().unwrap();
        let text = token.expose();
        assert!(token.is(text.as_bytes()));
        assert!(!token.is(&text.as_bytes()[1..]));
        assert!(!token.is(format!("{text}A").as_bytes()));
        assert!(!token.is(b""));
        assert!(!token.is(Token::random().unwrap().expose().as_bytes()));
    }

    #[test]
    fn a_log_does_not_show_it() {
        let token = Token::random().unwrap();
        assert!(!format!("{token:?}").contains(token.expose()));
    }
}
