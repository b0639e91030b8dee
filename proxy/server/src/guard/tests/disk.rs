//! A disk that is honest about nothing but its syncs.
//!
//! What was written since the last sync may be there after a power cut or not, whole or in part, in any order. The power
//! can be cut at every step. Only a sync that returned is a promise, as on real disks.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Builder, Database, DatabaseError, StorageBackend};

use super::super::redb::Place;

/// What is written in one piece or not at all.
const SECTOR: usize = 512;

/// A small generator of numbers, so that a failing run can be repeated.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `below`.
    pub(crate) fn below(&mut self, below: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % below.max(1) as u64).unwrap_or(0)
    }
}

#[derive(Debug)]
enum Unsynced {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug, Default)]
struct Plates {
    /// What survives for certain.
    synced: Vec<u8>,
    /// What programs see.
    seen: Vec<u8>,
    unsynced: Vec<Unsynced>,
    steps: u64,
    cut_at: Option<u64>,
    /// Room in bytes, if it is bounded.
    room: Option<usize>,
}

/// The disk; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    plates: Arc<Mutex<Plates>>,
    /// Planted: syncs do nothing.
    deaf: bool,
}

impl Disk {
    /// A disk that holds these bytes, and loses power at this step from now.
    pub(crate) fn holding(bytes: Vec<u8>, cut_at: Option<u64>) -> Self {
        let plates = Plates { synced: bytes.clone(), seen: bytes, cut_at, ..Plates::default() };
        Self { plates: Arc::new(Mutex::new(plates)), deaf: false }
    }

    /// Planted: the same disk, for a program that does not sync.
    pub(crate) fn deaf(self) -> Self {
        Self { deaf: true, ..self }
    }

    /// Whether the power is gone.
    pub(crate) fn dead(&self) -> bool {
        let plates = self.plates();
        plates.cut_at.is_some_and(|cut| plates.steps >= cut)
    }

    /// Steps so far.
    pub(crate) fn steps(&self) -> u64 {
        self.plates().steps
    }

    /// Bounds or frees its room.
    pub(crate) fn room(&self, room: Option<usize>) {
        self.plates().room = room;
    }

    /// What is there after the power has gone: the synced bytes, and of the rest what the dice say, in their order.
    pub(crate) fn remains(&self, dice: &mut Dice) -> Vec<u8> {
        let plates = self.plates();
        let mut bytes = plates.synced.clone();
        let mut rest: Vec<&Unsynced> = plates.unsynced.iter().collect();
        while !rest.is_empty() {
            let step = rest.swap_remove(dice.below(rest.len()));
            match (step, dice.below(3)) {
                (_, 0) => {}
                (Unsynced::Bytes(at, piece), 1) => {
                    let sectors = piece.len() / SECTOR;
                    put(&mut bytes, *at, &piece[..dice.below(sectors + 1) * SECTOR]);
                }
                (Unsynced::Bytes(at, piece), _) => put(&mut bytes, *at, piece),
                (Unsynced::Length(length), _) => bytes.resize(*length, 0),
            }
        }
        bytes
    }

    /// Everything that was written, synced or not.
    pub(crate) fn seen(&self) -> Vec<u8> {
        self.plates().seen.clone()
    }

    fn plates(&self) -> MutexGuard<'_, Plates> {
        self.plates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self) -> io::Result<MutexGuard<'_, Plates>> {
        let mut plates = self.plates();
        if plates.cut_at.is_some_and(|cut| plates.steps >= cut) {
            return Err(io::Error::other("no power"));
        }
        plates.steps += 1;
        if plates.cut_at.is_some_and(|cut| plates.steps >= cut) {
            return Err(io::Error::other("the power went"));
        }
        Ok(plates)
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    if bytes.len() < at + piece.len() {
        bytes.resize(at + piece.len(), 0);
    }
    bytes[at..at + piece.len()].copy_from_slice(piece);
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("test disks are small")
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.plates().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let plates = self.plates();
        let at = place(offset);
        let piece = plates.seen.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(piece);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut plates = self.step()?;
        plates.seen.resize(place(length), 0);
        plates.unsynced.push(Unsynced::Length(place(length)));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut plates = self.step()?;
        if !self.deaf {
            plates.synced = plates.seen.clone();
            plates.unsynced.clear();
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut plates = self.step()?;
        if plates.room.is_some_and(|room| room < data.len()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        plates.room = plates.room.map(|room| room - data.len());
        put(&mut plates.seen, place(offset), data);
        plates.unsynced.push(Unsynced::Bytes(place(offset), data.to_vec()));
        Ok(())
    }
}

/// A store's place on such a disk; `reserved` bytes come free when it is asked to make room.
#[derive(Debug)]
pub(crate) struct DiskPlace {
    pub(crate) disk: Disk,
    pub(crate) reserved: usize,
}

impl Place for DiskPlace {
    fn open(&mut self, builder: &Builder) -> Result<Database, DatabaseError> {
        builder.create_with_backend(self.disk.clone())
    }

    fn create(&mut self, builder: &Builder) -> Result<Database, DatabaseError> {
        self.open(builder)
    }

    fn make_room(&mut self) -> bool {
        let room = std::mem::take(&mut self.reserved);
        let mut plates = self.disk.plates();
        plates.room = plates.room.map(|free| free + room);
        room > 0
    }
}
