//! Real time, counted in milliseconds and slots since genesis.
//!
//! The Beacon API writes genesis in whole seconds, and slots here may be as short as 100 ms. So genesis lies in the
//! past, on a whole second, chosen such that a given slot begins within the next second: the world has history from
//! its first moment, and the first slot of interest has the same number in every run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The one clock of a world.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Genesis in seconds since the Unix epoch.
    pub genesis_time: u64,
    /// Length of a slot in milliseconds, at least 1.
    pub slot_ms: u64,
    started: Instant,
    /// Milliseconds since genesis at `started`.
    offset_ms: u64,
}

impl Clock {
    /// A clock by which slot `first` begins within the next second.
    #[must_use]
    pub fn starting_at(first: u64, slot_ms: u64) -> Self {
        let slot_ms = slot_ms.max(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let history = first.saturating_mul(slot_ms);
        let genesis_time = now.saturating_sub(history).div_ceil(1000);
        // With less than a second of history genesis would lie in the future; then it lies in the past instead.
        let genesis_time = genesis_time.min(now / 1000);
        Self { genesis_time, slot_ms, started: Instant::now(), offset_ms: now - genesis_time * 1000 }
    }

    /// The clock of a network whose genesis was told.
    #[must_use]
    pub fn since(genesis_time: u64, slot_ms: u64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let offset_ms = now.saturating_sub(genesis_time.saturating_mul(1000));
        Self { genesis_time, slot_ms: slot_ms.max(1), started: Instant::now(), offset_ms }
    }

    /// Milliseconds since genesis.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.offset_ms + u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX / 2)
    }

    /// The current slot.
    #[must_use]
    pub fn slot(&self) -> u64 {
        self.now_ms() / self.slot_ms
    }

    /// The start of a slot in milliseconds since genesis.
    #[must_use]
    pub fn start_ms(&self, slot: u64) -> u64 {
        slot.saturating_mul(self.slot_ms)
    }

    /// So many basis points of a slot, in milliseconds.
    #[must_use]
    pub fn part_ms(&self, basis_points: u64) -> u64 {
        self.slot_ms * basis_points / 10_000
    }

    /// Waits until `ms` milliseconds after genesis; not at all if that has passed.
    pub async fn until_ms(&self, ms: u64) {
        let wait = ms.saturating_sub(self.offset_ms);
        if ms >= self.offset_ms {
            tokio::time::sleep_until(self.started + Duration::from_millis(wait)).await;
        }
    }

    /// Scales a duration that clients state for slots of 12 s to this world's slots.
    #[must_use]
    pub fn scaled(&self, for_twelve_seconds: Duration) -> Duration {
        Duration::from_millis(
            u64::try_from(for_twelve_seconds.as_millis()).unwrap_or(u64::MAX).saturating_mul(self.slot_ms) / 12_000,
        )
    }
}

/// A moment as the HTTP `Date` header writes it (IMF-fixdate), from seconds since the Unix epoch.
///
/// Written here because a node with a wrong clock must show it in this header, where a proxy may look for it.
#[must_use]
pub fn http_date(unix_seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, seconds) = (unix_seconds / 86_400, unix_seconds % 86_400);
    let weekday = DAYS[usize::try_from(days % 7).unwrap_or(0)];
    let (mut year, mut left) = (1970, days);
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if left < length {
            break;
        }
        left -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 0;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    let name = MONTHS[month.min(11)];
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{weekday}, {:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT", left + 1)
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slot_begins_within_a_second() {
        for (first, slot_ms) in [(96, 200), (24, 500), (24, 12_000), (0, 100)] {
            let clock = Clock::starting_at(first, slot_ms);
            let ahead = clock.start_ms(first).saturating_sub(clock.now_ms());
            assert!(ahead <= 1000, "slot {first} of {slot_ms} ms begins in {ahead} ms");
        }
    }

    #[test]
    fn dates_are_written_as_http_wants_them() {
        for (unix, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (1_795_197_557, "Fri, 20 Nov 2026 17:59:17 GMT"),
        ] {
            assert_eq!(http_date(unix), text);
        }
    }
}
