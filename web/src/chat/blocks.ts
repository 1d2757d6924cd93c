// Markdown that grows: finished blocks stay what they are, and only the last one is read anew. Pure.
import { marked } from "marked";

export interface Block {
  key: number; // where it begins in the text
  source: string;
}

// A very long code block, list or paragraph would be one block; it is cut, so that each piece is laid out by itself.
const longest = 200; // lines

function cut(source: string, at: number): Block[] {
  const lines = source.split(/(?<=\n)/);
  if (lines.length <= longest) return [{ key: at, source }];
  const fence = /^ {0,3}(`{3,}|~{3,})[^\n]*\n/.exec(source);
  const end = fence ? new RegExp(`^ {0,3}${fence[1]![0] === "~" ? "~" : "`"}{${fence[1]!.length},}\\s*$`) : null;
  const body = fence ? lines.slice(1) : lines;
  if (end && end.test((body.at(-1) ?? "").trimEnd())) body.pop();
  const blocks: Block[] = [];
  let key = at;
  for (let i = 0; i < body.length; i += longest) {
    const piece = body.slice(i, i + longest).join("");
    blocks.push({ key, source: fence ? `${fence[0]}${piece.replace(/\n?$/, "\n")}${fence[1]}\n` : piece });
    key += piece.length;
  }
  return blocks;
}

export class Blocks {
  private done: Block[] = [];
  private read = 0; // characters of the text that stand in finished blocks
  private text = "";

  // All blocks of the text, which is the one before and what came since; another text begins anew.
  of(text: string): Block[] {
    if (!text.startsWith(this.text)) [this.done, this.read] = [[], 0];
    this.text = text;
    const tokens = marked.lexer(text.slice(this.read));
    let last = tokens.length - 1;
    while (last > 0 && tokens[last]!.type === "space") last--;
    for (const token of tokens.slice(0, Math.max(0, last))) {
      if (token.type !== "space") this.done.push(...cut(token.raw, this.read));
      this.read += token.raw.length;
    }
    const rest = text.slice(this.read);
    return rest.trim() ? [...this.done, ...cut(rest, this.read)] : this.done;
  }
}

// Blocks side by side, as much as a few screens each: what is laid out, or passed over, as one.
export function grouped(blocks: Block[], least = 4000): Block[][] {
  const groups: Block[][] = [];
  let size = least;
  for (const block of blocks) {
    if (size >= least) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)!.push(block);
    size += block.source.length;
  }
  return groups;
}
