// What /sarai/plan answers, and how a question to it is written.
export interface PlannedModel {
  name: string;
  backend: string;
  role?: string;
  total_bytes: number;
  pessimistic_bytes?: number;
  lines: { what: string; bytes: number }[];
  error?: string;
}
export interface PlannedScenario {
  name: string;
  lost: string[];
  models: PlannedModel[];
  displaced?: string[];
  total_bytes: number;
  needed_bytes: number;
  fits: boolean;
  missing_bytes?: number | null;
  saving_bytes?: number | null;
}
export interface PlanReport {
  models: PlannedModel[];
  fallbacks: PlannedModel[];
  total_bytes: number;
  own_bytes: number;
  budget_bytes: number;
  machine_bytes: number;
  fits: boolean;
  scenarios: PlannedScenario[];
  what_if?: { changes: string[]; before_total_bytes: number; difference_bytes: number };
}

export interface Wishes {
  model: string; // empty: all
  ctx: string;
  kv: string;
  parallel: string;
  ram: string;
  budget: string;
}

// As `sarai plan --what-if` takes it: "solar.ctx=8192,ram=8GiB". Pure.
export function whatIf(wishes: Wishes): string {
  const prefix = wishes.model ? `${wishes.model}.` : "";
  const part = (name: string, value: string, of = "") => (value.trim() ? [`${of}${name}=${value.trim()}`] : []);
  return [...part("ctx", wishes.ctx, prefix), ...part("kv", wishes.kv, prefix), ...part("parallel", wishes.parallel, prefix), ...part("ram", wishes.ram), ...part("budget", wishes.budget)].join(",");
}
