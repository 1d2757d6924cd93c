// Conversations in the browser's own database. Without one (a private window) they live as long as the page.
import type { Conversation } from "./message";

let opened: Promise<IDBDatabase> | null = null;

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const opening = indexedDB.open("sarai", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("conversations", { keyPath: "id" });
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  return opened;
}

async function run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const store = (await database()).transaction("conversations", mode).objectStore("conversations");
  return new Promise((resolve, reject) => {
    const asked = work(store);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

export const readAll = () => run<Conversation[]>("readonly", (store) => store.getAll()).catch(() => []);
export const keep = (conversation: Conversation) => void run("readwrite", (store) => store.put(conversation)).catch(() => undefined);
export const forget = (id: string) => void run("readwrite", (store) => store.delete(id)).catch(() => undefined);
