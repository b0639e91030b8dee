#!/usr/bin/env node
// The network by hand: start it, hurt it, look at it, end it. The test itself is run.mjs.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Network } from "./lib/network.mjs";
import { Own } from "./lib/own.mjs";
import { FACTS, down, log, start, status, up, waitFor } from "./lib/life.mjs";

const USAGE = `usage: node devnet.mjs COMMAND [NAME...] [options]
  up                 a fresh network, and wait for the first block
  status             processes, heads, sync state, peers, finality
  wait FACT          ${Object.keys(FACTS).join(" | ")}, on every running beacon node
  kill NAME...       SIGKILL            pause NAME...   SIGSTOP           resume NAME...  SIGCONT
  stop NAME...       SIGTERM            start NAME...   again, on its old files
  logs NAME...       the last lines     down            end everything (the logs stay until the next up)
names: el1 el2 el3 bn1 bn2 bn3 vc proxy
options:
  --proxy PATH       a rangelight binary; the VC talks to it (default: the VC talks to bn1)
  --pairs N          execution client + beacon node pairs       (default 3)
  --slot S           seconds per slot, whole                    (default 3)
  --validators N     all of them run by the one VC              (default 16)
  --base-port P      uses P … P+99; 0 looks for a free range    (default 0)
  --minutes M        the network ends itself after this time    (default 60)
  --seconds S        for wait                                   (default 300)
  --dir DIR          run directory                              (default run/ beside this file)`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    proxy: { type: "string" },
    pairs: { type: "string", default: "3" },
    slot: { type: "string", default: "3" },
    validators: { type: "string", default: "16" },
    "base-port": { type: "string", default: "0" },
    minutes: { type: "string", default: "60" },
    seconds: { type: "string", default: "300" },
    dir: { type: "string", default: fileURLToPath(new URL("run", import.meta.url)) },
  },
});

const dir = path.resolve(values.dir);
const own = new Own(dir);
const [command, ...names] = positionals;

function named(network) {
  if (names.length === 0) throw new Error(`${command}: which? (${network.names().join(" ")})`);
  const wrong = names.filter((name) => !network.names().includes(name));
  if (wrong.length > 0) throw new Error(`no ${wrong.join(", ")} here (${network.names().join(" ")})`);
  return names;
}

async function main() {
  if (command === "up") {
    const { network } = await up({
      dir,
      proxy: values.proxy && fs.realpathSync(values.proxy),
      pairs: Number(values.pairs),
      slotSeconds: Number(values.slot),
      validators: Number(values.validators),
      basePort: Number(values["base-port"]),
      minutes: Number(values.minutes),
    });
    await waitFor(network, own, "head", 60);
    return console.log(await status(network, own));
  }
  if (command === "down") return down(dir);
  if (!command) throw new Error(USAGE);
  const network = Network.load(dir);
  const signals = { kill: "SIGKILL", pause: "SIGSTOP", resume: "SIGCONT" };
  if (command === "status") return console.log(await status(network, own));
  if (command === "wait" && FACTS[names[0]]) return waitFor(network, own, names[0], Number(values.seconds));
  if (command === "start") return start(network, own, named(network));
  if (command === "stop") return own.stop(named(network));
  if (command === "logs") return named(network).forEach((name) => console.log(`--- ${name}\n${own.tail(name, 40)}`));
  if (command in signals) {
    return named(network).forEach((name) => log(name, own.signal(name, signals[command]) ? signals[command] : "is not running"));
  }
  throw new Error(USAGE);
}

main().then(() => process.exit(0), (error) => {
  console.error(error.message);
  process.exit(1);
});
