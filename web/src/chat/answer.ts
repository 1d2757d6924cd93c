// One answer as it streams in: what the chunks say is put into the message that is shown.
import { request } from "../api";
import { decisionOf, takeChunk } from "./chunk";
import { events } from "./event_stream";
import { asRequest, whatWasSaid, type Message } from "./message";

export async function stream(model: string, before: Message[], answer: Message, changed: () => void, stop: AbortSignal) {
  const begun = performance.now();
  const ask = (said: Message[]) =>
    request("/v1/chat/completions", {
      method: "POST",
      signal: stop,
      body: JSON.stringify({ model, messages: said.map(asRequest), stream: true, stream_options: { include_usage: true } }),
    });
  const reply = await ask(whatWasSaid(before, model)).catch((error: unknown) => {
    // Who answers for a model whose server is lost may read text alone.
    if (before.at(-1)?.attachments?.length || !String(error).includes("reads text alone")) throw error;
    return ask(whatWasSaid(before, model, false));
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
