//! Faults planted in the race and in what judges it, one at a time, to test the oracle.
//!
//! Most are mistakes in the council: what it believes of families, branches or friends. The rest distort what goes into a
//! race or comes out of it. The tested code knows nothing of them.

use std::sync::Arc;
use std::time::Duration;

use super::{Agree, Candidate, DEADLINE, HARD, Home, SOFT, oracle};
use crate::chain::{Root, Slot};
use crate::family::{ConsensusFamily, ExecutionFamily};
use crate::node::{Branch, NodeId, Stand, Trust};
use crate::quorum::{Council, OnDisagreement};
use crate::race::agree::Terms;
use crate::race::{Answer, Event, Losers, Outcome, Race, Step, Verdict};

/// How many races are drawn to catch one fault, and how often it has to be caught.
const TRIES: u64 = 6_000;
const ENOUGH: usize = 5;

/// Ways in which agreement could be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    BelievesEveryoneNeeded,
    BelievesOneIsEnough,
    CountsNodesInsteadOfFamilies,
    CountsOperatorsTwice,
    ExtendedBranchIsSilent,
    ForgetsWhatWasAgreed,
    FriendIsAsGoodAsOwn,
    FriendsAreNeverAsked,
    IgnoresConsensusFamilies,
    IgnoresExecutionFamilies,
    IgnoresTheView,
    LateNodeContradicts,
    NeverHalts,
    OversleepsTheHardDeadline,
    RepliesWithTheWrongNode,
    ServesAMajorityInsteadOfHalting,
    ServesTheFirst,
    SetsNoTimer,
    SettlingBranchContradicts,
    SkipsTheSoftDeadline,
    StuckOrphanContradicts,
    TakesEverythingForAgreed,
    ThrowsFriendsAnswersAway,
    WithholdsAtTheFirstContradiction,
}

const FAULTS: [Fault; 24] = [
    Fault::BelievesEveryoneNeeded,
    Fault::BelievesOneIsEnough,
    Fault::CountsNodesInsteadOfFamilies,
    Fault::CountsOperatorsTwice,
    Fault::ExtendedBranchIsSilent,
    Fault::ForgetsWhatWasAgreed,
    Fault::FriendIsAsGoodAsOwn,
    Fault::FriendsAreNeverAsked,
    Fault::IgnoresConsensusFamilies,
    Fault::IgnoresExecutionFamilies,
    Fault::IgnoresTheView,
    Fault::LateNodeContradicts,
    Fault::NeverHalts,
    Fault::OversleepsTheHardDeadline,
    Fault::RepliesWithTheWrongNode,
    Fault::ServesAMajorityInsteadOfHalting,
    Fault::ServesTheFirst,
    Fault::SetsNoTimer,
    Fault::SettlingBranchContradicts,
    Fault::SkipsTheSoftDeadline,
    Fault::StuckOrphanContradicts,
    Fault::TakesEverythingForAgreed,
    Fault::ThrowsFriendsAnswersAway,
    Fault::WithholdsAtTheFirstContradiction,
];

const FAMILIES: [ConsensusFamily; 7] = [
    ConsensusFamily::Caplin,
    ConsensusFamily::Grandine,
    ConsensusFamily::Lighthouse,
    ConsensusFamily::Lodestar,
    ConsensusFamily::Nimbus,
    ConsensusFamily::Prysm,
    ConsensusFamily::Teku,
];

impl Fault {
    /// The council as it would be with the fault.
    fn believe(self, council: &mut Council) {
        let stands = |council: &mut Council, change: &dyn Fn(&mut Branch)| {
            Arc::make_mut(&mut council.snapshot).branches.values_mut().for_each(change);
        };
        match self {
            Self::BelievesEveryoneNeeded => council.needed = 9,
            Self::BelievesOneIsEnough => council.needed = 1,
            Self::CountsNodesInsteadOfFamilies => {
                for (voice, family) in council.voices.iter_mut().zip(FAMILIES) {
                    (voice.consensus, voice.execution) = (family, ExecutionFamily::Unknown);
                }
            }
            Self::CountsOperatorsTwice => {
                for (number, voice) in council.voices.iter_mut().enumerate() {
                    voice.operator = Some(number.to_string().into());
                }
            }
            Self::ExtendedBranchIsSilent => stands(council, &|branch| {
                if matches!(branch.stand, Stand::Apart { .. }) {
                    branch.stand = Stand::Late;
                }
            }),
            Self::ForgetsWhatWasAgreed => council.agreed = None,
            Self::FriendIsAsGoodAsOwn => council.voices.iter_mut().for_each(|voice| voice.trust = Trust::Own),
            Self::IgnoresConsensusFamilies => {
                for (voice, family) in council.voices.iter_mut().zip(FAMILIES) {
                    voice.consensus = family;
                }
            }
            Self::IgnoresExecutionFamilies => {
                council.voices.iter_mut().for_each(|voice| voice.execution = ExecutionFamily::Unknown);
            }
            Self::IgnoresTheView => {
                if let Some(view) = &mut Arc::make_mut(&mut council.snapshot).view {
                    view.root = Root([0xee; 32]);
                }
            }
            Self::LateNodeContradicts => stands(council, &|branch| {
                if branch.stand == Stand::Late {
                    branch.stand = Stand::Unknown;
                }
            }),
            Self::NeverHalts => council.on_disagreement = OnDisagreement::Warn,
            Self::ServesAMajorityInsteadOfHalting if council.on_disagreement == OnDisagreement::Halt => {
                council.on_disagreement = OnDisagreement::Majority;
            }
            Self::SettlingBranchContradicts => council.slot = Slot(council.slot.0 + 2),
            Self::StuckOrphanContradicts => stands(council, &|branch| branch.slot = Slot(branch.slot.0 + 1)),
            _ => {}
        }
    }
}

/// A race with a fault.
struct Planted<'a> {
    inner: Agree,
    fault: Fault,
    home: &'a Home,
}

impl<'a> Planted<'a> {
    fn new(home: &'a Home, fault: Fault) -> Self {
        let mut terms: Terms = home.terms();
        let mut candidates: Vec<Candidate> = home.candidates();
        let mut council = Council::clone(&terms.council);
        fault.believe(&mut council);
        terms.council = Arc::new(council);
        match fault {
            Fault::OversleepsTheHardDeadline => terms.hard = DEADLINE,
            Fault::SkipsTheSoftDeadline => terms.soft = HARD,
            Fault::FriendIsAsGoodAsOwn => candidates.iter_mut().for_each(|one| one.trust = Trust::Own),
            _ => {}
        }
        Self { inner: Agree::new(&candidates, terms), fault, home }
    }

    fn is_friend(&self, node: NodeId) -> bool {
        !self.home.nodes[usize::from(node.0)].own
    }

    fn distort(&self, mut step: Step, event: Option<&Event>) -> Step {
        let good = match event {
            Some(Event::Answer { from, verdict: Verdict::Good { .. } }) => Some(*from),
            _ => None,
        };
        match self.fault {
            Fault::FriendsAreNeverAsked => step.send.retain(|node| !self.is_friend(*node)),
            Fault::RepliesWithTheWrongNode => {
                if let Some(Outcome::Reply { answer: Answer::One(node), .. }) = &mut step.outcome {
                    *node = NodeId(0);
                }
            }
            Fault::ServesTheFirst => {
                if let Some(node) = good {
                    step.outcome = Some(Outcome::Reply { answer: Answer::One(node), losers: Losers::Cancel });
                }
            }
            Fault::SetsNoTimer => step.wake_at = None,
            Fault::WithholdsAtTheFirstContradiction => {
                if let (Some(from), None) = (good, &step.outcome)
                    && self.home.nodes[usize::from(from.0)].pair != 'A'
                {
                    let answer = Answer::Merged(vec![from]);
                    step.outcome = Some(Outcome::Reply { answer, losers: Losers::Cancel });
                }
            }
            _ => {}
        }
        step
    }
}

impl Race for Planted<'_> {
    fn begin(&mut self) -> Step {
        let step = self.inner.begin();
        self.distort(step, None)
    }

    fn observe(&mut self, event: Event, elapsed: Duration) -> Step {
        let heard = match (&event, self.fault) {
            (Event::Answer { from, .. }, Fault::ThrowsFriendsAnswersAway) if self.is_friend(*from) => {
                Event::Answer { from: *from, verdict: Verdict::Bad }
            }
            (Event::Answer { verdict: Verdict::Good { vote, .. }, .. }, Fault::TakesEverythingForAgreed) => {
                Arc::make_mut(&mut self.inner.terms.council).agreed = Some(vote.pair);
                event.clone()
            }
            _ => event.clone(),
        };
        let step = self.inner.observe(heard, elapsed);
        self.distort(step, Some(&event))
    }
}

#[test]
fn the_oracle_catches_every_planted_fault() {
    assert!(SOFT < HARD, "or two of the faults are none");
    let mut missed = Vec::new();
    for fault in FAULTS {
        let (mut caught, mut tries) = (0, 0);
        while caught < ENOUGH && tries < TRIES {
            let home = Home::draw(tries);
            let trace = home.play(&mut Planted::new(&home, fault));
            if let Err(rule) = oracle::judge(&home, &trace) {
                println!("{fault:?}: {rule}");
                caught += 1;
            }
            tries += 1;
        }
        println!("{fault:?}: caught {caught} times in {tries}");
        if caught < ENOUGH {
            missed.push(fault);
        }
    }
    assert!(missed.is_empty(), "the oracle is blind to {missed:?}");
}
