//! The kinds of rows: a row of the table names its kind and only what sets it apart.
//!
//! Numbers come from the timing that validator clients keep (seconds of a 12 s slot) and are explained where they stand. A kind
//! is never an operation itself: it has no name and no path.

use super::{
    AnswerReading, BODY_LIMIT, Deadline, Hedge, Media, Method, PUBLICATION_LIMIT, Reading, Row, Scope, Strategy,
};

/// A duty's answer, or what a node says to a publication, is read up to here. Duties of 80,000 validators fit.
pub(super) const WHOLE: AnswerReading = AnswerReading::Whole { limit: BODY_LIMIT };
/// A request body that is read to be sent to more than one node.
pub(super) const COLLECT: Reading = Reading::Collect { limit: BODY_LIMIT };

/// A duty that gates a signature is awaited for a third of a slot: later its message would come too late for the head,
/// and few validator clients wait longer.
pub(super) const GATING: Deadline = Deadline::Share(3_333);
/// An aggregate is asked for at two thirds of the slot; after a quarter more it could hardly be published in it.
pub(super) const AGGREGATE: Deadline = Deadline::Share(2_500);
/// Reads whose answers are large or expensive.
pub(super) const LARGE: Deadline = Deadline::AfterMs(30_000);
/// Large answers are asked for twice only after 2 s: before that the second one mostly wastes bandwidth.
pub(super) const LATE: Option<Hedge> = Some(Hedge::AfterMs(2_000));

/// A read that any node may answer.
pub(super) const READ: Row = Row {
    id: "",
    operation: "",
    method: Method::Get,
    path: "",
    strategy: Strategy::Failover,
    class: "FAILOVER",
    note: "",
    successor: None,
    scope: Scope::Read,
    view: false,
    friends_last: false,
    hedge: Some(Hedge::Quantile),
    // Nobody's duty waits for it; 10 s is what the shortest-tempered tools allow.
    deadline: Deadline::AfterMs(10_000),
    media: Media::Json,
    body: Reading::None,
    answer: AnswerReading::Peek,
    retry_on_new_connection: true,
    standing: false,
    success: &[200],
    definite: &[400, 404, 414],
    optimistic_is_bad: false,
};

/// A read that follows the view.
pub(super) const VIEW_READ: Row = Row { class: "FAILOVER+VIEW", view: true, ..READ };

/// A small answer that a signature depends on.
pub(super) const GATING_READ: Row = Row { scope: Scope::Attest, view: true, deadline: GATING, answer: WHOLE, ..READ };

/// Duties: asked again each epoch or oftener, read whole.
pub(super) const DUTIES: Row = Row {
    method: Method::Post,
    note: "all own nodes at once; the view's dependent root wins, and is what the answer is kept under",
    view: true,
    body: COLLECT,
    answer: WHOLE,
    ..READ
};

/// Block production. A node's refusal speaks for that node only: another may have the payload.
///
/// In guarded mode a rule of its own asks all own nodes at once and takes the best block (`duty/produce.rs`). What stands
/// here is for the other modes, for a second ask, and for blocks that the rule does not know: there the hedge is late, for
/// it would trade the best block for the fastest (a node with a relay takes a second and more). But it comes, and in time
/// for a third of the slot: a node that hangs must not cost the proposal while another one is there.
pub(super) const PRODUCTION: Row = Row {
    class: "BEST+VIEW+MEMO+PIN",
    note: "the body of Gloas is not read yet: own nodes fail over with a late hedge, and friends are asked only when no own \
           node is ready or all that were have failed",
    scope: Scope::Propose,
    view: true,
    friends_last: true,
    hedge: LATE,
    // Half of the slot is the last moment at which a block may still gather votes; who asks late gets a quarter.
    deadline: Deadline::IntoSlot { at: 5_000, at_least: 2_500 },
    media: Media::SszAnswer,
    // A produced block comes with its blobs.
    answer: AnswerReading::Whole { limit: PUBLICATION_LIMIT },
    definite: &[414],
    ..READ
};

/// A signed message: every node that may take it gets it.
pub(super) const PUBLICATION: Row = Row {
    method: Method::Post,
    strategy: Strategy::Broadcast,
    class: "BROADCAST",
    scope: Scope::Submit,
    hedge: None,
    // The messages are on their way whatever we answer; to answer "failed" before a slow node spoke gains nothing.
    deadline: GATING,
    body: Reading::Collect { limit: PUBLICATION_LIMIT },
    answer: WHOLE,
    definite: &[400],
    ..READ
};

/// A block or what belongs to it: weighs more than all else, and 202 (sent on, not imported) is a success.
pub(super) const BLOCK_PUBLICATION: Row =
    Row { deadline: Deadline::Share(5_000), media: Media::SszRequest, success: &[200, 202], ..PUBLICATION };

/// A standing submission: nodes forget it on restart.
pub(super) const STANDING: Row = Row {
    class: "BROADCAST_AND_REMEMBER",
    note: "told again to a node that was added, came back or restarted",
    scope: Scope::Subscribe,
    // The first that takes it answers. When none has, it is remembered all the same, and to say "failed" before a slow node
    // spoke gains nothing.
    deadline: Deadline::AfterMs(10_000),
    body: COLLECT,
    standing: true,
    ..PUBLICATION
};

/// A list from a node's pool. No validator client reads it, so no peer may.
pub(super) const POOL_READ: Row =
    Row { class: "MERGE (union)", note: "one node's list; a union would be nobody's pool", scope: Scope::None, ..READ };

/// Answered from our own knowledge.
pub(super) const SYNTHESIZED: Row = Row {
    strategy: Strategy::Synthesize,
    class: "SYNTHESIZE",
    hedge: None,
    deadline: Deadline::None,
    retry_on_new_connection: false,
    ..READ
};

/// Refused with 404.
pub(super) const DENIED: Row = Row { strategy: Strategy::Deny, class: "DENY", scope: Scope::None, ..SYNTHESIZED };
