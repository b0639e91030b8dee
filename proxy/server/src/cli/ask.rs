//! Commands that ask a running Rangelight: `status`, `node cordon`, `node uncordon`.
//!
//! What they print is made for eyes; programs read `/status` itself. The exit code is for scripts: `status` fails if no
//! duty could be done now, `node cordon` if the node had better not be stopped, so that
//! `rangelight node cordon attic && systemctl stop beacon` does the right thing.

use std::fmt::Write as _;
use std::process::ExitCode;

use http::Method;
use rangelight_policy::chain::Slot;

use super::table::{Table, plain, software};
use super::{block_on, complain, say};
use crate::admin::status::{GuardStatus, Maintenance, NodeStatus, SignerStatus, Status, ViewStatus};
use crate::config::AdminConfig;

use door::Door;

mod door;

/// Validators of one caller that are named.
const SHOWN: usize = 16;
/// The columns of `status`.
pub(super) const HEADINGS: &[&str] =
    &["node", "trust", "tier", "consensus", "execution", "head", "lag", "in view", "marks", "reason"];

/// The most characters of a node's reasons in the table. A node of another network has some for each value that differs.
const LONGEST_REASON: usize = 400;

/// Prints the nodes as the running proxy sees them.
///
/// The error is the exit code when nothing could be asked.
pub(super) fn status(admin: &AdminConfig) -> Result<ExitCode, ExitCode> {
    let door = Door::new(admin).map_err(|why| failed(&why))?;
    let status: Status = block_on(door.ask(Method::GET, "/status"))?.map_err(|why| failed(&why))?;
    say(&page(&status));
    if !ready(&status) {
        complain("no node is ready: duties cannot be done now; cure what the table says of your own nodes first");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes a node out of reads or lets it in again, and prints whether it may be stopped.
///
/// The error is the exit code when nothing could be asked.
pub(super) fn cordon(admin: &AdminConfig, name: &str, cordoned: bool) -> Result<ExitCode, ExitCode> {
    let door = Door::new(admin).map_err(|why| failed(&why))?;
    let told = block_on(async {
        // Asked first, so that only a name that is there becomes part of a path.
        let status: Status = door.ask(Method::GET, "/status").await?;
        if !status.nodes.iter().any(|node| node.name == name) {
            let names: Vec<&str> = status.nodes.iter().map(|node| node.name.as_str()).collect();
            return Err(format!("no node is called {name:?}; the nodes are {}", names.join(", ")));
        }
        let verb = if cordoned { "cordon" } else { "uncordon" };
        let told = door.ask::<Maintenance>(Method::POST, &format!("/nodes/{name}/{verb}")).await?;
        Ok((told, status.mode))
    })?;
    let (told, mode) = told.map_err(|why| failed(&why))?;
    say(&maintained(&told, &mode));
    Ok(if cordoned && !told.safe { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn failed(why: &str) -> ExitCode {
    complain(&plain(why));
    ExitCode::FAILURE
}

fn ready(status: &Status) -> bool {
    status.nodes.iter().any(|node| node.tier == "ready" && node.participation != "publish-only")
}

fn maintained(told: &Maintenance, mode: &str) -> String {
    let Maintenance { node, safe, why } = told;
    if !node.cordoned {
        return format!("{} takes part again; it is {} now.", node.name, node.tier);
    }
    let verdict = if *safe { "It is safe to stop it now" } else { "It is NOT safe to stop it now" };
    // What holds in the other modes stands in the reason.
    let meaning = match mode {
        "guarded" => ": it is read from only if nothing else is ready, and still receives every signed message",
        _ => "",
    };
    format!("{} is cordoned{meaning}.\n{verdict}: {}.", node.name, plain(why))
}

fn page(status: &Status) -> String {
    let mut table = Table::new(HEADINGS);
    for node in &status.nodes {
        table.row([
            node.name.clone(),
            trust(node),
            node.tier.clone(),
            software(&node.consensus.family, node.consensus.version.as_deref()),
            software(&node.execution.family, node.execution.version.as_deref()),
            node.head.as_ref().map(|head| head.slot.to_string()).unwrap_or_default(),
            lag(node, status.view.as_ref()),
            if node.in_view { "yes" } else { "no" }.to_owned(),
            marks(node),
            reason(node),
        ]);
    }
    let mut page = format!("{table}\n");
    // Writing to a String does not fail.
    let _ = writeln!(page, "view     {}", view(status.view.as_ref()));
    let _ = writeln!(page, "network  {}", network(status));
    let _ = writeln!(page, "mode     {}", plain(&status.mode));
    let _ = writeln!(page, "guard    {}", guard(&status.guard));
    let Status { callers, subscribers, publications_in_flight, .. } = status;
    let (callers, streams) = (many(*callers, "caller"), many(*subscribers, "event stream"));
    let publications = many(*publications_in_flight, "publication");
    let _ = writeln!(page, "load     {callers}, {streams}, {publications} in flight");
    if status.clock_offset_ms != 0 {
        let _ = writeln!(page, "clock    off by {} ms, as own nodes agree; set it by NTP", status.clock_offset_ms);
    }
    page
}

/// A number with its noun.
fn many(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Everything that is wrong, as far as a line takes it; `/status` has the rest.
fn reason(node: &NodeStatus) -> String {
    let all = node.reasons.join("; ");
    if all.chars().count() <= LONGEST_REASON {
        return all;
    }
    format!("{} …", all.chars().take(LONGEST_REASON).collect::<String>())
}

fn trust(node: &NodeStatus) -> String {
    let mut words = match &node.operator {
        Some(operator) => format!("{} {operator}", node.trust),
        None => node.trust.clone(),
    };
    if node.participation != "full" {
        words = format!("{words}, {}", node.participation);
    }
    words
}

/// Slots behind the view; below zero if the node is ahead of it.
fn lag(node: &NodeStatus, view: Option<&ViewStatus>) -> String {
    let (Some(head), Some(view)) = (&node.head, view) else { return String::new() };
    let number = |slot: Slot| i128::from(slot.0);
    (number(view.slot) - number(head.slot)).to_string()
}

fn marks(node: &NodeStatus) -> String {
    let marks = [(node.cordoned, "cordoned"), (node.doubtful, "doubtful")];
    marks.into_iter().filter(|(set, _)| *set).map(|(_, mark)| mark).collect::<Vec<_>>().join(", ")
}

fn view(view: Option<&ViewStatus>) -> String {
    let Some(view) = view else { return "no head was told yet".to_owned() };
    let leader = view.leader.as_deref().map(|leader| format!(", led by {leader}")).unwrap_or_default();
    format!("slot {}, root {}{leader}", view.slot, view.root)
}

/// The guard, and whose validators who signs for; a long list is cut.
fn guard(status: &GuardStatus) -> String {
    let why = status.why.as_deref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
    let mut text = format!("{}{why}, {} validators", plain(&status.condition), status.validators);
    for SignerStatus { caller, last_slot, validators } in &status.signers {
        let shown = validators.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = validators.len().saturating_sub(SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let _ = write!(text, "\n         signed last by {}, slot {last_slot}: {}{more}", plain(caller), plain(&shown));
    }
    text
}

fn network(status: &Status) -> String {
    let Some(network) = &status.network else { return "not known yet: no own node has told it".to_owned() };
    let name = network.name.as_deref().map_or_else(|| network.genesis_validators_root.to_string(), plain);
    match (network.slot, network.epoch) {
        (Some(slot), Some(epoch)) => format!("{name}, slot {slot}, epoch {epoch}"),
        _ => format!("{name}, before genesis"),
    }
}

#[cfg(test)]
mod tests;
