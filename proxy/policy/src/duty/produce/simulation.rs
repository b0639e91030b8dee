//! Proposals in virtual time: drawn nodes make drawn blocks, and an oracle judges what the caller gets.
//!
//! The oracle knows what was drawn: whom each block pays, what it is worth, when it comes. It never looks at an answer's
//! bytes, at a score or at a plan, and shares no code with the rule. A failure names its seed; `RANGELIGHT_SEED=n` replays
//! it. The oracle is tested too: the rule is distorted in one way at a time, and every way must be caught.

use std::time::Duration;

use super::tests::{HEAD, Request, SLOT, THIEF, WANTED, failover, observed};
use super::*;
use crate::block::forge::Forged;
use crate::merit::EthHeaders;
use crate::race::{Answer as Reply, Best, Event, Outcome, Race, Score};

/// How many proposals a run draws.
const PROPOSALS: u64 = 10_000;
/// How many are drawn to catch one fault.
const TRIES: u64 = 3_000;

const FRIENDS_AT: u64 = 600;
const SOFT: u64 = 1_200;
const RESORT: u64 = 3_000;
const DEADLINE: u64 = 6_000;

/// What one node does.
#[derive(Clone, Debug)]
struct Node {
    own: bool,
    /// When its answer comes after it was asked, in milliseconds; `None` = it hangs.
    after: Option<u64>,
    /// It answers 500.
    fails: bool,
    pays: Pays,
    blinded: bool,
    slot: bool,
    randao: bool,
    head: bool,
    value: u32,
    ssz: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pays {
    Wanted,
    Thief,
    Nobody,
}

/// One proposal.
#[derive(Clone, Debug)]
struct World {
    nodes: Vec<Node>,
    recipient_known: bool,
    registered: Option<bool>,
    boost: Option<u64>,
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

impl World {
    fn draw(seed: u64) -> Self {
        let dice = &mut Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        // Near seeds begin alike.
        for _ in 0..8 {
            dice.below(2);
        }
        let boost = [None, Some(0), Some(90), Some(100), Some(250), Some(u64::MAX)][dice.below(6) as usize];
        let count = 1 + dice.below(5);
        let nodes = (0..count).map(|place| Self::node(dice, place == 0)).collect();
        Self {
            nodes,
            recipient_known: dice.percent(80),
            registered: [None, Some(true), Some(false)][dice.below(3) as usize],
            boost,
        }
    }

    fn node(dice: &mut Dice, first: bool) -> Node {
        let own = first || dice.percent(60);
        let slow = dice.percent(25);
        Node {
            own,
            after: (!dice.percent(15)).then(|| if slow { dice.below(7_000) } else { dice.below(700) }),
            fails: dice.percent(10),
            pays: match dice.below(100) {
                0..65 => Pays::Wanted,
                65..90 => Pays::Thief,
                _ => Pays::Nobody,
            },
            blinded: dice.percent(30),
            slot: dice.percent(95),
            randao: dice.percent(95),
            head: dice.percent(85),
            value: u32::try_from(dice.below(1_000)).expect("small"),
            ssz: dice.percent(40),
        }
    }

    fn forged(&self, node: &Node) -> Forged {
        let pays = match node.pays {
            Pays::Wanted => WANTED,
            Pays::Thief => THIEF,
            Pays::Nobody => Address::ZERO,
        };
        Forged {
            slot: if node.slot { SLOT } else { SLOT - 1 },
            randao: if node.randao { [0x33; 96] } else { [0x34; 96] },
            parent: if node.head { HEAD.0 } else { [0x99; 32] },
            fee_recipient: pays.0,
            blinded: node.blinded,
            consensus_value: "",
            ..Forged::default()
        }
    }

    fn request(&self) -> Request {
        let trust: Vec<Trust> =
            self.nodes.iter().map(|node| if node.own { Trust::Own } else { Trust::Friend }).collect();
        let mut request = Request::new(&trust);
        if let Some(boost) = self.boost {
            request.query += &format!("&builder_boost_factor={boost}");
        }
        request.prepared = self.recipient_known.then_some(WANTED);
        request.registered = self.registered;
        request.accept = Some("application/octet-stream;q=1,application/json;q=0.9");
        request
    }
}

/// What came of it.
#[derive(Debug, Default)]
struct Trace {
    asked: Vec<(u64, usize)>,
    came: Vec<(u64, usize)>,
    alarms: Vec<String>,
    boosted_friends: usize,
    end: Option<(u64, Option<usize>)>,
    doubts: usize,
}

/// A mistake in the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    AsksFriendsAtOnce,
    BelievesEverybody,
    BelievesFriendsLikeOwn,
    BelievesThatNobodyIsPrepared,
    DropsBlindedBlocks,
    ForgetsTheBoost,
    KeepsDoubtsToItself,
    KeepsOffencesToItself,
    LetsFriendsAskBuilders,
    NeverAsksFriends,
    RefusesWhatNobodyPrepared,
    TakesEverybodyForRegistered,
    TakesLastResortsAtOnce,
    TakesTheFirst,
    TakesTheWorst,
    TakesTheZeroAddress,
    WaitsUntilTheDeadline,
}

const FAULTS: [Fault; 17] = [
    Fault::AsksFriendsAtOnce,
    Fault::BelievesEverybody,
    Fault::BelievesFriendsLikeOwn,
    Fault::BelievesThatNobodyIsPrepared,
    Fault::DropsBlindedBlocks,
    Fault::ForgetsTheBoost,
    Fault::KeepsDoubtsToItself,
    Fault::KeepsOffencesToItself,
    Fault::LetsFriendsAskBuilders,
    Fault::NeverAsksFriends,
    Fault::RefusesWhatNobodyPrepared,
    Fault::TakesEverybodyForRegistered,
    Fault::TakesLastResortsAtOnce,
    Fault::TakesTheFirst,
    Fault::TakesTheWorst,
    Fault::TakesTheZeroAddress,
    Fault::WaitsUntilTheDeadline,
];

fn play(world: &World, fault: Option<Fault>) -> Trace {
    let is = |one: Fault| fault == Some(one);
    let mut request = world.request();
    if is(Fault::BelievesThatNobodyIsPrepared) {
        request.prepared = None;
    }
    if is(Fault::ForgetsTheBoost) {
        request.query = request.query.replace("builder_boost_factor", "builder_boost_factors");
    }
    if is(Fault::TakesEverybodyForRegistered) {
        request.registered = Some(true);
    }
    let mut books = Books::default();
    let rule = request.rule(&books);
    let mut plan = rule.conduct(failover(&request.snapshot));
    if is(Fault::NeverAsksFriends) {
        plan.ask.retain(|one| one.trust == Trust::Own);
    }
    let Conduct::BestOrResort(terms, resort) = &mut plan.conduct else { panic!("blocks are compared") };
    match fault {
        Some(Fault::AsksFriendsAtOnce) => terms.friends_at = Duration::ZERO,
        Some(Fault::TakesTheFirst) => terms.enough = Score::default(),
        Some(Fault::TakesLastResortsAtOnce) => resort.at = Duration::ZERO,
        Some(Fault::WaitsUntilTheDeadline) => terms.soft = terms.deadline,
        _ => {}
    }
    let mut race = Best::new(&plan.ask, terms.clone()).resorting(*resort);
    let own = request.snapshot.nodes[0].profile.id;
    let mut trace = Trace::default();
    let judge = |trace: &mut Trace, place: usize| {
        let node = &world.nodes[place];
        let forged = world.forged(node);
        let bytes = if node.ssz { forged.ssz() } else { forged.json().to_string().into_bytes() };
        let (value, is_blinded) = (node.value.to_string(), node.blinded.to_string());
        let eth = EthHeaders {
            consensus_version: Some(forged.fork),
            payload_blinded: Some(&is_blinded),
            payload_value: Some(&value),
            block_value: Some(""),
        };
        let content_type = if node.ssz { "application/octet-stream" } else { "application/json" };
        let seen = Observed {
            status: if node.fails { 500 } else { 200 },
            content_type: Some(content_type),
            accept: request.accept,
            ..observed(&bytes, eth)
        };
        let from = NodeId(u16::try_from(place).expect("few nodes"));
        let as_if = if is(Fault::BelievesFriendsLikeOwn) { own } else { from };
        let mut judged = rule.judge(as_if, &seen);
        let zero = node.pays == Pays::Nobody && !node.blinded && judged.verdict == Verdict::Bad && !node.fails;
        match fault {
            Some(Fault::BelievesEverybody) => {
                judged = Judged::by_row(crate::catalogue::row("produce_block_v3").expect("a row"), &seen);
            }
            Some(Fault::TakesTheZeroAddress) if zero => judged.verdict = Verdict::good(Score([1, 0, 0, 0])),
            Some(Fault::DropsBlindedBlocks) if node.blinded => judged.verdict = Verdict::Bad,
            Some(Fault::RefusesWhatNobodyPrepared) if !world.recipient_known => judged.verdict = Verdict::Bad,
            Some(Fault::KeepsOffencesToItself) => judged.alarm = None,
            Some(Fault::TakesTheWorst) => {
                if let Verdict::Good { score: Score(words), .. } = &mut judged.verdict {
                    *words = words.map(|word| u64::MAX - word);
                }
            }
            _ => {}
        }
        trace.alarms.extend(judged.alarm.map(|alarm| alarm.message));
        let mut doubts = rule.chosen(&mut books, as_if, &seen).len();
        if is(Fault::KeepsDoubtsToItself) {
            doubts = 0;
        }
        (Event::Answer { from, verdict: judged.verdict }, doubts)
    };
    let judge = std::cell::RefCell::new(judge);
    let ms = |at: Duration| u64::try_from(at.as_millis()).expect("short");
    let mut queue: Vec<(u64, usize)> = Vec::new();
    let mut doubts = vec![0; world.nodes.len()];
    let mut now = 0;
    let mut step = race.begin();
    loop {
        for node in &step.send {
            let place = usize::from(node.0);
            trace.asked.push((now, place));
            if !world.nodes[place].own && !is(Fault::LetsFriendsAskBuilders) {
                let edit = rule.request(*node).and_then(|edit| edit.target);
                trace.boosted_friends +=
                    usize::from(edit.is_none_or(|target| !target.ends_with("builder_boost_factor=0")));
            } else if !world.nodes[place].own {
                trace.boosted_friends += 1;
            }
            queue.extend(world.nodes[place].after.map(|after| (now + after, place)));
        }
        if let Some(outcome) = step.outcome {
            let by = match outcome {
                Outcome::Reply { answer: Reply::One(node), .. } => Some(usize::from(node.0)),
                _ => None,
            };
            trace.doubts = by.map_or(0, |by| doubts[by]);
            trace.end = Some((now, by));
            return trace;
        }
        let wake = ms(step.wake_at.expect("a race always has a deadline"));
        let next = (0..queue.len()).min_by_key(|place| queue[*place]).filter(|place| queue[*place].0 <= wake);
        step = match next {
            Some(next) => {
                let (at, place) = queue.remove(next);
                now = at;
                trace.came.push((at, place));
                let (event, doubt) = judge.borrow_mut()(&mut trace, place);
                doubts[place] = doubt;
                race.observe(event, Duration::from_millis(now))
            }
            None => {
                now = wake;
                race.observe(Event::Woke, Duration::from_millis(now))
            }
        };
    }
}

/// Whether a caller may have this node's block, by what was drawn.
fn may_be_served(world: &World, node: &Node) -> bool {
    let as_asked = !node.fails && node.slot && node.randao;
    let paid = match (node.own, node.blinded) {
        (true, true) => world.registered != Some(false) || world.recipient_known && node.pays == Pays::Wanted,
        (true, false) if !world.recipient_known => node.pays != Pays::Nobody,
        (_, false) => world.recipient_known && node.pays == Pays::Wanted,
        (false, true) => false,
    };
    as_asked && paid
}

/// A friend's block on a head that no own node knows.
fn is_last_resort(node: &Node) -> bool {
    !node.own && !node.head
}

/// What it is worth to the caller.
fn worth(world: &World, node: &Node) -> (bool, u8, u128) {
    let boost = world.boost.unwrap_or(100);
    let (class, factor) = match (node.blinded, boost) {
        (false, _) => (1, 100),
        (true, 0) => (0, 0),
        (true, u64::MAX) => (2, 1),
        (true, boost) => (1, u128::from(boost)),
    };
    (node.head, class, u128::from(node.value) * factor / 100)
}

fn judge(world: &World, trace: &Trace) -> Result<(), &'static str> {
    let (end, by) = trace.end.ok_or("a race without an end")?;
    let good = |place: usize| may_be_served(world, &world.nodes[place]);
    let own = |place: usize| world.nodes[place].own;
    let came: Vec<usize> = trace.came.iter().filter(|(at, _)| *at <= end).map(|(_, place)| *place).collect();
    if trace.boosted_friends > 0 {
        return Err("a friend's node is asked to ask builders");
    }
    if end > DEADLINE {
        return Err("an answer after the deadline");
    }
    let own_failed_at = || {
        let all: Option<Vec<u64>> = world.nodes.iter().filter(|node| node.own).map(|node| node.after).collect();
        all.and_then(|all| all.into_iter().max())
    };
    let first_own_good =
        world.nodes.iter().filter(|node| node.own && may_be_served(world, node)).filter_map(|node| node.after).min();
    for (at, _) in trace.asked.iter().filter(|(_, place)| !own(*place)) {
        if own_failed_at().is_none_or(|failed| *at < failed) && *at < FRIENDS_AT {
            return Err("a friend is asked before he is needed");
        }
        if first_own_good.is_some_and(|first| first < *at) {
            return Err("a friend is asked although an own node has answered");
        }
    }
    let best_will_do =
        |place: usize| by.is_some_and(|by| is_last_resort(&world.nodes[by]) || !is_last_resort(&world.nodes[place]));
    let first_good = trace.came.iter().find(|(_, place)| good(*place) && best_will_do(*place)).map(|(at, _)| *at);
    match by {
        Some(by) => {
            if !good(by) {
                return Err("a block that the caller must not have");
            }
            if !own(by) && came.iter().any(|place| own(*place) && good(*place)) {
                return Err("a friend's block although an own one was there");
            }
            if is_last_resort(&world.nodes[by])
                && came.iter().any(|place| good(*place) && !is_last_resort(&world.nodes[*place]))
            {
                return Err("a last resort although a good block was there");
            }
            let rivals = came.iter().filter(|place| own(**place) == own(by) && good(**place));
            if own(by)
                && rivals.clone().any(|place| worth(world, &world.nodes[*place]) > worth(world, &world.nodes[by]))
            {
                return Err("not the best block");
            }
            let wait = if is_last_resort(&world.nodes[by]) { RESORT } else { SOFT };
            if first_good.is_some_and(|first| end > first.max(wait)) {
                return Err("a longer wait than for the best");
            }
            let awaited = |place: &usize| trace.asked.iter().any(|(_, asked)| asked == place) && !came.contains(place);
            if end < wait && (0..world.nodes.len()).any(|place| awaited(&place)) {
                return Err("the first block instead of the best");
            }
            let node = &world.nodes[by];
            let registered = world.registered == Some(true) || world.recipient_known && node.pays == Pays::Wanted;
            let doubtful = if node.blinded { !registered } else { !world.recipient_known };
            if (trace.doubts > 0) != (doubtful || is_last_resort(node)) {
                return Err("a doubt that nobody hears of, or one without a reason");
            }
        }
        None => {
            let own_in_time = world
                .nodes
                .iter()
                .any(|node| node.own && may_be_served(world, node) && node.after.is_some_and(|at| at < DEADLINE));
            let friend_in_time = world.nodes.iter().any(|node| {
                !node.own && may_be_served(world, node) && node.after.is_some_and(|after| FRIENDS_AT + after < DEADLINE)
            });
            if own_in_time || friend_in_time {
                return Err("a proposal is lost");
            }
        }
    }
    let offenders = trace.came.iter().filter(|(_, place)| !good(*place) && !world.nodes[*place].fails).count();
    if trace.alarms.len() != offenders {
        return Err("an offender whom nobody hears of, or an alarm without one");
    }
    Ok(())
}

#[test]
fn every_drawn_proposal_keeps_the_promises() {
    let seeds = match std::env::var("RANGELIGHT_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("RANGELIGHT_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..PROPOSALS,
    };
    let (mut served, mut by_friends, mut foreign, all) = (0, 0, 0, seeds.end - seeds.start);
    for seed in seeds {
        let world = World::draw(seed);
        let trace = play(&world, None);
        if let Err(rule) = judge(&world, &trace) {
            panic!("RANGELIGHT_SEED={seed} replays this: {rule}\n{trace:#?}\n{world:#?}");
        }
        if let Some((_, Some(by))) = trace.end {
            let node = &world.nodes[by];
            served += 1;
            by_friends += u64::from(!node.own);
            foreign += u64::from(!node.blinded && world.recipient_known && node.pays != Pays::Wanted);
        }
    }
    assert_eq!(foreign, 0, "blocks that pay a stranger");
    assert!(
        all == 1 || served > all / 2 && by_friends > all / 100,
        "{served} served, {by_friends} by friends: too few to tell"
    );
}

#[test]
fn every_planted_fault_is_caught() {
    let caught = |fault| {
        (0..TRIES).any(|seed| {
            let world = World::draw(seed);
            judge(&world, &play(&world, Some(fault))).is_err()
        })
    };
    let missed: Vec<Fault> = FAULTS.into_iter().filter(|fault| !caught(*fault)).collect();
    assert_eq!(missed, []);
}
