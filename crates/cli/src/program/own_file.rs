//! Files that tell others about this process, as long as it runs.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process,
};

use podline::Untrusted;
use thiserror::Error;

/// Bytes of a file that are looked at to see whose it is.
const HEAD: usize = 256;

/// What a file is for, and how it is known again.
pub(super) trait Purpose {
    /// What was typed to get the file.
    const WRITER: &'static str;

    /// The process that wrote the file, told from how it begins; `None` if it is another's.
    fn process_of(head: &str) -> Option<u32>;
}

/// A file that this process wrote and will remove.
#[derive(Debug)]
pub(super) struct OwnFile {
    path: PathBuf,
    content: Vec<u8>,
}

impl OwnFile {
    /// Writes the file where the user wants it, so that nobody ever sees half of it or anybody else's rights on it. An empty
    /// file, and what a process left there that does not run any more, are replaced; anything else that is there is an error.
    pub(super) fn write<P: Purpose>(path: &Path, content: String) -> Result<Self, OwnFileError> {
        match found_at(path, P::process_of) {
            Ok(Found::Left | Found::Nothing) => {}
            Ok(Found::Other) => {
                return Err(OwnFileError::Other {
                    path: shown(path),
                    writer: P::WRITER,
                });
            }
            Ok(Found::Running(process)) => {
                return Err(OwnFileError::Running {
                    path: shown(path),
                    process,
                    writer: P::WRITER,
                });
            }
            Err(source) => {
                return Err(OwnFileError::Unreadable {
                    path: shown(path),
                    source,
                });
            }
        }
        let cannot_write = |source| OwnFileError::unwritable(path, source);
        let content = content.into_bytes();
        let mut name = path
            .file_name()
            .ok_or_else(|| cannot_write(io::ErrorKind::InvalidInput.into()))?
            .to_owned();
        name.push(format!(".{}-{:08x}", process::id(), fastrand::u32(..)));
        let draft = path.with_file_name(name);
        let written = create_private(&draft)
            .and_then(|mut file| {
                file.write_all(&content)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&draft, path));
        if let Err(source) = written {
            let _ = fs::remove_file(&draft);
            return Err(cannot_write(source));
        }
        // The folder may be left before the end.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(Self { path, content })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Removes the file, unless somebody has put another in its place.
impl Drop for OwnFile {
    fn drop(&mut self) {
        if fs::read(&self.path).is_ok_and(|content| content == self.content) {
            // At the end there is nobody left to tell, and the next process replaces what stays.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Why there is no such file.
#[derive(Debug, Error)]
pub(super) enum OwnFileError {
    /// Something is there that is nobody's leftover.
    #[error("{path} is there already and was not written by `{writer}`")]
    Other {
        /// The file.
        path: Untrusted,
        /// What was typed to get it.
        writer: &'static str,
    },
    /// It belongs to a process that still runs.
    #[error("{path} belongs to another `{writer}`, process {process}")]
    Running {
        /// The file.
        path: Untrusted,
        /// The process.
        process: u32,
        /// What was typed to get it.
        writer: &'static str,
    },
    /// It cannot be seen what is there.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: Untrusted,
        /// Why.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("{path} cannot be written")]
    Unwritable {
        /// The file.
        path: Untrusted,
        /// Why.
        source: io::Error,
    },
}

impl OwnFileError {
    pub(super) fn unwritable(path: &Path, source: io::Error) -> Self {
        Self::Unwritable {
            path: shown(path),
            source,
        }
    }

    /// What can be done about it.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Other { .. } | Self::Running { .. } => Some("name another file".to_owned()),
            Self::Unreadable { .. } | Self::Unwritable { .. } => None,
        }
    }
}

/// What is at the place of a file.
enum Found {
    /// What an ended process left, or nothing but a name.
    Left,
    Nothing,
    Other,
    /// The file of a process that runs, by its number.
    Running(u32),
}

fn found_at(path: &Path, process_of: fn(&str) -> Option<u32>) -> io::Result<Found> {
    use std::io::Read as _;

    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
        // A link leads to somebody else's file, and a pipe might never answer.
        Ok(metadata) if !metadata.is_file() => return Ok(Found::Other),
        Ok(_) => {}
    }
    let mut head = Vec::with_capacity(HEAD);
    File::open(path)?.take(HEAD as u64).read_to_end(&mut head)?;
    let head = String::from_utf8_lossy(&head);
    if head.is_empty() {
        return Ok(Found::Left);
    }
    Ok(match process_of(&head) {
        Some(process) if is_running(process) => Found::Running(process),
        Some(_) => Found::Left,
        None => Found::Other,
    })
}

/// Whether there is a process of that number, other than this one.
#[cfg(unix)]
fn is_running(process: u32) -> bool {
    let id = i32::try_from(process)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    // A process of another user answers with an error other than "no such process".
    process != process::id()
        && id.is_some_and(|id| rustix::process::test_kill_process(id) != Err(rustix::io::Errno::SRCH))
}

/// It cannot be told here; what is there counts as left over.
#[cfg(not(unix))]
fn is_running(_process: u32) -> bool {
    false
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn shown(path: &Path) -> Untrusted {
    Untrusted::new(path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    struct Note;

    impl Purpose for Note {
        const WRITER: &'static str = "note";

        fn process_of(head: &str) -> Option<u32> {
            head.lines().next()?.strip_prefix("note ")?.parse().ok()
        }
    }

    fn write(path: &Path) -> Result<OwnFile, OwnFileError> {
        OwnFile::write::<Note>(path, format!("note {}\nmore\n", process::id()))
    }

    #[test]
    fn a_file_is_there_as_long_as_it_is_wanted_and_for_its_user_only() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("note");
        let file = write(&path).unwrap();
        let content = fs::read_to_string(&path).unwrap();
        assert_eq!(content, format!("note {}\nmore\n", process::id()));
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_not_its_own_is_left_alone() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("note");
        fs::write(&path, "mine").unwrap();
        assert!(matches!(write(&path), Err(OwnFileError::Other { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        assert!(matches!(write(folder.path()), Err(OwnFileError::Other { .. })));
        #[cfg(unix)]
        for target in ["note", "nothing"] {
            let link = folder.path().join(format!("link to {target}"));
            std::os::unix::fs::symlink(folder.path().join(target), &link).unwrap();
            assert!(matches!(write(&link), Err(OwnFileError::Other { .. })));
        }
    }

    #[test]
    #[cfg(unix)]
    fn the_file_of_a_running_process_is_left_alone_and_that_of_an_ended_one_is_not() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("note");
        let parent = std::os::unix::process::parent_id();
        fs::write(&path, format!("note {parent}\n")).unwrap();
        assert!(matches!(write(&path), Err(OwnFileError::Running { process, .. }) if process == parent));
        // Larger than any number of a process can be.
        fs::write(&path, "note 2147483647\n").unwrap();
        write(&path).unwrap();
    }

    #[test]
    fn an_empty_file_is_replaced() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("note");
        fs::write(&path, "").unwrap();
        let file = write(&path).unwrap();
        assert!(fs::read_to_string(file.path()).unwrap().starts_with("note "));
    }

    #[test]
    fn what_somebody_put_in_its_place_stays() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("note");
        let file = write(&path).unwrap();
        fs::write(&path, "another").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "another");
    }
}
