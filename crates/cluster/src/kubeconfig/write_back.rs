//! Writes renewed tokens into the kubeconfig that the old ones came from, as kubectl does, and changes nothing else of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use thiserror::Error;

/// Where a user's entry is.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) file: PathBuf,
    pub(crate) user: String,
}

/// A value of an auth provider's configuration that is to be replaced.
pub(crate) struct Replacement<'a> {
    pub(crate) key: &'static str,
    pub(crate) old: &'a str,
    pub(crate) new: &'a str,
}

/// Why nothing was written.
#[derive(Debug, Error)]
pub(crate) enum WriteBackError {
    #[error("the entry was changed by somebody else")]
    Changed,
    #[error("the file cannot be written")]
    Io(#[from] io::Error),
    #[error("somebody else holds the file's lock")]
    Locked,
    #[error("the value cannot be replaced without touching something else")]
    Unclear,
}

impl Entry {
    /// Replaces values of the auth provider's configuration; all or none.
    pub(crate) fn write_back(&self, replacements: &[Replacement<'_>]) -> Result<(), WriteBackError> {
        // What a link leads to is written, rather than the link replaced by a file.
        let path = fs::canonicalize(&self.file)?;
        let _lock = Lock::take(&path)?;
        let text = fs::read_to_string(&path)?;
        let text = replace(&text, &self.user, replacements)?;
        Ok(swap(&path, text.as_bytes())?)
    }
}

/// The text with the values replaced. Each has to be there exactly once, so that everything else stays as it was byte for
/// byte; and the result has to mean what it should.
fn replace(text: &str, user: &str, replacements: &[Replacement<'_>]) -> Result<String, WriteBackError> {
    let mut expected = parse(text).ok_or(WriteBackError::Changed)?;
    let config = config_of(&mut expected, user).ok_or(WriteBackError::Changed)?;
    let mut replaced = text.to_owned();
    for Replacement { key, old, new } in replacements {
        let value = config.get_mut(*key).ok_or(WriteBackError::Changed)?;
        if value.as_str() != Some(old) {
            return Err(WriteBackError::Changed);
        }
        *value = Value::from(*new);
        let mut places = replaced.match_indices(old);
        let (Some((at, _)), None) = (places.next(), places.next()) else {
            return Err(WriteBackError::Unclear);
        };
        replaced.replace_range(at..at + old.len(), new);
    }
    if parse(&replaced) == Some(expected) {
        Ok(replaced)
    } else {
        Err(WriteBackError::Unclear)
    }
}

fn parse(text: &str) -> Option<Value> {
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(text).ok()?;
    documents.pop().filter(|_| documents.is_empty())
}

fn config_of<'a>(kubeconfig: &'a mut Value, user: &str) -> Option<&'a mut Value> {
    let users = kubeconfig.get_mut("users")?.as_array_mut()?;
    let entry = users.iter_mut().find(|entry| entry["name"] == user)?;
    entry.get_mut("user")?.get_mut("auth-provider")?.get_mut("config")
}

/// Puts a new file in the place of the old one: whoever reads it sees one or the other.
fn swap(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".podline-{:016x}", fastrand::u64(..)));
    let new = path.with_file_name(name);
    let written = create(&new, path).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

/// Creates a file that nobody may read who may not read `like`.
fn create(path: &Path, like: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(0o600);
        let file = options.open(path)?;
        file.set_permissions(fs::Permissions::from_mode(
            fs::metadata(like)?.permissions().mode() & 0o777,
        ))?;
        Ok(file)
    }
    #[cfg(not(unix))]
    {
        let _ = like;
        options.open(path)
    }
}

/// client-go's lock of a kubeconfig: a file beside it that exists while somebody writes.
struct Lock(PathBuf);

impl Lock {
    fn take(path: &Path) -> Result<Self, WriteBackError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        let lock = path.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).open(&lock) {
            Ok(_) => Ok(Self(lock)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(WriteBackError::Locked),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const FILE: &str = "# mine\nkind: Config\nusers:\n- name: other\n  user: {}\n- name: me   # it is\n  user:\n    \
        auth-provider:\n      name: oidc\n      config:\n        id-token: aaa.bbb.ccc\n        \
        refresh-token: \"r/1\"\n        client-id: x\n";

    fn both<'a>(id: &'a str, refresh: &'a str) -> [Replacement<'a>; 2] {
        [
            Replacement {
                key: "id-token",
                old: "aaa.bbb.ccc",
                new: id,
            },
            Replacement {
                key: "refresh-token",
                old: "r/1",
                new: refresh,
            },
        ]
    }

    #[test]
    fn only_the_values_are_replaced() {
        let expected = FILE.replace("aaa.bbb.ccc", "ddd.eee.fff").replace("r/1", "r/2");
        let replaced = replace(FILE, "me", &both("ddd.eee.fff", "r/2")).unwrap();
        assert_eq!(replaced, expected);
    }

    #[test]
    fn where_it_is_not_clear_nothing_is_written() {
        let replace = |text: &str, user, id, refresh| replace(text, user, &both(id, refresh));
        for (id, refresh) in [("123", "r/2"), ("a: b", "r/2"), ("ddd", "r\"2"), ("ddd #", "r/2")] {
            let result = replace(FILE, "me", id, refresh);
            assert!(matches!(result, Err(WriteBackError::Unclear)), "{id} {refresh}");
        }
        let twice = FILE.replace("# mine", "# aaa.bbb.ccc");
        let result = replace(&twice, "me", "ddd", "r/2");
        assert!(matches!(result, Err(WriteBackError::Unclear)));
        for (text, user) in [
            (FILE.replace("aaa.bbb.ccc", "zzz"), "me"),
            (FILE.to_owned(), "other"),
            (FILE.to_owned(), "nobody"),
            ("}".to_owned(), "me"),
            (format!("{FILE}---\n{FILE}"), "me"),
        ] {
            let result = replace(&text, user, "ddd", "r/2");
            assert!(matches!(result, Err(WriteBackError::Changed)), "{text} {user}");
        }
    }

    #[test]
    fn a_file_that_somebody_writes_is_left_alone_and_a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        fs::write(&file, FILE).unwrap();
        let entry = |file: &Path| Entry {
            file: file.to_owned(),
            user: "me".into(),
        };
        let lock = folder.path().join("config.lock");
        fs::write(&lock, "").unwrap();
        let result = entry(&file).write_back(&both("ddd", "r/2"));
        assert!(matches!(result, Err(WriteBackError::Locked)));
        assert_eq!(fs::read_to_string(&file).unwrap(), FILE);
        fs::remove_file(&lock).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&file, &link).unwrap();
            entry(&link).write_back(&both("ddd", "r/2")).unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
            assert!(fs::read_to_string(&file).unwrap().contains("id-token: ddd\n"));
            fs::remove_file(&link).unwrap();
        }
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "neither a lock nor a new file is left behind");
    }
}
