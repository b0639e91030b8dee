// Writes genesis.ssz and config.yaml into the run directory. Runs as a process of its own, because Lodestar's libraries
// choose the preset once, from the environment, when they are first loaded.
//
// All forks up to Capella hold from epoch 0 and the genesis state names the execution clients' genesis block as its
// last payload, so the network is past the merge from its first slot: no terminal difficulty, no waiting.
//
//   node --import ./register.mjs genesis.mjs '{"dir":…,"validators":…,"genesisTime":…,"slotSeconds":…,"block":{…}}'
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

const wanted = JSON.parse(process.argv[2]);
const modules = fileURLToPath(new URL("../node_modules/@lodestar/", import.meta.url));
const load = (...parts) => import(pathToFileURL(path.join(modules, ...parts)).href);
const [{ createIChainForkConfig, chainConfigToJson }, { minimalChainConfig }, transition, { ssz }, { dumpYaml, fromHex, toHex }, interop] =
  await Promise.all([
    load("config", "lib", "index.js"),
    load("config", "lib", "presets.js"),
    load("state-transition", "lib", "index.js"),
    load("types", "lib", "index.js"),
    load("utils", "lib", "index.js"),
    load("beacon-node", "lib", "node", "utils", "interop", "deposits.js"),
  ]);
const chainId = createRequire(import.meta.url)("./execution-genesis.json").config.chainId;

const config = createIChainForkConfig({
  ...minimalChainConfig,
  CONFIG_NAME: "rangelight-devnet",
  ALTAIR_FORK_EPOCH: 0,
  BELLATRIX_FORK_EPOCH: 0,
  CAPELLA_FORK_EPOCH: 0,
  TERMINAL_TOTAL_DIFFICULTY: 0n,
  SECONDS_PER_SLOT: wanted.slotSeconds,
  MIN_GENESIS_TIME: wanted.genesisTime,
  GENESIS_DELAY: 0,
  MIN_GENESIS_ACTIVE_VALIDATOR_COUNT: wanted.validators,
  DEPOSIT_CHAIN_ID: chainId,
  DEPOSIT_NETWORK_ID: chainId,
});

const block = wanted.block; // as the execution client's eth_getBlockByNumber gives it
const payload = ssz.capella.ExecutionPayloadHeader.toViewDU({
  parentHash: fromHex(block.parentHash),
  feeRecipient: fromHex(block.miner),
  stateRoot: fromHex(block.stateRoot),
  receiptsRoot: fromHex(block.receiptsRoot),
  logsBloom: fromHex(block.logsBloom),
  prevRandao: fromHex(block.mixHash),
  blockNumber: Number(block.number),
  gasLimit: Number(block.gasLimit),
  gasUsed: Number(block.gasUsed),
  timestamp: Number(block.timestamp),
  extraData: fromHex(block.extraData),
  baseFeePerGas: BigInt(block.baseFeePerGas),
  blockHash: fromHex(block.hash),
  transactionsRoot: ssz.bellatrix.Transactions.hashTreeRoot([]),
  withdrawalsRoot: ssz.capella.Withdrawals.hashTreeRoot([]),
});
const deposits = interop.interopDeposits(config, ssz.phase0.DepositDataRootList.defaultViewDU(), wanted.validators, {
  withEth1Credentials: true,
});
const state = transition.initializeBeaconStateFromEth1(
  config,
  transition.createEmptyEpochContextImmutableData(config, { genesisValidatorsRoot: new Uint8Array(32) }),
  fromHex(block.hash),
  Number(block.timestamp),
  deposits,
  undefined,
  payload,
);
state.genesisTime = wanted.genesisTime;
state.commit();
fs.writeFileSync(path.join(wanted.dir, "genesis.ssz"), state.serialize());
fs.writeFileSync(path.join(wanted.dir, "config.yaml"), dumpYaml(chainConfigToJson(config)));
console.log(toHex(state.genesisValidatorsRoot));
process.exit(0); // the libraries leave worker threads behind
