//! How long a caller waits for an answer to begin.
//!
//! Duties live inside a slot, so their deadlines are basis points of it (Gnosis has 5 s slots, test networks 2 s);
//! background reads have plain milliseconds. A deadline only ends a wait that nothing else ended: faults move on at
//! once and hedges ask early, so a late deadline costs nothing while an early one would make us worse than the
//! validator client alone with its own slow node. Hence the floor, and hence the longest time at which the answer is
//! still of use, not the usual time. Callers with less patience have the listener's `budget`.

use std::fmt;
use std::time::Duration;

use crate::chain::{Clock, Moment, Slot};

/// No deadline is shorter. A reset connection, a new one and a paused node's catching up fit into 2 s, not into a
/// fraction of a 2 s slot; much longer would outlast the patience of validator clients on such networks.
const FLOOR_MS: u64 = 2_000;

/// The slot that is assumed until the network is known.
const MAINNET_SLOT_MS: u64 = 12_000;

/// How long a caller waits for an answer to begin; afterwards the best that is there is taken, else it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deadline {
    /// So many milliseconds after the request came, whatever the slot's length.
    AfterMs(u64),
    /// None: answered from memory, refused, or never ending.
    None,
    /// So many basis points of a slot after the request came.
    Share(u64),
    /// At so many basis points of the slot that the request is about.
    IntoSlot {
        /// Basis points from the slot's start.
        at: u64,
        /// Basis points of a slot that a late request gets in any case.
        at_least: u64,
    },
}

impl Deadline {
    /// The wait from `now`, when the request came; `None` = no deadline.
    ///
    /// `slot` is the slot that the request names, if it names one; without it the slot of `now` counts. An absurd slot
    /// waits for one slot more than `at`, never longer. Without a clock a mainnet slot is assumed.
    #[must_use]
    pub fn resolve(self, clock: Option<&Clock>, now: Moment, slot: Option<Slot>) -> Option<Duration> {
        let slot_ms = clock.map_or(MAINNET_SLOT_MS, |clock| clock.slot_ms);
        let share = |basis_points: u64| slot_ms.saturating_mul(basis_points) / 10_000;
        let ms = match self {
            Self::AfterMs(ms) => ms,
            Self::None => return None,
            Self::Share(basis_points) => share(basis_points),
            Self::IntoSlot { at, at_least } => {
                let start = clock.and_then(|clock| Some(clock.start(slot.or_else(|| clock.slot(now))?)));
                let until = start.map_or_else(|| now.plus(share(at)), |start| start.plus(share(at)));
                until.since(now).min(share(at).saturating_add(slot_ms)).max(share(at_least))
            }
        };
        Some(Duration::from_millis(ms.max(FLOOR_MS)))
    }
}

/// As it stands in the reference page: the share and what it is of a 12 s slot.
impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::AfterMs(ms) => write!(f, "{}", Seconds(ms)),
            Self::None => f.write_str("-"),
            Self::Share(basis_points) => write!(f, "{basis_points} bp of a slot ({})", Seconds::of_slot(basis_points)),
            Self::IntoSlot { at, at_least } => {
                write!(f, "{at} bp into the slot (S + {}), ", Seconds::of_slot(at))?;
                write!(f, "at least {at_least} bp ({})", Seconds::of_slot(at_least))
            }
        }
    }
}

/// Milliseconds, written as seconds.
struct Seconds(u64);

impl Seconds {
    /// A share of a mainnet slot, to the nearest tenth of a second.
    fn of_slot(basis_points: u64) -> Self {
        Self((MAINNET_SLOT_MS * basis_points / 10_000 + 50) / 100 * 100)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 1_000 {
            0 => write!(f, "{} s", self.0 / 1_000),
            rest => write!(f, "{}.{} s", self.0 / 1_000, rest / 100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAINNET: Clock = Clock { genesis: Moment(1_000_000), slot_ms: 12_000, slots_per_epoch: 32 };
    const GNOSIS: Clock = Clock { slot_ms: 5_000, ..MAINNET };
    const QUICK: Clock = Clock { slot_ms: 200, ..MAINNET };

    #[test]
    fn waits_follow_the_slot_and_never_fall_below_the_floor() {
        let third = Deadline::Share(3_333);
        let block = Deadline::IntoSlot { at: 5_000, at_least: 2_500 };
        let slot_9 = MAINNET.start(Slot(9));
        for (name, deadline, clock, now, slot, ms) in [
            ("plain time knows no slot", Deadline::AfterMs(10_000), Some(&QUICK), Moment(0), None, 10_000),
            ("a share of a mainnet slot", third, Some(&MAINNET), Moment(0), None, 3_999),
            ("a share without a network is mainnet's", third, None, Moment(0), None, 3_999),
            ("a share of a long slot", Deadline::Share(5_000), Some(&GNOSIS), Moment(0), None, 2_500),
            ("a share of a short slot is the floor", third, Some(&GNOSIS), Moment(0), None, 2_000),
            ("into the slot, asked at its start", block, Some(&MAINNET), slot_9, None, 6_000),
            ("into the slot, asked one second in", block, Some(&MAINNET), slot_9.plus(1_000), None, 5_000),
            ("into the slot, asked late", block, Some(&MAINNET), slot_9.plus(11_000), None, 3_000),
            ("into the next slot, asked early", block, Some(&MAINNET), slot_9, Some(Slot(10)), 18_000),
            ("an absurd slot ends one slot later", block, Some(&MAINNET), slot_9, Some(Slot(u64::MAX)), 18_000),
            ("a slot long gone", block, Some(&MAINNET), slot_9, Some(Slot(0)), 3_000),
            ("before genesis", block, Some(&MAINNET), Moment(0), None, 6_000),
            ("without a network", block, None, Moment(0), Some(Slot(10)), 6_000),
        ] {
            assert_eq!(deadline.resolve(clock, now, slot), Some(Duration::from_millis(ms)), "{name}");
        }
        assert_eq!(Deadline::None.resolve(Some(&MAINNET), slot_9, None), None);
    }

    #[test]
    fn hostile_numbers_saturate() {
        let clock = Clock { slot_ms: u64::MAX, ..MAINNET };
        for deadline in [Deadline::Share(u64::MAX), Deadline::IntoSlot { at: u64::MAX, at_least: u64::MAX }] {
            assert!(deadline.resolve(Some(&clock), Moment(u64::MAX), Some(Slot(u64::MAX))).is_some());
        }
    }

    #[test]
    fn pages_show_the_share_and_the_seconds() {
        assert_eq!(Deadline::Share(3_333).to_string(), "3333 bp of a slot (4 s)");
        assert_eq!(Deadline::AfterMs(2_500).to_string(), "2.5 s");
        assert_eq!(
            Deadline::IntoSlot { at: 5_000, at_least: 2_500 }.to_string(),
            "5000 bp into the slot (S + 6 s), at least 2500 bp (3 s)"
        );
    }
}
