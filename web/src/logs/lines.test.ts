import { describe, expect, test } from "vitest";
import { isSeam, joined, type Line } from "./lines";

const line = (run: string, id: number): Line => ({ run, id, at: "2026-11-27T10:00:00.000Z", level: "info", text: `${run}${id}` });
const texts = (lines: Line[]) => lines.map((l) => l.text).join(" ");

describe("the log's lines", () => {
  test("come once, though a connection that was lost gives them again", () => {
    const had = [line("a", 1), line("a", 2), line("a", 3)];
    expect(texts(joined(had, [line("a", 2), line("a", 3), line("a", 4)], 100))).toBe("a1 a2 a3 a4");
  });

  test("of a server that has gone stay before those of the next, which counts anew", () => {
    const lines = joined([line("a", 1), line("a", 2), line("a", 3)], [line("b", 1), line("b", 2)], 100);
    expect(texts(lines)).toBe("a1 a2 a3 b1 b2");
    expect(lines.map((l, i) => isSeam(lines[i - 1], l))).toEqual([false, false, false, true, false]);
  });

  test("leave at the old end when there are too many", () => {
    expect(texts(joined([line("a", 1), line("a", 2)], [line("b", 1)], 2))).toBe("a2 b1");
  });
});
