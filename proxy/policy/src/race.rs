//! Races: one request asked of one or several nodes until there is an answer.
//!
//! A strategy is a state machine behind the [`Race`] trait: it says whom to ask and when to wake, is told what came
//! back, and ends with an [`Outcome`]. It holds no clock: `elapsed` is the time since the race began. The driver
//! (`dispatch.rs` of the server) is one loop over exchanges and a timer, and knows no strategy.
//!
//! Who is asked in which order is decided before the race, by [`plan`]; the race only decides when. Everything in a
//! race is bounded: a node is asked at most once, and every step asks for a wake-up no later than the deadline.

use std::time::Duration;

use crate::chain::{Root, Slot};
use crate::node::{NodeId, Tier, Trust};

pub mod agree;
pub mod best;
pub mod broadcast;
pub mod failover;
pub mod gather;
pub mod plan;
#[cfg(test)]
pub(crate) mod simulation;

pub use agree::Agree;
pub use best::Best;
pub use broadcast::Broadcast;
pub use failover::Failover;
pub use gather::Gather;

/// A strategy in progress.
///
/// The driver calls [`begin`](Race::begin) once, then [`observe`](Race::observe) for every event, until a step carries
/// an outcome. A node is sent to at most once per race; after an outcome nothing more is observed.
pub trait Race: Send {
    /// The first step.
    fn begin(&mut self) -> Step;

    /// What follows from an event that happened `elapsed` after the race began.
    fn observe(&mut self, event: Event, elapsed: Duration) -> Step;
}

/// What can happen to a race.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A node's exchange ended, or got as far as it can be judged.
    Answer {
        /// The node asked.
        from: NodeId,
        /// What its answer is worth.
        verdict: Verdict,
    },
    /// Something happened beside the race that may change whom to ask.
    Noted(Note),
    /// The timer asked for by [`Step::wake_at`] fired.
    Woke,
}

/// News from outside the race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The view moved to this head.
    ViewMoved(Slot, Root),
    /// A node became unusable while it was being asked.
    NodeLost(NodeId),
}

/// What one answer is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An answer that may be given to the caller.
    Good {
        /// What it votes for, where answers of several nodes are compared.
        vote: Vote,
        /// How good it is.
        score: Score,
    },
    /// A refusal that is true whichever node is asked (`400`, `404`, `414` …); needs an own node, and for 400 and 404
    /// two nodes where two are there.
    Final {
        /// The HTTP status of the refusal.
        status: u16,
    },
    /// No answer, a fault, or an answer that must not be used.
    Bad,
}

/// What an answer votes for. Answers that are not compared vote for nothing in particular, all alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vote {
    /// What independent families should agree on: a digest of source and target, a dependent root, a list's digest.
    pub pair: Root,
    /// The head that it stands on, where it names one.
    pub head: Root,
}

/// How good an answer is, larger is better; compared as a tuple, never a float.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score(pub [u64; 4]);

/// One node that may be asked, with what a race has to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The node.
    pub node: NodeId,
    /// Whose it is.
    pub trust: Trust,
    /// How usable it was when the plan was made. One that is away gets a single connection attempt.
    pub tier: Tier,
    /// So long after it was asked its answer is overdue.
    pub hedge_after: Duration,
    /// Asked only when every own node that was ready has failed or become unusable: a friend's whose word does not count
    /// while an own node is ready.
    pub reserve: bool,
    /// Why it stands where it stands, for the evidence.
    pub why: &'static str,
}

/// What the driver must do next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Nodes to send the request to now.
    pub send: Vec<NodeId>,
    /// When to wake the race, measured from its beginning; replaces the wake-up asked for before, `None` = no timer.
    pub wake_at: Option<Duration>,
    /// The end of the race.
    pub outcome: Option<Outcome>,
}

/// How a race ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is an answer for the caller.
    Reply {
        /// Which.
        answer: Answer,
        /// What becomes of the exchanges still running.
        losers: Losers,
    },
    /// Nobody could answer; the driver names every node with its reason.
    Exhausted {
        /// What becomes of the exchanges still running (a publication that missed its deadline still goes on).
        losers: Losers,
    },
}

/// The answer to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This node's answer, as it came.
    One(NodeId),
    /// An answer made from what these nodes said.
    Merged(Vec<NodeId>),
}

impl Verdict {
    /// An answer of this worth whose vote does not matter.
    #[must_use]
    pub fn good(score: Score) -> Self {
        Self::Good { vote: Vote::default(), score }
    }
}

/// What becomes of exchanges that are still running when the race ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Losers {
    /// They are dropped.
    Cancel,
    /// They run to their end: a publication must reach every node.
    Finish,
}
