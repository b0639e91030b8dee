//! Reads of some validators: nobody is unknown by one node's word, and either form of the request will do.
//!
//! A validator client asks for its own keys to learn their indices and states. A node that lags, or whose deposit cache
//! is behind, leaves a key out without saying so, and the client takes the key for unknown. So an answer that lacks
//! somebody is kept, and one own node after the other is asked while it may know better; the one with most validators
//! wins. Friends are not asked for that while an own node is ready: an index that a friend made up would be believed.
//!
//! This holds for up to [`FEW`] validators without a filter by status. Larger answers stream from one node, as ever:
//! the whole set has hundreds of MiB, and a filter leaves out by right.
//!
//! GET and POST ask the same. A node that refuses the POST as unknown (404, 405) is asked by GET, one that finds the GET
//! too long (414) by POST. Ids that are neither numbers nor keys are not carried over.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::dependence::own_is_ready;
use super::{Brief, Edit, Judged, Rule};
use crate::catalogue::{Method, Row};
use crate::chain::decimal;
use crate::merit::{self, Body, Observed};
use crate::node::{NodeId, Snapshot, Trust};
use crate::race::plan::Plan;
use crate::race::{Score, Verdict};

#[cfg(test)]
mod tests;

/// So many validators are looked for in answers, and carried over into a query.
pub(super) const FEW: usize = 64;

/// So long a node has to know better. The row's patience is made for answers of hundreds of MiB.
const KNOWS_BETTER: Duration = Duration::from_millis(500);

/// The rule of one request for validators.
#[derive(Debug)]
pub(super) struct Validators {
    row: &'static Row,
    path: String,
    ids: Vec<String>,
    statuses: Vec<String>,
    snapshot: Arc<Snapshot>,
}

impl Validators {
    /// The rule; `None` for all validators, and if the request cannot be read.
    pub(super) fn of(brief: &Brief<'_>) -> Option<Self> {
        let (ids, statuses) = match brief.row.method {
            Method::Post => of_body(brief.body)?,
            Method::Get | Method::Any => (of_query(brief.query?, "id"), of_query(brief.query?, "status")),
        };
        let plain =
            |word: &String| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (!ids.is_empty() && ids.iter().chain(&statuses).all(plain)).then(|| Self {
            row: brief.row,
            path: brief.path.to_owned(),
            ids,
            statuses,
            snapshot: Arc::clone(brief.snapshot),
        })
    }

    fn is_counted(&self) -> bool {
        self.ids.len() <= FEW && self.statuses.is_empty()
    }

    fn by_get(&self) -> Edit {
        let pairs = self.ids.iter().map(|id| format!("id={id}"));
        let pairs: Vec<_> = pairs.chain(self.statuses.iter().map(|status| format!("status={status}"))).collect();
        let target = format!("{}?{}", self.path, pairs.join("&"));
        Edit { method: Some(Method::Get), target: Some(target), body: Some(Vec::new()), headers: Vec::new() }
    }

    fn by_post(&self) -> Edit {
        let mut body = json!({"ids": self.ids});
        if !self.statuses.is_empty() {
            body["statuses"] = json!(self.statuses);
        }
        Edit {
            method: Some(Method::Post),
            target: Some(self.path.clone()),
            body: Some(body.to_string().into_bytes()),
            headers: vec![("content-type", "application/json".to_owned())],
        }
    }
}

fn of_body(body: &[u8]) -> Option<(Vec<String>, Vec<String>)> {
    #[derive(Deserialize)]
    struct Wanted {
        #[serde(default)]
        ids: Option<Vec<String>>,
        #[serde(default)]
        statuses: Option<Vec<String>>,
    }

    let wanted: Wanted = serde_json::from_slice(body).ok()?;
    Some((wanted.ids.unwrap_or_default(), wanted.statuses.unwrap_or_default()))
}

/// The values of a parameter that may be there several times and may hold a list.
fn of_query(query: &str, name: &str) -> Vec<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.replace("%2C", ",").replace("%2c", ","));
    values.flat_map(|value| value.split(',').map(str::to_owned).collect::<Vec<_>>()).collect()
}

impl Rule for Validators {
    fn conduct(&self, mut plan: Plan) -> Plan {
        if self.is_counted() {
            let own_decides = own_is_ready(&self.snapshot);
            for one in &mut plan.ask {
                one.reserve |= own_decides && one.trust == Trust::Friend;
                one.hedge_after = one.hedge_after.min(KNOWS_BETTER);
            }
        }
        plan
    }

    fn reads_whole(&self) -> bool {
        self.is_counted()
    }

    fn instead(&self, _to: NodeId, refusal: &Observed<'_>) -> Option<Edit> {
        match (self.row.method, refusal.status) {
            (Method::Post, 404 | 405) if self.ids.len() <= FEW => Some(self.by_get()),
            (Method::Get, 414) => Some(self.by_post()),
            _ => None,
        }
    }

    fn judge(&self, _from: NodeId, observed: &Observed<'_>) -> Judged {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "data")]
            found: Vec<Found>,
        }
        #[derive(Deserialize)]
        struct Found {
            #[serde(rename = "index", deserialize_with = "decimal")]
            _index: u64,
            #[serde(rename = "validator")]
            _validator: IgnoredAny,
        }

        let judged = Judged::by_row(self.row, observed);
        let (true, Verdict::Good { score, .. }, Body::Whole(bytes)) =
            (self.is_counted(), &judged.verdict, observed.body)
        else {
            return judged;
        };
        let Ok(answer) = serde_json::from_slice::<Answer>(bytes) else {
            return Judged::unfit("not a list of validators");
        };
        let (found, wanted) = (answer.found.len(), self.ids.len());
        if *score < merit::ENOUGH || found >= wanted {
            return judged;
        }
        Judged {
            verdict: Verdict::good(Score([0, 1, found as u64, 0])),
            words: format!("{}: {found} of {wanted} validators", observed.status),
            alarm: None,
        }
    }
}
