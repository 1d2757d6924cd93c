// Where each model's ledger lines lie in the bar whose whole width is the budget. Pure.
import type { ModelRow, Status } from "../status";

export const groups = ["weights", "kv", "compute", "projector", "cache", "overhead"] as const;
export type Group = (typeof groups)[number];

const groupOf: Record<string, Group> = {
  weights: "weights", weights_mapped: "weights", kv_cache: "kv", recurrent_state: "kv", checkpoints: "kv", compute: "compute", output: "compute", sound: "compute",
  mmproj: "projector", mmproj_compute: "projector", prompt_cache: "cache", overhead: "overhead",
};

export interface Segment {
  group: Group;
  bytes: number;
}
export interface Block {
  name: string;
  state: string;
  progress: number | null; // while it loads
  planned: number;
  measured: number;
  peak: number;
  segments: Segment[];
  share: number; // of the bar's width, 0…1
}
export interface Layout {
  scale: number; // bytes of the whole width: the budget, or more where more is taken
  blocks: Block[];
  own: number;
  free: number;
}

const inMemory = new Set(["queued", "loading", "ready", "stopping"]);

// Its model runs on this machine.
export const isLocal = (m: { backend: string }) => m.backend === "gguf_native" || m.backend === "whisper";

export function isHere(row: ModelRow): boolean {
  return isLocal(row) && inMemory.has(row.state) && (row.planned_bytes > 0 || row.measured_bytes > 0);
}

export function segmentsOf(lines: { what: string; bytes: number }[]): Segment[] {
  return groups
    .map((group) => ({ group, bytes: lines.filter((l) => (groupOf[l.what] ?? "overhead") === group).reduce((sum, l) => sum + l.bytes, 0) }))
    .filter((segment) => segment.bytes > 0);
}

export function layOut(status: Pick<Status, "models" | "ledger">): Layout {
  const here = status.models.filter(isHere);
  const taken = (row: ModelRow) => Math.max(row.planned_bytes, row.measured_bytes, row.peak_bytes);
  const sum = here.reduce((total, row) => total + taken(row), status.ledger.own_bytes);
  const scale = Math.max(status.ledger.budget_bytes, sum, 1);
  return {
    scale,
    own: status.ledger.own_bytes,
    free: Math.max(0, status.ledger.budget_bytes - status.ledger.reserved_bytes),
    blocks: here.map((row) => ({
      name: row.name,
      state: row.state,
      progress: row.state === "loading" ? (row.progress ?? 0) : null,
      planned: row.planned_bytes,
      measured: row.measured_bytes,
      peak: row.peak_bytes,
      segments: segmentsOf(row.plan ?? []),
      share: taken(row) / scale,
    })),
  };
}
