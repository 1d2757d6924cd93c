// OpenAI's Node client, unmodified, against a server: prints a line of JSON for each feature, see report.mjs.
import assert from "node:assert/strict";

import OpenAI from "openai";

import { all, base, becomesBusy, becomesIdle, feature, key, locked, onceBusy, png, run, throws, versionOf } from "./report.mjs";

const client = new OpenAI({ baseURL: base + "/v1", apiKey: "none", maxRetries: 0 });
const hello = [{ role: "user", content: "Hello" }];
const weather = {
  name: "weather",
  description: "The weather in a city.",
  strict: true,
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false },
};
const tools = [{ type: "function", function: weather }];
const schema = {
  type: "object",
  properties: { answer: { type: "string", enum: ["yes", "no"] }, count: { type: "integer", enum: [1, 2] } },
  required: ["answer", "count"],
  additionalProperties: false,
};
const verdictFormat = { type: "json_schema", json_schema: { name: "verdict", schema, strict: true } };

const chat = (more = {}, options = {}) =>
  client.chat.completions.create({ model: "lfm2", messages: hello, max_tokens: 8, temperature: 0, ...more }, options);
const complete = (more = {}) =>
  client.completions.create({ model: "lfm2", prompt: "Once", max_tokens: 8, temperature: 0, ...more });

function checkCalls(calls, cities) {
  assert.deepEqual(calls.map((call) => call.function.name), cities.map(() => "weather"));
  assert.deepEqual(calls.map((call) => JSON.parse(call.function.arguments).city), cities);
  assert.equal(new Set(calls.map((call) => call.id).filter(Boolean)).size, cities.length, "ids of the calls");
}

function checkVerdict(verdict) {
  assert.ok(["yes", "no"].includes(verdict.answer) && [1, 2].includes(verdict.count), JSON.stringify(verdict));
}

feature("models.list", async () => {
  const models = await all(client.models.list());
  for (const name of ["lfm2", "omni", "embed"]) assert.ok(models.some((m) => m.id === name && m.object === "model"), name);
});

feature("models.one", async () => {
  assert.equal((await client.models.retrieve("omni")).id, "omni");
});

feature("chat", async () => {
  const reply = await chat();
  assert.equal(reply.object, "chat.completion");
  assert.equal(reply.model, "lfm2");
  assert.equal(reply.choices[0].message.role, "assistant");
  assert.equal(reply.choices[0].finish_reason, "length");
  assert.ok(reply.choices[0].message.content);
  assert.equal(reply.usage.completion_tokens, 8);
});

feature("chat.stream", async () => {
  const chunks = await all(await chat({ stream: true, stream_options: { include_usage: true } }));
  assert.equal(new Set(chunks.map((c) => c.id)).size, 1, "ids");
  assert.equal(chunks[0].choices[0].delta.role, "assistant");
  const last = chunks.pop();
  assert.deepEqual(last.choices, [], "the last chunk tells the usage");
  assert.equal(last.usage.completion_tokens, 8);
  assert.deepEqual(chunks.map((c) => c.choices[0].finish_reason).filter(Boolean), ["length"]);
  assert.equal(chunks.at(-1).choices[0].finish_reason, "length");
  const text = chunks.map((c) => c.choices[0].delta.content ?? "").join("");
  assert.equal(text, (await chat()).choices[0].message.content);
});

feature("chat.helper", async () => {
  let text = "";
  const stream = client.chat.completions.stream({ model: "lfm2", messages: hello, max_tokens: 8, temperature: 0 });
  stream.on("content", (delta) => (text += delta));
  assert.equal((await stream.finalChatCompletion()).choices[0].message.content, text);
  assert.equal((await chat()).choices[0].message.content, text);
});

feature("chat.turns", async () => {
  const messages = [
    { role: "system", content: "Be brief." },
    ...hello,
    { role: "assistant", content: "Hi." },
    { role: "user", content: [{ type: "text", text: "How are you?" }] },
  ];
  assert.ok((await chat({ messages })).usage.prompt_tokens > (await chat()).usage.prompt_tokens);
});

feature("chat.seed", async () => {
  const once = async () => (await chat({ temperature: 1, seed: 7, max_tokens: 24 })).choices[0].message.content;
  assert.equal(await once(), await once());
});

feature("chat.stop", async () => {
  const text = (await chat({ max_tokens: 24 })).choices[0].message.content;
  const stop = text.slice(8, 10);
  const reply = (await chat({ max_tokens: 24, stop: [stop] })).choices[0];
  assert.equal(reply.message.content, text.slice(0, text.indexOf(stop)));
  assert.equal(reply.finish_reason, "stop");
});

feature("chat.n", async () => {
  const reply = await chat({ n: 2, temperature: 1 });
  assert.deepEqual(reply.choices.map((c) => c.index).sort(), [0, 1]);
});

feature("chat.logprobs", async () => {
  const tokens = (await chat({ logprobs: true, top_logprobs: 2 })).choices[0].logprobs.content;
  assert.equal(tokens.length, 8);
  assert.ok(tokens.every((t) => t.logprob <= 0 && t.top_logprobs.length === 2));
});

feature("tools", async () => {
  const reply = (await chat({ model: "caller", tools, tool_choice: "required" })).choices[0];
  assert.equal(reply.finish_reason, "tool_calls");
  checkCalls(reply.message.tool_calls, ["Paris"]);
});

feature("tools.parallel", async () => {
  const reply = await chat({ model: "caller", messages: [{ role: "user", content: "both" }], tools, parallel_tool_calls: true });
  checkCalls(reply.choices[0].message.tool_calls, ["Paris", "Rome"]);
});

feature("tools.stream", async () => {
  const stream = client.chat.completions.stream({ model: "caller", messages: [{ role: "user", content: "both" }], tools });
  const done = [];
  stream.on("tool_calls.function.arguments.done", (event) => done.push(event.parsed_arguments));
  const reply = (await stream.finalChatCompletion()).choices[0];
  assert.deepEqual(done, [{ city: "Paris" }, { city: "Rome" }]);
  assert.equal(reply.finish_reason, "tool_calls");
  checkCalls(reply.message.tool_calls, ["Paris", "Rome"]);
});

feature("tools.result", async () => {
  const call = (await chat({ model: "caller", tools })).choices[0].message;
  const messages = [...hello, call, { role: "tool", tool_call_id: call.tool_calls[0].id, content: "sunny" }];
  assert.equal((await chat({ model: "caller", messages, tools })).choices[0].message.content, "I was told: sunny");
});

feature("json", async () => {
  const reply = (await chat({ response_format: { type: "json_object" }, max_tokens: 200 })).choices[0];
  assert.match(reply.message.content, /^\s*\{/);
  if (reply.finish_reason === "stop") JSON.parse(reply.message.content);
});

feature("json.schema", async () => {
  const reply = await chat({ response_format: verdictFormat, max_tokens: 300 });
  checkVerdict(JSON.parse(reply.choices[0].message.content));
});

feature("json.parse", async () => {
  const reply = await client.chat.completions.parse({
    model: "lfm2", messages: hello, max_tokens: 300, response_format: verdictFormat,
  });
  checkVerdict(reply.choices[0].message.parsed);
});

feature("images", async () => {
  const url = "data:image/png;base64," + png().toString("base64");
  const content = [{ type: "text", text: "Hello" }, { type: "image_url", image_url: { url } }];
  const seen = await chat({ model: "omni", messages: [{ role: "user", content }] });
  assert.ok(seen.choices[0].message.content);
  assert.ok(seen.usage.prompt_tokens > (await chat({ model: "omni" })).usage.prompt_tokens, "the picture takes no tokens");
});

feature("completion", async () => {
  const reply = await complete();
  assert.equal(reply.object, "text_completion");
  assert.ok(reply.choices[0].text);
  assert.equal(reply.choices[0].finish_reason, "length");
  assert.equal(reply.usage.completion_tokens, 8);
});

feature("completion.stream", async () => {
  const chunks = await all(await complete({ stream: true }));
  const text = chunks.map((c) => c.choices[0]?.text ?? "").join("");
  assert.equal(text, (await complete()).choices[0].text);
  assert.equal(chunks.at(-1).choices[0].finish_reason, "length");
});

feature("completion.echo", async () => {
  assert.equal((await complete({ echo: true })).choices[0].text, "Once" + (await complete()).choices[0].text);
});

feature("completion.suffix", async () => {
  assert.ok((await complete({ model: "omni", suffix: "end" })).choices[0].text);
});

feature("embeddings", async () => {
  // The client asks for base64 and decodes it.
  const given = (await client.embeddings.create({ model: "embed", input: "one" })).data[0].embedding;
  const floats = await client.embeddings.create({ model: "embed", input: "one", encoding_format: "float" });
  const expected = floats.data[0].embedding;
  assert.equal(given.length, expected.length);
  assert.ok(given.every((x, i) => Math.abs(x - expected[i]) < 1e-6), "base64 and floats differ");
});

feature("embeddings.list", async () => {
  const { data } = await client.embeddings.create({ model: "embed", input: ["one", "two", "three"] });
  assert.deepEqual(data.map((d) => d.index), [0, 1, 2]);
  assert.notDeepEqual(data[0].embedding, data[1].embedding);
});

feature("embeddings.dimensions", async () => {
  const vector = (await client.embeddings.create({ model: "embed", input: "one", dimensions: 16 })).data[0].embedding;
  assert.equal(vector.length, 16);
  assert.ok(Math.abs(vector.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-3, "the shorter vector is not of length 1");
});

feature("responses", async () => {
  const reply = await client.responses.create({
    model: "lfm2", input: "Hello", instructions: "Be brief.", max_output_tokens: 8, temperature: 0,
  });
  assert.equal(reply.object, "response");
  assert.ok(reply.output_text);
  assert.equal(reply.status, "incomplete");
  assert.equal(reply.incomplete_details.reason, "max_output_tokens");
  assert.equal(reply.usage.output_tokens, 8);
});

feature("responses.stream", async () => {
  const stream = client.responses.stream({ model: "lfm2", input: "Hello", max_output_tokens: 8, temperature: 0 });
  const events = await all(stream);
  const kinds = events.map((event) => event.type);
  assert.deepEqual(kinds.slice(0, 2), ["response.created", "response.in_progress"]);
  assert.equal(kinds.at(-1), "response.incomplete");
  const text = events.filter((e) => e.type === "response.output_text.delta").map((e) => e.delta).join("");
  assert.equal(text, (await stream.finalResponse()).output_text);
});

feature("responses.previous", async () => {
  const first = await client.responses.create({ model: "lfm2", input: "Hello", max_output_tokens: 8 });
  const second = await client.responses.create({
    model: "lfm2", input: "And?", max_output_tokens: 8, previous_response_id: first.id,
  });
  assert.equal(second.previous_response_id, first.id);
  assert.ok(second.usage.input_tokens > first.usage.input_tokens, "the earlier turn was not read");
});

feature("responses.stored", async () => {
  const made = await client.responses.create({ model: "lfm2", input: "Hello", max_output_tokens: 8 });
  assert.equal((await client.responses.retrieve(made.id)).output_text, made.output_text);
  assert.deepEqual((await all(client.responses.inputItems.list(made.id))).map((item) => item.role), ["user"]);
  await client.responses.delete(made.id);
  await throws(OpenAI.NotFoundError, () => client.responses.retrieve(made.id));
});

feature("responses.tools", async () => {
  const offered = [{ type: "function", ...weather }];
  const first = await client.responses.create({ model: "caller", input: "The weather?", tools: offered });
  const calls = first.output.filter((item) => item.type === "function_call");
  assert.deepEqual(calls.map((c) => [c.name, JSON.parse(c.arguments)]), [["weather", { city: "Paris" }]]);
  const second = await client.responses.create({
    model: "caller", tools: offered, previous_response_id: first.id,
    input: [{ type: "function_call_output", call_id: calls[0].call_id, output: "sunny" }],
  });
  assert.equal(second.output_text, "I was told: sunny");
});

feature("responses.schema", async () => {
  const reply = await client.responses.parse({
    model: "lfm2", input: "Hello", max_output_tokens: 300,
    text: { format: { type: "json_schema", name: "verdict", schema, strict: true } },
  });
  checkVerdict(reply.output_parsed);
});

feature("errors.model", async () => {
  const error = await throws(OpenAI.NotFoundError, () => chat({ model: "nope" }), 404);
  assert.equal(error.code, "model_not_found");
  await throws(OpenAI.NotFoundError, () => client.models.retrieve("nope"));
});

feature("errors.parameter", async () => {
  const error = await throws(OpenAI.BadRequestError, () => chat({ temperature: 9 }), 400);
  assert.equal(error.param, "temperature");
  await throws(OpenAI.BadRequestError, () => chat({ messages: [] }));
});

feature("errors.stream", async () => {
  await throws(OpenAI.NotFoundError, () => chat({ model: "nope", stream: true }));
  await throws(OpenAI.BadRequestError, () => chat({ temperature: 9, stream: true }));
});

feature("errors.key", async () => {
  const wrong = new OpenAI({ baseURL: locked + "/v1", apiKey: "wrong", maxRetries: 0 });
  await throws(OpenAI.AuthenticationError, () => wrong.models.list(), 401);
  await wrong.withOptions({ apiKey: key }).models.list();
});

feature("errors.limit", () => throws(OpenAI.RateLimitError, () => chat({ model: "limited" }), 429));

feature("errors.lost", () => throws(OpenAI.InternalServerError, () => chat({ model: "lost" }), 503));

feature("timeout", async () => {
  for (const model of ["slow", "long"]) {
    await throws(OpenAI.APIConnectionTimeoutError, () => chat({ model, max_tokens: 100000 }, { timeout: 1000 }));
    await becomesIdle();
  }
});

feature("abort", async () => {
  for (const model of ["slow", "long"]) {
    for await (const _ of await chat({ model, max_tokens: 100000, stream: true })) {
      await becomesBusy();
      break; // the client aborts the request
    }
    await becomesIdle();
    const controller = new AbortController();
    const left = chat({ model, max_tokens: 100000 }, { signal: controller.signal });
    onceBusy(() => controller.abort());
    await throws(OpenAI.APIUserAbortError, () => left);
    await becomesIdle();
  }
});

await run("node_openai", versionOf("openai"));
