//! The kubeconfig of the demonstration's cluster, as long as the cluster is there.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
};

use crate::program::own_file::{OwnFile, OwnFileError, Purpose};

/// How the file begins; the number of the process that wrote it follows.
const MARK: &str = "# podline demo, process ";

/// A file that this process wrote and will remove.
#[derive(Debug)]
pub(super) struct KubeconfigFile {
    /// Removed before the folder is.
    file: Option<OwnFile>,
    path: PathBuf,
    /// The folder to remove too, if the file is not the user's.
    folder: Option<PathBuf>,
}

struct Kubeconfig;

impl Purpose for Kubeconfig {
    const WRITER: &'static str = "podline demo";

    fn process_of(head: &str) -> Option<u32> {
        head.lines().next()?.strip_prefix(MARK)?.parse().ok()
    }
}

impl KubeconfigFile {
    /// Writes the file where the user wants it.
    pub(super) fn write(path: &Path, kubeconfig: &str) -> Result<Self, OwnFileError> {
        let content = format!("{MARK}{}\n{kubeconfig}", process::id());
        let file = OwnFile::write::<Kubeconfig>(path, content)?;
        Ok(Self {
            path: file.path().to_owned(),
            file: Some(file),
            folder: None,
        })
    }

    /// Writes the file to a folder of its own among the temporary ones.
    pub(super) fn temporary(kubeconfig: &str) -> Result<Self, OwnFileError> {
        let name = format!("podline-demo-{}-{:016x}", process::id(), fastrand::u64(..));
        let folder = std::env::temp_dir().join(name);
        create_private_folder(&folder).map_err(|source| OwnFileError::unwritable(&folder, source))?;
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

impl Drop for KubeconfigFile {
    fn drop(&mut self) {
        drop(self.file.take());
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(unix)]
fn create_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;

    fs::DirBuilder::new().mode(0o700).create(path)
}

/// Folders for temporary files are private there by themselves.
#[cfg(not(unix))]
fn create_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_kubeconfig_says_which_demonstration_it_belongs_to() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("config");
        let file = KubeconfigFile::write(&path, "apiVersion: v1\n").unwrap();
        let content = fs::read_to_string(&path).unwrap();
        assert!(content.ends_with("apiVersion: v1\n"), "{content}");
        assert_eq!(Kubeconfig::process_of(&content), Some(process::id()));
        drop(file);
        assert!(!path.exists());
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
