use std::{ffi::OsString, path::PathBuf};

/// Where a capture goes, and how much of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CaptureOptions {
    /// Where it goes.
    pub destination: Destination,
    /// The most bytes that it may have, from [`CaptureOptions::LIMIT_LEAST`] on. When they are reached, the capture ends.
    pub limit: u64,
    /// The most bytes of a packet that are kept, its headers counted; `None` keeps all.
    pub snaplen: Option<u32>,
    /// Whether a file that is there is replaced.
    pub overwrite: bool,
}

/// Where a capture goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Destination {
    /// To a new file, which only its owner may read.
    File(PathBuf),
    /// To standard output, which must not be a terminal.
    StandardOutput,
}

impl CaptureOptions {
    /// The limit where none is asked for: 1 GiB.
    pub const LIMIT: u64 = 1 << 30;
    /// The least limit: there must be room for what a file begins and ends with.
    pub const LIMIT_LEAST: u64 = 64 << 10;
    /// The least length that packets can be cut to: the largest headers are kept.
    pub const SNAPLEN_LEAST: u32 = super::Packet::HEAD_MOST as u32;
    /// The length that no packet exceeds.
    pub const SNAPLEN_MOST: u32 = 0xFFFF;

    /// A capture with the usual limit, of whole packets, that replaces nothing.
    #[must_use]
    pub fn new(destination: Destination) -> Self {
        Self {
            destination,
            limit: Self::LIMIT,
            snaplen: None,
            overwrite: false,
        }
    }
}

impl Destination {
    /// A file beside this one, with a number behind its name. Standard output is the same.
    pub(super) fn numbered(&self, number: u32) -> Self {
        let Self::File(path) = self else {
            return self.clone();
        };
        let mut name = OsString::from(path.file_stem().unwrap_or_default());
        name.push(format!("-{number}"));
        if let Some(extension) = path.extension() {
            name.push(".");
            name.push(extension);
        }
        Self::File(path.with_file_name(name))
    }
}
