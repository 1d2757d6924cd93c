import { marked, type Tokens } from "marked";
import { describe, expect, test } from "vitest";
import { Blocks, grouped, type Block } from "./blocks";

const text = "# Title\n\nA paragraph\nof two lines.\n\n- one\n- two\n\n```js\nlet a = 1;\n\nlet b = 2;\n```\n\nThe end.";

describe("blocks of a growing text", () => {
  test("are those of the whole text once it is there", () => {
    const growing = new Blocks();
    for (let i = 1; i <= text.length; i++) growing.of(text.slice(0, i));
    expect(growing.of(text).map((b) => b.source.trim())).toEqual(new Blocks().of(text).map((b) => b.source.trim()));
    expect(growing.of(text)).toHaveLength(5);
  });

  test("stay what they are once another follows", () => {
    const blocks = new Blocks();
    const first = blocks.of("one\n\ntwo").map((b) => ({ ...b }));
    const later = blocks.of("one\n\ntwo three\n\nfour");
    expect(later[0]).toEqual(first[0]);
    expect(later).toHaveLength(3);
  });

  test("begin anew with another text", () => {
    const blocks = new Blocks();
    blocks.of("one\n\ntwo");
    expect(blocks.of("other").map((b) => b.source)).toEqual(["other"]);
  });

});

// What is shown of a text that comes in, some lines at a time, and the most that was read of it at once.
function grown(text: string): { blocks: Block[]; most: number } {
  const growing = new Blocks();
  let [most, end, blocks] = [0, 0, [] as Block[]];
  while (end < text.length) {
    for (let i = 0; i < 37 && end < text.length; i++) end = text.indexOf("\n", end) + 1 || text.length;
    const before = growing.lexed;
    blocks = growing.of(text.slice(0, end));
    most = Math.max(most, growing.lexed - before);
  }
  return { blocks, most };
}
const many = (count: number, line: (i: number) => string) => Array.from({ length: count }, (_, i) => line(i)).join("");
const items = (block: Block) => (marked.lexer(block.source)[0] as Tokens.List).items.map((item) => item.text);

describe("a block of thousands of lines", () => {
  const sorts: [string, (lines: number) => string][] = [
    ["a list", (n) => many(n, (i) => `- item ${i}\n`)],
    ["a numbered list with gaps", (n) => many(n / 2, (i) => `${i + 1}. item ${i}\n\n`)],
    ["a list within an item", (n) => "- all\n" + many(n, (i) => `    - item ${i}\n`)],
    ["code", (n) => "```py\n" + many(n, (i) => `line ${i}\n`) + "```\n"],
    ["code in an item", (n) => "1. Do\n\n   ```py\n" + many(n, (i) => `   line ${i}\n`) + "   ```\n"],
    ["a table", (n) => "| a | b |\n|---|---|\n" + many(n, (i) => `| ${i} | x |\n`)],
    ["a quotation", (n) => many(n, (i) => `> line ${i}\n`)],
    ["a paragraph", (n) => many(n, (i) => `line ${i}\n`)],
  ];
  for (const [name, text] of sorts)
    test(`costs no more with each line than one of 400 lines: ${name}`, () => {
      const [long, short] = [grown(text(2000)), grown(text(400))];
      expect(long.most).toBeLessThan(1.5 * short.most);
      expect(long.blocks.length).toBeGreaterThanOrEqual(10);
      expect(Math.max(...long.blocks.map((b) => b.source.split("\n").length))).toBeLessThanOrEqual(201);
      expect(new Set(long.blocks.map((b) => b.key)).size).toBe(long.blocks.length);
      expect(long.blocks.map((b) => !!b.cut)).toEqual([...Array(long.blocks.length - 1).fill(true), false]);
      expect(long.blocks.map((b) => !!b.continues)).toEqual([false, ...Array(long.blocks.length - 1).fill(true)]);
    });

  test("has each of its lines once", () => {
    const told = (text: string, pattern: RegExp) => grown(text).blocks.flatMap((b) => [...b.source.matchAll(pattern)].map((m) => Number(m[1])));
    const all = Array.from({ length: 1000 }, (_, i) => i);
    for (const [name, text] of sorts) {
      if (name !== "a table") expect(told(text(name.endsWith("gaps") ? 2000 : 1000), /(?:item|line) (\d+)$/gm), name).toEqual(all);
      else expect(told(text(1000), /^\| (\d+) /gm), name).toEqual(all);
    }
  });

  test("stays a list, code or a table in each of its pieces", () => {
    const types = (name: string, size: number) => grown(sorts.find((s) => s[0] === name)![1](size)).blocks.map((b) => marked.lexer(b.source)[0]!.type);
    expect(new Set(types("a list within an item", 1000))).toEqual(new Set(["list"]));
    expect(new Set(types("a table", 1000))).toEqual(new Set(["table"]));
    expect(new Set(types("code", 1000))).toEqual(new Set(["code"]));
    expect(types("code in an item", 1000).slice(1)).toEqual(Array(5).fill("code"));
  });

  test("counts on in the pieces of a list, and ends with it", () => {
    const { blocks } = grown("Before:\n\n" + many(500, () => "1. one\n") + "\nAfter.\n\n1. new\n");
    expect(blocks.map((b) => b.from)).toEqual([undefined, 1, 200, 399, undefined, undefined]);
    expect(blocks.slice(1, 4).flatMap(items)).toHaveLength(500);
    expect(blocks[4]!.source).toBe("After.");
  });

  test("goes on after an item that was cut", () => {
    const { blocks } = grown("- first\n" + many(300, (i) => `  - item ${i}\n`) + "- second\n\nThe end.\n");
    expect(blocks.at(-2)!.source.trim()).toBe("- second");
    expect(blocks.at(-1)!.source.trim()).toBe("The end.");
  });

  test("comes in several calls where it is there at once", () => {
    const text = many(1000, (i) => `paragraph ${i}\r\n\r\n`);
    const blocks = new Blocks();
    let [calls, seen] = [0, 0];
    do {
      const now = blocks.of(text, 1).length;
      expect(now - seen).toBeLessThanOrEqual(101);
      [seen, calls] = [now, calls + 1];
    } while (blocks.behind);
    expect(calls).toBeGreaterThanOrEqual(10);
    expect(seen).toBe(1000);
    expect(blocks.of(text)).toEqual(new Blocks().of(text));
  });
});

describe("links that are defined elsewhere", () => {
  const [docs, other] = [{ href: "https://example.com/docs", title: undefined }, { href: "https://example.com/other", title: undefined }];

  test("reach the blocks that name them, and no others", () => {
    const blocks = new Blocks().of("See [the docs][1].\n\n[Plain] and [1][2].\n\n- [The  Docs]\n\nNothing.\n\n[1]: https://example.com/docs\n[the docs]: https://example.com/other\n");
    expect(blocks.map((b) => b.links)).toEqual([{ 1: docs, "the docs": other }, { 1: docs }, { "the docs": other }, undefined]);
  });

  test("are drawn as soon as they are there, and those blocks alone", () => {
    const text = "One.\n\nSee [the docs][1].\n\nThree.\n\n[1]: https://example.com/docs\n\n[1]: https://example.com/other\n\nThe end.";
    const growing = new Blocks();
    const before = growing.of(text.slice(0, text.indexOf("[1]:")));
    let after = before;
    for (let end = text.indexOf("[1]:"); end <= text.length; end++) after = growing.of(text.slice(0, end));
    expect(after.map((b) => b.links)).toEqual([undefined, { 1: docs }, undefined, undefined]);
    expect(after[0]).toBe(before[0]);
  });

  test("are none where what looked like one was none", () => {
    const growing = new Blocks();
    expect(growing.of("[1]\n\n[1]: word")[0]!.links).toBeDefined();
    const blocks = growing.of("[1]\n\n[1]: word and more");
    expect(blocks.map((b) => b.links)).toEqual([undefined, undefined]);
  });
});

test("groups hold all blocks in their order, and stay what they are when more come", () => {
  const blocks = Array.from({ length: 100 }, (_, i) => ({ key: i, source: "x".repeat(10) }));
  const groups = grouped(blocks, 100);
  expect(groups.flat()).toEqual(blocks);
  expect(groups.map((g) => g.length)).toEqual(Array(10).fill(10));
  expect(grouped(blocks.slice(0, 55), 100).slice(0, 5)).toEqual(groups.slice(0, 5));
});

describe("what is nested too deep", () => {
  for (const mark of [">", "- "])
    test(`by "${mark}" is text as it was written`, () => {
      const source = `Hello.\n\n${mark.repeat(5000)}deep\n\nThe end.`;
      const dense = (text: string) => text.replace(/\s/g, "");
      expect(dense(new Blocks().of(source).map((b) => b.source).join(""))).toBe(dense(source));
    });
});
