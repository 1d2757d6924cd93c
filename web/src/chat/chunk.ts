// What one chunk of a streamed answer says, put into the message. Pure but for what it is given.
import type { Decision, Message, Seam, Step } from "./message";

interface Chunk {
  model?: string;
  choices?: { delta?: { content?: string | null; reasoning_content?: string | null }; finish_reason?: string | null }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
  timings?: { predicted_per_second?: number };
  error?: { message?: string } | string;
  sarai_failover?: Seam;
  sarai_route?: Partial<Pick<Decision, "model" | "backend" | "endpoint" | "reason" | "fallback">>; // in place of headers that left with a heartbeat
  sarai_pipeline?: { name: string; steps?: Step[] };
}

export function decisionOf(asked: string, headers: Headers, at: number): Decision {
  const header = (name: string) => headers.get(`x-sarai-${name}`) ?? "";
  return {
    asked, at, model: header("model") || asked, backend: header("backend"), endpoint: header("endpoint"), reason: header("reason"), fallback: header("fallback") !== "", route: header("route"), pipeline: header("pipeline"),
    steps: [], seams: [], firstMs: null, totalMs: 0, tokens: 0, promptTokens: 0, rate: null, finish: "",
  };
}

// Takes one chunk that came `now` ms after the request was sent. Throws what the server says of a failure.
export function takeChunk(answer: Message, decision: Decision, data: string, now: number) {
  if (data === "[DONE]") return;
  const chunk = JSON.parse(data) as Chunk;
  if (chunk.error) throw new Error(typeof chunk.error === "string" ? chunk.error : (chunk.error.message ?? "error"));
  if (chunk.sarai_route) Object.assign(decision, chunk.sarai_route);
  if (chunk.sarai_failover) decision.seams.push(chunk.sarai_failover);
  if (Array.isArray(chunk.sarai_pipeline?.steps)) decision.steps = chunk.sarai_pipeline.steps;
  const choice = chunk.choices?.[0];
  const text = choice?.delta?.content ?? "";
  const thought = choice?.delta?.reasoning_content ?? "";
  if (text || thought) {
    decision.firstMs ??= now;
    decision.tokens += 1;
    answer.text += text;
    if (thought) answer.thought = (answer.thought ?? "") + thought;
  }
  if (choice?.finish_reason) decision.finish = choice.finish_reason;
  if (chunk.usage?.completion_tokens) decision.tokens = chunk.usage.completion_tokens;
  if (chunk.usage?.prompt_tokens) decision.promptTokens = chunk.usage.prompt_tokens;
  decision.totalMs = now;
  const since = now - (decision.firstMs ?? now);
  // As the server measured it, of the part that the last backend gave; else as the tokens came, several of which may
  // come at once.
  const told = chunk.timings?.predicted_per_second;
  if (told) decision.rate = told;
  else decision.rate = since > 0 && decision.tokens > 1 ? ((decision.tokens - 1) * 1000) / since : null;
}
