// The life of a network: up, waiting, starting single processes again, down.
import fs from "node:fs";
import path from "node:path";
import { spawnSync } from "node:child_process";
import { GENESIS, LODESTAR_ENV, Network, REGISTER, SLOTS_PER_EPOCH, plan } from "./network.mjs";
import { Own } from "./own.mjs";
import { meshed } from "./mesh.mjs";
import { Hopeless, ask, read, until } from "./wait.mjs";

/** Between the writing of the genesis state and genesis: the beacon nodes, the proxy and the VC start meanwhile. */
const SECONDS_TO_GENESIS = 20;

export function log(...words) {
  console.log(new Date().toISOString().slice(11, 19), ...words);
}

async function rpc(url, method, params = []) {
  const answer = await ask("POST", url, { body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }) });
  const { result, error } = JSON.parse(answer.body);
  if (error) throw new Error(error.message);
  return result;
}

/** A process answers: what that means depends on what it is. */
function answers(network, name) {
  if (name.startsWith("el")) return rpc(network.url(name), "eth_blockNumber");
  if (name.startsWith("bn")) return read(`${network.url(name)}/eth/v1/node/identity`);
  if (name === "proxy") return read(`${network.url(name)}/eth/v1/beacon/genesis`);
  return true;
}

/** Starts processes (those that run are left alone) and waits until each of them answers. */
export async function start(network, own, names) {
  for (const name of names) {
    const { argv, env } = network.command(name);
    own.start(name, argv, env);
  }
  for (const name of names) {
    await until(`${name} to answer`, () => {
      if (!own.alive(name)) throw new Hopeless(`${name} ended; its last lines:\n${own.tail(name)}`);
      return answers(network, name);
    });
  }
}

/** A fresh network: everything up and connected before genesis. Whatever fails, nothing stays behind. */
export async function up(options) {
  const own = new Own(options.dir);
  const left = own.names().filter((name) => own.alive(name));
  if (left.length > 0) throw new Error(`${left.join(" ")} of an earlier run still there: node devnet.mjs down`);
  fs.rmSync(options.dir, { recursive: true, force: true });
  const network = await plan(options);
  try {
    await start(network, own, ["keeper", ...network.executions()]);
    await genesis(network);
    await start(network, own, network.beacons());
    await until("the beacon nodes to connect", () => meshed(network, own), { every: 300 });
    if (network.proxy) await start(network, own, ["proxy"]);
    await start(network, own, ["vc"]);
    const early = network.genesisTime - Date.now() / 1000;
    log(`up; genesis ${early > 0 ? `in ${early.toFixed(1)} s` : `was ${(-early).toFixed(1)} s ago (slow machine)`}; VC -> ${network.validatorUrl}`);
  } catch (error) {
    await own.stop(own.names());
    throw error;
  }
  return { network, own };
}

async function genesis(network) {
  const block = await rpc(network.url("el1"), "eth_getBlockByNumber", ["0x0", false]);
  network.genesisTime = Math.ceil(Date.now() / 1000) + SECONDS_TO_GENESIS;
  network.save();
  const { dir, validators, genesisTime, slotSeconds } = network;
  const made = spawnSync(process.execPath, ["--import", REGISTER, GENESIS, JSON.stringify({ dir, validators, genesisTime, slotSeconds, block })], {
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "", ...LODESTAR_ENV },
    timeout: 120_000,
  });
  if (made.status !== 0) throw new Error(`no genesis state:\n${made.stderr}`);
}

/** Ends everything; the logs stay, until the next `up` in the same directory. */
export async function down(dir) {
  const own = new Own(dir);
  await own.stop(["keeper"]); // first, so that it does not end things at the same time
  await own.stop(own.names());
}

export async function finality(network, name) {
  const { data } = await read(`${network.url(name)}/eth/v1/beacon/states/head/finality_checkpoints`);
  return { justified: Number(data.current_justified.epoch), finalized: Number(data.finalized.epoch) };
}

export async function head(network, name) {
  const { data } = await read(`${network.url(name)}/eth/v1/beacon/headers/head`);
  return { slot: Number(data.header.message.slot), root: data.root };
}

/** Facts that `devnet.mjs wait` knows; true when all running beacon nodes show it. */
export const FACTS = {
  head: async (network, name) => (await head(network, name)).slot > 0,
  justified: async (network, name) => (await finality(network, name)).justified > 0,
  finalized: async (network, name) => (await finality(network, name)).finalized > 0,
};

export async function waitFor(network, own, fact, seconds) {
  const limit = Math.max(0, network.time(0) - Date.now()) + seconds * 1000;
  await until(`${fact} on every running beacon node`, async () => {
    for (const name of network.beacons().filter((name) => own.running(name))) {
      if (!(await FACTS[fact](network, name))) return false;
    }
    return true;
  }, { limit, every: 500 });
}

/** One line per process: state, memory, and what it says of itself. */
export async function status(network, own) {
  const slot = network.slot();
  const lines = [`slot ${slot} (epoch ${Math.floor(slot / SLOTS_PER_EPOCH)}), ${network.slotSeconds} s slots, VC -> ${network.validatorUrl}`];
  for (const name of network.names()) {
    const found = own.alive(name);
    const parts = [found ? (found.state === "T" ? "stopped" : "up") : "down"];
    if (found) parts.push(`pid ${found.pid}`, `${memory(found.pid)} MiB`);
    if (found && found.state !== "T" && name.startsWith("bn")) parts.push(await beaconLine(network, name));
    lines.push(`${name.padEnd(7)} ${parts.join("  ")}`);
  }
  return lines.join("\n");
}

async function beaconLine(network, name) {
  try {
    const [{ data }, peers, epochs] = await Promise.all([
      read(`${network.url(name)}/eth/v1/node/syncing`),
      read(`${network.url(name)}/eth/v1/node/peer_count`),
      finality(network, name),
    ]);
    const synced = data.is_syncing ? "syncing" : data.is_optimistic ? "optimistic" : "synced";
    return `head ${data.head_slot} ${synced}  peers ${peers.data.connected}  justified ${epochs.justified}  finalized ${epochs.finalized}`;
  } catch (error) {
    return error.message;
  }
}

export function memory(pid) {
  try {
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(path.join("/proc", String(pid), "status"), "utf8"))[1]) / 1024);
  } catch {
    return 0;
  }
}
