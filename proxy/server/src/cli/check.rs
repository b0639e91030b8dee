//! `rangelight check`: what is configured, where each setting comes from, and what every node says.
//!
//! It needs no running proxy and changes nothing: the nodes are contacted directly, and of the state folder only the
//! kept network is read. All nodes are visited at once, so it ends within some ten seconds however many there are.
//!
//! Exit 0 if at least one node is usable, so that it can stand before a start in a script; 1 if none is, with the
//! cause; 2 if the configuration is wrong.

use std::process::ExitCode;
use std::time::Duration;

use futures_util::future::join_all;
use rangelight_policy::events::Topics;

use super::table::{Table, plain, software};
use super::{block_on, complain, say};
use crate::admin::status::NetworkStatus;
use crate::config::{Loaded, NetworkChoice, NodeConfig, Origin, Setting};
use crate::nodes::network::kept_in;
use crate::time;

use judge::{Before, Judgement, Verdict, judge};
use visit::Visit;

mod judge;
mod visit;

/// The columns of the table of nodes.
pub(super) const HEADINGS: &[&str] = &[
    "node",
    "tier",
    "network",
    "consensus",
    "execution",
    "head",
    "sync",
    "optimistic",
    "EL",
    "peers",
    "ms",
    "clock",
    "events",
    "SSZ",
];

/// Prints everything; the verdict is the exit code.
pub(super) fn run(loaded: &Loaded) -> Result<ExitCode, ExitCode> {
    match &loaded.file {
        Some(file) => say(&format!("configuration of {}\n", file.display())),
        None => say("configuration without a file\n"),
    }
    say(&format!("{}\n", settings(&loaded.effective)));
    for warning in &loaded.warnings {
        say(&format!("warning: {warning}\n"));
    }
    let config = &loaded.config;
    let choice = config.network.as_ref().map(NetworkChoice::policy).transpose().map_err(|unknown| {
        complain(&format!("network: {unknown}"));
        ExitCode::from(2)
    })?;
    let kept = kept_in(&config.state).unwrap_or_else(|error| {
        say(&format!("warning: what an earlier run kept is left out ({error}); run check as the user of Rangelight\n"));
        None
    });
    let visits = block_on(join_all(config.nodes.iter().map(Visit::pay)))?;
    let judgement = judge(&config.nodes, &visits, Before { choice, kept }, time::now());
    say(&page(&config.nodes, &visits, &judgement));
    match unusable(&config.nodes, &judgement) {
        None => Ok(ExitCode::SUCCESS),
        Some(why) => {
            complain(&why);
            Err(ExitCode::FAILURE)
        }
    }
}

/// What holds. Options that are absent because nobody said them are left out: they hold nothing.
fn settings(effective: &[Setting]) -> Table {
    let mut table = Table::new(&["setting", "value", "from"]);
    for setting in effective.iter().filter(|setting| !setting.value.is_empty() || setting.origin != Origin::Default) {
        table.row([setting.key.clone(), setting.value.clone(), setting.origin.to_string()]);
    }
    table
}

fn page(nodes: &[NodeConfig], visits: &[Visit], judgement: &Judgement) -> String {
    let mut table = Table::new(HEADINGS);
    for ((node, visit), verdict) in nodes.iter().zip(visits).zip(&judgement.verdicts) {
        table.row(cells(node, visit, verdict));
    }
    let network = match &judgement.network {
        Ok(network) => {
            let shown = NetworkStatus::of(&network.served, &network.clock, time::now());
            let name = shown.name.unwrap_or_else(|| shown.genesis_validators_root.to_string());
            match (shown.slot, shown.epoch) {
                (Some(slot), Some(epoch)) => format!("{name}, slot {slot}, epoch {epoch}"),
                _ => format!("{name}, before genesis"),
            }
        }
        Err(undefined) => undefined.to_string(),
    };
    let mut page = format!("network: {}\n\n{table}", plain(&network));
    for (node, verdict) in nodes.iter().zip(&judgement.verdicts) {
        if let Some(problem) = &verdict.problem {
            page.push_str(&format!("\n{}: {}", node.name, plain(problem)));
        }
    }
    let refused = |visit: &Visit| visit.events.clone().ok().filter(|refused| !refused.is_empty());
    for (node, refused) in nodes.iter().zip(visits).filter_map(|(node, visit)| Some((node, refused(visit)?))) {
        let names: Vec<&str> = refused.iter().map(|topic| topic.name()).collect();
        page.push_str(&format!("\n{} does not know the topics {}", node.name, names.join(", ")));
    }
    page
}

fn cells(node: &NodeConfig, visit: &Visit, verdict: &Verdict) -> [String; 14] {
    let profile = &verdict.state.profile;
    let versions = visit.versions.as_ref();
    let said = visit.syncing.as_ref().ok();
    // A node that does not say is not punished for it, but it is seen.
    let flag = |flag: Option<bool>, yes, no| match (said, flag) {
        (None, _) => String::new(),
        (_, Some(true)) => String::from(yes),
        (_, Some(false)) => String::from(no),
        (_, None) => "?".to_owned(),
    };
    [
        node.name.to_string(),
        verdict.state.tier.name().to_owned(),
        verdict.network.clone(),
        software(profile.consensus.name(), versions.map(|versions| versions.consensus_version.as_str())),
        software(profile.execution.name(), versions.map(|versions| versions.execution_version.as_str())),
        said.map(|said| said.head_slot.to_string()).unwrap_or_default(),
        said.map(|said| if said.is_syncing { format!("{} to go", said.sync_distance) } else { "synced".to_owned() })
            .unwrap_or_default(),
        flag(said.and_then(|said| said.is_optimistic), "yes", "no"),
        flag(said.and_then(|said| said.el_offline), "offline", "online"),
        visit.peers.map(|peers| peers.to_string()).unwrap_or_default(),
        visit.took.map(milliseconds).unwrap_or_default(),
        visit.clock_ms.map(clock).unwrap_or_default(),
        said.map(|_| events(&visit.events)).unwrap_or_default(),
        said.map(|_| ssz(&visit.ssz)).unwrap_or_default(),
    ]
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1}", took.as_secs_f64() * 1_000.0)
}

/// A `Date` has whole seconds, so less than one is no difference.
fn clock(off: i64) -> String {
    if off.unsigned_abs() <= 1_000 { "same".to_owned() } else { format!("{off:+} ms") }
}

fn events(refused: &Result<Topics, String>) -> String {
    match refused {
        Err(_) => "no".to_owned(),
        Ok(refused) if refused.is_empty() => "all".to_owned(),
        Ok(refused) => format!("all but {}", refused.len()),
    }
}

fn ssz(answer: &Result<bool, String>) -> String {
    match answer {
        Ok(true) => "yes",
        Ok(false) => "no",
        Err(_) => "?",
    }
    .to_owned()
}

/// Why no node can be used; `None` if one can.
fn unusable(nodes: &[NodeConfig], judgement: &Judgement) -> Option<String> {
    if judgement.verdicts.iter().any(|verdict| verdict.usable) {
        return None;
    }
    if let Err(undefined) = &judgement.network {
        return Some(format!("no node is usable: {}", plain(&undefined.to_string())));
    }
    let why = |(node, verdict): (&NodeConfig, &Verdict)| match verdict.state.tier.name() {
        "ready" => format!("{} is publish-only", node.name),
        tier => format!("{} is {tier}", node.name),
    };
    let why: Vec<String> = nodes.iter().zip(&judgement.verdicts).map(why).collect();
    Some(format!("no node is usable: {}; the lines above say what to do", why.join(", ")))
}

#[cfg(test)]
mod tests;
