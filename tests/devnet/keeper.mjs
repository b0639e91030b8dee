// Started with the network and ends with it: keeps the beacon nodes connected, notes the duties of every epoch, and ends
// everything when the time is up or when the process that wanted the network is gone. It is its own process, so that a
// test that is killed leaves nothing behind.
//
//   node keeper.mjs RUN_DIRECTORY
import { Network } from "./lib/network.mjs";
import { Own, look } from "./lib/own.mjs";
import { connect } from "./lib/mesh.mjs";
import { note } from "./lib/ledger.mjs";
import { sleep } from "./lib/wait.mjs";

const dir = process.argv[2];
const network = Network.load(dir);
const own = new Own(dir);

/** The owner is a pid with its start time; without one only the clock ends the network. */
function ownerIsGone() {
  return Boolean(network.owner) && look(network.owner.pid)?.start !== network.owner.start;
}

while (Date.now() < network.endsAt && !ownerIsGone()) {
  network.genesisTime ??= Network.load(dir).genesisTime; // it is settled after we were started
  await connect(network, own).catch(() => {});
  await note(network, own).catch((error) => console.log(`duties: ${error.message}`));
  await sleep(1000);
}
console.log(Date.now() < network.endsAt ? "the owner is gone: ending the network" : "the time is up: ending the network");
await own.stop(own.names().filter((name) => name !== "keeper"));
