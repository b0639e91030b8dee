// Whether a beacon node that restarted pays whom it should.
//
// A beacon node forgets its preparations when it restarts, and Lodestar's VC says them once an epoch. So after the restart
// the two other pairs are cordoned: the proxy then reads from them only if nothing else is ready, and the blocks of the
// next slots come from the pair that restarted. Which node a block came from is the proxy's evidence: a race without a
// record was answered by the first node that was asked, which is the only one that is not cordoned.
import { ask, read, until } from "./wait.mjs";
import { FEE_RECIPIENT, SLOTS_PER_EPOCH } from "./network.mjs";

const PRODUCE = /^produce_/;

/** Lets the pair `number` alone propose until slot `to`; resolves with {node, from, to, others}. */
export async function alone(network, number, to) {
  const node = `bn${number}`;
  const rest = network.beacons().filter((name) => name !== node);
  const cordon = async (verb) => {
    for (const name of rest) await ask("POST", `http://127.0.0.1:${network.adminPort()}/nodes/${name}/${verb}`);
  };
  await cordon("cordon");
  const from = network.slot() + 1;
  try {
    const limit = network.time(to) - Date.now() + 5000;
    await until(`slot ${to}`, () => network.slot() >= to, { limit, every: 50 });
    return { node, from, to: to - 1, others: await others(network, node) };
  } finally {
    await cordon("uncordon");
  }
}

/** Slots whose block another node produced. */
async function others(network, node) {
  const records = await read(`http://127.0.0.1:${network.adminPort()}/evidence?limit=1000`);
  const produced = records.filter((record) => PRODUCE.test(record.operation) && record.status === 200);
  return produced.filter((record) => !record.outcome.endsWith(`: ${node}`)).map((record) => Number(record.path.split("/").pop()));
}

/**
 * The blocks of the window that came from the node, those of them that were made before the VC's next word (it speaks as
 * an epoch starts), and those that pay somebody else.
 */
export function paid(window, blocks) {
  const slots = [...blocks.keys()].filter((slot) => slot >= window.from && slot <= window.to && !window.others.includes(slot));
  const wrong = slots.filter((slot) => blocks.get(slot).recipient.toLowerCase() !== FEE_RECIPIENT);
  const speaks = (Math.floor(window.from / SLOTS_PER_EPOCH) + 1) * SLOTS_PER_EPOCH;
  return { ...window, blocks: slots.length, early: slots.filter((slot) => slot < speaks).length, wrong };
}
