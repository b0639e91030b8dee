//! The only place that reads the wall clock; everything that decides gets the moment passed in.

use std::time::{SystemTime, UNIX_EPOCH};

use rangelight_policy::chain::Moment;

/// Now, by this machine's clock. A clock before 1970 reads as 0.
#[must_use]
pub fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
