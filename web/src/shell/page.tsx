// The frame: views by the address's hash, what holds for all of them, and the live memory bar.
import { signal } from "@preact/signals";
import { key, keyAsked, keyWanted } from "../api";
import { ChatView } from "../chat/chat_view";
import { DecisionsView } from "../decisions/decisions_view";
import { EndpointsView } from "../endpoints/endpoints_view";
import { language, setLanguage, t, type Language } from "../i18n/language";
import { LogsView } from "../logs/logs_view";
import { SlimMemory } from "../memory/memory_bar";
import { MemoryView } from "../memory/memory_view";
import { PlanView } from "../plan/plan_view";
import { forbidden, offline, status } from "../status";
import { Boundary } from "./boundary";
import { KeyDialog } from "./key_dialog";
import { theme, themes, type Theme } from "./theme";

const views = { chat: ChatView, memory: MemoryView, decisions: DecisionsView, endpoints: EndpointsView, plan: PlanView, logs: LogsView };
type View = keyof typeof views;
const named = (): View => {
  const name = location.hash.slice(2);
  return name in views ? (name as View) : "chat";
};
const view = signal<View>(named());
addEventListener("hashchange", () => (view.value = named()));

function Settings() {
  return (
    <div class="settings">
      <select aria-label={t("language")} value={language.value} onChange={(e) => setLanguage(e.currentTarget.value as Language)}>
        <option value="en">English</option>
        <option value="es">Español</option>
      </select>
      <select aria-label={t("theme")} value={theme.value} onChange={(e) => (theme.value = e.currentTarget.value as Theme)}>
        {themes.map((name) => (
          <option key={name} value={name}>{t(`theme_${name}`)}</option>
        ))}
      </select>
      {(key.value || keyWanted.value) && <button type="button" onClick={() => (keyAsked.value = true)}>{t("key_change")}</button>}
    </div>
  );
}

export function Page() {
  const Shown = views[view.value];
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => (e.preventDefault(), document.getElementById("main")?.focus())}>{t("skip")}</a>
      <header>
        <span class="mark" title={status.value ? t("version", { version: status.value.version, time: `${Math.floor(status.value.uptime_s / 60)} min` }) : ""}>sarai</span>
        <nav aria-label={t("views")}>
          {(Object.keys(views) as View[]).map((name) => (
            <a key={name} href={`#/${name}`} aria-current={view.value === name ? "page" : undefined}>{t(name)}</a>
          ))}
        </nav>
        <Settings />
      </header>
      {status.value && view.value !== "memory" && <SlimMemory status={status.value} />}
      {offline.value && <p class="banner" role="alert">{t("offline")}</p>}
      {forbidden.value && <p class="banner" role="status">{t("forbidden", { why: forbidden.value })}</p>}
      {keyWanted.value && !keyAsked.value && <p class="banner" role="status">{t("key_title")}.</p>}
      <main id="main" tabIndex={-1}>
        <Boundary key={view.value}>
          <Shown />
        </Boundary>
      </main>
      <KeyDialog />
    </>
  );
}
