// The canonical chain as one beacon node tells it, and what is in its blocks.
//
// Blocks are read one by one and checked to be one chain (every parent is the block before), so that a reorg between
// two reads, or a node on a branch of its own, is an error and not a wrong count.
import { read, readIfThere } from "./wait.mjs";

/** The positions that are set in hex SSZ bits. `list` = a bitlist, whose highest set bit only marks its end. */
export function setBits(hex, list) {
  const bytes = Buffer.from(hex.slice(2), "hex");
  const set = [];
  for (let i = 0; i < bytes.length * 8; i++) if (bytes[i >> 3] & (1 << (i & 7))) set.push(i);
  if (list) set.pop();
  return set;
}

export class Chain {
  constructor() {
    /** slot → {root, proposer, recipient, attestations, syncBits}; an empty slot has no entry. */
    this.blocks = new Map();
  }

  /** Reads the slots `first`…`last` and, for the roots of empty slots at the start, the last block before them. */
  static async load(url, first, last) {
    const chain = new Chain();
    let before = first - 1;
    while (before > 0 && !(await chain.add(url, before))) before--;
    let parent = before > 0 ? chain.blocks.get(before).root : null;
    for (let slot = first; slot <= last; slot++) {
      const block = await chain.add(url, slot);
      if (!block) continue;
      if (parent && block.parent !== parent) throw new Error(`${url}: the parent of slot ${slot} is not the block before it`);
      parent = block.root;
    }
    return chain;
  }

  async add(url, slot) {
    const header = await readIfThere(`${url}/eth/v1/beacon/headers/${slot}`, 10_000);
    if (!header) return null;
    const { data } = await read(`${url}/eth/v2/beacon/blocks/${header.data.root}`, 10_000);
    const { message } = data;
    if (Number(message.slot) !== slot) return null; // some nodes answer with the block before an empty slot
    const block = {
      root: header.data.root,
      parent: message.parent_root,
      proposer: Number(message.proposer_index),
      recipient: message.body.execution_payload.fee_recipient,
      attestations: message.body.attestations,
      syncBits: setBits(message.body.sync_aggregate.sync_committee_bits, false),
    };
    this.blocks.set(slot, block);
    return block;
  }

  /** The root that is the head as of `slot`: that of the last block at or before it. */
  rootAt(slot) {
    for (let s = slot; s >= 0; s--) if (this.blocks.has(s)) return this.blocks.get(s).root;
    return null; // before the first block that was read: nobody can say
  }
}
