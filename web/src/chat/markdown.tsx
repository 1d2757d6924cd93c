// An answer's text as HTML: Markdown, sanitised, its code coloured.
import DOMPurify from "dompurify";
import { marked } from "marked";
import { memo } from "preact/compat";
import { useEffect, useRef } from "preact/hooks";
import { Blocks, grouped, type Block } from "./blocks";
import { colour } from "./highlight";
import { inTurn } from "./pace";

// Nothing that asks for something, submits something or styles the page.
const rules = { FORBID_TAGS: ["style", "form", "input", "button", "textarea", "select", "iframe", "audio", "video"], FORBID_ATTR: ["style", "id", "name", "class"], RETURN_DOM_FRAGMENT: true as const };

export function render(source: string): DocumentFragment {
  const languages: string[] = [];
  marked.walkTokens(marked.lexer(source), (token) => {
    if (token.type === "code") languages.push(((token as { lang?: string }).lang ?? "").trim().split(/\s/)[0] ?? "");
  });
  const made = DOMPurify.sanitize(marked.parse(source, { async: false }), rules);
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

const BlockOf = memo(function BlockOf({ source }: { source: string }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => inTurn(() => place.current?.replaceChildren(render(source))), [source]);
  return <div class="md-block" ref={place} />;
});

const same = (a: Block[], b: Block[]) => a.length === b.length && a[0]!.key === b[0]!.key && a.at(-1)!.source === b.at(-1)!.source;

const Group = memo(
  function Group({ blocks }: { blocks: Block[] }) {
    return (
      <div class="md-group">
        {blocks.map((block) => (
          <BlockOf key={block.key} source={block.source} />
        ))}
      </div>
    );
  },
  (before, after) => same(before.blocks, after.blocks), // all but the last block are finished
);

export function Markdown({ text }: { text: string }) {
  const blocks = useRef(new Blocks());
  return (
    <div class="md">
      {grouped(blocks.current.of(text)).map((group) => (
        <Group key={group[0]!.key} blocks={group} />
      ))}
    </div>
  );
}
