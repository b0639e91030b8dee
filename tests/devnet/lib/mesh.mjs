// Connections between the beacon nodes. There is no discovery on this network, so somebody must introduce them, again
// after every restart (a node's peer id is new each time) and after every pause.
import { ask, read } from "./wait.mjs";

/** Connects every running beacon node with every other; returns how many connections each of them has. */
export async function connect(network, own) {
  const known = [];
  for (const number of network.numbers()) {
    if (!own.running(`bn${number}`)) continue;
    try {
      known.push({ number, id: (await read(`${network.url(`bn${number}`)}/eth/v1/node/identity`)).data.peer_id });
    } catch {
      // Starting or overloaded: it is there in the next round.
    }
  }
  const counts = new Map();
  for (const one of known) {
    const url = network.url(`bn${one.number}`);
    let peers = [];
    try {
      peers = (await read(`${url}/eth/v1/node/peers?state=connected`)).data.map((peer) => peer.peer_id);
    } catch {
      continue;
    }
    counts.set(`bn${one.number}`, peers.length);
    for (const other of known) {
      if (other.number >= one.number || peers.includes(other.id)) continue; // one direction is enough
      const address = encodeURIComponent(`/ip4/127.0.0.1/tcp/${network.gossipPort(other.number)}`);
      await ask("POST", `${url}/eth/v1/lodestar/connect_peer?peerId=${other.id}&multiaddr=${address}`).catch(() => {});
    }
  }
  return counts;
}

/** True when every running beacon node is connected with all the others. */
export async function meshed(network, own) {
  const running = network.beacons().filter((name) => own.running(name));
  const counts = await connect(network, own);
  return running.every((name) => (counts.get(name) ?? 0) >= running.length - 1);
}
