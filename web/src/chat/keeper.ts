// Conversations in the browser's own database. Without one (a private window) they live as long as the page.
import { signal } from "@preact/signals";
import type { Conversation } from "./message";

export const notKept = signal(""); // why the last change is not in the database

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

// Done with its transaction: a full disk is told of at the end of it.
async function run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const transaction = (await database()).transaction("conversations", mode);
  const asked = work(transaction.objectStore("conversations"));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(asked.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error ?? asked.error);
  });
}

async function change<T>(work: (store: IDBObjectStore) => IDBRequest<T>) {
  try {
    await run("readwrite", work);
    notKept.value = "";
  } catch (error) {
    notKept.value = (error as Error | null)?.message || (error as Error | null)?.name || "IndexedDB";
  }
}

export const readAll = () => run<Conversation[]>("readonly", (store) => store.getAll()).catch(() => []);
export const keep = (conversation: Conversation) => void change((store) => store.put(conversation));
export const forget = (id: string) => void change((store) => store.delete(id));

// Other pages of this browser that show the same conversations.
type News = { changed: Conversation } | { gone: string };
let others: BroadcastChannel | null = null;

export function hearOthers(take: (news: News) => void) {
  try {
    others = new BroadcastChannel("sarai.conversations");
    others.onmessage = (event: MessageEvent<News>) => take(event.data);
  } catch {
    // a browser that keeps pages apart
  }
}

export const tellOthers = (news: News) => others?.postMessage(news);
