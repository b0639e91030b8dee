//! Attestation data: the vote that every validator signs once an epoch.
//!
//! All own nodes are asked at once. Served is the view's head with a source and target that independent families agree
//! on; how long that is waited for, and what contradiction means, is in [`race::agree`](crate::race::agree) and
//! [`quorum`](crate::quorum). Which single answers are worth comparing is in [`valid`].
//!
//! One answer for each slot and caller: every validator of a VC asks, some VCs ask once more when they aggregate, and what
//! they sign must be the same. The key is the slot (before Electra with the committee, which is part of the data), the
//! answer holds under the view's head, and until the end of the next slot, since aggregation may ask late. Who asks in JSON
//! and who asks in SSZ get the same data: a kept answer is written anew in the other form. A publication of the same
//! caller that was signed with the kept data freezes it ([`published`]).
//!
//! Without a clock, or when the slot cannot be read, the row alone decides.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Alarm, Brief, Judged, Lesson, Made, Memo, Rule};
use crate::attestation::AttestationData;
use crate::books::Books;
use crate::catalogue::Row;
use crate::chain::{Checkpoint, Clock, Epoch, Moment, Root, Slot};
use crate::merit::{Body, Observed, accepts_ssz, is_media};
use crate::node::{NodeId, Participation, Snapshot, Tier, Trust};
use crate::quorum::{Ballot, Council, Opinion, Standing, Voice, greatest_independent};
use crate::race::plan::{Conduct, Plan};
use crate::race::{Score, Verdict, Vote, agree};

mod published;
#[cfg(test)]
mod tests;
mod valid;

pub use published::{Signed, signed};
use valid::{Index, Valid};

/// The soft deadline: 200 ms of a mainnet slot. Nodes that work have answered by then.
const SOFT_BASIS_POINTS: u64 = 167;
/// The hard deadline: 450 ms of a mainnet slot. The most impatient validator client (Vero) hangs up after 500 ms.
const HARD_BASIS_POINTS: u64 = 375;
/// Neither is shorter than this, because lines and busy nodes are no faster where slots are short.
const SOFT_FLOOR_MS: u64 = 100;
const HARD_FLOOR_MS: u64 = 250;

const SSZ: &str = "application/octet-stream";

/// The rule of one request. See the module.
struct Asked {
    row: &'static Row,
    valid: Valid,
    epoch: Epoch,
    council: Arc<Council>,
    clock: Clock,
    memo: Memo,
    /// What was judged usable so far.
    heard: Mutex<Vec<(NodeId, AttestationData)>>,
}

/// The rule of a request for attestation data; `None` if it cannot be told what is asked.
#[must_use]
pub fn asked(brief: &Brief<'_>, books: &Books) -> Option<Arc<dyn Rule>> {
    let clock = brief.clock?;
    let slot: Slot = parameter(brief.query?, "slot")?.parse().ok()?;
    let committee = parameter(brief.query?, "committee_index").map_or(Ok(0), str::parse::<u64>).ok()?;
    let epoch = clock.epoch(slot);
    let index = Index::at(brief.network, epoch);
    let snapshot = brief.snapshot;
    let readable = |node: &&crate::node::NodeState| {
        node.tier != Tier::Foreign && node.profile.participation != Participation::PublishOnly
    };
    let voices: Vec<Voice> =
        snapshot.nodes.iter().filter(readable).map(|node| Voice::of(&node.profile, node.tier)).collect();
    let settings = books.agreement.settings;
    let council = Council {
        needed: settings.needed(voices.iter()),
        voices,
        snapshot: Arc::clone(snapshot),
        slot: clock.slot(brief.now).unwrap_or_default(),
        on_disagreement: settings.on_disagreement,
        agreed: books.agreement.confirmed(epoch),
    };
    Some(Arc::new(Asked {
        row: brief.row,
        valid: Valid { slot, committee, index, clock, now: council.slot, snapshot: Arc::clone(snapshot) },
        epoch,
        council: Arc::new(council),
        clock,
        memo: Memo {
            key: key(slot, index, committee, brief.caller),
            under: snapshot.view.as_ref().map(|view| view.root).unwrap_or_default(),
            until: end_of_next(slot, &clock, brief.now),
        },
        heard: Mutex::default(),
    }))
}

/// The end of the next slot. A slot far from now has no more time than one asked for now.
fn end_of_next(slot: Slot, clock: &Clock, now: Moment) -> Moment {
    clock.start(Slot(slot.0.saturating_add(2))).min(now.plus(clock.slot_ms.saturating_mul(2)))
}

/// Under which key an answer is kept; ends with a mark that no caller's name can hold.
fn key(slot: Slot, index: Index, committee: u64, caller: &str) -> String {
    match index {
        Index::Committee => format!("attestation_data|{}|{committee}|{caller}\n", slot.0),
        Index::Zero | Index::Payload | Index::Any => format!("attestation_data|{}||{caller}\n", slot.0),
    }
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

// === impl Asked ===

impl Asked {
    fn heard(&self) -> MutexGuard<'_, Vec<(NodeId, AttestationData)>> {
        // A holder only adds to it.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ms(&self, basis_points: u64, floor: u64) -> Duration {
        Duration::from_millis(self.clock.component(basis_points).max(floor))
    }

    /// Own nodes that answer are too few to confirm, and nothing is confirmed yet.
    fn friends_at_once(&self) -> bool {
        let answers = |voice: &&Voice| {
            let there = self.council.snapshot.node(voice.node).is_some_and(|node| node.tier != Tier::Away);
            voice.trust == Trust::Own && there
        };
        self.council.agreed.is_none()
            && greatest_independent(self.council.voices.iter().filter(answers)) < self.council.needed
    }

    fn opinions(&self, heard: &[(NodeId, AttestationData)]) -> Vec<Opinion> {
        let ballots: Vec<Ballot> = heard.iter().map(|(node, data)| ballot(*node, data)).collect();
        let own = heard.iter().any(|(node, _)| self.council.voice(*node).is_some_and(|voice| voice.decides));
        self.council.weigh(&ballots, own)
    }

    /// Every pair, and who says it.
    fn who_says_what(&self, heard: &[(NodeId, AttestationData)]) -> String {
        let mut pairs: Vec<(Checkpoint, Checkpoint)> = Vec::new();
        for (_, data) in heard {
            if !pairs.contains(&(data.source, data.target)) {
                pairs.push((data.source, data.target));
            }
        }
        let say = |(source, target): &(Checkpoint, Checkpoint)| {
            let sayers = heard.iter().filter(|(_, data)| (data.source, data.target) == (*source, *target));
            let names: Vec<String> = sayers.map(|(node, _)| named(&self.council.snapshot, *node)).collect();
            format!("{} say source {} and target {}", names.join(" and "), shown(*source), shown(*target))
        };
        pairs.iter().map(say).collect::<Vec<_>>().join("; ")
    }
}

fn ballot(node: NodeId, data: &AttestationData) -> Ballot {
    Ballot { node, pair: data.pair(), head: data.head }
}

/// A node with its families.
fn named(snapshot: &Snapshot, node: NodeId) -> String {
    let Some(profile) = snapshot.node(node).map(|node| &node.profile) else { return "a node".to_owned() };
    format!("{} ({} with {})", profile.name, profile.consensus.name(), profile.execution.name())
}

fn shown(checkpoint: Checkpoint) -> String {
    let root: String = checkpoint.root.to_string().chars().take(10).collect();
    format!("{}/{root}", checkpoint.epoch.0)
}

/// The data of a usable answer, in whichever form.
fn read(observed: &Observed<'_>) -> Option<AttestationData> {
    let bytes = observed.body.bytes();
    if is_media(observed.content_type, SSZ) {
        AttestationData::from_ssz(bytes)
    } else {
        AttestationData::from_json(bytes)
    }
}

impl Rule for Asked {
    fn memo(&self) -> Option<Memo> {
        Some(self.memo.clone())
    }

    fn conduct(&self, plan: Plan) -> Plan {
        let Conduct::Failover(rules) = &plan.conduct else { return plan };
        let deadline = rules.deadline;
        let terms = agree::Terms {
            council: Arc::clone(&self.council),
            friends_at_once: self.friends_at_once(),
            soft: self.ms(SOFT_BASIS_POINTS, SOFT_FLOOR_MS).min(deadline),
            hard: self.ms(HARD_BASIS_POINTS, HARD_FLOOR_MS).min(deadline),
            deadline,
        };
        Plan { conduct: Conduct::Agree(terms), ..plan }
    }

    fn judge(&self, from: NodeId, observed: &Observed<'_>) -> Judged {
        let judged = Judged::by_row(self.row, observed);
        // The answer to a HEAD has no data, and nothing of it is signed.
        if !matches!(judged.verdict, Verdict::Good { .. }) || matches!(observed.body, Body::Absent) {
            return judged;
        }
        let fault =
            |why: &str| Judged { verdict: Verdict::Bad, words: format!("{}, but {why}", judged.words), alarm: None };
        let Some(data) = read(observed) else { return fault("it is no attestation data") };
        if let Err(why) = self.valid.check(&data) {
            return fault(why);
        }
        self.heard().push((from, data));
        let words = format!("{}, source {} target {}", judged.words, shown(data.source), shown(data.target));
        let checkpoints = data.source.epoch.0.saturating_add(data.target.epoch.0);
        let slot = self.valid.slot_of(data.head).map_or(0, |slot| slot.0);
        let vote = Vote { pair: data.pair(), head: data.head };
        Judged { verdict: Verdict::Good { vote, score: Score([checkpoints, slot, 0, 0]) }, words, alarm: None }
    }

    /// Only what is withheld ends merged.
    fn merge(&self, said: &[(NodeId, Observed<'_>)]) -> Option<Made> {
        let heard: Vec<(NodeId, AttestationData)> =
            said.iter().filter_map(|(node, observed)| Some((*node, read(observed)?))).collect();
        let who = self.who_says_what(&heard);
        let message = format!(
            "the vote of slot {} is withheld, because independent families contradict each other on its source and target: \
             {who}. Compare the targets with a block explorer, and stop or repair the node that is wrong; \
             [attestation] on_disagreement = \"majority\" or \"warn\" serves it all the same",
            self.valid.slot.0
        );
        Some(Made { status: 503, body: message.into_bytes(), headers: Vec::new() })
    }

    fn concluded(&self, books: &mut Books, by: Option<NodeId>) -> Lesson {
        let heard = self.heard();
        let opinions = self.opinions(&heard);
        let agreement = &mut books.agreement;
        let mut lesson = Lesson::default();
        let confirmed: BTreeSet<Root> = heard
            .iter()
            .zip(&opinions)
            .filter(|(_, opinion)| opinion.standing == Standing::Confirmed)
            .map(|((_, data), _)| data.pair())
            .collect();
        if let (Some(pair), 1) = (confirmed.first(), confirmed.len()) {
            agreement.confirm(self.epoch, *pair);
        }
        let against: BTreeSet<NodeId> = opinions.iter().flat_map(|opinion| opinion.against.iter().copied()).collect();
        // Each is noted, also those after the first news.
        let news: Vec<NodeId> = against.into_iter().filter(|node| agreement.contradicts(self.epoch, *node)).collect();
        if !news.is_empty() {
            let message = format!("nodes contradict each other on checkpoints: {}", self.who_says_what(&heard));
            lesson.alarms.push(Alarm { sort: "checkpoints_differ", message });
        }
        for (node, slots) in agreement.stuck(&self.council.snapshot) {
            let name = named(&self.council.snapshot, node);
            let message = format!("{name} is stuck {slots} slots below the others; look at its execution client");
            lesson.alarms.push(Alarm { sort: "node_stuck", message });
        }
        let served = by.and_then(|by| heard.iter().position(|(node, _)| *node == by)).map(|place| &opinions[place]);
        lesson.words = match served.map(|opinion| opinion.standing) {
            Some(Standing::Confirmed) => Some("confirmed by independent families"),
            Some(Standing::Unconfirmed) => Some("unconfirmed"),
            Some(Standing::Contradicted) => Some("contradicted, and served as configured"),
            None if opinions.iter().any(|opinion| opinion.withheld) => {
                Some("withheld, independent families contradict")
            }
            None => None,
        };
        lesson
    }

    fn in_form(&self, kept: &Observed<'_>) -> Option<Made> {
        let is_ssz = is_media(kept.content_type, SSZ);
        let takes_ssz = accepts_ssz(kept.accept);
        let takes_json = kept.accept.is_none_or(|accept| accept.contains("json") || accept.contains("/*"));
        let made = |body, headers| Some(Made { status: 200, body, headers });
        match (is_ssz, takes_ssz, takes_json) {
            (true, false, _) => made(read(kept)?.to_json(), Vec::new()),
            (false, true, false) => made(read(kept)?.to_ssz(), vec![("content-type", SSZ.to_owned())]),
            _ => None,
        }
    }

    fn name(&self, observed: &Observed<'_>) -> Option<Root> {
        read(observed).map(|data| data.tree_root())
    }
}
