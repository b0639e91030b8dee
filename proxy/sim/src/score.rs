//! The score of a validator client, read from what the chain contains and the network heard.
//!
//! What was expected comes from the assignments, what was done from the chain and the ledger: nothing is taken from the
//! validator client but its errors, which are listed and never counted as duties.

use std::fmt;
use std::ops::Range;

use crate::assignment::{SYNC_SUBCOMMITTEES, aggregates, contributes, pubkey, sign};
use crate::digest::Address;
use crate::ground::{Ground, Sight};
use crate::locked;

/// Votes of all own validators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Votes {
    /// How many were to be made.
    pub expected: u64,
    /// How many were heard in time.
    pub included: u64,
    /// How many of those were for the head that the chain kept.
    pub head_ok: u64,
    /// How many of those had the right target.
    pub target_ok: u64,
    /// How many of those had the right source.
    pub source_ok: u64,
    /// The median of when they were heard, in milliseconds into their slot.
    pub median_delay_ms: u64,
    /// The latest of those times.
    pub max_delay_ms: u64,
}

/// Something that is done or is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many were to be done.
    pub expected: u64,
    /// How many were.
    pub done: u64,
}

/// Proposals of all own validators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proposals {
    /// How many were to be made.
    pub expected: u64,
    /// How many are in the chain.
    pub landed: u64,
    /// How many of those pay somebody else than the validator client wanted.
    pub wrong_fee_recipient: u64,
}

/// The score of some slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The slots scored.
    pub slots: Range<u64>,
    /// Attestations.
    pub attestations: Votes,
    /// Sync committee messages, with those for the right block as `done`'s part.
    pub sync: Tally,
    /// Sync committee messages for the block that the chain kept.
    pub sync_head_ok: u64,
    /// Aggregates.
    pub aggregates: Tally,
    /// Sync committee contributions.
    pub contributions: Tally,
    /// Proposals.
    pub proposals: Proposals,
    /// Duties for which two different messages were heard.
    pub slashable: u64,
    /// What the validator client complained of, oldest first.
    pub errors: Vec<String>,
}

/// Reads the score of some slots.
#[must_use]
pub fn read(ground: &Ground, slots: Range<u64>, recipient: Address, errors: Vec<String>) -> Report {
    let mut report = Report { slots: slots.clone(), errors, ..Report::default() };
    report.slashable = locked(&ground.ledger).slashable(&ground.own);
    let mut delays = Vec::new();
    for slot in slots {
        votes(ground, slot, &mut report, &mut delays);
        sync(ground, slot, &mut report);
        proposal(ground, slot, recipient, &mut report);
    }
    delays.sort_unstable();
    report.attestations.median_delay_ms = delays.get(delays.len() / 2).copied().unwrap_or(0);
    report.attestations.max_delay_ms = delays.last().copied().unwrap_or(0);
    report
}

fn votes(ground: &Ground, slot: u64, report: &mut Report, delays: &mut Vec<u64>) {
    let epoch = ground.preset.epoch(slot);
    let duties = ground.assignment.epoch(epoch);
    // The truth is what a node without delay sees: the chain as it is now, cut off at this slot.
    let view = ground.view(&Sight { stopped_at: Some(slot), ..Sight::default() });
    let truth = ground.attestation_data(&view, slot);
    let ledger = locked(&ground.ledger);
    for duty in duties.attesters.iter().filter(|duty| duty.slot == slot && ground.own.contains(&duty.validator)) {
        report.attestations.expected += 1;
        let proof = sign(&pubkey(ground.seed, duty.validator), "selection", &slot.to_le_bytes());
        if aggregates(&proof, duty.length) {
            report.aggregates.expected += 1;
            report.aggregates.done += u64::from(ledger.aggregated(slot, duty.validator));
        }
        let Some((vote, at_ms)) = ledger.voted(epoch, duty.validator) else { continue };
        delays.push(at_ms.saturating_sub(ground.clock.start_ms(slot)));
        report.attestations.included += 1;
        report.attestations.head_ok += u64::from(vote.head == truth.head);
        report.attestations.target_ok += u64::from(vote.target == truth.target);
        report.attestations.source_ok += u64::from(vote.source == truth.source);
    }
}

fn sync(ground: &Ground, slot: u64, report: &mut Report) {
    let epoch = ground.preset.epoch(slot);
    let view = ground.view(&Sight { stopped_at: Some(slot), ..Sight::default() });
    let head = ground.root_at(&view, slot);
    let size = ground.preset.sync_committee_size() / SYNC_SUBCOMMITTEES;
    let ledger = locked(&ground.ledger);
    for validator in &ground.own {
        let positions = ground.assignment.sync_positions(epoch, *validator);
        if positions.is_empty() {
            continue;
        }
        report.sync.expected += 1;
        if let Some((root, _)) = ledger.synced(slot, *validator) {
            report.sync.done += 1;
            report.sync_head_ok += u64::from(*root == head);
        }
        let mut subcommittees: Vec<u64> = positions.iter().map(|position| position / size).collect();
        subcommittees.dedup();
        for subcommittee in subcommittees {
            let message = [slot.to_le_bytes(), subcommittee.to_le_bytes()].concat();
            let proof = sign(&pubkey(ground.seed, *validator), "sync selection", &message);
            if contributes(&proof, ground.preset) {
                report.contributions.expected += 1;
                report.contributions.done += u64::from(ledger.contributed(slot, *validator, subcommittee));
            }
        }
    }
}

fn proposal(ground: &Ground, slot: u64, recipient: Address, report: &mut Report) {
    let proposer = ground.assignment.proposer(slot);
    if !ground.own.contains(&proposer) {
        return;
    }
    report.proposals.expected += 1;
    let landed = ground.chain(|chain| {
        let block = chain.tip(chain.canonical_at(u64::MAX), slot);
        (block.slot == slot).then_some(block.fee_recipient)
    });
    if let Some(paid) = landed {
        report.proposals.landed += 1;
        report.proposals.wrong_fee_recipient += u64::from(paid != recipient);
    }
}

impl Report {
    /// How many duties were missed or done wrong, all kinds together. Wrong head votes do not count here: they depend on
    /// when a block arrived.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let votes = &self.attestations;
        let (sync, proposals) = (&self.sync, &self.proposals);
        (votes.expected - votes.included)
            + (votes.included - votes.target_ok)
            + (votes.included - votes.source_ok)
            + (sync.expected - sync.done)
            + (proposals.expected - proposals.landed)
            + proposals.wrong_fee_recipient
            + self.slashable
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let votes = &self.attestations;
        let (from, to) = (self.slots.start, self.slots.end.saturating_sub(1));
        writeln!(f, "slots {from} to {to}       expected   done")?;
        let row = |f: &mut fmt::Formatter<'_>, name: &str, expected: u64, done: u64| {
            writeln!(f, "  {name:<22}{expected:>6} {done:>6}")
        };
        row(f, "attestations", votes.expected, votes.included)?;
        row(f, "  head right", votes.included, votes.head_ok)?;
        row(f, "  target right", votes.included, votes.target_ok)?;
        row(f, "  source right", votes.included, votes.source_ok)?;
        row(f, "aggregates", self.aggregates.expected, self.aggregates.done)?;
        row(f, "sync messages", self.sync.expected, self.sync.done)?;
        row(f, "  head right", self.sync.done, self.sync_head_ok)?;
        row(f, "contributions", self.contributions.expected, self.contributions.done)?;
        row(f, "proposals", self.proposals.expected, self.proposals.landed)?;
        row(f, "  wrong fee recipient", 0, self.proposals.wrong_fee_recipient)?;
        row(f, "slashable", 0, self.slashable)?;
        writeln!(f, "  heard after {} ms (median), {} ms (latest)", votes.median_delay_ms, votes.max_delay_ms)?;
        write!(f, "  {} complaints of the validator client", self.errors.len())
    }
}
