//! What can go wrong with a node, as one list.
//!
//! A fault is a state that lasts until it is healed; several can hold at once. What each does to a request that
//! changes something matters to anybody who counts duties, so it is said here:
//!
//! | fault | a publication |
//! |---|---|
//! | Refuse, Restart, CloseIdle, Status, Redirect, ErrorBodyWith200 | is not taken |
//! | Stall | is taken when the node goes on, as after SIGSTOP and SIGCONT |
//! | Slow, ResetMidBody, Garbage, Truncate, Endless, WrongType | is taken; only the answer suffers |
//! | ElOffline | a block is taken, and said not to be imported |
//! | Frozen, Lag, Fork, OldSpec, WrongNetwork | is taken if the node knows the block it is about |
//! | the others | is taken |

use std::time::Duration;

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Connections are refused, existing ones are cut.
    Refuse,
    /// Connections are accepted, nothing is answered until it is healed; then everything is.
    Stall,
    /// Every answer comes this much later: half before it is acted upon, half after.
    Slow(Duration),
    /// The answer's head and half its body come, then the connection is reset.
    ResetMidBody,
    /// Every request is answered with this status and an error body.
    Status(u16),
    /// A 200 whose body is noise; event streams send noise lines.
    Garbage,
    /// A 200 whose body ends in the middle, with a length that says so.
    Truncate,
    /// A 200 whose body never ends.
    Endless,
    /// A 200 with well-formed JSON of the wrong types.
    WrongType,
    /// A redirect to another path of the same node.
    Redirect,
    /// A 200 whose body is an error.
    ErrorBodyWith200,
    /// The head is this many slots behind.
    Lag(u64),
    /// The head stands still and the node says it is synced: its execution client was killed.
    Frozen,
    /// It follows the minority branch of this number (1 ..= 999), which parts where the first such node enters it.
    Fork(u32),
    /// Its head is not verified by its execution client.
    Optimistic,
    /// Its execution client does not answer.
    ElOffline,
    /// It is syncing, this many slots behind.
    Syncing(u64),
    /// It is down, as with [`Fault::Refuse`], and has forgotten everything it was told.
    Restart,
    /// Blocks pay somebody else, whoever was prepared.
    LyingFeeRecipient,
    /// It serves another network.
    WrongNetwork,
    /// It does not know the network's last fork.
    OldSpec,
    /// Its clock is off by this many milliseconds.
    ClockSkew(i64),
    /// It closes a kept-alive connection at the moment the next request arrives.
    CloseIdle,
    /// Its event stream stays open and tells nothing.
    DropEvents,
}

impl Fault {
    /// The fault's name, without its numbers.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Stall => "stall",
            Self::Slow(_) => "slow",
            Self::ResetMidBody => "reset-mid-body",
            Self::Status(_) => "status",
            Self::Garbage => "garbage",
            Self::Truncate => "truncate",
            Self::Endless => "endless",
            Self::WrongType => "wrong-type",
            Self::Redirect => "redirect",
            Self::ErrorBodyWith200 => "error-body-with-200",
            Self::Lag(_) => "lag",
            Self::Frozen => "frozen",
            Self::Fork(_) => "fork",
            Self::Optimistic => "optimistic",
            Self::ElOffline => "el-offline",
            Self::Syncing(_) => "syncing",
            Self::Restart => "restart",
            Self::LyingFeeRecipient => "lying-fee-recipient",
            Self::WrongNetwork => "wrong-network",
            Self::OldSpec => "old-spec",
            Self::ClockSkew(_) => "clock-skew",
            Self::CloseIdle => "close-idle",
            Self::DropEvents => "drop-events",
        }
    }

    /// Whether two are of the same kind, whatever their numbers.
    #[must_use]
    pub fn same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Whether nobody can connect.
    #[must_use]
    pub fn refuses(&self) -> bool {
        matches!(self, Self::Refuse | Self::Restart)
    }
}

/// One of every fault, with middling numbers for a slot of that length: for tables and for drawing by seed.
#[must_use]
pub fn every(slot_ms: u64) -> Vec<Fault> {
    vec![
        Fault::Refuse,
        Fault::Stall,
        Fault::Slow(Duration::from_millis(slot_ms / 2)),
        Fault::ResetMidBody,
        Fault::Status(503),
        Fault::Garbage,
        Fault::Truncate,
        Fault::Endless,
        Fault::WrongType,
        Fault::Redirect,
        Fault::ErrorBodyWith200,
        Fault::Lag(4),
        Fault::Frozen,
        Fault::Fork(1),
        Fault::Optimistic,
        Fault::ElOffline,
        Fault::Syncing(100),
        Fault::Restart,
        Fault::LyingFeeRecipient,
        Fault::WrongNetwork,
        Fault::OldSpec,
        Fault::ClockSkew(i64::try_from(slot_ms * 2).unwrap_or(i64::MAX)),
        Fault::CloseIdle,
        Fault::DropEvents,
    ]
}
