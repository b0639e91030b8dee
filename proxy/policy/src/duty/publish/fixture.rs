//! What the tests of this folder share: a request among four nodes, on a network of which the spec is known.
//!
//! Nodes 0 and 1 are own, 2 is own and away, 3 is a friend's. Node 1 leads the view. Slots last 12 s, an epoch has 8; deneb is
//! in force from epoch 0, electra from epoch 10.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::catalogue::row;
use crate::chain::{Clock, Moment, Root, Slot};
use crate::duty::{Brief, Headers};
use crate::family::{ConsensusFamily, ExecutionFamily};
use crate::merit::{Body, EthHeaders, Observed};
use crate::network::{Genesis, Served, Spec};
use crate::node::{NodeId, NodeState, Participation, Profile, Snapshot, Tier, Trust, ViewState};
use crate::race::Score;
use crate::race::failover::Pace;
use crate::race::plan::{CallerKind, Kind, Mode, Plan, Question, plan};

pub(super) const CLOCK: Clock = Clock { genesis: Moment(1_000_000_000), slot_ms: 12_000, slots_per_epoch: 8 };

/// Everything that a brief borrows.
pub(super) struct Stage {
    caller: Arc<str>,
    snapshot: Arc<Snapshot>,
    network: Served,
}

impl Stage {
    /// With the view at this slot.
    pub(super) fn new(view: u64) -> Self {
        let node = |(number, trust, tier)| NodeState {
            profile: Arc::new(Profile {
                id: NodeId(number),
                name: format!("node-{number}").into(),
                trust,
                participation: Participation::Full,
                operator: None,
                consensus: ConsensusFamily::Unknown,
                execution: ExecutionFamily::Unknown,
            }),
            tier,
            compared: true,
            cordoned: false,
            doubtful: false,
            head: None,
            hedge_after_ms: 100,
            reasons: Arc::default(),
        };
        let (own, friend) = (Trust::Own, Trust::Friend);
        let nodes = [(0, own, Tier::Ready), (1, own, Tier::Ready), (2, own, Tier::Away), (3, friend, Tier::Ready)];
        let members = BTreeSet::from([NodeId(0), NodeId(1)]);
        let view = ViewState { slot: Slot(view), root: Root([1; 32]), leader: NodeId(1), members, dependent: None };
        let snapshot =
            Snapshot { at: Moment(0), nodes: nodes.map(node).to_vec(), view: Some(view), ..Snapshot::default() };
        let spec = json!({"data": {
            "SECONDS_PER_SLOT": "12", "SLOTS_PER_EPOCH": "8", "GENESIS_FORK_VERSION": "0x00000001",
            "DENEB_FORK_EPOCH": "0", "DENEB_FORK_VERSION": "0x00000005",
            "ELECTRA_FORK_EPOCH": "10", "ELECTRA_FORK_VERSION": "0x00000006",
        }});
        let genesis = json!({"data": {
            "genesis_time": "1000000", "genesis_fork_version": "0x00000001",
            "genesis_validators_root": format!("0x{}", "11".repeat(32)),
        }});
        let network = Served {
            genesis: Genesis::read(genesis.to_string().as_bytes()).expect("a genesis"),
            spec: Spec::read(spec.to_string().as_bytes()).expect("a spec"),
        };
        Self { caller: "vc".into(), snapshot: Arc::new(snapshot), network }
    }

    /// A request of the own VC.
    pub(super) fn brief<'a>(
        &'a self,
        operation: &str,
        query: Option<&'a str>,
        headers: Headers<'a>,
        body: &'a [u8],
    ) -> Brief<'a> {
        let row = row(operation).expect("a row");
        Brief {
            row,
            path: row.path,
            params: None,
            query,
            headers,
            body,
            caller: &self.caller,
            kind: CallerKind::Own,
            snapshot: &self.snapshot,
            network: Some(&self.network),
            clock: Some(CLOCK),
            now: CLOCK.start(Slot(90)),
        }
    }

    /// The plan as it comes to a rule.
    pub(super) fn plan(&self) -> Plan {
        let question = Question {
            kind: Kind::Publication,
            view: false,
            friends_last: false,
            guarded_friends: false,
            pace: Pace::OneByOne,
            hedge_no_sooner: Duration::ZERO,
            enough: Score::default(),
            deadline: Duration::from_secs(6),
            body_bytes: 0,
        };
        plan(&question, &self.snapshot, Mode::Guarded, CallerKind::Own)
    }
}

/// A node's answer.
pub(super) fn said(status: u16, body: &str) -> Observed<'_> {
    Observed {
        status,
        content_type: Some("application/json"),
        optimistic: None,
        accept: None,
        body: Body::Whole(body.as_bytes()),
        eth: EthHeaders::default(),
    }
}
