//! For the tests of rules: a stage that a request comes to, told in words.
//!
//! Nodes are written as `own`, `friend own`, … separated by commas and numbered from 0. Further words of a node: a tier
//! (`away`, `behind`, `syncing`; else it is ready), `leads` or `member` (it stands at the view), a consensus family.

use std::sync::Arc;
use std::time::Duration;

use super::{Brief, Headers, Rule, rule};
use crate::books::Books;
use crate::catalogue::{Found, find};
use crate::chain::{Clock, Moment, Root, Slot};
use crate::family::{ConsensusFamily, ExecutionFamily};
use crate::merit::{Body, EthHeaders, Observed};
use crate::network::{Genesis, Served, Spec};
use crate::node::{NodeId, NodeState, Participation, Profile, Snapshot, Tier, Trust, ViewState};
use crate::race::Score;
use crate::race::failover::Pace;
use crate::race::plan::{CallerKind, Kind, Mode, Plan, Question, plan};

/// A network, nodes, and a moment.
pub(super) struct Stage {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) network: Option<Served>,
    pub(super) caller: Arc<str>,
    pub(super) now: Moment,
}

/// The root of which every byte is this one.
pub(super) fn root(byte: u8) -> Root {
    Root([byte; 32])
}

/// A minimal network with 12 s slots and eight slots to an epoch, Electra from epoch 4 on; genesis is at 1,000 s.
pub(super) fn network() -> Served {
    let genesis = br#"{"data":{"genesis_time":"1000","genesis_validators_root":"0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95","genesis_fork_version":"0x00000001"}}"#;
    let spec = br#"{"data":{"SECONDS_PER_SLOT":"12","SLOTS_PER_EPOCH":"8","SYNC_COMMITTEE_SIZE":"32","GENESIS_FORK_VERSION":"0x00000001","ELECTRA_FORK_EPOCH":"4","ELECTRA_FORK_VERSION":"0x05000001"}}"#;
    Served { genesis: Genesis::read(genesis).expect("a genesis"), spec: Spec::read(spec).expect("a spec") }
}

pub(super) const CLOCK: Clock = Clock { genesis: Moment(1_000_000), slot_ms: 12_000, slots_per_epoch: 8 };

impl Stage {
    /// Nodes in words; the view, if anybody leads, is slot 100 with the root of nines. It is one second into slot 100.
    pub(super) fn new(nodes: &str) -> Self {
        let mut snapshot = Snapshot::default();
        let mut view = ViewState {
            slot: Slot(100),
            root: root(9),
            leader: NodeId(u16::MAX),
            members: Default::default(),
            dependent: None,
        };
        for (number, words) in nodes.split(',').enumerate() {
            let id = NodeId(u16::try_from(number).expect("few nodes"));
            let mut state = node(id);
            for word in words.split_whitespace() {
                let profile = Arc::get_mut(&mut state.profile).expect("it is not shared yet");
                match word {
                    "own" => profile.trust = Trust::Own,
                    "friend" => profile.trust = Trust::Friend,
                    "away" => state.tier = Tier::Away,
                    "behind" => state.tier = Tier::Behind,
                    "syncing" => state.tier = Tier::Syncing,
                    "leads" | "member" => {
                        view.members.insert(id);
                        if word == "leads" {
                            view.leader = id;
                        }
                    }
                    family => profile.consensus = family.parse().expect("a family"),
                }
            }
            snapshot.nodes.push(state);
        }
        snapshot.view = (!view.members.is_empty()).then_some(view);
        Self {
            snapshot: Arc::new(snapshot),
            network: Some(network()),
            caller: Arc::from("vc"),
            now: CLOCK.start(Slot(100)).plus(1_000),
        }
    }

    /// The view, to be changed.
    pub(super) fn view(&mut self) -> &mut ViewState {
        let snapshot = Arc::get_mut(&mut self.snapshot).expect("no rule holds it yet");
        snapshot.view.as_mut().expect("somebody leads")
    }

    /// The rule of a request.
    pub(super) fn rule(&self, books: &mut Books, method: &str, target: &str, body: &[u8]) -> Arc<dyn Rule> {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let Found::Row(row, params) = find(method, path) else { panic!("no row for {target}") };
        let brief = Brief {
            row,
            path,
            params: Some(&params),
            query,
            headers: Headers::default(),
            body,
            caller: &self.caller,
            kind: CallerKind::Own,
            snapshot: &self.snapshot,
            network: self.network.as_ref(),
            clock: self.network.as_ref().map(|_| CLOCK),
            now: self.now,
        };
        rule(&brief, books)
    }

    /// The plan that a guarded read begins with.
    pub(super) fn plan(&self) -> Plan {
        let question = Question {
            kind: Kind::Read,
            view: true,
            friends_last: false,
            guarded_friends: false,
            pace: Pace::Hedged,
            hedge_no_sooner: Duration::ZERO,
            enough: Score([1, 0, 0, 0]),
            deadline: Duration::from_secs(3),
            body_bytes: 0,
        };
        plan(&question, &self.snapshot, Mode::Guarded, CallerKind::Own)
    }
}

fn node(id: NodeId) -> NodeState {
    NodeState {
        profile: Arc::new(Profile {
            id,
            name: Arc::from(format!("node {id}")),
            trust: Trust::Own,
            participation: Participation::Full,
            operator: None,
            consensus: ConsensusFamily::Unknown,
            execution: ExecutionFamily::Unknown,
        }),
        tier: Tier::Ready,
        compared: true,
        cordoned: false,
        doubtful: false,
        head: None,
        hedge_after_ms: 100,
        reasons: Arc::from([]),
    }
}

/// An answer in JSON.
pub(super) fn json(status: u16, body: &str) -> Observed<'_> {
    answer(status, "application/json", body.as_bytes())
}

/// An answer in SSZ to somebody who asked for it.
pub(super) fn ssz(body: &[u8]) -> Observed<'_> {
    answer(200, "application/octet-stream", body)
}

fn answer<'a>(status: u16, content_type: &'a str, body: &'a [u8]) -> Observed<'a> {
    Observed {
        status,
        content_type: Some(content_type),
        optimistic: None,
        accept: Some("application/octet-stream, application/json;q=0.9"),
        eth: EthHeaders::default(),
        body: Body::Whole(body),
    }
}
