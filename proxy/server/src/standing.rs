//! The teller: tells nodes again what they may have forgotten, and keeps it across our own restart.
//!
//! One task looks at the nodes a few times a slot, tells policy's register how they stand, and makes the requests that
//! are due, each in a task of its own, at most one per node. They are exchanges like any other (same connections, same
//! judging, same counting), and nobody waits for them. What policy warns of on the way becomes an alarm.
//!
//! The register is in the books, which requests change; here it is written to the state directory, at most each
//! [`WRITE_EVERY`], and once more at the end of a drain. So `kill -9` loses the last seconds of what the validator client
//! said, which it says again within an epoch; the file itself is replaced whole and is never half of one. It is read
//! before the first listener takes a connection, or as soon as the network is known, because what it says is true on one
//! network only. A file that cannot be read is left out with a warning.
//!
//! Rules are in force in guarded mode alone, and so is this.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, Method};
use rangelight_policy::chain::Root;
use rangelight_policy::duty;
use rangelight_policy::node::NodeId;
use rangelight_policy::race::Verdict;
use rangelight_policy::race::plan::Mode;
use rangelight_policy::standing::{Form, Kept, Kind, Replay, Replayed, Sight};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};

use crate::answers::House;
use crate::nodes::exchange::{Question, ask};
use crate::nodes::transport::{Repeat, SentHead};
use crate::observe;
use crate::state::State;

const FILE: &str = "standing.json";

/// A validator client of a thousand keys changes its subscriptions in every slot; the disk need not follow each.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// How long a node may think about a replay, in a share of the slot; within these bounds. Registrations of 500
/// validators take a small machine a second.
const PATIENCE_BP: u64 = 5_000;
const PATIENCE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(6));

/// The task before it runs.
pub struct Teller {
    house: Arc<House>,
    state: Option<Arc<State>>,
    /// The network of what is known, once what was kept was taken in, or was of no use.
    network: Option<Root>,
    /// The register's count when it was written last, and when that was.
    written: u64,
    written_at: Option<Instant>,
    writing: JoinSet<()>,
    /// What nodes do not take, said once.
    refusing: HashSet<(NodeId, Kind)>,
}

/// The running task. It ends with this value.
pub struct Standing {
    end: oneshot::Sender<()>,
    task: Option<JoinHandle<()>>,
}

/// A replay that ended.
struct Told {
    replay: Replay,
    how: Replayed,
    reason: String,
}

// === impl Standing ===

impl Standing {
    /// Writes what is not written yet, and ends; after so long in any case.
    pub async fn end(self, patience: Duration) {
        let _ = self.end.send(());
        if let Some(task) = self.task {
            let _ = timeout(patience, task).await;
        }
    }
}

// === impl Teller ===

impl Teller {
    /// A teller of this house; takes in what was kept, if the network is known already.
    #[must_use]
    pub fn new(house: Arc<House>, state: Option<Arc<State>>) -> Self {
        let mut teller = Self {
            house,
            state,
            network: None,
            written: 0,
            written_at: None,
            writing: JoinSet::new(),
            refusing: HashSet::new(),
        };
        if teller.house.mode == Mode::Guarded {
            teller.restore();
        }
        teller
    }

    /// Starts it, where rules are in force.
    #[must_use]
    pub fn start(self) -> Standing {
        let (end, ended) = oneshot::channel();
        let guarded = self.house.mode == Mode::Guarded;
        Standing { end, task: guarded.then(|| tokio::spawn(self.run(ended))) }
    }

    async fn run(mut self, mut end: oneshot::Receiver<()>) {
        let mut running = JoinSet::new();
        loop {
            self.restore();
            for replay in self.due() {
                running.spawn(tell(Arc::clone(&self.house), replay));
            }
            self.write();
            tokio::select! {
                () = tokio::time::sleep(self.pace()) => {}
                Some(told) = running.join_next() => {
                    if let Ok(told) = told {
                        self.ended(&told);
                    }
                }
                Some(_) = self.writing.join_next() => {}
                // Also when the house is gone without a word.
                _ = &mut end => break,
            }
        }
        while self.writing.join_next().await.is_some() {}
        // The network may have become known since the last look.
        self.restore();
        self.written_at = None;
        self.write();
        while self.writing.join_next().await.is_some() {}
    }

    /// What is due now, by how the nodes stand.
    fn due(&self) -> Vec<Replay> {
        let nodes = &self.house.desk.nodes;
        let (picture, versions, now) = (nodes.picture(), nodes.versions(), self.house.now());
        let told = duty::standing::told(&picture.snapshot);
        let feeds: Vec<u64> = {
            let fleet = nodes.fleet();
            picture.snapshot.nodes.iter().map(|state| fleet.feeds(state.profile.id)).collect()
        };
        let sights = picture.snapshot.nodes.iter().zip(feeds).map(|(state, feeds)| {
            let node = state.profile.id;
            Sight {
                node,
                trust: state.profile.trust,
                tier: state.tier,
                wanted: told.contains(&node),
                feeds,
                version: versions.get(&node).map(|versions| versions.consensus_version.as_str()),
                head: state.head.map(|(slot, _)| slot),
            }
        });
        let sights: Vec<Sight<'_>> = sights.collect();
        let clock = nodes.clock();
        let (due, warnings) = {
            let mut books = self.house.books();
            books.standing.see(&sights, clock.as_ref(), now);
            (books.standing.due(now), books.standing.warnings())
        };
        for warning in &warnings {
            self.house.desk.meters.alarm(&duty::standing::alarm(warning));
        }
        due
    }

    fn ended(&mut self, told: &Told) {
        let Told { replay, how, reason } = told;
        let (node, operation) = (replay.node, replay.kind.operation());
        let has = self.house.books().standing.ended(replay, *how, self.house.now());
        let picture = self.house.desk.nodes.picture();
        self.refusing.retain(|(node, _)| picture.nodes.contains_key(node));
        let Some(name) = picture.nodes.get(&node).map(|node| &node.config.name) else { return };
        self.house.desk.meters.replayed(name, operation, *how);
        if has {
            let recovered = self.refusing.remove(&(node, replay.kind));
            observe::standing_told(name, operation, replay.items, recovered);
        } else if *how != Replayed::Taken && self.refusing.insert((node, replay.kind)) {
            observe::standing_not_told(name, operation, reason);
        }
    }

    fn pace(&self) -> Duration {
        let slot_ms = self.house.desk.nodes.clock().map_or(4_000, |clock| clock.slot_ms);
        Duration::from_millis((slot_ms / 16).clamp(25, 1_000))
    }

    // === across our own restart ===

    /// Takes in what was kept, once the network is known. If it turns out to be another one, what is known is of no use.
    fn restore(&mut self) {
        let Some(network) = self.house.desk.nodes.network() else { return };
        let root = network.served.genesis.validators_root;
        let before = self.network.replace(root);
        if before.is_some_and(|before| before != root) {
            self.house.books().standing.forget();
        }
        let (None, Some(state)) = (before, &self.state) else { return };
        let kept = match state.read::<Kept>(FILE) {
            Ok(Some(kept)) => kept,
            Ok(None) => return,
            Err(error) => return observe::state_not_read(FILE, &error.to_string()),
        };
        let mut books = self.house.books();
        let before = books.standing.count();
        match books.standing.restore(&kept, root, Some(network.clock), self.house.now()) {
            Ok(items) => observe::standing_restored(items),
            Err(unusable) => return observe::state_not_read(FILE, &unusable.to_string()),
        }
        // Nothing new is in it, unless somebody spoke before.
        if before == 0 {
            self.written = books.standing.count();
        }
    }

    /// Writes the register, if it changed and the last time is long enough ago.
    fn write(&mut self) {
        let (Some(network), Some(state)) = (self.network, self.state.clone()) else { return };
        let rests = self.written_at.is_some_and(|at| at.elapsed() < WRITE_EVERY);
        if rests || !self.writing.is_empty() {
            return;
        }
        let books = self.house.books();
        let count = books.standing.count();
        if count == self.written {
            return;
        }
        let kept = books.standing.kept(network);
        drop(books);
        self.written = count;
        self.written_at = Some(Instant::now());
        self.writing.spawn_blocking(move || {
            if let Err(error) = state.write(FILE, &kept) {
                observe::state_not_written(FILE, &error.to_string());
            }
        });
    }
}

/// Makes one request.
async fn tell(house: Arc<House>, replay: Replay) -> Told {
    let node = house.desk.nodes.picture().nodes.get(&replay.node).map(Arc::clone);
    let Some(node) = node else {
        let reason = "is no longer configured".to_owned();
        return Told { replay, how: Replayed::Unanswered, reason };
    };
    let exchanged = ask(&house.desk, replay.node, &node, &question(&house, &replay)).await;
    let how = match (&exchanged.verdict, exchanged.came.status()) {
        (Verdict::Good { .. }, _) => Replayed::Taken,
        (_, Some(status)) => Replayed::Refused { status },
        (_, None) => Replayed::Unanswered,
    };
    Told { replay, how, reason: exchanged.reason }
}

fn question(house: &House, replay: &Replay) -> Question {
    let row = replay.kind.row();
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let media = match replay.form {
        Form::Json => "application/json",
        Form::Ssz => "application/octet-stream",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    let version = replay.version.as_deref().and_then(|version| HeaderValue::from_str(version).ok());
    if let Some(version) = version {
        headers.insert(HeaderName::from_static("eth-consensus-version"), version);
    }
    let share =
        house.desk.nodes.clock().map_or(Duration::ZERO, |clock| Duration::from_millis(clock.component(PATIENCE_BP)));
    Question {
        row,
        head: SentHead { method: Method::POST, target: PathAndQuery::from_static(row.path), headers },
        body: Bytes::from(replay.body.clone()),
        repeat: Repeat::OnNewConnection,
        patience: share.clamp(PATIENCE.0, PATIENCE.1),
        rule: duty::standing::again(replay),
    }
}
