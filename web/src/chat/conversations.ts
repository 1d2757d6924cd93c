// The conversations of this browser, and the one answer that may be on its way.
import { signal } from "@preact/signals";
import { settings } from "../storage";
import { stream } from "./answer";
import { forget, hearOthers, keep, readAll, tellOthers } from "./keeper";
import { newId, type Attachment, type Conversation, type Message } from "./message";

export const conversations = signal<Conversation[]>([]); // the latest first
export const current = signal<Conversation>(fresh());
export const answering = signal<string>(""); // the message's id
export const chosenModel = signal(settings.getItem("sarai.model") ?? "");
export const tick = signal(0); // the answer that streams in has grown
const keepEvery = 1000; // ms, while an answer grows
let stopper: AbortController | null = null;

function fresh(): Conversation {
  return { id: newId(), title: "", model: "", changed: Date.now(), messages: [] };
}

export function openConversations() {
  hearOthers((news) => {
    const id = "gone" in news ? news.gone : news.changed.id;
    const rest = conversations.value.filter((c) => c.id !== id);
    const mine = current.value.id === id && answering.value !== ""; // what is under way here is kept at its end
    if ("gone" in news) {
      conversations.value = rest;
      if (current.value.id === id && !mine) begin();
      return;
    }
    if (mine) return;
    conversations.value = [news.changed, ...rest];
    if (current.value.id === id) current.value = news.changed;
  });
  void readAll().then((all) => {
    conversations.value = all.sort((a, b) => b.changed - a.changed);
  });
}

export function chooseModel(name: string) {
  chosenModel.value = name;
  settings.setItem("sarai.model", name);
}

export function open(id: string) {
  stop();
  const found = conversations.value.find((c) => c.id === id);
  if (found) current.value = found;
}

export function begin() {
  stop();
  current.value = fresh();
}

export function remove(id: string) {
  if (current.value.id === id) begin();
  conversations.value = conversations.value.filter((c) => c.id !== id);
  forget(id);
  tellOthers({ gone: id });
}

export function stop() {
  stopper?.abort();
}

// Changes the open conversation, and shows and keeps what became of it.
function change(conversation: Conversation, messages: Message[]) {
  const title = conversation.title || (messages[0]?.text ?? "").slice(0, 60);
  const changed = { ...conversation, title, messages, changed: Date.now() };
  if (current.value.id === conversation.id) current.value = changed;
  conversations.value = [changed, ...conversations.value.filter((c) => c.id !== changed.id)];
  keep(changed);
  tellOthers({ changed });
  return changed;
}

// Whoever goes on from the middle loses nothing: the conversation as it was stays as one of its own.
function putAside(conversation: Conversation) {
  const copy = { ...conversation, id: newId() };
  conversations.value = [copy, ...conversations.value];
  keep(copy);
  tellOthers({ changed: copy });
}

// `instead`: what stays where no other answer comes.
async function answer(conversation: Conversation, before: Message[], model: string, instead?: Message) {
  stopper = new AbortController();
  const mine = stopper;
  const message: Message = { id: newId(), role: "assistant", text: "" };
  let shown = change(conversation, [...before, message]);
  const kept = () => conversations.value.some((c) => c.id === shown.id);
  // Whoever leaves the page now finds what was there, and that there was to be more.
  const soFar = (): Message => (instead && !message.text ? instead : { ...message, problem: "cut" });
  const keepSoFar = () => kept() && keep({ ...shown, messages: [...before, soFar()] });
  keepSoFar();
  answering.value = message.id;
  let more = false; // than is kept
  const keeping = setInterval(() => {
    if (more) keepSoFar();
    more = false;
  }, keepEvery);
  let due = false;
  const grown = () => {
    more = true;
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      tick.value++;
    });
  };
  try {
    await stream(model, before, message, grown, mine.signal);
  } catch (error) {
    message.problem = mine.signal.aborted ? "stopped" : (error as Error).message;
  }
  if (instead && message.problem && !message.text) Object.assign(message, { ...instead, id: message.id, problem: message.problem });
  clearInterval(keeping);
  if (answering.value === message.id) answering.value = "";
  if (kept()) shown = change(shown, [...before, { ...message }]);
}

export function send(text: string, attachments: Attachment[], model: string) {
  const user: Message = { id: newId(), role: "user", text, ...(attachments.length > 0 && { attachments }) };
  return answer(current.value, [...current.value.messages, user], model);
}

export function regenerate(id: string, model: string) {
  const { messages } = current.value;
  const at = messages.findIndex((m) => m.id === id);
  if (at + 1 < messages.length) putAside(current.value);
  return answer(current.value, messages.slice(0, at), model, messages[at]);
}

export function edit(id: string, text: string, model: string) {
  const { messages } = current.value;
  const at = messages.findIndex((m) => m.id === id);
  if (messages.slice(at + 1).some((m) => m.text)) putAside(current.value);
  return answer(current.value, [...messages.slice(0, at), { ...messages[at]!, id: newId(), text }], model);
}
