import { describe, expect, test } from "vitest";
import { decisionOf, takeChunk } from "./chunk";
import { asMarkdown, asRequest, whatWasSaid, type Message } from "./message";

const begin = (): [Message, ReturnType<typeof decisionOf>] => [
  { id: "m", role: "assistant", text: "" },
  decisionOf("auto", new Headers({ "x-sarai-model": "lfm2", "x-sarai-endpoint": "local", "x-sarai-reason": "soft 0.9" }), 0),
];
const chunk = (content: string, more: object = {}) => JSON.stringify({ choices: [{ delta: { content } }], ...more });

describe("an answer", () => {
  test("gathers its text and its times", () => {
    const [answer, decision] = begin();
    takeChunk(answer, decision, chunk("Hel"), 100);
    takeChunk(answer, decision, chunk("lo"), 200);
    takeChunk(answer, decision, chunk("!"), 300);
    expect(answer.text).toBe("Hello!");
    expect(decision).toMatchObject({ asked: "auto", model: "lfm2", firstMs: 100, tokens: 3, rate: 10 });
  });

  test("takes the count of tokens that the server tells", () => {
    const [answer, decision] = begin();
    takeChunk(answer, decision, chunk("all at once"), 100);
    takeChunk(answer, decision, JSON.stringify({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 5 } }), 100);
    expect(decision).toMatchObject({ tokens: 5, promptTokens: 7, rate: null });
  });

  test("is as fast as the server says, where it does", () => {
    const [answer, decision] = begin();
    takeChunk(answer, decision, chunk("a"), 100);
    takeChunk(answer, decision, chunk("b"), 101);
    expect(decision.rate).toBe(1000);
    takeChunk(answer, decision, JSON.stringify({ choices: [], timings: { predicted_per_second: 12.5 } }), 101);
    takeChunk(answer, decision, "[DONE]", 102);
    expect(decision.rate).toBe(12.5);
  });

  test("notes where it changed hands, and its steps", () => {
    const [answer, decision] = begin();
    takeChunk(answer, decision, chunk("b", { sarai_failover: { from: "lan:1", to: "local", model: "solar", tokens: 3, exact: true, reason: "gone" } }), 1);
    takeChunk(answer, decision, chunk("c", { sarai_pipeline: { name: "p", steps: [{ name: "look" }] } }), 1);
    expect(decision.seams).toHaveLength(1);
    expect(decision.steps).toEqual([{ name: "look" }]);
  });

  test("tells who gives it where the headers had left before anybody did", () => {
    const [answer, decision] = begin();
    takeChunk(answer, decision, chunk("a", { sarai_route: { model: "solar", backend: "gguf_native", endpoint: "local", reason: "box is down", fallback: true } }), 1);
    expect(decision).toMatchObject({ model: "solar", backend: "gguf_native", reason: "box is down", fallback: true });
    expect(decisionOf("solar", new Headers({ "x-sarai-fallback": "true" }), 0).fallback).toBe(true);
    expect(decisionOf("solar", new Headers(), 0).fallback).toBe(false);
  });

  test("that fails on its way says why", () => {
    const [answer, decision] = begin();
    expect(() => takeChunk(answer, decision, JSON.stringify({ error: { message: "no memory" } }), 1)).toThrow("no memory");
  });
});

describe("a message", () => {
  const url = "data:audio/wav;base64,QUJD";
  test("brings its files as the API takes them", () => {
    const message: Message = { id: "m", role: "user", text: "what?", attachments: [{ kind: "image", name: "a", url: "data:image/png;base64,AA" }, { kind: "audio", name: "b", url }] };
    expect(asRequest(message)).toEqual({
      role: "user",
      content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AA" } }, { type: "input_audio", input_audio: { data: "QUJD", format: "wav" } }, { type: "text", text: "what?" }],
    });
  });

  test("without files is its text", () => {
    expect(asRequest({ id: "m", role: "user", text: "hi" })).toEqual({ role: "user", content: "hi" });
    expect(asMarkdown({ id: "c", title: "", model: "", changed: 0, messages: [{ id: "m", role: "user", text: "hi" }] }, "You")).toBe("### You\n\nhi\n");
  });
});

test("a question that nothing came of is not told again, nor is its answer", () => {
  const said = (role: "user" | "assistant", text: string): Message => ({ id: text, role, text });
  const all = [said("user", "one"), said("assistant", "1"), said("user", "lost"), said("assistant", ""), said("user", "three")];
  expect(whatWasSaid(all, "m").map((m) => m.text)).toEqual(["one", "1", "three"]);
  expect(whatWasSaid([said("user", "first")], "m").map((m) => m.text)).toEqual(["first"]);
});

test("files of earlier questions go to who took some; others are told their names", () => {
  const files = [{ kind: "image" as const, name: "a.png", url: "data:image/png;base64,AA" }];
  const decision = decisionOf("eyes", new Headers(), 0);
  const before: Message[] = [
    { id: "1", role: "user", text: "what?", attachments: files },
    { id: "2", role: "assistant", text: "a cat", decision },
    { id: "3", role: "user", text: "and now?", attachments: files },
  ];
  const counts = (asked: string, messages = before) => whatWasSaid(messages, asked).map((m) => m.attachments?.length ?? 0);
  expect(counts("eyes")).toEqual([1, 0, 1]);
  expect(counts("deaf")).toEqual([0, 0, 1]); // the question's own go along, whatever comes of it
  expect(whatWasSaid(before, "deaf")[0]!.text).toBe("[a.png] what?");
  expect(whatWasSaid(before, "eyes", false).map((m) => m.attachments?.length ?? 0)).toEqual([0, 0, 1]);
  // Who was told the names alone has taken none.
  const told: Message[] = [...before.slice(0, 2), { id: "3", role: "user", text: "so?" }, { id: "4", role: "assistant", text: "so", decision: decisionOf("deaf", new Headers(), 0) }, { id: "5", role: "user", text: "and?" }];
  expect(counts("deaf", told)).toEqual([0, 0, 0, 0, 0]);
});

test("a pipeline without steps is none", () => {
  const decision = decisionOf("m", new Headers(), 0);
  takeChunk({ id: "1", role: "assistant", text: "" }, decision, '{"sarai_pipeline":{"name":"x"}}', 1);
  expect(decision.steps).toEqual([]);
});
