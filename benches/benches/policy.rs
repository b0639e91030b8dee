//! What single decisions cost: a simple loop around each, on one thread.
//!
//! These say which part of a request's processor time is policy. The inputs are what a validator client with three nodes
//! causes; every result is looked at by nobody but the compiler, which must not know.
#![allow(clippy::print_stdout, reason = "the table is the point of the program")]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rangelight_benches::Outcome;
use rangelight_benches::numbers::{Rounds, Table};
use rangelight_policy::catalogue::{self, find};
use rangelight_policy::chain::{Moment, Root, Slot};
use rangelight_policy::family::{ConsensusFamily, ExecutionFamily};
use rangelight_policy::health::{Exchange, Health};
use rangelight_policy::merit::{self, Body, Observed};
use rangelight_policy::node::{NodeId, NodeState, Participation, Profile, Snapshot, Tier, Trust, ViewState};
use rangelight_policy::race::failover::Pace;
use rangelight_policy::race::plan::{CallerKind, Kind, Mode, Question, plan};
use rangelight_policy::race::{Event, Score, Verdict};

/// Rounds of each loop.
const ROUNDS: usize = 11;

/// How long a round is, roughly.
const ROUND: Duration = Duration::from_millis(30);

const ATTESTATION: &[u8] = br#"{"data":{"slot":"9000000","index":"0","beacon_block_root":"0xcf8e0d4e9587369b2301d0790347320302cc0943d5a1884560367e8208d920f2","source":{"epoch":"281249","root":"0x9a1f0d4e9587369b2301d0790347320302cc0943d5a1884560367e8208d920f2"},"target":{"epoch":"281250","root":"0x7b2e0d4e9587369b2301d0790347320302cc0943d5a1884560367e8208d920f2"}}}"#;

fn main() -> Outcome<()> {
    let mut table = Table::new(&["decision", "ns"]);
    for (name, path) in [
        ("find a duty's row", "/eth/v1/validator/attestation_data"),
        ("find a row with parameters", "/eth/v1/beacon/states/head/validators/123456"),
        ("find that a path is unlisted", "/eth/v1/beacon/something/new"),
    ] {
        measure(&mut table, name, || find("GET", black_box(path)));
    }
    let snapshot = three_nodes();
    let (read, publication) = (question(Kind::Read, true), question(Kind::Publication, false));
    for (name, question) in [("plan a read in the view", &read), ("plan a publication", &publication)] {
        measure(&mut table, name, || plan(black_box(question), &snapshot, Mode::Guarded, CallerKind::Own));
    }
    let planned = plan(&read, &snapshot, Mode::Guarded, CallerKind::Own);
    measure(&mut table, "run a race that its first answer ends", || {
        let mut race = planned.race()?;
        let from = race.begin().send.first().copied()?;
        let event = Event::Answer { from, verdict: Verdict::good(Score::default()) };
        Some(race.observe(event, Duration::from_millis(3)))
    });
    let row = catalogue::row("attestation_data").ok_or("the catalogue has this operation")?;
    let observed = Observed {
        status: 200,
        content_type: Some("application/json"),
        optimistic: None,
        accept: Some("application/json"),
        eth: Default::default(),
        body: Body::Whole(ATTESTATION),
    };
    measure(&mut table, "judge an answer of 380 bytes, and say why", || merit::judge(row, black_box(&observed)));
    let mut health = Health::default();
    measure(&mut table, "fold an exchange into a node's health", || {
        health.exchanged(black_box(Exchange::Answered { ms: 3 }))
    });
    println!("## Policy: median of {ROUNDS} rounds (lowest–highest)\n\n{table}");
    Ok(())
}

fn measure<T>(table: &mut Table, name: &str, mut decide: impl FnMut() -> T) {
    let mut times = 1_000;
    let rounds = (0..=ROUNDS).map(|_| {
        let begun = Instant::now();
        for _ in 0..times {
            black_box(decide());
        }
        let nanos = begun.elapsed().as_secs_f64() * 1e9 / f64::from(times);
        times = times_in(ROUND, nanos);
        nanos
    });
    // The first one was short and cold; it only said how many fit into a round.
    let rounds = rounds.skip(1).collect();
    table.row(vec![name.to_owned(), format!("{:.0}", Rounds::new(rounds))]);
}

/// How many fit; at least one.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn times_in(round: Duration, nanos: f64) -> u32 {
    (round.as_secs_f64() * 1e9 / nanos).clamp(1.0, 1e9) as u32
}

fn question(kind: Kind, view: bool) -> Question {
    Question {
        kind,
        view,
        pace: Pace::Hedged,
        hedge_no_sooner: Duration::ZERO,
        friends_last: false,
        guarded_friends: false,
        enough: Score::default(),
        deadline: Duration::from_secs(3),
        body_bytes: 0,
    }
}

fn three_nodes() -> Snapshot {
    let root = Root([7; 32]);
    let node = |id: u16| NodeState {
        profile: Arc::new(Profile {
            id: NodeId(id),
            name: format!("node{id}").into(),
            trust: Trust::Own,
            participation: Participation::Full,
            operator: None,
            consensus: ConsensusFamily::default(),
            execution: ExecutionFamily::default(),
        }),
        tier: Tier::Ready,
        compared: true,
        cordoned: false,
        doubtful: false,
        head: Some((Slot(9_000_000), root)),
        hedge_after_ms: 50,
        reasons: Arc::default(),
    };
    Snapshot {
        at: Moment(1_700_000_000_000),
        nodes: (0..3).map(node).collect(),
        view: Some(ViewState {
            slot: Slot(9_000_000),
            root,
            leader: NodeId(0),
            dependent: None,
            members: BTreeSet::from([NodeId(0), NodeId(1), NodeId(2)]),
        }),
        ..Snapshot::default()
    }
}
