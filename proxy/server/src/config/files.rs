//! Reading the configuration's files, and remembering what was read.
//!
//! Whatever a reading looked at, found or not, is remembered with a digest of its content, so that the watcher can ask
//! later whether anything differs. The digest is of the content and not of the metadata: a file written twice within
//! one tick of its clock, a bind mount, a link that Kubernetes moves all change content without a newer time, and the
//! files are a few kilobytes. The digest only tells versions apart; it protects nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The configuration file may have this many bytes; 64 nodes with everything said have about 60 KiB.
pub(super) const CONFIG_MAX: u64 = 1 << 20;

/// A token, certificate or key file may have this many bytes; a bundle of authorities for one node is below it.
pub(super) const NAMED_MAX: u64 = 64 << 10;

/// What a reading looked at: each path with the digest of its content, `None` where nothing could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(BTreeMap<PathBuf, (u64, Option<u64>)>);

impl Seen {
    /// Reads a text of at most `max` bytes, and remembers it.
    pub(super) fn read(&mut self, path: &Path, max: u64) -> Result<String, String> {
        let content = read(path, max);
        self.0.insert(path.to_owned(), (max, content.as_ref().ok().map(digest)));
        let cure = "correct the path, or make it a file that this user can read";
        let content = content.map_err(|error| format!("{} cannot be read: {error}; {cure}", path.display()))?;
        String::from_utf8(content).map_err(|_| format!("{} is no text (UTF-8); write it as text", path.display()))
    }

    /// Looks at the same paths again.
    pub(super) fn again(&self) -> Self {
        let look = |(path, (max, _)): (&PathBuf, &(u64, _))| {
            (path.clone(), (*max, read(path, *max).ok().as_ref().map(digest)))
        };
        Self(self.0.iter().map(look).collect())
    }

    /// One digest for the content of several paths that were read.
    pub(super) fn digest_of<'a>(&self, paths: impl Iterator<Item = &'a PathBuf>) -> u64 {
        let mut hasher = DefaultHasher::new();
        paths.for_each(|path| self.0.get(path).hash(&mut hasher));
        hasher.finish()
    }
}

/// Reads a whole file, refusing what is too long and what has no end of its own (a pipe, a device).
fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take(max + 1).read_to_end(&mut content)?;
    if content.len() as u64 > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {} KiB", max >> 10)));
    }
    Ok(content)
}

fn digest(content: &Vec<u8>) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
