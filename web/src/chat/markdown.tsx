// An answer's text as HTML: Markdown, sanitised, its code coloured.
import { signal } from "@preact/signals";
import DOMPurify from "dompurify";
import { Lexer, marked } from "marked";
import { memo } from "preact/compat";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Blocks, grouped, type Block } from "./blocks";
import { colour } from "./highlight";
import { inTurn } from "./pace";

// Nothing that asks for something, submits something or styles the page.
const rules = { FORBID_TAGS: ["style", "form", "input", "button", "textarea", "select", "iframe", "audio", "video"], FORBID_ATTR: ["style", "id", "name", "class"], RETURN_DOM_FRAGMENT: true as const };

export function render(block: Pick<Block, "source" | "from" | "links">): DocumentFragment {
  const languages: string[] = [];
  const lexer = new Lexer();
  Object.assign(lexer.tokens.links, block.links);
  const tokens = lexer.lex(block.source);
  marked.walkTokens(tokens, (token) => {
    if (token.type === "code") languages.push(((token as { lang?: string }).lang ?? "").trim().split(/\s/)[0] ?? "");
  });
  const made = DOMPurify.sanitize(marked.parser(tokens), rules);
  const numbered = made.querySelector("ol");
  if (numbered && block.from !== undefined) numbered.start = block.from;
  made.querySelectorAll("pre > code").forEach((code, i) => {
    colour(code as HTMLElement, languages[i] ?? "");
    const pre = code.parentElement!;
    pre.tabIndex = 0; // it scrolls sideways
  });
  for (const link of made.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  for (const table of made.querySelectorAll("table")) {
    const frame = document.createElement("div");
    frame.className = "scroll";
    frame.tabIndex = 0;
    table.replaceWith(frame);
    frame.append(table);
  }
  return made;
}

// What Markdown cannot be made of, being nested too deep, is shown as it was written.
function asShown(block: Block): DocumentFragment | HTMLElement {
  try {
    return render(block);
  } catch {
    const plain = document.createElement("p");
    plain.className = "said";
    plain.textContent = block.source;
    return plain;
  }
}

export const laidOut = signal(0); // more of a text has been put on the page

// What waits for its turn is drawn once, as it is by then.
const BlockOf = memo(function BlockOf({ block }: { block: Block }) {
  const place = useRef<HTMLDivElement>(null);
  const latest = useRef(block);
  const waits = useRef(false);
  latest.current = block;
  useEffect(() => {
    if (waits.current) return;
    waits.current = true;
    inTurn(() => {
      waits.current = false;
      place.current?.replaceChildren(asShown(latest.current));
      laidOut.value++;
    });
  }, [block.source, block.links]);
  return <div class={`md-block${block.continues ? " continues" : ""}${block.cut ? " cut" : ""}`} ref={place} />;
});

const Group = memo(
  function Group({ blocks }: { blocks: Block[] }) {
    return (
      <div class="md-group">
        {blocks.map((block) => (
          <BlockOf key={block.key} block={block} />
        ))}
      </div>
    );
  },
  (before, after) => before.blocks.length === after.blocks.length && before.blocks.every((block, i) => block === after.blocks[i]),
);

// A long text comes as one slice a frame: a few hundred blocks at once would hold up the page.
export function Markdown({ text }: { text: string }) {
  const blocks = useRef(new Blocks());
  const [, next] = useState(0);
  const shown = blocks.current.of(text, 1);
  useLayoutEffect(() => {
    laidOut.value++;
    if (!blocks.current.behind) return;
    const frame = requestAnimationFrame(() => next((slices) => slices + 1));
    return () => cancelAnimationFrame(frame);
  });
  return (
    <div class="md">
      {grouped(shown).map((group) => (
        <Group key={group[0]!.key} blocks={group} />
      ))}
    </div>
  );
}
