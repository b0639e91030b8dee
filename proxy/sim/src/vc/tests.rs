//! The validator client and its score, with a fault between: a score that does not see what a fault costs is none.

use std::time::Duration;

use futures_util::future::join_all;

use crate::fault::Fault;
use crate::fork::{Fork, Schedule};
use crate::manner::{Consensus, Execution};
use crate::node::NodeSpec;
use crate::score::Report;
use crate::script::Script;
use crate::vc::{Flavour, Profile};
use crate::world::{World, WorldConfig};

const SLOTS: u64 = 12;

/// The score over some slots of a client whose only node has a fault from the second epoch on.
async fn with_fault(fault: Fault, profile: Profile) -> Report {
    // Own proposers only, so that every slot has a proposal.
    let config = WorldConfig {
        slot_ms: 300,
        validators: 8,
        own: 0..8,
        script: Script::new().at(40..70, "attic", fault),
        nodes: vec![NodeSpec::new("attic", Consensus::Lighthouse, Execution::Nethermind)],
        ..WorldConfig::default()
    };
    let world = World::start(config).await.expect("ports are free");
    world.start_vc(&world.node("attic").url(), profile);
    let ready = world.vc_ready(Duration::from_secs(20)).await.expect("start-up ends before the fault");
    assert!(ready <= 40, "the machine is too slow for this test to mean anything: ready at {ready}");
    world.wait_slot(40 + SLOTS + 1).await;
    world.report_of(40..40 + SLOTS)
}

#[tokio::test]
async fn the_score_sees_what_a_fault_costs() {
    let all = |report: &Report| report.proposals.expected + report.attestations.expected + report.sync.expected;
    let run = |fault: Fault| async move { (fault.clone(), with_fault(fault, Profile::LODESTAR).await) };
    let blind = [Fault::Refuse, Fault::Status(500), Fault::Garbage, Fault::Optimistic, Fault::Redirect];
    let (blind, lied, no_execution) =
        tokio::join!(join_all(blind.map(run)), run(Fault::LyingFeeRecipient), run(Fault::ElOffline));
    for (fault, report) in blind {
        // What was under way when the fault came may still be done, two slots' worth of it on a slow machine.
        assert!(report.lost() + 20 > all(&report), "{}: {report}", fault.name());
        assert!(!report.errors.is_empty(), "{}", fault.name());
    }
    let report = lied.1;
    assert_eq!(report.proposals.wrong_fee_recipient, report.proposals.landed, "{report}");
    assert!(report.proposals.landed > SLOTS / 2, "{report}");
    let report = no_execution.1;
    assert_eq!((report.proposals.landed, report.attestations.included), (0, report.attestations.expected), "{report}");
}

#[tokio::test]
async fn a_validator_client_follows_its_node_over_a_fork() {
    // Electra comes in epoch 6, while the client runs: containers and routes change under it.
    let config = WorldConfig {
        slot_ms: 300,
        schedule: Schedule { electra: 6, ..Schedule::all(Fork::Deneb) },
        nodes: vec![NodeSpec::new("attic", Consensus::Nimbus, Execution::Besu)],
        ..WorldConfig::default()
    };
    let world = World::start(config).await.expect("ports are free");
    // In JSON: this family misreads SSZ votes, which are new with Electra, and a validator client that has only it would lose them.
    let profile = Profile { flavour: Flavour::Json, ..Profile::LIGHTHOUSE };
    world.start_vc(&world.node("attic").url(), profile);
    let ready = world.vc_ready(Duration::from_secs(20)).await.expect("start-up ends");
    assert!(ready < 48, "ready at {ready}");
    world.wait_slot(58).await;
    let report = world.report_of(ready..56);
    assert_eq!(report.lost(), 0, "{report}\n{:#?}", report.errors);
}

#[tokio::test]
async fn a_scripted_reorg_costs_no_more_than_the_votes_for_what_it_replaced() {
    let config = WorldConfig {
        slot_ms: 300,
        reorgs: vec![crate::chain::Reorg { slot: 43, depth: 2 }],
        own: 0..4,
        nodes: vec![NodeSpec::new("attic", Consensus::Teku, Execution::Reth)],
        ..WorldConfig::default()
    };
    let world = World::start(config).await.expect("ports are free");
    world.start_vc(&world.node("attic").url(), Profile::VERO);
    let ready = world.vc_ready(Duration::from_secs(20)).await.expect("start-up ends");
    world.wait_slot(57).await;
    let report = world.report_of(ready..56);
    let voted = report.attestations;
    assert_eq!((voted.included, voted.source_ok), (voted.expected, voted.expected), "{report}");
    assert!(report.sync_head_ok < report.sync.done && report.sync_head_ok + 12 >= report.sync.done, "{report}");
}
