//! How long blocks are waited for.
//!
//! A block should be out early enough to be voted for at a third of the slot, and a node with a relay takes a second and more
//! to make its best one. So the best block at hand is taken 1.2 s after the request, or 2 s into the slot if that is
//! sooner, but never before 0.6 s, or who asks late would get the fastest block instead of the best. Without an
//! acceptable one the first to come is taken, until the row's deadline. Friends are asked 0.6 s after the request, or 1 s
//! into the slot.
//!
//! A last resort will do 3 s into the slot, when it can still be voted for.
//!
//! These are times of a 12 s slot, kept as basis points of one. The floors are not scaled: on a network with short slots
//! nodes and lines are as slow as elsewhere, and a wait that is over before a good node can answer chooses nothing.

use std::time::Duration;

use crate::block::worth::SOUND;
use crate::chain::{Clock, Moment, Slot};
use crate::race::Score;
use crate::race::best::{Resort, Terms};

/// 1.2 s: the longest wait for a better block.
const WAIT: u64 = 1_000;
/// 2 s into the slot: a block that is signed then is spread before the votes.
const LATEST: u64 = 1_667;
/// 0.6 s: the shortest wait for a better block.
const LEAST: u64 = 500;
/// 0.6 s without an acceptable block: friends are asked.
const FRIENDS_WAIT: u64 = 500;
/// 1 s into the slot: friends are asked.
const FRIENDS_LATEST: u64 = 833;

/// 3 s into the slot: a last resort will do.
const RESORT: u64 = 2_500;

/// What a node needs for a block when everything is well.
const FLOOR: Duration = Duration::from_millis(300);
/// Sooner than this an own node is not taken for one that hangs.
const FRIENDS_FLOOR: Duration = Duration::from_millis(200);

/// The slot that is assumed until the network is known.
const MAINNET_SLOT_MS: u64 = 12_000;

/// When a block is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// The network's, once it is known.
    pub(super) clock: Option<Clock>,
    /// When the request came.
    pub(super) now: Moment,
    /// The slot it is about.
    pub(super) slot: Slot,
}

/// The terms of the race; nothing in them is later than the deadline.
pub(super) fn terms(setting: Setting, deadline: Duration) -> (Terms, Resort) {
    let Setting { clock, now, slot } = setting;
    let slot_ms = clock.map_or(MAINNET_SLOT_MS, |clock| clock.slot_ms);
    let share = |points: u64| Duration::from_millis(slot_ms.saturating_mul(points) / 10_000);
    let start = clock.map_or(now, |clock| clock.start(slot));
    let until = |points: u64| {
        let at = start.plus(slot_ms.saturating_mul(points) / 10_000);
        Duration::from_millis(at.since(now))
    };
    let soft = share(WAIT).min(until(LATEST)).max(share(LEAST)).max(FLOOR);
    let friends_at = share(FRIENDS_WAIT).min(until(FRIENDS_LATEST)).max(FRIENDS_FLOOR);
    let resort = Resort { below: SOUND, at: until(RESORT).max(soft).min(deadline) };
    let terms = Terms {
        // A better block may always come.
        enough: Score([u64::MAX; 4]),
        friends_at: friends_at.min(deadline),
        soft: soft.min(deadline),
        deadline,
    };
    (terms, resort)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAINNET: Clock = Clock { genesis: Moment(1_000_000), slot_ms: 12_000, slots_per_epoch: 32 };
    const GNOSIS: Clock = Clock { slot_ms: 5_000, ..MAINNET };
    const QUICK: Clock = Clock { slot_ms: 500, ..MAINNET };

    #[test]
    fn waits_follow_the_slot_and_its_floors() {
        for (name, clock, into_ms, deadline, friends_at, soft, resort) in [
            ("at the start of a slot", Some(MAINNET), 0, 6_000, 600, 1_200, 3_000),
            ("half a second in", Some(MAINNET), 500, 6_000, 499, 1_200, 2_500),
            ("one second in", Some(MAINNET), 1_000, 6_000, 200, 1_000, 2_000),
            ("late: the least that is waited", Some(MAINNET), 5_000, 6_000, 200, 600, 600),
            ("before the slot", Some(MAINNET), -3_000, 9_000, 600, 1_200, 6_000),
            ("without a network", None, 0, 6_000, 600, 1_200, 3_000),
            ("shorter slots", Some(GNOSIS), 0, 2_500, 250, 500, 1_250),
            ("very short slots", Some(QUICK), 0, 2_000, 200, 300, 300),
            ("a caller in a hurry", Some(MAINNET), 0, 150, 150, 150, 150),
        ] {
            let start = clock.unwrap_or(MAINNET).start(Slot(9));
            let setting = Setting { clock, now: Moment(start.0.saturating_add_signed(into_ms)), slot: Slot(9) };
            let (got, last) = terms(setting, Duration::from_millis(deadline));
            let ms = (got.friends_at.as_millis(), got.soft.as_millis(), got.deadline.as_millis());
            assert_eq!(ms, (friends_at, soft, u128::from(deadline)), "{name}");
            assert_eq!(last.at.as_millis(), resort, "{name}");
        }
        let absurd =
            Setting { clock: Some(Clock { slot_ms: u64::MAX, ..MAINNET }), now: Moment(0), slot: Slot(u64::MAX) };
        assert_eq!(terms(absurd, Duration::from_secs(6)).0.soft, Duration::from_secs(6));
    }
}
