//! The store in one redb file.
//!
//! redb writes beside what is there, syncs, and moves one pointer whose page carries checksums of all it stands for. So
//! whoever is cut off at any moment finds the last commit that returned, or one that had not returned yet; never half of
//! one. A commit costs one sync, however many records it carries.
//!
//! One row holds all that is known of one validator, record after record in a fixed width, in the order in which they
//! came. A row of its own for each record would read more simply, and made the file three times as large and its opening
//! eight times as slow, for a tree's page is written whole either way. Policy bounds what a validator has to some kilobytes.
//!
//! After any fault the file is let go and opened anew at the next commit, because redb rightly trusts nothing it holds in
//! memory then. A panic inside it, on a file whose pages lie about themselves, is a fault like others.

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rangelight_policy::chain::{Epoch, Root, Slot};
use rangelight_policy::interchange::Pubkey;
use rangelight_policy::slashing::{Deed, Named, Record, Validator};
use redb::{Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};

use super::store::{Changes, Fault, Kept, Store};

/// What redb may keep of the file in memory. The guard's own memory has everything; this is for the paths of the tree.
const CACHE: usize = 8 << 20;

/// The form of the rows. A store of another version is not touched.
const VERSION: &[u8] = b"1";

const RECORDS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("records");
const PUBKEYS: TableDefinition<'static, u64, &[u8; 48]> = TableDefinition::new("pubkeys");
const ABOUT: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("about");

/// Where the file is, and how it comes to be opened.
pub trait Place: Send {
    /// Opens what is there.
    ///
    /// # Errors
    ///
    /// If nothing is there, or it cannot be opened.
    fn open(&mut self, builder: &Builder) -> Result<Database, DatabaseError>;

    /// Makes an empty one where none is.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    fn create(&mut self, builder: &Builder) -> Result<Database, DatabaseError>;

    /// As [`Store::make_room`].
    fn make_room(&mut self) -> bool {
        false
    }

    /// As [`Store::reserve`].
    fn reserve(&mut self) {}
}

/// A store in one redb file.
pub struct Redb<P: Place> {
    place: P,
    open: Option<Database>,
}

impl<P: Place> Redb<P> {
    /// Opens a store that is there.
    ///
    /// # Errors
    ///
    /// If it is not, or cannot be used.
    pub fn open(place: P) -> Result<Self, Fault> {
        let mut store = Self { place, open: None };
        sound(|| store.database().map(drop))?;
        Ok(store)
    }

    /// Makes an empty store.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn create(mut place: P) -> Result<Self, Fault> {
        let made = sound(|| {
            let database = place.create(&builder()).map_err(database_fault)?;
            let commit = || -> Result<(), redb::Error> {
                let write = database.begin_write()?;
                write.open_table(RECORDS)?;
                write.open_table(PUBKEYS)?;
                write.open_table(ABOUT)?.insert("version", VERSION)?;
                Ok(write.commit()?)
            };
            commit().map_err(fault)?;
            Ok(database)
        })?;
        Ok(Self { place, open: Some(made) })
    }

    /// redb writes once more when it is let go of. On a broken file that fails in its own way, and there is nothing more to
    /// be done with it.
    fn let_go(&mut self) {
        let database = self.open.take();
        let _ = sound(|| {
            drop(database);
            Ok(())
        });
    }

    fn database(&mut self) -> Result<&Database, Fault> {
        let database = match self.open.take() {
            Some(database) => database,
            None => {
                let database = self.place.open(&builder()).map_err(database_fault)?;
                let version = version(&database).map_err(fault)?;
                if version.as_deref() != Some(VERSION) {
                    return Err(Fault::Broken("it was written by another version of Rangelight".to_owned()));
                }
                database
            }
        };
        Ok(self.open.insert(database))
    }

    fn write(&mut self, changes: &Changes) -> Result<(), Fault> {
        let database = self.database()?;
        let commit = || -> Result<(), redb::Error> {
            let write = database.begin_write()?;
            {
                let mut records = write.open_table(RECORDS)?;
                for (validator, Change { insert, remove }) in by_validator(changes) {
                    let mut row = records.get(validator)?.map(|row| row.value().to_vec()).unwrap_or_default();
                    let (known, _) = row.as_chunks::<RECORD>();
                    let mut there: HashSet<[u8; RECORD]> = known.iter().copied().collect();
                    row.extend(insert.into_iter().filter(|record| there.insert(*record)).flatten());
                    let (all, _) = row.as_chunks::<RECORD>();
                    let left: Vec<u8> =
                        all.iter().filter(|record| !remove.contains(*record)).copied().flatten().collect();
                    match left.is_empty() {
                        true => drop(records.remove(validator)?),
                        false => drop(records.insert(validator, left.as_slice())?),
                    }
                }
            }
            if !changes.pubkeys.is_empty() {
                let mut pubkeys = write.open_table(PUBKEYS)?;
                for (validator, pubkey) in &changes.pubkeys {
                    pubkeys.insert(validator.0, &pubkey.0)?;
                }
            }
            if let Some(root) = changes.network {
                write.open_table(ABOUT)?.insert("network", root.0.as_slice())?;
            }
            Ok(write.commit()?)
        };
        commit().map_err(fault)
    }

    fn read(&mut self, take: &mut dyn FnMut(Record)) -> Result<Kept, Fault> {
        let database = self.database()?;
        let read = database.begin_read().map_err(|error| fault(error.into()))?;
        let mut kept = Kept::default();
        let mut rows = || -> Result<bool, redb::Error> {
            for entry in read.open_table(RECORDS)?.iter()? {
                let (validator, row) = entry?;
                let (records, rest) = row.value().as_chunks::<RECORD>();
                if !rest.is_empty() {
                    return Ok(false);
                }
                for bytes in records {
                    let Some(record) = record(Validator(validator.value()), bytes) else { return Ok(false) };
                    take(record);
                }
            }
            for entry in read.open_table(PUBKEYS)?.iter()? {
                let (validator, pubkey) = entry?;
                kept.pubkeys.push((Validator(validator.value()), Pubkey(*pubkey.value())));
            }
            if let Some(root) = read.open_table(ABOUT)?.get("network")? {
                let Ok(root) = root.value().try_into() else { return Ok(false) };
                kept.network = Some(Root(root));
            }
            Ok(true)
        };
        match rows().map_err(fault)? {
            true => Ok(kept),
            false => Err(Fault::Broken("a row of it cannot be understood".to_owned())),
        }
    }
}

impl<P: Place> Store for Redb<P> {
    fn load(&mut self, take: &mut dyn FnMut(Record)) -> Result<Kept, Fault> {
        sound(|| self.read(take))
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), Fault> {
        let done = sound(|| self.write(changes));
        if done.is_err() {
            self.let_go();
        }
        done
    }

    fn make_room(&mut self) -> bool {
        self.place.make_room()
    }

    fn reserve(&mut self) {
        self.place.reserve();
    }
}

impl<P: Place> Drop for Redb<P> {
    fn drop(&mut self) {
        self.let_go();
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder
}

fn version(database: &Database) -> Result<Option<Vec<u8>>, redb::Error> {
    let read = database.begin_read()?;
    Ok(read.open_table(ABOUT)?.get("version")?.map(|version| version.value().to_vec()))
}

/// Runs what may panic on a file that lies.
fn sound<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Fault::Broken("its pages contradict each other".to_owned())))
}

fn database_fault(error: DatabaseError) -> Fault {
    match error {
        DatabaseError::DatabaseAlreadyOpen => Fault::Locked,
        error => fault(error.into()),
    }
}

fn fault(error: redb::Error) -> Fault {
    match error {
        redb::Error::DatabaseAlreadyOpen => Fault::Locked,
        redb::Error::Io(error) => io_fault(&error),
        error => Fault::Broken(error.to_string()),
    }
}

/// A full disk, or another trouble with it.
fn io_fault(error: &std::io::Error) -> Fault {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Fault::Full(error.to_string()),
        _ => Fault::Broken(error.to_string()),
    }
}

// === rows ===

/// Bytes of a record: kind, slot or target, source, sort of name, name.
const RECORD: usize = 1 + 8 + 8 + 1 + 32;

const BLOCK: u8 = 1;
const VOTE: u8 = 2;

const BY_NOTHING: u8 = 0;
const BY_SIGNATURE: u8 = 1;
const BY_ROOT: u8 = 2;
const WATERMARK: u8 = 3;

/// What changes in one row.
#[derive(Default)]
struct Change {
    insert: Vec<[u8; RECORD]>,
    remove: HashSet<[u8; RECORD]>,
}

fn by_validator(changes: &Changes) -> BTreeMap<u64, Change> {
    let mut rows: BTreeMap<u64, Change> = BTreeMap::new();
    for record in &changes.insert {
        rows.entry(record.validator.0).or_default().insert.push(bytes(record));
    }
    for record in &changes.remove {
        rows.entry(record.validator.0).or_default().remove.insert(bytes(record));
    }
    rows
}

/// A record as it stands in its validator's row.
fn bytes(record: &Record) -> [u8; RECORD] {
    let (kind, at, source) = match record.deed {
        Deed::Block { slot } => (BLOCK, slot.0, 0),
        Deed::Vote { source, target } => (VOTE, target.0, source.0),
    };
    let (sort, name) = match record.named {
        Named::Signature(name) => (BY_SIGNATURE, name),
        Named::Root(name) => (BY_ROOT, name),
        Named::Unknown => (BY_NOTHING, Root::default()),
        Named::Watermark => (WATERMARK, Root::default()),
    };
    let mut bytes = [0; RECORD];
    bytes[0] = kind;
    bytes[1..9].copy_from_slice(&at.to_be_bytes());
    bytes[9..17].copy_from_slice(&source.to_be_bytes());
    bytes[17] = sort;
    bytes[18..].copy_from_slice(&name.0);
    bytes
}

/// The record of these bytes; `None` if no record looks so.
fn record(validator: Validator, bytes: &[u8; RECORD]) -> Option<Record> {
    let number = |from: usize| Some(u64::from_be_bytes(bytes[from..from + 8].try_into().ok()?));
    let deed = match bytes[0] {
        BLOCK => Deed::Block { slot: Slot(number(1)?) },
        VOTE => Deed::Vote { source: Epoch(number(9)?), target: Epoch(number(1)?) },
        _ => return None,
    };
    let name = Root(bytes[18..].try_into().ok()?);
    let named = match bytes[17] {
        BY_NOTHING => Named::Unknown,
        BY_SIGNATURE => Named::Signature(name),
        BY_ROOT => Named::Root(name),
        WATERMARK => Named::Watermark,
        _ => return None,
    };
    Some(Record { validator, deed, named })
}

#[cfg(test)]
mod tests;
