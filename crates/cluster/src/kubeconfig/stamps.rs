//! Whether files have changed since they were read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How some files were when they were read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Stamps(Vec<(PathBuf, Option<Stamp>)>);

/// How one file was; a file that is replaced by another of the same length in the same instant has another number.
#[derive(Debug, PartialEq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    number: u64,
}

impl Stamps {
    /// How `files` are now; one that is not there may come.
    pub(crate) fn of(files: Vec<PathBuf>) -> Self {
        let stamps = files.into_iter().map(|file| {
            let stamp = Stamp::of(&file);
            (file, stamp)
        });
        Self(stamps.collect())
    }

    /// Whether it is the same files, however they were.
    pub(crate) fn covers_the_same(&self, other: &Self) -> bool {
        let files = |stamps: &Self| stamps.0.iter().map(|(file, _)| file.clone()).collect::<Vec<_>>();
        files(self) == files(other)
    }

    /// Takes the stamps again; says whether they are other ones.
    pub(crate) fn renew(&mut self) -> bool {
        let files = self.0.iter().map(|(file, _)| file.clone()).collect();
        let now = Self::of(files);
        let have_changed = now != *self;
        *self = now;
        have_changed
    }
}

impl Stamp {
    fn of(file: &Path) -> Option<Self> {
        let metadata = fs::metadata(file).ok()?;
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let number = 0;
        Some(Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            number,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn whatever_happens_to_a_file_is_noticed_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        let mut stamps = Stamps::of(vec![path.clone()]);
        assert!(!stamps.renew());
        fs::write(&path, "one").unwrap();
        assert!(stamps.renew());
        assert!(!stamps.renew());
        fs::write(&path, "longer").unwrap();
        assert!(stamps.renew());
        fs::remove_file(&path).unwrap();
        assert!(stamps.renew());
        assert!(!stamps.renew());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_another_takes_the_place_of_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("config"), folder.path().join("other"));
        fs::write(&path, "one").unwrap();
        fs::write(&other, "two").unwrap();
        let times = fs::metadata(&path).unwrap().modified().unwrap();
        fs::File::options()
            .write(true)
            .open(&other)
            .unwrap()
            .set_modified(times)
            .unwrap();
        let mut stamps = Stamps::of(vec![path.clone()]);
        fs::rename(&other, &path).unwrap();
        assert!(stamps.renew());
    }
}
