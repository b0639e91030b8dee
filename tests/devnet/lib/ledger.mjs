// Who was due when: the duties of every epoch, as a synced beacon node gave them during that epoch.
//
// Nodes tell duties only around the present, so the keeper writes them down as the network goes on. The shuffling of
// an epoch is settled an epoch before it, so any node on the chain gives the same answer.
import fs from "node:fs";
import path from "node:path";
import { SLOTS_PER_EPOCH } from "./network.mjs";
import { ask, read } from "./wait.mjs";

const file = (dir) => path.join(dir, "duties.json");

/** epoch → {attesters: [{validator, slot, committee, position}], proposers: {slot: validator}, sync: {position: validator}} */
export function ledger(dir) {
  try {
    return JSON.parse(fs.readFileSync(file(dir), "utf8"));
  } catch {
    return {};
  }
}

/** Adds the current epoch if it is missing. A node that is behind is not asked. */
export async function note(network, own) {
  const epoch = Math.floor(network.slot() / SLOTS_PER_EPOCH);
  if (!network.genesisTime || epoch < 0) return;
  const known = ledger(network.dir);
  if (known[epoch]) return;
  for (const name of network.beacons().filter((name) => own.running(name))) {
    try {
      known[epoch] = await duties(network, network.url(name), epoch);
      const whole = `${JSON.stringify(known)}\n`;
      fs.writeFileSync(`${file(network.dir)}.new`, whole);
      fs.renameSync(`${file(network.dir)}.new`, file(network.dir)); // a reader never sees half of it
      return;
    } catch {
      // The next node, or the next round.
    }
  }
}

async function duties(network, url, epoch) {
  const { data: sync } = await read(`${url}/eth/v1/node/syncing`);
  if (sync.is_syncing || sync.is_optimistic || network.slot() - Number(sync.head_slot) > SLOTS_PER_EPOCH / 2) {
    throw new Error("not on the chain's tip");
  }
  const body = JSON.stringify(Array.from({ length: network.validators }, (_, i) => String(i)));
  const post = async (what) => {
    const answer = await ask("POST", `${url}/eth/v1/validator/duties/${what}/${epoch}`, { body });
    if (answer.status !== 200) throw new Error(`${answer.status} ${what}`);
    return JSON.parse(answer.body).data;
  };
  const [attesters, committee, { data: proposers }] = await Promise.all([
    post("attester"),
    post("sync"),
    read(`${url}/eth/v1/validator/duties/proposer/${epoch}`),
  ]);
  const seats = committee.flatMap((duty) => duty.validator_sync_committee_indices.map((seat) => [seat, Number(duty.validator_index)]));
  return {
    attesters: attesters.map((duty) => ({
      validator: Number(duty.validator_index),
      slot: Number(duty.slot),
      committee: Number(duty.committee_index),
      position: Number(duty.validator_committee_index),
    })),
    proposers: Object.fromEntries(proposers.map((duty) => [duty.slot, Number(duty.validator_index)])),
    sync: Object.fromEntries(seats),
  };
}
