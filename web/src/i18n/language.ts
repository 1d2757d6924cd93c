// The page's language, and its texts in it.
import { effect, signal } from "@preact/signals";
import { settings } from "../storage";
import { en } from "./en";
import { es } from "./es";

export type Language = "en" | "es";
export type Key = keyof typeof en;
const texts: Record<Language, Record<Key, string>> = { en, es };

export function initialLanguage(kept: string | null, browser: string): Language {
  if (kept === "en" || kept === "es") return kept;
  return browser.toLowerCase().startsWith("es") ? "es" : "en";
}

export const language = signal<Language>(initialLanguage(settings.getItem("sarai.language"), globalThis.navigator?.language ?? "en"));

export function setLanguage(to: Language) {
  language.value = to;
  settings.setItem("sarai.language", to);
}

if (globalThis.document) effect(() => void (document.documentElement.lang = language.value));

// "{name}" in a text stands for values.name.
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return texts[language.value][key].replace(/\{(\w+)\}/g, (all, name: string) => String(values[name] ?? all));
}

// The server's word for a state, in the page's language; one that a newer server brings stays what it is.
export function named(what: "state" | "breaker" | "mode" | "level" | "event", word: string): string {
  const key = `${what}_${word}`;
  return Object.hasOwn(en, key) ? t(key as Key) : word;
}
