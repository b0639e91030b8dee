// The faults of the test, and when they strike.
//
// Each strikes the node that the proxy is using at that moment (its answers say which), because a fault of a node that
// nobody asks proves nothing, and at the worst phase of a slot. One pair is hurt at a time, so two healthy ones are
// always there; every outage is longer than the eight slots in which Lodestar goes on to say it is synced.
import { ask, sleep } from "./wait.mjs";
import { log, start } from "./life.mjs";
import { alone } from "./prepared.mjs";

/** `at`, `until` and `alone` are slots since the faults began; `phase` is a part of a slot. The whole fits into 8 epochs. */
export const FAULTS = [
  {
    name: "beacon node killed (-9), restarted",
    at: 1,
    phase: 0.003, // the VC asks for a block at the slot's start
    until: 10, // early in an epoch, so that the VC says nothing to the restarted node for some slots
    begin: (own, number) => own.kill(`bn${number}`),
    end: (own, number, network) => start(network, own, [`bn${number}`]),
    hurt: (number) => `bn${number}`,
    alone: 22, // until then the pair that restarted proposes alone
  },
  {
    name: "beacon node stopped (SIGSTOP) for 4 slots, continued",
    at: 24,
    phase: 0.3, // after the attestations; aggregates come next, on connections that stay up and never answer again
    until: 28,
    begin: (own, number) => own.signal(`bn${number}`, "SIGSTOP"),
    end: (own, number) => own.signal(`bn${number}`, "SIGCONT"),
    hurt: (number) => `bn${number}`,
  },
  {
    name: "execution client killed (-9), restarted",
    at: 36,
    phase: 0.003, // as above; afterwards the beacon node goes on to answer as if nothing were wrong
    until: 48,
    begin: (own, number) => own.kill(`el${number}`),
    end: (own, number, network) => start(network, own, [`el${number}`]),
    hurt: (number) => `el${number}`,
  },
];

/** The number of the pair in use: what the proxy's answer to a head read says, else that of the VC's only node. */
export async function inUse(network) {
  const answer = await ask("GET", `${network.validatorUrl}/eth/v1/beacon/headers/head`);
  const name = answer.headers["x-rangelight-node"] ?? "bn1";
  if (!network.beacons().includes(name)) throw new Error(`the proxy names a node that is not there: ${name}`);
  return Number(name.slice(2));
}

async function sleepUntil(time) {
  while (Date.now() < time) await sleep(Math.min(250, Math.max(1, time - Date.now())));
}

/**
 * Plays all faults from slot `first` on, at their own phases or all at `phase`; resolves with what was hurt, when, and
 * how long recovery took.
 */
export async function play(network, own, first, phase) {
  const story = [];
  for (const fault of FAULTS) {
    await sleepUntil(network.time(first + fault.at, 0) - 1000);
    const number = await inUse(network);
    await sleepUntil(network.time(first + fault.at, phase ?? fault.phase));
    if (!(await fault.begin(own, number, network))) throw new Error(`${fault.hurt(number)} was not there to be hurt`);
    log(`slot ${network.slot()}: ${fault.name}: ${fault.hurt(number)}`);
    await sleepUntil(network.time(first + fault.until));
    await fault.end(own, number, network);
    const ended = Date.now();
    log(`slot ${network.slot()}: ${fault.hurt(number)} is back`);
    const entry = { fault: fault.name, hurt: fault.hurt(number), from: first + fault.at, to: first + fault.until };
    entry.secondsToRecover = await recovered(network, number, ended);
    log(`slot ${network.slot()}: bn${number} has the chain's head again`);
    if (fault.alone && network.proxy) entry.alone = await alone(network, number, first + fault.alone);
    story.push(entry);
  }
  return story;
}

/** Seconds until the node has the same head as the rest again; null if it did not within 8 slots. */
async function recovered(network, number, since) {
  const limit = Date.now() + 8 * network.slotSeconds * 1000;
  while (Date.now() < limit) {
    try {
      const heads = await Promise.all(network.beacons().map(async (name) => {
        const answer = await ask("GET", `${network.url(name)}/eth/v1/beacon/headers/head`);
        return JSON.parse(answer.body).data.root;
      }));
      if (heads.every((root) => root === heads[number - 1])) return Math.round((Date.now() - since) / 100) / 10;
    } catch {
      // Not yet.
    }
    await sleep(200);
  }
  return null;
}
