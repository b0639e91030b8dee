//! The reference pages `docs/reference/status.md`, `metrics.md` and [`evidence`]`.md`, made from what the code says.
//!
//! The status page carries a sample that went through the same functions as the real answer, and a line for every
//! field of it; a field without a line, or a line without a field, fails. `RANGELIGHT_BLESS=1` writes both pages anew.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use rangelight_policy::chain::{Moment, Root, Slot};
use rangelight_policy::family::{ConsensusFamily, ExecutionFamily, Versions};
use rangelight_policy::network::{Genesis, Served, Spec};
use rangelight_policy::node::{NodeId, NodeState, Participation, Profile, Snapshot, Tier, Trust, ViewState};
use rangelight_policy::race::plan::Mode;
use serde::Serialize;
use serde_json::Value;

use super::status::{
    GuardStatus, Health, Maintenance, NetworkStatus, NodeStatus, SignerStatus, Status, ViewStatus, mode_name,
};
use crate::observe::METRICS;

mod evidence;

/// Every field of the three answers and what it means; `[]` stands for each entry of a list.
const FIELDS: &[(&str, &str)] = &[
    ("version", "Rangelight's version."),
    ("started_at_ms", "When it was started, in milliseconds since the Unix epoch."),
    ("mode", "`guarded`, `pass-through` or `observe`."),
    ("network", "The network; `null` until an own node told it, unless it was kept from the last run."),
    ("network.name", "Its name, as known here or as its spec tells; `null` if neither."),
    ("network.genesis_validators_root", "Its identity."),
    ("network.slot", "The slot now, by the corrected clock; `null` before genesis."),
    ("network.epoch", "The epoch of that slot."),
    ("view", "The head that was last told to the validator client; `null` until there was one."),
    ("view.slot", "Slot of the head."),
    ("view.root", "Root of the head."),
    ("view.leader", "The node whose word moved the view here; `null` once it is no longer configured."),
    ("view.members", "The nodes that said the same root. Reads that gate a signature go to them first."),
    ("guard", "The slashing guard."),
    ("guard.condition", "`on`; `from-memory` while its records cannot be written; `refuses`; `off`."),
    ("guard.why", "Why it decides from memory or refuses; `null` otherwise."),
    ("guard.validators", "Validators of whom it knows anything."),
    (
        "guard.signers",
        "Who signed for whom last, since the start, by caller. Two callers with one validator in turns are two clients.",
    ),
    ("guard.signers[].caller", "His address and what he calls himself."),
    ("guard.signers[].last_slot", "The slot in which the latest of these messages came."),
    ("guard.signers[].validators", "The validators whose last message he sent, by index."),
    ("nodes", "Every configured node, in configured order."),
    ("nodes[].name", "Its name."),
    ("nodes[].url", "Its URL, without user part; a path segment that may be a key is `***`."),
    ("nodes[].trust", "`own` or `friend`."),
    ("nodes[].participation", "`full`, `standby` or `publish-only`."),
    ("nodes[].operator", "Who runs a friend's node, if it is configured."),
    ("nodes[].tier", "`ready`, `behind`, `optimistic`, `syncing`, `away` or `foreign`."),
    ("nodes[].reasons", "Why it has this tier, or is doubtful. A ready node has one if it lacks a fork to come."),
    ("nodes[].cordoned", "Taken out of reads by a person; it still receives publications."),
    ("nodes[].doubtful", "Asked later than others of its tier, for the reasons given; never refused for it."),
    ("nodes[].consensus", "Its beacon node."),
    ("nodes[].consensus.family", "By label, else as it told; `unknown` if neither says."),
    ("nodes[].consensus.version", "As it told; `null` until then."),
    ("nodes[].execution", "Its execution client."),
    ("nodes[].execution.family", "By label, else as it told; many beacon nodes cannot tell, then label it."),
    ("nodes[].execution.version", "As it told; `null` if it did not."),
    ("nodes[].head", "Its head as last heard; `null` if nothing was heard since it was lost."),
    ("nodes[].head.slot", "Slot of its head."),
    ("nodes[].head.root", "Root of its head."),
    ("nodes[].in_view", "Whether its head is the view's."),
    ("nodes[].hedge_after_ms", "After so many milliseconds without its answer another node is asked too."),
    ("subscribers", "Open event streams."),
    ("publications_in_flight", "Publications on their way to nodes, answered or not."),
    ("clock_offset_ms", "Milliseconds added to this machine's clock, as own nodes agree; 0 as long as it seems right."),
    ("callers", "Callers of the own listeners with a request or an event stream in flight."),
];

fn node(id: u16, name: &str, trust: Trust, tier: Tier, reason: &str) -> NodeState {
    NodeState {
        profile: Arc::new(Profile {
            id: NodeId(id),
            name: name.into(),
            trust,
            participation: if trust == Trust::Own { Participation::Full } else { Participation::Standby },
            operator: (trust == Trust::Friend).then(|| "alice".into()),
            consensus: if id == 0 { ConsensusFamily::Lighthouse } else { ConsensusFamily::Teku },
            execution: if id == 0 { ExecutionFamily::Nethermind } else { ExecutionFamily::Unknown },
        }),
        tier,
        compared: true,
        cordoned: false,
        doubtful: false,
        head: (tier != Tier::Away).then_some((Slot(11_000_000), Root([0xab; 32]))),
        hedge_after_ms: 75,
        reasons: if reason.is_empty() { Arc::from([]) } else { Arc::from([reason.to_owned()]) },
    }
}

/// A home with one ready node, and a friend's that is away.
pub(crate) fn sample() -> (Status, Snapshot) {
    let nodes = vec![
        node(0, "attic", Trust::Own, Tier::Ready, ""),
        node(1, "alice", Trust::Friend, Tier::Away, "cannot be reached: connection refused"),
    ];
    let members = [NodeId(0)].into();
    let view =
        ViewState { slot: Slot(11_000_000), root: Root([0xab; 32]), leader: NodeId(0), members, dependent: None };
    let snapshot = Snapshot { at: Moment(0), nodes, view: Some(view), ..Snapshot::default() };
    let genesis = br#"{"data":{"genesis_time":"1606824023","genesis_fork_version":"0x00000000",
        "genesis_validators_root":"0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"}}"#;
    let spec = br#"{"data":{"SECONDS_PER_SLOT":"12","SLOTS_PER_EPOCH":"32","GENESIS_FORK_VERSION":"0x00000000"}}"#;
    let served = Served {
        genesis: Genesis::read(genesis).expect("the genesis of mainnet"),
        spec: Spec::read(spec).expect("the beginning of a spec"),
    };
    let clock = served.spec.clock(&served.genesis);
    let versions: HashMap<NodeId, Versions> = HashMap::from([(
        NodeId(0),
        Versions {
            consensus_version: "v8.0.1".to_owned(),
            execution_version: "v1.35.2".to_owned(),
            ..Versions::default()
        },
    )]);
    let url = |state: &NodeState| format!("http://{}:5052", state.profile.name);
    let view = snapshot.view.as_ref();
    let status = Status {
        version: "0.1.0".to_owned(),
        started_at_ms: Moment(1_738_820_000_000),
        mode: mode_name(Mode::Guarded).to_owned(),
        network: Some(NetworkStatus::of(&served, &clock, clock.start(Slot(11_000_001)))),
        view: view.map(|view| ViewStatus::of(view, &snapshot)),
        guard: GuardStatus {
            condition: "on".to_owned(),
            why: None,
            validators: 2,
            signers: vec![SignerStatus {
                caller: "127.0.0.1 Lighthouse/v8.0.1".to_owned(),
                last_slot: Slot(11_000_001),
                validators: vec!["1234".to_owned(), "1235".to_owned()],
            }],
        },
        nodes: snapshot
            .nodes
            .iter()
            .map(|state| NodeStatus::of(state, url(state), versions.get(&state.profile.id), view))
            .collect(),
        subscribers: 1,
        publications_in_flight: 0,
        clock_offset_ms: 0,
        callers: 1,
    };
    (status, snapshot)
}

fn status_page() -> String {
    let (status, snapshot) = sample();
    let maintenance = Maintenance::of(NodeId(0), status.nodes[0].clone(), &snapshot, Mode::Guarded);
    let away = Snapshot { nodes: snapshot.nodes[1..].to_vec(), ..snapshot };
    let health = Health::of(&away);
    let mut page = String::from(STATUS_HEADER);
    for (field, meaning) in FIELDS {
        writeln!(page, "| `{field}` | {meaning} |").expect("a String takes all that is written to it");
    }
    let (sample, health) = (pretty(&status), pretty(&health));
    // The node's own fields were shown above.
    let told = pretty(&serde_json::json!({ "node": {}, "safe": maintenance.safe, "why": maintenance.why }));
    write!(
        page,
        "\nA sample:\n\n```json\n{sample}\n```\n\n{HEALTH}\n```json\n{health}\n```\n\n{CORDON}\n```json\n{told}\n```\n"
    )
    .expect("a String takes all that is written to it");
    page
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("plain values have a JSON form")
}

fn metrics_page() -> String {
    let mut page = String::from(METRICS_HEADER);
    for metric in METRICS {
        let labels: Vec<String> =
            metric.labels.split(", ").filter(|it| !it.is_empty()).map(|it| format!("`{it}`")).collect();
        let labels = if labels.is_empty() { "-".to_owned() } else { labels.join(", ") };
        writeln!(page, "| `{}` | {} | {labels} | {} |", metric.name, metric.kind, metric.help)
            .expect("a String takes all that is written to it");
    }
    page
}

/// Every field of a value, written as in [`FIELDS`].
fn fields(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                fields(value, &at, found);
                found.insert(at);
            }
        }
        Value::Array(entries) => entries.iter().for_each(|entry| fields(entry, &format!("{at}[]"), found)),
        _ => {}
    }
}

fn is_current(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os("RANGELIGHT_BLESS").is_some() {
        std::fs::write(&path, page).expect("the docs are writable");
        panic!("{} written; run again without RANGELIGHT_BLESS", path.display());
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "docs/reference/{name} is not current: run with RANGELIGHT_BLESS=1, look at the change");
}

#[test]
fn the_status_page_is_current() {
    is_current("status.md", &status_page());
}

#[test]
fn the_metrics_page_is_current() {
    is_current("metrics.md", &metrics_page());
}

#[test]
fn every_field_is_explained_and_nothing_else() {
    let mut found = BTreeSet::new();
    fields(&serde_json::to_value(sample().0).expect("plain values have a JSON form"), "", &mut found);
    let explained: BTreeSet<String> = FIELDS.iter().map(|(field, _)| (*field).to_owned()).collect();
    assert_eq!(found, explained);
}

const STATUS_HEADER: &str = "\
# Status

Generated from the code. Do not edit: run the tests with `RANGELIGHT_BLESS=1` to write it anew.

`GET /status` on the admin listener (`[admin] address`, default `127.0.0.1:5056`) answers with this object.
`rangelight status` shows it as a table. The shape is stable: fields are added, never renamed or removed, and every field
is always there. Expect words that you do not know. Slots and epochs are decimal strings, as in the Beacon API.

| field | meaning |
|---|---|
";

const HEALTH: &str = "\
## `GET /health`

200 while a node is ready, else 503, with the reasons. It tells the truth of this moment, for monitors; the Beacon API's
`/eth/v1/node/health` is held for two slots instead, so that a validator client does not stop at every hiccup.
";

const CORDON: &str = "\
## `POST /nodes/{name}/cordon` and `/uncordon`

Takes a node out of reads, or lets it in again, and says whether it is `safe` to stop it now and `why`. A cordoned node
still receives every publication, and is read from before one that is not ready. `node` is as in `/status`. `safe` is
true for this moment and no longer. In the modes `observe` and `pass-through` a cordon does less; `why` then says what. A
cordon does not survive a restart of Rangelight.
";

const METRICS_HEADER: &str = "\
# Metrics

Generated from the code. Do not edit: run the tests with `RANGELIGHT_BLESS=1` to write it anew.

`GET /metrics` on the admin listener gives them as Prometheus text. Label sets are closed: operations are those of
[the catalogue](endpoints.md), nodes those of the configuration; `status` of a request is its class (`2xx`), `status` of a
refusal its number.

| metric | kind | labels | meaning |
|---|---|---|---|
";
