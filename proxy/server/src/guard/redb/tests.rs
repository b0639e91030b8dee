//! Rows, and files that lie.

use super::*;
use crate::guard::tests::disk::{Dice, Disk, DiskPlace};

fn records() -> Vec<Record> {
    let deeds = [
        Deed::Block { slot: Slot(0) },
        Deed::Block { slot: Slot(u64::MAX) },
        Deed::Vote { source: Epoch(0), target: Epoch(0) },
        Deed::Vote { source: Epoch(3), target: Epoch(u64::MAX) },
        Deed::Vote { source: Epoch(4), target: Epoch(u64::MAX) },
    ];
    let names = [Named::Signature(Root([1; 32])), Named::Root(Root([1; 32])), Named::Unknown, Named::Watermark];
    let mut records = Vec::new();
    for validator in [0, 1, u64::MAX] {
        for deed in deeds {
            records.extend(names.map(|named| Record { validator: Validator(validator), deed, named }));
        }
    }
    records
}

fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_unstable();
    records
}

fn load(store: &mut impl Store) -> Result<(Vec<Record>, Kept), Fault> {
    let mut records = Vec::new();
    let kept = store.load(&mut |record| records.push(record))?;
    Ok((sorted(records), kept))
}

#[test]
fn every_record_comes_back() {
    let disk = Disk::default();
    let place = || DiskPlace { disk: disk.clone(), reserved: 0 };
    let mut store = Redb::create(place()).expect("the disk is whole");
    assert_eq!(load(&mut store), Ok((Vec::new(), Kept::default())));
    let network = Some(Root([5; 32]));
    let pubkeys = vec![(Validator(1), Pubkey([1; 48])), (Validator(u64::MAX), Pubkey([2; 48]))];
    let changes = Changes { insert: records(), network, pubkeys: pubkeys.clone(), ..Changes::default() };
    store.commit(&changes).expect("the disk is whole");
    let all = (sorted(records()), Kept { network, pubkeys: pubkeys.clone() });
    assert_eq!(load(&mut store), Ok(all.clone()));
    drop(store);
    let mut store = Redb::open(place()).expect("it was let go of");
    assert_eq!(load(&mut store), Ok(all));
    let all = records();
    let (gone, left) = all.split_at(7);
    store.commit(&Changes { remove: gone.to_vec(), ..Changes::default() }).expect("the disk is whole");
    assert_eq!(load(&mut store).map(|(records, _)| records), Ok(sorted(left.to_vec())));
}

#[test]
fn what_is_no_record() {
    let first = records()[0];
    let good = bytes(&first);
    assert_eq!(record(first.validator, &good), Some(first));
    for (at, value) in [(0, 0), (0, 9), (17, 4), (17, 255)] {
        let mut bad = good;
        bad[at] = value;
        assert_eq!(record(first.validator, &bad), None, "{value} at {at}");
    }
}

#[test]
fn the_same_twice_is_once() {
    let mut store = Redb::create(DiskPlace { disk: Disk::default(), reserved: 0 }).expect("the disk is whole");
    let twice = [records(), records()].concat();
    for _ in 0..2 {
        store.commit(&Changes { insert: twice.clone(), ..Changes::default() }).expect("the disk is whole");
    }
    assert_eq!(load(&mut store).map(|(records, _)| records), Ok(sorted(records())));
    store.commit(&Changes { insert: records(), remove: records(), ..Changes::default() }).expect("the disk is whole");
    assert_eq!(load(&mut store).map(|(records, _)| records), Ok(Vec::new()), "what was let go of is not kept");
}

#[test]
fn a_file_that_lies_is_refused_or_whole() {
    let disk = Disk::default();
    let mut store = Redb::create(DiskPlace { disk: disk.clone(), reserved: 0 }).expect("the disk is whole");
    store.commit(&Changes { insert: records(), ..Changes::default() }).expect("the disk is whole");
    drop(store);
    let good = disk.seen();
    let open = |bytes: Vec<u8>| {
        let place = DiskPlace { disk: Disk::holding(bytes, None), reserved: 0 };
        Redb::open(place).and_then(|mut store| load(&mut store))
    };
    assert_eq!(open(good.clone()).map(|(records, _)| records), Ok(sorted(records())));
    for length in [0, 1, 100, 4_096, good.len() / 2, good.len() - 1] {
        assert!(open(good[..length].to_vec()).is_err(), "cut to {length} bytes");
    }
    let mut other = good.clone();
    let dice = &mut Dice(1);
    other.iter_mut().for_each(|byte| *byte = dice.below(256) as u8);
    assert!(open(other).is_err(), "noise");
}
