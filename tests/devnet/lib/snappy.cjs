// The part of the native module "snappy" that snappy-stream uses, on top of the JavaScript one.
"use strict";
const { compress, uncompress } = require("snappyjs");

function later(work, done) {
  let result;
  try {
    result = work();
  } catch (error) {
    process.nextTick(done, error);
    return;
  }
  process.nextTick(done, null, result);
}

exports.compressSync = (bytes) => compress(bytes);
exports.compress = (bytes, done) => later(() => compress(bytes), done);
exports.uncompress = (bytes, _options, done) => later(() => uncompress(bytes), done);
