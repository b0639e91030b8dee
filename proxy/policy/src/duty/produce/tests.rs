//! The rule in tables: what is kept, who is asked, what they get, what answers are worth, what is learnt.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::block::forge::Forged;
use crate::block::worth::SOUND;
use crate::catalogue::{Found, find, row};
use crate::chain::{Clock, Moment};
use crate::duty::Headers;
use crate::family::ExecutionFamily;
use crate::merit::EthHeaders;
use crate::node::{Participation, Profile, ViewState};
use crate::race::failover::{Pace, Refusals, Rules};
use crate::race::{Candidate, Losers, Score};

pub(super) const CLOCK: Clock = Clock { genesis: Moment(1_000_000), slot_ms: 12_000, slots_per_epoch: 32 };
pub(super) const SLOT: u64 = 1_234_567;
/// The head of the view, and the parent of forged blocks.
pub(super) const HEAD: Root = Root([0x11; 32]);
pub(super) const WANTED: Address = Address([0x44; 20]);
pub(super) const THIEF: Address = Address([0xbd; 20]);

/// Nodes by trust; node 0 leads the view, and all heads are the view's.
pub(super) fn snapshot(nodes: &[Trust]) -> Snapshot {
    let state = |(id, trust): (u16, &Trust)| NodeState {
        profile: Arc::new(Profile {
            id: NodeId(id),
            name: format!("node-{id}").into(),
            trust: *trust,
            participation: Participation::Full,
            operator: None,
            consensus: ConsensusFamily::Unknown,
            execution: ExecutionFamily::Unknown,
        }),
        tier: Tier::Ready,
        compared: true,
        cordoned: false,
        doubtful: false,
        head: Some((Slot(SLOT - 1), HEAD)),
        hedge_after_ms: 100,
        reasons: Arc::new([]),
    };
    let nodes: Vec<NodeState> = (0..).zip(nodes).map(state).collect();
    let members = nodes.iter().map(|node| node.profile.id).collect();
    let view = ViewState { slot: Slot(SLOT - 1), root: HEAD, leader: NodeId(0), members, dependent: None };
    Snapshot { at: Moment(0), nodes, view: Some(view), ..Snapshot::default() }
}

/// One request in a test.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) operation: &'static str,
    pub(super) query: String,
    pub(super) accept: Option<&'static str>,
    pub(super) caller: &'static str,
    pub(super) kind: CallerKind,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) clock: Option<Clock>,
    pub(super) prepared: Option<Address>,
    pub(super) registered: Option<bool>,
}

impl Request {
    pub(super) fn new(nodes: &[Trust]) -> Self {
        Self {
            operation: "produce_block_v3",
            query: format!("randao_reveal=0x{}&x=%20y", "33".repeat(96)),
            accept: None,
            caller: "vc",
            kind: CallerKind::Own,
            snapshot: Arc::new(snapshot(nodes)),
            clock: Some(CLOCK),
            prepared: Some(WANTED),
            registered: None,
        }
    }

    fn with(&self, more: &str) -> Self {
        Self { query: format!("{}&{more}", self.query), ..self.clone() }
    }

    fn brief<'a>(
        &'a self,
        row: &'static Row,
        path: &'a str,
        params: Option<&'a crate::catalogue::Params<'a>>,
        caller: &'a Arc<str>,
    ) -> Brief<'a> {
        Brief {
            row,
            path,
            params,
            query: Some(&self.query),
            headers: Headers { accept: self.accept, ..Headers::default() },
            body: &[],
            caller,
            kind: self.kind,
            snapshot: &self.snapshot,
            network: None,
            clock: self.clock,
            now: CLOCK.start(Slot(SLOT)),
        }
    }

    pub(super) fn rule(&self, books: &Books) -> Arc<dyn Rule> {
        let row = row(self.operation).expect("a row");
        let path = row.path.replace("{slot}", &SLOT.to_string());
        let Found::Row(_, params) = find("GET", &path) else { panic!("{path} is listed") };
        let caller = self.caller.into();
        let brief = self.brief(row, &path, Some(&params), &caller);
        let (prepared, registered) = (self.prepared, self.registered);
        let known =
            Known { proposer: None, prepared: Arc::new(move |_| prepared), registered: Arc::new(move |_| registered) };
        rule(&brief, books, known).expect("it names a slot")
    }
}

/// A node's answer in JSON, as it is observed.
pub(super) fn observed<'a>(body: &'a [u8], eth: EthHeaders<'a>) -> Observed<'a> {
    let content_type = Some("application/json");
    Observed { status: 200, content_type, optimistic: None, accept: None, eth, body: Body::Whole(body) }
}

pub(super) fn failover(snapshot: &Snapshot) -> Plan {
    let candidate = |state: &NodeState| Candidate {
        node: state.profile.id,
        trust: state.profile.trust,
        tier: state.tier,
        hedge_after: Duration::from_secs(2),
        reserve: state.profile.trust == Trust::Friend,
        why: "planned",
    };
    let rules = Rules {
        pace: Pace::Hedged,
        refusals: Refusals::Confirmed,
        enough: merit::ENOUGH,
        deadline: Duration::from_secs(6),
        losers: Losers::Cancel,
    };
    Plan {
        conduct: Conduct::Failover(rules),
        ask: snapshot.nodes.iter().map(candidate).collect(),
        would_ask: Vec::new(),
    }
}

fn order(plan: &Plan) -> Vec<u16> {
    plan.ask.iter().map(|one| one.node.0).collect()
}

const THREE: [Trust; 3] = [Trust::Own, Trust::Own, Trust::Friend];

fn says(request: &Request, books: &Books, from: u16, forged: &Forged) -> (Verdict, Option<&'static str>) {
    let body = forged.json().to_string();
    let judged = request.rule(books).judge(NodeId(from), &observed(body.as_bytes(), EthHeaders::default()));
    (judged.verdict, judged.alarm.map(|alarm| alarm.sort))
}

fn is_served(request: &Request, books: &Books, from: u16, forged: &Forged) -> bool {
    matches!(says(request, books, from, forged).0, Verdict::Good { .. })
}

#[test]
fn one_answer_for_one_caller_slot_reveal_route_and_encoding() {
    let request = Request::new(&THREE);
    let memo = |request: &Request| request.rule(&Books::default()).memo();
    let kept = memo(&request).expect("it is kept");
    assert_eq!(kept.until, CLOCK.start(Slot(SLOT + 1)), "until the slot is over");
    for (name, other, same) in [
        ("other graffiti and boost", request.with("graffiti=0x00&builder_boost_factor=7"), true),
        ("JSON by name", Request { accept: Some("application/json"), ..request.clone() }, true),
        (
            "SSZ",
            Request { accept: Some("application/octet-stream;q=1,application/json;q=0.9"), ..request.clone() },
            false,
        ),
        ("another caller", Request { caller: "other", ..request.clone() }, false),
        ("another route", Request { operation: "produce_block_v2", ..request.clone() }, false),
        ("another reveal", Request { query: request.query.replace("33", "34"), ..request.clone() }, false),
    ] {
        assert_eq!(memo(&other).expect("kept").key == kept.key, same, "{name}");
        assert_eq!(memo(&other).expect("kept").under, kept.under, "{name}: whatever the view does");
    }
    assert_eq!(memo(&Request { query: "x=1".into(), ..request.clone() }), None, "no reveal");
    assert_eq!(memo(&Request { clock: None, ..request }), None, "nobody knows when the slot ends");
}

#[test]
fn who_is_asked_and_in_which_manner() {
    let request = Request::new(&THREE);
    let conduct = |request: &Request, books: &Books| request.rule(books).conduct(failover(&request.snapshot));
    let plan = conduct(&request, &Books::default());
    let Conduct::BestOrResort(terms, _) = &plan.conduct else { panic!("{plan:?}") };
    assert_eq!((terms.friends_at, terms.soft), (Duration::from_millis(600), Duration::from_millis(1_200)));
    assert_eq!(order(&plan), [0, 1, 2]);

    let blinded = conduct(&Request { operation: "produce_blinded_block", ..request.clone() }, &Books::default());
    assert_eq!(order(&blinded), [0, 1], "a friend's blinded block would be an offence");

    let mut with_charon = Request::new(&THREE);
    let mut nodes = snapshot(&THREE);
    nodes.nodes[1].profile =
        Arc::new(Profile { consensus: ConsensusFamily::Charon, ..Profile::clone(&nodes.nodes[1].profile) });
    with_charon.snapshot = Arc::new(nodes);
    let plan = conduct(&with_charon, &Books::default());
    assert_eq!(plan, failover(&with_charon.snapshot), "a cluster gets one block");
    let revealed = Forged { randao: [0x99; 96], ..Forged::default() };
    assert!(is_served(&with_charon, &Books::default(), 1, &revealed), "the cluster's reveal");
    assert!(!is_served(&with_charon, &Books::default(), 0, &revealed));

    // A friend's block was given away in JSON; now it is asked for in SSZ.
    let mut books = Books::default();
    let body = Forged::default().json().to_string();
    request.rule(&books).chosen(&mut books, NodeId(2), &observed(body.as_bytes(), EthHeaders::default()));
    let plan = conduct(&Request { accept: Some("application/octet-stream"), ..request.clone() }, &books);
    assert!(matches!(plan.conduct, Conduct::Failover(_)), "{plan:?}");
    assert_eq!(order(&plan), [2, 0, 1]);
    assert!(!plan.ask[0].reserve, "it is asked first although it is a friend's");
    assert_eq!(order(&conduct(&Request { caller: "other", ..request }, &books)), [0, 1, 2]);

    let refused =
        Plan { conduct: Conduct::Refuse(crate::race::plan::NotAsked::NoNode), ask: vec![], would_ask: vec![] };
    assert_eq!(Request::new(&[]).rule(&books).conduct(refused.clone()), refused);
}

#[test]
fn a_friend_is_asked_for_a_whole_block() {
    let request = Request::new(&THREE).with("builder_boost_factor=120");
    let rule = request.rule(&Books::default());
    assert_eq!(rule.request(NodeId(0)), None, "own nodes get what the caller sent");
    let edit = rule.request(NodeId(2)).expect("a friend's is changed");
    let reveal = "33".repeat(96);
    let target = format!("/eth/v3/validator/blocks/{SLOT}?randao_reveal=0x{reveal}&x=%20y&builder_boost_factor=0");
    assert_eq!(edit, Edit { target: Some(target), ..Edit::default() });
    let old = Request { operation: "produce_block_v2", ..request };
    assert_eq!(old.rule(&Books::default()).request(NodeId(2)), None, "v2 has no builders");
}

#[test]
fn pins_before_the_request_before_the_preparation() {
    let paying = |address: Address| Forged { fee_recipient: address.0, ..Forged::default() };
    let (pin, asked) = (Address([1; 20]), Address([2; 20]));
    let prepared = Request::new(&THREE);
    let named = prepared.with(&format!("feeRecipient={asked}"));
    let unread = prepared.with("feeRecipient=me.eth");
    let peer = Request { kind: CallerKind::Peer, ..prepared.clone() };
    let mut pinned = Books::default();
    pinned.blocks.pin(&[pin, Address([3; 20])]);
    for (name, request, books, served) in [
        ("prepared", &prepared, &Books::default(), [false, false, true]),
        ("named", &named, &Books::default(), [false, true, false]),
        ("named badly", &unread, &Books::default(), [false, false, true]),
        ("pinned", &prepared, &pinned, [true, false, false]),
        ("pinned and named", &named, &pinned, [true, false, false]),
        ("a peer's validators are not ours", &peer, &pinned, [false, false, true]),
    ] {
        let got = [pin, asked, WANTED].map(|address| is_served(request, books, 0, &paying(address)));
        assert_eq!(got, served, "{name}");
    }
    let nobody = Request { prepared: None, ..prepared };
    assert!(is_served(&nobody, &Books::default(), 0, &paying(THIEF)), "an own node is believed");
    assert!(!is_served(&nobody, &Books::default(), 2, &paying(THIEF)), "a friend's is not");
}

#[test]
fn an_offender_is_named_with_what_was_wanted_and_what_came() {
    let request = Request::new(&THREE);
    let body = Forged { fee_recipient: THIEF.0, ..Forged::default() }.json().to_string();
    let judged = request.rule(&Books::default()).judge(NodeId(1), &observed(body.as_bytes(), EthHeaders::default()));
    assert_eq!(judged.verdict, Verdict::Bad);
    let alarm = judged.alarm.expect("the owner is told");
    for part in ["node-1", &THIEF.to_string(), &WANTED.to_string(), &SLOT.to_string()] {
        assert!(alarm.message.contains(part), "{}", alarm.message);
    }
    assert!(judged.words.contains("pays"), "{}", judged.words);
}

#[test]
fn answers_that_are_no_block_are_nobodys_offence() {
    let request = Request::new(&THREE);
    let rule = request.rule(&Books::default());
    let whole = Forged::default().json().to_string();
    for (name, status, body) in [
        ("cut off", 200, whole[..whole.len() / 2].to_owned()),
        ("refused", 503, "{\"code\":503,\"message\":\"syncing\"}".to_owned()),
        ("half a block", 200, whole.replace("\"fee_recipient\"", "\"fee_recipients\"")),
    ] {
        let observed = Observed { status, ..observed(body.as_bytes(), EthHeaders::default()) };
        let judged = rule.judge(NodeId(0), &observed);
        assert_eq!((judged.verdict, judged.alarm), (Verdict::Bad, None), "{name}");
        assert!(judged.words.len() < 250, "{name}: {}", judged.words);
    }
    let later = whole.replace("\"electra\"", "\"heze\"");
    let observed = observed(later.as_bytes(), EthHeaders::default());
    assert!(matches!(rule.judge(NodeId(0), &observed).verdict, Verdict::Good { .. }), "an own node on a new fork");
    assert_eq!(rule.judge(NodeId(2), &observed).verdict, Verdict::Bad, "a friend's on a new fork");
    assert_eq!(rule.chosen(&mut Books::default(), NodeId(0), &observed)[0].sort, "block-unchecked");
}

#[test]
fn values_come_from_headers_first_and_a_friends_count_nothing() {
    let request = Request::new(&THREE);
    let score = |from: u16, eth: EthHeaders<'_>, forged: &Forged| {
        let body = forged.json().to_string();
        let observed = observed(body.as_bytes(), eth);
        match request.rule(&Books::default()).judge(NodeId(from), &observed).verdict {
            Verdict::Good { score: Score([_, 0, value, _]), .. } => value,
            verdict => panic!("{verdict:?}"),
        }
    };
    let none = EthHeaders::default();
    let headers = |value, consensus| EthHeaders { payload_value: Some(value), block_value: Some(consensus), ..none };
    let forged = Forged::default();
    let silent = Forged { execution_value: "", consensus_value: "", ..Forged::default() };
    for (name, from, eth, forged, value) in [
        ("by the fields", 0, none, &forged, 7_300),
        ("by the headers", 0, headers("5", "6"), &forged, 11),
        ("by one header", 0, EthHeaders { payload_value: Some("5"), ..none }, &forged, 305),
        ("empty headers", 0, headers("", ""), &forged, 7_300),
        ("unreadable headers", 0, headers("many", "0x5"), &forged, 7_300),
        ("nothing at all", 0, headers("", ""), &silent, 0),
        ("a friend's", 2, headers("999", "999"), &forged, 0),
    ] {
        assert_eq!(score(from, eth, forged), value, "{name}");
    }
}

#[test]
fn what_is_given_away_is_remembered_and_doubts_are_told() {
    let blinded = Forged { blinded: true, fee_recipient: THIEF.0, ..Forged::default() };
    let unknown = Request { prepared: None, ..Request::new(&THREE) };
    for (name, request, forged, sorts) in [
        ("a good one", &Request::new(&THREE), Forged::default(), vec![]),
        ("nobody is known", &unknown, Forged::default(), vec!["block-unchecked"]),
        ("blinded without a registration", &Request::new(&THREE), blinded.clone(), vec!["block-unchecked"]),
        ("blinded", &Request { registered: Some(true), ..Request::new(&THREE) }, blinded, vec![]),
    ] {
        let mut books = Books::default();
        let body = forged.json().to_string();
        let seen = observed(body.as_bytes(), EthHeaders::default());
        let alarms = request.rule(&books).chosen(&mut books, NodeId(1), &seen);
        assert_eq!(alarms.iter().map(|alarm| alarm.sort).collect::<Vec<_>>(), sorts, "{name}");
        let key = block::signed(forged.signed_json().to_string().as_bytes(), false).expect("it can be read");
        let kind = if forged.blinded { Kind::Blinded } else { Kind::Whole };
        assert_eq!(books.blocks.producer(&key), Some(Producer { node: NodeId(1), kind }), "{name}");
    }
}

#[test]
fn parents() {
    let on = |parent: Root| Forged { parent: parent.0, ..Forged::default() };
    let (newer, late) = (Root([0x77; 32]), Root([0x66; 32]));
    let mut request = Request::new(&THREE);
    let mut nodes = snapshot(&THREE);
    nodes.nodes[0].head = Some((Slot(SLOT), newer));
    nodes.nodes[1].head = Some((Slot(SLOT - 2), late));
    request.snapshot = Arc::new(nodes);
    let standing = |parent| match says(&request, &Books::default(), 1, &on(parent)).0 {
        Verdict::Good { score: Score([standing, ..]), .. } => standing,
        verdict => panic!("an own node's parent is no offence: {verdict:?}"),
    };
    assert_eq!(standing(newer), standing(HEAD), "an own node's newer head");
    assert!(standing(late) < standing(HEAD), "a late node's head");
    assert!(standing(Root([0x99; 32])) < standing(HEAD), "a head that nobody has");
    for (parent, sound) in [(HEAD, true), (newer, true), (late, true), (Root([0x99; 32]), false)] {
        let Verdict::Good { score, .. } = says(&request, &Books::default(), 2, &on(parent)).0 else {
            panic!("{parent}")
        };
        assert_eq!(score >= SOUND, sound, "a friend's on {parent}");
        let body = on(parent).json().to_string();
        let seen = observed(body.as_bytes(), EthHeaders::default());
        let alarms = request.rule(&Books::default()).chosen(&mut Books::default(), NodeId(2), &seen);
        assert_eq!(alarms.is_empty(), sound, "a friend's on {parent}");
    }
}

#[test]
fn what_is_known_of_the_slots_proposer() {
    let told = |books: &mut Books, kind, body: String| {
        let (form, body) = (crate::standing::Form::Json, body.as_bytes());
        let said = crate::standing::Submission { kind, form, version: None, body };
        books.standing.remember(&said, Some(CLOCK), CLOCK.start(Slot(SLOT)));
    };
    let prepare = |books: &mut Books| {
        let body = format!("[{{\"validator_index\":\"89\",\"fee_recipient\":\"{WANTED}\"}}]");
        told(books, crate::standing::Kind::Preparations, body);
    };
    let register = |books: &mut Books, key: &str| {
        let message = format!(
            "{{\"fee_recipient\":\"{WANTED}\",\"gas_limit\":\"1\",\"timestamp\":\"1\",\"pubkey\":\"0x{}\"}}",
            key.repeat(48)
        );
        let body = format!("[{{\"message\":{message},\"signature\":\"0x{}\"}}]", "cc".repeat(96));
        told(books, crate::standing::Kind::Registrations, body);
    };
    let duty = |books: &mut Books, validator: u64| {
        books.duties.proposes(Slot(SLOT), validator);
        books.duties.has_key(validator, [0xab; 48]);
    };
    let known = |make: &dyn Fn(&mut Books)| {
        let mut books = Books::default();
        make(&mut books);
        let request = Request::new(&THREE);
        let path = format!("/eth/v3/validator/blocks/{SLOT}");
        let Found::Row(row, params) = find("GET", &path) else { panic!("{path} is listed") };
        let known = Known::of(&request.brief(row, &path, Some(&params), &"vc".into()), &books);
        (known.proposer, (known.prepared)(89), (known.registered)(89))
    };
    assert_eq!(known(&|_| ()), (None, None, None));
    assert_eq!(known(&prepare), (None, Some(WANTED), None));
    assert_eq!(known(&|books| duty(books, 89)).0, None, "a duty of nobody that the caller prepared");
    let all = |books: &mut Books, key: &str| {
        prepare(books);
        duty(books, 89);
        register(books, key);
    };
    assert_eq!(known(&|books| all(books, "ab")), (Some(89), Some(WANTED), Some(true)));
    assert_eq!(known(&|books| all(books, "cd")), (Some(89), Some(WANTED), Some(false)), "others are registered");
    assert_eq!(known(&|books| register(books, "cd")), (None, None, Some(true)), "nobody knows whose the slot is");
}
