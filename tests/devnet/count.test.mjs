// Does the count catch what it must? A made chain of three epochs, one planted fault per case, and the exact list of
// what is missed. A count that cannot fail would let every run pass.
import assert from "node:assert/strict";
import test from "node:test";
import { KINDS, count } from "./count.mjs";
import { Chain, setBits } from "./lib/chain.mjs";
import { complaints, fresh, kindOf } from "./lib/complaints.mjs";
import { FEE_RECIPIENT, SLOTS_PER_EPOCH } from "./lib/network.mjs";
import { paid } from "./lib/prepared.mjs";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const LAST = 4 * SLOTS_PER_EPOCH - 1;
const root = (slot) => `root ${slot}`;

/** Two validators in each slot's committee; bits "0x07" = both and the end mark. */
function vote(slot, bits = "0x07") {
  const epoch = Math.floor(slot / SLOTS_PER_EPOCH);
  return {
    aggregation_bits: bits,
    data: { slot: String(slot), index: "0", beacon_block_root: root(slot), target: { epoch: String(epoch), root: root(epoch * SLOTS_PER_EPOCH) } },
  };
}

function perfect() {
  const chain = new Chain();
  for (let slot = 0; slot <= LAST; slot++) {
    const attestations = slot > 0 ? [vote(slot - 1)] : [];
    chain.blocks.set(slot, { root: root(slot), proposer: 7, recipient: FEE_RECIPIENT, attestations, syncBits: [0, 1, 2, 3] });
  }
  const duties = {};
  for (let epoch = 0; epoch < 4; epoch++) {
    const slots = Array.from({ length: SLOTS_PER_EPOCH }, (_, i) => epoch * SLOTS_PER_EPOCH + i);
    duties[epoch] = {
      attesters: slots.flatMap((slot, i) => [0, 1].map((position) => ({ validator: 2 * i + position, slot, committee: 0, position }))),
      proposers: Object.fromEntries(slots.map((slot) => [slot, 7])),
      sync: { 0: 10, 1: 11, 2: 12, 3: 13 },
    };
  }
  return { chain, duties };
}

/** How many of each kind are missed in epochs 1 and 2 after `plant`. */
function missedAfter(plant) {
  const { chain, duties } = perfect();
  plant(chain.blocks, chain);
  const { missed } = count(chain, duties, 1, 2);
  return Object.fromEntries(KINDS.map((kind) => [kind, missed[kind].length]).filter(([, n]) => n > 0));
}

const CASES = [
  ["nothing planted", () => {}, {}],
  ["a block that pays somebody else", (b) => (b.get(12).recipient = "0x00"), { recipient: 1 }],
  ["one sync bit", (b) => (b.get(12).syncBits = [0, 1, 3]), { sync: 1 }],
  ["votes never included", (b) => (b.get(12).attestations = []), { attestation: 2, source: 2, target: 2, head: 2 }],
  ["one vote of two", (b) => (b.get(12).attestations = [vote(11, "0x05")]), { attestation: 1, source: 1, target: 1, head: 1 }],
  ["included one slot late", (b) => b.get(13).attestations.push(...b.get(12).attestations.splice(0)), { head: 2 }],
  ["included three slots late", (b) => b.get(15).attestations.push(...b.get(12).attestations.splice(0)), { source: 2, head: 2 }],
  ["wrong head", (b) => (b.get(12).attestations[0].data.beacon_block_root = root(9)), { head: 2 }],
  ["wrong target", (b) => (b.get(12).attestations[0].data.target.root = root(9)), { target: 2, head: 2 }],
  ["included again later, after a good vote", (b) => b.get(15).attestations.push(vote(11)), {}],
  ["an empty slot: votes of the slot before wait, those of its own name the block before",
    (b) => {
      b.get(13).attestations = [vote(11), { ...vote(12), data: { ...vote(12).data, beacon_block_root: root(11) } }];
      b.delete(12);
    },
    { proposal: 1, head: 2 }],
];

for (const [name, plant, expected] of CASES) {
  test(name, () => assert.deepEqual(missedAfter(plant), expected));
}

test("duties that nobody noted are an error, not zero misses", () => {
  const { chain, duties } = perfect();
  delete duties[2];
  assert.throws(() => count(chain, duties, 1, 2), /epoch 2/);
});

test("a network that stood still for an epoch has lost all of it", () => {
  const { chain, duties } = perfect();
  delete duties[2];
  for (let slot = 2 * SLOTS_PER_EPOCH; slot <= LAST; slot++) chain.blocks.delete(slot);
  const { missed } = count(chain, duties, 2, 2);
  assert.equal(missed.proposal.length, SLOTS_PER_EPOCH);
  assert.equal(missed.attestation.length, 2 * SLOTS_PER_EPOCH);
});

test("only the blocks of the restarted node count, and each that pays somebody else is named", () => {
  const { chain } = perfect();
  const window = { node: "bn1", from: 12, to: 15, others: [13] };
  assert.deepEqual(paid(window, chain.blocks), { ...window, blocks: 3, early: 3, wrong: [] });
  for (const slot of [11, 13, 14]) chain.blocks.get(slot).recipient = "0x00";
  chain.blocks.delete(15);
  assert.deepEqual(paid(window, chain.blocks), { ...window, blocks: 2, early: 2, wrong: [14] });
  const later = { ...window, from: 2 * SLOTS_PER_EPOCH - 1, to: 2 * SLOTS_PER_EPOCH + 1, others: [] };
  const { blocks, early } = paid(later, perfect().chain.blocks);
  assert.deepEqual({ blocks, early }, { blocks: 3, early: 1 });
});

test("bits are read as SSZ writes them", () => {
  assert.deepEqual(setBits("0x05", true), [0]);
  assert.deepEqual(setBits("0x0101", true), [0]);
  assert.deepEqual(setBits("0x0180", false), [0, 15]);
});

test("complaints are told apart by kind and not by slot", () => {
  assert.equal(kindOf("Error publishing attestations slot=12, index=0 Timeout 0xab12…4a9b"), kindOf("Error publishing attestations slot=77, index=3 Timeout 0xff00…0000"));
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "complaints-")), "vc.log");
  const lines = ["Nov-20 16:51:20.336[]                error: Error on A slot=1", "Nov-20 16:51:21.336[]   \x1b[33mwarn\x1b[39m: B 7", "noise", "Nov-20 16:51:22.336[x]   error: Error on C"];
  fs.writeFileSync(file, lines.join("\n"));
  const all = complaints(file, 0, fs.statSync(file).size);
  assert.deepEqual(all, { error: { "Error on A": 1, "x: Error on C": 1 }, warn: { "B N": 1 } });
  assert.deepEqual(fresh({ error: { "Error on A": 3 }, warn: {} }, all, "error"), ["x: Error on C"]);
  fs.rmSync(path.dirname(file), { recursive: true });
});
