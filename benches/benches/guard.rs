//! What the slashing guard adds to a publication, and what a long history costs.
//!
//! It measures the guard itself on a real file, without sockets: from a message in memory to its record on the disk.
//! Nearly all of it is the disk's sync, so a bare write and sync of 4 KiB on the same disk is measured beside it. Run it
//! on the disk where the state folder will be: `CARGO_TARGET_DIR=/there cargo bench -p rangelight-benches --bench guard`.
#![allow(clippy::print_stdout, reason = "the table is the point of the program")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rangelight::guard::place::FilePlace;
use rangelight::guard::redb::Redb;
use rangelight::guard::store::{Changes, Store};
use rangelight::guard::{Asked, Guard, Scene};
use rangelight::observe::Meters;
use rangelight_benches::Outcome;
use rangelight_benches::numbers::{Rounds, Table};
use rangelight_policy::chain::{Clock, Epoch, Moment, Root, Slot};
use rangelight_policy::slashing::{Deed, History, Named, Record, Validator, Window};

/// Single messages, one after the other.
const SINGLE: u64 = 2_000;

/// Messages together.
const MANY: u64 = 1_000;

/// Rounds with many.
const ROUNDS: u64 = 20;

/// The long history.
const VOTES: u64 = 1_000_000;

fn main() -> Outcome<()> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("guard-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let done = latencies(&folder).and_then(|()| history(&folder));
    fs::remove_dir_all(&folder)?;
    done
}

fn latencies(folder: &Path) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut table = Table::new(&["milliseconds until it may go out", "p50", "p99", "most"]);
    let mut syncs = Vec::new();
    let mut file = File::create(folder.join("bare"))?;
    for _ in 0..SINGLE {
        let begun = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        syncs.push(begun.elapsed());
    }
    row(&mut table, "4 KiB written and synced, for comparison", syncs);
    let store = Redb::create(FilePlace::new(&folder.join("latencies.redb")))?;
    let guard = Arc::new(Guard::over(Box::new(store), &Arc::new(Meters::new()))?);
    let caller: Arc<str> = "bench".into();
    let mut next = 0_u64;
    let mut single = Vec::new();
    for _ in 0..SINGLE {
        next += 1;
        single.push(runtime.block_on(one(&guard, &caller, vec![vote(next)]))?);
    }
    row(&mut table, "one attestation", single);
    let mut bodies = Vec::new();
    for _ in 0..ROUNDS {
        let votes = (next + 1..=next + MANY).map(vote).collect();
        next += MANY;
        bodies.push(runtime.block_on(one(&guard, &caller, votes))?);
    }
    row(&mut table, "1,000 in one body", bodies);
    let mut parallel = Vec::new();
    for _ in 0..ROUNDS {
        let tasks: Vec<_> = (next + 1..=next + MANY)
            .map(|number| {
                let (guard, caller) = (Arc::clone(&guard), Arc::clone(&caller));
                runtime.spawn(async move { one(&guard, &caller, vec![vote(number)]).await })
            })
            .collect();
        next += MANY;
        for task in tasks {
            parallel.push(runtime.block_on(task)??);
        }
    }
    row(&mut table, "1,000 at once, each alone", parallel);
    runtime.block_on(guard.close());
    println!("{table}");
    Ok(())
}

async fn one(guard: &Guard, caller: &Arc<str>, votes: Vec<Asked>) -> Outcome<Duration> {
    let begun = Instant::now();
    guard.decide_and_record(caller, &votes, &scene()).await?;
    Ok(begun.elapsed())
}

fn row(table: &mut Table, name: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: usize| format!("{:.2}", took[(took.len() - 1) * share / 100].as_secs_f64() * 1_000.0);
    table.row(vec![name.to_owned(), at(50), at(99), at(100)]);
}

fn scene() -> Scene {
    let clock = Clock { genesis: Moment(0), slot_ms: 12_000, slots_per_epoch: 32 };
    Scene { window: Window { now: Slot(3_200), clock }, network: Root([7; 32]) }
}

fn vote(number: u64) -> Asked {
    Asked { record: record(number, 99, 100), root: None, head: None }
}

fn record(validator: u64, source: u64, target: u64) -> Record {
    let deed = Deed::Vote { source: Epoch(source), target: Epoch(target) };
    let mut name = [0; 32];
    // Names are hashes: spread over all values.
    for (place, part) in name.chunks_exact_mut(8).enumerate() {
        let mixed = (validator << 20 | target).wrapping_add(place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        part.copy_from_slice(&mixed.to_le_bytes());
    }
    Record { validator: Validator(validator), deed, named: Named::Signature(Root(name)) }
}

fn history(folder: &Path) -> Outcome<()> {
    let path = folder.join("history.redb");
    let mut store = Redb::create(FilePlace::new(&path))?;
    // As they come: a thirty-second part of the validators in each slot, every epoch.
    let (validators, slots) = (20_000, 32);
    for target in 1..=VOTES / validators {
        for slot in 0..slots {
            let voters = (slot..validators).step_by(32);
            let insert = voters.map(|validator| record(validator, target - 1, target)).collect();
            store.commit(&Changes { insert, ..Changes::default() })?;
        }
    }
    let cut_off = folder.join("cut-off.redb");
    fs::copy(&path, &cut_off)?;
    drop(store);
    let size = fs::metadata(&path)?.len();
    let mut table = Table::new(&["1,000,000 votes of 20,000 validators", ""]);
    table.row(vec!["file, MiB".to_owned(), (size >> 20).to_string()]);
    let before = resident();
    for (name, path) in [("open after a proper end, ms", &path), ("open after kill -9, ms", &cut_off)] {
        let mut took = Vec::new();
        for round in 0..5 {
            let copy = folder.join(format!("copy-{round}.redb"));
            fs::copy(path, &copy)?;
            let begun = Instant::now();
            let mut history = History::default();
            let mut store = Redb::open(FilePlace::new(&copy))?;
            store.load(&mut |record| history.insert(record))?;
            took.push(begun.elapsed().as_secs_f64() * 1_000.0);
            if round == 0 {
                let grown = resident().saturating_sub(before);
                table.row(vec![format!("memory, MiB ({name})"), (grown >> 20).to_string()]);
            }
            fs::remove_file(&copy)?;
        }
        table.row(vec![name.to_owned(), format!("{:.0}", Rounds::new(took))]);
    }
    println!("{table}");
    Ok(())
}

/// Bytes of this process in memory; 0 where nobody tells.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}
