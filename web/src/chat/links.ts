// Link definitions ("[1]: https://…"), which stand anywhere in a text, for the blocks that name them. Pure.
export interface Definition {
  href: string;
  title?: string;
}
export type Definitions = Record<string, Definition>; // by tag: the name in small letters

const bracketed = /\[((?:\\.|[^[\]\\])+)\]/g;

function tagsIn(source: string): Set<string> {
  return new Set(Array.from(source.matchAll(bracketed), (found) => found[1]!.toLowerCase().replace(/\s+/g, " ")));
}

export class Links {
  private told = new Map<string, Definition>();
  private growing = ""; // the tag of what is told at the very end of the text, and may not be whole
  private named = new Map<string, number[]>(); // by tag: which finished blocks name it
  private changed = new Set<string>();

  // Of several definitions of a name the first one holds.
  define(tag: string, { href, title }: Definition) {
    const old = this.told.get(tag);
    if (old && tag !== this.growing) return;
    this.growing = "";
    if (old?.href === href && old.title === title) return;
    this.told.set(tag, { href, title });
    this.changed.add(tag);
  }

  // What the text ends with, where that is a definition. It may become another one, or none.
  endsWith(last: ({ tag: string } & Definition) | null) {
    if (this.growing && this.growing !== last?.tag) {
      this.told.delete(this.growing);
      this.changed.add(this.growing);
      this.growing = "";
    }
    if (!last || (this.told.has(last.tag) && !this.growing)) return;
    this.define(last.tag, last);
    this.growing = last.tag;
  }

  of(source: string): Definitions | undefined {
    const found = [...tagsIn(source)].flatMap((tag) => (this.told.has(tag) ? [[tag, this.told.get(tag)!] as const] : []));
    return found.length > 0 ? Object.fromEntries(found) : undefined;
  }

  // The block that was finished as number `at` is `source`.
  note(source: string, at: number) {
    for (const tag of tagsIn(source)) this.named.set(tag, [...(this.named.get(tag) ?? []), at]);
  }

  // The finished blocks whose links are others than they were when this was last asked.
  touched(): Set<number> {
    const found = new Set([...this.changed].flatMap((tag) => this.named.get(tag) ?? []));
    this.changed.clear();
    return found;
  }
}
