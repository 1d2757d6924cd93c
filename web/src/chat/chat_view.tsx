// The conversation, the list of the others, and where the next message is written.
import { useEffect, useRef } from "preact/hooks";
import { language, t } from "../i18n/language";
import { models } from "../status";
import { Composer } from "./composer";
import { answering, begin, chosenModel, conversations, current, open, remove } from "./conversations";
import { notKept } from "./keeper";
import { laidOut } from "./markdown";
import { asMarkdown } from "./message";
import { MessageView } from "./message_view";
import { modelToAsk } from "./model_picker";

function download(name: string, type: string, text: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function Others() {
  const shown = current.value;
  return (
    <nav class="others" aria-label={t("conversations")}>
      <button type="button" onClick={begin}>{t("new_chat")}</button>
      <ul>
        {conversations.value.map((c) => (
          <li key={c.id}>
            <button type="button" class="title" aria-current={c.id === shown.id} onClick={() => open(c.id)}>{c.title || t("untitled")}</button>
            <button type="button" aria-label={t("delete_chat", { title: c.title })} onClick={() => remove(c.id)}>×</button>
          </li>
        ))}
      </ul>
      {shown.messages.length > 0 && (
        <div class="buttons">
          <button type="button" onClick={() => download("conversation.json", "application/json", JSON.stringify(shown, null, 2))}>{t("export_json")}</button>
          <button type="button" onClick={() => download("conversation.md", "text/markdown", asMarkdown(shown, t("you")))}>{t("export_md")}</button>
        </div>
      )}
      {notKept.value ? <p class="problem" role="alert">{t("not_kept", { why: notKept.value })}</p> : <p class="quiet">{t("private")}</p>}
    </nav>
  );
}

// Stays at the end while the answer grows, unless the reader has gone up.
function Follow({ of }: { of: { current: HTMLElement | null } }) {
  void laidOut.value;
  void current.value;
  const near = useRef(true);
  useEffect(() => {
    const place = of.current;
    let at = 0;
    const look = () => {
      if (!place) return;
      // What was drawn since it was scrolled to the end takes nobody away from there.
      near.current = place.scrollHeight - place.scrollTop - place.clientHeight < 80 || (near.current && place.scrollTop >= at);
      at = place.scrollTop;
    };
    place?.addEventListener("scroll", look, { passive: true });
    return () => place?.removeEventListener("scroll", look);
  }, []);
  useEffect(() => {
    if (of.current && near.current) of.current.scrollTop = of.current.scrollHeight;
  });
  return null;
}

export function ChatView() {
  const place = useRef<HTMLDivElement>(null);
  const model = modelToAsk(models.value, chosenModel.value);
  const { messages } = current.value;
  return (
    <div class="chat">
      <Others />
      <div class="talk">
        <h1 class="unseen">{t("chat")}</h1>
        <div class="messages" ref={place} tabIndex={0} role="region" aria-label={t("chat")}>
          {messages.length === 0 && (
            <div class="empty">
              <p class="large">{t("empty_title")}</p>
              <p class="quiet">{t("empty_text")}</p>
            </div>
          )}
          {messages.map((m) => (
            <MessageView key={m.id} message={m} model={model} busy={answering.value === m.id} language={language.value} />
          ))}
        </div>
        <Follow of={place} />
        <p class="unseen" role="status">{messages.length > 0 && answering.value === "" ? t("answer_done") : ""}</p>
        <Composer model={model} />
      </div>
    </div>
  );
}
