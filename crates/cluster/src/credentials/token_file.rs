//! A token that something else keeps fresh in a file.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use podline_wire::Untrusted;
use secrecy::SecretString;
use tokio::time::Instant;

use super::CredentialsError;

/// How long what was read is taken for good.
const FRESH: Duration = Duration::from_secs(60);

/// A token in a file, read again once a minute.
pub(crate) struct TokenFile {
    path: PathBuf,
    last: Mutex<Option<(Instant, SecretString)>>,
    /// What to use if the file never could be read.
    fallback: Option<SecretString>,
}

impl TokenFile {
    pub(crate) fn new(path: PathBuf, fallback: Option<SecretString>) -> Self {
        Self {
            path,
            last: Mutex::new(None),
            fallback,
        }
    }

    /// The token. If the file cannot be read any more, the last one that it had.
    pub(crate) fn token(&self) -> Result<SecretString, CredentialsError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read, token)) = &*last
            && read.elapsed() < FRESH
        {
            return Ok(token.clone());
        }
        let known = last.as_ref().map(|(_, token)| token).or(self.fallback.as_ref());
        let token = match (std::fs::read_to_string(&self.path), known) {
            (Ok(text), _) => SecretString::from(text.trim()),
            (Err(_), Some(token)) => token.clone(),
            (Err(source), None) => {
                let path = Untrusted::new(self.path.to_string_lossy());
                let source = source.into();
                return Err(CredentialsError::TokenFile { path, source });
            }
        };
        *last = Some((Instant::now(), token.clone()));
        Ok(token)
    }

    /// Has the file read again for the next token.
    pub(crate) fn doubt(&self) {
        if let Some((read, _)) = &mut *self.last.lock().unwrap_or_else(PoisonError::into_inner) {
            *read = read.checked_sub(FRESH).unwrap_or(*read);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use secrecy::ExposeSecret;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_new_token_is_picked_up_and_a_lost_file_survived() {
        advance(FRESH * 2).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let file = TokenFile::new(path.clone(), None);
        let token = || file.token().unwrap().expose_secret().to_owned();
        assert!(matches!(file.token(), Err(CredentialsError::TokenFile { .. })));
        std::fs::write(&path, "one\n").unwrap();
        assert_eq!(token(), "one");
        std::fs::write(&path, "two").unwrap();
        assert_eq!(token(), "one");
        advance(FRESH).await;
        assert_eq!(token(), "two");
        std::fs::write(&path, "three").unwrap();
        file.doubt();
        assert_eq!(token(), "three");
        std::fs::remove_file(&path).unwrap();
        advance(FRESH).await;
        assert_eq!(token(), "three");
    }
}
