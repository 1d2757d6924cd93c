import { describe, expect, test } from "vitest";
import { Blocks, grouped } from "./blocks";

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

  test("of a very long code block are several, each with its fence", () => {
    const code = Array.from({ length: 1000 }, (_, i) => `line ${i}`).join("\n");
    const blocks = new Blocks().of(`\`\`\`py\n${code}\n\`\`\``);
    expect(blocks).toHaveLength(5);
    for (const block of blocks) expect(block.source).toMatch(/^```py\n[^`]*\n```\n$/);
    expect(blocks.map((b) => b.source.split("\n").slice(1, -2).join("\n")).join("\n")).toBe(code);
  });
});

test("groups hold all blocks in their order, and stay what they are when more come", () => {
  const blocks = Array.from({ length: 100 }, (_, i) => ({ key: i, source: "x".repeat(10) }));
  const groups = grouped(blocks, 100);
  expect(groups.flat()).toEqual(blocks);
  expect(groups.map((g) => g.length)).toEqual(Array(10).fill(10));
  expect(grouped(blocks.slice(0, 55), 100).slice(0, 5)).toEqual(groups.slice(0, 5));
});
