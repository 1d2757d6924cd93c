// One message with what can be done with it.
import { memo } from "preact/compat";
import { useState } from "preact/hooks";
import { t } from "../i18n/language";
import { Boundary } from "../shell/boundary";
import { answering, edit, regenerate, tick } from "./conversations";
import { DecisionLine } from "./decision_line";
import { Markdown } from "./markdown";
import { isEnded, type Attachment, type Message } from "./message";

function Files({ files }: { files: Attachment[] }) {
  return (
    <div class="files">
      {files.map((f, i) => (f.kind === "image" ? <img key={i} src={f.url} alt={f.name} /> : <audio key={i} src={f.url} controls aria-label={f.name} />))}
    </div>
  );
}

function Edit({ message, model, close }: { message: Message; model: string; close: () => void }) {
  const [text, setText] = useState(message.text);
  return (
    <form
      class="edit"
      onSubmit={(e) => {
        e.preventDefault();
        close();
        void edit(message.id, text, model);
      }}
    >
      <textarea aria-label={t("edit")} value={text} rows={3} onInput={(e) => setText(e.currentTarget.value)} />
      <div class="buttons">
        <button class="primary">{t("save_send")}</button>
        <button type="button" onClick={close}>{t("cancel")}</button>
      </div>
    </form>
  );
}

// The text that grows; nothing else of the message is drawn again. What a component is given is compared, so a copy.
function Growing({ message }: { message: Message }) {
  void tick.value;
  return (
    <>
      {message.thought && (
        <details class="thought" open={!message.text}>
          <summary>{t("thinking")}</summary>
          <Markdown text={message.thought} />
        </details>
      )}
      <Markdown text={message.text} />
      {message.decision && message.decision.tokens > 0 && <DecisionLine decision={{ ...message.decision }} />}
    </>
  );
}

export const MessageView = memo(function MessageView({ message, model, busy }: { message: Message; model: string; busy: boolean; language: string }) {
  const [editing, setEditing] = useState(false);
  const [copied, setCopied] = useState(false);
  const mine = message.role === "user";
  const copy = () => void navigator.clipboard?.writeText(message.text).then(() => setCopied(true));
  return (
    <article class={`message ${message.role}`} aria-busy={busy}>
      <h2 class="who">
        {mine ? t("you") : (message.decision?.model ?? model)}
        {busy && <span class="quiet"> {t("answering")}…</span>}
      </h2>
      {message.attachments && <Files files={message.attachments} />}
      {mine && !editing && <p class="said">{message.text}</p>}
      {editing && <Edit message={message} model={model} close={() => setEditing(false)} />}
      {!mine && (
        <Boundary instead={<p class="said">{message.text}</p>}>
          <Growing message={message} />
        </Boundary>
      )}
      {message.problem && <p class={isEnded(message.problem) ? "quiet" : "problem"}>{isEnded(message.problem) ? t(message.problem) : t("failed", { why: message.problem })}</p>}
      {!busy && !message.problem && message.decision?.finish === "length" && <p class="quiet">{t("cut_off")}</p>}
      {!busy && !editing && (
        <div class="tools">
          {mine ? (
            <button type="button" disabled={answering.value !== ""} onClick={() => setEditing(true)}>{t("edit")}</button>
          ) : (
            <button type="button" disabled={answering.value !== ""} onClick={() => void regenerate(message.id, model)}>{t("regenerate")}</button>
          )}
          <button type="button" onClick={copy}>{t(copied ? "copied" : "copy")}</button>
        </div>
      )}
    </article>
  );
});

