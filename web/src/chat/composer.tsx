// Where a message is written: model, text, files, microphone, and the way to send or stop.
import { useEffect, useRef, useState } from "preact/hooks";
import { keyAsked } from "../api";
import { t } from "../i18n/language";
import { attachment } from "./attachments";
import { answering, send, stop } from "./conversations";
import { draft, files } from "./draft";
import { ModelPicker } from "./model_picker";
import { Recorder } from "./recorder";

export function Composer({ model }: { model: string }) {
  const [problem, setProblem] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const busy = answering.value !== "";
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.key === "Escape" && !keyAsked.value) stop(); // there it closes the question
      const writing = (e.target as Element).closest("input, textarea, select");
      if (e.key === "/" && !writing) (e.preventDefault(), field.current?.focus());
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const add = async (chosen: Iterable<File>) => {
    setProblem("");
    for (const file of chosen) {
      try {
        const made = await attachment(file);
        files.value = [...files.value, made];
      } catch (error) {
        setProblem(t("attach_failed", { name: file.name, why: (error as Error).message }));
      }
    }
  };
  const submit = () => {
    const text = draft.value.trim();
    if (busy || !model || (!text && files.value.length === 0)) return;
    void send(text, files.value, model);
    draft.value = "";
    files.value = [];
  };
  return (
    <form
      class="composer"
      onSubmit={(e) => (e.preventDefault(), submit())}
      onDragOver={(e) => e.preventDefault()}
      onDrop={(e) => (e.preventDefault(), void add(e.dataTransfer?.files ?? []))}
    >
      {files.value.length > 0 && (
        <ul class="files">
          {files.value.map((f, i) => (
            <li key={i}>
              {f.kind === "image" ? <img src={f.url} alt={f.name} /> : <span class="chip">{f.name}</span>}
              <button type="button" aria-label={t("remove", { name: f.name })} onClick={() => (files.value = files.value.filter((o) => o !== f))}>×</button>
            </li>
          ))}
        </ul>
      )}
      {problem && <p class="problem" role="alert">{problem}</p>}
      <textarea
        ref={field}
        aria-label={t("message")}
        placeholder={t("message_hint")}
        value={draft.value}
        rows={Math.min(8, Math.max(2, draft.value.split("\n").length))}
        onInput={(e) => (draft.value = e.currentTarget.value)}
        onPaste={(e) => {
          const pasted = [...(e.clipboardData?.files ?? [])];
          if (pasted.length > 0) (e.preventDefault(), void add(pasted));
        }}
        onKeyDown={(e) => {
          if (e.key === "Enter" && !e.shiftKey && !e.isComposing) (e.preventDefault(), submit());
        }}
      />
      <div class="buttons">
        <ModelPicker />
        <input ref={chooser} class="unseen" type="file" accept="image/*,audio/*" multiple tabIndex={-1} aria-label={t("attach_hint")} onChange={(e) => (void add([...(e.currentTarget.files ?? [])]), (e.currentTarget.value = ""))} />
        <button type="button" title={t("attach_hint")} onClick={() => chooser.current?.click()}>{t("attach")}</button>
        <Recorder take={(file) => void add([file])} fail={(why) => setProblem(t("mic_failed", { why }))} />
        <span class="gap" />
        {busy ? (
          <button type="button" class="primary" onClick={stop}>{t("stop")}</button>
        ) : (
          <button class="primary" disabled={!model}>{t("send")}</button>
        )}
      </div>
    </form>
  );
}
