//! What is kept of a race: its evidence, and a log line where it went another way than usual.

use std::sync::Arc;
use std::time::Duration;

use rangelight_policy::chain::Moment;
use rangelight_policy::node::NodeId;

use super::Asking;
use super::once::Sent;
use super::settle::Ending;
use crate::dispatch::Asked;
use crate::evidence::{Evidence, Line, Record};
use crate::nodes::transport::SentHead;
use crate::observe;
use crate::reply::{Refusal, Reply};
use crate::time;

/// Where stories of races go.
#[derive(Clone, Default)]
pub struct Story {
    /// The newest records.
    pub evidence: Arc<Evidence>,
}

impl Story {
    /// Keeps a race, unless it has no story: a read whose first node gave the answer, or a publication that every node
    /// took. Of a publication it is told when the last node has answered.
    pub(super) fn tell(&self, asking: &Asking, asked: &[Asked], ending: &Ending) {
        let smooth = match asking.publication() {
            true => asked.iter().all(|line| line.reason.starts_with("HTTP 2")),
            false => asked.len() == 1,
        };
        if smooth && !ending.refused && asking.plan.would_ask.is_empty() {
            return;
        }
        let record = record(asking, asked, ending);
        if ending.refused {
            observe::race_failed(&record);
        }
        self.evidence.keep(record);
    }

    /// Keeps what became of a write that went to one node only.
    pub(super) fn tell_write(&self, sent: &Sent, reply: &Result<Reply, Refusal>) {
        let took = sent.begun.elapsed();
        let (status, reason) = match reply {
            Ok(reply) => (reply.status(), format!("HTTP {}", reply.status().as_u16())),
            Err(refusal) => (refusal.status(), refusal.message().to_owned()),
        };
        let (node, head) = (Arc::clone(&sent.node.config.name), &sent.question.head);
        let record = Record {
            at: began(took),
            operation: sent.question.row.operation,
            caller: Arc::clone(&sent.caller),
            path: path(head),
            outcome: format!("sent once, to {node}"),
            asked: vec![Line { node, why: sent.why, sent_ms: 0, ended_ms: Some(ms(took)), reason }],
            would_ask: Vec::new(),
            status: status.as_u16(),
            took_ms: ms(took),
        };
        if reply.is_err() {
            observe::race_failed(&record);
        }
        self.evidence.keep(record);
    }
}

fn record(asking: &Asking, asked: &[Asked], ending: &Ending) -> Record {
    let outcome = match ending.by {
        Some(id) => format!("{}: {}", ending.words, asking.name(id)),
        None => ending.words.to_owned(),
    };
    Record {
        at: began(asking.begun.elapsed()),
        operation: asking.question.row.operation,
        caller: Arc::clone(&asking.caller),
        path: path(&asking.question.head),
        asked: asked.iter().map(|asked| line(asking, asked)).collect(),
        would_ask: asking.plan.would_ask.iter().map(|one| asking.name(one.node)).collect(),
        outcome,
        status: ending.status.as_u16(),
        took_ms: ms(ending.took),
    }
}

fn line(asking: &Asking, asked: &Asked) -> Line {
    let why = asking.plan.ask.iter().find(|one| one.node == asked.node).map_or("", |one| one.why);
    Line {
        node: asking.name(asked.node),
        why,
        sent_ms: ms(asked.sent),
        ended_ms: asked.ended.map(ms),
        reason: asked.reason.clone(),
    }
}

fn began(took: Duration) -> Moment {
    Moment(time::now().0.saturating_sub(ms(took)))
}

/// The path without its query; a longer one is cut, so that records stay small.
fn path(head: &SentHead) -> String {
    head.target.path().chars().take(200).collect()
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Asking {
    /// A node's name as it was when the race began.
    #[must_use]
    pub(super) fn name(&self, id: NodeId) -> Arc<str> {
        self.picture.snapshot.node(id).map_or_else(|| "?".into(), |state| Arc::clone(&state.profile.name))
    }

    /// Whether it must reach every node that may take it.
    #[must_use]
    pub(super) fn publication(&self) -> bool {
        self.question.row.strategy == rangelight_policy::catalogue::Strategy::Broadcast
    }

    /// How many of the asked have not ended; of a publication each may yet take the message.
    #[must_use]
    pub(super) fn still_running(
        &self,
        ended: &[crate::nodes::exchange::Exchanged<crate::nodes::exchange::Came>],
    ) -> usize {
        if self.publication() { self.plan.ask.len().saturating_sub(ended.len()) } else { 0 }
    }
}
