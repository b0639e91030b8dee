//! The catalogue: one row for each operation of the Beacon API, and the rule by which it is answered.
//!
//! Everything that differs between operations is a field here, so that the flow of a request has no list of paths in
//! it. A row says what is done *now* ([`Row::strategy`]); [`Row::class`] keeps the rule that the operation deserves,
//! and where the two differ the note says what stands in for it: reads fail over inside the view, publications are
//! broadcast. Both are safe, only less choosy.
//!
//! Beacon API paths are an open set. The unlisted path is therefore the main road and the rows are its refinements:
//! an unknown read fails over without a hedge, an unknown write goes once to one own node, both under one name each,
//! so that a scanner cannot make metric series. Paths are held whole: searching for one finds its row.

mod base;
mod deadline;
mod find;
mod page;
mod rows_chain;
mod rows_duty;
mod rows_gloas;
mod rows_node;
mod rows_sign;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use deadline::Deadline;
pub use find::{BadPath, Found, Params, Unlisted, find};
pub use page::{Item, items, reference_page};
pub use rows_node::{ADMIN, UNLISTED_READ, UNLISTED_WRITE};

/// The limit of a request body that is not a publication.
pub const BODY_LIMIT: u64 = 16 << 20;
/// The limit of a publication: a block with many blobs, as JSON, with room for the next forks.
pub const PUBLICATION_LIMIT: u64 = 64 << 20;

/// One operation: a method and a path template, and the rule by which it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Letter and number of the row in the table of operations (`A1`).
    pub id: &'static str,
    /// Its name: metric label, trace field, configuration key. Stable once released.
    pub operation: &'static str,
    /// The method it is asked with.
    pub method: Method,
    /// The whole path template, parameters in braces.
    pub path: &'static str,
    /// What is done with it now.
    pub strategy: Strategy,
    /// The rule it deserves, in the words of the table of operations.
    pub class: &'static str,
    /// What stands in for the class, or what a reader must know. Of a denied row: the text of the refusal.
    pub note: &'static str,
    /// The operation that replaced this one; both are treated alike.
    pub successor: Option<&'static str>,
    /// What a peer must have been granted.
    pub scope: Scope,
    /// Whether the nodes that agree with the view are asked first.
    pub view: bool,
    /// Whether friends are asked only when no own node is ready, because a friend's answer could harm the caller.
    pub friends_last: bool,
    /// When a second node is asked while the first still works; `None` = only after it failed.
    pub hedge: Option<Hedge>,
    /// How long the caller waits for an answer to begin.
    pub deadline: Deadline,
    /// The encodings it knows.
    pub media: Media,
    /// What is done with the request's body.
    pub body: Reading,
    /// How much of an answer is read before it is passed on.
    pub answer: AnswerReading,
    /// Whether the request may be sent again on a new connection when the old one ended before the answer's first byte.
    pub retry_on_new_connection: bool,
    /// Whether nodes forget it on restart and must be told again.
    pub standing: bool,
    /// The statuses by which the API says success to the caller.
    pub success: &'static [u16],
    /// Statuses of refusals that say something about the request, not about the node that was asked.
    pub definite: &'static [u16],
    /// Whether an answer that its node calls optimistic must not be used, instead of being used last.
    pub optimistic_is_bad: bool,
}

/// The method of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Any method: rows that stand for many paths.
    Any,
    /// GET, and HEAD as HTTP wants it.
    Get,
    /// POST.
    Post,
}

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Sent to every node that may take it; the first success answers, the rest runs on.
    Broadcast,
    /// Not served; the note is the refusal.
    Deny,
    /// The merged event stream.
    Events,
    /// One node, then the next.
    Failover,
    /// Once, to the view's own node, never sent again: nobody knows what it does.
    Once,
    /// Answered from our own knowledge.
    Synthesize,
}

/// What a peer must have been granted to ask for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Attestation data, aggregates, sync committee.
    Attest,
    /// The event stream.
    Events,
    /// Never for a peer.
    None,
    /// Block production, preparations, registrations.
    Propose,
    /// Chain reads and duties.
    Read,
    /// Publications.
    Submit,
    /// Committee and sync subscriptions; they cost the lender custody.
    Subscribe,
}

/// When a second node is asked while the first one still works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hedge {
    /// After a fixed time: answers are large, two of them at once cost more than they save.
    AfterMs(u64),
    /// After a high quantile of the first node's own answer times.
    Quantile,
}

/// The encodings an operation knows; JSON is always one of them but for the event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Media {
    /// The event stream's own.
    Events,
    /// JSON alone.
    Json,
    /// Answers also as SSZ.
    SszAnswer,
    /// Requests and answers also as SSZ.
    SszBoth,
    /// Requests also as SSZ.
    SszRequest,
}

/// What is done with a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// Read whole once and shared by all nodes asked; above the limit in bytes the request is refused with 413.
    Collect {
        /// Bytes.
        limit: u64,
    },
    /// There is none; one that comes anyway is neither read nor passed on.
    None,
    /// Passed on as it comes, to one node; above the limit in bytes it is cut off with 413.
    Stream {
        /// Bytes.
        limit: u64,
    },
}

/// How much of an answer is read before the caller gets its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnswerReading {
    /// Judged by status, headers and first bytes, then streamed; a later break breaks the caller's answer too.
    Peek,
    /// Read whole and judged, because it is small and a truncated one must go to the next node. One above the limit in
    /// bytes is no answer.
    Whole {
        /// Bytes.
        limit: u64,
    },
}

/// Every row, in the order of the table of operations, the rows for unlisted paths last.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    listed().chain([&UNLISTED_READ, &UNLISTED_WRITE, &ADMIN])
}

/// The rows that have a path of their own.
fn listed() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().copied().flatten()
}

/// The row of an operation by its name.
#[must_use]
pub fn row(operation: &str) -> Option<&'static Row> {
    rows().find(|row| row.operation == operation)
}

/// A row's place in [`rows`], for tables with one entry per operation; past their end for a row of another making.
#[must_use]
pub fn index(row: &Row) -> usize {
    static PLACES: LazyLock<HashMap<&str, usize>> =
        LazyLock::new(|| rows().enumerate().map(|(place, row)| (row.operation, place)).collect());
    PLACES.get(row.operation).copied().unwrap_or(PLACES.len())
}

static GROUPS: [&[Row]; 11] = [
    rows_sign::ATTESTATION,
    rows_sign::BLOCK,
    rows_sign::SYNC,
    rows_duty::DUTY,
    rows_duty::POOL,
    rows_gloas::GLOAS,
    rows_node::NODE,
    rows_chain::CHAIN,
    rows_chain::EXTRA,
    rows_chain::EVENTS,
    rows_node::STRAY,
];

// === impl Method, Strategy, Scope, Hedge, Media ===

impl Method {
    /// As it is written in a request; `ANY` for any.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "ANY",
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

impl Strategy {
    /// The word used in pages, metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Broadcast => "broadcast",
            Self::Deny => "deny",
            Self::Events => "events",
            Self::Failover => "failover",
            Self::Once => "once",
            Self::Synthesize => "synthesize",
        }
    }
}

impl Scope {
    /// The word used in grants and pages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Attest => "attest",
            Self::Events => "events",
            Self::None => "none",
            Self::Propose => "propose",
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Subscribe => "subscribe",
        }
    }
}

impl Media {
    /// Media types of a request body, best first.
    #[must_use]
    pub fn requests(self) -> &'static [&'static str] {
        match self {
            Self::Events => &[],
            Self::Json | Self::SszAnswer => &["application/json"],
            Self::SszBoth | Self::SszRequest => &["application/octet-stream", "application/json"],
        }
    }

    /// Media types of an answer, best first.
    #[must_use]
    pub fn answers(self) -> &'static [&'static str] {
        match self {
            Self::Events => &["text/event-stream"],
            Self::Json | Self::SszRequest => &["application/json"],
            Self::SszAnswer | Self::SszBoth => &["application/octet-stream", "application/json"],
        }
    }
}
