// What the VC's log complains about, by kind: its messages without the numbers, roots and times that differ each time.
//
// Logs prove nothing about duties (count.mjs does that); but a VC that shows its owner an error that one healthy node
// would never have caused has been lied to by the proxy, even if no duty was lost. With one healthy node alone this VC
// logs no error at all after its first epoch, so none is allowed; warnings are shown where only one part has them.
import fs from "node:fs";

const LINE = /^\w{3}-\d\d [\d:.]+\[([^\]]*)\]\s+(error|warn): (.*)$/;

/** The end of the log now: the mark from which the next part is read. */
export function mark(file) {
  return fs.statSync(file).size;
}

/** A message without what varies: key=value pairs, hex, numbers. */
export function kindOf(text) {
  return text
    .replace(/\b[\w()]+=(\[[^\]]*\]|[^\s,]*),?/g, "")
    .replace(/0x[0-9a-f…]+/gi, "0x…")
    .replace(/https?:\/\/\S+/g, "URL")
    .replace(/\d+/g, "N")
    .replace(/\s+/g, " ")
    .trim();
}

/** {error: {kind: times}, warn: {kind: times}} of the log's bytes `from`…`to`. */
export function complaints(file, from, to) {
  const text = fs.readFileSync(file).subarray(from, to).toString("utf8").replace(/\x1b\[\d+m/g, "");
  const found = { error: {}, warn: {} };
  for (const line of text.split("\n")) {
    const match = LINE.exec(line);
    if (!match) continue;
    const [, topic, level, words] = match;
    const kind = kindOf(topic ? `${topic}: ${words}` : words);
    found[level][kind] = (found[level][kind] ?? 0) + 1;
  }
  return found;
}

/** Kinds of `level` in `now` that are not in `before`. */
export function fresh(before, now, level) {
  return Object.keys(now[level]).filter((kind) => !(kind in before[level]));
}
