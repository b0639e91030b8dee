#!/usr/bin/env node
// Counts duties from the chain: what is in its blocks, never what a log says.
//
// The measure is the protocol's own (Altair): an attestation earns its source within 2 slots, its target within an
// epoch, its head in the very next block, each only if the vote is right. A sync message counts if its bit is in the
// next block; where that block is missing the proposal is counted as missed, and the bits not a second time.
//
//   node count.mjs --from EPOCH --to EPOCH [--node bn1] [--dir run]
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Chain, setBits } from "./lib/chain.mjs";
import { ledger } from "./lib/ledger.mjs";
import { FEE_RECIPIENT, Network, SLOTS_PER_EPOCH } from "./lib/network.mjs";

/** integer square root of SLOTS_PER_EPOCH: the last distance at which a source vote counts. */
const SOURCE_DISTANCE = Math.floor(Math.sqrt(SLOTS_PER_EPOCH));

/** The duties that can be missed; each is a list of who and when in the result. */
export const KINDS = ["proposal", "attestation", "source", "target", "head", "sync", "recipient"];

/**
 * Everything due in the epochs `from`…`to` and what of it the chain lacks. The chain must have been read from the
 * first slot of `from` to one epoch behind `to`, because that long an attestation may wait for its block.
 */
export function count(chain, duties, from, to) {
  const due = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
  const missed = Object.fromEntries(KINDS.map((kind) => [kind, []]));
  const distances = {};
  const votes = included(chain);
  for (let epoch = from; epoch <= to; epoch++) {
    const known = duties[epoch] ?? lostDuties(duties, votes, epoch);
    for (let slot = epoch * SLOTS_PER_EPOCH; slot < (epoch + 1) * SLOTS_PER_EPOCH; slot++) {
      countSlot(chain, known, slot, due, missed);
    }
    for (const duty of known.attesters) {
      const vote = votes.get(`${duty.slot}/${duty.committee}/${duty.position}`);
      for (const kind of ["attestation", "source", "target", "head"]) {
        due[kind]++;
        if (!vote?.[kind]) missed[kind].push({ slot: duty.slot, validator: duty.validator });
      }
      if (vote) distances[vote.distance] = (distances[vote.distance] ?? 0) + 1;
    }
  }
  return { from, to, due, missed, distances };
}

/**
 * The duties of an epoch in which no node was in sync, so that none could tell them: all due, all lost. That this is
 * why they are unknown shows in the chain, which then has no vote of that epoch either.
 */
function lostDuties(duties, votes, epoch) {
  const first = epoch * SLOTS_PER_EPOCH;
  const voted = [...votes.keys()].some((key) => Math.floor(Number(key.split("/")[0]) / SLOTS_PER_EPOCH) === epoch);
  const model = Object.values(duties)[0];
  if (voted || !model) throw new Error(`nobody noted the duties of epoch ${epoch}`);
  const attesters = model.attesters.map(({ validator }) => ({ validator, slot: first, committee: "unknown", position: 0 }));
  return { attesters, proposers: {}, sync: model.sync };
}

function countSlot(chain, known, slot, due, missed) {
  const block = chain.blocks.get(slot);
  if (slot > 0) {
    due.proposal++;
    if (!block) missed.proposal.push({ slot, validator: known.proposers[slot] });
  }
  if (block) {
    due.recipient++;
    if (block.recipient.toLowerCase() !== FEE_RECIPIENT) missed.recipient.push({ slot, validator: block.proposer, paid: block.recipient });
  }
  const next = chain.blocks.get(slot + 1);
  if (!next) return;
  const seen = new Set(next.syncBits);
  for (const [seat, validator] of Object.entries(known.sync)) {
    due.sync++;
    if (!seen.has(Number(seat))) missed.sync.push({ slot, validator, seat: Number(seat) });
  }
}

/** "slot/committee/position" → what the chain credits that vote with, best over all blocks that include it. */
function included(chain) {
  const votes = new Map();
  for (const [slot, block] of [...chain.blocks].sort(([a], [b]) => a - b)) {
    for (const { data, aggregation_bits: bits } of block.attestations) {
      const at = Number(data.slot);
      const distance = slot - at;
      const target = data.target.root === chain.rootAt(Number(data.target.epoch) * SLOTS_PER_EPOCH);
      const head = target && data.beacon_block_root === chain.rootAt(at);
      for (const position of setBits(bits, true)) {
        const key = `${at}/${data.index}/${position}`;
        const vote = votes.get(key) ?? { attestation: true, source: false, target: false, head: false, distance };
        vote.source ||= distance <= SOURCE_DISTANCE;
        vote.target ||= target && distance <= SLOTS_PER_EPOCH;
        vote.head ||= head && distance === 1;
        votes.set(key, vote);
      }
    }
  }
  return votes;
}

/** Reads the chain from one node of the network and counts. */
export async function countNetwork(network, name, from, to) {
  const chain = await Chain.load(network.url(name), from * SLOTS_PER_EPOCH, (to + 2) * SLOTS_PER_EPOCH - 1);
  return count(chain, ledger(network.dir), from, to);
}

if (process.argv[1] && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      from: { type: "string" },
      to: { type: "string" },
      node: { type: "string", default: "bn1" },
      dir: { type: "string", default: fileURLToPath(new URL("run", import.meta.url)) },
    },
  });
  const [from, to] = [Number(values.from), Number(values.to)];
  if (!(from >= 0 && to >= from)) throw new Error("usage: node count.mjs --from EPOCH --to EPOCH [--node bn1] [--dir run]");
  console.log(JSON.stringify(await countNetwork(Network.load(path.resolve(values.dir)), values.node, from, to), null, 2));
}
