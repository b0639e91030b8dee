//! EIP-3076 files: out of the guard's store and into it.
//!
//! A file is all or nothing. An export that lacked a validator would be restored as if it were whole, and an import whose
//! keys could not be looked up would leave them unprotected without a word; both are refused, with a word. Only keys that
//! the nodes know of nobody by are left out of an import, since such a validator cannot have signed anything.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rangelight_policy::interchange::{Interchange, Pubkey, write};
use rangelight_policy::slashing::{Validator, Window};

use super::registry::Registry;
use super::{Open, open};
use crate::cli::{block_on, complain, say};
use crate::config::Config;
use crate::guard::store::{Changes, Store};
use crate::time;

/// The largest file that is read: ten thousand validators for some months.
const LONGEST: u64 = 128 << 20;

/// Writes everything into a file that is not there yet.
pub(super) fn export(config: &Config, file: &Path) -> Result<(), String> {
    let mut open = open(config)?;
    let root = open.kept.network.ok_or("the guard has recorded nothing yet, so there is nothing to export")?;
    let mut validators: Vec<Validator> = open.records.iter().map(|record| record.validator).collect();
    validators.dedup();
    let pubkeys = pubkeys(config, &mut open, &validators)?;
    let (text, unknown) = write(open.records.iter().copied(), root, |validator| pubkeys.get(&validator).copied());
    if !unknown.is_empty() {
        let names = unknown.iter().take(10).map(|validator| validator.0.to_string()).collect::<Vec<_>>().join(", ");
        return Err(format!(
            "no node knows the public key of {} validators ({names}…), and an export without them would not be whole; \
             let a configured node be synced, and do it again",
            unknown.len()
        ));
    }
    if file == Path::new("-") {
        say(&text);
        return Ok(());
    }
    let wrong = |cause: io::Error| format!("{}: {cause}; name a file that is not there yet", file.display());
    let mut into = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(wrong)?;
    into.write_all(text.as_bytes()).and_then(|()| into.sync_all()).map_err(wrong)?;
    complain(&format!(
        "{} validators are in {}. What is signed from now on is not: do not start another client from it while this \
         one runs.",
        validators.len(),
        file.display()
    ));
    Ok(())
}

/// Takes a file in.
pub(super) fn import(config: &Config, file: &Path) -> Result<(), String> {
    let bytes = read(file)?;
    let mut open = open(config)?;
    let registry = Registry::new(config)?;
    let known: BTreeMap<Pubkey, Validator> = open.kept.pubkeys.iter().map(|(index, key)| (*key, *index)).collect();
    let (ours, read, learnt) = talk(async {
        let network = registry.network(config, &open.state).await?;
        let ours = network.served.genesis.validators_root;
        let now = network.clock.slot(time::now()).map(|now| Window { now, clock: network.clock });
        let read = Interchange::parse(&bytes, ours, now.as_ref()).map_err(|refused| refused.to_string())?;
        let asked: Vec<Pubkey> = read.pubkeys().filter(|key| !known.contains_key(key)).copied().collect();
        let learnt = registry.by_pubkey(&asked).await?;
        Ok((ours, read, learnt))
    })?;
    if let Some(kept) = open.kept.network.filter(|kept| *kept != ours) {
        return Err(format!(
            "the guard's records are of the network {kept} and the nodes are of {ours}; see `guard reset`"
        ));
    }
    let learnt_keys: BTreeMap<Pubkey, Validator> = learnt.iter().map(|(index, key)| (*key, *index)).collect();
    let imported = read.records(|key| known.get(key).or_else(|| learnt_keys.get(key)).copied());
    let count = imported.records.len();
    let changes = Changes { insert: imported.records, network: Some(ours), pubkeys: learnt, ..Changes::default() };
    open.store.commit(&changes).map_err(|fault| format!("nothing was imported: {fault}"))?;
    say(&format!("{count} records of {} validators were imported.", read.pubkeys().count() - imported.unknown.len()));
    for key in &imported.minimised {
        complain(&format!("{key} contradicts itself in this file: it may sign only what is later than all of it"));
    }
    for key in &imported.unknown {
        complain(&format!("{key} is no validator of this network, and nothing was kept of it"));
    }
    Ok(())
}

/// The keys of these validators, those that the nodes had to tell kept for the next time.
fn pubkeys(config: &Config, open: &mut Open, validators: &[Validator]) -> Result<BTreeMap<Validator, Pubkey>, String> {
    let mut known: BTreeMap<Validator, Pubkey> = open.kept.pubkeys.iter().copied().collect();
    let asked: Vec<Validator> = validators.iter().filter(|validator| !known.contains_key(validator)).copied().collect();
    if asked.is_empty() {
        return Ok(known);
    }
    let registry = Registry::new(config)?;
    let learnt = talk(registry.by_index(&asked))?;
    known.extend(learnt.iter().copied());
    let changes = Changes { pubkeys: learnt, ..Changes::default() };
    open.store.commit(&changes).map_err(|fault| fault.to_string())?;
    Ok(known)
}

fn talk<T>(with_nodes: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    block_on(with_nodes).unwrap_or_else(|_| Err("nodes cannot be asked".to_owned()))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let wrong = |cause: io::Error| format!("{}: {cause}", file.display());
    let mut bytes = Vec::new();
    File::open(file).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes)).map_err(wrong)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!(
            "{} is larger than {} MiB; export it in parts, or minimised, from the validator client",
            file.display(),
            LONGEST >> 20
        ));
    }
    Ok(bytes)
}
