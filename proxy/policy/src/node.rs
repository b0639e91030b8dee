//! What is said of a node: its identity, its trust, its share in the work, and the snapshot others decide by.
//!
//! A node is one configured EC/BN pair, reached through its beacon node's API. The snapshot is immutable; a new one
//! replaces it whole whenever something changed, so a request decides by one consistent picture from start to end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::chain::{Moment, Root, Slot};
use crate::family::{ConsensusFamily, ExecutionFamily};

mod spare;

pub use spare::Spare;

/// A node's number. Stable for as long as the node stays configured under its name; never reused in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

/// Whose node it is. Own nodes decide; friends' nodes help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// The staker's own node.
    Own,
    /// Another staker's node.
    Friend,
}

/// How much of the work a node takes. Every one of them receives publications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Participation {
    /// Reads, publications, standing submissions.
    Full,
    /// Asked only when every better node is unusable; gets the standing submissions when that happens.
    Standby,
    /// Signed messages only: no reads, no subscriptions, no preparations (custody groups do not grow).
    PublishOnly,
}

/// How usable a node is, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Synced, on the network, head near the best, not optimistic, EL not offline.
    Ready,
    /// Synced by its own word, but its head lags, or its fork schedule is older than the chain's.
    Behind,
    /// Its head is not verified by its execution client, or that client is offline.
    Optimistic,
    /// It says it is syncing.
    Syncing,
    /// It does not answer.
    Away,
    /// It serves another network. Never asked.
    Foreign,
}

/// What the configuration says of a node, with the families as labelled or learnt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its number.
    pub id: NodeId,
    /// Its configured name, unique.
    pub name: Arc<str>,
    /// Whose it is.
    pub trust: Trust,
    /// What it may be asked.
    pub participation: Participation,
    /// Who runs a friend's node; friends without it count as one operator.
    pub operator: Option<Arc<str>>,
    /// Consensus family by label, else by version string.
    pub consensus: ConsensusFamily,
    /// Execution family by label, else by version v2.
    pub execution: ExecutionFamily,
}

/// One node as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeState {
    /// Who it is.
    pub profile: Arc<Profile>,
    /// How usable it is.
    pub tier: Tier,
    /// Its network was compared with ours. A friend's node is asked nothing before.
    pub compared: bool,
    /// Taken out of reads by its operator; still receives publications.
    pub cordoned: bool,
    /// Demoted by hysteresis, slowness or wrong votes: asked later, never refused.
    pub doubtful: bool,
    /// Its head as last heard, if any.
    pub head: Option<(Slot, Root)>,
    /// A clamped high quantile of its answer times, in milliseconds: after so long without an answer, ask another too.
    pub hedge_after_ms: u64,
    /// Why it has this tier, in words an operator can act on; empty when ready.
    pub reasons: Arc<[String]>,
}

/// The head that was last told to the VC, and who agrees with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewState {
    /// Slot of the head.
    pub slot: Slot,
    /// Root of the head.
    pub root: Root,
    /// The node whose word moved the view here.
    pub leader: NodeId,
    /// The nodes that said the same root.
    pub members: BTreeSet<NodeId>,
    /// What the duties of the head's epoch and of the next depend on, as it was told with the head.
    pub dependent: Option<(Root, Root)>,
}

/// A head that some node has and that is not the view's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Slot of the head.
    pub slot: Slot,
    /// How it stands to the view's.
    pub stand: Stand,
}

/// How a head stands to the view's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It stands on top of it.
    Ahead,
    /// It is one that the view's stands on: whoever has it is late, or stuck.
    Late,
    /// It is on another branch.
    Apart {
        /// Since when there are two branches: the slot of the later of their first blocks.
        parted: Slot,
    },
    /// It was told just now, and what it stands on is being asked.
    Settling,
    /// Nobody could tell.
    Unknown,
}

/// All nodes at one moment; replaced whole, never changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When it was made.
    pub at: Moment,
    /// Every configured node, in configured order.
    pub nodes: Vec<NodeState>,
    /// The view; `None` until a head was told.
    pub view: Option<ViewState>,
    /// Every head that a node has and that is not the view's. Empty while all agree, or while there is no view.
    pub branches: BTreeMap<Root, Branch>,
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Trust {
    /// The word used in configuration, pages and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Friend => "friend",
        }
    }
}

impl Participation {
    /// The word used in configuration, pages and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Standby => "standby",
            Self::PublishOnly => "publish-only",
        }
    }
}

impl Tier {
    /// The word used in pages, metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Behind => "behind",
            Self::Optimistic => "optimistic",
            Self::Syncing => "syncing",
            Self::Away => "away",
            Self::Foreign => "foreign",
        }
    }
}

impl Snapshot {
    /// The state of one node; `None` once it is no longer configured.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&NodeState> {
        self.nodes.iter().find(|node| node.profile.id == id)
    }
}
