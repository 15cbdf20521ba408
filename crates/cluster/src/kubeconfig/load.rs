//! Which files make up the kubeconfig, and how they are merged.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use podline_wire::Untrusted;

use super::ConfigError;
use super::file::{Cluster, Context, File, User};
use crate::Options;
use crate::environment::Environment;

/// Largest kubeconfig file that is read, in bytes.
const FILE_MAX: u64 = 16 << 20;

/// The kubeconfig, merged from all of its files.
#[derive(Default)]
pub(crate) struct Kubeconfig {
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) contexts: BTreeMap<String, Context>,
    pub(crate) current_context: Option<String>,
    pub(crate) users: BTreeMap<String, User>,
    /// Where there was no file, though one was looked for.
    pub(crate) missing: Vec<PathBuf>,
    /// The files that were read.
    pub(crate) files: Vec<PathBuf>,
}

impl Kubeconfig {
    /// Reads the file that was asked for, else those that `KUBECONFIG` lists, else `~/.kube/config`.
    ///
    /// The first file that has an entry wins the whole entry, and the first that has a `current-context` wins that.
    /// A file that is not there is passed over, unless it was asked for; one that cannot be read or understood is an
    /// error. Relative paths in a file start at its folder.
    pub(crate) fn load(options: &Options, environment: &Environment) -> Result<Self, ConfigError> {
        let mut merged = Self::default();
        for path in paths(options, environment) {
            match read(&path) {
                Ok(text) => {
                    let folder = absolute(path.parent().unwrap_or_else(|| Path::new("")));
                    merged.add(parse(&path, &text)?, &path, &folder)?;
                    merged.files.push(path);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && options.kubeconfig.is_none() => {
                    merged.missing.push(path);
                }
                Err(source) => return Err(ConfigError::unreadable(&path, source)),
            }
        }
        Ok(merged)
    }

    fn add(&mut self, file: File, path: &Path, folder: &Path) -> Result<(), ConfigError> {
        let clusters = file
            .clusters
            .unwrap_or_default()
            .into_iter()
            .map(|named| (named.name, named.cluster));
        merge(&mut self.clusters, clusters, path, "cluster", |cluster| {
            resolve(folder, &mut cluster.certificate_authority);
        })?;
        let contexts = file
            .contexts
            .unwrap_or_default()
            .into_iter()
            .map(|named| (named.name, named.context));
        merge(&mut self.contexts, contexts, path, "context", |_| {})?;
        let users = file
            .users
            .unwrap_or_default()
            .into_iter()
            .map(|named| (named.name, named.user));
        merge(&mut self.users, users, path, "user", |user| {
            user.file = Some(path.to_owned());
            resolve(folder, &mut user.client_certificate);
            resolve(folder, &mut user.client_key);
            resolve(folder, &mut user.token_file);
            if let Some(exec) = &mut user.exec {
                exec.command = command(folder, &exec.command);
            }
        })?;
        let current = file.current_context.filter(|name| !name.is_empty());
        self.current_context = self.current_context.take().or(current);
        Ok(())
    }
}

fn paths(options: &Options, environment: &Environment) -> Vec<PathBuf> {
    if let Some(path) = &options.kubeconfig {
        return vec![path.clone()];
    }
    if let Some(list) = environment.variable("KUBECONFIG") {
        let mut paths: Vec<PathBuf> = Vec::new();
        for path in std::env::split_paths(list) {
            if !path.as_os_str().is_empty() && !paths.contains(&path) {
                paths.push(path);
            }
        }
        return paths;
    }
    environment
        .home()
        .map(|home| home.join(".kube").join("config"))
        .into_iter()
        .collect()
}

fn read(path: &Path) -> io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    }
    if metadata.len() > FILE_MAX {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is larger than 16 MiB",
        ));
    }
    let bytes = std::fs::read(path)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = std::str::from_utf8(text);
    text.map(str::to_owned)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

fn parse(path: &Path, text: &str) -> Result<File, ConfigError> {
    // kubectl reads the first document of a file and no further.
    let files: Vec<File> =
        serde_saphyr::from_multiple(text).map_err(|error| ConfigError::malformed(path, &error))?;
    let file = files.into_iter().next().unwrap_or_default();
    let is = |value: &Option<String>, expected| {
        value
            .as_deref()
            .is_none_or(|value| value.is_empty() || value == expected)
    };
    if is(&file.kind, "Config") && is(&file.api_version, "v1") {
        return Ok(file);
    }
    let shown = |value: Option<String>| Untrusted::new(value.unwrap_or_default());
    Err(ConfigError::NotAKubeconfig {
        path: ConfigError::shown(path),
        kind: shown(file.kind),
        version: shown(file.api_version),
    })
}

fn merge<T: Default>(
    all: &mut BTreeMap<String, T>,
    entries: impl Iterator<Item = (String, Option<T>)>,
    path: &Path,
    what: &'static str,
    prepare: impl Fn(&mut T),
) -> Result<(), ConfigError> {
    let mut own = BTreeMap::new();
    for (name, entry) in entries {
        let mut entry = entry.unwrap_or_default();
        prepare(&mut entry);
        if own.contains_key(&name) {
            let name = Untrusted::new(name);
            return Err(ConfigError::Duplicate {
                path: ConfigError::shown(path),
                what,
                name,
            });
        }
        own.insert(name, entry);
    }
    for (name, entry) in own {
        all.entry(name).or_insert(entry);
    }
    Ok(())
}

fn resolve(folder: &Path, path: &mut Option<PathBuf>) {
    *path = path
        .take()
        .filter(|path| !path.as_os_str().is_empty())
        .map(|path| folder.join(path));
}

/// A command with a separator in it is a path; one without is looked up in `PATH`.
fn command(folder: &Path, command: &str) -> String {
    let is_path = command.contains(std::path::is_separator) && Path::new(command).is_relative();
    let path = is_path
        .then(|| folder.join(command).to_str().map(str::to_owned))
        .flatten();
    path.unwrap_or_else(|| command.to_owned())
}

fn absolute(folder: &Path) -> PathBuf {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}
