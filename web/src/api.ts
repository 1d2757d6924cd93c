// Requests to the server that the page came from, with the key that was entered.
import { signal } from "@preact/signals";
import { session, settings } from "./storage";

const name = "sarai.key";
export const key = signal(session.getItem(name) ?? settings.getItem(name) ?? "");
export const keyWanted = signal<"" | "missing" | "wrong">(""); // what the server said of the key; until another is entered it is not asked again
export const keyAsked = signal(false); // the question for a key is open

export function keepKey(value: string, remember: boolean) {
  key.value = value;
  session.removeItem(name);
  settings.removeItem(name);
  if (value) (remember ? settings : session).setItem(name, value);
  keyWanted.value = "";
  keyAsked.value = false;
}

// Refused again for the same reason, who closed the question is left in peace.
function wantKey() {
  const why = key.value ? "wrong" : "missing";
  if (keyWanted.value !== why) keyAsked.value = true;
  keyWanted.value = why;
}

export class Refused extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

// What the server says of an error, in whichever envelope.
export function errorText(body: string, status: number): string {
  try {
    const error = (JSON.parse(body) as { error?: unknown }).error;
    if (typeof error === "string") return error;
    if (error && typeof error === "object" && "message" in error) return String(error.message);
  } catch {
    // not JSON: a proxy in between
  }
  return body.slice(0, 300) || `HTTP ${status}`;
}

export async function request(path: string, options: RequestInit = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  if (key.value) headers.set("Authorization", `Bearer ${key.value}`);
  if (options.body) headers.set("Content-Type", "application/json");
  const reply = await fetch(path, { ...options, headers });
  if (reply.ok) return reply;
  if (reply.status === 401) wantKey();
  throw new Refused(reply.status, errorText(await reply.text(), reply.status));
}

export async function get<T>(path: string, options: RequestInit = {}): Promise<T> {
  return (await (await request(path, options)).json()) as T;
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  return (await (await request(path, { method: "POST", body: JSON.stringify(body) })).json()) as T;
}
