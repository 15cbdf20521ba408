use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, IsTerminal as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use super::{CaptureError, Destination};

/// What takes a capture.
pub(super) trait Sink: Send + 'static {
    /// Takes some of these bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Takes back all but the first `length` bytes of everything; says whether that can be done.
    fn cut(&mut self, length: u64) -> io::Result<bool>;
}

/// A file, or what standard output is.
#[derive(Debug)]
pub(super) struct FileSink {
    file: File,
    can_be_cut: bool,
}

/// A file that was made for a capture, to be told from another of its name.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) path: PathBuf,
    identity: Identity,
}

impl FileSink {
    /// Opens the destination, and says what file was made for it.
    pub(super) fn open(
        destination: &Destination,
        overwrite: bool,
    ) -> Result<(Self, Option<Made>), CaptureError> {
        match destination {
            Destination::StandardOutput => Ok((Self::standard_output()?, None)),
            Destination::File(path) => {
                let file = if overwrite { replace(path) } else { create(path) }?;
                let made = Made::of(path, &file)?;
                let sink = Self {
                    file,
                    can_be_cut: true,
                };
                Ok((sink, Some(made)))
            }
        }
    }

    /// The standard library's own handle looks for ends of lines.
    fn standard_output() -> Result<Self, CaptureError> {
        let stdout = io::stdout();
        if stdout.is_terminal() {
            return Err(CaptureError::Terminal);
        }
        #[cfg(unix)]
        let owned = std::os::fd::AsFd::as_fd(&stdout).try_clone_to_owned();
        #[cfg(windows)]
        let owned = std::os::windows::io::AsHandle::as_handle(&stdout).try_clone_to_owned();
        let file = File::from(owned.map_err(CaptureError::StandardOutput)?);
        Ok(Self {
            file,
            // It may be a file that others write to as well.
            can_be_cut: false,
        })
    }
}

impl Sink for FileSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<bool> {
        if self.can_be_cut {
            self.file.set_len(length)?;
            self.file.seek(SeekFrom::Start(length))?;
        }
        Ok(self.can_be_cut)
    }
}

impl Made {
    fn of(path: &Path, file: &File) -> Result<Self, CaptureError> {
        let identity = Identity::of(file).map_err(|source| CaptureError::Create {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            identity,
        })
    }

    /// Opens it again, for reading, unless another thing has its name now.
    pub(super) fn open(&self) -> Result<File, CaptureError> {
        let path = self.path.clone();
        let mut options = OpenOptions::new();
        options.read(true);
        follow_no_link(&mut options);
        let file = options.open(&path).map_err(|source| CaptureError::Read {
            path: path.clone(),
            source,
        })?;
        let identity = Identity::of(&file).map_err(|source| CaptureError::Read {
            path: path.clone(),
            source,
        })?;
        if identity != self.identity {
            return Err(CaptureError::NotAFile { path });
        }
        Ok(file)
    }

    /// Removes it, unless another thing has its name now.
    pub(super) fn remove(&self) -> Result<(), CaptureError> {
        self.open()?;
        fs::remove_file(&self.path).map_err(|source| CaptureError::Read {
            path: self.path.clone(),
            source,
        })
    }
}

/// Makes a file that was not there. What is said of the path and what is made of it are one step, so nobody can put something
/// there in between.
fn create(path: &Path) -> Result<File, CaptureError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    follow_no_link(&mut options);
    options.open(path).map_err(|source| {
        let path = path.to_owned();
        if source.kind() == ErrorKind::AlreadyExists {
            CaptureError::Exists { path }
        } else {
            CaptureError::Create { path, source }
        }
    })
}

/// Puts a new file in the place of an old one, which stays whole for who has it open.
fn replace(path: &Path) -> Result<File, CaptureError> {
    let failed = |source| CaptureError::Create {
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            return Err(CaptureError::NotAFile {
                path: path.to_owned(),
            });
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return create(path),
        Err(error) => return Err(failed(error)),
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{:016x}", fastrand::u64(..)));
    let beside = path.with_file_name(name);
    let file = create(&beside)?;
    if let Err(error) = fs::rename(&beside, path) {
        // What went wrong first is what counts.
        let _ = fs::remove_file(&beside);
        return Err(failed(error));
    }
    Ok(file)
}

#[cfg(unix)]
fn follow_no_link(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;

    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
}

/// A new file is never a link here, and an old one is replaced by name.
#[cfg(not(unix))]
fn follow_no_link(_: &mut OpenOptions) {}

/// What tells a file from another of its name, where the system says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Identity {
    /// Of the device, and of the file on it.
    #[cfg(unix)]
    numbers: (u64, u64),
}

impl Identity {
    #[cfg(unix)]
    fn of(file: &File) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;

        let metadata = file.metadata()?;
        Ok(Self {
            numbers: (metadata.dev(), metadata.ino()),
        })
    }

    #[cfg(not(unix))]
    fn of(_: &File) -> io::Result<Self> {
        Ok(Self {})
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use tempfile::TempDir;

    use super::*;

    fn open(path: &Path, overwrite: bool) -> Result<FileSink, CaptureError> {
        FileSink::open(&Destination::File(path.to_owned()), overwrite).map(|(sink, _)| sink)
    }

    #[test]
    fn a_file_is_new_and_its_owners() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("new.pcapng");
        open(&path, false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(open(&path, false), Err(CaptureError::Exists { .. })));
        let nowhere = folder.path().join("nowhere/new.pcapng");
        assert!(matches!(open(&nowhere, true), Err(CaptureError::Create { .. })));
    }

    #[test]
    fn a_file_that_is_replaced_is_another() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("old.pcapng");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let hard = folder.path().join("hard.pcapng");
        fs::hard_link(&path, &hard).unwrap();
        let mut sink = open(&path, true).unwrap();
        sink.write(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&hard).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn no_link_is_followed() {
        let folder = TempDir::new().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        let path = folder.path().join("link.pcapng");
        symlink(&secret, &path).unwrap();
        assert!(matches!(open(&path, false), Err(CaptureError::Exists { .. })));
        assert!(matches!(open(&path, true), Err(CaptureError::NotAFile { .. })));
        fs::remove_file(&path).unwrap();
        symlink(folder.path().join("nowhere"), &path).unwrap();
        assert!(matches!(open(&path, false), Err(CaptureError::Exists { .. })));
        assert!(matches!(open(&path, true), Err(CaptureError::NotAFile { .. })));
        assert_eq!(fs::read(&secret).unwrap(), b"secret");
        assert!(matches!(
            open(folder.path(), true),
            Err(CaptureError::NotAFile { .. })
        ));
    }

    #[test]
    fn another_file_of_that_name_is_neither_read_nor_removed() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("mine.pcapng");
        let destination = Destination::File(path.clone());
        let (_, made) = FileSink::open(&destination, false).unwrap();
        let made = made.unwrap();
        made.open().unwrap();
        fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        assert!(matches!(made.open(), Err(CaptureError::Read { .. })));
        fs::write(&path, "another").unwrap();
        assert!(matches!(made.open(), Err(CaptureError::NotAFile { .. })));
        assert!(made.remove().is_err());
        assert_eq!(fs::read(&path).unwrap(), b"another");
    }
}
