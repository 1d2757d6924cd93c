// Numbers as people read them, in the page's language.
import { language } from "./i18n/language";

const KiB = 1024;

export function bytes(count: number): string {
  const size = Math.abs(count);
  const [unit, divisor] = size >= KiB ** 3 ? ["GiB", KiB ** 3] : size >= KiB ** 2 ? ["MiB", KiB ** 2] : size >= KiB ? ["KiB", KiB] : ["B", 1];
  const value = count / (divisor as number);
  return `${number(value, Math.abs(value) < 10 && unit !== "B" ? 2 : Math.abs(value) < 100 && unit === "GiB" ? 1 : 0)} ${unit}`;
}

export function number(value: number, digits = 0): string {
  return value.toLocaleString(language.value, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function duration(ms: number): string {
  return ms < 1000 ? `${number(ms)} ms` : `${number(ms / 1000, ms < 10_000 ? 2 : 1)} s`;
}

export function clock(at: string | number): string {
  return new Date(at).toLocaleTimeString(language.value);
}
