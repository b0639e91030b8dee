//! Grey failure: a node that answers, but badly.
//!
//! In December 2025 nodes of one family were slow, not down, for 42 epochs; their health pages stayed green. What shows
//! such a node is its work: the share of faults among its last exchanges, how long it takes, how late it is with heads
//! that others have. None of it refuses; it orders.
//!
//! An exchange that was dropped before its end counts as a fault from the node's own hedge time on, and as a time of at
//! least what it lasted; a hung node that loses every race would look healthy otherwise. One dropped sooner says
//! nothing: its short time would make a slow node look fast.
//!
//! All three are small rings of fixed size, so old sins are forgotten by work and not by time: an idle node keeps its
//! name, good or bad. Exchanges of all operations count alike. A slow operation raises the quantile a little, and the
//! clamp keeps one hanging exchange from moving the hedge beyond reach.

use super::Exchange;

/// How many exchanges are remembered.
const REMEMBERED: usize = 32;
/// Fewer exchanges than this say nothing.
const ENOUGH: u32 = 8;
/// A quarter of faults is far above what a healthy node on a bad day shows.
const FAULTS_IN_FOUR: u32 = 1;
/// No earlier than this: a hedge costs the other node a request, and any local answer is faster.
const HEDGE_MIN_MS: u64 = 50;
/// No later than this: attestation data has to be there within a second or so.
const HEDGE_MAX_MS: u64 = 1_000;
/// Before anything was measured.
const HEDGE_UNKNOWN_MS: u64 = 300;
/// The quantile is shown in steps, so that the snapshot does not change with every exchange.
const HEDGE_STEP_MS: u64 = 25;
/// Late with half of the last eight heads.
const LATE_OF_EIGHT: u32 = 4;

/// The last exchanges and heads of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Grey {
    /// One bit an exchange, newest lowest, set = fault.
    faults: u32,
    exchanges: u32,
    times: [u32; REMEMBERED],
    timed: usize,
    next: usize,
    /// The 90th percentile of the times; counted when one comes, read far more often.
    slowest_tenth: u64,
    /// One bit a head, newest lowest, set = late.
    late: u8,
}

impl Grey {
    pub(super) fn exchanged(&mut self, exchange: Exchange) {
        let (fault, took) = match exchange {
            Exchange::Answered { ms } => (false, Some(ms)),
            Exchange::Outlasted { ms } if ms < self.hedge_after_ms() => return,
            Exchange::Outlasted { ms } => (true, Some(ms)),
            Exchange::Faulted | Exchange::Refused => (true, None),
        };
        self.faults = self.faults << 1 | u32::from(fault);
        self.exchanges = (self.exchanges + 1).min(u32::BITS);
        if let Some(ms) = took {
            self.times[self.next] = u32::try_from(ms).unwrap_or(u32::MAX);
            self.next = (self.next + 1) % REMEMBERED;
            self.timed = (self.timed + 1).min(REMEMBERED);
            self.slowest_tenth = self.quantile();
        }
    }

    pub(super) fn head(&mut self, late: bool) {
        self.late = self.late << 1 | u8::from(late);
    }

    /// The 90th percentile of its answer times, clamped to 50 ms … 1 s, rounded up to 25 ms.
    pub(super) fn hedge_after_ms(&self) -> u64 {
        if self.timed < ENOUGH as usize {
            return HEDGE_UNKNOWN_MS;
        }
        self.slowest_tenth.next_multiple_of(HEDGE_STEP_MS).clamp(HEDGE_MIN_MS, HEDGE_MAX_MS)
    }

    pub(super) fn doubts(&self) -> impl Iterator<Item = &'static str> {
        let faulty = self.exchanges >= ENOUGH && self.faults.count_ones() * 4 >= self.exchanges * FAULTS_IN_FOUR;
        let slow = self.timed >= ENOUGH as usize && self.slowest_tenth >= HEDGE_MAX_MS;
        let late = self.late.count_ones() >= LATE_OF_EIGHT;
        [
            (faulty, "a quarter or more of its last exchanges failed"),
            (slow, "one in ten of its answers takes a second or more"),
            (late, "it is late with half of the heads"),
        ]
        .into_iter()
        .filter_map(|(is, doubt)| is.then_some(doubt))
    }

    fn quantile(&self) -> u64 {
        let mut times = self.times;
        let times = &mut times[..self.timed];
        times.sort_unstable();
        times.get(self.timed * 9 / 10).or(times.last()).map_or(0, |ms| u64::from(*ms))
    }
}
