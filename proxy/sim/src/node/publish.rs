//! Publishing a block, full or blinded.

use super::reply::{Reply, bare};
use super::serve::{Ask, not_ready};
use crate::block::{Signed, read_json, read_ssz};
use crate::chain::{Block, Landing};
use crate::fault::Fault;
use crate::fork::Fork;

/// How the block comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// With its payload.
    Full,
    /// With the payload's header only.
    Blinded,
}

pub(crate) fn block(ask: &Ask<'_>, form: Form) -> Reply {
    if let Some(refusal) = not_ready(ask) {
        return refusal.into();
    }
    let now = ask.node.clock_slot();
    let versioned = ask.path.starts_with("/eth/v2/");
    let named = Fork::by_name(ask.consensus_version());
    let fork = match (versioned, named) {
        (true, None) => return ask.bad("Eth-Consensus-Version header is required"),
        (_, Some(fork)) => fork,
        (false, None) => ask.node.fork(now),
    };
    let blinded = form == Form::Blinded;
    let read: Option<Signed> = if ask.sends_ssz() {
        read_ssz(ask.body, fork, blinded, ask.ground.preset)
    } else {
        ask.json().and_then(|body| read_json(&body, fork, blinded))
    };
    let Some(signed) = read else { return ask.bad("the block cannot be read") };
    if ask.node.fork(signed.slot) != fork {
        return ask.bad(&format!("the block's slot is not {}", fork.name()));
    }
    let own = ask.node.memory(|memory| memory.has_made(signed.state));
    if blinded && !own && !ask.node.spec.relay {
        let (status, message) = ask.manner.foreign_blinded;
        return ask.manner.error(status, message).into();
    }
    if !ask.ground.knows(&ask.view, signed.parent) {
        return ask.bad("the block's parent is unknown");
    }
    let root = signed.root();
    let seen = ask.ground.knows(&ask.view, root);
    let landing = ask.ground.publish(Block {
        slot: signed.slot,
        root,
        parent: signed.parent,
        state: signed.state,
        proposer: signed.proposer,
        fee_recipient: signed.fee_recipient,
        publisher: Some(ask.node.spec.name.clone()),
        landed_ms: ask.ground.clock.now_ms(),
        branch: 0,
    });
    match landing {
        Landing::Known if seen => duplicate(ask),
        // The block is on its way, but without an execution client it cannot become this node's head.
        Landing::New if ask.node.has(&Fault::ElOffline) => {
            ask.manner.error(ask.manner.not_imported, "the block was broadcast, but could not be imported").into()
        }
        // Another node had it first, and its gossip has not come here yet.
        Landing::New | Landing::Known => ask.manner.done().into(),
        Landing::Equivocation => ask.bad("another block of this proposer is known for this slot"),
        Landing::StaleParent => ask.bad("the block's parent is not the head"),
        Landing::WrongSlot => ask.bad("the block's slot is not now, or its proposer is another"),
    }
}

fn duplicate(ask: &Ask<'_>) -> Reply {
    match ask.manner.duplicate_block {
        (status, "") => bare(status).into(),
        (status, message) => ask.manner.error(status, message).into(),
    }
}
