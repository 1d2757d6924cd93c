// Ollama's Node client, unmodified, against a server: prints a line of JSON for each feature, see report.mjs.
import assert from "node:assert/strict";

import { Ollama } from "ollama";

import { all, base, becomesIdle, feature, key, locked, onceBusy, png, run, throws, versionOf, wait } from "./report.mjs";

const client = new Ollama({ host: base });
const hello = [{ role: "user", content: "Hello" }];
const both = [{ role: "user", content: "both" }];
const short = { num_predict: 8, temperature: 0 };
const tools = [{
  type: "function",
  function: {
    name: "weather",
    description: "The weather in a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
}];
const schema = {
  type: "object",
  properties: { answer: { type: "string", enum: ["yes", "no"] }, count: { type: "integer", enum: [1, 2] } },
  required: ["answer", "count"],
  additionalProperties: false,
};

const chat = (more = {}) => client.chat({ model: "lfm2", messages: hello, options: short, ...more });
const generate = (more = {}) => client.generate({ model: "lfm2", prompt: "Once", options: short, ...more });
const bare = (model) => model.model.replace(/:latest$/, "");
const names = async () => (await client.list()).models.map(bare);
const loaded = async () => Object.fromEntries((await client.ps()).models.map((model) => [bare(model), model]));
const squares = (vector) => vector.reduce((sum, x) => sum + x * x, 0);

// A model of the library.
async function pulled() {
  assert.equal((await client.pull({ model: "shelf/solar" })).status, "success");
  return "shelf/solar";
}

function checkCalls(calls, cities) {
  assert.deepEqual(
    calls.map((call) => [call.function.name, call.function.arguments]), cities.map((city) => ["weather", { city }]));
}

function checkEnd(reply) {
  assert.equal(reply.done, true);
  assert.equal(reply.done_reason, "length");
  assert.equal(reply.eval_count, 8);
  assert.ok(reply.prompt_eval_count > 0 && reply.total_duration > 0, JSON.stringify(reply));
}

feature("models.list", async () => {
  const listed = await names();
  for (const name of ["lfm2", "omni", "embed"]) assert.ok(listed.includes(name), `${name} in ${listed}`);
});

feature("models.one", async () => {
  const shown = await client.show({ model: "lfm2" });
  assert.equal(shown.details.family, "lfm2");
  assert.ok(shown.capabilities.includes("completion"));
  assert.ok(shown.model_info["general.architecture"] === "lfm2" && shown.template, "metadata or template are missing");
});

feature("models.loaded", async () => {
  await chat();
  const row = (await loaded()).lfm2;
  assert.ok(row.size > 0 && Date.parse(row.expires_at) > 0 && row.details.family === "lfm2", JSON.stringify(row));
});

feature("chat", async () => {
  const reply = await chat();
  assert.equal(reply.model, "lfm2");
  assert.equal(reply.message.role, "assistant");
  assert.ok(reply.message.content);
  checkEnd(reply);
});

feature("chat.stream", async () => {
  const lines = await all(await chat({ stream: true }));
  assert.deepEqual(lines.map((line) => line.done), [...Array(lines.length - 1).fill(false), true]);
  checkEnd(lines.at(-1));
  assert.equal(lines.map((line) => line.message.content ?? "").join(""), (await chat()).message.content);
});

feature("chat.turns", async () => {
  const messages = [
    { role: "system", content: "Be brief." }, ...hello, { role: "assistant", content: "Hi." },
    { role: "user", content: "How are you?" },
  ];
  assert.ok((await chat({ messages })).prompt_eval_count > (await chat()).prompt_eval_count);
});

feature("chat.seed", async () => {
  const once = async () => (await chat({ options: { seed: 7, temperature: 1, num_predict: 24 } })).message.content;
  assert.equal(await once(), await once());
});

feature("chat.stop", async () => {
  const longer = { num_predict: 24, temperature: 0 };
  const text = (await chat({ options: longer })).message.content;
  const stop = text.slice(8, 10);
  const reply = await chat({ options: { ...longer, stop: [stop] } });
  assert.equal(reply.message.content, text.slice(0, text.indexOf(stop)));
  assert.equal(reply.done_reason, "stop");
});

feature("chat.logprobs", async () => {
  const tokens = (await chat({ logprobs: true, top_logprobs: 2 })).logprobs;
  assert.equal(tokens.length, 8);
  assert.ok(tokens.every((t) => t.logprob <= 0 && t.top_logprobs.length === 2));
});

feature("chat.options", async () => {
  const options = { num_predict: 3, temperature: 0.5, top_k: 5, top_p: 0.9, min_p: 0.1, repeat_penalty: 1.1, num_ctx: 512, seed: 1 };
  assert.equal((await chat({ options })).eval_count, 3);
});

feature("keep_alive.load", async () => {
  assert.equal((await client.generate({ model: "lfm2", prompt: "", keep_alive: "7m" })).done_reason, "load");
  assert.ok((await loaded()).lfm2, "it is not loaded");
  assert.equal((await client.generate({ model: "lfm2", prompt: "", keep_alive: 0 })).done_reason, "unload");
  await wait(async () => !(await loaded()).lfm2, "it is still loaded");
});

feature("keep_alive.expiry", async () => {
  await chat({ keep_alive: "7m" });
  const left = Date.parse((await loaded()).lfm2.expires_at) - Date.now();
  assert.ok(left > 360_000 && left <= 420_000, `it expires in ${left} ms; expected 7 minutes`);
});

feature("tools", async () => {
  checkCalls((await chat({ model: "caller", tools })).message.tool_calls, ["Paris"]);
});

feature("tools.parallel", async () => {
  checkCalls((await chat({ model: "caller", messages: both, tools })).message.tool_calls, ["Paris", "Rome"]);
});

feature("tools.stream", async () => {
  const lines = await all(await chat({ model: "caller", messages: both, tools, stream: true }));
  checkCalls(lines.flatMap((line) => line.message.tool_calls ?? []), ["Paris", "Rome"]);
});

feature("tools.result", async () => {
  const call = (await chat({ model: "caller", tools })).message;
  const messages = [...hello, call, { role: "tool", tool_name: "weather", content: "sunny" }];
  assert.equal((await chat({ model: "caller", messages, tools })).message.content, "I was told: sunny");
});

feature("json", async () => {
  const reply = await chat({ format: "json", options: { num_predict: 200, temperature: 0 } });
  assert.match(reply.message.content, /^\s*\{/);
  if (reply.done_reason === "stop") JSON.parse(reply.message.content);
});

feature("json.schema", async () => {
  const options = { num_predict: 300 };
  for (const text of [
    (await chat({ format: schema, options })).message.content, (await generate({ format: schema, options })).response,
  ]) {
    const verdict = JSON.parse(text);
    assert.ok(["yes", "no"].includes(verdict.answer) && [1, 2].includes(verdict.count), text);
  }
});

feature("think", async () => {
  const { message } = await chat({ model: "thinker", think: true });
  assert.deepEqual([message.thinking, message.content], ["Two and two. ", "Four."]);
  const lines = await all(await chat({ model: "thinker", think: true, stream: true }));
  assert.equal(lines.map((line) => line.message.thinking ?? "").join(""), "Two and two. ");
  assert.equal(lines.map((line) => line.message.content ?? "").join(""), "Four.");
});

feature("images", async () => {
  const seen = await chat({ model: "omni", messages: [{ role: "user", content: "Hello", images: [new Uint8Array(png())] }] });
  assert.ok(seen.message.content);
  assert.ok(seen.prompt_eval_count > (await chat({ model: "omni" })).prompt_eval_count, "the picture takes no tokens");
  assert.ok((await generate({ model: "omni", images: [png().toString("base64")] })).response);
});

feature("completion", async () => {
  const reply = await generate();
  assert.ok(reply.response);
  checkEnd(reply);
});

feature("completion.stream", async () => {
  const lines = await all(await generate({ stream: true }));
  assert.equal(lines.map((line) => line.response ?? "").join(""), (await generate()).response);
  checkEnd(lines.at(-1));
});

feature("completion.system", async () => {
  assert.ok((await generate({ system: "Be brief." })).prompt_eval_count > (await generate()).prompt_eval_count);
});

feature("completion.raw", async () => {
  assert.ok((await generate({ raw: true })).prompt_eval_count < (await generate()).prompt_eval_count, "the template was applied");
});

feature("completion.context", async () => {
  const { context } = await generate();
  assert.ok(Array.isArray(context) && context.every(Number.isInteger), `no tokens: ${context}`);
  const more = (await generate({ context })).prompt_eval_count;
  assert.ok(more > (await generate()).prompt_eval_count, "the context was not read");
});

feature("completion.suffix", async () => {
  assert.ok((await generate({ model: "omni", suffix: "end" })).response);
});

feature("embeddings", async () => {
  const reply = await client.embed({ model: "embed", input: "one" });
  assert.equal(reply.embeddings.length, 1);
  assert.ok(Math.abs(squares(reply.embeddings[0]) - 1) < 1e-3, "the vector is not of length 1");
});

feature("embeddings.list", async () => {
  const { embeddings } = await client.embed({ model: "embed", input: ["one", "two", "three"] });
  assert.equal(embeddings.length, 3);
  assert.notDeepEqual(embeddings[0], embeddings[1]);
});

feature("embeddings.dimensions", async () => {
  const [vector] = (await client.embed({ model: "embed", input: "one", dimensions: 16 })).embeddings;
  assert.equal(vector.length, 16);
  assert.ok(Math.abs(squares(vector) - 1) < 1e-3, "the shorter vector is not of length 1");
});

feature("embeddings.legacy", async () => {
  const { embedding } = await client.embeddings({ model: "embed", prompt: "one" });
  assert.equal(embedding.length, (await client.embed({ model: "embed", input: "one" })).embeddings[0].length);
});

feature("library.create", async () => {
  const from = await pulled();
  const request = { model: "made", from, system: "Be brief.", parameters: { num_predict: 3 }, stream: true };
  const lines = await all(await client.create(request));
  assert.equal(lines.at(-1).status, "success");
  assert.ok((await names()).includes("made"), "it is not listed");
  assert.equal((await chat({ model: "made", options: {} })).eval_count, 3);
  await client.delete({ model: "made" });
});

feature("library.configured", async () => {
  const made = await client.create({ model: "made", from: "lfm2", system: "Be brief.", parameters: { num_predict: 3 } });
  assert.equal(made.status, "success");
  assert.equal((await client.chat({ model: "made", messages: [{ role: "user", content: "Hi" }] })).eval_count, 3);
  await client.delete({ model: "made" });
});

feature("library.copy", async () => {
  await client.copy({ source: await pulled(), destination: "second" });
  assert.ok((await names()).includes("second"), "it is not listed");
  assert.equal((await chat({ model: "second" })).eval_count, 8);
  await client.delete({ model: "second" });
  await throws("ResponseError", () => client.copy({ source: "nope", destination: "x" }), 404);
});

feature("library.delete", async () => {
  const model = await pulled();
  await client.delete({ model });
  assert.ok(!(await names()).includes(model), "it is still listed");
  await throws("ResponseError", () => client.delete({ model }), 404);
});

feature("library.pull", async () => {
  const lines = await all(await client.pull({ model: "shelf/solar", stream: true }));
  assert.equal(lines.at(-1).status, "success");
  assert.ok(lines.some((line) => line.total && line.completed), "no progress is told");
  assert.ok((await names()).includes("shelf/solar"), "it is not listed");
  assert.equal((await chat({ model: "shelf/solar" })).eval_count, 8);
  await client.delete({ model: "shelf/solar" });
});

feature("errors.model", async () => {
  const error = await throws("ResponseError", () => chat({ model: "nope" }), 404);
  assert.match(error.message, /nope/);
  await throws("ResponseError", () => client.show({ model: "nope" }), 404);
});

feature("errors.parameter", async () => {
  await throws("ResponseError", () => chat({ keep_alive: "10" }), 400);
  await throws("ResponseError", () => chat({ options: { ...short, num_predict: "abc" } }));
});

feature("errors.stream", async () => {
  await throws("ResponseError", () => chat({ model: "nope", stream: true }), 404);
  await throws("ResponseError", () => chat({ keep_alive: "10", stream: true }), 400);
});

feature("errors.key", async () => {
  await throws("ResponseError", () => new Ollama({ host: locked }).list(), 401);
  await new Ollama({ host: locked, headers: { Authorization: "Bearer " + key } }).list();
});

feature("errors.limit", () => throws("ResponseError", () => chat({ model: "limited" }), 429));

feature("errors.lost", () => throws("ResponseError", () => chat({ model: "lost" }), 503));

feature("abort", async () => {
  for (const model of ["slow", "long"]) {
    const stream = await chat({ model, stream: true, options: { num_predict: 100000 } });
    await throws("AbortError", async () => {
      // What the client has already is still given out.
      let left = false;
      for await (const _ of stream) {
        if (!left) await onceBusy(() => stream.abort());
        left = true;
      }
    });
    await becomesIdle();
  }
});

await run("node_ollama", versionOf("ollama"));
