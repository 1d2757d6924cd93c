// Runs the checks of a Node client, each within a time limit, and prints a line of JSON for each.
import assert from "node:assert/strict";
import fs from "node:fs";
import zlib from "node:zlib";

const limit = 60_000; // ms, for hangs, not a measurement

// A server, and one that wants the key below.
export const [base, locked] = process.argv.slice(2);
export const key = "sk-conformance";

const checks = [];

// Marks a function as the check of this feature; it fails by throwing.
export function feature(name, check) {
  checks.push([name, check]);
}

// The error of just this kind that the call ends with.
export async function throws(kind, call, status) {
  let error;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error !== undefined, `nothing was thrown; expected ${kind.name ?? kind}`);
  const name = error.constructor.name === "Error" ? error.name : error.constructor.name;
  if (typeof kind === "string") assert.equal(error.name, kind, `${name} was thrown (${error.message})`);
  else assert.equal(error.constructor, kind, `${name} was thrown (${error.message}); expected ${kind.name}`);
  if (status !== undefined) assert.equal(error.status ?? error.status_code, status, error.message);
  return error;
}

export async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

// Requests that local workers and upstreams are answering.
async function inFlight() {
  const status = await (await fetch(base + "/sarai/status")).json();
  return [...status.models, ...status.endpoints].reduce((sum, row) => sum + (row.in_flight ?? 0), 0);
}

export async function wait(condition, complaint) {
  const end = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(complaint);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const becomesBusy = () => wait(async () => (await inFlight()) > 0, "the server does not work on the request");

// Acts also where it never becomes busy; whoever waits for the act's effect will see that.
export const onceBusy = (act) => becomesBusy().then(act, act);

// Well before the answer would have ended by itself.
export const becomesIdle = () =>
  wait(async () => (await inFlight()) === 0, "the server still works on a request that its client has left");

// A red square, made here so that no picture needs to be kept.
export function png(size = 32) {
  const part = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length);
    body.copy(out, 4);
    out.writeUInt32BE(zlib.crc32(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(3 * size, Buffer.from([255, 0, 0]))]);
  const rows = zlib.deflateSync(Buffer.concat(Array(size).fill(row)));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, part("IHDR", head), part("IDAT", rows), part("IEND", Buffer.alloc(0))]);
}

// Of an installed client, read from its package.
export function versionOf(name) {
  return JSON.parse(fs.readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
}

export async function run(client, version) {
  // Standard output is for results; clients write remarks there.
  console.log = console.error;
  for (const [name, check] of checks) {
    let ok = true;
    let detail = "";
    let timer;
    try {
      const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`not done after ${limit / 1000} s`)), limit);
      });
      await Promise.race([check(), late]);
    } catch (error) {
      ok = false;
      detail = `${error.constructor.name}: ${error.message}`.replaceAll(/\u001b\[\d+m/g, "").replaceAll(/\s+/g, " ").slice(0, 600);
    } finally {
      clearTimeout(timer);
    }
    process.stdout.write(JSON.stringify({ client, version, feature: name, ok, detail }) + "\n");
  }
  process.exit(0);
}
