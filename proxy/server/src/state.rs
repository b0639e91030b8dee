//! The state folder: what must survive a restart, a power cut and `kill -9`.
//!
//! One Rangelight at a time: the folder is locked by the kernel (`flock`), which lets go when the process dies however
//! it dies, so no stale lock ever has to be removed by hand. The lock file holds the number of the process that has
//! it, for the message only.
//!
//! A file is replaced whole: written beside its name, synced, renamed over it, and the folder synced. Whoever is cut
//! off in between leaves the old file and at most one `….new`, which the next write replaces.
//!
//! Only the owner may enter (0700), because later rules keep secrets of duties here. A folder that was there before
//! and lets others in is closed for them only if it is empty or already ours: with `state = "/tmp"` typed by mistake,
//! taking everybody's rights away would break the machine.
//!
//! All of this blocks; async callers use a blocking task.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A state file may have this many bytes; a spec with its fork schedule has about 10 KiB. Longer ones are not read.
const FILE_MAX: u64 = 4 << 20;

const LOCK: &str = "lock";

/// The state folder, locked for us as long as this value lives.
#[derive(Debug)]
pub struct State {
    folder: PathBuf,
    /// Held, never read.
    _lock: File,
    /// Two writes of one file at a time would share its `….new`.
    writing: Mutex<()>,
}

/// Why the state folder cannot be used; every message ends in a cure.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It, or a file in it, cannot be created, read or written.
    #[error("{path}: {cause}; make it a folder that this user can write, or set `state` to another", path = path.display())]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Another process has it.
    #[error("{path} is used by another Rangelight{holder}; stop it, or give this one a `state` folder of its own", path = path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// ` (process N)`, as far as it is known.
        holder: String,
    },
    /// Others can enter, and it is not clear that it is ours to close.
    #[error("{path} can be entered by others and holds other files; run `chmod 700` on it, or set `state` to another", path = path.display())]
    Shared {
        /// The folder.
        path: PathBuf,
    },
    /// A file in it holds something else than it should.
    #[error("{path} cannot be understood ({cause}); remove it, it is made anew", path = path.display())]
    Garbled {
        /// The file.
        path: PathBuf,
        /// Where reading stopped.
        cause: String,
    },
}

impl State {
    /// Creates the folder if it is not there, and locks it.
    ///
    /// # Errors
    ///
    /// As [`StateError`] says.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        let unusable = |cause| StateError::Unusable { path: folder.to_owned(), cause };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        let rights = folder.metadata().map_err(unusable)?.permissions().mode();
        if rights & 0o077 != 0 {
            let mut entries = fs::read_dir(folder).map_err(unusable)?;
            if entries.next().is_some() && !folder.join(LOCK).exists() {
                return Err(StateError::Shared { path: folder.to_owned() });
            }
            fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(unusable)?;
        }
        let mut options = OpenOptions::new();
        let lock = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = lock.open(folder.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let number =
                    lock.take(20).read_to_string(&mut holder).ok().and_then(|_| holder.trim().parse::<u32>().ok());
                let holder = number.map_or_else(String::new, |number| format!(" (process {number})"));
                return Err(StateError::Locked { path: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(unusable)?;
        Ok(Self { folder: folder.to_owned(), _lock: lock, writing: Mutex::new(()) })
    }

    /// The path of a file in the folder.
    #[must_use]
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    /// Reads a small JSON file; `None` if it was never written.
    ///
    /// # Errors
    ///
    /// It cannot be read, or does not hold what is asked for.
    pub fn read<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, StateError> {
        Self::look(&self.folder, name)
    }

    /// The same without taking the folder, which another Rangelight may be using: files are replaced whole, so what is
    /// seen is one or the other.
    ///
    /// # Errors
    ///
    /// As for [`State::read`].
    pub fn look<T: DeserializeOwned>(folder: &Path, name: &'static str) -> Result<Option<T>, StateError> {
        let path = folder.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(StateError::Unusable { path, cause }),
        };
        let mut content = Vec::new();
        if let Err(cause) = file.take(FILE_MAX + 1).read_to_end(&mut content) {
            return Err(StateError::Unusable { path, cause });
        }
        if content.len() as u64 > FILE_MAX {
            return Err(StateError::Garbled { path, cause: format!("more than {} MiB", FILE_MAX >> 20) });
        }
        serde_json::from_slice(&content)
            .map(Some)
            .map_err(|cause| StateError::Garbled { path, cause: cause.to_string() })
    }

    /// Replaces a small JSON file; when this returns, the new one survives a power cut.
    ///
    /// # Errors
    ///
    /// It cannot be written; the old one is still there.
    pub fn write<T: Serialize>(&self, name: &'static str, value: &T) -> Result<(), StateError> {
        let path = self.path(name);
        let fresh = self.path(format!("{name}.new"));
        // A writer that panicked left at most a `….new`, which this one replaces.
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let replace = || {
            let content = serde_json::to_vec(value)?;
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            file.write_all(&content)?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        replace().map_err(|cause| StateError::Unusable { path: path.clone(), cause })
    }
}

#[cfg(test)]
mod tests;
