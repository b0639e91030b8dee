//! The judgement: what the visits mean together.
//!
//! Tiers are not reckoned here: the visits are told to the same [`Fleet`] that the running proxy uses, with the time
//! that it wants to see pass added to the moment, so that `check` and `run` cannot differ. What is added is the cure.
//!
//! Which network it is, the configuration says, else what an earlier run kept, else the own nodes: told to the same
//! [`Chart`] that the running proxy uses. A check without an own node (the configuration then names the network) takes
//! friends' words for genesis and spec, if they are of the named network. Where the configuration names a network that
//! nobody could describe, a node whose genesis is another is foreign all the same.

use rangelight_policy::chain::Moment;
use rangelight_policy::family::ExecutionFamily;
use rangelight_policy::fleet::{Fleet, Signal};
use rangelight_policy::health::{Loss, NetworkStanding};
use rangelight_policy::network::{NetworkChoice, Served, Told, Undefined, define};
use rangelight_policy::node::{NodeId, NodeState, Participation, Tier, Trust};

use super::visit::Visit;
use crate::config::NodeConfig;
use crate::nodes::cure::unspoken;
use crate::nodes::network::{Chart, Network, Unsettled, WAIT_FOR_OWN, standing};
use crate::nodes::profile;

/// A difference of clocks that is no rounding of `Date` any more.
const CLOCK_OFF_MS: u64 = 1_500;

/// What is known of the network before any visit.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    /// What the configuration says.
    pub(super) choice: Option<NetworkChoice>,
    /// What an earlier run kept.
    pub(super) kept: Option<Served>,
}

/// What comes of all visits.
#[derive(Debug)]
pub(super) struct Judgement {
    /// The network, or why there is none.
    pub(super) network: Result<Network, Undefined>,
    /// One verdict for each node, in configured order.
    pub(super) verdicts: Vec<Verdict>,
}

/// What comes of one visit.
#[derive(Debug)]
pub(super) struct Verdict {
    /// The node as the fleet sees it.
    pub(super) state: NodeState,
    /// How its network compares: `same`, `foreign`, `not ready for …`, `?`.
    pub(super) network: String,
    /// Duties could be done with this node now.
    pub(super) usable: bool,
    /// The worst that is wrong, with its cure; `None` if nothing is.
    pub(super) problem: Option<String>,
}

/// Judges visits, one for each node, made at this moment.
pub(super) fn judge(nodes: &[NodeConfig], visits: &[Visit], before: Before, now: Moment) -> Judgement {
    let choice = before.choice;
    let network = network(nodes, visits, before, now);
    let standings: Vec<NetworkStanding> =
        visits.iter().map(|visit| compared(network.as_ref().ok(), choice, visit, now)).collect();
    let mut fleet = Fleet::new();
    if let Ok(network) = &network {
        fleet.observe(Signal::Network(network.schedule()), now);
    }
    let ids = || (0..).map(NodeId);
    let profiles = ids().zip(nodes).map(|(id, node)| profile(id, node).into()).collect();
    fleet.observe(Signal::Configured(profiles), now);
    for ((from, visit), standing) in ids().zip(visits).zip(&standings) {
        for signal in signals(from, visit, standing) {
            fleet.observe(signal, now);
        }
    }
    // A head counts as the chain's height once a node has had it for a third of a slot.
    let slot_ms = network.as_ref().map_or(0, |network| network.clock.slot_ms);
    fleet.tick(now);
    fleet.tick(now.plus(slot_ms / 2));
    let snapshot = fleet.snapshot();
    let verdicts = snapshot.nodes.iter().zip(nodes).zip(visits).zip(standings);
    let verdicts = verdicts.map(|(((state, node), visit), standing)| {
        let known = network.is_ok();
        Verdict {
            network: network_word(&standing),
            usable: state.tier == Tier::Ready && node.participation != Participation::PublishOnly,
            problem: problem(node, visit, state, known),
            state: state.clone(),
        }
    });
    let verdicts = verdicts.collect();
    Judgement { network, verdicts }
}

fn network(nodes: &[NodeConfig], visits: &[Visit], before: Before, now: Moment) -> Result<Network, Undefined> {
    let ids = || (0..).map(NodeId);
    let own = |node: &NodeConfig| node.trust == Trust::Own;
    let mut chart = Chart::resumed(before.choice, before.kept);
    let all: Vec<NodeId> = ids().take(nodes.len()).collect();
    chart.configured(ids().zip(nodes).filter(|(_, node)| own(node)).map(|(id, _)| id).collect(), &all);
    let mut told: Vec<Told<'_>> = Vec::new();
    for ((id, node), visit) in ids().zip(nodes).zip(visits) {
        let (Ok(genesis), Ok(spec)) = (&visit.genesis, &visit.spec) else { continue };
        chart.heard(id, &node.name, genesis.clone(), spec.clone(), now);
        if own(node) {
            told.push(Told { node: &node.name, genesis, spec });
        }
    }
    // Who has not spoken by now will not: the wait for the other own nodes is over.
    chart.settle(&[], now.plus(WAIT_FOR_OWN)).map_err(|Unsettled(undefined)| undefined)?;
    match chart.network() {
        Some(network) => Ok(Network::clone(network)),
        None => define(before.choice, &told, now).map(Network::new),
    }
}

fn compared(network: Option<&Network>, choice: Option<NetworkChoice>, visit: &Visit, now: Moment) -> NetworkStanding {
    let Ok(genesis) = &visit.genesis else { return NetworkStanding::Unknown };
    match (network, choice, &visit.spec) {
        (Some(network), _, Ok(spec)) => standing(&network.served.compare(genesis, spec, network.served.epoch(now))),
        (None, Some(NetworkChoice(ours)), _) if genesis.validators_root != ours => {
            let its = genesis.validators_root;
            NetworkStanding::Foreign(vec![format!("genesis_validators_root: ours {ours}, its {its}")])
        }
        _ => NetworkStanding::Unknown,
    }
}

fn signals(from: NodeId, visit: &Visit, standing: &NetworkStanding) -> Vec<Signal> {
    let mut signals = Vec::new();
    if let Some(versions) = &visit.versions {
        signals.push(Signal::Versions { from, consensus: versions.consensus, execution: versions.execution });
    }
    if *standing != NetworkStanding::Unknown {
        signals.push(Signal::Compared { from, standing: standing.clone() });
    }
    if let Some(connected) = visit.peers {
        signals.push(Signal::Peers { from, connected });
    }
    signals.push(match &visit.syncing {
        Ok(said) => Signal::Syncing { from, said: *said },
        Err(reason) => Signal::SyncingFailed { from, loss: Loss::Refused, reason: reason.clone() },
    });
    signals
}

fn network_word(standing: &NetworkStanding) -> String {
    match standing {
        NetworkStanding::Unknown => "?".to_owned(),
        NetworkStanding::Same => "same".to_owned(),
        NetworkStanding::Lacks { change, epoch, also } => {
            let more = if also.is_empty() { String::new() } else { format!(" and {} more", also.len()) };
            format!("not ready for {change} at epoch {epoch}{more}")
        }
        NetworkStanding::Foreign(_) => "foreign".to_owned(),
    }
}

/// The worst first: what keeps it from being used, then what will, then what makes it poorer.
fn problem(node: &NodeConfig, visit: &Visit, state: &NodeState, network_known: bool) -> Option<String> {
    if let Err(why) = &visit.syncing {
        return Some(format!("{why}; {}", unspoken(&node.url, why)));
    }
    if let (Err(why), _) | (_, Err(why)) = (void(&visit.genesis), void(&visit.spec)) {
        return Some(format!("does not tell which network it is on (genesis or spec: {why}); look at its log"));
    }
    let said = state.reasons.join("; ");
    let cure = match state.tier {
        Tier::Foreign => "point its url at a node of your network, or set `network` if this one is right",
        Tier::Syncing => "wait until it is synced",
        Tier::Optimistic => "start its execution client and look whether the two share one JWT secret",
        Tier::Behind => "upgrade it if it lacks a fork, else look at its log and its peers",
        // Without a network there is one cause for all, which is said once.
        Tier::Away if !network_known => return None,
        Tier::Away => "look at its log",
        Tier::Ready if said.is_empty() => return poorer(visit, state),
        Tier::Ready if state.doubtful => "look at its log, its peers and its ports",
        Tier::Ready => "upgrade it in time",
    };
    Some(format!("{said}; {cure}"))
}

/// What does not keep a node from being used.
fn poorer(visit: &Visit, state: &NodeState) -> Option<String> {
    if let Err(why) = &visit.events {
        return Some(format!(
            "its event stream does not open ({why}), so its heads are known late; let /eth/v1/events through"
        ));
    }
    if let Some(off) = visit.clock_ms.filter(|off| off.unsigned_abs() > CLOCK_OFF_MS) {
        return Some(format!("its clock and this machine's differ by {off} ms; set both by NTP"));
    }
    (state.profile.execution == ExecutionFamily::Unknown)
        .then(|| "does not tell its execution client; add execution = \"geth\" (or whichever it is) to it".to_owned())
}

fn void<T>(told: &Result<T, String>) -> Result<(), &String> {
    told.as_ref().map(drop)
}

#[cfg(test)]
pub(super) mod tests;
