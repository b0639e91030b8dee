//! Sync committee contributions: the one with most signatures, for the asked root, slot and subcommittee.
//!
//! The same trap as with aggregates: every node has the caller's own messages and answers at once with little more. See
//! [`bits`] for who is asked and what wins.
//!
//! A subcommittee has as many bits as the preset says (128 on mainnet, 8 on minimal). While the network is not known any
//! length is taken: the caller alone would take it too.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use super::aggregate::hex;
use super::asked::parameter;
use super::bits::Bits;
use super::{Brief, Judged, Rule, bits};
use crate::catalogue::Row;
use crate::chain::{Clock, Root, Slot, decimal};
use crate::merit::{Body, Observed};
use crate::node::{NodeId, Snapshot};
use crate::race::Verdict;
use crate::race::plan::Plan;

#[cfg(test)]
mod tests;

/// Subcommittees of a sync committee (consensus-specs `SYNC_COMMITTEE_SUBNET_COUNT`), the same on every preset.
const SUBCOMMITTEES: u64 = 4;

/// The most bytes of bits that are read.
const LONGEST: usize = 64;

/// The rule of one request for a contribution.
#[derive(Debug)]
pub(super) struct Contribution {
    row: &'static Row,
    wanted: Wanted,
    snapshot: Arc<Snapshot>,
    clock: Option<Clock>,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    slot: Slot,
    subcommittee: u64,
    root: Root,
    /// Bits of a subcommittee; `None` while that is not known.
    size: Option<u64>,
}

/// What a contribution says.
#[derive(Deserialize)]
struct Told<'a> {
    slot: Slot,
    beacon_block_root: Root,
    #[serde(deserialize_with = "decimal")]
    subcommittee_index: u64,
    #[serde(borrow)]
    aggregation_bits: Cow<'a, str>,
}

impl Contribution {
    /// The rule; `None` if the query cannot be read.
    pub(super) fn of(brief: &Brief<'_>) -> Option<Self> {
        let size = brief.network.and_then(|network| network.spec.number("SYNC_COMMITTEE_SIZE"));
        let wanted = Wanted {
            slot: parameter(brief.query, "slot")?.parse().ok()?,
            subcommittee: parameter(brief.query, "subcommittee_index")?.parse().ok()?,
            root: parameter(brief.query, "beacon_block_root")?.parse().ok()?,
            size: size.map(|size| size / SUBCOMMITTEES),
        };
        Some(Self { row: brief.row, wanted, snapshot: Arc::clone(brief.snapshot), clock: brief.clock })
    }
}

impl Wanted {
    /// The bits of an answer, or what is wrong with it.
    fn bits_in(&self, body: &[u8]) -> Result<Bits, &'static str> {
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow)]
            data: Told<'a>,
        }

        let Body { data: told } = serde_json::from_slice(body).map_err(|_| "not a contribution")?;
        let bytes = hex(&told.aggregation_bits, LONGEST).ok_or("not a contribution")?;
        let bits = Bits::of_vector(&bytes);
        if told.slot != self.slot {
            Err("a contribution of another slot")
        } else if told.subcommittee_index != self.subcommittee {
            Err("a contribution of another subcommittee")
        } else if told.beacon_block_root != self.root {
            Err("a contribution for another block")
        } else if self.size.is_some_and(|size| size != bits.of) {
            Err("a contribution of a wrong size")
        } else if bits.set == 0 {
            Err("a contribution without a signature")
        } else {
            Ok(bits)
        }
    }
}

impl Rule for Contribution {
    fn conduct(&self, plan: Plan) -> Plan {
        bits::conduct(plan, self.clock)
    }

    fn judge(&self, from: NodeId, observed: &Observed<'_>) -> Judged {
        let judged = Judged::by_row(self.row, observed);
        let (Verdict::Good { .. }, Body::Whole(bytes)) = (&judged.verdict, observed.body) else { return judged };
        match self.wanted.bits_in(bytes) {
            Err(objection) => Judged::unfit(objection),
            Ok(bits) => Judged {
                verdict: Verdict::good(bits.score(bits::is_own(&self.snapshot, from))),
                words: format!("{}: {} of {} signatures", observed.status, bits.set, bits.of),
                alarm: None,
            },
        }
    }
}
