// Three beacon nodes and one VC on one machine are not the internet, and two things that never happen there would end
// the network here:
//
// - A beacon node whose execution client is down blames its peers for the blocks it cannot import and bans them for
//   half an hour; one that was stopped hears of its peers' heads only with the next status message, minutes later.
//   Among thousands of peers neither matters; with two, every fault would last for the rest of the run.
// - If nobody proposes for eight slots, every node calls itself syncing and refuses to produce blocks, for ever. On the
//   internet somebody else always proposes; here one VC has all the keys. So a node with peers, none of which is ahead
//   of it, counts as synced however old its head is. A node that is behind its peers says so as before.
//
// This loader hook changes a few lines while they are read and nothing of what the API answers. Should the pinned
// version ever change, a line that is no longer found is an error and not a silent no-op.
const changes = [
  ["/beacon-node/lib/network/peers/score.js", [
    ["function scoreToState(score) {", "function scoreToState(score) {\n    return ScoreState.Healthy;"],
  ]],
  ["/beacon-node/lib/network/peers/peerManager.js", [
    ["const STATUS_INTERVAL_MS = 5 * 60 * 1000;", "const STATUS_INTERVAL_MS = 6 * 1000;"],
    ["const CHECK_PING_STATUS_INTERVAL = 10 * 1000;", "const CHECK_PING_STATUS_INTERVAL = 2 * 1000;"],
  ]],
  ["/beacon-node/lib/sync/sync.js", [
    ["this.peerSyncType = new Map();", "this.peerSyncType = new Map();\n        this.peerHeads = new Map();"],
    [
      "this.peerSyncType.set(peerId.toString(), syncType);",
      "this.peerSyncType.set(peerId.toString(), syncType);\n            this.peerHeads.set(peerId.toString(), peerStatus.headSlot);",
    ],
    [
      "this.peerSyncType.delete(peerId.toString());",
      "this.peerSyncType.delete(peerId.toString());\n            this.peerHeads.delete(peerId.toString());",
    ],
    [
      "headSlot >= currentSlot - this.slotImportTolerance))",
      "(headSlot >= currentSlot - this.slotImportTolerance ||\n" +
        "                    (this.peerHeads.size > 0 && Math.max(...this.peerHeads.values()) <= headSlot))))",
    ],
  ]],
];

export async function load(url, context, next) {
  const loaded = await next(url, context);
  const found = changes.find(([file]) => url.endsWith(file));
  if (!found) return loaded;
  let source = loaded.source.toString();
  for (const [from, to] of found[1]) {
    if (!source.includes(from)) throw new Error(`devnet: ${url} has no line "${from}"`);
    source = source.replace(from, () => to);
  }
  return { ...loaded, source };
}
