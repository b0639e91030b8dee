//! Power cuts: whatever was let out is in the store afterwards, wherever the power went, on a disk that keeps nothing
//! but what was synced. Two planted builds, one that does not sync and one that sends before it syncs, must be caught.

use super::disk::{Dice, Disk, DiskPlace};
use super::*;
use crate::guard::redb::Redb;

/// Messages that one run lets out if the power holds: some alone, some together, one pruning.
const ROUNDS: u64 = 6;

/// Planted: says that a commit is durable before it is begun, as if the message were sent first.
struct SendsFirst<S> {
    store: S,
    due: Changes,
}

impl<S: Store> Store for SendsFirst<S> {
    fn load(&mut self, take: &mut dyn FnMut(Record)) -> Result<Kept, Fault> {
        self.store.load(take)
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), Fault> {
        let due = std::mem::replace(&mut self.due, changes.clone());
        self.store.commit(&due)
    }
}

fn empty() -> Vec<u8> {
    let disk = Disk::default();
    drop(Redb::create(DiskPlace { disk: disk.clone(), reserved: 0 }).expect("the disk is whole"));
    disk.seen()
}

/// Runs until the power goes; what was let out before.
async fn run(disk: &Disk, plant: impl FnOnce(Redb<DiskPlace>) -> Box<dyn Store>) -> Vec<Record> {
    let mut out = Vec::new();
    let place = DiskPlace { disk: disk.clone(), reserved: 0 };
    let Ok(store) = Redb::open(place) else { return out };
    let Ok(guard) = Guard::over(plant(store), &Arc::new(Meters::new())) else { return out };
    let guard = Arc::new(guard);
    for round in 0..ROUNDS {
        let target = 20 + round * 3;
        let asked: Vec<Asked> = (0..1 + round % 4).map(|validator| vote(validator, target - 1, target, 1)).collect();
        let decided = guard.decide_and_record(&caller(), &asked, &scene(target)).await;
        if disk.dead() {
            break;
        }
        let decided = decided.expect("the disk is alive");
        let passed = asked.iter().zip(decided).filter(|(_, decision)| !refused(decision));
        out.extend(passed.map(|(asked, _)| asked.record));
    }
    guard.close().await;
    out
}

/// How many runs lost a message that had been let out; one run for each step at which the power can go.
async fn losses(deaf: bool, plant: fn(Redb<DiskPlace>) -> Box<dyn Store>) -> (u64, u64) {
    let whole = Disk::holding(empty(), None);
    let all = run(&whole, plant).await;
    assert_eq!(all.len() as u64, (0..ROUNDS).map(|round| 1 + round % 4).sum::<u64>());
    let (mut lost, mut cut) = (0, 0);
    for step in 1..=whole.steps() {
        let disk = Disk::holding(empty(), Some(step));
        let disk = if deaf { disk.deaf() } else { disk };
        let out = run(&disk, plant).await;
        if !disk.dead() {
            // Threads may share commits in another way than the first run did, and come to fewer steps.
            continue;
        }
        cut += 1;
        for seed in 0..4 {
            let remains = disk.remains(&mut Dice(step * 31 + seed));
            let mut kept = Vec::new();
            let after = Redb::open(DiskPlace { disk: Disk::holding(remains, None), reserved: 0 });
            let read = after.and_then(|mut store| store.load(&mut |record| kept.push(record)).map(drop));
            // What was pruned lives on in the watermark that stands for it.
            let stands = |record: &Record| {
                kept.contains(record)
                    || kept.iter().any(|mark| {
                        let (Deed::Vote { target: mark_target, .. }, Deed::Vote { target, .. }) =
                            (mark.deed, record.deed)
                        else {
                            return false;
                        };
                        mark.named == Named::Watermark && mark.validator == record.validator && mark_target >= target
                    })
            };
            if read.is_err() || !out.iter().all(stands) {
                lost += 1;
                break;
            }
        }
    }
    (lost, cut)
}

#[tokio::test]
async fn nothing_that_was_let_out_is_lost() {
    let (lost, cut) = losses(false, |store| Box::new(store)).await;
    assert!(cut > 40, "{cut} cuts are too few");
    assert_eq!(lost, 0, "of {cut} cuts");
}

#[tokio::test]
async fn a_build_without_the_sync_is_caught() {
    let (lost, cut) = losses(true, |store| Box::new(store)).await;
    assert!(lost * 2 > cut, "{lost} of {cut} cuts");
}

#[tokio::test]
async fn a_build_that_sends_before_it_syncs_is_caught() {
    let (lost, cut) = losses(false, |store| Box::new(SendsFirst { store, due: Changes::default() })).await;
    assert!(lost * 4 > cut, "{lost} of {cut} cuts");
}
