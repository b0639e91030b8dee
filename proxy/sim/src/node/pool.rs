//! What is published to the pools: votes, sync messages, aggregates, contributions.
//!
//! Every item is judged alone, and the good ones are taken even when others are refused, as the API wants it. A vote
//! is taken if the node knows the block it is for and its time has not passed.

use std::time::Duration;

use serde_json::Value;

use super::reply::{Failure, Reply};
use super::serve::{Ask, not_ready};
use crate::digest::Root;
use crate::fork::Fork;
use crate::locked;
use crate::manner::{SszBody, UnknownHead};
use crate::vote::{AttestationData, SINGLE_BYTES, Vote, Voter, number};

/// How often a held vote looks whether its block has come.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Part of a slot that a message takes through gossip, after which every node has it.
const GOSSIP: u64 = 300;

/// The items of a published list, or the refusal of the whole body.
fn items<T>(
    ask: &Ask<'_>,
    from_json: impl Fn(&Value) -> Option<T>,
    from_ssz: impl Fn(&[u8]) -> Option<Vec<T>>,
) -> Result<Vec<Option<T>>, Reply> {
    if let Some(refusal) = not_ready(ask) {
        return Err(refusal.into());
    }
    if ask.sends_ssz() {
        return match ask.manner.ssz_body {
            SszBody::Refuses => Err(ask.manner.plain_error(415, "Unsupported media type").into()),
            SszBody::Misreads => Err(ask.bad("Invalid validator's index")),
            SszBody::Reads => {
                let read = from_ssz(ask.body).ok_or_else(|| ask.bad("the SSZ body cannot be read"))?;
                Ok(read.into_iter().map(Some).collect())
            }
        };
    }
    let list = ask.items().ok_or_else(|| ask.bad("the body must be an array"))?;
    Ok(list.iter().map(from_json).collect())
}

/// The v2 pool routes demand the version of what they are sent.
fn version_missing(ask: &Ask<'_>) -> Option<Reply> {
    let demands = ask.path.starts_with("/eth/v2/");
    (demands && Fork::by_name(ask.consensus_version()).is_none())
        .then(|| ask.bad("Eth-Consensus-Version header is required"))
}

fn done(ask: &Ask<'_>, failures: &[Failure]) -> Reply {
    if failures.is_empty() { ask.manner.done().into() } else { ask.manner.failures(failures).into() }
}

fn failure(index: usize, message: &str) -> Option<Failure> {
    Some(Failure { index, message: message.into() })
}

pub(crate) async fn attestations(ask: &Ask<'_>) -> Reply {
    if let Some(refusal) = version_missing(ask) {
        return refusal;
    }
    let split = |bytes: &[u8]| bytes.chunks(SINGLE_BYTES).map(Vote::from_ssz).collect();
    let votes = match items(ask, Vote::read, split) {
        Ok(votes) => votes,
        Err(refusal) => return refusal,
    };
    let mut failures = Vec::new();
    for (index, vote) in votes.into_iter().enumerate() {
        failures.extend(match vote {
            Some(vote) => attestation(ask, index, vote).await,
            None => failure(index, "the attestation cannot be read"),
        });
    }
    done(ask, &failures)
}

async fn attestation(ask: &Ask<'_>, index: usize, vote: Vote) -> Option<Failure> {
    let data = vote.data;
    let preset = ask.ground.preset;
    let duties = ask.ground.assignment.epoch(preset.epoch(data.slot));
    let validator = match vote.voter {
        Voter::Index(validator) => Some(validator),
        Voter::Bit(bit) => {
            let members = duties.committees.get(&(data.slot, data.index));
            members.and_then(|members| members.get(usize::try_from(bit).ok()?)).copied()
        }
    };
    let duty = validator.and_then(|validator| duties.attesters.get(usize::try_from(validator).ok()?));
    let Some(duty) = duty.filter(|duty| duty.slot == data.slot && data.target.epoch == preset.epoch(data.slot)) else {
        return failure(index, "the validator has no such duty");
    };
    let now = ask.ground.clock.slot();
    if data.slot > now || data.slot + preset.slots_per_epoch() < now {
        return failure(index, "the attestation is not timely");
    }
    if !block_known(ask, &data).await {
        return failure(
            index,
            match ask.manner.unknown_head {
                UnknownHead::Holds(message) | UnknownHead::Lists(message) => message,
            },
        );
    }
    let now_ms = ask.ground.clock.now_ms();
    let here = ask.node.memory(|memory| {
        let here = memory.vote_of(data.slot, duty.validator) == Some(&data);
        memory.heard_vote(duty.validator, data);
        here
    });
    let mut ledger = locked(&ask.ground.ledger);
    let gossiped = ledger
        .voted(data.target.epoch, duty.validator)
        .is_some_and(|(known, at_ms)| *known == data && at_ms + ask.ground.clock.part_ms(GOSSIP) < now_ms);
    ledger.vote(duty.validator, data, now_ms);
    if here || gossiped { ask.manner.duplicate_vote.and_then(|message| failure(index, message)) } else { None }
}

/// Whether the node knows the block that is voted for; some families wait for it.
async fn block_known(ask: &Ask<'_>, data: &AttestationData) -> bool {
    let known = || ask.ground.knows(&ask.node.view(), data.head);
    if known() || matches!(ask.manner.unknown_head, UnknownHead::Lists(_)) {
        return known();
    }
    let patience = ask.ground.clock.now_ms() + ask.ground.clock.slot_ms;
    while ask.ground.clock.now_ms() < patience {
        tokio::time::sleep(LOOK_AGAIN).await;
        if known() {
            return true;
        }
    }
    false
}

pub(crate) fn sync_messages(ask: &Ask<'_>) -> Reply {
    type Message = (u64, Root, u64);
    let read = |item: &Value| -> Option<Message> {
        let root = Root::parse(item["beacon_block_root"].as_str()?)?;
        Some((number(&item["slot"])?, root, number(&item["validator_index"])?))
    };
    let messages = match items(ask, read, |_| None) {
        Ok(messages) => messages,
        Err(refusal) => return refusal,
    };
    let mut failures = Vec::new();
    for (index, message) in messages.into_iter().enumerate() {
        let Some((slot, root, validator)) = message else {
            failures.extend(failure(index, "the message cannot be read"));
            continue;
        };
        let epoch = ask.ground.preset.epoch(slot);
        if slot != ask.ground.clock.slot() || ask.ground.assignment.sync_positions(epoch, validator).is_empty() {
            failures.extend(failure(index, "the message is not of this slot, or its sender not of this committee"));
        } else if !ask.ground.knows(&ask.node.view(), root) {
            failures.extend(failure(index, "unknown beacon block root"));
        } else {
            failures.extend(sync_message(ask, index, (slot, root, validator)));
        }
    }
    done(ask, &failures)
}

fn sync_message(ask: &Ask<'_>, index: usize, (slot, root, validator): (u64, Root, u64)) -> Option<Failure> {
    let now_ms = ask.ground.clock.now_ms();
    let here = ask.node.memory(|memory| {
        let here = memory.sync_of(slot, validator) == Some(&root);
        memory.heard_sync(slot, validator, root);
        here
    });
    let mut ledger = locked(&ask.ground.ledger);
    let gossiped = ledger
        .synced(slot, validator)
        .is_some_and(|(known, at_ms)| *known == root && at_ms + ask.ground.clock.part_ms(GOSSIP) < now_ms);
    ledger.sync(slot, validator, root, now_ms);
    if here || gossiped { ask.manner.duplicate_sync.and_then(|message| failure(index, message)) } else { None }
}

pub(crate) fn aggregates(ask: &Ask<'_>) -> Reply {
    if let Some(refusal) = version_missing(ask) {
        return refusal;
    }
    let read = |item: &Value| {
        let message = &item["message"];
        Some((number(&message["aggregator_index"])?, AttestationData::read(&message["aggregate"]["data"])?))
    };
    let aggregates = match items(ask, read, aggregates_ssz) {
        Ok(aggregates) => aggregates,
        Err(refusal) => return refusal,
    };
    let mut failures = Vec::new();
    for (index, aggregate) in aggregates.into_iter().enumerate() {
        match aggregate {
            Some((aggregator, data)) if ask.ground.knows(&ask.node.view(), data.head) => {
                locked(&ask.ground.ledger).aggregate(data.slot, aggregator);
            }
            Some(_) => failures.extend(failure(index, "unknown beacon block root")),
            None => failures.extend(failure(index, "the aggregate cannot be read")),
        }
    }
    done(ask, &failures)
}

/// A list of `SignedAggregateAndProof`: offsets; each has its message's offset, a signature, then the message with
/// aggregator, the aggregate's offset, selection proof; the aggregate begins with one offset and the data.
fn aggregates_ssz(bytes: &[u8]) -> Option<Vec<(u64, AttestationData)>> {
    let at = |from: usize| {
        let bytes: [u8; 4] = bytes.get(from..from + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let count = at(0)? / 4;
    // Each item is longer than its offset, so a count beyond the body is a lie.
    (0..count.min(bytes.len()))
        .map(|item| {
            let message = bytes.get(at(item * 4)? + 4 + 96..)?;
            let aggregator = u64::from_le_bytes(message.get(..8)?.try_into().ok()?);
            let data = message.get(8 + 4 + 96 + 4..8 + 4 + 96 + 4 + 128)?;
            Some((aggregator, AttestationData::from_ssz(data)?))
        })
        .collect()
}

pub(crate) fn contributions(ask: &Ask<'_>) -> Reply {
    let read = |item: &Value| {
        let (message, contribution) = (&item["message"], &item["message"]["contribution"]);
        let root = Root::parse(contribution["beacon_block_root"].as_str()?)?;
        let aggregator = number(&message["aggregator_index"])?;
        Some((aggregator, number(&contribution["slot"])?, number(&contribution["subcommittee_index"])?, root))
    };
    let contributions = match items(ask, read, |_| None) {
        Ok(contributions) => contributions,
        Err(refusal) => return refusal,
    };
    let mut failures = Vec::new();
    for (index, contribution) in contributions.into_iter().enumerate() {
        match contribution {
            Some((aggregator, slot, subcommittee, root))
                // Until the end of the next slot: what came last is only of use in that slot's block.
                if slot + 1 >= ask.ground.clock.slot() && ask.ground.knows(&ask.node.view(), root) =>
            {
                locked(&ask.ground.ledger).contribution(slot, aggregator, subcommittee);
            }
            Some(_) => failures.extend(failure(index, "the contribution is not of this slot, or of no known block")),
            None => failures.extend(failure(index, "the contribution cannot be read")),
        }
    }
    done(ask, &failures)
}

/// Exits, slashings and changes are taken if they are JSON; nothing here follows from them.
pub(crate) fn submission(ask: &Ask<'_>) -> Reply {
    match ask.json() {
        Some(Value::Object(_) | Value::Array(_)) => ask.manner.done().into(),
        _ => ask.bad("the body cannot be read"),
    }
}
