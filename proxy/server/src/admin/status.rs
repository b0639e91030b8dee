//! The status: what `/status` says, in one shape that the command line, the dashboard and tests read.
//!
//! The shape is a promise: fields are added, never renamed or removed, and every field is always there (`null` where
//! nothing is known), so that a reader needs no second way. Enumerations are the words used everywhere else; a reader
//! must expect words that it does not know. Slots and epochs are decimal strings, as in the Beacon API.
//!
//! Nothing in it is secret: a node's URL has lost its user part and what looks like a key. Versions and reasons come
//! from nodes, and are bounded and free of control characters where they enter.

use std::collections::BTreeMap;
use std::sync::Arc;

use rangelight_policy::chain::{Clock, Epoch, Moment, Root, Slot};
use rangelight_policy::family::Versions;
use rangelight_policy::network::{KNOWN, Served};
use rangelight_policy::node::{NodeId, NodeState, Participation, Snapshot, Tier, Trust, ViewState};
use rangelight_policy::race::plan::Mode;
use serde::{Deserialize, Serialize};

use crate::guard::{Condition, Guard};

/// Everything that is known of a running Rangelight.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Status {
    /// Rangelight's own version.
    pub version: String,
    /// When it was started, in milliseconds since the Unix epoch.
    pub started_at_ms: Moment,
    /// How far the rules go: `guarded`, `pass-through` or `observe`.
    pub mode: String,
    /// The network, once known.
    pub network: Option<NetworkStatus>,
    /// The head that was last told to the VC; `None` until there was one.
    pub view: Option<ViewStatus>,
    /// The slashing guard.
    pub guard: GuardStatus,
    /// Every configured node, in configured order.
    pub nodes: Vec<NodeStatus>,
    /// Open event streams.
    pub subscribers: usize,
    /// Publications that are on their way to nodes.
    pub publications_in_flight: usize,
    /// Milliseconds added to this machine's clock, as own nodes agree; 0 as long as it seems right.
    pub clock_offset_ms: i64,
    /// Callers with a request or an event stream in flight.
    pub callers: usize,
}

/// The network.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct NetworkStatus {
    /// Its name, if it is a known one or its spec tells one.
    pub name: Option<String>,
    /// Its identity.
    pub genesis_validators_root: Root,
    /// The slot by the corrected clock; `None` before genesis.
    pub slot: Option<Slot>,
    /// The epoch of that slot.
    pub epoch: Option<Epoch>,
}

/// The view.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ViewStatus {
    /// Slot of the head.
    pub slot: Slot,
    /// Root of the head.
    pub root: Root,
    /// The node whose word moved the view here; `None` once it is no longer configured.
    pub leader: Option<String>,
    /// The nodes that said the same root, in configured order.
    pub members: Vec<String>,
}

/// The slashing guard.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct GuardStatus {
    /// `on`, `from-memory`, `refuses` or `off`.
    pub condition: String,
    /// Why it decides from memory or refuses.
    pub why: Option<String>,
    /// Validators of whom it knows anything.
    pub validators: usize,
    /// Who signed for whom last since the start, by caller.
    pub signers: Vec<SignerStatus>,
}

/// A caller, and the validators whose last message he sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SignerStatus {
    /// The caller's address and what he calls himself.
    pub caller: String,
    /// The slot in which the latest of these messages came.
    pub last_slot: Slot,
    /// The validators, by index.
    pub validators: Vec<String>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct NodeStatus {
    /// Its configured name.
    pub name: String,
    /// Its URL, without anything secret.
    pub url: String,
    /// `own` or `friend`.
    pub trust: String,
    /// `full`, `standby` or `publish-only`.
    pub participation: String,
    /// Who runs a friend's node.
    pub operator: Option<String>,
    /// How usable it is: `ready`, `behind`, `optimistic`, `syncing`, `away` or `foreign`.
    pub tier: String,
    /// Why it has this tier or is doubtful.
    pub reasons: Vec<String>,
    /// Taken out of reads by its operator; still receives publications.
    pub cordoned: bool,
    /// Asked later than others of its tier.
    pub doubtful: bool,
    /// Its beacon node.
    pub consensus: SoftwareStatus,
    /// Its execution client.
    pub execution: SoftwareStatus,
    /// Its head as last heard.
    pub head: Option<HeadStatus>,
    /// Whether its head is the view's.
    pub in_view: bool,
    /// After so many milliseconds without its answer another node is asked too.
    pub hedge_after_ms: u64,
}

/// One program of a node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SoftwareStatus {
    /// Its family by label, else as it told; `unknown` if neither says.
    pub family: String,
    /// Its version as it told.
    pub version: Option<String>,
}

/// A head.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct HeadStatus {
    /// Its slot.
    pub slot: Slot,
    /// Its root.
    pub root: Root,
}

/// What `/health` says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Health {
    /// Whether a node is ready, so that duties can be done.
    pub ready: bool,
    /// If not: why, one entry for each node.
    pub reasons: Vec<String>,
}

/// What a cordon or uncordon says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Maintenance {
    /// The node as it stands now.
    pub node: NodeStatus,
    /// Whether no duty is lost if it stops now.
    pub safe: bool,
    /// Who is ready meanwhile, or what to do first.
    pub why: String,
}

impl NetworkStatus {
    /// The network at a moment of the corrected clock.
    #[must_use]
    pub fn of(served: &Served, clock: &Clock, now: Moment) -> Self {
        let root = served.genesis.validators_root;
        let known = KNOWN.iter().find(|known| known.root.parse() == Ok(root)).map(|known| known.name.to_owned());
        let told = || served.spec.text("CONFIG_NAME").map(|name| plain(&name)).filter(|name| !name.is_empty());
        let slot = clock.slot(now);
        Self {
            name: known.or_else(told),
            genesis_validators_root: root,
            slot,
            epoch: slot.map(|slot| clock.epoch(slot)),
        }
    }
}

impl GuardStatus {
    /// The guard now.
    #[must_use]
    pub fn of(guard: &Guard) -> Self {
        let (condition, why) = match guard.condition() {
            Condition::Off => ("off", None),
            Condition::On => ("on", None),
            Condition::FromMemory(why) => ("from-memory", Some(plain(&why))),
            Condition::Refuses(why) => ("refuses", Some(plain(&why))),
        };
        let mut signers: BTreeMap<Arc<str>, SignerStatus> = BTreeMap::new();
        for signer in guard.last_signers() {
            let status = signers.entry(Arc::clone(&signer.caller)).or_insert_with(|| SignerStatus {
                caller: signer.caller.to_string(),
                last_slot: signer.at,
                validators: Vec::new(),
            });
            status.last_slot = status.last_slot.max(signer.at);
            status.validators.push(signer.validator.0.to_string());
        }
        Self {
            condition: condition.to_owned(),
            why,
            validators: guard.validators(),
            signers: signers.into_values().collect(),
        }
    }
}

impl ViewStatus {
    /// The view, with the nodes' names.
    #[must_use]
    pub fn of(view: &ViewState, snapshot: &Snapshot) -> Self {
        let name = |state: &NodeState| state.profile.name.to_string();
        let members = snapshot.nodes.iter().filter(|state| view.members.contains(&state.profile.id));
        Self {
            slot: view.slot,
            root: view.root,
            leader: snapshot.node(view.leader).map(name),
            members: members.map(name).collect(),
        }
    }
}

impl NodeStatus {
    /// One node, as the snapshot has it, with what it told of its versions.
    #[must_use]
    pub fn of(state: &NodeState, url: String, versions: Option<&Versions>, view: Option<&ViewState>) -> Self {
        let profile = &state.profile;
        let told = |version: fn(&Versions) -> &String| versions.map(version).filter(|it| !it.is_empty()).cloned();
        Self {
            name: profile.name.to_string(),
            url,
            trust: profile.trust.name().to_owned(),
            participation: profile.participation.name().to_owned(),
            operator: profile.operator.as_deref().map(str::to_owned),
            tier: state.tier.name().to_owned(),
            reasons: state.reasons.iter().map(|reason| plain(reason)).collect(),
            cordoned: state.cordoned,
            doubtful: state.doubtful,
            consensus: SoftwareStatus {
                family: profile.consensus.name().to_owned(),
                version: told(|versions| &versions.consensus_version),
            },
            execution: SoftwareStatus {
                family: profile.execution.name().to_owned(),
                version: told(|versions| &versions.execution_version),
            },
            head: state.head.map(|(slot, root)| HeadStatus { slot, root }),
            in_view: view.is_some_and(|view| view.members.contains(&profile.id)),
            hedge_after_ms: state.hedge_after_ms,
        }
    }
}

impl Health {
    /// What the snapshot says of it.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        if snapshot.is_ready() {
            return Self { ready: true, reasons: Vec::new() };
        }
        let why = |state: &NodeState| {
            let reason = state.reasons.first().map_or_else(|| state.tier.name().to_owned(), |reason| plain(reason));
            format!("{}: {reason}", state.profile.name)
        };
        let mut reasons: Vec<String> = snapshot.nodes.iter().map(why).collect();
        if reasons.is_empty() {
            reasons.push("no node has been taken up yet".to_owned());
        }
        Self { ready: false, reasons }
    }
}

impl Maintenance {
    /// A node after it was cordoned or let in again.
    ///
    /// What the mode does otherwise than guarded mode stands behind the reason: the reader must not believe that reads
    /// have moved when they have not, or have moved to a node that does duties well when nobody looked.
    #[must_use]
    pub fn of(id: NodeId, node: NodeStatus, snapshot: &Snapshot, mode: Mode) -> Self {
        let spare = snapshot.safe_without(id);
        let (mut why, mut safe) = (plain(&spare.to_string()), spare.is_safe());
        if let Some(caveat) = Caveat::of(id, snapshot, mode).filter(|_| node.cordoned) {
            why = format!("{why}; {}", caveat.words);
            safe &= caveat.safe;
        }
        Self { node, safe, why }
    }
}

/// What a cordon does not do in a mode.
struct Caveat {
    words: String,
    /// Whether a node that can be spared still can.
    safe: bool,
}

impl Caveat {
    fn of(id: NodeId, snapshot: &Snapshot, mode: Mode) -> Option<Self> {
        let reads = |state: &&NodeState| state.profile.participation != Participation::PublishOnly;
        match mode {
            Mode::Guarded => None,
            Mode::Observe => {
                let own = |state: &&NodeState| state.profile.trust == Trust::Own;
                let first = snapshot.nodes.iter().filter(reads).find(own)?;
                let words = "in observe mode the first own node is read from first, cordoned or not; the others answer \
                             once it fails";
                (first.profile.id == id).then(|| Self { words: words.to_owned(), safe: true })
            }
            // Tiers mean nothing there, only whether a node is away.
            Mode::PassThrough => {
                let asked = |state: &&NodeState| {
                    state.profile.id != id && !state.cordoned && !matches!(state.tier, Tier::Away | Tier::Foreign)
                };
                let others = || snapshot.nodes.iter().filter(reads).filter(asked);
                let full = |state: &&NodeState| state.profile.participation == Participation::Full;
                let next = others().find(full).or_else(|| others().next())?;
                let (name, tier) = (&next.profile.name, next.tier.name());
                let words =
                    format!("in pass-through mode requests and signed messages go to {name} next, which is {tier}");
                Some(Self { words, safe: next.tier == Tier::Ready })
            }
        }
    }
}

/// The configuration's word for a mode.
#[must_use]
pub fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Guarded => "guarded",
        Mode::Observe => "observe",
        Mode::PassThrough => "pass-through",
    }
}

/// Words of a node, fit to be shown on a terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).take(400).collect()
}

#[cfg(test)]
mod tests;
