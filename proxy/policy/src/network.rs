//! The network: which one it is, what it is made of, which nodes belong to it.
//!
//! A validator client takes genesis and spec as given for its whole life; some end their process when a value changes.
//! So Rangelight serves one [`Served`] picture of both: taken once from an own node, kept across restarts, and changed
//! only by additions (`network/served.rs`). Every node is measured against it (`network/compare.rs`): one of another
//! network is never asked, one that has not heard of a coming fork is shown, and a rolling upgrade before a fork makes
//! nobody foreign. Which network it is the configuration says, or the own nodes by majority (`network/define.rs`).
//!
//! The bodies read here come from nodes, so they are bounded: [`MAX_BODY`] bytes, above it they are malformed.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::chain::{Malformed, Moment, Root, unhex};

mod bodies;
mod compare;
mod critical;
mod define;
mod served;
mod spec;

pub use compare::{Comparison, Gap, Lacks, Mismatch, compare};
pub use define::{KNOWN, Known, NetworkChoice, Told, Undefined, define};
pub use served::{Change, Served};
pub use spec::{BlobLimit, Deadlines, Fork, Spec};

/// The most bytes of a genesis or spec body. Real specs have about 10 KiB.
pub const MAX_BODY: usize = 1 << 18;

/// Where a chain began (`GET /eth/v1/beacon/genesis`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Start of slot 0, in seconds since the Unix epoch.
    pub time: u64,
    /// Root of the validators at genesis: the network's identity.
    pub validators_root: Root,
    /// The fork version at genesis.
    pub fork_version: ForkVersion,
}

/// Four bytes that name a fork in every signature's domain. Written `0x` and 8 hex digits; read in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ForkVersion(pub [u8; 4]);

impl Genesis {
    /// Reads the body of `GET /eth/v1/beacon/genesis`.
    ///
    /// # Errors
    ///
    /// Anything else, and more than [`MAX_BODY`] bytes.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        #[derive(Deserialize)]
        struct Body {
            data: Wire,
        }
        #[derive(Deserialize)]
        struct Wire {
            #[serde(deserialize_with = "crate::chain::decimal")]
            genesis_time: u64,
            genesis_validators_root: Root,
            genesis_fork_version: String,
        }

        let Body { data } = bounded(body, "a genesis")?;
        Ok(Self {
            time: data.genesis_time,
            validators_root: data.genesis_validators_root,
            fork_version: data.genesis_fork_version.parse()?,
        })
    }

    /// The start of slot 0.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment(self.time.saturating_mul(1_000))
    }
}

impl fmt::Display for ForkVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for ForkVersion {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut version = [0; 4];
        unhex(text, &mut version).then_some(Self(version)).ok_or_else(|| Malformed::new("a fork version in hex", text))
    }
}

fn bounded<'a, T: Deserialize<'a>>(body: &'a [u8], what: &'static str) -> Result<T, Malformed> {
    let read = if body.len() > MAX_BODY { None } else { serde_json::from_slice(body).ok() };
    read.ok_or_else(|| Malformed::new(what, &String::from_utf8_lossy(&body[..body.len().min(320)])))
}

#[cfg(test)]
mod tests;
