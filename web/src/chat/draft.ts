// What is being written, wherever else the page is looked at meanwhile.
import { signal } from "@preact/signals";
import type { Attachment } from "./message";

export const draft = signal("");
export const files = signal<Attachment[]>([]);
