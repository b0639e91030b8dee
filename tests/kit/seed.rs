//! Seeds, and how to replay one.
//!
//! A few seeds run in the suite. `RANGELIGHT_SEEDS=n` runs more, and `RANGELIGHT_SEED=s` runs that one alone, which is
//! what a failure's message says to do.

use std::ops::Range;

/// The seeds to run: one to replay, or as many as asked for, or the usual number.
///
/// # Panics
///
/// If a variable holds no number.
#[must_use]
pub fn seeds(usual: u64) -> Range<u64> {
    let number = |name: &str| {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
        Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
    };
    match number("RANGELIGHT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + number("RANGELIGHT_SEEDS").unwrap_or(usual),
    }
}
