#!/usr/bin/env node
// The test: a real VC on a real network through the proxy, a part without faults and then a part with them, counted
// from the chain. The first part is the control: same network, same processes, same machine, same number of epochs.
// A duty that the second part lacks and the first does not is the proxy's.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { KINDS, countNetwork } from "./count.mjs";
import { Chain } from "./lib/chain.mjs";
import { complaints, fresh, mark } from "./lib/complaints.mjs";
import { FAULTS, play } from "./lib/faults.mjs";
import { down, finality, head, log, memory, up, waitFor } from "./lib/life.mjs";
import { SLOTS_PER_EPOCH } from "./lib/network.mjs";
import { look } from "./lib/own.mjs";
import { paid } from "./lib/prepared.mjs";
import { read, until } from "./lib/wait.mjs";

const USAGE = `usage: node run.mjs --proxy PATH_TO_RANGELIGHT [options]
  --direct           the VC talks to bn1 itself, without any proxy
  --no-faults        both parts without faults: how much the network misses by itself
  --phase P          all faults strike at this part of their slot, 0 to 1, instead of each at its own
  --epochs N         length of each of the two parts, at least ${Math.ceil(52 / SLOTS_PER_EPOCH)} (default 8)
  --slot S           seconds per slot, whole (default 3)
  --base-port P      uses P … P+99 (default 0: a free range)
  --spare SHARE      part of a kind's duties that may be missed beyond the control (default 0)
  --dir DIR          run directory: logs, report.json (default run/ beside this file)
exit code: 0 nothing missed beyond the control (and the spare); 1 something was; 2 the control itself was too poor to judge by, or usage`;

/** Above this share of misses the control says that the machine is too slow, and nothing about the proxy. */
const CONTROL_LIMIT = 0.02;
/** Slots from an epoch's start to its finality, plus what one late block costs. */
const FINALITY_EPOCHS = 3;

const { values } = parseArgs({
  options: {
    proxy: { type: "string" },
    direct: { type: "boolean", default: false },
    "no-faults": { type: "boolean", default: false },
    phase: { type: "string" },
    epochs: { type: "string", default: "8" },
    slot: { type: "string", default: "3" },
    "base-port": { type: "string", default: "0" },
    spare: { type: "string", default: "0" },
    dir: { type: "string", default: fileURLToPath(new URL("run", import.meta.url)) },
  },
});
const epochs = Number(values.epochs);
const slotSeconds = Number(values.slot);
const spare = Number(values.spare);
const phase = values.phase === undefined ? undefined : Number(values.phase);
const dir = path.resolve(values.dir);
if (Boolean(values.proxy) === values.direct || !(epochs * SLOTS_PER_EPOCH > FAULTS.at(-1).until) || !(slotSeconds >= 1) || !((phase ?? 0) >= 0 && (phase ?? 0) < 1) || !(spare >= 0 && spare < 1)) {
  console.error(USAGE);
  process.exit(2);
}

/** Both parts, start to end; gives the report. */
async function run() {
  const minutes = 5 + ((2 * epochs + 8) * SLOTS_PER_EPOCH * slotSeconds) / 60;
  const { network, own } = await up({
    dir,
    slotSeconds,
    minutes,
    pairs: 3,
    validators: 16,
    basePort: Number(values["base-port"]),
    proxy: values.direct ? undefined : fs.realpathSync(values.proxy),
    owner: { pid: process.pid, start: look(process.pid).start },
  });
  await checkPreset(network);
  const pids = pidsOf(own, network);
  await waitFor(network, own, "head", 30);
  log("the first block is on all nodes");

  const vcLog = own.logFile("vc");
  const reach = (slot) => until(`slot ${slot}`, () => network.slot() >= slot, { limit: network.time(slot) - Date.now() + 5000, every: 50 });
  const control = { from: Math.floor(network.slot() / SLOTS_PER_EPOCH) + 1 };
  control.to = control.from + epochs - 1;
  await reach(control.from * SLOTS_PER_EPOCH);
  log(`epochs ${control.from} to ${control.to}: without faults`);
  const marks = [mark(vcLog)];
  await waitFor(network, own, "finalized", 10 * SLOTS_PER_EPOCH * slotSeconds);
  log(`finalized: ${JSON.stringify(await finality(network, "bn1"))}`);

  const faults = { from: Math.max(control.to, Math.floor(network.slot() / SLOTS_PER_EPOCH)) + 1 };
  faults.to = faults.from + epochs - 1;
  await reach(faults.from * SLOTS_PER_EPOCH);
  log(`epochs ${faults.from} to ${faults.to}: ${values["no-faults"] ? "without faults again" : "with faults"}`);
  marks.push(mark(vcLog));
  const story = values["no-faults"] ? [] : await play(network, own, faults.from * SLOTS_PER_EPOCH, phase);
  await reach((faults.to + 1) * SLOTS_PER_EPOCH);
  marks.push(mark(vcLog));
  log(`epoch ${faults.to + 1}: attestations may still be included`);
  await reach((faults.to + 2) * SLOTS_PER_EPOCH);
  await until("the last block of the counted epochs", async () => (await head(network, "bn1")).slot >= (faults.to + 2) * SLOTS_PER_EPOCH - 1, {
    limit: 3 * slotSeconds * 1000,
  }).catch(() => log("bn1 is behind; another node is asked for the chain"));

  const from = await best(network);
  for (const entry of story.filter((entry) => entry.alone)) {
    const { blocks } = await Chain.load(network.url(from), entry.alone.from, entry.alone.to);
    entry.alone = paid(entry.alone, blocks);
  }
  return {
    slotSeconds,
    machine: `${os.cpus().length} cores, load ${os.loadavg()[1].toFixed(1)}`,
    through: values.direct ? "bn1 directly" : "the proxy",
    counted: from,
    control: await countNetwork(network, from, control.from, control.to),
    faults: await countNetwork(network, from, faults.from, faults.to),
    story,
    finality: { ...(await finality(network, from)), epoch: Math.floor(network.slot() / SLOTS_PER_EPOCH) },
    log: { control: complaints(vcLog, marks[0], marks[1]), faults: complaints(vcLog, marks[1], marks[2]) },
    ended: ["vc", ...(network.proxy ? ["proxy"] : [])].filter((name) => own.alive(name)?.pid !== pids[name]),
    memoryMiB: Object.fromEntries(network.names().map((name) => [name, memory(own.alive(name)?.pid)])),
  };
}

function pidsOf(own, network) {
  return Object.fromEntries(network.names().map((name) => [name, own.alive(name)?.pid]));
}

/** All arithmetic here is that of the minimal preset. */
async function checkPreset(network) {
  const { data } = await read(`${network.url("bn1")}/eth/v1/config/spec`);
  if (Number(data.SLOTS_PER_EPOCH) !== SLOTS_PER_EPOCH) throw new Error(`not the minimal preset: ${data.SLOTS_PER_EPOCH} slots per epoch`);
}

/** The node with the highest head: the one that has seen the most of the chain. */
async function best(network) {
  let found = { slot: -1 };
  for (const name of network.beacons()) {
    const here = await head(network, name).catch(() => ({ slot: -1 }));
    if (here.slot > found.slot) found = { name, slot: here.slot };
  }
  return found.name;
}

/** Everything that is wrong with the second part; empty = passed. */
function judge(report) {
  const wrong = [];
  for (const kind of KINDS) {
    const more = report.faults.missed[kind].length - report.control.missed[kind].length;
    if (more > spare * report.faults.due[kind]) wrong.push(`${kind}: ${more} missed beyond the control`);
  }
  if (report.finality.epoch - report.finality.finalized > FINALITY_EPOCHS) wrong.push(`the chain does not finalize: ${JSON.stringify(report.finality)}`);
  for (const part of ["control", "faults"]) {
    for (const [kind, times] of Object.entries(report.log[part].error)) wrong.push(`the VC's log, ${part}, ${times} times: ${kind}`);
  }
  for (const name of report.ended) wrong.push(`${name} ended or was started again`);
  for (const { alone } of report.story.filter((entry) => entry.alone)) {
    if (alone.blocks === 0) wrong.push(`${alone.node} proposed nothing after its restart, slots ${alone.from} to ${alone.to}`);
    for (const slot of alone.wrong) wrong.push(`the block of slot ${slot}, from ${alone.node} after its restart, does not pay the prepared recipient`);
  }
  for (const entry of report.story) if (entry.secondsToRecover === null) wrong.push(`${entry.hurt}: its pair did not come back within 8 slots`);
  return wrong;
}

/** Kinds in which the control itself missed too much. */
function poor(report) {
  return KINDS.filter((kind) => report.control.missed[kind].length > CONTROL_LIMIT * report.control.due[kind]);
}

function table(report) {
  const row = (...cells) => cells.map((cell, i) => (i === 0 ? String(cell).padEnd(14) : String(cell).padStart(16))).join("");
  const lines = [row("", "due", "missed, control", "missed, faults", "difference")];
  for (const kind of KINDS) {
    const [without, with_] = [report.control.missed[kind].length, report.faults.missed[kind].length];
    lines.push(row(kind, `${report.control.due[kind]} / ${report.faults.due[kind]}`, without, with_, with_ - without));
  }
  for (const part of ["control", "faults"]) {
    for (const kind of KINDS) {
      const missed = report[part].missed[kind];
      if (missed.length > 0) lines.push(`${part}: ${kind}: ${missed.slice(0, 12).map((m) => `slot ${m.slot} validator ${m.validator}`).join(", ")}${missed.length > 12 ? " …" : ""}`);
    }
  }
  for (const entry of report.story) lines.push(`${entry.fault}: ${entry.hurt}, slots ${entry.from} to ${entry.to}, recovered ${entry.secondsToRecover} s after`);
  for (const { alone } of report.story.filter((entry) => entry.alone)) {
    lines.push(`after its restart ${alone.node} proposed ${alone.blocks} blocks, slots ${alone.from} to ${alone.to}, ${alone.early} of them before the VC's next word: ${alone.blocks - alone.wrong.length} pay the prepared recipient, ${alone.wrong.length} do not`);
  }
  for (const kind of fresh(report.log.control, report.log.faults, "warn")) lines.push(`the VC warned, in the faulted part only: ${kind}`);
  lines.push(`finality ${JSON.stringify(report.finality)}; counted from ${report.counted}; memory in MiB ${JSON.stringify(report.memoryMiB)}`);
  return lines.join("\n");
}

async function main() {
  const report = await run();
  const [tooPoor, wrong] = [poor(report), judge(report)];
  report.verdict = tooPoor.length > 0 ? "not judged" : wrong.length > 0 ? "failed" : "passed";
  report.wrong = wrong;
  fs.writeFileSync(path.join(dir, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  console.log(table(report));
  if (tooPoor.length > 0) console.log(`not judged: the control missed too much itself (${tooPoor.join(", ")}); is the machine too slow for ${slotSeconds} s slots?`);
  for (const line of wrong) console.log(`WRONG: ${line}`);
  console.log(report.verdict);
  return tooPoor.length > 0 ? 2 : wrong.length > 0 ? 1 : 0;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, async () => {
    log(`${signal}: ending the network`);
    await down(dir);
    process.exit(1);
  });
}
main().catch((error) => {
  console.error(error.stack);
  return 1;
}).then(async (code) => {
  await down(dir);
  process.exit(code);
});
