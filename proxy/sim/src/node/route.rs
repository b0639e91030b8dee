//! Which paths a node knows.

use http::Method;

use crate::manner::{Manner, Optional};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Genesis,
    Spec,
    ForkSchedule,
    DepositContract,
    Health,
    Syncing,
    VersionV1,
    VersionV2,
    PeerCount,
    Identity,
    Events,
    StateRoot,
    StateFork,
    Finality,
    Validators,
    Validator,
    Headers,
    Header,
    BlockRoot,
    Block,
    AttesterDuties,
    ProposerV1,
    ProposerV2,
    SyncDuties,
    Liveness,
    CommitteeSubscriptions,
    SyncSubscriptions,
    Prepare,
    Register,
    Selections,
    AttestationData,
    AggregateV1,
    AggregateV2,
    Contribution,
    Attestations,
    Aggregates,
    SyncMessages,
    Contributions,
    ProduceV2,
    ProduceV3,
    ProduceBlinded,
    PublishV1,
    PublishV2,
    PublishBlindedV1,
    PublishBlindedV2,
    PoolSubmission,
}

/// What a path turned out to be.
pub(crate) enum Found {
    /// A route, with what stood at the `{}`.
    Route(Route, Vec<String>),
    /// The path is known, the method is not.
    WrongMethod,
    /// The path is not known.
    Nothing,
}

type Row = (&'static str, &'static str, Route, Option<Optional>);

#[rustfmt::skip]
const ROUTES: &[Row] = &[
    ("GET", "/eth/v1/beacon/genesis", Route::Genesis, None),
    ("GET", "/eth/v1/config/spec", Route::Spec, None),
    ("GET", "/eth/v1/config/fork_schedule", Route::ForkSchedule, None),
    ("GET", "/eth/v1/config/deposit_contract", Route::DepositContract, None),
    ("GET", "/eth/v1/node/health", Route::Health, None),
    ("GET", "/eth/v1/node/syncing", Route::Syncing, None),
    ("GET", "/eth/v1/node/version", Route::VersionV1, None),
    ("GET", "/eth/v2/node/version", Route::VersionV2, Some(Optional::VersionV2)),
    ("GET", "/eth/v1/node/peer_count", Route::PeerCount, None),
    ("GET", "/eth/v1/node/identity", Route::Identity, None),
    ("GET", "/eth/v1/events", Route::Events, None),
    ("GET", "/eth/v1/beacon/states/{}/root", Route::StateRoot, None),
    ("GET", "/eth/v1/beacon/states/{}/fork", Route::StateFork, None),
    ("GET", "/eth/v1/beacon/states/{}/finality_checkpoints", Route::Finality, None),
    ("GET", "/eth/v1/beacon/states/{}/validators", Route::Validators, None),
    ("POST", "/eth/v1/beacon/states/{}/validators", Route::Validators, Some(Optional::ValidatorsPost)),
    ("GET", "/eth/v1/beacon/states/{}/validators/{}", Route::Validator, None),
    ("GET", "/eth/v1/beacon/headers", Route::Headers, None),
    ("GET", "/eth/v1/beacon/headers/{}", Route::Header, None),
    ("GET", "/eth/v1/beacon/blocks/{}/root", Route::BlockRoot, None),
    ("GET", "/eth/v2/beacon/blocks/{}", Route::Block, None),
    ("POST", "/eth/v1/validator/duties/attester/{}", Route::AttesterDuties, None),
    ("GET", "/eth/v1/validator/duties/proposer/{}", Route::ProposerV1, None),
    ("GET", "/eth/v2/validator/duties/proposer/{}", Route::ProposerV2, Some(Optional::ProposerV2)),
    ("POST", "/eth/v1/validator/duties/sync/{}", Route::SyncDuties, None),
    ("POST", "/eth/v1/validator/liveness/{}", Route::Liveness, None),
    ("POST", "/eth/v1/validator/beacon_committee_subscriptions", Route::CommitteeSubscriptions, None),
    ("POST", "/eth/v1/validator/sync_committee_subscriptions", Route::SyncSubscriptions, None),
    ("POST", "/eth/v1/validator/prepare_beacon_proposer", Route::Prepare, None),
    ("POST", "/eth/v1/validator/register_validator", Route::Register, None),
    ("POST", "/eth/v1/validator/beacon_committee_selections", Route::Selections, None),
    ("POST", "/eth/v1/validator/sync_committee_selections", Route::Selections, None),
    ("GET", "/eth/v1/validator/attestation_data", Route::AttestationData, None),
    ("GET", "/eth/v1/validator/aggregate_attestation", Route::AggregateV1, Some(Optional::AttestV1)),
    ("GET", "/eth/v2/validator/aggregate_attestation", Route::AggregateV2, None),
    ("GET", "/eth/v1/validator/sync_committee_contribution", Route::Contribution, None),
    ("POST", "/eth/v1/beacon/pool/attestations", Route::Attestations, Some(Optional::AttestV1)),
    ("POST", "/eth/v2/beacon/pool/attestations", Route::Attestations, None),
    ("POST", "/eth/v1/validator/aggregate_and_proofs", Route::Aggregates, Some(Optional::AttestV1)),
    ("POST", "/eth/v2/validator/aggregate_and_proofs", Route::Aggregates, None),
    ("POST", "/eth/v1/beacon/pool/sync_committees", Route::SyncMessages, None),
    ("POST", "/eth/v1/validator/contribution_and_proofs", Route::Contributions, None),
    ("GET", "/eth/v2/validator/blocks/{}", Route::ProduceV2, Some(Optional::ProduceOld)),
    ("GET", "/eth/v1/validator/blinded_blocks/{}", Route::ProduceBlinded, Some(Optional::ProduceOld)),
    ("GET", "/eth/v3/validator/blocks/{}", Route::ProduceV3, None),
    ("POST", "/eth/v1/beacon/blocks", Route::PublishV1, Some(Optional::PublishV1)),
    ("POST", "/eth/v2/beacon/blocks", Route::PublishV2, None),
    ("POST", "/eth/v1/beacon/blinded_blocks", Route::PublishBlindedV1, Some(Optional::PublishV1)),
    ("POST", "/eth/v2/beacon/blinded_blocks", Route::PublishBlindedV2, None),
    ("POST", "/eth/v1/beacon/pool/voluntary_exits", Route::PoolSubmission, None),
    ("POST", "/eth/v1/beacon/pool/bls_to_execution_changes", Route::PoolSubmission, None),
    ("POST", "/eth/v1/beacon/pool/proposer_slashings", Route::PoolSubmission, None),
    ("POST", "/eth/v2/beacon/pool/attester_slashings", Route::PoolSubmission, None),
];

/// Finds the route of a path, among those that this family has.
pub(crate) fn find(method: &Method, path: &str, manner: &Manner) -> Found {
    let mut known = false;
    for (verb, template, route, optional) in ROUTES {
        if optional.is_some_and(|optional| manner.lacks.contains(&optional)) {
            continue;
        }
        if let Some(holes) = matched(template, path) {
            if *verb == method.as_str() {
                return Found::Route(*route, holes);
            }
            known = true;
        }
    }
    if known { Found::WrongMethod } else { Found::Nothing }
}

fn matched(template: &str, path: &str) -> Option<Vec<String>> {
    let mut holes = Vec::new();
    let mut segments = path.split('/');
    for wanted in template.split('/') {
        let got = segments.next()?;
        if wanted == "{}" && !got.is_empty() {
            holes.push(got.to_owned());
        } else if wanted != got {
            return None;
        }
    }
    segments.next().is_none().then_some(holes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manner::Consensus;

    #[test]
    fn paths_match_whole_and_methods_matter() {
        let manner = Consensus::Lighthouse.manner();
        let cases = [
            ("GET", "/eth/v1/node/health", Some(Route::Health)),
            ("GET", "/eth/v1/beacon/states/head/validators/7", Some(Route::Validator)),
            ("GET", "/eth/v1/beacon/states//validators/7", None),
            ("GET", "/eth/v1/node/health/", None),
            ("GET", "/eth/v1/node", None),
            ("GET", "/", None),
        ];
        for (method, path, route) in cases {
            let method = Method::try_from(method).expect("a method");
            let got = match find(&method, path, manner) {
                Found::Route(route, _) => Some(route),
                Found::WrongMethod | Found::Nothing => None,
            };
            assert_eq!(got, route, "{path}");
        }
        assert!(matches!(find(&Method::DELETE, "/eth/v1/node/health", manner), Found::WrongMethod));
    }

    #[test]
    fn families_lack_what_their_entry_says() {
        let path = "/eth/v1/beacon/pool/attestations";
        assert!(matches!(find(&Method::POST, path, Consensus::Teku.manner()), Found::Route(..)));
        assert!(matches!(find(&Method::POST, path, Consensus::Prysm.manner()), Found::Nothing));
    }
}
