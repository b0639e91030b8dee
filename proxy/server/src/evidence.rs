//! Evidence: who was asked, who answered what and when, what was chosen and why.
//!
//! A record is kept of every race that went another way than usual. A read whose first node gave the answer, and a
//! publication that every node took, leave only their metrics: they have no story, and a busy VC would push the stories
//! out. The newest
//! [`KEPT`] records are held in memory; at the bound the oldest goes. `/evidence` on the admin listener shows them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rangelight_policy::chain::Moment;
use serde::Serialize;

/// Records kept. At some 500 bytes each they stay below 1 MiB; a home's VC fills them in about half an hour of faults.
pub const KEPT: usize = 1_024;

/// The story of one race.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// When it began.
    pub at: Moment,
    /// The operation's name.
    pub operation: &'static str,
    /// Who asked.
    pub caller: Arc<str>,
    /// The request's path, without its query (which may hold hundreds of public keys).
    pub path: String,
    /// Who was asked, in the order of sending.
    pub asked: Vec<Line>,
    /// While observing: whom guarded mode would have asked, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub would_ask: Vec<Arc<str>>,
    /// What the caller got, in a few words.
    pub outcome: String,
    /// The HTTP status that the caller got.
    pub status: u16,
    /// Milliseconds from the request to its answer.
    pub took_ms: u64,
}

/// One node's part in a race.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The node's name.
    pub node: Arc<str>,
    /// Why it stood where it stood in the order.
    pub why: &'static str,
    /// Milliseconds from the race's beginning to the sending.
    pub sent_ms: u64,
    /// Milliseconds to the end of the exchange; absent while it ran on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
    /// What came back, in a few words.
    pub reason: String,
}

/// The newest records.
#[derive(Debug, Default)]
pub struct Evidence {
    records: Mutex<VecDeque<Arc<Record>>>,
}

impl Evidence {
    /// Keeps a record.
    pub fn keep(&self, record: Record) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= KEPT {
            records.pop_front();
        }
        records.push_back(Arc::new(record));
    }

    /// The newest `most` records, newest first.
    #[must_use]
    pub fn newest(&self, most: usize) -> Vec<Arc<Record>> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().rev().take(most).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_at_the_bound() {
        let evidence = Evidence::default();
        for n in 0..KEPT as u64 + 5 {
            evidence.keep(Record {
                at: Moment(n),
                operation: "attestation_data",
                caller: "127.0.0.1".into(),
                path: "/".to_owned(),
                asked: Vec::new(),
                would_ask: Vec::new(),
                outcome: String::new(),
                status: 200,
                took_ms: 1,
            });
        }
        let all = evidence.newest(usize::MAX);
        assert_eq!(all.len(), KEPT);
        assert_eq!((all[0].at, all[KEPT - 1].at), (Moment(KEPT as u64 + 4), Moment(5)));
    }
}
