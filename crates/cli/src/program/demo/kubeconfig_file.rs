//! The kubeconfig of the demonstration's cluster, as long as the cluster is there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process,
};

use podline::Untrusted;
use thiserror::Error;

/// How the file begins; the number of the process that wrote it follows.
const MARK: &str = "# podline demo, process ";

/// Bytes of a file that are looked at to see whose it is.
const HEAD: usize = 256;

/// A file that this process wrote and will remove.
#[derive(Debug)]
pub(super) struct KubeconfigFile {
    path: PathBuf,
    content: Vec<u8>,
    /// The folder to remove too, if the file is not the user's.
    folder: Option<PathBuf>,
}

impl KubeconfigFile {
    /// Writes the file where the user wants it, so that nobody ever sees half of it or anybody else's rights on it. What a
    /// demonstration left there that does not run any more is replaced; anything else that is there is an error.
    pub(super) fn write(path: &Path, kubeconfig: &str) -> Result<Self, KubeconfigFileError> {
        match found_at(path) {
            Ok(Found::Nothing | Found::Left) => {}
            Ok(Found::Other) => return Err(KubeconfigFileError::Other(shown(path))),
            Ok(Found::Running(process)) => {
                return Err(KubeconfigFileError::Running {
                    path: shown(path),
                    process,
                });
            }
            Err(source) => {
                return Err(KubeconfigFileError::Unreadable {
                    path: shown(path),
                    source,
                });
            }
        }
        let cannot_write = |source| KubeconfigFileError::Unwritable {
            path: shown(path),
            source,
        };
        let content = format!("{MARK}{}\n{kubeconfig}", process::id()).into_bytes();
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
        Ok(Self {
            path,
            content,
            folder: None,
        })
    }

    /// Writes the file to a folder of its own among the temporary ones.
    pub(super) fn temporary(kubeconfig: &str) -> Result<Self, KubeconfigFileError> {
        let name = format!("podline-demo-{}-{:016x}", process::id(), fastrand::u64(..));
        let folder = std::env::temp_dir().join(name);
        create_private_folder(&folder).map_err(|source| KubeconfigFileError::Unwritable {
            path: shown(&folder),
            source,
        })?;
        match Self::write(&folder.join("config"), kubeconfig) {
            Ok(mut file) => {
                file.folder = Some(folder);
                Ok(file)
            }
            Err(error) => {
                let _ = fs::remove_dir(&folder);
                Err(error)
            }
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Removes the file, unless somebody has put another in its place.
impl Drop for KubeconfigFile {
    fn drop(&mut self) {
        if fs::read(&self.path).is_ok_and(|content| content == self.content) {
            // At the end there is nobody left to tell, and the next demonstration replaces what stays.
            let _ = fs::remove_file(&self.path);
        }
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Why there is no kubeconfig for the demonstration.
#[derive(Debug, Error)]
pub(super) enum KubeconfigFileError {
    /// Something is there that no demonstration wrote.
    #[error("{0} is there already and was not written by `podline demo`")]
    Other(Untrusted),
    /// It belongs to a demonstration that still runs.
    #[error("{path} belongs to another `podline demo`, process {process}")]
    Running {
        /// The file.
        path: Untrusted,
        /// The process.
        process: u32,
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

impl KubeconfigFileError {
    /// What can be done about it.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Other(_) | Self::Running { .. } => Some("name another file".to_owned()),
            Self::Unreadable { .. } | Self::Unwritable { .. } => None,
        }
    }
}

/// What is at the place of a file.
enum Found {
    /// What an ended demonstration left.
    Left,
    Nothing,
    Other,
    /// The file of a demonstration that runs, by the number of its process.
    Running(u32),
}

fn found_at(path: &Path) -> io::Result<Found> {
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
    let Some(process) = head.lines().next().and_then(|line| line.strip_prefix(MARK)) else {
        return Ok(Found::Other);
    };
    match process.parse() {
        Ok(process) if is_running(process) => Ok(Found::Running(process)),
        Ok(_) => Ok(Found::Left),
        Err(_) => Ok(Found::Other),
    }
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

fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn shown(path: &Path) -> Untrusted {
    Untrusted::new(path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_file_is_there_as_long_as_it_is_wanted_and_for_its_user_only() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("config");
        let file = KubeconfigFile::write(&path, "apiVersion: v1\n").unwrap();
        let content = fs::read_to_string(&path).unwrap();
        assert!(
            content.starts_with(MARK) && content.ends_with("apiVersion: v1\n"),
            "{content}"
        );
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
        let path = folder.path().join("config");
        fs::write(&path, "mine").unwrap();
        assert!(matches!(
            KubeconfigFile::write(&path, "x"),
            Err(KubeconfigFileError::Other(_))
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        assert!(matches!(
            KubeconfigFile::write(folder.path(), "x"),
            Err(KubeconfigFileError::Other(_))
        ));

        let link = folder.path().join("link");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&path, &link).unwrap();
            assert!(matches!(
                KubeconfigFile::write(&link, "x"),
                Err(KubeconfigFileError::Other(_))
            ));
        }
        let _ = link;
    }

    #[test]
    #[cfg(unix)]
    fn the_file_of_a_running_demonstration_is_left_alone_and_that_of_an_ended_one_is_not() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("config");
        let parent = std::os::unix::process::parent_id();
        fs::write(&path, format!("{MARK}{parent}\n")).unwrap();
        assert!(matches!(
            KubeconfigFile::write(&path, "x"),
            Err(KubeconfigFileError::Running { process, .. }) if process == parent
        ));
        // Larger than any number of a process can be.
        fs::write(&path, format!("{MARK}2147483647\n")).unwrap();
        KubeconfigFile::write(&path, "x").unwrap();
    }

    #[test]
    fn what_somebody_put_in_its_place_stays() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("config");
        let file = KubeconfigFile::write(&path, "x").unwrap();
        fs::write(&path, "another").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "another");
    }

    #[test]
    fn a_temporary_one_leaves_no_folder_behind() {
        let file = KubeconfigFile::temporary("x").unwrap();
        let folder = file.path().parent().unwrap().to_owned();
        assert!(folder.is_dir());
        drop(file);
        assert!(!folder.exists());
    }
}
