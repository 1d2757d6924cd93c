// Light, dark, or as the system has it.
import { effect, signal } from "@preact/signals";
import { settings } from "../storage";

export type Theme = "auto" | "light" | "dark";
export const themes = ["auto", "light", "dark"] as const;
const kept = settings.getItem("sarai.theme");
export const theme = signal<Theme>(kept === "light" || kept === "dark" ? kept : "auto");

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  settings.setItem("sarai.theme", theme.value);
});
