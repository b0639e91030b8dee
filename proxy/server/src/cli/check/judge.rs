//! The judgement: what the visits mean together.
//!
//! Tiers are not reckoned here: the visits are told to the same [`Fleet`] that the running proxy uses, with the time
//! that it wants to see pass added to the moment, so that `check` and `run` cannot differ. What is added is the cure.
//!
//! Which network it is the own nodes say, or the configuration. A check without an own node (the configuration then
//! names the network) takes friends' words for genesis and spec, if they are of the named network.

use rangelight_policy::chain::Moment;
use rangelight_policy::family::ExecutionFamily;
use rangelight_policy::fleet::{Fleet, Signal};
use rangelight_policy::health::{Loss, NetworkStanding};
use rangelight_policy::network::{NetworkChoice, Told, Undefined, define};
use rangelight_policy::node::{NodeId, NodeState, Participation, Tier, Trust};

use super::visit::Visit;
use crate::config::NodeConfig;
use crate::nodes::network::{Network, standing};
use crate::nodes::profile;

/// A difference of clocks that is no rounding of `Date` any more.
const CLOCK_OFF_MS: u64 = 1_500;

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
pub(super) fn judge(nodes: &[NodeConfig], visits: &[Visit], choice: Option<NetworkChoice>, now: Moment) -> Judgement {
    let network = network(nodes, visits, choice, now);
    let standings: Vec<NetworkStanding> =
        visits.iter().map(|visit| compared(network.as_ref().ok(), visit, now)).collect();
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

fn network(
    nodes: &[NodeConfig],
    visits: &[Visit],
    choice: Option<NetworkChoice>,
    now: Moment,
) -> Result<Network, Undefined> {
    let alone = nodes.iter().all(|node| node.trust == Trust::Friend) && choice.is_some();
    let decides = |(node, _): &(&NodeConfig, &Visit)| node.trust == Trust::Own || alone;
    let told: Vec<Told<'_>> = nodes
        .iter()
        .zip(visits)
        .filter(decides)
        .filter_map(|(node, visit)| match (&visit.genesis, &visit.spec) {
            (Ok(genesis), Ok(spec)) => Some(Told { node: &node.name, genesis, spec }),
            _ => None,
        })
        .collect();
    define(choice, &told, now).map(Network::new)
}

fn compared(network: Option<&Network>, visit: &Visit, now: Moment) -> NetworkStanding {
    match (network, &visit.genesis, &visit.spec) {
        (Some(network), Ok(genesis), Ok(spec)) => {
            standing(&network.served.compare(genesis, spec, network.served.epoch(now)))
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
        NetworkStanding::Lacks { fork, epoch } => format!("not ready for {fork} at epoch {epoch}"),
        NetworkStanding::Foreign(_) => "foreign".to_owned(),
    }
}

/// The worst first: what keeps it from being used, then what will, then what makes it poorer.
fn problem(node: &NodeConfig, visit: &Visit, state: &NodeState, network_known: bool) -> Option<String> {
    if let Err(why) = &visit.syncing {
        return Some(unspoken(node, why));
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

/// It cannot be spoken to.
fn unspoken(node: &NodeConfig, why: &str) -> String {
    let url = &node.url;
    let cure = if why.starts_with("cannot be reached") {
        format!("start its beacon node with its HTTP API, or correct url ({url})")
    } else if why.contains("in time") {
        format!("it is starting, overloaded, or behind a firewall; look at it, or correct url ({url})")
    } else if why == "answered 401" || why == "answered 403" {
        "set its token_file, headers, or a user part in its url".to_owned()
    } else {
        format!("url ({url}) must be a beacon node's HTTP API, not an execution client's")
    };
    format!("{why}; {cure}")
}

fn void<T>(told: &Result<T, String>) -> Result<(), &String> {
    told.as_ref().map(drop)
}

#[cfg(test)]
pub(super) mod tests;
