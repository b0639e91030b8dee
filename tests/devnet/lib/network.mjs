// What the network is made of: names, ports, and the command line of every process.
//
// el1…elN execution clients, bn1…bnN beacon nodes (elI is bnI's), vc, proxy, and keeper.mjs. Everything a later command
// needs is in network.json of the run directory, so that any of them can be started again with the same arguments.
import crypto from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const LODESTAR = path.join(HERE, "node_modules/@chainsafe/lodestar/lib/index.js");
const ETHEREUMJS = path.join(HERE, "node_modules/@ethereumjs/client/dist/esm/bin/cli.js");
export const REGISTER = path.join(HERE, "lib/register.mjs");
export const GENESIS = path.join(HERE, "lib/genesis.mjs");
const KEEPER = path.join(HERE, "keeper.mjs");

/** The minimal preset. The runner checks it against a beacon node's spec before it counts anything. */
export const SLOTS_PER_EPOCH = 8;
/** Where the VC wants its block rewards: any address will do, as long as blocks carry it. */
export const FEE_RECIPIENT = "0x00000000000000000000000000000000000000aa";
/** libs and nodes read these before anything else; DEVNET_ROLE chooses the loader hook (register.mjs). */
export const LODESTAR_ENV = { LODESTAR_PRESET: "minimal", NODE_BACKEND: "js", NODE_ENV: "production" };

const range = (n) => Array.from({ length: n }, (_, i) => i + 1);

export class Network {
  constructor(plan) {
    Object.assign(this, plan);
  }

  static file(dir) {
    return path.join(dir, "network.json");
  }

  static load(dir) {
    try {
      return new Network(JSON.parse(fs.readFileSync(Network.file(dir), "utf8")));
    } catch {
      throw new Error(`no devnet in ${dir} (node devnet.mjs up)`);
    }
  }

  save() {
    const file = Network.file(this.dir);
    fs.writeFileSync(`${file}.new`, `${JSON.stringify(this, null, 2)}\n`);
    fs.renameSync(`${file}.new`, file); // the keeper reads it at any time
  }

  numbers() {
    return range(this.pairs);
  }
  executions() {
    return range(this.pairs).map((i) => `el${i}`);
  }
  beacons() {
    return range(this.pairs).map((i) => `bn${i}`);
  }
  /** Everything, in the order of starting. */
  names() {
    return [...this.executions(), ...this.beacons(), ...(this.proxy ? ["proxy"] : []), "vc", "keeper"];
  }

  url(name) {
    return `http://127.0.0.1:${this.port(name)}`;
  }
  port(name) {
    const number = Number(name.slice(2));
    if (name === "proxy") return this.basePort;
    if (name.startsWith("bn")) return this.basePort + number;
    if (name.startsWith("el")) return this.basePort + 20 + number;
    throw new Error(`${name} has no port`);
  }
  enginePort(number) {
    return this.basePort + 40 + number;
  }
  gossipPort(number) {
    return this.basePort + 60 + number;
  }
  adminPort() {
    return this.basePort + 80;
  }
  ports() {
    const each = (i) => [this.port(`bn${i}`), this.port(`el${i}`), this.enginePort(i), this.gossipPort(i)];
    return [this.basePort, this.adminPort(), ...this.numbers().flatMap(each)];
  }

  slot(now = Date.now()) {
    return Math.floor((now / 1000 - this.genesisTime) / this.slotSeconds);
  }
  /** Unix time in ms of a point in a slot. */
  time(slot, phase = 0) {
    return (this.genesisTime + (slot + phase) * this.slotSeconds) * 1000;
  }

  /** {argv, env} of one process. */
  command(name) {
    const number = Number(name.slice(2));
    const node = process.execPath;
    if (name === "keeper") return { argv: [node, KEEPER, this.dir], env: {} };
    if (name === "proxy") return { argv: [this.proxy, "run", "--config", path.join(this.dir, "rangelight.toml")], env: {} };
    if (name.startsWith("el")) return { argv: [node, ETHEREUMJS, ...this.executionArguments(number)], env: LODESTAR_ENV };
    const role = name === "vc" ? "vc" : "bn";
    const rest = role === "vc" ? this.validatorArguments() : this.beaconArguments(number);
    return { argv: [node, "--import", REGISTER, LODESTAR, ...rest], env: { ...LODESTAR_ENV, DEVNET_ROLE: role } };
  }

  executionArguments(number) {
    const home = path.join(this.dir, `el${number}`);
    return [
      "--gethGenesis", path.join(HERE, "lib/execution-genesis.json"), "--dataDir", home,
      "--sync", "none", "--discV4", "false", "--discDns", "false", // blocks come from the beacon node alone
      "--rpc", "--rpcAddr", "127.0.0.1", "--rpcPort", this.port(`el${number}`),
      "--rpcEngine", "--rpcEngineAddr", "127.0.0.1", "--rpcEnginePort", this.enginePort(number),
      "--jwtSecret", path.join(this.dir, "jwt.hex"),
      "--logFile", path.join(home, "errors.log"), "--logLevelFile", "error", "--logRotate", "false",
    ].map(String);
  }

  lodestarArguments(name) {
    return ["--network", "dev", "--paramsFile", path.join(this.dir, "config.yaml"), "--dataDir", path.join(this.dir, name),
      "--logFile", "none"];
  }

  beaconArguments(number) {
    return [
      "beacon", ...this.lodestarArguments(`bn${number}`), "--genesisStateFile", path.join(this.dir, "genesis.ssz"),
      "--rest", "true", "--rest.address", "127.0.0.1", "--rest.namespace", "*", "--rest.port", this.port(`bn${number}`),
      "--listenAddress", "127.0.0.1", "--port", this.gossipPort(number), "--discv5", "false",
      "--eth1", "false", "--execution.urls", `http://127.0.0.1:${this.enginePort(number)}`,
      "--jwt-secret", path.join(this.dir, "jwt.hex"),
      "--sync.isSingleNode", this.pairs === 1, "--network.allowPublishToZeroPeers", "true",
    ].map(String);
  }

  validatorArguments() {
    return ["validator", ...this.lodestarArguments("vc"), "--interopIndexes", `0..${this.validators - 1}`,
      "--suggestedFeeRecipient", FEE_RECIPIENT, "--beaconNodes", this.validatorUrl];
  }
}

/** A new run directory with its plan and secret. `basePort` 0 looks for a free range. */
export async function plan({ dir, pairs, slotSeconds, validators, basePort, proxy, minutes, owner }) {
  for (const file of [LODESTAR, ETHEREUMJS]) {
    if (!fs.existsSync(file)) throw new Error(`${file} is missing: run "npm ci" in ${HERE} first`);
  }
  const network = new Network({ dir, pairs, slotSeconds, validators, proxy, owner });
  network.basePort = basePort;
  if (basePort === 0) await network.findPorts();
  else if (!(await network.portsAreFree())) throw new Error(`a port of ${network.ports().join(" ")} is taken`);
  network.validatorUrl = network.url(proxy ? "proxy" : "bn1");
  network.endsAt = Date.now() + minutes * 60_000;
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(path.join(dir, "jwt.hex"), `0x${crypto.randomBytes(32).toString("hex")}`, { mode: 0o600 });
  if (proxy) fs.writeFileSync(path.join(dir, "rangelight.toml"), configuration(network));
  network.save();
  return network;
}

/** The proxy's configuration: the three nodes, all our own, all of one family pair. */
function configuration(network) {
  const node = (name) =>
    `[[node]]\nname = "${name}"\nurl = "${network.url(name)}"\ntrust = "own"\nconsensus = "lodestar"\nexecution = "ethereumjs"\n`;
  return [
    `state = ${JSON.stringify(path.join(network.dir, "rangelight-state"))}\n`,
    `[listen]\naddress = "127.0.0.1:${network.port("proxy")}"\n`,
    `[admin]\naddress = "127.0.0.1:${network.adminPort()}"\n`,
    ...network.beacons().map(node),
  ].join("\n");
}

Network.prototype.portsAreFree = async function portsAreFree() {
  const free = (port) => new Promise((resolve) => {
    const probe = net.createServer().once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
  for (const port of this.ports()) if (!(await free(port))) return false;
  return true;
};

/** Below the kernel's ephemeral range (32768…), so that no outgoing connection takes a port while we start. */
Network.prototype.findPorts = async function findPorts() {
  for (let attempt = 0; attempt < 50; attempt++) {
    this.basePort = 19_000 + 100 * crypto.randomInt(130);
    if (await this.portsAreFree()) return;
  }
  throw new Error("no free range of ports between 19000 and 32000");
};
