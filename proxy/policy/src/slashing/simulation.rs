//! Guards in virtual time: drawn messages, imports, prunings and restarts, judged by an oracle that keeps everything.
//!
//! The oracle has no watermarks but the imported ones, no order, no index and no restart: one list of all that ever went
//! out or was imported, and the definition of a slashable pair. Its word is exact. That the history, which forgets, must
//! agree with it in every case shows what `history.rs` argues: inside the window nothing of what is let go is missed.
//!
//! A failure names its seed; `RANGELIGHT_SEED=n` runs that one alone. [`planted`] tests the oracle.

use std::collections::BTreeSet;

use super::{Conflict, Decision, Deed, History, Named, Record, Validator, Window};
use crate::chain::{Clock, Epoch, Moment, Root, Slot};
use crate::race::simulation::Dice;
use planted::Fault;

mod oracle;
mod planted;

const GUARDS: u64 = 3_000;
const STEPS: u64 = 250;
const CLOCK: Clock = Clock { genesis: Moment(0), slot_ms: 12_000, slots_per_epoch: 8 };

/// A guard as the server runs it: the history, and the rows that its store holds. A fault may be planted in it.
struct Guard {
    history: History,
    store: BTreeSet<Record>,
    fault: Option<Fault>,
}

impl Guard {
    fn new(fault: Option<Fault>) -> Self {
        Self { history: History::default(), store: BTreeSet::new(), fault }
    }

    /// Judges and records in one act.
    fn decide(&mut self, record: Record, root: Option<Root>, window: &Window) -> Decision {
        let decision = planted::judge(self.fault, &self.history, &record, root, window);
        if decision == Decision::New && !planted::forgets(self.fault, &record) {
            self.history.insert(record);
            self.store.insert(record);
        }
        decision
    }

    fn import(&mut self, records: &[Record]) {
        self.history.load(records.iter().copied());
        self.store.extend(records);
    }

    fn prune(&mut self, window: &Window) -> Result<(), &'static str> {
        let pruned = planted::prune(self.fault, &mut self.history, window);
        for record in &pruned.gone {
            let was_there = self.store.remove(record);
            if !was_there && record.named != Named::Watermark {
                return Err("a pruning deletes what is not in the store");
            }
        }
        self.store.extend(pruned.marks);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), &'static str> {
        let before: Vec<Record> = self.history.records().collect();
        self.history = History::default();
        self.history.load(planted::stored(self.fault, &self.store));
        let same = self.history.records().eq(before);
        if same { Ok(()) } else { Err("a restart changes what is known") }
    }
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// A message wants to go out.
    Message(Record, Option<Root>),
    /// An import names this; a record or a watermark.
    Import(Record),
    Prune,
    Restart,
    /// Slots go by.
    Time(u64),
}

/// Four validators, few epochs, few names: so that things meet.
fn draw(dice: &mut Dice, now: Slot, past: &[(Record, Option<Root>)]) -> Happens {
    match dice.below(100) {
        0..15 => Happens::Time(1 + dice.below(12)),
        15..25 => Happens::Prune,
        25..30 => Happens::Restart,
        30..40 => Happens::Import(draw_import(dice, now)),
        40..52 if !past.is_empty() => {
            let (record, root) = past[past.len().saturating_sub(1 + dice.below(8) as usize)];
            Happens::Message(record, root)
        }
        _ => {
            let name = dice.below(4) as u8;
            let deed = draw_deed(dice, now, 3);
            let record =
                Record { validator: Validator(dice.below(4)), deed, named: Named::Signature(Root([name; 32])) };
            let root = Root([name + 100; 32]);
            Happens::Message(record, (matches!(deed, Deed::Vote { .. }) && dice.percent(70)).then_some(root))
        }
    }
}

/// A vote near this epoch, or a block near this slot; now and then outside the window.
fn draw_deed(dice: &mut Dice, now: Slot, back: u64) -> Deed {
    let epoch = CLOCK.epoch(now).0;
    if dice.percent(40) {
        return Deed::Block { slot: Slot((now.0 + 3).saturating_sub(dice.below(40))) };
    }
    let target = (epoch + 1).saturating_sub(dice.below(back));
    let source = if dice.percent(80) { target.saturating_sub(dice.below(5)) } else { dice.below(epoch + 3) };
    Deed::Vote { source: Epoch(source), target: Epoch(target) }
}

fn draw_import(dice: &mut Dice, now: Slot) -> Record {
    let mut deed = draw_deed(dice, now.back(16), 16);
    let named = match dice.below(10) {
        0..5 => Named::Root(Root([dice.below(4) as u8 + 100; 32])),
        5..8 => Named::Unknown,
        // A mark in the future would silence its validator for the rest of the run.
        _ => {
            let past = CLOCK.epoch(now).0.saturating_sub(2 + dice.below(8));
            deed = match deed {
                Deed::Block { slot } => Deed::Block { slot: slot.back(8) },
                Deed::Vote { .. } => {
                    Deed::Vote { source: Epoch(past.saturating_sub(dice.below(3))), target: Epoch(past) }
                }
            };
            Named::Watermark
        }
    };
    Record { validator: Validator(dice.below(4)), deed, named }
}

/// One drawn life of a guard.
fn run(seed: u64, fault: Option<Fault>) -> Result<Tally, String> {
    let dice = &mut Dice::new(seed);
    let mut guard = Guard::new(fault);
    let mut oracle = oracle::Oracle::default();
    let mut now = Slot(dice.below(200));
    let (mut past, mut tally) = (Vec::new(), Tally::default());
    for step in 0..STEPS {
        let happens = draw(dice, now, &past);
        let window = Window { now, clock: CLOCK };
        let done = match happens {
            Happens::Message(record, root) => {
                past.push((record, root));
                let decision = guard.decide(record, root, &window);
                tally.count(&decision);
                oracle.check(&record, root, &window, &decision)
            }
            Happens::Import(record) => {
                guard.import(&[record]);
                oracle.import(record);
                Ok(())
            }
            Happens::Prune => guard.prune(&window),
            Happens::Restart => guard.restart(),
            Happens::Time(slots) => {
                now = Slot(now.0 + slots);
                Ok(())
            }
        };
        done.map_err(|rule| format!("RANGELIGHT_SEED={seed} replays this: step {step}, {happens:?}: {rule}"))?;
    }
    Ok(tally)
}

/// How often each sort of decision was drawn, so that a run that meets nothing is seen.
#[derive(Default)]
struct Tally {
    new: usize,
    known: usize,
    refused: [usize; 7],
}

impl Tally {
    fn count(&mut self, decision: &Decision) {
        match decision {
            Decision::New => self.new += 1,
            Decision::Known => self.known += 1,
            Decision::Refused(conflict) => {
                let sort = match conflict {
                    Conflict::DoubleProposal(_) => 0,
                    Conflict::DoubleVote(_) => 1,
                    Conflict::Surrounds(_) => 2,
                    Conflict::Surrounded(_) => 3,
                    Conflict::SourceAfterTarget => 4,
                    Conflict::BelowWatermark(_) => 5,
                    Conflict::OutsideWindow | Conflict::TooManyValidators => 6,
                };
                self.refused[sort] += 1;
            }
        }
    }
}

#[test]
fn no_drawn_guard_lets_a_slashable_pair_out_or_refuses_what_is_sound() {
    let seeds = match std::env::var("RANGELIGHT_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("RANGELIGHT_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..GUARDS,
    };
    let alone = seeds.end - seeds.start == 1;
    let mut all = Tally::default();
    for seed in seeds {
        let tally = run(seed, None).unwrap_or_else(|violation| panic!("{violation}"));
        all.new += tally.new;
        all.known += tally.known;
        all.refused.iter_mut().zip(tally.refused).for_each(|(sum, more)| *sum += more);
    }
    let least = all.refused.iter().chain([&all.new, &all.known]).min().copied().unwrap_or(0);
    assert!(alone || least > 1_000, "every sort of decision is met: {} {} {:?}", all.new, all.known, all.refused);
}
