//! Which of several aggregates is best: the one with most set bits.
//!
//! Signed messages are broadcast, so every node holds at least the caller's own votes and answers at once with a poor
//! aggregate. The first answer is therefore mostly a bad one. All own nodes are asked together, and the answer with most
//! bits wins:
//!
//! - One in which every bit is set cannot be bettered and is not waited beyond.
//! - At the soft time the best at hand is taken, else the first that comes.
//! - Friends are asked if no own node has one by half of the soft time, and theirs is taken only if no own node has one
//!   at the end of the wait: bits are not checked against the signature, so a liar could claim all of them.
//! - Refusals (404: nobody voted so there) count only when everybody has spoken, or at the deadline; a fault beside a
//!   404 is still a 404 for the caller, who then skips the duty.
//!
//! The end of the wait stays that of the row. A node alone that takes two seconds would still give an aggregate that is
//! of use, and we must not be worse than it. The last place of a score is free for what says that a node was subscribed
//! to the committee; its bits say the same today.

use std::time::Duration;

use crate::chain::Clock;
use crate::node::{NodeId, Snapshot, Trust};
use crate::race::Score;
use crate::race::best::Terms;
use crate::race::plan::{Conduct, Plan};

/// A thirtieth of a slot (400 ms of 12 s): so long better aggregates are waited for.
pub(super) const SOFT_BASIS_POINTS: u64 = 333;

/// Half of it: so long own nodes have before friends are asked.
pub(super) const FRIENDS_BASIS_POINTS: u64 = 167;

/// The way to a node does not become shorter with the slot. Nothing is lost at these times, so they may be far below
/// the floor of deadlines.
const SOFT_FLOOR_MS: u64 = 150;
const FRIENDS_FLOOR_MS: u64 = 75;

/// The slot that is assumed until the network is known.
const MAINNET_SLOT_MS: u64 = 12_000;

/// Bits of an aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    /// How many are set.
    pub(super) set: u64,
    /// How many there are: the size of the committee.
    pub(super) of: u64,
}

impl Bits {
    /// An SSZ bitlist: the highest set bit of its last byte is no member but its end. `None` if that is missing.
    pub(super) fn of_list(bytes: &[u8]) -> Option<Self> {
        let last = *bytes.last()?;
        let end = u64::from(7_u32.checked_sub(last.leading_zeros())?);
        let of = (bytes.len() as u64 - 1) * 8 + end;
        Some(Self { set: count(bytes) - 1, of })
    }

    /// An SSZ bitvector that fills its bytes.
    pub(super) fn of_vector(bytes: &[u8]) -> Self {
        Self { set: count(bytes), of: bytes.len() as u64 * 8 }
    }

    /// What an aggregate with these bits is worth. See the module for the order.
    pub(super) fn score(self, own: bool) -> Score {
        Score([u64::from(own), u64::from(self.set == self.of), self.set, 0])
    }
}

/// The score of an own node's answer that cannot be bettered.
const ENOUGH: Score = Score([1, 1, 0, 0]);

fn count(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(byte.count_ones())).sum()
}

/// Whether a node is our own; one that is no longer configured is nobody's.
pub(super) fn is_own(snapshot: &Snapshot, node: NodeId) -> bool {
    snapshot.node(node).is_some_and(|state| state.profile.trust == Trust::Own)
}

/// The plan, with all own nodes asked at once for the best aggregate. A plan that asks nobody stays as it is.
pub(super) fn conduct(plan: Plan, clock: Option<Clock>) -> Plan {
    let Conduct::Failover(rules) = &plan.conduct else { return plan };
    let terms = terms(rules.deadline, clock);
    Plan { conduct: Conduct::Best(terms), ..plan }
}

fn terms(deadline: Duration, clock: Option<Clock>) -> Terms {
    let slot_ms = clock.map_or(MAINNET_SLOT_MS, |clock| clock.slot_ms);
    let share = |basis_points: u64, floor: u64| {
        Duration::from_millis((slot_ms.saturating_mul(basis_points) / 10_000).max(floor)).min(deadline)
    };
    Terms {
        enough: ENOUGH,
        friends_at: share(FRIENDS_BASIS_POINTS, FRIENDS_FLOOR_MS),
        soft: share(SOFT_BASIS_POINTS, SOFT_FLOOR_MS),
        deadline,
    }
}

#[cfg(test)]
mod simulation;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Moment;

    #[test]
    fn bits_are_counted() {
        for (name, bytes, set, of) in [
            ("nobody of none", &[0b1][..], 0, 0),
            ("nobody of three", &[0b1000], 0, 3),
            ("all of three", &[0b1111], 3, 3),
            ("a whole byte of members", &[0xff, 0b1], 8, 8),
            ("nine members", &[0b101, 0b10], 2, 9),
        ] {
            assert_eq!(Bits::of_list(bytes), Some(Bits { set, of }), "{name}");
        }
        assert_eq!(Bits::of_list(&[]), None);
        assert_eq!(Bits::of_list(&[0xff, 0]), None, "a list without an end");
        assert_eq!(Bits::of_vector(&[0xff, 1]), Bits { set: 9, of: 16 });
    }

    #[test]
    fn own_before_full_before_more() {
        let score = |own, set| Bits { set, of: 8 }.score(own);
        assert!(score(true, 1) > score(false, 8), "a friend may claim what he likes");
        assert!(score(true, 5) > score(true, 4));
        assert!(score(true, 8) >= ENOUGH && score(true, 7) < ENOUGH && score(false, 8) < ENOUGH);
    }

    #[test]
    fn times_follow_the_slot_down_to_a_floor_and_never_pass_the_deadline() {
        let clock = |slot_ms| Some(Clock { genesis: Moment(0), slot_ms, slots_per_epoch: 32 });
        for (name, clock, deadline, friends_at, soft) in [
            ("mainnet", clock(12_000), 3_000, 200, 399),
            ("not known yet", None, 3_000, 200, 399),
            ("gnosis", clock(5_000), 2_000, 83, 166),
            ("a test network", clock(1_000), 2_000, 75, 150),
            ("an impatient listener", clock(12_000), 100, 100, 100),
        ] {
            let terms = terms(Duration::from_millis(deadline), clock);
            let got = [terms.friends_at, terms.soft, terms.deadline].map(|it| it.as_millis());
            assert_eq!(got, [friends_at, soft, u128::from(deadline)], "{name}");
        }
    }
}
