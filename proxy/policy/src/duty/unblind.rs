//! Publishing a block: the node that made it comes first.
//!
//! A blinded block can only be published by a node that has its payload, or gets it from the relay: for one that a node
//! made itself that is nobody else. So it goes to its producer alone, and to the other own nodes when the producer fails
//! or is silent; if we do not know who made it (after our restart) it goes to all own nodes at once. Friends are asked
//! only when no own node is there: what they cannot unblind they cannot publish, and relays would be asked by everybody.
//!
//! A whole block goes to everyone in one step; the producer stands first in it, because it need not verify its own.

use std::sync::Arc;

use super::{Brief, Judged, Rule};
use crate::block;
use crate::block::producers::Producer;
use crate::books::Books;
use crate::catalogue::Row;
use crate::merit::{self, Observed};
use crate::node::{NodeId, Tier, Trust};
use crate::race::plan::{Conduct, Plan};

/// The rule of one publication.
struct Unblind {
    row: &'static Row,
    blinded: bool,
    producer: Option<NodeId>,
}

/// The rule; of whole blocks if not `blinded`.
pub(super) fn rule(brief: &Brief<'_>, books: &Books, blinded: bool) -> Arc<dyn Rule> {
    let key = block::signed(brief.body, merit::is_ssz(brief.headers.content_type));
    let producer = key.and_then(|key| books.blocks.producer(&key)).map(|Producer { node, .. }| node);
    Arc::new(Unblind { row: brief.row, blinded, producer })
}

impl Rule for Unblind {
    fn conduct(&self, mut plan: Plan) -> Plan {
        let Conduct::Broadcast { held_back, .. } = &mut plan.conduct else { return plan };
        if self.blinded && plan.ask.iter().any(|one| one.trust == Trust::Own && one.tier != Tier::Away) {
            plan.ask.retain(|one| one.trust == Trust::Own);
        }
        let made = |node: NodeId| self.producer == Some(node);
        if let Some(place) = plan.ask.iter().position(|one| made(one.node)) {
            let mut producer = plan.ask.remove(place);
            producer.why = "made the block";
            plan.ask.insert(0, producer);
            if self.blinded {
                *held_back = plan.ask[1..].iter().map(|one| one.node).collect();
            }
        }
        // A friend's node that made the block is needed more than his uplink is spared.
        held_back.retain(|node| !made(*node) && plan.ask.iter().any(|one| one.node == *node));
        plan
    }

    fn judge(&self, _from: NodeId, observed: &Observed<'_>) -> Judged {
        Judged::by_row(self.row, observed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::block::Kind;
    use crate::block::forge::Forged;
    use crate::catalogue::row;
    use crate::chain::Moment;
    use crate::duty::Headers;
    use crate::node::Snapshot;
    use crate::race::Candidate;
    use crate::race::plan::CallerKind;

    const SSZ: Option<&str> = Some("application/octet-stream");

    fn candidate(node: u16, trust: Trust, tier: Tier) -> Candidate {
        Candidate { node: NodeId(node), trust, tier, hedge_after: Duration::ZERO, reserve: false, why: "planned" }
    }

    fn conduct(
        operation: &str,
        body: &[u8],
        content_type: Option<&str>,
        books: &Books,
        own: Tier,
    ) -> (Vec<u16>, Vec<u16>) {
        let (caller, snapshot) = ("vc".into(), Arc::new(Snapshot::default()));
        let brief = Brief {
            row: row(operation).expect("a row"),
            path: "/",
            params: None,
            query: None,
            headers: Headers { content_type, ..Headers::default() },
            body,
            caller: &caller,
            kind: CallerKind::Own,
            snapshot: &snapshot,
            network: None,
            clock: None,
            now: Moment(0),
        };
        let ask = vec![
            candidate(0, Trust::Own, own),
            candidate(1, Trust::Own, own),
            candidate(2, Trust::Friend, Tier::Ready),
        ];
        let deadline = Duration::from_secs(6);
        let conduct = Conduct::Broadcast { deadline, held_back: vec![NodeId(2)], spokesman: None };
        let rule = rule(&brief, books, operation.contains("blinded"));
        let plan = rule.conduct(Plan { conduct, ask, would_ask: Vec::new() });
        let Conduct::Broadcast { held_back, .. } = plan.conduct else { panic!("{plan:?}") };
        let numbers = |nodes: Vec<NodeId>| nodes.iter().map(|node| node.0).collect();
        (numbers(plan.ask.iter().map(|one| one.node).collect()), numbers(held_back))
    }

    #[test]
    fn the_producer_comes_first() {
        let forged = |blinded| Forged { blinded, ..Forged::default() };
        let given = |forged: &Forged, node: u16| {
            let mut books = Books::default();
            let key = block::signed(&forged.signed_ssz(), true).expect("it can be read");
            books.blocks.given(None, key, Producer { node: NodeId(node), kind: Kind::Blinded });
            books
        };
        let (whole, blinded) = (forged(false), forged(true));
        let nobody = Books::default();
        let ready = Tier::Ready;
        for (name, operation, body, content_type, books, own, asked, held_back) in [
            (
                "blinded",
                "publish_blinded_block_v2",
                blinded.signed_ssz(),
                SSZ,
                given(&blinded, 1),
                ready,
                vec![1, 0],
                vec![0],
            ),
            (
                "blinded, JSON, v1",
                "publish_blinded_block_v1",
                blinded.signed_json().to_string().into_bytes(),
                None,
                given(&blinded, 1),
                ready,
                vec![1, 0],
                vec![0],
            ),
            (
                "blinded, not known",
                "publish_blinded_block_v2",
                blinded.signed_ssz(),
                SSZ,
                Books::default(),
                ready,
                vec![0, 1],
                vec![],
            ),
            (
                "blinded, noise",
                "publish_blinded_block_v2",
                b"noise".to_vec(),
                SSZ,
                given(&blinded, 1),
                ready,
                vec![0, 1],
                vec![],
            ),
            (
                "blinded, its producer is gone",
                "publish_blinded_block_v2",
                blinded.signed_ssz(),
                SSZ,
                given(&blinded, 9),
                ready,
                vec![0, 1],
                vec![],
            ),
            (
                "blinded, no own node is there",
                "publish_blinded_block_v2",
                blinded.signed_ssz(),
                SSZ,
                given(&blinded, 1),
                Tier::Away,
                vec![1, 0, 2],
                vec![0, 2],
            ),
            ("whole", "publish_block_v2", whole.signed_ssz(), SSZ, given(&whole, 1), ready, vec![1, 0, 2], vec![2]),
            (
                "whole, a friend's",
                "publish_block_v1",
                whole.signed_json().to_string().into_bytes(),
                None,
                given(&whole, 2),
                ready,
                vec![2, 0, 1],
                vec![],
            ),
            ("whole, not known", "publish_block_v2", whole.signed_ssz(), SSZ, nobody, ready, vec![0, 1, 2], vec![2]),
        ] {
            assert_eq!(conduct(operation, &body, content_type, &books, own), (asked, held_back), "{name}");
        }
    }
}
