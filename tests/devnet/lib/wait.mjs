// Waiting on facts, and the little HTTP that facts are asked with.
//
// Node's own http is used and not fetch: a node that was stopped accepts connections and never answers, so every
// request has one hard limit from start to last byte and its own connection, which nothing can poison for the next.
import http from "node:http";

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** One exchange; resolves with {status, headers, body}, rejects on a connection error or after `limit` ms in all. */
export function ask(method, url, { body, limit = 3000, accept = "application/json" } = {}) {
  return new Promise((resolve, reject) => {
    const headers = { accept, ...(body === undefined ? {} : { "content-type": "application/json" }) };
    const request = http.request(url, { method, agent: false, headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        clearTimeout(timer);
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts).toString("utf8") });
      });
    });
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${limit} ms: ${url}`)), limit);
    request.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    request.end(body);
  });
}

/** The JSON body of a GET; anything but 200 is an error that says what came. */
export async function read(url, limit) {
  const answer = await ask("GET", url, { limit });
  if (answer.status !== 200) throw new Error(`${answer.status} ${url} ${answer.body.slice(0, 200)}`);
  return JSON.parse(answer.body);
}

/** The JSON body of a GET, or null for 404. */
export async function readIfThere(url, limit) {
  const answer = await ask("GET", url, { limit });
  if (answer.status === 404) return null;
  if (answer.status !== 200) throw new Error(`${answer.status} ${url} ${answer.body.slice(0, 200)}`);
  return JSON.parse(answer.body);
}

/** A fact that can never come true any more, for instance because the process that must show it is dead. */
export class Hopeless extends Error {}

/** Asks `fact` until it gives something true; failures count as "not yet", except `Hopeless`. */
export async function until(what, fact, { limit = 60_000, every = 150 } = {}) {
  const end = Date.now() + limit;
  let last = "";
  while (Date.now() < end) {
    try {
      const found = await fact();
      if (found) return found;
      last = "";
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      last = `; last answer: ${error.message}`;
    }
    await sleep(every);
  }
  throw new Error(`gave up after ${limit / 1000} s waiting for ${what}${last}`);
}
