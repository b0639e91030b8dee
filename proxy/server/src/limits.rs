//! The numbers that bound what a caller may cost us.
//!
//! They are constants with a reason, not options: a staker who must tune them has found a defect. They sit in one
//! struct so that a test can shrink one of them and watch what happens at the bound; everything else takes
//! [`Limits::default`].
//!
//! Two bounds are not ours to choose. hyper takes request targets up to 65,534 bytes, and at most 100 header lines. What
//! goes beyond is refused by hyper itself, in our form (see `listen/wire.rs`). How large a body may be depends on its
//! operation and stands in the catalogue.

use std::time::Duration;

/// One kibibyte.
pub const KIB: usize = 1024;
/// One mebibyte.
pub const MIB: usize = 1024 * KIB;

/// The longest request target that hyper takes, in bytes: about 650 public keys in a query.
pub const LONGEST_TARGET: usize = 65_534;
/// All bodies that are held whole at one time.
pub const BODY_BUDGET: usize = 256 * MIB;
/// The part of the budget that only the staker's own blocks may use.
pub const BUDGET_FOR_OWN_BLOCKS: usize = 64 * MIB;

/// The bounds of the front, each with what happens there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Names and values of a request's headers, in bytes; above it 431.
    pub headers: usize,
    /// How long a request head may take from its first byte to its end; then 408 and the connection ends. A head is
    /// one packet, so ten seconds is already two lost and resent ones.
    pub header_patience: Duration,
    /// How long a caller may keep us waiting for [`body_floor`](Self::body_floor) more bytes of a body; then 408.
    /// Only time spent waiting for the caller counts: a node that takes bytes slowly is not the caller's fault.
    pub body_patience: Duration,
    /// What a body must bring within each [`body_patience`](Self::body_patience), in bytes. 16 KiB in ten seconds is a
    /// tenth of the slowest uplink that can run a validator, and far above one byte now and then.
    pub body_floor: usize,
    /// How long a connection may be idle. Vouch and SSV keep theirs for 600 s, and whoever closes first must be the
    /// caller, else a signed message can meet a connection that is just closing.
    pub idle: Duration,
    /// How long a caller may leave written bytes untaken; then the connection ends and what it was reading is given up.
    pub write_patience: Duration,
    /// How long we go on reading after a refusal that left part of the request unread. Closing at once would reset the
    /// connection and with it destroy the refusal before the caller reads it.
    pub linger: Duration,
    /// Connections of one listener. At the bound new ones wait in the kernel's queue until one ends.
    pub connections: usize,
    /// Requests in flight of one caller; above it 429. Prysm sends one POST for each attestation.
    pub in_flight: usize,
    /// Callers with a request in flight; above it a new caller gets 503. One VC and a few peers are a handful.
    pub callers: usize,
    /// Streams of one HTTP/2 connection; more wait at the caller.
    pub streams: u32,
    /// How long a drain of connections may take; what is still in flight then is cut and counted. Two seconds less than
    /// the whole drain, which are left for publications that still run.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            headers: 128 * KIB,
            header_patience: Duration::from_secs(10),
            body_patience: Duration::from_secs(10),
            body_floor: 16 * KIB,
            idle: Duration::from_secs(650),
            write_patience: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            connections: 4_096,
            in_flight: 1_024,
            callers: 1_024,
            streams: 1_024,
            drain: Duration::from_secs(6),
        }
    }
}
