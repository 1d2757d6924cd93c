import { describe, expect, test } from "vitest";
import { en } from "./en";
import { es } from "./es";
import { initialLanguage } from "./language";

const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();

describe("texts", () => {
  test("are there in both languages, with the same values in them", () => {
    expect(Object.keys(es).sort()).toEqual(Object.keys(en).sort());
    for (const key of Object.keys(en) as (keyof typeof en)[]) {
      expect(es[key], key).not.toBe("");
      expect(names(es[key]), key).toEqual(names(en[key]));
    }
  });

  test("begin in the browser's language unless another was chosen", () => {
    expect(initialLanguage(null, "es-MX")).toBe("es");
    expect(initialLanguage(null, "de")).toBe("en");
    expect(initialLanguage("en", "es")).toBe("en");
    expect(initialLanguage("xx", "es")).toBe("es");
  });
});
