//! Every metric name and log event, one function each.
//!
//! Metrics are bound to one recorder that is made here, not to a process-wide one, so that several Rangelights can
//! live in one process (tests, the demo). The counters of the request path are registered once, at the start: looking
//! a metric up by its labels costs more than the rest of a small request's policy.
//!
//! Log events carry a target that says what they are about ([`NODES`] and its like), for `RUST_LOG` and for eyes; the
//! path of this module would say nothing.
//!
//! Label sets are closed: operations come from the catalogue, nodes from the configuration, the rest from enums.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use rangelight_policy::catalogue::{self, Row};
use rangelight_policy::duty::Alarm;
use rangelight_policy::fleet::Notice;
use rangelight_policy::network::Change;
use rangelight_policy::node::{NodeId, Snapshot, Tier};
use rangelight_policy::standing::Replayed;
use tracing::{debug, error, info, warn};

use crate::config::NodeChanges;
use crate::evidence::Record;

mod standing;

pub use standing::{standing_not_told, standing_restored, standing_told};

pub use under_way::{Left, UnderWay};

mod guarded;
mod under_way;

/// Bounds of the latency buckets, in seconds: fine around a LAN answer and around the deadlines of a 12 s slot.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// Names, kinds and meanings of all metrics; `docs/reference/metrics.md` is made from it.
pub const METRICS: &[Metric] = &[
    Metric {
        name: REQUESTS,
        kind: "counter",
        labels: "operation, status",
        help: "Requests of callers, by the status they got.",
    },
    Metric {
        name: REQUEST_SECONDS,
        kind: "histogram",
        labels: "operation",
        help: "Seconds from a request's head to its answer's head.",
    },
    Metric {
        name: EXCHANGES,
        kind: "counter",
        labels: "node, outcome",
        help: "Exchanges with nodes; outcome is good, final or bad.",
    },
    Metric {
        name: EXCHANGE_SECONDS,
        kind: "histogram",
        labels: "node",
        help: "Seconds that a node took for an exchange.",
    },
    Metric { name: REFUSALS, kind: "counter", labels: "status", help: "Errors that Rangelight made itself." },
    Metric { name: EVENTS, kind: "counter", labels: "topic", help: "Events given out on the merged stream." },
    Metric { name: SUBSCRIBERS, kind: "gauge", labels: "", help: "Open event streams." },
    Metric {
        name: SUBSCRIBERS_LOST,
        kind: "counter",
        labels: "",
        help: "Event streams ended because their reader was too slow.",
    },
    Metric {
        name: EVENTS_DROPPED,
        kind: "counter",
        labels: "",
        help: "Events not given out because those that slow readers have not read fill their room (32 MiB).",
    },
    Metric {
        name: NODE_TIER,
        kind: "gauge",
        labels: "node, tier",
        help: "1 for the tier a node has, 0 for the others.",
    },
    Metric { name: NODE_HEAD, kind: "gauge", labels: "node", help: "Slot of a node's head as last heard." },
    Metric {
        name: VIEW_SLOT,
        kind: "gauge",
        labels: "",
        help: "Slot of the head that was last told to the validator client.",
    },
    Metric {
        name: ALARMS,
        kind: "counter",
        labels: "sort",
        help: "Things the owner must know; each is in the log with its cure.",
    },
    guarded::UNJUDGED,
    Metric {
        name: REPLAYS,
        kind: "counter",
        labels: "node, operation, outcome",
        help: "Standing submissions told again to nodes that may have forgotten them; outcome is taken, refused or unanswered.",
    },
    Metric { name: BACKGROUND, kind: "gauge", labels: "", help: "Publications that still run after their answer." },
];

const REQUESTS: &str = "rangelight_requests_total";
const REQUEST_SECONDS: &str = "rangelight_request_duration_seconds";
const EXCHANGES: &str = "rangelight_exchanges_total";
const EXCHANGE_SECONDS: &str = "rangelight_exchange_duration_seconds";
const REFUSALS: &str = "rangelight_refusals_total";
const EVENTS: &str = "rangelight_events_total";
const SUBSCRIBERS: &str = "rangelight_subscribers";
const SUBSCRIBERS_LOST: &str = "rangelight_subscribers_lost_total";
const EVENTS_DROPPED: &str = "rangelight_events_dropped_total";
const NODE_TIER: &str = "rangelight_node_tier";
const NODE_HEAD: &str = "rangelight_node_head_slot";
const VIEW_SLOT: &str = "rangelight_view_slot";
const ALARMS: &str = "rangelight_alarms_total";
const REPLAYS: &str = "rangelight_standing_replays_total";
const BACKGROUND: &str = "rangelight_background_publications";

/// Targets of log events.
const NODES: &str = "rangelight::nodes";
const VIEW: &str = "rangelight::view";
const REQUEST: &str = "rangelight::requests";
const STREAM: &str = "rangelight::stream";
const STATE: &str = "rangelight::state";
const CONFIG: &str = "rangelight::config";
const ALARM: &str = "rangelight::alarms";
const DRAIN: &str = "rangelight::drain";

const METADATA: Metadata<'static> = Metadata::new("rangelight", Level::INFO, None);

/// One line of the metrics reference.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// counter, gauge or histogram.
    pub kind: &'static str,
    /// Its labels, comma-separated.
    pub labels: &'static str,
    /// What it counts.
    pub help: &'static str,
}

/// All meters of one Rangelight.
pub struct Meters {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    operations: Vec<OperationMeters>,
    nodes: DashMap<Arc<str>, Arc<NodeMeters>>,
    /// Open event streams.
    pub subscribers: Gauge,
    /// Event streams ended because their reader was too slow.
    pub subscribers_lost: Counter,
    /// Events dropped because the room for unread ones was full.
    pub events_dropped: Counter,
    /// Publications that run on after their answer.
    pub background: Gauge,
    /// Publications on their way, by operation and node.
    pub under_way: UnderWay,
    view_slot: Gauge,
}

struct OperationMeters {
    by_class: [Counter; 5],
    seconds: Histogram,
}

struct NodeMeters {
    good: Counter,
    last_word: Counter,
    bad: Counter,
    seconds: Histogram,
    head: Gauge,
    tiers: [(Tier, Gauge); 6],
}

/// What an exchange was worth, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// An answer that may be given to the caller.
    Good,
    /// A refusal that is true whichever node is asked.
    Final,
    /// Anything else.
    Bad,
}

// === impl Meters ===

impl Meters {
    /// Registers everything.
    #[must_use]
    pub fn new() -> Self {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
            .expect("the list of buckets is not empty");
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        for metric in METRICS {
            let help = metric.help.into();
            match metric.kind {
                "counter" => recorder.describe_counter(metric.name.into(), None, help),
                "gauge" => recorder.describe_gauge(metric.name.into(), None, help),
                _ => recorder.describe_histogram(metric.name.into(), None, help),
            }
        }
        let operations = catalogue::rows().map(|row| OperationMeters::new(&recorder, row.operation)).collect();
        let subscribers = gauge(&recorder, SUBSCRIBERS, vec![]);
        let subscribers_lost = counter(&recorder, SUBSCRIBERS_LOST, vec![]);
        let events_dropped = counter(&recorder, EVENTS_DROPPED, vec![]);
        let background = gauge(&recorder, BACKGROUND, vec![]);
        let view_slot = gauge(&recorder, VIEW_SLOT, vec![]);
        let (nodes, under_way) = (DashMap::new(), UnderWay::default());
        Self {
            recorder,
            handle,
            operations,
            nodes,
            subscribers,
            subscribers_lost,
            events_dropped,
            background,
            under_way,
            view_slot,
        }
    }

    /// A request was answered.
    pub fn answered(&self, row: &Row, status: u16, took: Duration) {
        if let Some(meters) = self.operations.get(catalogue::index(row)) {
            let class = usize::from((status / 100).clamp(1, 5)) - 1;
            meters.by_class[class].increment(1);
            meters.seconds.record(took);
        }
    }

    /// We refused a request ourselves.
    pub fn refused(&self, status: u16) {
        counter(&self.recorder, REFUSALS, vec![Label::new("status", status.to_string())]).increment(1);
    }

    /// Something happened that the owner must know.
    pub fn alarm(&self, alarm: &Alarm) {
        counter(&self.recorder, ALARMS, vec![Label::new("sort", alarm.sort)]).increment(1);
        warn!(target: ALARM, alarm = alarm.sort, "{}", alarm.message);
    }

    /// A node was told again what it may have forgotten.
    pub fn replayed(&self, node: &Arc<str>, operation: &'static str, how: Replayed) {
        let outcome = match how {
            Replayed::Taken => "taken",
            Replayed::Refused { .. } => "refused",
            Replayed::Unanswered => "unanswered",
        };
        let node = Label::new("node", node.to_string());
        let labels = vec![node, Label::new("operation", operation), Label::new("outcome", outcome)];
        counter(&self.recorder, REPLAYS, labels).increment(1);
    }

    /// An exchange with a node ended.
    pub fn exchanged(&self, node: &Arc<str>, worth: Worth, took: Duration) {
        let meters = self.node(node);
        match worth {
            Worth::Good => meters.good.increment(1),
            Worth::Final => meters.last_word.increment(1),
            Worth::Bad => meters.bad.increment(1),
        }
        meters.seconds.record(took);
    }

    /// An event went out on the merged stream.
    pub fn event(&self, topic: &'static str) {
        counter(&self.recorder, EVENTS, vec![Label::new("topic", topic)]).increment(1);
    }

    /// The picture of the nodes changed.
    pub fn pictured(&self, snapshot: &Snapshot) {
        for state in &snapshot.nodes {
            let meters = self.node(&state.profile.name);
            for (tier, gauge) in &meters.tiers {
                gauge.set(if *tier == state.tier { 1.0 } else { 0.0 });
            }
            if let Some((slot, _)) = state.head {
                meters.head.set(slot_number(slot.0));
            }
        }
        // A node that is no longer configured has no tier; its last one would keep an alert from firing, or firing.
        let configured = |name: &Arc<str>| snapshot.nodes.iter().any(|state| state.profile.name == *name);
        for gone in self.nodes.iter().filter(|meters| !configured(meters.key())) {
            gone.tiers.iter().for_each(|(_, gauge)| gauge.set(0.0));
        }
        if let Some(view) = &snapshot.view {
            self.view_slot.set(slot_number(view.slot.0));
        }
    }

    /// The Prometheus text.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }

    fn node(&self, name: &Arc<str>) -> Arc<NodeMeters> {
        if let Some(meters) = self.nodes.get(name) {
            return Arc::clone(&meters);
        }
        let made = Arc::new(NodeMeters::new(&self.recorder, name));
        Arc::clone(&self.nodes.entry(Arc::clone(name)).or_insert(made))
    }
}

impl Default for Meters {
    fn default() -> Self {
        Self::new()
    }
}

impl OperationMeters {
    fn new(recorder: &PrometheusRecorder, operation: &'static str) -> Self {
        let by_class = ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| {
            counter(recorder, REQUESTS, vec![Label::new("operation", operation), Label::new("status", class)])
        });
        Self { by_class, seconds: histogram(recorder, REQUEST_SECONDS, vec![Label::new("operation", operation)]) }
    }
}

impl NodeMeters {
    fn new(recorder: &PrometheusRecorder, name: &Arc<str>) -> Self {
        let node = || Label::new("node", name.to_string());
        let outcome = |word| counter(recorder, EXCHANGES, vec![node(), Label::new("outcome", word)]);
        let tiers = [Tier::Ready, Tier::Behind, Tier::Optimistic, Tier::Syncing, Tier::Away, Tier::Foreign];
        Self {
            good: outcome("good"),
            last_word: outcome("final"),
            bad: outcome("bad"),
            seconds: histogram(recorder, EXCHANGE_SECONDS, vec![node()]),
            head: gauge(recorder, NODE_HEAD, vec![node()]),
            tiers: tiers.map(|tier| (tier, gauge(recorder, NODE_TIER, vec![node(), Label::new("tier", tier.name())]))),
        }
    }
}

fn counter(recorder: &PrometheusRecorder, name: &'static str, labels: Vec<Label>) -> Counter {
    recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
}

fn gauge(recorder: &PrometheusRecorder, name: &'static str, labels: Vec<Label>) -> Gauge {
    recorder.register_gauge(&Key::from_parts(name, labels), &METADATA)
}

fn histogram(recorder: &PrometheusRecorder, name: &'static str, labels: Vec<Label>) -> Histogram {
    recorder.register_histogram(&Key::from_parts(name, labels), &METADATA)
}

/// A slot as a gauge's value; exact below 2^53.
#[allow(clippy::cast_precision_loss)]
fn slot_number(slot: u64) -> f64 {
    slot as f64
}

// === log events ===

/// Something that the fleet noticed.
pub fn notice(notice: &Notice, name: impl Fn(NodeId) -> Option<Arc<str>>) {
    let name = |id: NodeId| name(id).unwrap_or_else(|| "?".into());
    match notice {
        Notice::Tier { node, was, is, reasons } => {
            let (node, was, is) = (name(*node), was.name(), is.name());
            match reasons.is_empty() {
                true => info!(target: NODES, %node, was, is, "the node is {is}"),
                false => warn!(target: NODES, %node, was, is, "the node is {is}: {}", reasons.join("; ")),
            }
        }
        Notice::NotReady { node, change, epoch } => {
            let node = name(*node);
            warn!(target: NODES, %node, "not ready for {change} at epoch {epoch}; upgrade it");
        }
        Notice::ViewMoved { is: (slot, root), leader, .. } => {
            debug!(target: VIEW, slot = slot.0, %root, leader = %name(*leader), "the view moved");
        }
        Notice::Reorged(reorg) => {
            info!(target: VIEW, slot = reorg.slot.0, depth = reorg.depth, old = %reorg.old_head_block, new = %reorg.new_head_block,
                "the chain reorganised");
        }
        Notice::Astray { node, head: (slot, root) } => {
            warn!(target: NODES, node = %name(*node), slot = slot.0, %root, "the node is on another branch than the view");
        }
        Notice::DependentRootsDiffer { node, head: (slot, root) } => {
            error!(target: NODES, node = %name(*node), slot = slot.0, %root,
                "the node gives other dependent roots than the others for the same head; one of them computes duties wrongly");
        }
        Notice::FinalityDiffers { node, says, others } => {
            error!(target: NODES, node = %name(*node), epoch = says.epoch.0, says = %says.root, %others,
                "two checkpoints are said to be final for one epoch; do not restart anything before you know why");
        }
        Notice::ClockOff { offset_ms } => {
            error!(target: NODES, offset_ms, "this machine's clock is wrong by what own nodes agree on; set it by NTP");
        }
        Notice::ClockRight => info!(target: NODES, "this machine's clock agrees with the own nodes' again"),
        Notice::Unreadable { from, topic } => {
            debug!(target: STREAM, node = %name(*from), topic = topic.name(), "an event could not be read and was dropped");
        }
    }
}

/// A node was not usable when it was asked for the first time. Later changes are [`notice`]d.
pub fn node_away_at_first(node: &str, reason: &str, cure: &str) {
    warn!(target: NODES, node, is = Tier::Away.name(), "the node is away: {reason}; {cure}");
}

/// A node cannot be used with its TLS files.
pub fn node_unusable(node: &str, reason: &str) {
    error!(target: NODES, node, "the node is left out: {reason}");
}

/// A node's certificate is out of date, and is accepted because its key is pinned.
pub fn pinned_certificate_out_of_date(node: &str) {
    warn!(target: NODES, node, "the node's certificate is out of date; it is accepted because its public key is the pinned one");
}

/// What we serve of the spec took an addition.
pub fn spec_changed(change: &Change) {
    info!(target: NODES, key = change.key, from = change.from, to = change.to, "the served spec took a value from an own node");
}

/// The state directory does not take a file.
pub fn state_not_written(file: &str, reason: &str) {
    error!(target: STATE, file, "the state was not written, and will not be there after a restart: {reason}");
}

/// The state directory holds a file that cannot be used.
pub fn state_not_read(file: &str, reason: &str) {
    warn!(target: STATE, file, "the state was not read; going on without it: {reason}");
}

/// A race ended without an answer for the caller.
pub fn race_failed(record: &Record) {
    let asked: Vec<String> = record.asked.iter().map(|line| format!("{}: {}", line.node, line.reason)).collect();
    warn!(target: REQUEST, operation = record.operation, caller = %record.caller, status = record.status, took_ms = record.took_ms,
        "{} [{}]", record.outcome, asked.join(", "));
}

/// A node's stream held events that could not be read.
pub fn events_dropped(node: &str, events: u64) {
    warn!(target: STREAM, node, events, "events of the node's stream were too long or no text, and were dropped");
}

/// Events that subscribers have not read fill their room.
pub fn events_fill_memory(bytes: usize) {
    warn!(
        target: STREAM, bytes,
        "events that subscribers have not read fill their room; until they are read only heads and reorgs are told"
    );
}

/// The state directory was kept from another network than the own nodes'.
pub fn network_moved() {
    error!(
        target: STATE, "the state directory is of another network than all own nodes; theirs is taken. Set `network` to forbid this"
    );
}

/// A person took a node out of reads, or let it in again.
pub fn cordoned(node: &str, cordoned: bool, caller: &str) {
    match cordoned {
        true => {
            info!(target: NODES, node, caller, "the node was cordoned: it still gets every publication, and reads only as \
                the mode says");
        }
        false => info!(target: NODES, node, caller, "the node was uncordoned"),
    }
}

/// The nodes of a configuration that was read again are in place.
pub fn nodes_reloaded(changes: &NodeChanges) {
    info!(target: CONFIG, "the nodes are those of the new configuration: {changes}");
}

/// Options whose new values count at the next start only.
pub fn options_wait(keys: &[String]) {
    warn!(target: CONFIG, "these options differ from those of the start and count at the next one: {}", keys.join(", "));
}

/// A drain ran out of time.
pub fn publications_cut(publications: usize, left: &Left) {
    warn!(target: DRAIN, publications, "ended before these publications had reached every node: {left}");
}
