// Three beacon nodes on one machine are not the internet: a node that shuns its only two peers is alone for good.
//
// A beacon node whose execution client is down blames its peers for the blocks it cannot import, and bans them for
// half an hour; a node that was stopped hears of its peers' heads only with the next status message, minutes later.
// Among thousands of peers neither matters. Here they would make every fault last for the rest of the run. This loader
// hook changes three lines while they are read; what a beacon node answers on its API is untouched. Should the pinned
// version ever change, a line that is no longer found is an error and not a silent no-op.
const changes = [
  ["/beacon-node/lib/network/peers/score.js", [
    ["function scoreToState(score) {", "function scoreToState(score) {\n    return ScoreState.Healthy;"],
  ]],
  ["/beacon-node/lib/network/peers/peerManager.js", [
    ["const STATUS_INTERVAL_MS = 5 * 60 * 1000;", "const STATUS_INTERVAL_MS = 6 * 1000;"],
    ["const CHECK_PING_STATUS_INTERVAL = 10 * 1000;", "const CHECK_PING_STATUS_INTERVAL = 2 * 1000;"],
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
