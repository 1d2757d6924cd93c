// Asks for a key where the server does.
import { useEffect, useRef } from "preact/hooks";
import { keepKey, keyWanted } from "../api";
import { t } from "../i18n/language";

export function KeyDialog() {
  const box = useRef<HTMLDialogElement>(null);
  const wanted = keyWanted.value;
  useEffect(() => {
    if (wanted && !box.current?.open) box.current?.showModal();
    if (!wanted) box.current?.close();
  }, [wanted]);
  return (
    <dialog ref={box} aria-labelledby="key-title" onCancel={(e) => e.preventDefault()}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          const said = new FormData(e.currentTarget);
          keepKey(String(said.get("key")).trim(), said.get("remember") !== null);
        }}
      >
        <h2 id="key-title">{t("key_title")}</h2>
        {wanted === "wrong" && <p class="problem" role="alert">{t("key_wrong")}</p>}
        <label>
          {t("key_label")}
          <input name="key" type="password" required autocomplete="off" />
        </label>
        <label class="check">
          <input name="remember" type="checkbox" /> {t("key_remember")}
        </label>
        <button class="primary">{t("key_enter")}</button>
      </form>
    </dialog>
  );
}
