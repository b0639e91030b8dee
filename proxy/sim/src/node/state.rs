//! Reads of states and blocks, including the whole registry as one big stream.

use std::fmt::Write as _;
use std::io;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};

use super::reply::{Reply, json_reply, streamed};
use super::serve::Ask;
use crate::assignment::pubkey;
use crate::block::Proposal;
use crate::chain::Block;
use crate::digest::{Root, hash, hex, stretch};
use crate::fault::Fault;

/// Validators in one chunk of the registry: about 64 KiB.
const REGISTRY_CHUNK: u64 = 128;
/// An epoch that never comes.
const NEVER: &str = "18446744073709551615";

/// Answers with `data`, and whether it is optimistic and finalized.
fn with_flags(ask: &Ask<'_>, data: &Value, slot: u64) -> Reply {
    let finalized = ask.ground.justified(&ask.view, ask.view.head.slot).saturating_sub(1);
    json_reply(&json!({
        "data": data,
        "execution_optimistic": ask.node.has(&Fault::Optimistic),
        "finalized": slot <= ask.ground.preset.start(finalized),
    }))
    .into()
}

/// The block that a block or state id means, or the refusal.
fn wanted(ask: &Ask<'_>, id: &str) -> Result<Block, Reply> {
    let (ground, view) = (&ask.ground, &ask.view);
    let at = |slot: u64| ground.chain(|chain| chain.tip(view.branch, slot.min(view.head.slot)).clone());
    let justified = ground.justified(view, view.head.slot);
    let missing = || ask.manner.error(404, &format!("No block found for id '{id}'")).into();
    match id {
        "head" => Ok(view.head.clone()),
        "genesis" => Ok(at(0)),
        "justified" => Ok(at(ground.preset.start(justified))),
        "finalized" => Ok(at(ground.preset.start(justified.saturating_sub(1)))),
        root if root.starts_with("0x") => {
            let root = Root::parse(root).ok_or_else(|| ask.bad(&format!("Invalid block id '{id}'")))?;
            let known = ground.knows(view, root);
            ground.chain(|chain| chain.block(root).cloned()).filter(|_| known).ok_or_else(missing)
        }
        slot => {
            let slot: u64 = slot.parse().map_err(|_| ask.bad(&format!("Invalid block id '{id}'")))?;
            if slot > view.head.slot { Err(missing()) } else { Ok(at(slot)) }
        }
    }
}

pub(crate) fn root(ask: &Ask<'_>) -> Reply {
    match wanted(ask, ask.hole(0)) {
        Ok(block) => with_flags(ask, &json!({"root": block.state.to_string()}), block.slot),
        Err(refusal) => refusal,
    }
}

pub(crate) fn block_root(ask: &Ask<'_>) -> Reply {
    match wanted(ask, ask.hole(0)) {
        // A slot without a block has no root, other than a state, which every slot has.
        Ok(block) if ask.hole(0).parse().is_ok_and(|slot: u64| slot != block.slot) => {
            ask.manner.error(404, &format!("No block found for id '{}'", ask.hole(0))).into()
        }
        Ok(block) => with_flags(ask, &json!({"root": block.root.to_string()}), block.slot),
        Err(refusal) => refusal,
    }
}

pub(crate) fn fork(ask: &Ask<'_>) -> Reply {
    let schedule = ask.node.schedule();
    let block = match wanted(ask, ask.hole(0)) {
        Ok(block) => block,
        Err(refusal) => return refusal,
    };
    let current = ask.node.fork(block.slot);
    let before = schedule.epoch(current).checked_sub(1).map_or(current, |epoch| schedule.at(epoch));
    let network = ask.ground.network;
    let data = json!({
        "previous_version": hex(&before.version(network)),
        "current_version": hex(&current.version(network)),
        "epoch": schedule.epoch(current).to_string(),
    });
    with_flags(ask, &data, block.slot)
}

pub(crate) fn finality(ask: &Ask<'_>) -> Reply {
    let (ground, view) = (&ask.ground, &ask.view);
    let justified = ground.justified(view, view.head.slot);
    let checkpoint = |epoch: u64| {
        let at = ground.checkpoint(view, epoch);
        json!({"epoch": at.epoch.to_string(), "root": at.root.to_string()})
    };
    let before = checkpoint(justified.saturating_sub(1));
    let data = json!({"previous_justified": before, "current_justified": checkpoint(justified), "finalized": before});
    with_flags(ask, &data, view.head.slot)
}

// === validators ===

fn validator_json(index: u64, key: &[u8; 48]) -> Value {
    json!({
        "index": index.to_string(), "balance": "32000000000", "status": "active_ongoing",
        "validator": {
            "pubkey": hex(key), "withdrawal_credentials": hex(&[1; 32]), "effective_balance": "32000000000",
            "slashed": false, "activation_eligibility_epoch": "0", "activation_epoch": "0", "exit_epoch": NEVER,
            "withdrawable_epoch": NEVER,
        },
    })
}

pub(crate) fn validators(ask: &Ask<'_>) -> Reply {
    let body = ask.json();
    let from_body = body.as_ref().and_then(|body| body["ids"].as_array());
    let ids: Vec<&str> = match from_body {
        Some(ids) => ids.iter().filter_map(Value::as_str).collect(),
        None if !ask.body.is_empty() && body.is_none() => return ask.bad("the body is not JSON"),
        None => ask.params("id"),
    };
    if ids.is_empty() {
        return registry(ask);
    }
    let found = ids.iter().filter_map(|id| ask.ground.assignment.validator(id));
    let rows: Vec<Value> = found.map(|index| validator_json(index, &pubkey(ask.ground.seed, index))).collect();
    with_flags(ask, &json!(rows), ask.view.head.slot)
}

pub(crate) fn validator(ask: &Ask<'_>) -> Reply {
    match ask.ground.assignment.validator(ask.hole(1)) {
        Some(index) => with_flags(ask, &validator_json(index, &pubkey(ask.ground.seed, index)), ask.view.head.slot),
        None => ask.manner.error(ask.manner.no_validator, "Validator not found").into(),
    }
}

/// Every validator there is, and the padding asked for: made while it is sent, so that it costs no memory here.
fn registry(ask: &Ask<'_>) -> Reply {
    let seed = ask.ground.seed;
    let real = ask.ground.assignment.validators();
    let total = real + ask.node.spec.registry_padding;
    let optimistic = ask.node.has(&Fault::Optimistic);
    let head = format!("{{\"execution_optimistic\":{optimistic},\"finalized\":false,\"data\":[");
    let rows = stream::unfold(0, move |from: u64| async move {
        if from >= total {
            return None;
        }
        let to = (from + REGISTRY_CHUNK).min(total);
        let mut text = String::with_capacity(1 << 16);
        for index in from..to {
            if index < real {
                text.push_str(&validator_json(index, &pubkey(seed, index)).to_string());
            } else {
                pad(&mut text, index);
            }
            if index + 1 < total {
                text.push(',');
            }
        }
        Some((Bytes::from(text), to))
    });
    let whole = futures_util::StreamExt::chain(stream::iter([Bytes::from(head)]), rows);
    let whole = futures_util::StreamExt::chain(whole, stream::iter([Bytes::from_static(b"]}")]));
    let frames = futures_util::StreamExt::map(whole, |bytes| Ok::<_, io::Error>(Frame::data(bytes)));
    Reply::Streamed(Box::new(streamed("application/json", StreamBody::new(frames).boxed_unsync())))
}

/// A validator that is only there for its bytes: written by hand, because a proxy is measured against this speed.
fn pad(text: &mut String, index: u64) {
    // Writing to a string cannot fail.
    _ = write!(text, "{{\"index\":\"{index}\",\"balance\":\"32000000000\",\"status\":\"active_ongoing\",");
    _ = write!(text, "\"validator\":{{\"pubkey\":\"0x{index:096x}\",\"withdrawal_credentials\":\"0x{:064x}\",", 1);
    text.push_str("\"effective_balance\":\"32000000000\",\"slashed\":false,\"activation_eligibility_epoch\":\"0\",");
    text.push_str("\"activation_epoch\":\"0\",\"exit_epoch\":\"18446744073709551615\",");
    text.push_str("\"withdrawable_epoch\":\"18446744073709551615\"}}");
}

// === blocks ===

fn header_json(ask: &Ask<'_>, block: &Block) -> Value {
    let canonical = ask.ground.chain(|chain| chain.is_ancestor(block, &ask.view.head));
    json!({
        "root": block.root.to_string(), "canonical": canonical,
        "header": {
            "message": {
                "slot": block.slot.to_string(), "proposer_index": block.proposer.to_string(),
                "parent_root": block.parent.to_string(), "state_root": block.state.to_string(),
                "body_root": hash(&[b"body", &block.root.0]).to_string(),
            },
            "signature": hex(&stretch::<96>(&[b"block signature", &block.root.0])),
        },
    })
}

pub(crate) fn header(ask: &Ask<'_>) -> Reply {
    match wanted(ask, ask.hole(0)) {
        Ok(block) => with_flags(ask, &header_json(ask, &block), block.slot),
        Err(refusal) => refusal,
    }
}

pub(crate) fn headers(ask: &Ask<'_>) -> Reply {
    let id = ask.param("slot").unwrap_or("head");
    let rows = match wanted(ask, id) {
        Ok(block) if id == "head" || id.parse() == Ok(block.slot) => vec![header_json(ask, &block)],
        _ => Vec::new(),
    };
    with_flags(ask, &json!(rows), ask.view.head.slot)
}

pub(crate) fn block(ask: &Ask<'_>) -> Reply {
    let block = match wanted(ask, ask.hole(0)) {
        Ok(block) => block,
        Err(refusal) => return refusal,
    };
    let fork = ask.node.fork(block.slot);
    let proposal = Proposal {
        fork,
        preset: ask.ground.preset,
        blinded: false,
        slot: block.slot,
        proposer: block.proposer,
        parent: block.parent,
        state: block.state,
        randao: [0; 96],
        graffiti: [0; 32],
        fee_recipient: block.fee_recipient,
        transactions: 0,
        timestamp: ask.ground.clock.genesis_time + ask.ground.clock.start_ms(block.slot) / 1000,
    };
    let produced = proposal.json();
    let message = if crate::block::with_blobs(fork, false) { &produced["block"] } else { &produced };
    let signature = hex(&stretch::<96>(&[b"block signature", &block.root.0]));
    let optimistic = ask.node.has(&Fault::Optimistic);
    json_reply(&json!({
        "version": fork.name(), "execution_optimistic": optimistic, "finalized": false,
        "data": {"message": message, "signature": signature},
    }))
    .header("eth-consensus-version", fork.name())
    .into()
}
