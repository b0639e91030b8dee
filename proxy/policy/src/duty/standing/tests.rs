//! Named cases: who is asked, who is remembered, who is refused, and what counts as told.

use std::sync::Arc;

use super::*;
use crate::catalogue::row;
use crate::chain::{Clock, Moment, Slot};
use crate::duty::{Headers, rule};
use crate::merit::{Body, EthHeaders};
use crate::node::{NodeState, Participation, Profile};
use crate::race::Score;
use crate::race::plan::Conduct;
use crate::standing::Sight;

const NOW: Moment = Moment(120_000_000);
const CLOCK: Clock = Clock { genesis: Moment(0), slot_ms: 12_000, slots_per_epoch: 32 };
const OWN: NodeId = NodeId(1);
const FRIEND: NodeId = NodeId(2);
const PREPARATION: &str = r#"[{"validator_index":"5","fee_recipient":"0x0101010101010101010101010101010101010101"}]"#;

fn state(id: NodeId, trust: Trust, tier: Tier, participation: Participation) -> NodeState {
    let profile = Profile {
        id,
        name: "a".into(),
        trust,
        participation,
        operator: None,
        consensus: Default::default(),
        execution: Default::default(),
    };
    NodeState {
        profile: Arc::new(profile),
        tier,
        compared: true,
        cordoned: false,
        doubtful: false,
        head: None,
        hedge_after_ms: 100,
        reasons: Arc::from([]),
    }
}

fn snapshot(own: Tier) -> Arc<Snapshot> {
    let full = Participation::Full;
    let nodes = vec![state(OWN, Trust::Own, own, full), state(FRIEND, Trust::Friend, Tier::Ready, full)];
    Arc::new(Snapshot { nodes, ..Snapshot::default() })
}

fn ask(operation: &str, kind: CallerKind, body: &str, books: &mut Books) -> Arc<dyn Rule> {
    let (caller, snapshot) = (Arc::from("somebody"), snapshot(Tier::Ready));
    let brief = Brief {
        row: row(operation).expect("it is listed"),
        path: "",
        params: None,
        query: None,
        headers: Headers::default(),
        body: body.as_bytes(),
        caller: &caller,
        kind,
        snapshot: &snapshot,
        network: None,
        clock: Some(CLOCK),
        now: NOW,
    };
    rule(&brief, books)
}

fn see(books: &mut Books) {
    let sight = |node, trust| {
        let (tier, head) = (Tier::Ready, Some(Slot(1)));
        Sight { node, trust, tier, wanted: true, feeds: 1, version: None, head }
    };
    books.standing.see(&[sight(OWN, Trust::Own), sight(FRIEND, Trust::Friend)], Some(&CLOCK), NOW);
}

#[test]
fn registrations_go_to_friends_only_when_no_own_node_is_there() {
    for (operation, own, asked) in [
        ("register_validators", Tier::Ready, vec![OWN]),
        ("register_validators", Tier::Syncing, vec![OWN]),
        ("register_validators", Tier::Away, vec![FRIEND, OWN]),
        ("prepare_proposers", Tier::Ready, vec![OWN, FRIEND]),
        ("committee_subscriptions", Tier::Ready, vec![OWN, FRIEND]),
    ] {
        let rule = ask(operation, CallerKind::Own, "[]", &mut Books::default());
        let snapshot = snapshot(own);
        assert_eq!(told(&snapshot).len(), 2, "the plan names both");
        let candidate = |node: &NodeState| crate::race::Candidate {
            node: node.profile.id,
            trust: node.profile.trust,
            tier: node.tier,
            hedge_after: Duration::ZERO,
            reserve: false,
            why: "",
        };
        let mut ask: Vec<_> = snapshot.nodes.iter().map(candidate).collect();
        ask.sort_by_key(|one| one.tier == Tier::Away);
        let conduct = Conduct::Broadcast(crate::race::broadcast::Terms::new(Duration::ZERO));
        let plan = rule.conduct(Plan { conduct, ask, would_ask: Vec::new() });
        let nodes: Vec<_> = plan.ask.iter().map(|one| one.node).collect();
        assert_eq!(nodes, asked, "{operation}, the own node is {}", own.name());
    }
}

#[test]
fn who_is_told_at_all() {
    let of = |states: &[(Trust, Tier, Participation)]| {
        let numbered = states.iter().zip(1..);
        let nodes = numbered.map(|((trust, tier, share), id)| state(NodeId(id), *trust, *tier, *share)).collect();
        told(&Snapshot { nodes, ..Snapshot::default() }).into_iter().map(|node| node.0).collect::<Vec<_>>()
    };
    let [full, standby, publish] = [Participation::Full, Participation::Standby, Participation::PublishOnly];
    let (own, friend, ready, away) = (Trust::Own, Trust::Friend, Tier::Ready, Tier::Away);
    for (name, states, expected) in [
        ("full ones", vec![(own, ready, full), (friend, ready, full)], vec![1, 2]),
        ("a standby waits", vec![(own, ready, full), (friend, ready, standby)], vec![1]),
        ("a standby is promoted", vec![(own, away, full), (friend, ready, standby)], vec![1, 2]),
        ("publish-only never", vec![(own, away, full), (friend, ready, publish)], vec![1]),
        ("nor a foreign one", vec![(own, Tier::Foreign, full), (own, ready, full)], vec![2]),
    ] {
        let mut nodes = of(&states);
        nodes.sort_unstable();
        assert_eq!(nodes, expected, "{name}");
    }
}

#[test]
fn a_peer_is_not_remembered_and_may_not_name_ours() {
    let mut books = Books::default();
    let peers = ask("prepare_proposers", CallerKind::Peer, PREPARATION, &mut books);
    assert_eq!((peers.at_once(), books.standing.fee_recipient(5)), (None, None));
    assert_eq!(ask("prepare_proposers", CallerKind::Own, PREPARATION, &mut books).at_once(), None);
    for (operation, body, refused) in [
        ("prepare_proposers", PREPARATION.replace("01010101", "02020202"), true),
        ("prepare_proposers", PREPARATION.replace("\"5\"", "\"6\""), false),
        ("sync_committee_subscriptions", r#"[{"validator_index":"5","until_epoch":"9999999"}]"#.to_owned(), true),
        ("sync_committee_subscriptions", r#"[{"validator_index":"6","until_epoch":"9999999"}]"#.to_owned(), false),
    ] {
        let peers = ask(operation, CallerKind::Peer, &body, &mut books);
        assert_eq!(peers.at_once().map(|made| made.status), refused.then_some(403), "{operation} {body}");
    }
    assert_eq!(books.standing.fee_recipient(5), Some([1; 20]), "ours stands");
}

#[test]
fn a_node_counts_as_told_when_it_said_so_itself() {
    let mut books = Books::default();
    see(&mut books);
    let rule = ask("prepare_proposers", CallerKind::Own, PREPARATION, &mut books);
    rule.ended(&mut books, OWN, &Verdict::good(Score::default()));
    rule.ended(&mut books, FRIEND, &Verdict::Bad);
    assert_eq!([OWN, FRIEND].map(|node| books.standing.has_preparations(node)), [true, false]);
    let due: Vec<_> = books.standing.due(NOW).into_iter().map(|replay| replay.node).collect();
    assert_eq!(due, [FRIEND]);
}

#[test]
fn answers_are_judged_by_the_row() {
    let rule = ask("register_validators", CallerKind::Own, "[]", &mut Books::default());
    for (status, good) in [(200, true), (202, true), (400, false), (500, false), (503, false)] {
        let observed = Observed {
            status,
            content_type: None,
            optimistic: None,
            accept: None,
            body: Body::Whole(b""),
            eth: EthHeaders::default(),
        };
        let verdict = rule.judge(OWN, &observed).verdict;
        assert_eq!(matches!(verdict, Verdict::Good { .. }), good, "{status}");
    }
}

#[test]
fn warnings_name_what_to_do() {
    let changed = vec![(5, [1; 20], [2; 20])];
    for (warning, sort, words) in [
        (
            Warning::Recipients { changed, more: 3 },
            "fee-recipient-changed",
            "5: 0x0101010101010101010101010101010101010101 before",
        ),
        (Warning::ZeroRecipient { validator: 7 }, "fee-recipient-zero", "validator 7"),
        (Warning::Preferences { slot: Slot(9) }, "preferences-differ", "slot 9"),
        (Warning::Full { kind: Kind::Registrations }, "standing-full", "register_validators"),
    ] {
        let alarm = alarm(&warning);
        assert_eq!(alarm.sort, sort);
        assert!(alarm.message.contains(words), "{}", alarm.message);
    }
}

#[test]
fn a_node_that_does_not_read_ssz_gets_json() {
    let ssz = [vec![1; 20], 7_u64.to_le_bytes().to_vec(), 9_u64.to_le_bytes().to_vec(), vec![2; 48 + 96]].concat();
    let mut books = Books::default();
    see(&mut books);
    let said = Submission { kind: Kind::Registrations, form: Form::Ssz, version: None, body: &ssz };
    books.standing.remember(&said, Some(CLOCK), NOW);
    let due = books.standing.due(NOW);
    let refusal = |status, body| Observed {
        status,
        content_type: None,
        optimistic: None,
        accept: None,
        body: Body::Whole(body),
        eth: EthHeaders::default(),
    };
    let listed: &[u8] = br#"{"code":400,"message":"x","failures":[{"index":0,"message":"x"}]}"#;
    for (status, body, rewritten) in
        [(415, b"".as_slice(), true), (400, b"misread", true), (400, listed, false), (500, b"", false)]
    {
        let edit = again(&due[0]).instead(OWN, &refusal(status, body));
        assert_eq!(edit.is_some(), rewritten, "{status}");
        let Some(edit) = edit else { continue };
        assert_eq!(edit.headers, [("content-type", "application/json".to_owned())]);
        let json = edit.body.expect("it is the body that changes");
        let said = Submission { kind: Kind::Registrations, form: Form::Json, version: None, body: &json };
        assert!(books.standing.knows(&said), "{}", String::from_utf8_lossy(&json));
    }
    let json = ask("register_validators", CallerKind::Own, "[]", &mut books);
    assert_eq!(json.instead(OWN, &refusal(415, b"")), None, "there is no third form");
}
