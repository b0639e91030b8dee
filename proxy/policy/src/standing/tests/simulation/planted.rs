//! Faults planted in a register, one at a time, to test the oracle: one that does not catch them is none.
//!
//! A wrapper distorts what goes in or comes out, as a mistake in the register would, so that production code knows nothing
//! of it.

use super::*;

/// Ways in which a register could be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    BelievesThatSilenceIsYes,
    BlindToFallenHeads,
    BlindToReturns,
    BlindToStreams,
    BlindToVersions,
    CreditsEverybody,
    ForgetsAnItem,
    IgnoresChanges,
    KeepsTheFirstRegistration,
    LosesTrack,
    NeverTells,
    RemembersForEver,
    RepeatsWithoutReason,
    TakesItsTime,
    TellsTheUnwanted,
}

const FAULTS: [Fault; 15] = [
    Fault::BelievesThatSilenceIsYes,
    Fault::BlindToFallenHeads,
    Fault::BlindToReturns,
    Fault::BlindToStreams,
    Fault::BlindToVersions,
    Fault::CreditsEverybody,
    Fault::ForgetsAnItem,
    Fault::IgnoresChanges,
    Fault::KeepsTheFirstRegistration,
    Fault::LosesTrack,
    Fault::NeverTells,
    Fault::RemembersForEver,
    Fault::RepeatsWithoutReason,
    Fault::TakesItsTime,
    Fault::TellsTheUnwanted,
];

struct Planted {
    inner: Register,
    fault: Fault,
    calls: u64,
    nodes: Vec<NodeId>,
    registrations: Option<Vec<u8>>,
}

impl Told for Planted {
    fn remember(&mut self, said: &Submission<'_>, now: Moment) -> Span {
        self.calls += 1;
        let nothing = Submission { body: b"[]", ..*said };
        let first = said.kind == Kind::Registrations && self.registrations.is_none();
        if first {
            self.registrations = Some(said.body.to_vec());
        }
        match self.fault {
            Fault::IgnoresChanges if self.inner.fee_recipient(0).is_some() && said.kind == Kind::Preparations => {
                Told::remember(&mut self.inner, &nothing, now)
            }
            Fault::KeepsTheFirstRegistration if said.kind == Kind::Registrations && !first => {
                Told::remember(&mut self.inner, &nothing, now)
            }
            Fault::CreditsEverybody => {
                let span = Told::remember(&mut self.inner, said, now);
                for node in self.nodes.clone() {
                    self.inner.took(node, span);
                }
                span
            }
            // Nothing is ever over when the clock stands.
            Fault::RemembersForEver => self.inner.remember(said, None, now),
            _ => Told::remember(&mut self.inner, said, now),
        }
    }

    fn see(&mut self, sights: &[Sight<'_>], now: Moment) {
        self.calls += 1;
        self.nodes = sights.iter().map(|sight| sight.node).collect();
        let distorted: Vec<_> = sights.iter().map(|sight| self.distorted(*sight)).collect();
        let clock = (self.fault != Fault::RemembersForEver).then_some(&CLOCK);
        self.inner.see(&distorted, clock, now);
    }

    fn due(&mut self, now: Moment) -> Vec<Replay> {
        let late = !(now.0 / CLOCK.slot_ms).is_multiple_of(4);
        match self.fault {
            Fault::NeverTells => Vec::new(),
            Fault::TakesItsTime if late => Vec::new(),
            Fault::ForgetsAnItem => self.inner.due(now).into_iter().map(without_last).collect(),
            _ => self.inner.due(now),
        }
    }

    fn ended(&mut self, replay: &Replay, how: Replayed, now: Moment) {
        match self.fault {
            Fault::LosesTrack if how == Replayed::Unanswered => {}
            Fault::BelievesThatSilenceIsYes => _ = self.inner.ended(replay, Replayed::Taken, now),
            _ => _ = self.inner.ended(replay, how, now),
        }
    }

    fn took(&mut self, node: NodeId, span: Span) {
        self.inner.took(node, span);
    }
}

impl Planted {
    fn distorted<'a>(&self, sight: Sight<'a>) -> Sight<'a> {
        match self.fault {
            Fault::BlindToFallenHeads => Sight { head: None, ..sight },
            Fault::BlindToReturns if sight.tier == Tier::Away => Sight { tier: Tier::Behind, wanted: false, ..sight },
            Fault::BlindToStreams => Sight { feeds: 1, ..sight },
            Fault::BlindToVersions => Sight { version: None, ..sight },
            Fault::RepeatsWithoutReason => Sight { feeds: self.calls, ..sight },
            Fault::TellsTheUnwanted => Sight { wanted: true, ..sight },
            _ => sight,
        }
    }
}

fn without_last(mut replay: Replay) -> Replay {
    let items: Vec<Value> = serde_json::from_slice(&replay.body).expect("it is JSON");
    if items.len() > 1 {
        replay.body = serde_json::to_vec(&items[..items.len() - 1]).expect("it can be written");
        replay.items -= 1;
    }
    replay
}

#[test]
fn the_oracle_catches_every_planted_fault() {
    let mut missed = Vec::new();
    for fault in FAULTS {
        let planted =
            || Planted { inner: Register::default(), fault, calls: 1, nodes: Vec::new(), registrations: None };
        if (0..SEEDS).all(|seed| play(seed, &mut planted()).is_ok()) {
            missed.push(fault);
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
