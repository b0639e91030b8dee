//! `rangelight guard show|export|import|reset`: what the slashing guard remembers, read and changed by its owner.
//!
//! All of them take the state folder's lock, so Rangelight must be stopped: a copy that is made while messages go out
//! would lack the last of them, and whoever restores it would believe it to be whole. `reset` is the only way in which a
//! guard that was there is begun anew, and asks for a word that nobody types by accident.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use rangelight_policy::interchange::Pubkey;
use rangelight_policy::slashing::{Deed, Named, Record, Validator};

use super::table::{Table, plain};
use super::{Where, complain, say};
use crate::config::{Config, GuardStore};
use crate::guard::place::{self, FilePlace};
use crate::guard::redb::Redb;
use crate::guard::store::{Kept, Store};
use crate::state::State;

mod exchange;
mod registry;

/// What can be done with the guard's records.
#[derive(Debug, Subcommand)]
pub(super) enum Guard {
    /// Shows every validator with its last block and vote.
    Show(Where),
    /// Writes everything as an EIP-3076 file, for another Rangelight or a validator client.
    Export {
        /// The file; it must not be there yet. `-` is standard output.
        file: PathBuf,
        #[command(flatten)]
        place: Where,
    },
    /// Takes in an EIP-3076 file, as validator clients export it.
    Import {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        place: Where,
    },
    /// Begins with an empty guard; the old one is kept beside it.
    Reset {
        /// You are sure that exactly one validator client has your keys, now and until the next epoch.
        #[arg(long = "yes-i-have-one-vc")]
        sure: bool,
        #[command(flatten)]
        place: Where,
    },
}

/// The guard's records, opened for one command.
struct Open {
    store: Redb<FilePlace>,
    records: Vec<Record>,
    kept: Kept,
    state: Arc<State>,
}

impl Guard {
    pub(super) fn place(&self) -> Where {
        match self {
            Self::Show(place) | Self::Export { place, .. } | Self::Import { place, .. } | Self::Reset { place, .. } => {
                place.clone()
            }
        }
    }
}

/// Does what was typed.
pub(super) fn run(command: &Guard, config: &Config) -> Result<ExitCode, ExitCode> {
    let done = match command {
        Guard::Show(_) => open(config).map(|open| say(&page(&open))),
        Guard::Export { file, .. } => exchange::export(config, file),
        Guard::Import { file, .. } => exchange::import(config, file),
        Guard::Reset { sure: true, .. } => reset(config).map(|text| say(&text)),
        Guard::Reset { sure: false, .. } => Err(UNSURE.to_owned()),
    };
    done.map(|()| ExitCode::SUCCESS).map_err(|why| {
        complain(&plain(&why));
        ExitCode::FAILURE
    })
}

const UNSURE: &str = "an empty guard knows nothing of what was signed: a second validator client with your keys, or a \
                      protection database that is older than your last duty, would get you slashed. If exactly one \
                      validator client has your keys, and its own protection database is its latest: run `rangelight \
                      guard reset --yes-i-have-one-vc`";

fn locked(config: &Config) -> Result<(State, PathBuf), String> {
    let GuardStore::Redb(name) = &config.guard else {
        return Err("[guard] store is \"off\", so there are no records; set it to \"redb:guard.redb\"".to_owned());
    };
    let state = State::open(&config.state).map_err(|error| error.to_string())?;
    let path = state.path(name);
    Ok((state, path))
}

/// Opens the records, whole.
fn open(config: &Config) -> Result<Open, String> {
    let (state, path) = locked(config)?;
    let cure = |why: String| format!("{why}; bring it back from a backup, or see `rangelight guard reset`");
    let mut store = place::open(&state, &path).map_err(cure)?;
    let mut records = Vec::new();
    let kept = store.load(&mut |record| records.push(record)).map_err(|fault| cure(fault.to_string()))?;
    Ok(Open { store, records, kept, state: Arc::new(state) })
}

fn reset(config: &Config) -> Result<String, String> {
    let (state, path) = locked(config)?;
    let aside = place::reset(&state, &path)?;
    let old = aside.map_or_else(String::new, |aside| format!(" The old one is {}.", aside.display()));
    Ok(format!(
        "The guard in {} is empty now: the first message of each validator is its beginning.{old}",
        path.display()
    ))
}

/// What is known of one validator.
#[derive(Default)]
struct Line {
    blocks: usize,
    votes: usize,
    slot: Option<u64>,
    target: Option<(u64, u64)>,
}

fn page(open: &Open) -> String {
    let mut lines: BTreeMap<Validator, Line> = BTreeMap::new();
    for record in &open.records {
        let line = lines.entry(record.validator).or_default();
        let counted = usize::from(record.named != Named::Watermark);
        match record.deed {
            Deed::Block { slot } => {
                line.blocks += counted;
                line.slot = line.slot.max(Some(slot.0));
            }
            Deed::Vote { source, target } => {
                line.votes += counted;
                line.target = line.target.max(Some((target.0, source.0)));
            }
        }
    }
    let pubkeys: BTreeMap<Validator, Pubkey> = open.kept.pubkeys.iter().copied().collect();
    let mut table = Table::new(&["validator", "public key", "blocks", "last slot", "votes", "last source → target"]);
    for (validator, line) in &lines {
        table.row([
            validator.0.to_string(),
            pubkeys.get(validator).map(ToString::to_string).unwrap_or_default(),
            line.blocks.to_string(),
            line.slot.map(|slot| slot.to_string()).unwrap_or_default(),
            line.votes.to_string(),
            line.target.map(|(target, source)| format!("{source} → {target}")).unwrap_or_default(),
        ]);
    }
    let mut page = format!("{table}\n");
    let network = open.kept.network.map_or_else(|| "none yet".to_owned(), |root| root.to_string());
    // Writing to a String does not fail.
    let _ = writeln!(page, "network     {network}");
    let _ = writeln!(page, "validators  {}", lines.len());
    page
}
