//! What several nodes said, as one answer.
//!
//! The lattice of a publication: 200, then 202 (sent on, not imported), then a refusal of the message, then "I cannot
//! do this" (a route or an encoding that a node lacks: its trouble, not the caller's), then faults, then silence. Any
//! success is success, since the message is out. Where nobody accepted, the caller must not be told more than is
//! known: a node that may have taken the message but did not say so makes the outcome unknown, and a 400 beside it
//! would make a validator client believe that nothing was sent.
//!
//! The same serves a read that nobody could answer: what all say is true enough to be passed on (a route that no node
//! has is a 404, not our fault), else it is a 503 that names every node.

use crate::catalogue::{Row, Strategy};

pub mod items;
pub mod layout;
mod refusal;
#[cfg(test)]
mod tests;

pub use refusal::normal_refusal;

/// How the exchange with one node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It answered, and [`judge`](crate::merit::judge) called the answer good.
    Accepted {
        /// Its status, 2xx.
        status: u16,
    },
    /// It answered something else.
    Refused {
        /// Its status; 2xx when the body was unusable.
        status: u16,
        /// Whether the body lists failed items, whatever the status (Prysm says it with 500).
        failures: Failures,
    },
    /// Nothing was sent: refused connection, failed handshake.
    Unreachable,
    /// It was sent, and no answer came: timeout, reset, still running.
    Unknown,
}

/// Whether a refusal lists the items that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failures {
    /// It names them by index.
    Listed,
    /// It speaks of the request as a whole.
    Unlisted,
}

impl Outcome {
    /// Whether a node may have taken the message without saying so. A gateway's 504 is the same silence, told by another.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown | Self::Refused { status: 504, .. })
    }
}

impl Failures {
    /// Whether a refusal's body lists failed items, with at least one.
    #[must_use]
    pub fn in_body(bytes: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        struct Refusal {
            #[serde(default)]
            failures: Vec<serde::de::IgnoredAny>,
        }

        match serde_json::from_slice::<Refusal>(bytes) {
            Ok(refusal) if !refusal.failures.is_empty() => Self::Listed,
            _ => Self::Unlisted,
        }
    }
}

/// The one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settled {
    /// This node's success answers, with this status.
    Accepted {
        /// Place of the node among the outcomes.
        index: usize,
        /// The status for the caller.
        status: u16,
    },
    /// We refuse in our own words, naming every node with its reason.
    Ours {
        /// 503: the message is with nobody, try again; 500: nobody knows.
        status: u16,
        /// What to say first.
        message: &'static str,
    },
    /// This node's refusal is passed on, in the API's shape.
    Theirs {
        /// Place of the node among the outcomes.
        index: usize,
    },
}

/// How telling a refusal is, the best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Faults that are between the node and us: its auth, its limits, redirects, gateways, unusable successes.
    Private,
    /// 503: it cannot now.
    NotNow,
    /// 500.
    Fault,
    /// A route or an encoding that it lacks, or a size that it does not take.
    Incapable,
    /// It refuses the message.
    Invalid,
    /// It refuses some items and names them.
    Indexed,
}

/// One answer from what the nodes said. `outcomes` are in the order of the nodes' health: among equals the first wins.
#[must_use]
pub fn settle(row: &Row, outcomes: &[Outcome]) -> Settled {
    if let Some((index, status)) = best_success(outcomes) {
        return Settled::Accepted { index, status: caller_status(row, status) };
    }
    if row.strategy != Strategy::Broadcast {
        return settle_read(outcomes);
    }
    if outcomes.iter().any(|outcome| outcome.is_unknown()) {
        let message = "the outcome is unknown: no node accepted the message, but one that got it has not answered";
        return Settled::Ours { status: 500, message };
    }
    match best_failure(outcomes) {
        Some(index) => Settled::Theirs { index },
        None => Settled::Ours { status: 503, message: "no node took the message" },
    }
}

/// Which refusal is shown when no node accepted; `None` when none of them is for the caller.
#[must_use]
pub fn best_failure(outcomes: &[Outcome]) -> Option<usize> {
    let ranked = outcomes.iter().enumerate().filter_map(|(index, outcome)| Some((rank(*outcome)?, index)));
    let shown = ranked.filter(|(rank, _)| *rank > Rank::Private);
    // `max_by` keeps the last of equals, so later places count as less.
    shown.max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1))).map(|(_, index)| index)
}

/// The status with which a node's success is told to the caller. Most validator clients count every status but 200 as
/// an error, and 202 on blocks; nodes are freer.
#[must_use]
pub fn caller_status(row: &Row, status: u16) -> u16 {
    if row.strategy != Strategy::Broadcast || row.success.contains(&status) { status } else { 200 }
}

/// The best success: 200, then other 2xx, then 202.
fn best_success(outcomes: &[Outcome]) -> Option<(usize, u16)> {
    let worth = |status: u16| match status {
        200 => 2,
        202 => 0,
        _ => 1,
    };
    let accepted = outcomes.iter().enumerate().filter_map(|(index, outcome)| match outcome {
        Outcome::Accepted { status } => Some((index, *status)),
        Outcome::Refused { .. } | Outcome::Unreachable | Outcome::Unknown => None,
    });
    accepted.max_by(|a, b| worth(a.1).cmp(&worth(b.1)).then(b.0.cmp(&a.0)))
}

/// A read that nobody answered: what every node that spoke said alike, else our own refusal.
fn settle_read(outcomes: &[Outcome]) -> Settled {
    let mut spoken = outcomes.iter().enumerate().filter_map(|(index, outcome)| match outcome {
        Outcome::Refused { status, .. } => Some((index, *status)),
        Outcome::Accepted { .. } | Outcome::Unreachable | Outcome::Unknown => None,
    });
    let first = spoken.next();
    match first {
        Some((index, status @ (400 | 404 | 405 | 406 | 410 | 413 | 414 | 415 | 501)))
            if spoken.all(|(_, other)| other == status) =>
        {
            Settled::Theirs { index }
        }
        _ => Settled::Ours { status: 503, message: "no node could answer" },
    }
}

fn rank(outcome: Outcome) -> Option<Rank> {
    match outcome {
        Outcome::Accepted { .. } | Outcome::Unreachable | Outcome::Unknown => None,
        Outcome::Refused { failures: Failures::Listed, status: 400..=599 } => Some(Rank::Indexed),
        Outcome::Refused { status, .. } => Some(match status {
            400 => Rank::Invalid,
            404 | 405 | 406 | 413 | 415 | 501 => Rank::Incapable,
            500 => Rank::Fault,
            503 => Rank::NotNow,
            _ => Rank::Private,
        }),
    }
}
