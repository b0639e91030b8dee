//! What the fleet is told, and what it asks for in return.
//!
//! The server turns answers of probes, frames of event feeds and ends of exchanges into [`Signal`]s, and does what the
//! [`Effects`] say: publish the snapshot, send the events to subscribers in the order given, make the reads asked for,
//! log the notices. Nothing has to be answered: an ask whose answer never comes costs at most a little time, because
//! every decision that waits for one is made without it at a later tick.

use std::sync::Arc;

use crate::chain::{Checkpoint, Epoch, Moment, Root, Slot};
use crate::events::{Reorg, Topic};
use crate::family::{ConsensusFamily, ExecutionFamily};
use crate::health::{Exchange, Loss, NetworkStanding, Syncing};
use crate::node::{NodeId, Profile, Snapshot, Tier};
use crate::view::{Header, Schedule};

/// Something that was learnt. A signal of a node that is not configured (any more) changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The network is known, or the schedule of its forks grew. Until the first one there are no slots, so no view.
    Network(Schedule),
    /// The nodes as configured now, in configured order: new ones are added, missing ones forgotten, the others keep
    /// what is known of them. `consensus` and `execution` are the labels, `Unknown` where there is none.
    Configured(Vec<Arc<Profile>>),
    /// Its operator takes it out of reads, or back in.
    Cordoned {
        /// The node.
        node: NodeId,
        /// True = taken out.
        cordoned: bool,
    },
    /// It answered `GET /eth/v1/node/syncing`.
    Syncing {
        /// The node.
        from: NodeId,
        /// Its answer.
        said: Syncing,
    },
    /// It did not answer the syncing probe, or with something else.
    SyncingFailed {
        /// The node.
        from: NodeId,
        /// In what way.
        loss: Loss,
        /// For people; no secrets.
        reason: String,
    },
    /// Its families, by its version strings. A label in the configuration stands above them.
    Versions {
        /// The node.
        from: NodeId,
        /// Its consensus client.
        consensus: ConsensusFamily,
        /// Its execution client.
        execution: ExecutionFamily,
    },
    /// How its genesis and spec compare with ours. Told again at the epoch of a fork.
    Compared {
        /// The node.
        from: NodeId,
        /// The result.
        standing: NetworkStanding,
    },
    /// How many peers it is connected to.
    Peers {
        /// The node.
        from: NodeId,
        /// `connected` of `GET /eth/v1/node/peer_count`.
        connected: u64,
    },
    /// Its event stream stands.
    FeedConnected(NodeId),
    /// Its event stream ended.
    FeedLost(NodeId),
    /// Its event stream told something.
    Event {
        /// The node.
        from: NodeId,
        /// The topic.
        topic: Topic,
        /// The JSON as it came.
        json: String,
    },
    /// It answered a read of one header by root.
    Header {
        /// The node.
        from: NodeId,
        /// What it answered.
        header: Header,
    },
    /// It could not answer a read of one header by root.
    HeaderFailed {
        /// The node.
        from: NodeId,
        /// The root asked for.
        root: Root,
    },
    /// It answered `GET /eth/v1/beacon/headers/head`.
    HeadHeader {
        /// The node.
        from: NodeId,
        /// What it answered.
        header: Header,
    },
    /// An exchange with it ended, of whatever operation.
    Exchanged {
        /// The node.
        from: NodeId,
        /// How.
        exchange: Exchange,
    },
    /// An answer carried this `Date` header. It has whole seconds, rounded down.
    Dated {
        /// The node.
        from: NodeId,
        /// The date.
        date: Moment,
    },
    /// Its `finality_checkpoints`.
    Finality {
        /// The node.
        from: NodeId,
        /// The finalized one.
        finalized: Checkpoint,
    },
}

/// What follows from a signal or a tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// The new snapshot, if anything in it changed.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Events for every subscriber of their topic, in this order.
    pub events: Vec<(Topic, Arc<str>)>,
    /// Reads to make now.
    pub asks: Vec<Ask>,
    /// For logs, evidence and alarms.
    pub notices: Vec<Notice>,
}

/// A read to make now. Each is answered by the signal of the same name, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// `GET /eth/v1/beacon/headers/{root}`: [`Signal::Header`] or [`Signal::HeaderFailed`].
    Header {
        /// The node to ask.
        from: NodeId,
        /// The block.
        root: Root,
    },
    /// `GET /eth/v1/beacon/headers/head`: [`Signal::HeadHeader`], or nothing.
    HeadHeader {
        /// The node to ask.
        from: NodeId,
    },
    /// The syncing probe, before its time: [`Signal::Syncing`] or [`Signal::SyncingFailed`].
    Syncing {
        /// The node to ask.
        from: NodeId,
    },
}

/// Something an operator may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A node's tier changed.
    Tier {
        /// The node.
        node: NodeId,
        /// Before.
        was: Tier,
        /// Now.
        is: Tier,
        /// Why.
        reasons: Arc<[String]>,
    },
    /// Alarm: a node does not know a change to come, told once for each. From its epoch on the node would be behind.
    NotReady {
        /// The node.
        node: NodeId,
        /// What it lacks: `fork` and its name, or `blob limit`.
        change: String,
        /// The epoch it comes into force.
        epoch: Epoch,
    },
    /// The view moved.
    ViewMoved {
        /// The head told before, if any.
        was: Option<(Slot, Root)>,
        /// The head now.
        is: (Slot, Root),
        /// Whose word moved it.
        leader: NodeId,
    },
    /// The view left a branch.
    Reorged(Reorg),
    /// A node says a head that is on another branch than the view's, and the view does not follow it.
    Astray {
        /// The node.
        node: NodeId,
        /// Its head.
        head: (Slot, Root),
    },
    /// Alarm: nodes give other dependent roots for the same head; one of them computes duties wrongly.
    DependentRootsDiffer {
        /// The head.
        head: (Slot, Root),
        /// The node that differs from what was told.
        node: NodeId,
    },
    /// Alarm: two roots are said to be final for one epoch.
    FinalityDiffers {
        /// The node that differs.
        node: NodeId,
        /// What it says.
        says: Checkpoint,
        /// What others said.
        others: Root,
    },
    /// Alarm: own nodes agree that our clock is wrong by so much; slots are counted by theirs.
    ClockOff {
        /// Milliseconds to add to our clock.
        offset_ms: i64,
    },
    /// Our clock agrees with the own nodes' again.
    ClockRight,
    /// An event lacks what would make it known again, so it was dropped.
    Unreadable {
        /// The node.
        from: NodeId,
        /// The topic.
        topic: Topic,
    },
}
