//! Forks and fork schedules.
//!
//! A schedule belongs to a node, not to the world: before a fork some nodes have been upgraded and some have not, and
//! the chain goes on under the new rules for those that know them. A node on an old schedule cannot follow it past the
//! fork epoch.

/// A consensus fork, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fork {
    /// The first.
    Phase0,
    /// Sync committees.
    Altair,
    /// Execution payloads.
    Bellatrix,
    /// Withdrawals.
    Capella,
    /// Blobs: blocks are produced and published together with them.
    Deneb,
    /// One attestation of a committee names it by bits; single attestations by index.
    Electra,
    /// Data columns and the proposer lookahead.
    Fulu,
}

/// "Never", as fork schedules write it.
pub const FAR_FUTURE: u64 = u64::MAX;

/// All forks in order.
pub const FORKS: [Fork; 7] =
    [Fork::Phase0, Fork::Altair, Fork::Bellatrix, Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Fulu];

/// From which epoch each fork is in force. Forks up to Capella are in force from genesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Deneb's epoch.
    pub deneb: u64,
    /// Electra's epoch.
    pub electra: u64,
    /// Fulu's epoch.
    pub fulu: u64,
}

impl Fork {
    /// The name in `version` fields and `Eth-Consensus-Version`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Phase0 => "phase0",
            Self::Altair => "altair",
            Self::Bellatrix => "bellatrix",
            Self::Capella => "capella",
            Self::Deneb => "deneb",
            Self::Electra => "electra",
            Self::Fulu => "fulu",
        }
    }

    /// The fork of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        FORKS.into_iter().find(|fork| fork.name() == name)
    }

    /// The fork version: its number, then the network's last byte.
    #[must_use]
    pub fn version(self, network: u8) -> [u8; 4] {
        [self as u8, 0, 0, network]
    }
}

impl Schedule {
    /// Everything up to this fork in force from genesis, everything later never.
    #[must_use]
    pub fn all(fork: Fork) -> Self {
        let epoch = |this: Fork| if fork >= this { 0 } else { FAR_FUTURE };
        Self { deneb: epoch(Fork::Deneb), electra: epoch(Fork::Electra), fulu: epoch(Fork::Fulu) }
    }

    /// The epoch from which a fork is in force.
    #[must_use]
    pub fn epoch(&self, fork: Fork) -> u64 {
        match fork {
            Fork::Phase0 | Fork::Altair | Fork::Bellatrix | Fork::Capella => 0,
            Fork::Deneb => self.deneb,
            Fork::Electra => self.electra,
            Fork::Fulu => self.fulu,
        }
    }

    /// The fork in force at an epoch.
    #[must_use]
    pub fn at(&self, epoch: u64) -> Fork {
        FORKS.into_iter().rev().find(|fork| self.epoch(*fork) <= epoch).unwrap_or(Fork::Phase0)
    }

    /// The first epoch at which two schedules differ in force; `None` if they never do.
    #[must_use]
    pub fn parts_from(&self, other: &Self) -> Option<u64> {
        FORKS
            .into_iter()
            .filter(|fork| self.epoch(*fork) != other.epoch(*fork))
            .map(|fork| self.epoch(fork).min(other.epoch(fork)))
            .min()
    }

    /// This schedule as it was before the last of its forks was decided.
    #[must_use]
    pub fn without_last(&self) -> Self {
        let mut older = *self;
        if older.fulu != FAR_FUTURE {
            older.fulu = FAR_FUTURE;
        } else if older.electra != FAR_FUTURE {
            older.electra = FAR_FUTURE;
        } else {
            older.deneb = FAR_FUTURE;
        }
        older
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fork_in_force_follows_the_schedule() {
        let schedule = Schedule { deneb: 0, electra: 5, fulu: FAR_FUTURE };
        for (epoch, fork) in [(0, Fork::Deneb), (4, Fork::Deneb), (5, Fork::Electra), (1 << 40, Fork::Electra)] {
            assert_eq!(schedule.at(epoch), fork, "epoch {epoch}");
        }
        assert_eq!(Schedule::all(Fork::Capella).at(9), Fork::Capella);
        assert_eq!(schedule.parts_from(&schedule.without_last()), Some(5));
        assert_eq!(schedule.parts_from(&schedule), None);
    }
}
