//! What a block is worth beside others.
//!
//! Wei are compared as 128-bit numbers: they hold 10²⁰ times the ether there is, so a value above them is a lie or a
//! mistake, and counts as the most they hold. The builder boost of the request is applied once, here, and only to
//! compare: nodes report plain values, whatever they did with the factor themselves.
//!
//! In order: an own block before a friend's (whose word on its value counts nothing), a verified head before an
//! optimistic one, an expected parent before another, what the boost demands, the greater value, whole before blinded.
//! Among equals the race takes the node that stands first.

use super::{Block, json};
use crate::merit::EthHeaders;
use crate::race::Score;

/// The boost that means: take the builder's block, whatever it is worth (Beacon API, `builder_boost_factor`).
pub const ALWAYS_BUILDER: u64 = u64::MAX;

/// The boost when the request names none.
pub const PLAIN_BOOST: u64 = 100;

/// Below it is a friend's block on a head that no own node knows, or on one that is not verified: a last resort.
pub const SOUND: Score = Score([0b01101, 0, 0, 0]);

/// What decides between blocks that may all be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worth {
    /// An own node made it.
    pub own: bool,
    /// Its head was verified by an execution client.
    pub verified: bool,
    /// It stands on a head that was expected.
    pub expected_parent: bool,
    /// Its payload is only a header.
    pub blinded: bool,
    /// Of its payload, in Wei.
    pub execution: u128,
    /// Of all else, in Wei.
    pub consensus: u128,
}

impl Worth {
    /// The values of an own node's block: headers first, then fields; missing, empty and unreadable ones are 0.
    #[must_use]
    pub fn values(block: &Block, headers: &EthHeaders<'_>) -> (u128, u128) {
        let told = |header: Option<&str>, field: Option<u128>| header.and_then(json::value).or(field).unwrap_or(0);
        (told(headers.payload_value, block.told.execution), told(headers.block_value, block.told.consensus))
    }

    /// As the race compares it.
    #[must_use]
    pub fn score(self, boost: u64) -> Score {
        let demanded = match (self.blinded, boost) {
            (true, 0) => 0,
            (true, ALWAYS_BUILDER) => 2,
            _ => 1,
        };
        let execution = if self.blinded { boosted(self.execution, boost) } else { self.execution };
        let value = execution.saturating_add(self.consensus);
        let bit = |set: bool, place: u32| u64::from(set) << place;
        let standing = bit(self.own, 4) | bit(self.verified, 3) | bit(self.expected_parent, 2) | demanded;
        let (high, low) = ((value >> 64) as u64, (value & u128::from(u64::MAX)) as u64);
        // Never the lowest score, which means "an answer, but not a sound one".
        Score([standing + 1, high, low, u64::from(!self.blinded)])
    }
}

/// `value * boost / 100`, rounded down; the most that 128 bits hold if it is more.
fn boosted(value: u128, boost: u64) -> u128 {
    let boost = u128::from(boost);
    // Exact: value is 100 * hundreds + rest.
    let (hundreds, rest) = (value / 100, value % 100);
    hundreds.saturating_mul(boost).saturating_add(rest * boost / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETH: u128 = 1_000_000_000_000_000_000;

    fn own(blinded: bool, execution: u128) -> Worth {
        Worth { own: true, verified: true, expected_parent: true, blinded, execution, consensus: 0 }
    }

    #[test]
    fn the_first_is_better() {
        let whole = |execution| own(false, execution);
        let blinded = |execution| own(true, execution);
        for (name, better, worse, boost) in [
            ("more", whole(2), whole(1), 100),
            ("more by the consensus value", Worth { consensus: 5, ..whole(1) }, whole(5), 100),
            ("more, blinded", blinded(11), whole(10), 100),
            ("as much: whole", whole(10), blinded(10), 100),
            ("boosted below", whole(10), blinded(11), 90),
            ("boosted above", blinded(10), whole(10), 110),
            ("boost 0: blinded only if there is nothing else", whole(0), blinded(1_000 * ETH), 0),
            ("the highest boost: any blinded one", blinded(0), whole(1_000 * ETH), ALWAYS_BUILDER),
            ("one below the highest boost is a factor", whole(ETH), blinded(0), ALWAYS_BUILDER - 1),
            ("the highest boost, two blinded", blinded(2), blinded(1), ALWAYS_BUILDER),
            ("boost 0, two blinded: by what else there is", Worth { consensus: 1, ..blinded(1) }, blinded(9), 0),
            ("more than 64 bits", whole(1 << 70), whole((1 << 70) - 1), 100),
            ("an absurd value is the most there is", blinded(u128::MAX), whole(u128::MAX - 1), 100),
            ("own before a friend's", whole(0), Worth { own: false, ..whole(9) }, 100),
            ("an unexpected parent", whole(0), Worth { expected_parent: false, ..whole(9 * ETH) }, 100),
            (
                "an expected parent, but not verified",
                Worth { expected_parent: false, ..whole(1) },
                Worth { verified: false, ..whole(9) },
                100,
            ),
            (
                "own and odd before a friend's",
                Worth { expected_parent: false, verified: false, ..whole(0) },
                Worth { own: false, ..whole(9) },
                100,
            ),
        ] {
            assert!(better.score(boost) > worse.score(boost), "{name}");
        }
        assert!(
            Worth { own: false, verified: false, expected_parent: false, ..blinded(0) }.score(0) > Score::default()
        );
    }

    #[test]
    fn the_boost_is_exact_and_saturates() {
        for (value, boost, product) in [
            (0, u64::MAX, 0),
            (99, 1, 0),
            (199, 50, 99),
            (12_345, 100, 12_345),
            (u128::MAX, 100, u128::MAX),
            (u128::MAX, 99, u128::MAX / 100 * 99 + 54),
            (u128::MAX, 200, u128::MAX),
            (120_000_000 * ETH, u64::MAX, u128::MAX),
        ] {
            assert_eq!(boosted(value, boost), product, "{value} * {boost} / 100");
        }
    }

    #[test]
    fn values_are_text_of_digits() {
        for (text, value) in [
            ("715517000000000", Some(715_517_000_000_000)),
            ("\"7\"", Some(7)),
            (" 7 ", Some(7)),
            ("0", Some(0)),
            ("", None),
            ("\"\"", None),
            ("-1", None),
            ("0x10", None),
            ("1.5", None),
            ("1e18", None),
            ("null", None),
            ("115792089237316195423570985008687907853269984665640564039457584007913129639935", Some(u128::MAX)),
        ] {
            assert_eq!(json::value(text), value, "{text:?}");
        }
    }
}
