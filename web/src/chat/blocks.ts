// Markdown that grows: finished blocks stay what they are, and only the last one is read anew. Pure.
import { Lexer, type Token, type Tokens } from "marked";
import { Links, type Definitions } from "./links";

export interface Block {
  key: number; // where it begins in the text
  source: string;
  from?: number; // what its first item counts, in a further piece of a numbered list
  continues?: boolean; // it is a further piece of the block before it
  cut?: boolean; // the next block is a further piece of it
  links?: Definitions | undefined; // of the names in it, wherever in the text they are told
}

// A longer list, code block or paragraph is cut, so that what is read and drawn anew as it grows is never more.
const longest = 200; // lines

// How the text goes on after a cut.
interface Rest {
  head: string; // lines that stand before each further piece: the fence of code, the first lines of a table
  indent: number; // spaces before the lines of a list's item that was cut; without them they are blocks as any others
  from?: number | undefined;
  continues: boolean;
}
const anew: Rest = { head: "", indent: 0, continues: false };

const countLines = (text: string) => text.split("\n").length - 1;

// What is nested deeper than the lexer can follow is one block, of plain text.
export function blockTokens(source: string): Token[] {
  try {
    return new Lexer().blockTokens(source);
  } catch {
    return [{ type: "text", raw: source, text: source }];
  }
}

// The line that opens the code in whose middle the source ends, if it does.
function openFence(source: string): string {
  let open: RegExpExecArray | null = null;
  for (const line of source.split("\n")) {
    const found = /^(`{3,}|~{3,})(.*)$/.exec(line.replace(/^\s*([-*+] +|\d+[.)] +)?/, ""));
    if (!found) continue;
    if (!open) open = found;
    else if (found[1]!.startsWith(open[1]!) && !found[2]!.trim()) open = null;
  }
  return open ? `${open[0]}\n` : "";
}

function sameBlock(a: Block | null, b: Block): boolean {
  return a !== null && a.key === b.key && a.source === b.source && JSON.stringify(a.links) === JSON.stringify(b.links);
}

export class Blocks {
  behind = false; // the text has more than was read
  lexed = 0; // characters that were read, however often: what growing costs
  private text = "";
  private done: Block[] = [];
  private read = 0; // characters of the text that stand in finished blocks
  private rest = anew;
  private open: Block | null = null; // the last one, which may grow
  private links = new Links();

  // The blocks of the text, which is the one before and what came since; another text begins anew. At most `steps` times
  // `longest` lines are read, so that a text that is long from its beginning can be taken in several calls.
  of(text: string, steps = Infinity): Block[] {
    if (!text.startsWith(this.text)) [this.done, this.read, this.rest, this.open, this.links] = [[], 0, anew, null, new Links()];
    if (text !== this.text) this.behind = true;
    this.text = text;
    for (let i = 0; i < steps && this.behind; i++) this.step();
    for (const at of this.links.touched()) this.done[at] = { ...this.done[at]!, links: this.links.of(this.done[at]!.source) };
    return this.open ? [...this.done, this.open] : [...this.done];
  }

  // Reads the next lines. What stands before the last block in them is finished.
  private step() {
    const { lines, starts, ends, leaves } = this.ahead();
    const source = this.rest.head + lines.join("");
    this.lexed += source.length;
    const tokens = source ? blockTokens(source) : [];
    let last = tokens.length - 1;
    while (last > 0 && tokens[last]!.type === "space") last--;
    const finished = leaves ? tokens.length : Math.max(0, last);
    let [length, line] = [0, -countLines(this.rest.head)]; // of what is finished
    for (const token of tokens.slice(0, finished)) {
      this.finish(token, starts[Math.max(0, line)]!);
      length += token.raw.length;
      line += countLines(token.raw);
    }
    const token = tokens[finished];
    const before = this.open;
    this.open = null;
    if (!ends && !leaves && finished === 0 && token) return this.cut(token, source, starts);
    this.read = token ? starts[Math.max(0, line)]! : starts.at(-1)!;
    if (leaves) this.rest = anew;
    if (!ends || leaves) return;
    this.behind = false;
    this.links.endsWith(token?.type === "def" ? (token as Tokens.Def) : null);
    if (!token || token.type === "def" || token.type === "space") return;
    const block = this.block(source.slice(length), this.read);
    this.open = sameBlock(before, block) ? before : block; // the very same is not drawn again
  }

  // The next lines without their indentation, and where they and what follows start in the text. `ends`: with the text;
  // `leaves`: with the item of a list whose indentation it is.
  private ahead() {
    const { head, indent } = this.rest;
    const [lines, starts]: [string[], number[]] = [[], [this.read]];
    let leaves = false;
    while (starts.at(-1)! < this.text.length && lines.length + countLines(head) < longest) {
      const at = starts.at(-1)!;
      const line = this.text.slice(at, (this.text.indexOf("\n", at) + 1) || this.text.length);
      const inside = /^ */.exec(line)![0].length;
      leaves = line.trim() !== "" && inside < indent;
      if (leaves) break;
      lines.push(line.slice(Math.min(inside, indent)).replace(/\r\n$/, "\n"));
      starts.push(at + line.length);
    }
    return { lines, starts, ends: starts.at(-1) === this.text.length, leaves };
  }

  private finish(token: Token, at: number) {
    if (token.type === "def") this.links.define((token as Tokens.Def).tag, token as Tokens.Def);
    else if (token.type !== "space") this.add(this.block(token.raw, at));
    this.rest = { ...anew, indent: this.rest.indent };
  }

  // One block fills all lines that were read, and goes on: a list is cut between two items, anything else between two lines.
  private cut(token: Token, source: string, starts: number[]) {
    const { from, indent } = this.rest;
    const items = token.type === "list" ? (token as Tokens.List).items.slice(0, -1) : [];
    if (items.length > 0) {
      const piece = items.map((item) => item.raw).join("");
      const { ordered, start } = token as Tokens.List;
      this.add({ ...this.block(piece, this.read), ...(ordered && { from: from ?? Number(start) }), cut: true });
      this.read = starts[countLines(piece)]!;
      this.rest = { head: "", indent, continues: true, ...(ordered && { from: (from ?? Number(start)) + items.length }) };
      return;
    }
    if (token.type !== "space") this.add({ ...this.block(source, this.read), cut: true });
    this.read = starts.at(-1)!;
    const bullet = token.type === "list" ? /^ *(?:[-*+]|\d+[.)]) +/.exec(source)?.[0] : undefined;
    const head = token.type === "table" ? source.split("\n", 2).join("\n") + "\n" : openFence(source);
    this.rest = { head, indent: indent + (bullet?.length ?? 0), continues: true };
  }

  private block(source: string, key: number): Block {
    const { from, continues } = this.rest;
    return { key, source, ...(from !== undefined && { from }), ...(continues && { continues }), links: this.links.of(source) };
  }

  private add(block: Block) {
    this.links.note(block.source, this.done.length);
    this.done.push(block);
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
