// Server-sent events out of bytes that come in any pieces: the text of each event's data.
export class EventParser {
  private rest = "";
  private data: string[] = [];

  feed(text: string): string[] {
    const found: string[] = [];
    this.rest += text;
    for (;;) {
      const end = this.rest.search(/\r\n|\n|\r(?!$)/); // a CR at the very end may be half of a CRLF
      if (end < 0) return found;
      const line = this.rest.slice(0, end);
      this.rest = this.rest.slice(end + (this.rest.startsWith("\r\n", end) ? 2 : 1));
      if (line === "") {
        if (this.data.length > 0) found.push(this.data.join("\n"));
        this.data = [];
      } else if (line.startsWith("data:")) {
        this.data.push(line.slice(line[5] === " " ? 6 : 5));
      }
    }
  }
}

export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const parser = new EventParser();
  const text = new TextDecoder(); // keeps the bytes of a character that is not complete
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.feed(text.decode(value, { stream: true }));
    }
  } finally {
    reader.releaseLock();
  }
}
