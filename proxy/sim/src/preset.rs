//! The two presets of the consensus specification, as far as anybody here can see them.
//!
//! They differ visibly: epochs, committees, the sync committee's size and thereby every offset inside a block body.
//! A reader that hard-codes mainnet's offsets works on one and fails on the other, which is the point of having both.

/// A preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Sizes of mainnet and the public test networks.
    Mainnet,
    /// Small sizes for local networks.
    Minimal,
}

impl Preset {
    /// `PRESET_BASE`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.pick("mainnet", "minimal")
    }

    fn pick<T>(self, mainnet: T, minimal: T) -> T {
        match self {
            Self::Mainnet => mainnet,
            Self::Minimal => minimal,
        }
    }

    /// `SLOTS_PER_EPOCH`.
    #[must_use]
    pub fn slots_per_epoch(self) -> u64 {
        self.pick(32, 8)
    }

    /// `SYNC_COMMITTEE_SIZE`.
    #[must_use]
    pub fn sync_committee_size(self) -> u64 {
        self.pick(512, 32)
    }

    /// `EPOCHS_PER_SYNC_COMMITTEE_PERIOD`.
    #[must_use]
    pub fn epochs_per_sync_period(self) -> u64 {
        self.pick(256, 8)
    }

    /// `MAX_COMMITTEES_PER_SLOT`.
    #[must_use]
    pub fn max_committees_per_slot(self) -> u64 {
        self.pick(64, 4)
    }

    /// `TARGET_COMMITTEE_SIZE`.
    #[must_use]
    pub fn target_committee_size(self) -> u64 {
        self.pick(128, 4)
    }

    /// The epoch of a slot.
    #[must_use]
    pub fn epoch(self, slot: u64) -> u64 {
        slot / self.slots_per_epoch()
    }

    /// The first slot of an epoch.
    #[must_use]
    pub fn start(self, epoch: u64) -> u64 {
        epoch.saturating_mul(self.slots_per_epoch())
    }

    /// The keys of `config/spec` that depend on the preset, with their values.
    #[must_use]
    pub fn keys(self) -> Vec<(&'static str, String)> {
        vec![
            ("PRESET_BASE", self.name().into()),
            ("SLOTS_PER_EPOCH", self.slots_per_epoch().to_string()),
            ("SYNC_COMMITTEE_SIZE", self.sync_committee_size().to_string()),
            ("EPOCHS_PER_SYNC_COMMITTEE_PERIOD", self.epochs_per_sync_period().to_string()),
            ("MAX_COMMITTEES_PER_SLOT", self.max_committees_per_slot().to_string()),
            ("TARGET_COMMITTEE_SIZE", self.target_committee_size().to_string()),
            ("SHUFFLE_ROUND_COUNT", self.pick(90, 10).to_string()),
            ("SLOTS_PER_HISTORICAL_ROOT", self.pick(8192, 64).to_string()),
            ("EPOCHS_PER_HISTORICAL_VECTOR", self.pick(65_536, 64).to_string()),
            ("EPOCHS_PER_SLASHINGS_VECTOR", self.pick(8192, 64).to_string()),
            ("EPOCHS_PER_ETH1_VOTING_PERIOD", self.pick(64, 4).to_string()),
            ("MAX_WITHDRAWALS_PER_PAYLOAD", self.pick(16, 4).to_string()),
            ("MAX_VALIDATORS_PER_WITHDRAWALS_SWEEP", self.pick(16_384, 16).to_string()),
            ("SHARD_COMMITTEE_PERIOD", self.pick(256, 64).to_string()),
            ("CHURN_LIMIT_QUOTIENT", self.pick(65_536, 32).to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_key_differs_between_the_presets() {
        for ((name, mainnet), (_, minimal)) in Preset::Mainnet.keys().into_iter().zip(Preset::Minimal.keys()) {
            assert_ne!(mainnet, minimal, "{name}");
        }
    }
}
