//! Where the guard's file is, and when it may be made.
//!
//! A guard that begins anew forgets what was signed, so it is begun anew once only: when the state folder has never had
//! one. A marker beside the store says that it had. It is written when the store is complete and before anything is
//! decided; so a store without a marker is taken, a marker without a store means that somebody took the store away, and
//! neither means a first start. Whatever else is wrong is for a person to judge: `rangelight guard reset`.
//!
//! A new store is made under another name and renamed when it is whole, so that a first start that is cut off leaves
//! nothing that looks like a broken store.
//!
//! [`RESERVE`] bytes lie beside it for the day the disk is full: they are given up then, and taken again at the next
//! start, for to take them back at once would fill the disk to the brim again. They are
//! written and not merely announced, since file systems keep no promise about bytes that nobody wrote.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, DatabaseError};
use serde::{Deserialize, Serialize};

use super::redb::{Place, Redb};
use crate::state::State;

/// Bytes kept back for a full disk: commits of some days.
pub const RESERVE: usize = 16 << 20;

const MARKER: &str = "guard.json";

/// Says that this state folder has had a guard.
#[derive(Debug, Deserialize, Serialize)]
struct Marker {
    store: PathBuf,
}

/// A file of this machine.
#[derive(Debug)]
pub struct FilePlace {
    path: PathBuf,
}

/// This process's memory: nothing survives it. For demonstrations.
#[derive(Debug, Default)]
pub struct MemoryPlace;

/// Opens the guard's store, or makes it if the state folder has never had one.
///
/// # Errors
///
/// What is wrong, without a cure; nothing was changed.
pub fn open(state: &State, path: &Path) -> Result<Redb<FilePlace>, String> {
    let marker: Option<Marker> = state.read(MARKER).map_err(|error| error.to_string())?;
    let there = path.try_exists().map_err(|cause| format!("{}: {cause}", path.display()))?;
    let store = match (there, &marker) {
        (true, _) => Redb::open(FilePlace::new(path)),
        (false, None) => Redb::create(FilePlace::new(path)),
        (false, Some(marker)) => {
            let where_it_was = if marker.store == path { String::new() } else { moved(marker) };
            return Err(format!("{} is gone: this state folder has had a guard{where_it_was}", path.display()));
        }
    };
    let store = store.map_err(|fault| format!("{}: {fault}", path.display()))?;
    if marker.is_none_or(|marker| marker.store != path) {
        state.write(MARKER, &Marker { store: path.to_owned() }).map_err(|error| error.to_string())?;
    }
    Ok(store)
}

/// Puts the store aside and makes an empty one; where the old one is now, if there was one.
///
/// # Errors
///
/// What is wrong.
pub fn reset(state: &State, path: &Path) -> Result<Option<PathBuf>, String> {
    let wrong = |cause: io::Error| format!("{}: {cause}", path.display());
    let aside = match path.try_exists().map_err(wrong)? {
        true => {
            let aside = free_name(path);
            fs::rename(path, &aside).map_err(wrong)?;
            Some(aside)
        }
        false => None,
    };
    Redb::create(FilePlace::new(path)).map_err(|fault| format!("{}: {fault}", path.display()))?;
    state.write(MARKER, &Marker { store: path.to_owned() }).map_err(|error| error.to_string())?;
    Ok(aside)
}

fn moved(marker: &Marker) -> String {
    format!(" in {}", marker.store.display())
}

/// The first name of this kind that nobody has.
fn free_name(path: &Path) -> PathBuf {
    let name = |number: u32| with_suffix(path, &format!("old-{number}"));
    (1..).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(0))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

impl FilePlace {
    /// The file of this path.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn reserve_path(&self) -> PathBuf {
        with_suffix(&self.path, "reserve")
    }
}

impl Place for FilePlace {
    fn open(&mut self, builder: &Builder) -> Result<Database, DatabaseError> {
        builder.open(&self.path)
    }

    fn create(&mut self, builder: &Builder) -> Result<Database, DatabaseError> {
        let fresh = with_suffix(&self.path, "new");
        match fs::remove_file(&fresh) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(storage(cause)),
            _ => {}
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&fresh);
        let database = builder.create_file(file.map_err(storage)?)?;
        fs::rename(&fresh, &self.path).map_err(storage)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(storage)?;
        }
        Ok(database)
    }

    fn make_room(&mut self) -> bool {
        fs::remove_file(self.reserve_path()).is_ok()
    }

    fn reserve(&mut self) {
        let path = self.reserve_path();
        if path.metadata().is_ok_and(|file| file.len() >= RESERVE as u64) {
            return;
        }
        let fill = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            // Not zeros: some file systems keep those for nothing.
            let piece: Vec<u8> =
                (0..1_u64 << 17).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect();
            (0..RESERVE / piece.len()).try_for_each(|_| file.write_all(&piece))?;
            file.sync_all()
        };
        if fill().is_err() {
            // A disk that has no room for it now may have it later.
            let _ = fs::remove_file(&path);
        }
    }
}

impl Place for MemoryPlace {
    fn open(&mut self, builder: &Builder) -> Result<Database, DatabaseError> {
        builder.create_with_backend(InMemoryBackend::new())
    }

    fn create(&mut self, builder: &Builder) -> Result<Database, DatabaseError> {
        self.open(builder)
    }
}

fn storage(cause: io::Error) -> DatabaseError {
    DatabaseError::Storage(redb::StorageError::Io(cause))
}
