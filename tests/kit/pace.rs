//! Whether the machine kept up.
//!
//! Simulated slots are short and real time. On a machine that compiles something else on every core, a duty can be late
//! because nobody was given a processor, and then its loss says nothing about Rangelight. The kernel counts for every
//! thread how long it was ready to run and had to wait; a test's runtime has one thread with everything on it (world,
//! proxy and validator client), so this number is exactly the time that the machine took away. What Rangelight itself
//! does with the processor, however long, is not counted, so no slowness of ours is excused.
//!
//! Where the kernel does not tell (no `/proc/thread-self/schedstat`), every slot counts.

use std::time::Duration;

/// How long this thread has been kept from running since it began.
#[must_use]
pub fn kept_waiting() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split_ascii_whitespace().nth(1).and_then(|text| text.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
