// Asks for a key where the server does, or where another is to be used.
import { useEffect, useRef } from "preact/hooks";
import { keepKey, key, keyAsked, keyWanted } from "../api";
import { t } from "../i18n/language";

export function KeyDialog() {
  const box = useRef<HTMLDialogElement>(null);
  const form = useRef<HTMLFormElement>(null);
  const asked = keyAsked.value;
  useEffect(() => {
    if (asked && !box.current?.open) box.current?.showModal();
    if (!asked) {
      box.current?.close();
      form.current?.reset(); // nothing of a key stays in a dialog that nobody sees
    }
  }, [asked]);
  return (
    // Browsers tell of a close a moment later, when the server may have asked for a key again.
    <dialog ref={box} aria-labelledby="key-title" onClose={(e) => e.currentTarget.open || (keyAsked.value = false)}>
      <form
        ref={form}
        onSubmit={(e) => {
          e.preventDefault();
          const said = new FormData(e.currentTarget);
          keepKey(String(said.get("key")).trim(), said.get("remember") !== null);
        }}
      >
        <h2 id="key-title">{t("key_title")}</h2>
        {keyWanted.value === "wrong" && <p class="problem" role="alert">{t("key_wrong")}</p>}
        <label>
          {t("key_label")}
          <input name="key" type="password" required autocomplete="off" />
        </label>
        <label class="check">
          <input name="remember" type="checkbox" /> {t("key_remember")}
        </label>
        <div class="buttons">
          <button class="primary">{t("key_enter")}</button>
          <button type="button" onClick={() => (keyAsked.value = false)}>{t("cancel")}</button>
          <span class="gap" />
          {key.value && <button type="button" onClick={() => keepKey("", false)}>{t("key_forget")}</button>}
        </div>
      </form>
    </dialog>
  );
}
