// Loaded with `node --import` before Lodestar, to make the pinned version run on today's Node without any compiler.
import Module, { register } from "node:module";
import { fileURLToPath } from "node:url";
import { isMainThread } from "node:worker_threads";

// A dependency of a dependency wants this; Node 20 does not have it yet.
Promise.withResolvers ??= function withResolvers() {
  let resolve, reject;
  const promise = new this((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
};

// The native module "snappy" would have to be compiled. Only snappy-stream needs it.
const pure = fileURLToPath(new URL("./snappy.cjs", import.meta.url));
const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function resolve(request, parent, ...rest) {
  if (request === "snappy" && parent?.filename?.includes("snappy-stream")) return pure;
  return resolveFilename.call(this, request, parent, ...rest);
};

if (isMainThread && process.env.DEVNET_ROLE === "bn") register("./peering.mjs", import.meta.url);
