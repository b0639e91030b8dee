//! Is our own clock right?
//!
//! A wrong clock spoils everything at once: heads seem to come from the future, deadlines have passed before they began.
//! Two signs tell. Answers carry a `Date`, in whole seconds and a little old, so its middle is used and the median of the
//! last few; and a head that arrives before its slot has begun shows by how much our clock is late at least. When two own
//! nodes are more than a second away from us to the same side, the median of all own nodes' words is added to our clock
//! wherever slots are counted, with an alarm. It is dropped when the median is back within half a second. A friend's
//! clock is no sign of ours.
//!
//! One own node is not enough: it may be its clock that is wrong. Its heads are then held until our clock lets them in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::chain::Moment;
use crate::node::NodeId;

/// `Date` headers kept of each node.
const RECENT: usize = 5;
const WRONG_MS: u64 = 1_000;
const RIGHT_MS: u64 = 500;
/// A date has whole seconds, so smaller changes of the offset are noise.
const STEP_MS: u64 = 500;

/// What own nodes say of the time.
#[derive(Clone, Debug, Default)]
pub(super) struct Timepiece {
    signs: BTreeMap<NodeId, Signs>,
    offset_ms: i64,
}

#[derive(Clone, Debug, Default)]
struct Signs {
    dates: VecDeque<i64>,
    /// How much too early its last head came; 0 if it did not.
    early: i64,
}

impl Timepiece {
    pub(super) fn correct(&self, now: Moment) -> Moment {
        Moment(now.0.saturating_add_signed(self.offset_ms))
    }

    pub(super) fn offset_ms(&self) -> i64 {
        self.offset_ms
    }

    /// `now` is our clock's, uncorrected.
    pub(super) fn dated(&mut self, from: NodeId, date: Moment, now: Moment) {
        let dates = &mut self.signs.entry(from).or_default().dates;
        if dates.len() == RECENT {
            dates.pop_front();
        }
        dates.push_back(difference(date.plus(500), now));
    }

    /// A head of a slot that starts at `start` came.
    pub(super) fn head(&mut self, from: NodeId, start: Moment, now: Moment) {
        self.signs.entry(from).or_default().early = difference(start, now).max(0);
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.signs.remove(&node);
    }

    /// Counts anew with these nodes. True if the offset changed.
    pub(super) fn reckon(&mut self, own: &BTreeSet<NodeId>) -> bool {
        let words: Vec<i64> = own.iter().filter_map(|id| self.signs.get(id)?.word()).collect();
        let far = |side: i64| words.iter().filter(|word| **word * side > WRONG_MS as i64).count();
        let median = median(words.iter().copied()).unwrap_or(0);
        let off = if self.offset_ms == 0 {
            far(median.signum()) >= 2 && median.unsigned_abs() > WRONG_MS
        } else {
            words.len() >= 2 && median.unsigned_abs() >= RIGHT_MS
        };
        let offset = if off { median } else { 0 };
        let changed = offset.abs_diff(self.offset_ms) >= STEP_MS;
        if changed {
            self.offset_ms = offset;
        }
        changed
    }
}

impl Signs {
    fn word(&self) -> Option<i64> {
        median(self.dates.iter().copied()).or((self.early != 0).then_some(self.early))
    }
}

/// Within half of what the type holds, so that sums and signs are safe.
fn difference(there: Moment, here: Moment) -> i64 {
    let bound = i128::from(i64::MAX / 2);
    let difference = (i128::from(there.0) - i128::from(here.0)).clamp(-bound, bound);
    i64::try_from(difference).unwrap_or(0)
}

/// The middle one; of two, the nearer to zero.
fn median(words: impl Iterator<Item = i64>) -> Option<i64> {
    let mut words: Vec<i64> = words.collect();
    words.sort_unstable();
    let (low, high) = (words.get(words.len().checked_sub(1)? / 2)?, words.get(words.len() / 2)?);
    Some(if low.unsigned_abs() <= high.unsigned_abs() { *low } else { *high })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_own_nodes_on_one_side_and_the_median() {
        for (name, words, offset) in [
            ("all agree with us", vec![0, 200, -300], 0),
            ("one is off", vec![5_000, 0, 0], 0),
            ("one alone", vec![5_000], 0),
            ("two of two", vec![5_000, 5_200], 5_000),
            ("two of three", vec![5_000, 5_400, 0], 5_000),
            ("two of four: who is right?", vec![5_000, 5_000, 0, 0], 0),
            ("to different sides", vec![5_000, -5_000], 0),
            ("we are ahead", vec![-5_000, -4_000, -6_000], -5_000),
            ("less than a second", vec![900, 950, 990], 0),
        ] {
            let mut timepiece = Timepiece::default();
            for (node, word) in (0..).zip(&words) {
                let now = Moment(100_000);
                timepiece.dated(NodeId(node), Moment(now.0.saturating_add_signed(word - 500)), now);
            }
            let own = (0..words.len() as u16).map(NodeId).collect();
            timepiece.reckon(&own);
            assert_eq!(timepiece.offset_ms(), offset, "{name}");
            assert!(!timepiece.reckon(&own), "{name}: nothing new");
            timepiece.reckon(&BTreeSet::new());
            assert_eq!(timepiece.offset_ms(), 0, "{name}: without own nodes our clock stands");
        }
    }

    #[test]
    fn early_heads_count_where_no_date_is_sent() {
        let mut timepiece = Timepiece::default();
        let own = BTreeSet::from([NodeId(0), NodeId(1)]);
        for node in [0, 1] {
            timepiece.head(NodeId(node), Moment(50_000), Moment(46_000));
        }
        assert!(timepiece.reckon(&own));
        assert_eq!(timepiece.offset_ms(), 4_000);
        for node in [0, 1] {
            timepiece.head(NodeId(node), Moment(50_000), Moment(50_700));
        }
        assert!(timepiece.reckon(&own));
        assert_eq!(timepiece.offset_ms(), 0);
        timepiece.dated(NodeId(0), Moment(u64::MAX), Moment(0));
        timepiece.dated(NodeId(1), Moment(0), Moment(u64::MAX));
        assert!(!timepiece.reckon(&own), "absurd dates on both sides cancel out");
    }
}
