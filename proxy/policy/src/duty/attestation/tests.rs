//! The rule: which answers may be compared, under which key they are kept, what freezes them, and what is learnt.

use super::*;
use crate::catalogue::{Found, find};
use crate::chain::Moment;
use crate::duty::{Freeze, Headers};
use crate::merit::{Body, EthHeaders};
use crate::network::{ForkVersion, Genesis, Served, Spec};
use crate::quorum::tests::{VIEW_SLOT, world};
use crate::race::failover::{Pace, Refusals, Rules};
use crate::race::plan::CallerKind;
use crate::race::{Candidate, Losers};

const TWO: &str = "own:lighthouse/geth own:teku/besu";

/// Slot 320 opens epoch 10; Electra from epoch 5, Gloas from epoch 12.
fn network() -> Served {
    let spec = r#"{"data":{"SLOT_DURATION_MS":"12000","SLOTS_PER_EPOCH":"32","GENESIS_FORK_VERSION":"0x00000000",
        "ALTAIR_FORK_EPOCH":"0","ALTAIR_FORK_VERSION":"0x01000000","DENEB_FORK_EPOCH":"1","DENEB_FORK_VERSION":"0x04000000",
        "ELECTRA_FORK_EPOCH":"5","ELECTRA_FORK_VERSION":"0x05000000","GLOAS_FORK_EPOCH":"12",
        "GLOAS_FORK_VERSION":"0x07000000"}}"#;
    let genesis = Genesis { time: 1_000, validators_root: Root::default(), fork_version: ForkVersion([0; 4]) };
    Served { genesis, spec: Spec::read(spec.as_bytes()).expect("a spec") }
}

/// A request by caller `vc`, two seconds into a slot.
struct Stage {
    network: Served,
    snapshot: Arc<Snapshot>,
    books: Books,
    now: Slot,
}

impl Stage {
    fn new(nodes: &str, said: &str) -> Self {
        let snapshot = world(nodes, said).0.snapshot;
        Self { network: network(), snapshot, books: Books::default(), now: VIEW_SLOT }
    }

    fn with<T>(&mut self, path: &str, query: &str, body: &[u8], ask: impl FnOnce(&Brief<'_>, &Books) -> T) -> T {
        let method = if query.is_empty() { "POST" } else { "GET" };
        let Found::Row(row, params) = find(method, path) else { panic!("no row: {path}") };
        let clock = self.network.spec.clock(&self.network.genesis);
        let brief = Brief {
            row,
            path,
            params: Some(&params),
            query: Some(query),
            headers: Headers { content_type: Some("application/json"), ..Headers::default() },
            body,
            caller: &Arc::from("vc"),
            kind: CallerKind::Own,
            snapshot: &self.snapshot,
            network: Some(&self.network),
            clock: Some(clock),
            now: clock.start(self.now).plus(2_000),
        };
        ask(&brief, &self.books)
    }

    fn rule(&mut self, query: &str) -> Option<Arc<dyn Rule>> {
        self.with("/eth/v1/validator/attestation_data", query, b"", asked)
    }
}

fn sample(slot: u64) -> AttestationData {
    let checkpoint = |epoch, name| Checkpoint { epoch: Epoch(epoch), root: crate::quorum::tests::root(name) };
    let epoch = slot / 32;
    AttestationData {
        slot: Slot(slot),
        index: 0,
        head: crate::quorum::tests::root("view"),
        source: checkpoint(epoch - 1, "source"),
        // The view's head is the block of slot 320.
        target: checkpoint(epoch, "view"),
    }
}

fn answer<'a>(body: &'a [u8], accept: Option<&'a str>) -> Observed<'a> {
    let content_type = if body.first() == Some(&b'{') { "application/json" } else { SSZ };
    Observed {
        status: 200,
        content_type: Some(content_type),
        optimistic: None,
        accept,
        eth: EthHeaders::default(),
        body: Body::Whole(body),
    }
}

fn judged(rule: &dyn Rule, node: u16, data: &AttestationData) -> Judged {
    rule.judge(NodeId(node), &answer(&data.to_json(), None))
}

#[test]
fn only_what_can_be_true_is_compared() {
    let epoch = |data: &mut AttestationData, epoch| data.target.epoch = Epoch(epoch);
    type Change = fn(&mut AttestationData);
    let cases: [(&str, u64, Change, Option<&str>); 12] = [
        ("as it should be", 320, |_| {}, None),
        ("later in the epoch", 330, |_| {}, None),
        ("another slot", 320, |data| data.slot.0 += 1, Some("another slot")),
        ("another epoch", 320, |data| data.target.epoch.0 += 1, Some("another epoch")),
        ("a source of the target's epoch", 320, |data| data.source.epoch = data.target.epoch, Some("not before")),
        ("a source of times to come", 320, |data| data.source.epoch.0 += 9, Some("not before")),
        ("an index in Electra", 320, |data| data.index = 1, Some("index")),
        (
            "a target that is not the first block's",
            320,
            |data| data.target.root = Root([9; 32]),
            Some("not the checkpoint"),
        ),
        ("a head that nobody told", 320, |data| data.head = Root([9; 32]), None),
        ("a payload in Gloas", 400, |data| data.index = 1, None),
        ("an index that is none in Gloas", 400, |data| data.index = 2, Some("index")),
        ("a committee before Electra", 96, |data| (data.index, data.head) = (3, Root([9; 32])), None),
    ];
    for (name, slot, change, wrong) in cases {
        let mut stage = Stage::new(TWO, "A A");
        stage.now = Slot(slot);
        let rule = stage.rule(&format!("slot={slot}&committee_index=3")).expect("a rule");
        let mut said = sample(slot);
        change(&mut said);
        let judged = judged(&*rule, 0, &said);
        match wrong {
            None => assert!(matches!(judged.verdict, Verdict::Good { .. }), "{name}: {}", judged.words),
            Some(why) => {
                assert_eq!(judged.verdict, Verdict::Bad, "{name}");
                assert!(judged.words.contains(why), "{name}: {}", judged.words);
            }
        }
    }
    let mut stage = Stage::new(TWO, "A A");
    stage.now = Slot(300);
    let rule = stage.rule("slot=320&committee_index=0").expect("a rule");
    assert!(judged(&*rule, 0, &sample(320)).words.contains("future"));
    let mut first = sample(320);
    (first.slot, first.source.epoch) = (Slot(3), Epoch(0));
    epoch(&mut first, 0);
    let rule = stage.rule("slot=3&committee_index=0").expect("a rule");
    first.head = Root([9; 32]);
    assert!(matches!(judged(&*rule, 0, &first).verdict, Verdict::Good { .. }), "both checkpoints are genesis");
}

#[test]
fn what_is_no_attestation_data_is_bad() {
    let mut stage = Stage::new(TWO, "A A");
    let rule = stage.rule("slot=320").expect("the committee may be left out");
    for (name, body) in [("another shape", &br#"{"data":{"slot":"320"}}"#[..]), ("a list", b"{\"data\":[]}")] {
        assert_eq!(rule.judge(NodeId(0), &answer(body, None)).verdict, Verdict::Bad, "{name}");
    }
    assert_eq!(rule.judge(NodeId(0), &answer(&[1; 127], Some(SSZ))).verdict, Verdict::Bad);
    for query in ["committee_index=1", "slot=", "slot=x", "slot=1&committee_index=x", "slot=-1"] {
        assert!(stage.rule(query).is_none(), "{query}: the row alone");
    }
}

#[test]
fn one_answer_for_a_slot_and_a_caller() {
    let mut stage = Stage::new(TWO, "A A");
    let mut memo = |query: &str, now: u64| {
        stage.now = Slot(now);
        stage.rule(query).and_then(|rule| rule.memo()).expect("it is kept")
    };
    let kept = memo("slot=320&committee_index=1", 320);
    assert_eq!(kept.key, memo("committee_index=2&slot=320", 320).key, "no committee from Electra on");
    assert_ne!(kept.key, memo("slot=321&committee_index=1", 321).key);
    assert_ne!(memo("slot=96&committee_index=1", 96).key, memo("slot=96&committee_index=2", 96).key, "before Electra");
    assert_eq!(kept.under, crate::quorum::tests::root("view"));
    assert_eq!(kept.until, Moment(1_000_000 + 322 * 12_000), "until the end of the next slot");
}

#[test]
fn both_forms_have_the_same_data_and_name() {
    let mut stage = Stage::new(TWO, "A A");
    let rule = stage.rule("slot=320").expect("a rule");
    let (json, ssz) = (sample(320).to_json(), sample(320).to_ssz());
    let both = "application/octet-stream;q=1,application/json;q=0.9";
    for (name, kept, accept, expected) in [
        ("JSON for who takes JSON", &json, Some("application/json"), None),
        ("JSON for who says nothing", &json, None, None),
        ("JSON for who takes both", &json, Some(both), None),
        ("JSON for who takes only SSZ", &json, Some(SSZ), Some(&ssz)),
        ("SSZ for who takes only SSZ", &ssz, Some(SSZ), None),
        ("SSZ for who takes both", &ssz, Some(both), None),
        ("SSZ for who takes JSON", &ssz, Some("application/json"), Some(&json)),
        ("SSZ for who takes anything", &ssz, Some("*/*"), Some(&json)),
    ] {
        let made = rule.in_form(&answer(kept, accept));
        assert_eq!(made.as_ref().map(|made| &made.body), expected, "{name}");
        let is_ssz = made.is_some_and(|made| made.headers == [("content-type", SSZ.to_owned())]);
        assert_eq!(is_ssz, expected == Some(&ssz), "{name}");
    }
    let name = Some(sample(320).tree_root());
    assert_eq!((rule.name(&answer(&json, None)), rule.name(&answer(&ssz, Some(SSZ)))), (name, name));
}

#[test]
fn a_publication_freezes_what_it_was_signed_with() {
    let mut stage = Stage::new(TWO, "A A");
    let item = |data: &AttestationData| {
        let body = String::from_utf8(data.to_json()).expect("ASCII");
        format!(r#"{{"data":{},"signature":"0x"}}"#, &body[r#"{"data":"#.len()..body.len() - 1])
    };
    let old = AttestationData { index: 2, ..sample(96) };
    let body = format!("[{},{},{}]", item(&sample(320)), item(&old), item(&sample(320)));
    let frozen = stage.with("/eth/v2/beacon/pool/attestations", "", body.as_bytes(), |brief, _| signed(brief));
    let key = |stage: &mut Stage, query| stage.rule(query).and_then(|rule| rule.memo()).expect("it is kept").key;
    let expected = [
        Freeze { keys: key(&mut stage, "slot=320&committee_index=5"), name: sample(320).tree_root() },
        Freeze { keys: key(&mut stage, "slot=96&committee_index=2"), name: old.tree_root() },
    ];
    assert_eq!(frozen.frozen, expected);
    assert_eq!(frozen.head, Some((Slot(320), sample(320).head)));
    assert!(stage.with("/eth/v2/beacon/pool/attestations", "", b"[{", |brief, _| signed(brief)).frozen.is_empty());
}

#[test]
fn what_was_confirmed_is_learnt_and_what_differs_is_told_once() {
    // The block that opens the epoch on the other branch.
    let head = crate::quorum::tests::root("apart9");
    let other = AttestationData { head, target: Checkpoint { epoch: Epoch(10), root: head }, ..sample(325) };
    for (name, second, words, confirmed, alarms) in [
        ("both say it", Some(sample(325)), "confirmed by independent families", true, 0),
        ("one says it", None, "unconfirmed", false, 0),
        ("they differ", Some(other), "withheld, independent families contradict", false, 1),
    ] {
        let mut stage = Stage::new(TWO, "A B@apart9");
        stage.now = Slot(325);
        for round in 0..2 {
            let rule = stage.rule("slot=325").expect("a rule");
            let mut answers = vec![(NodeId(0), sample(325).to_json())];
            answers.extend(second.map(|data| (NodeId(1), data.to_json())));
            for (node, body) in &answers {
                assert!(matches!(rule.judge(*node, &answer(body, None)).verdict, Verdict::Good { .. }), "{name}");
            }
            let by = (alarms == 0).then_some(NodeId(0));
            let lesson = rule.concluded(&mut stage.books, by);
            assert_eq!(lesson.words, Some(words), "{name}");
            assert_eq!(lesson.alarms.len(), if round == 0 { alarms } else { 0 }, "{name}, round {round}");
            let pair = stage.books.agreement.confirmed(Epoch(10));
            assert_eq!(pair, confirmed.then(|| sample(325).pair()), "{name}");
            if alarms == 1 {
                let said: Vec<_> = answers.iter().map(|(node, body)| (*node, answer(body, None))).collect();
                let made = rule.merge(&said).expect("a refusal");
                let text = String::from_utf8(made.body).expect("text");
                assert_eq!(made.status, 503);
                for part in
                    ["node 0 (lighthouse with geth)", "node 1 (teku with besu)", "10/0x61706172", "on_disagreement"]
                {
                    assert!(text.contains(part), "{part}: {text}");
                }
            }
        }
    }
}

#[test]
fn the_deadline_of_the_plan_stands_above_ours() {
    let mut stage = Stage::new(TWO, "A A");
    let rule = stage.rule("slot=320").expect("a rule");
    let terms = |ms| {
        let deadline = Duration::from_millis(ms);
        let rules = Rules {
            pace: Pace::OneByOne,
            refusals: Refusals::Confirmed,
            enough: Score::default(),
            deadline,
            losers: Losers::Cancel,
        };
        let ask: Vec<Candidate> = Vec::new();
        let plan = rule.conduct(Plan { conduct: Conduct::Failover(rules), ask, would_ask: Vec::new() });
        let Conduct::Agree(terms) = plan.conduct else { panic!("{:?}", plan.conduct) };
        [terms.soft, terms.hard, terms.deadline].map(|it| it.as_millis())
    };
    assert_eq!(terms(4_000), [200, 450, 4_000]);
    assert_eq!(terms(300), [200, 300, 300]);
    assert_eq!(terms(50), [50, 50, 50]);
}
