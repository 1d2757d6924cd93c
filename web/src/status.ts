// What the server says of itself, asked once a second while somebody looks.
import { signal } from "@preact/signals";
import { get, key, keyWanted, Refused } from "./api";
import { remember } from "./memory/history";

export interface ModelRow {
  name: string; kind: string; backend: string; state: string; endpoint: string | null; endpoints?: string[];
  planned_bytes: number; measured_bytes: number; peak_bytes: number; pessimistic_bytes?: number; progress?: number;
  plan?: { what: string; bytes: number }[]; role: string; last_error?: string | null; reduced?: string; waiting?: number; in_flight?: number;
  first_tokens?: { endpoint: string; streams: number; median_ms: number; p95_ms: number }[];
}
export interface EndpointRow {
  name: string; up: boolean; breaker: string; in_flight: number; capacity: number; round_trip_ms: number | null;
  distance: string | null; resident: string[] | null; last_error: string | null;
}
export interface Status {
  version: string; uptime_s: number; models: ModelRow[]; endpoints: EndpointRow[];
  ledger: { budget_bytes: number; reserved_bytes: number; measured_bytes: number; own_bytes: number; peak_bytes: number; available_bytes: number };
  enforcement: { mode: string; level: string; reason: string | null };
}
export interface ListedModel {
  id: string; sarai?: { state?: string; backend?: string; kind?: string; steps?: unknown };
}

export const status = signal<Status | null>(null);
export const models = signal<ListedModel[]>([]);
export const offline = signal(false);
export const forbidden = signal("");
const patience = 5000; // ms, for all that is asked at once: a server that hangs takes requests and says nothing

async function ask() {
  const within = { signal: AbortSignal.timeout(patience) };
  try {
    if (models.value.length === 0 || offline.value || Math.random() < 0.1) models.value = (await get<{ data: ListedModel[] }>("/v1/models", within)).data;
    if (!forbidden.value) {
      const fresh = await get<Status>("/sarai/status", within);
      remember(Date.now(), fresh.ledger.measured_bytes, fresh.ledger.reserved_bytes);
      status.value = fresh;
    }
    offline.value = false;
  } catch (error) {
    offline.value = !(error instanceof Refused);
    if (error instanceof Refused && error.status === 403) forbidden.value = error.message;
  }
}

export function followStatus() {
  const step = async () => {
    if (!document.hidden && !keyWanted.value) await ask();
    setTimeout(step, 1000);
  };
  void step();
  key.subscribe(() => {
    forbidden.value = "";
    models.value = [];
    status.value = null; // it was told to who had the other key
  });
}
