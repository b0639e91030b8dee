//! The chain's own words: slot, epoch, root, checkpoint, and the arithmetic of time.
//!
//! Nothing here knows a slot's length: it comes from the network's spec (`SLOT_DURATION_MS`, else `SECONDS_PER_SLOT`),
//! and deadlines inside a slot are basis points of it, because Gnosis has 5 s slots and test networks 2 s.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A slot number (consensus-specs, phase0 beacon-chain). The Beacon API writes it as a decimal string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u64);

/// An epoch number (consensus-specs, phase0 beacon-chain). The Beacon API writes it as a decimal string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// The epoch that means "never" in fork schedules (consensus-specs `FAR_FUTURE_EPOCH`).
pub const FAR_FUTURE_EPOCH: Epoch = Epoch(u64::MAX);

/// A 32-byte root. Written `0x` and 64 hex digits; read in either case.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Root(pub [u8; 32]);

/// An epoch and the block root at its first slot (consensus-specs `Checkpoint`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The epoch that the checkpoint opens.
    pub epoch: Epoch,
    /// The root of the last block at or before the epoch's first slot.
    pub root: Root,
}

/// A moment of wall-clock time: milliseconds since the Unix epoch.
///
/// This crate never reads a clock; whoever calls passes the moment in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

/// The slot arithmetic of one network: genesis time, slot length, slots per epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The start of slot 0.
    pub genesis: Moment,
    /// Length of a slot in milliseconds; never 0.
    pub slot_ms: u64,
    /// Slots per epoch; never 0.
    pub slots_per_epoch: u64,
}

/// A value that could not be read as what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} expected, got {got:?}")]
pub struct Malformed {
    /// What was expected, as a noun phrase.
    pub what: &'static str,
    /// What was there instead, at most 80 characters of it.
    pub got: String,
}

impl Malformed {
    /// A malformed value, shortened so that a hostile one cannot flood a log.
    #[must_use]
    pub fn new(what: &'static str, got: &str) -> Self {
        Self { what, got: got.chars().take(80).collect() }
    }
}

// === impl Slot, Epoch ===

impl Slot {
    /// The slot `n` before this one, at least slot 0.
    #[must_use]
    pub fn back(self, n: u64) -> Self {
        Self(self.0.saturating_sub(n))
    }
}

macro_rules! decimal {
    ($name:ident, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                text.parse().map(Self).map_err(|_| Malformed::new($what, text))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        /// Reads the API's decimal string, and a bare number as some nodes write it.
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(DecimalVisitor).map(Self)
            }
        }
    };
}

decimal!(Slot, "a slot number");
decimal!(Epoch, "an epoch number");

/// Reads an unsigned decimal that may be a string or a number, for fields that are no slot and no epoch
/// (`#[serde(deserialize_with = "decimal")]`).
///
/// # Errors
///
/// Anything else, and numbers outside 64 bits.
pub fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(DecimalVisitor)
}

struct DecimalVisitor;

impl serde::de::Visitor<'_> for DecimalVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an unsigned decimal number, as a string or a number")
    }

    fn visit_u64<E>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u64, E> {
        text.parse().map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

// === impl Root ===

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Root {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut root = [0; 32];
        unhex(text, &mut root).then_some(Self(root)).ok_or_else(|| Malformed::new("a 32-byte root in hex", text))
    }
}

impl Serialize for Root {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Root {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Reads `0x` and exactly `into.len()` bytes of hex. False, with `into` in any state, if the text is anything else.
#[must_use]
pub fn unhex(text: &str, into: &mut [u8]) -> bool {
    let Some(digits) = text.strip_prefix("0x") else { return false };
    let digits = digits.as_bytes();
    if digits.len() != into.len() * 2 {
        return false;
    }
    for (byte, pair) in into.iter_mut().zip(digits.chunks_exact(2)) {
        let (Some(high), Some(low)) = (nibble(pair[0]), nibble(pair[1])) else { return false };
        *byte = high << 4 | low;
    }
    true
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

// === impl Moment, Clock ===

impl Moment {
    /// The moment `ms` milliseconds later.
    #[must_use]
    pub fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; 0 if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Clock {
    /// The slot at `now`; `None` before genesis.
    #[must_use]
    pub fn slot(&self, now: Moment) -> Option<Slot> {
        now.0.checked_sub(self.genesis.0).map(|elapsed| Slot(elapsed / self.slot_ms))
    }

    /// The first moment of a slot, as late as the number range allows for absurd slots.
    #[must_use]
    pub fn start(&self, slot: Slot) -> Moment {
        Moment(self.genesis.0.saturating_add(slot.0.saturating_mul(self.slot_ms)))
    }

    /// Milliseconds from the start of the slot to `basis_points` of it (consensus-specs `get_slot_component_duration_ms`).
    #[must_use]
    pub fn component(&self, basis_points: u64) -> u64 {
        self.slot_ms.saturating_mul(basis_points) / 10_000
    }

    /// The epoch of a slot.
    #[must_use]
    pub fn epoch(&self, slot: Slot) -> Epoch {
        Epoch(slot.0 / self.slots_per_epoch)
    }

    /// The first slot of an epoch.
    #[must_use]
    pub fn first_slot(&self, epoch: Epoch) -> Slot {
        Slot(epoch.0.saturating_mul(self.slots_per_epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Clock = Clock { genesis: Moment(1_000_000), slot_ms: 12_000, slots_per_epoch: 32 };

    #[test]
    fn slots_around_genesis_and_boundaries() {
        for (name, now, slot) in [
            ("one millisecond before genesis", 999_999, None),
            ("genesis", 1_000_000, Some(0)),
            ("the last millisecond of slot 0", 1_011_999, Some(0)),
            ("the first of slot 1", 1_012_000, Some(1)),
            ("the end of time", u64::MAX, Some((u64::MAX - 1_000_000) / 12_000)),
        ] {
            assert_eq!(CLOCK.slot(Moment(now)), slot.map(Slot), "{name}");
        }
        assert_eq!(CLOCK.start(Slot(2)), Moment(1_024_000));
        assert_eq!(CLOCK.start(Slot(u64::MAX)), Moment(u64::MAX), "absurd slots saturate");
    }

    #[test]
    fn epochs_and_components() {
        assert_eq!(CLOCK.epoch(Slot(31)), Epoch(0));
        assert_eq!(CLOCK.epoch(Slot(32)), Epoch(1));
        assert_eq!(CLOCK.first_slot(Epoch(2)), Slot(64));
        assert_eq!(CLOCK.component(3333), 3_999);
        assert_eq!(Clock { slot_ms: 5_000, ..CLOCK }.component(2500), 1_250);
    }

    #[test]
    fn roots_read_and_write() {
        let text = format!("0x{}", "aB".repeat(32));
        let root: Root = text.parse().expect("both cases are hex");
        assert_eq!(root.to_string(), text.to_lowercase());
        for bad in ["", "0x", "ab", &text[2..], &text[..65], &format!("{text}0"), &text.replace('a', "g")] {
            assert!(bad.parse::<Root>().is_err(), "{bad}");
        }
        // Multi-byte characters must not split inside a code point.
        assert!(format!("0x{}", "é".repeat(32)).parse::<Root>().is_err());
    }

    #[test]
    fn numbers_come_as_strings_or_numbers() {
        assert_eq!(serde_json::from_str::<Slot>("\"12\"").expect("string"), Slot(12));
        assert_eq!(serde_json::from_str::<Slot>("12").expect("number"), Slot(12));
        for bad in ["\"\"", "\"-1\"", "-1", "1.5", "\"0x1\"", "null", "\"99999999999999999999\""] {
            assert!(serde_json::from_str::<Slot>(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::to_string(&Slot(12)).expect("writes"), "\"12\"");
    }
}
