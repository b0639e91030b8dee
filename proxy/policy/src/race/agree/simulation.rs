//! Races of agreement in virtual time, over drawn homes, judged by an oracle.
//!
//! A home has own nodes and friends' (one of whom may lie in every one), families, branches, late nodes, and all settings.
//! What is drawn is written down in the words of [`world`](crate::quorum::tests::world), from which the race gets its
//! council; the oracle sees only what was drawn and what happened. `RANGELIGHT_SEED=n` runs one race alone.

use super::*;
use crate::quorum::tests::{VIEW_SLOT, root, world};
use crate::quorum::{OnDisagreement, Quorum, Settings};
use crate::race::simulation::{Dice, Does, Tie, Trace, drive};

mod oracle;
mod planted;

/// How many races a run draws.
const RACES: u64 = 12_000;

const SOFT: Duration = Duration::from_millis(200);
const HARD: Duration = Duration::from_millis(450);
const DEADLINE: Duration = Duration::from_secs(4);

/// Where a node's head is; slots are counted back from the view's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    View,
    Late(u64),
    Ahead,
    /// On a branch that parted so long ago, and grew since.
    Apart(u64),
    /// The same, and it did not grow.
    Left(u64),
    Unknown,
    /// At a head that came this moment, on the view's chain or on such a branch.
    Fresh(Option<u64>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Good,
    Bad,
    Final,
    Hang,
}

/// One drawn node.
#[derive(Clone, Debug)]
struct Drawn {
    own: bool,
    ready: bool,
    /// Of a friend; 0 = none.
    operator: u64,
    consensus: &'static str,
    /// Empty = unknown.
    execution: &'static str,
    place: Where,
    pair: char,
    checkpoints: u64,
    word: Word,
    after: Duration,
    /// When it is found to be lost.
    lost: Option<Duration>,
}

/// One drawn race.
#[derive(Clone, Debug)]
struct Home {
    nodes: Vec<Drawn>,
    settings: Settings,
    agreed: Option<char>,
    tie: Tie,
}

impl Home {
    fn draw(seed: u64) -> Self {
        let dice = &mut Dice::new(seed);
        let mut nodes: Vec<Drawn> = (0..=dice.below(6)).map(|_| Drawn::draw(dice)).collect();
        // Nobody is asked of whom nothing is known; a home has an own node nearly always.
        nodes[0].own |= dice.percent(90);
        let quorum = match dice.below(4) {
            0 => Quorum::All,
            1 => Quorum::Of(1 + dice.below(4) as usize),
            _ => Quorum::Auto,
        };
        let on_disagreement = match dice.below(10) {
            0..6 => OnDisagreement::Halt,
            6..8 => OnDisagreement::Majority,
            _ => OnDisagreement::Warn,
        };
        let agreed = dice.percent(40).then(|| if dice.percent(70) { 'A' } else { 'F' });
        let tie = if dice.percent(50) { Tie::Answer } else { Tie::Wake };
        Self { nodes, settings: Settings { quorum, on_disagreement }, agreed, tie }
    }

    fn council(&self) -> (Council, bool) {
        let nodes: Vec<String> = self.nodes.iter().map(Drawn::node).collect();
        let said: Vec<String> = self.nodes.iter().map(Drawn::said).collect();
        let (council, _) = world(&nodes.join(" "), &said.join(" "));
        let needed = self.settings.needed(council.voices.iter());
        let agreed = self.agreed.map(|pair| root(&pair.to_string()));
        let own = council.voices.iter().filter(|voice| voice.trust == Trust::Own);
        let friends_at_once = agreed.is_none() && greatest_independent(own) < needed;
        (Council { needed, agreed, on_disagreement: self.settings.on_disagreement, ..council }, friends_at_once)
    }

    fn terms(&self) -> Terms {
        let (council, friends_at_once) = self.council();
        Terms { council: Arc::new(council), friends_at_once, soft: SOFT, hard: HARD, deadline: DEADLINE }
    }

    fn candidates(&self) -> Vec<Candidate> {
        let candidate = |(id, node): (u16, &Drawn)| Candidate {
            node: NodeId(id),
            trust: if node.own { Trust::Own } else { Trust::Friend },
            tier: if node.own && !node.ready { Tier::Behind } else { Tier::Ready },
            hedge_after: Duration::from_millis(50),
            reserve: false,
            why: "drawn",
        };
        (0..).zip(&self.nodes).map(candidate).collect()
    }

    fn play(&self, race: &mut dyn Race) -> Trace {
        let nodes = self.nodes.iter().map(|node| format!("{} ", node.node())).collect::<String>();
        // Everybody's ballot, also of those that will not cast it.
        let said = self.nodes.iter().map(|node| format!("{} ", node.said())).collect::<String>();
        let ballots = world(&nodes, &said).1;
        let does = |(ballot, node): (&Ballot, &Drawn)| {
            let vote = Vote { pair: ballot.pair, head: ballot.head };
            let does = match node.word {
                Word::Good => Does::Answer(
                    node.after,
                    Verdict::Good { vote, score: Score([node.checkpoints, VIEW_SLOT.0, 0, 0]) },
                ),
                Word::Bad => Does::Answer(node.after, Verdict::Bad),
                Word::Final => Does::Answer(node.after, Verdict::Final { status: 400 }),
                Word::Hang => Does::Hang,
            };
            (ballot.node, does)
        };
        let answers: Vec<(NodeId, Does)> = ballots.iter().zip(&self.nodes).map(does).collect();
        let lost = (0..).map(NodeId).zip(&self.nodes);
        let notes: Vec<_> = lost.filter_map(|(id, node)| Some((node.lost?, Note::NodeLost(id)))).collect();
        drive(race, &answers, &notes, self.tie)
    }
}

impl Drawn {
    fn draw(dice: &mut Dice) -> Self {
        let ago = [0, 1, 2, 9, 90][dice.below(5) as usize];
        let (place, honest) = match dice.below(100) {
            0..45 => (Where::View, 'A'),
            45..58 => (Where::Late(1 + dice.below(9)), if dice.percent(60) { 'Z' } else { 'A' }),
            58..63 => (Where::Ahead, if dice.percent(20) { 'B' } else { 'A' }),
            63..83 => (Where::Apart(ago), if dice.percent(80) { 'F' } else { 'A' }),
            83..88 => (Where::Left(ago), if dice.percent(80) { 'F' } else { 'A' }),
            88..91 => (Where::Unknown, if dice.percent(50) { 'U' } else { 'A' }),
            91..96 => (Where::Fresh(None), if dice.percent(30) { 'B' } else { 'A' }),
            _ => (Where::Fresh(Some(ago)), 'F'),
        };
        let own = dice.percent(65);
        let lies = dice.percent(if own { 3 } else { 30 });
        let word = match dice.below(100) {
            0..75 => Word::Good,
            75..83 => Word::Bad,
            83..88 => Word::Final,
            _ => Word::Hang,
        };
        let most = if dice.percent(85) { 180 } else { 900 };
        Self {
            own,
            ready: dice.percent(85),
            operator: dice.below(3),
            consensus: ["lighthouse", "teku", "nimbus", "prysm"][dice.below(4) as usize],
            execution: ["geth", "besu", "reth", "nethermind", ""][dice.below(5) as usize],
            place,
            pair: if lies { 'L' } else { honest },
            checkpoints: if dice.percent(85) { 20 } else { 19 + dice.below(3) },
            word,
            after: Duration::from_millis(1 + dice.below(most)),
            lost: dice.percent(5).then(|| Duration::from_millis(1 + dice.below(600))),
        }
    }

    fn node(&self) -> String {
        let whose = match (self.own, self.ready, self.operator) {
            (true, true, _) => "own".to_owned(),
            (true, false, _) => "behind".to_owned(),
            (false, _, 0) => "friend".to_owned(),
            (false, _, operator) => format!("friend=op{operator}"),
        };
        let execution = if self.execution.is_empty() { "unknown" } else { self.execution };
        format!("{whose}:{}/{execution}", self.consensus)
    }

    fn said(&self) -> String {
        let place = match self.place {
            Where::View => String::new(),
            Where::Late(slots) => format!("@late{slots}"),
            Where::Ahead => "@ahead".to_owned(),
            Where::Apart(slots) => format!("@apart{slots}"),
            Where::Left(slots) => format!("@left{slots}"),
            Where::Unknown => "@unknown".to_owned(),
            Where::Fresh(None) => "@fresh".to_owned(),
            Where::Fresh(Some(slots)) => format!("@fresh{slots}"),
        };
        format!("{}{place}", self.pair)
    }
}

#[test]
fn every_drawn_race_keeps_the_promises() {
    let seeds = match std::env::var("RANGELIGHT_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("RANGELIGHT_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..RACES,
    };
    let (mut served, mut withheld, mut none, mut by_friends) = (0, 0, 0, 0);
    for seed in seeds {
        let home = Home::draw(seed);
        let trace = home.play(&mut Agree::new(&home.candidates(), home.terms()));
        match &trace.end {
            Some((_, Outcome::Reply { answer: Answer::One(node), .. })) => {
                served += 1;
                by_friends += u32::from(!home.nodes[usize::from(node.0)].own);
            }
            Some((_, Outcome::Reply { .. })) => withheld += 1,
            Some((_, Outcome::Exhausted { .. })) | None => none += 1,
        }
        if let Err(rule) = oracle::judge(&home, &trace) {
            panic!("RANGELIGHT_SEED={seed} replays this: {rule}\n{trace:#?}\n{home:#?}");
        }
    }
    println!("{served} served ({by_friends} of friends), {withheld} withheld, {none} without an answer");
}
