// One answer as it streams in: what the chunks say is put into the message that is shown.
import { request } from "../api";
import { decisionOf, takeChunk } from "./chunk";
import { events } from "./event_stream";
import { asRequest, whatWasSaid, type Message } from "./message";

export async function stream(model: string, before: Message[], answer: Message, changed: () => void, stop: AbortSignal) {
  const begun = performance.now();
  const messages = whatWasSaid(before, model).map(asRequest);
  const reply = await request("/v1/chat/completions", {
    method: "POST",
    signal: stop,
    body: JSON.stringify({ model, messages, stream: true, stream_options: { include_usage: true } }),
  });
  const decision = decisionOf(model, reply.headers, Date.now());
  answer.decision = decision;
  let done = false;
  for await (const data of events(reply.body!)) {
    takeChunk(answer, decision, data, performance.now() - begun);
    done = data === "[DONE]";
    changed();
  }
  if (!done) throw new Error("the answer broke off");
}
