import { describe, expect, test } from "vitest";
import type { ModelRow } from "../status";
import { layOut, segmentsOf } from "./layout";

const row = (name: string, more: Partial<ModelRow>): ModelRow => ({
  name, kind: "chat", backend: "gguf_native", state: "ready", endpoint: "local", role: "primary", planned_bytes: 100, measured_bytes: 90, peak_bytes: 95, ...more,
});
const ledger = { budget_bytes: 1000, reserved_bytes: 300, measured_bytes: 200, own_bytes: 50, peak_bytes: 250, available_bytes: 4000 };

describe("the memory bar", () => {
  test("is as wide as the budget, and each model as what it takes of it", () => {
    const layout = layOut({ ledger, models: [row("a", {}), row("b", { planned_bytes: 100, peak_bytes: 200 })] });
    expect(layout.scale).toBe(1000);
    expect(layout.blocks.map((b) => b.share)).toEqual([0.1, 0.2]);
    expect(layout.free).toBe(700);
  });

  test("leaves out what is elsewhere and what is not loaded", () => {
    const models = [row("far", { backend: "ollama_http", state: "remote" }), row("idle", { state: "unloaded" }), row("a", {})];
    expect(layOut({ ledger, models }).blocks.map((b) => b.name)).toEqual(["a"]);
  });

  test("grows beyond a budget that is exceeded", () => {
    expect(layOut({ ledger, models: [row("a", { measured_bytes: 1950 })] }).scale).toBe(2000);
  });

  test("shows how far a load is", () => {
    const blocks = layOut({ ledger, models: [row("a", { state: "loading", progress: 0.25 }), row("b", {})] }).blocks;
    expect(blocks.map((b) => b.progress)).toEqual([0.25, null]);
  });
});

test("ledger lines are gathered, none is lost", () => {
  const lines = ["weights", "weights_mapped", "kv_cache", "recurrent_state", "checkpoints", "compute", "output", "mmproj", "mmproj_compute", "prompt_cache", "overhead", "sound", "something_new"].map((what, i) => ({ what, bytes: i + 1 }));
  const segments = segmentsOf(lines);
  expect(segments.map((s) => s.group)).toEqual(["weights", "kv", "compute", "projector", "cache", "overhead"]);
  expect(segments.reduce((sum, s) => sum + s.bytes, 0)).toBe(91);
});
