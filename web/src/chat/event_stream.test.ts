import { describe, expect, test } from "vitest";
import { EventParser, events } from "./event_stream";

describe("server-sent events", () => {
  const stream = 'data: {"a":1}\n\n: still there\r\n\r\ndata: one\r\ndata: two\r\n\r\nevent: x\ndata:three\n\ndata: [DONE]\n\n';
  const all = ['{"a":1}', "one\ntwo", "three", "[DONE]"];

  test("are the same whatever pieces they come in", () => {
    for (let size = 1; size <= stream.length; size++) {
      const parser = new EventParser();
      const found: string[] = [];
      for (let i = 0; i < stream.length; i += size) found.push(...parser.feed(stream.slice(i, i + size)));
      expect(found).toEqual(all);
    }
  });

  test("keep a character that is cut between two pieces", async () => {
    const bytes = new TextEncoder().encode("data: niño €\n\n");
    const body = new ReadableStream<Uint8Array>({
      start(to) {
        for (const byte of bytes) to.enqueue(new Uint8Array([byte]));
        to.close();
      },
    });
    const found: string[] = [];
    for await (const data of events(body)) found.push(data);
    expect(found).toEqual(["niño €"]);
  });
});
