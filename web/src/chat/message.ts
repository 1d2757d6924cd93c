// What a conversation is made of, and what is known of each answer.
export interface Attachment {
  kind: "image" | "audio";
  name: string;
  url: string; // data:
}
export interface Seam {
  from: string;
  to: string;
  model: string;
  tokens: number;
  exact: boolean;
  reason: string;
}
export interface Step {
  name: string;
  model?: string;
  backend?: string;
  endpoint?: string;
  seconds?: number;
  tokens?: number;
}
// How an answer came about. Times are those of this browser.
export interface Decision {
  asked: string;
  at: number;
  model: string;
  backend: string;
  endpoint: string;
  reason: string;
  fallback: boolean; // not the first of the model's chain gave it
  route: string;
  pipeline: string;
  steps: Step[];
  seams: Seam[];
  firstMs: number | null;
  totalMs: number;
  tokens: number;
  promptTokens: number;
  rate: number | null; // tokens a second, after the first
  finish: string;
}
export interface Message {
  id: string;
  role: "user" | "assistant";
  text: string;
  thought?: string;
  attachments?: Attachment[];
  decision?: Decision;
  problem?: string; // why it is not whole: what the server said, or "stopped" by the reader, or "cut" where the page was left
}
// Whether it was the reader who ended an answer.
export const isEnded = (problem: string): problem is "stopped" | "cut" => problem === "stopped" || problem === "cut";

export interface Conversation {
  id: string;
  title: string;
  model: string;
  changed: number;
  messages: Message[];
}

export const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");

// A message as the API takes it. Pure.
export function asRequest(message: Message): unknown {
  if (!message.attachments?.length) return { role: message.role, content: message.text };
  const parts: unknown[] = message.attachments.map((a) =>
    a.kind === "image" ? { type: "image_url", image_url: { url: a.url } } : { type: "input_audio", input_audio: { data: a.url.slice(a.url.indexOf(",") + 1), format: "wav" } },
  );
  return { role: message.role, content: message.text ? [...parts, { type: "text", text: message.text }] : parts };
}

// Whether the model, or whom it stands for, has answered a question that came with files.
function tookFiles(messages: Message[], asked: string): boolean {
  return messages.some((m, i) => m.role === "assistant" && m.text !== "" && m.decision?.asked === asked && !!messages[i - 1]?.attachments?.length);
}

// What models are told of a conversation: no answer that never came, nor the question to it, since many a model's
// template wants question and answer in turns. The last question is the one that is asked. Files of earlier ones go to
// who took files before; others, of which many refuse them, are told their names. Pure.
export function whatWasSaid(messages: Message[], asked: string, all = tookFiles(messages, asked)): Message[] {
  const told = messages.map((m, i) =>
    all || i === messages.length - 1 || !m.attachments?.length ? m : { ...m, attachments: [], text: `${m.attachments.map((a) => `[${a.name}]`).join(" ")} ${m.text}`.trim() },
  );
  return told.filter((m, i) => {
    const next = told[i + 1];
    return m.role === "user" ? !(next?.role === "assistant" && !next.text) : m.text !== "";
  });
}

export function asMarkdown(conversation: Conversation, you: string): string {
  return conversation.messages
    .map((m) => {
      const who = m.role === "user" ? you : (m.decision?.model ?? "assistant");
      const files = (m.attachments ?? []).map((a) => `*${a.name}*\n\n`).join("");
      return `### ${who}\n\n${files}${m.text}\n`;
    })
    .join("\n");
}
