//! Blocks: whom they pay, where they land, what a second node says to them.

use serde_json::json;

use super::*;
use crate::block::{message, produced_json, sign_json};
use crate::digest::hex;
use crate::fork::Fork;
use crate::manner::{Manner, UnknownHead};

/// A signed block of the current slot and its version.
async fn signed(world: &World, from: &Arc<Node>) -> (Value, &'static str) {
    let slot = world.slot();
    let path = format!("/eth/v3/validator/blocks/{slot}?randao_reveal={}", hex(&[7; 96]));
    let produced = answer(from, get(&path)).await;
    assert_eq!(produced.status, 200, "{}", produced.json());
    let fork = Fork::by_name(produced.json()["version"].as_str().expect("a version")).expect("a fork");
    let blinded = produced.json()["execution_payload_blinded"] == true;
    let block = produced.json()["data"].take();
    let (slot, proposer, parent, state) = produced_json(&block, fork, blinded).expect("a block");
    let signature = crate::assignment::sign(&[1; 48], "block", &message(slot, proposer, parent, state));
    (sign_json(&block, fork, blinded, &signature), fork.name())
}

fn publication(body: &Value, version: &'static str) -> Ask<'static> {
    let headers: &[(&str, &str)] = match version {
        "electra" => &[("content-type", "application/json"), ("eth-consensus-version", "electra")],
        _ => &[("content-type", "application/json")],
    };
    let ask = post("/eth/v2/beacon/blocks", body);
    Ask { headers, ..ask }
}

#[tokio::test]
async fn a_block_lands_once_and_each_family_says_so_in_its_way() {
    let world = world([node("attic")].into_iter().chain(one_of_each()).collect(), 2000).await;
    let attic = world.node("attic");
    let slot = world.slot() + 1;
    world.wait_slot(slot).await;
    let (body, version) = signed(&world, attic).await;
    assert_eq!(answer(attic, publication(&body, version)).await.status, 200);
    for family in FAMILIES {
        let node = world.node(family.name());
        until("the block comes by gossip", || node.view().head.slot == slot).await;
        let again = answer(node, publication(&body, version)).await;
        let Manner { duplicate_block: (status, text), .. } = family.manner();
        assert_eq!(again.status, *status, "{family:?}");
        assert!(String::from_utf8_lossy(&again.body).contains(text), "{family:?}");
    }
    let block = world.ground.chain(|chain| chain.tip(0, slot).clone());
    assert_eq!(block.publisher.as_deref(), Some("attic"));
    assert_eq!(
        block.fee_recipient,
        crate::assignment::default_recipient(1, "attic"),
        "nobody told it whom to pay, so it pays its own"
    );
}

#[tokio::test]
async fn publications_that_are_wrong_are_refused() {
    let world = world(vec![node("attic")], 1000).await;
    let attic = world.node("attic");
    let slot = world.slot() + 1;
    world.wait_slot(slot).await;
    let (body, version) = signed(&world, attic).await;
    for (name, path, headers) in [
        ("no version", "/eth/v2/beacon/blocks", vec![]),
        ("another fork", "/eth/v2/beacon/blocks", vec![("eth-consensus-version", "deneb")]),
        ("blinded without a relay", "/eth/v2/beacon/blinded_blocks", vec![("eth-consensus-version", "electra")]),
    ] {
        let ask = Ask { headers: &headers, ..post(path, &body) };
        assert_eq!(answer(attic, ask).await.status, 400, "{name}");
    }
    for body in [json!(null), json!([]), json!({"signed_block": {"message": {"slot": "x"}}})] {
        assert_eq!(answer(attic, publication(&body, version)).await.status, 400, "{body}");
    }
    assert!(world.ground.chain(|chain| chain.tip(0, slot).slot) < slot, "nothing landed");
}

#[tokio::test]
async fn a_registered_validator_gets_a_blinded_block_that_only_its_maker_or_a_relay_can_unblind() {
    let relay = NodeSpec { relay: true, ..node("relay") };
    let world = world(vec![relay, node("plain")], 2000).await;
    let (relay, plain) = (world.node("relay"), world.node("plain"));
    let own = |index| hex(&crate::assignment::pubkey(1, index));
    let list: Vec<Value> = (0..64)
        .map(|index| {
            let recipient = hex(&[5; 20]);
            json!({"message": {"pubkey": own(index), "fee_recipient": recipient, "timestamp": "1", "gas_limit": "1"}})
        })
        .collect();
    let register = post("/eth/v1/validator/register_validator", &Value::Array(list));
    assert_eq!(answer(relay, register).await.status, 200);
    let slot = world.slot() + 1;
    world.wait_slot(slot).await;
    let (body, _) = signed(&world, relay).await;
    let header = &body["message"]["body"]["execution_payload_header"];
    assert_eq!(header["fee_recipient"], hex(&[5; 20]));
    let headers = [("eth-consensus-version", "electra")];
    let blinded = || Ask { headers: &headers, ..post("/eth/v2/beacon/blinded_blocks", &body) };
    assert_eq!(answer(plain, blinded()).await.status, plain.manner.foreign_blinded.0);
    assert_eq!(answer(relay, blinded()).await.status, 200);
    assert_eq!(world.ground.chain(|chain| chain.tip(0, slot).slot), slot);
}

#[tokio::test]
async fn a_vote_for_an_unknown_block_is_listed_as_the_family_lists_it() {
    let world = world(one_of_each(), 200).await;
    let duties = world.ground.assignment.epoch(world.ground.preset.epoch(world.slot()));
    let duty = duties.attesters.iter().find(|duty| duty.slot <= world.slot()).expect("the first slot has duties");
    let view = world.ground.view(&crate::ground::Sight::default());
    let mut data = world.ground.attestation_data(&view, duty.slot);
    data.head = crate::digest::Root([9; 32]);
    let vote = crate::vote::single_json(duty.committee, duty.validator, &data, &[1; 96]);
    for family in FAMILIES {
        let headers = [("eth-consensus-version", "electra"), ("content-type", "application/json")];
        let ask = post("/eth/v2/beacon/pool/attestations", &json!([vote, "nonsense"]));
        let got = answer(world.node(family.name()), Ask { headers: &headers, ..ask }).await;
        assert_eq!(got.status, 400, "{family:?}");
        let failures = got.json()["failures"].take();
        let (UnknownHead::Holds(text) | UnknownHead::Lists(text)) = family.manner().unknown_head;
        assert_eq!(failures[0]["message"], text, "{family:?}");
        let index = &failures[1]["index"];
        let spelt = if family == Consensus::Teku { json!("1") } else { json!(1) };
        assert_eq!(*index, spelt, "{family:?}");
    }
}

#[tokio::test]
async fn an_aggregate_is_rich_only_where_it_was_subscribed_to() {
    let world = world(vec![node("subscribed"), node("plain")], 500).await;
    let duties = world.ground.assignment.epoch(world.ground.preset.epoch(world.slot()) + 1);
    let duty = duties.attesters[0];
    let subscription = json!([{"validator_index": "0", "committee_index": duty.committee.to_string(),
        "committees_at_slot": "1", "slot": duty.slot.to_string(), "is_aggregator": true}]);
    let path = "/eth/v1/validator/beacon_committee_subscriptions";
    assert_eq!(answer(world.node("subscribed"), post(path, &subscription)).await.status, 200);
    world.wait_slot(duty.slot).await;
    let data = world.ground.attestation_data(&world.node("plain").view(), duty.slot);
    let members = &duties.committees[&(duty.slot, duty.committee)];
    for (at, name) in [(0, "subscribed"), (1, "plain")] {
        let vote = crate::vote::single_json(duty.committee, members[at], &data, &[1; 96]);
        let headers = [("eth-consensus-version", "electra"), ("content-type", "application/json")];
        let ask = post("/eth/v2/beacon/pool/attestations", &json!([vote]));
        assert_eq!(answer(world.node(name), Ask { headers: &headers, ..ask }).await.status, 200);
    }
    let path = format!(
        "/eth/v2/validator/aggregate_attestation?attestation_data_root={}&slot={}&committee_index={}",
        data.tree_root(),
        duty.slot,
        duty.committee
    );
    for (name, bits) in [("subscribed", vec![0, 1]), ("plain", vec![1])] {
        let got = answer(world.node(name), get(&path)).await;
        let wanted = crate::vote::bitlist(members.len() as u64, bits);
        assert_eq!(got.json()["data"]["aggregation_bits"], wanted, "{name}");
    }
}

#[tokio::test]
async fn what_is_already_known_is_a_failure_to_some_families_only() {
    let config = WorldConfig { slot_ms: 4000, own: 0..64, nodes: one_of_each(), ..WorldConfig::default() };
    let world = World::start(config).await.expect("ports are free");
    let slot = world.slot();
    let duties = world.ground.assignment.epoch(world.ground.preset.epoch(slot));
    let duty = duties.attesters.iter().find(|duty| duty.slot == slot).expect("every slot has duties");
    let data = world.ground.attestation_data(&world.ground.view(&crate::ground::Sight::default()), slot);
    let vote = json!([crate::vote::single_json(duty.committee, duty.validator, &data, &[1; 96])]);
    let member = world.ground.assignment.sync_committee(world.ground.preset.epoch(slot))[0];
    let message = json!([{"slot": slot.to_string(), "beacon_block_root": data.head.to_string(),
        "validator_index": member.to_string(), "signature": hex(&[1; 96])}]);
    for family in FAMILIES {
        let node = world.node(family.name());
        let headers = [("eth-consensus-version", "electra"), ("content-type", "application/json")];
        let send =
            async |path: &'static str, body: &Value| answer(node, Ask { headers: &headers, ..post(path, body) }).await;
        let (votes, syncs) = ("/eth/v2/beacon/pool/attestations", "/eth/v1/beacon/pool/sync_committees");
        send(votes, &vote).await;
        send(syncs, &message).await;
        let failure = |answer: Answer| answer.json()["failures"][0]["message"].as_str().map(str::to_owned);
        let manner = family.manner();
        assert_eq!(failure(send(votes, &vote).await).as_deref(), manner.duplicate_vote, "{family:?}");
        assert_eq!(failure(send(syncs, &message).await).as_deref(), manner.duplicate_sync, "{family:?}");
    }
    assert_eq!(crate::locked(&world.ground.ledger).slashable(&world.ground.own), 0);
}
