//! Producing a block.
//!
//! A block pays whom the node was told to pay for this proposer, and the node's own default if it was told nothing or
//! has forgotten it in a restart: that is how a proxy that fails to repeat the preparations is found out.

use serde_json::json;

use super::reply::{Reply, json_reply, ssz_reply};
use super::serve::{Ask, not_ready};
use crate::assignment::{default_recipient, pubkey};
use crate::block::Proposal;
use crate::digest::{Address, draw, hash, hex, unhex_array};
use crate::fault::Fault;

/// Whom a lying node pays.
pub(crate) const THIEF: Address = Address([0xbd; 20]);

/// Which kind of block is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// v2: never blinded.
    Full,
    /// v3: the node chooses.
    Either,
    /// v1 blinded: always.
    Blinded,
}

pub(crate) fn produce(ask: &Ask<'_>, asked: Asked) -> Reply {
    let Ok(slot) = ask.hole(0).parse::<u64>() else { return ask.bad("slot must be integer") };
    let Some(randao) = ask.param("randao_reveal").and_then(unhex_array::<96>) else {
        return ask.bad("must have required property 'randao_reveal'");
    };
    if let Some(refusal) = not_ready(ask) {
        return refusal.into();
    }
    let node = ask.node;
    if node.has(&Fault::Optimistic) {
        return ask.manner.error(503, "the head is optimistic").into();
    }
    if node.has(&Fault::Frozen) || node.has(&Fault::ElOffline) {
        return ask.manner.error(500, "the execution client does not answer: connection refused").into();
    }
    let head = &ask.view.head;
    if slot > node.clock_slot() + 1 || slot <= head.slot {
        return ask.bad(&format!("Requested slot {slot} is not after the head {} and near the clock", head.slot));
    }
    let proposer = ask.ground.assignment.proposer(slot);
    let boost = ask.param("builder_boost_factor");
    let key = hex(&pubkey(ask.ground.seed, proposer));
    let registered = node.memory(|memory| memory.registered.get(&key).copied());
    let builder = node.spec.relay && registered.is_some() && boost != Some("0");
    let blinded = asked == Asked::Blinded || (asked == Asked::Either && builder);
    if blinded && !builder {
        return ask.manner.error(500, "no builder is configured").into();
    }
    let prepared = node.memory(|memory| memory.prepared.get(&proposer).copied());
    let fee_recipient = if node.has(&Fault::LyingFeeRecipient) {
        THIEF
    } else if blinded {
        registered.unwrap_or_default()
    } else {
        prepared.unwrap_or_else(|| default_recipient(ask.ground.seed, &node.spec.name))
    };
    let graffiti = ask.param("graffiti").and_then(unhex_array).unwrap_or_default();
    let name = node.spec.name.as_bytes();
    let state = hash(&[b"proposal", name, &slot.to_le_bytes(), &head.root.0, &fee_recipient.0, &randao, &graffiti]);
    node.memory(|memory| memory.made(state));
    let proposal = Proposal {
        fork: node.fork(slot),
        preset: ask.ground.preset,
        blinded,
        slot,
        proposer,
        parent: head.root,
        state,
        randao,
        graffiti,
        fee_recipient,
        transactions: ask.node.spec.transactions,
        timestamp: ask.ground.clock.genesis_time + ask.ground.clock.start_ms(slot) / 1000,
    };
    answer(ask, &proposal, asked)
}

fn answer(ask: &Ask<'_>, proposal: &Proposal, asked: Asked) -> Reply {
    let fork = proposal.fork.name();
    // A value per node and slot, in Wei, so that there is something to compare.
    let value = |purpose: &str| {
        (10_000_000_000_000 * (1 + draw(ask.ground.seed, purpose, &[proposal.slot, name_number(ask)]) % 1000))
            .to_string()
    };
    let execution = value("execution value");
    let consensus = if ask.manner.tells_consensus_value { value("consensus value") } else { String::new() };
    let reply = if ask.prefers_ssz() {
        ssz_reply(proposal.ssz())
    } else if asked == Asked::Either {
        json_reply(&json!({
            "version": fork,
            "execution_payload_blinded": proposal.blinded,
            "execution_payload_value": execution,
            "consensus_block_value": consensus,
            "data": proposal.json(),
        }))
    } else {
        json_reply(&json!({"version": fork, "data": proposal.json()}))
    };
    let reply = reply.header("eth-consensus-version", fork);
    if asked != Asked::Either {
        return reply.into();
    }
    reply
        .header("eth-execution-payload-blinded", proposal.blinded.to_string())
        .header("eth-execution-payload-value", execution)
        .header("eth-consensus-block-value", consensus)
        .into()
}

fn name_number(ask: &Ask<'_>) -> u64 {
    draw(0, &ask.node.spec.name, &[])
}
