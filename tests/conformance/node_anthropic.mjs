// Anthropic's Node client, unmodified, against a server: prints a line of JSON for each feature, see report.mjs.
import assert from "node:assert/strict";

import Anthropic from "@anthropic-ai/sdk";

import { all, base, becomesBusy, becomesIdle, feature, key, locked, onceBusy, png, run, throws, versionOf } from "./report.mjs";

const client = new Anthropic({ baseURL: base, apiKey: "none", maxRetries: 0 });
const hello = [{ role: "user", content: "Hello" }];
const both = [{ role: "user", content: "both" }];
const tools = [{
  name: "weather",
  description: "The weather in a city.",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
}];

const body = (more) => ({ model: "lfm2", messages: hello, max_tokens: 8, temperature: 0, ...more });
const ask = (more = {}, options = {}) => client.messages.create(body(more), options);
const textOf = (message) => message.content.filter((block) => block.type === "text").map((block) => block.text).join("");
const callsOf = (message) => message.content.filter((block) => block.type === "tool_use");

function checkCalls(message, cities) {
  const calls = callsOf(message);
  assert.deepEqual(calls.map((call) => [call.name, call.input]), cities.map((city) => ["weather", { city }]));
  assert.equal(new Set(calls.map((call) => call.id)).size, cities.length, "ids of the calls");
  assert.equal(message.stop_reason, "tool_use");
}

feature("models.list", async () => {
  const models = (await all(client.models.list())).map((model) => model.id);
  for (const name of ["lfm2", "omni"]) assert.ok(models.includes(name), `${name} in ${models}`);
});

feature("models.one", async () => {
  const model = await client.models.retrieve("omni");
  assert.deepEqual([model.type, model.id, model.display_name], ["model", "omni", "omni"]);
  assert.ok(!Number.isNaN(Date.parse(model.created_at)), model.created_at);
});

feature("chat", async () => {
  const message = await ask();
  assert.deepEqual([message.type, message.role, message.model], ["message", "assistant", "lfm2"]);
  assert.match(message.id, /^msg_/);
  assert.ok(textOf(message));
  assert.equal(message.stop_reason, "max_tokens");
  assert.equal(message.usage.output_tokens, 8);
  assert.ok(message.usage.input_tokens + (message.usage.cache_read_input_tokens ?? 0) > 0, "no tokens of the prompt");
});

feature("chat.stream", async () => {
  const events = await all(await ask({ stream: true }));
  const kinds = events.map((event) => event.type).filter((kind) => kind !== "ping");
  assert.deepEqual(kinds.slice(0, 2), ["message_start", "content_block_start"]);
  assert.deepEqual(kinds.slice(-3), ["content_block_stop", "message_delta", "message_stop"]);
  assert.ok(kinds.slice(2, -3).every((kind) => kind === "content_block_delta"), String(kinds));
  const end = events.find((event) => event.type === "message_delta");
  assert.equal(end.delta.stop_reason, "max_tokens");
  assert.equal(end.usage.output_tokens, 8);
  const text = events.filter((event) => event.type === "content_block_delta").map((event) => event.delta.text).join("");
  assert.equal(text, textOf(await ask()));
});

feature("chat.helper", async () => {
  let text = "";
  const seen = [];
  const stream = client.messages.stream(body());
  stream.on("text", (delta) => (text += delta));
  stream.on("streamEvent", (event) => seen.push(event.type));
  stream.on("contentBlock", (block) => seen.push(block));
  const message = await stream.finalMessage();
  assert.equal(text, textOf(message));
  assert.equal(text, textOf(await ask()));
  assert.equal(message.stop_reason, "max_tokens");
  assert.equal(message.usage.output_tokens, 8);
  assert.ok(seen.includes("message_start") && seen.includes("message_stop"), "events are missing");
});

feature("chat.turns", async () => {
  const length = (message) => message.usage.input_tokens + (message.usage.cache_read_input_tokens ?? 0);
  const messages = [...hello, { role: "assistant", content: "Hi." }, { role: "user", content: [{ type: "text", text: "And you?" }] }];
  const plain = length(await ask());
  const withSystem = length(await ask({ system: "Be brief." }));
  assert.ok(withSystem > plain, "the system prompt was not read");
  const blocks = [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }];
  assert.ok(length(await ask({ system: blocks, messages })) > withSystem, "the earlier turns were not read");
});

feature("chat.stop", async () => {
  const text = textOf(await ask({ max_tokens: 24 }));
  const stop = text.slice(8, 10);
  const message = await ask({ max_tokens: 24, stop_sequences: [stop] });
  assert.equal(textOf(message), text.slice(0, text.indexOf(stop)));
  assert.ok(["stop_sequence", "end_turn"].includes(message.stop_reason), message.stop_reason);
});

feature("tools", async () => {
  checkCalls(await ask({ model: "caller", tools, tool_choice: { type: "any" } }), ["Paris"]);
});

feature("tools.parallel", async () => {
  checkCalls(await ask({ model: "caller", messages: both, tools }), ["Paris", "Rome"]);
});

feature("tools.stream", async () => {
  const pieces = [];
  const stream = client.messages.stream(body({ model: "caller", messages: both, tools }));
  stream.on("inputJson", (delta) => pieces.push(delta));
  checkCalls(await stream.finalMessage(), ["Paris", "Rome"]);
  assert.equal(pieces.join("").replaceAll(" ", ""), '{"city":"Paris"}{"city":"Rome"}');
});

feature("tools.result", async () => {
  const first = await ask({ model: "caller", messages: both, tools });
  const results = callsOf(first).map((call, i) => ({
    type: "tool_result", tool_use_id: call.id, content: i ? "rainy" : [{ type: "text", text: "sunny" }],
  }));
  const messages = [...both, { role: "assistant", content: first.content }, { role: "user", content: results }];
  const message = await ask({ model: "caller", messages, tools });
  assert.equal(textOf(message), "I was told: sunny, rainy");
  assert.equal(message.stop_reason, "end_turn");
});

feature("think", async () => {
  const thinking = { type: "enabled", budget_tokens: 1024 };
  const request = body({ model: "thinker", thinking, max_tokens: 2048, temperature: 1 });
  const message = await client.messages.create(request);
  assert.deepEqual(message.content.map((block) => block.type), ["thinking", "text"]);
  assert.equal(message.content[0].thinking, "Two and two. ");
  let thoughts = "";
  const stream = client.messages.stream(request);
  stream.on("thinking", (delta) => (thoughts += delta));
  assert.equal(textOf(await stream.finalMessage()), "Four.");
  assert.equal(thoughts, "Two and two. ");
  // With thoughts in the history, and without any.
  const messages = [...hello, { role: "assistant", content: message.content }, ...hello];
  assert.equal(textOf(await client.messages.create({ ...request, messages })), "Four.");
  assert.ok(await ask({ thinking: { type: "disabled" } }));
});

feature("images", async () => {
  const source = { type: "base64", media_type: "image/png", data: png().toString("base64") };
  const content = [{ type: "image", source }, { type: "text", text: "Hello" }];
  const seen = await ask({ model: "omni", messages: [{ role: "user", content }] });
  assert.ok(textOf(seen));
  const length = (message) => message.usage.input_tokens + (message.usage.cache_read_input_tokens ?? 0);
  assert.ok(length(seen) > length(await ask({ model: "omni" })), "the picture takes no tokens");
});

feature("count_tokens", async () => {
  const counted = await client.messages.countTokens({ model: "lfm2", messages: hello, system: "Be brief." });
  const { usage } = await ask({ system: "Be brief." });
  assert.equal(counted.input_tokens, usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
});

feature("errors.model", async () => {
  const error = await throws(Anthropic.NotFoundError, () => ask({ model: "nope" }), 404);
  assert.equal(error.error.type, "error");
  assert.equal(error.type, "not_found_error");
  await throws(Anthropic.NotFoundError, () => client.messages.countTokens({ model: "nope", messages: hello }));
});

feature("errors.parameter", async () => {
  const error = await throws(Anthropic.BadRequestError, () => ask({ temperature: 9 }), 400);
  assert.equal(error.type, "invalid_request_error");
  assert.match(error.message, /temperature/);
  await throws(Anthropic.BadRequestError, () => ask({ messages: [] }));
});

feature("errors.stream", async () => {
  await throws(Anthropic.NotFoundError, () => ask({ model: "nope", stream: true }));
  await throws(Anthropic.BadRequestError, () => client.messages.stream(body({ temperature: 9 })).finalMessage());
});

feature("errors.key", async () => {
  const wrong = new Anthropic({ baseURL: locked, apiKey: "wrong", maxRetries: 0 });
  const error = await throws(Anthropic.AuthenticationError, () => wrong.messages.create(body()), 401);
  assert.equal(error.type, "authentication_error");
  await all(wrong.withOptions({ apiKey: key }).models.list());
});

feature("errors.limit", () => throws(Anthropic.RateLimitError, () => ask({ model: "limited" }), 429));

feature("errors.lost", async () => {
  // The client has classes of its own below InternalServerError for some statuses.
  const lost = await ask({ model: "lost" }).then(() => undefined, (error) => error);
  assert.ok(lost instanceof Anthropic.InternalServerError, `${lost?.constructor.name}: ${lost?.message}`);
});

feature("timeout", async () => {
  for (const model of ["slow", "long"]) {
    await throws(Anthropic.APIConnectionTimeoutError, () => ask({ model, max_tokens: 20000 }, { timeout: 1000 }));
    await becomesIdle();
  }
});

feature("abort", async () => {
  for (const model of ["slow", "long"]) {
    const stream = client.messages.stream(body({ model, max_tokens: 20000 }));
    stream.once("text", () => onceBusy(() => stream.abort()));
    await throws(Anthropic.APIUserAbortError, () => stream.finalMessage());
    await becomesIdle();
    for await (const _ of await ask({ model, max_tokens: 20000, stream: true })) {
      await becomesBusy();
      break; // the client aborts the request
    }
    await becomesIdle();
  }
});

await run("node_anthropic", versionOf("@anthropic-ai/sdk"));
