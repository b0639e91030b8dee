//! The keys of a spec that make a validator client sign something else.
//!
//! A node that differs in one of them works on another chain or signs other bytes: it is foreign. Critical are
//!
//! - the arithmetic of duties: slots per epoch, sync committee periods and sizes, committees, shuffling, aggregators,
//!   subnets (the wrong slot, committee or subnet index is signed);
//! - the domains that go into every signature;
//! - the limits of lists in blocks and attestations: they shape the tree under the root that is signed;
//! - the deposit contract, because some validator clients compare it with what they have stored.
//!
//! Not critical, and only noted when they differ: names (`CONFIG_NAME`, `PRESET_BASE`: a name is no rule), rewards and
//! penalties, networking limits, and whatever we do not know. A list too wide would cost an own node over another
//! version's spelling; what matters on the chain shows in its head as well.
//!
//! A key matters from the fork on that brought it. Until that fork is in force its value may differ between versions of
//! one family, as drafts do.

use super::spec::FORKS;

const PHASE0: &[&str] = &[
    // `SECONDS_PER_SLOT` and `SLOT_DURATION_MS` are compared as one slot time.
    "SLOTS_PER_EPOCH",
    "MIN_SEED_LOOKAHEAD",
    "MAX_SEED_LOOKAHEAD",
    "SHUFFLE_ROUND_COUNT",
    "EPOCHS_PER_HISTORICAL_VECTOR",
    "SLOTS_PER_HISTORICAL_ROOT",
    "MAX_COMMITTEES_PER_SLOT",
    "TARGET_COMMITTEE_SIZE",
    "MAX_VALIDATORS_PER_COMMITTEE",
    "TARGET_AGGREGATORS_PER_COMMITTEE",
    "ATTESTATION_SUBNET_COUNT",
    "MIN_ATTESTATION_INCLUSION_DELAY",
    "SHARD_COMMITTEE_PERIOD",
    "MAX_PROPOSER_SLASHINGS",
    "MAX_ATTESTER_SLASHINGS",
    "MAX_ATTESTATIONS",
    "MAX_DEPOSITS",
    "MAX_VOLUNTARY_EXITS",
    "DEPOSIT_CHAIN_ID",
    "DEPOSIT_NETWORK_ID",
    "DEPOSIT_CONTRACT_ADDRESS",
    "DOMAIN_BEACON_PROPOSER",
    "DOMAIN_BEACON_ATTESTER",
    "DOMAIN_RANDAO",
    "DOMAIN_DEPOSIT",
    "DOMAIN_VOLUNTARY_EXIT",
    "DOMAIN_SELECTION_PROOF",
    "DOMAIN_AGGREGATE_AND_PROOF",
];

const ALTAIR: &[&str] = &[
    "SYNC_COMMITTEE_SIZE",
    "SYNC_COMMITTEE_SUBNET_COUNT",
    "EPOCHS_PER_SYNC_COMMITTEE_PERIOD",
    "TARGET_AGGREGATORS_PER_SYNC_SUBCOMMITTEE",
    "DOMAIN_SYNC_COMMITTEE",
    "DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF",
    "DOMAIN_CONTRIBUTION_AND_PROOF",
];

const BELLATRIX: &[&str] =
    &["MAX_BYTES_PER_TRANSACTION", "MAX_TRANSACTIONS_PER_PAYLOAD", "BYTES_PER_LOGS_BLOOM", "MAX_EXTRA_DATA_BYTES"];

const CAPELLA: &[&str] =
    &["MAX_WITHDRAWALS_PER_PAYLOAD", "MAX_BLS_TO_EXECUTION_CHANGES", "DOMAIN_BLS_TO_EXECUTION_CHANGE"];

const DENEB: &[&str] = &["MAX_BLOB_COMMITMENTS_PER_BLOCK"];

const ELECTRA: &[&str] = &[
    "MAX_ATTESTER_SLASHINGS_ELECTRA",
    "MAX_ATTESTATIONS_ELECTRA",
    "MAX_DEPOSIT_REQUESTS_PER_PAYLOAD",
    "MAX_WITHDRAWAL_REQUESTS_PER_PAYLOAD",
    "MAX_CONSOLIDATION_REQUESTS_PER_PAYLOAD",
];

const GLOAS: &[&str] = &[
    "PTC_SIZE",
    "MAX_PAYLOAD_ATTESTATIONS",
    "DOMAIN_BEACON_BUILDER",
    "DOMAIN_PTC_ATTESTER",
    "DOMAIN_PROPOSER_PREFERENCES",
];

const CRITICAL: [(&str, &[&str]); 7] = [
    ("phase0", PHASE0),
    ("altair", ALTAIR),
    ("bellatrix", BELLATRIX),
    ("capella", CAPELLA),
    ("deneb", DENEB),
    ("electra", ELECTRA),
    ("gloas", GLOAS),
];

/// The fork from which on a key is critical; `None` if it never is.
pub(super) fn critical_from(key: &str) -> Option<&'static str> {
    CRITICAL.iter().find(|(_, keys)| keys.contains(&key)).map(|(fork, _)| *fork)
}

/// The fork that brought a key, as far as the table or its name says.
pub(super) fn belongs_to(key: &str) -> Option<&'static str> {
    let named = |fork: &&&str| {
        let fork = fork.to_ascii_uppercase();
        key.strip_suffix(&fork).is_some_and(|rest| rest.ends_with('_'))
            || key.strip_prefix(&fork).is_some_and(|rest| rest.starts_with('_'))
    };
    FORKS.iter().find(named).copied().or_else(|| critical_from(key))
}
