// "What if": the configuration with other values, planned beside the one that runs, and nothing is loaded.
import { useEffect, useState } from "preact/hooks";
import { get } from "../api";
import { bytes } from "../format";
import { t } from "../i18n/language";
import { segmentsOf } from "../memory/layout";
import { Legend } from "../memory/memory_bar";
import { Scroll } from "../shell/scroll";
import { whatIf, type PlannedScenario, type PlanReport, type Wishes } from "./report";

const none: Wishes = { model: "", ctx: "", kv: "", parallel: "", ram: "", budget: "" };

function title(scenario: PlannedScenario): string {
  return scenario.name === "degraded" ? t("degraded", { lost: scenario.lost.join(", ") }) : t(scenario.name === "native" ? "native" : "hybrid");
}

function ScenarioOf({ scenario, report }: { scenario: PlannedScenario; report: PlanReport }) {
  const scale = Math.max(report.budget_bytes, scenario.needed_bytes);
  const left = report.budget_bytes - scenario.needed_bytes;
  const verdict = left >= 0 ? t("left", { bytes: bytes(left) }) : t("too_much", { missing: bytes(-left) });
  const models = scenario.models.filter((m) => m.total_bytes > 0);
  const label = `${title(scenario)}: ${bytes(scenario.needed_bytes)}, ${verdict}`;
  return (
    <section class="scenario">
      <h2>
        {title(scenario)} <b>{bytes(scenario.total_bytes)}</b> <span class={scenario.fits ? "good" : "bad"}>{verdict}</span>
        {scenario.saving_bytes ? <span class="quiet"> · {t("saved")} {bytes(scenario.saving_bytes)}</span> : null}
      </h2>
      <div class="memory-bar" role="img" aria-label={label}>
        <div class="block own" style={{ width: `${(100 * report.own_bytes) / scale}%` }} />
        {models.map((model) => (
          <div key={model.name} class="block ready" style={{ width: `${(100 * model.total_bytes) / scale}%` }} title={`${model.name}: ${bytes(model.total_bytes)}`}>
            <div class="segments">
              {segmentsOf(model.lines).map((s) => (
                <div key={s.group} class={`segment ${s.group}`} style={{ width: `${(100 * s.bytes) / model.total_bytes}%` }} />
              ))}
            </div>
            <div class="name">{model.name}</div>
          </div>
        ))}
        {left < 0 && <div class="limit" style={{ left: `${(100 * report.budget_bytes) / scale}%` }} />}
      </div>
      <details>
        <summary>{t("show_table")}</summary>
        <Scroll label={title(scenario)}>
          <table>
            <caption class="unseen">{title(scenario)}</caption>
            <thead>
              <tr>
                <th scope="col">{t("model")}</th>
                <th scope="col">{t("role")}</th>
                <th scope="col" class="n">{t("total")}</th>
              </tr>
            </thead>
            <tbody>
              {scenario.models.map((m) => (
                <tr key={m.name}>
                  <th scope="row">{m.name}</th>
                  <td>{m.role ?? ""}</td>
                  <td class="n">{m.total_bytes ? bytes(m.total_bytes) : t("zero_here")}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </details>
    </section>
  );
}

export function PlanView() {
  const [wishes, setWishes] = useState<Wishes>(none);
  const [report, setReport] = useState<PlanReport | null>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const ask = async (question: string) => {
    setBusy(true);
    setProblem("");
    try {
      setReport(await get<PlanReport>(`/sarai/plan${question ? `?what_if=${encodeURIComponent(question)}` : ""}`));
    } catch (error) {
      setProblem((error as Error).message);
    }
    setBusy(false);
  };
  useEffect(() => void ask(""), []);
  const names = [...new Set([...(report?.models ?? []), ...(report?.fallbacks ?? [])].filter((m) => m.backend === "gguf_native").map((m) => m.name))];
  const field = (name: keyof Wishes, label: string, hint: string) => (
    <label>
      {label}
      <input name={name} value={wishes[name]} placeholder={hint} onInput={(e) => setWishes({ ...wishes, [name]: e.currentTarget.value })} />
    </label>
  );
  return (
    <div class="view">
      <h1>{t("plan")}</h1>
      <p class="quiet">{t("plan_intro")}</p>
      <form
        class="wishes"
        onSubmit={(e) => {
          e.preventDefault();
          void ask(whatIf(wishes));
        }}
      >
        <label>
          {t("whose")}
          <select value={wishes.model} onChange={(e) => setWishes({ ...wishes, model: e.currentTarget.value })}>
            <option value="">{t("all_models")}</option>
            {names.map((n) => (
              <option key={n} value={n}>{n}</option>
            ))}
          </select>
        </label>
        {field("ctx", t("context"), "8192")}
        <label>
          {t("kv_type")}
          <select name="kv" value={wishes.kv} onChange={(e) => setWishes({ ...wishes, kv: e.currentTarget.value })}>
            <option value="">{t("as_configured")}</option>
            {["f16", "q8_0", "q4_0"].map((n) => (
              <option key={n} value={n}>{n}</option>
            ))}
          </select>
        </label>
        {field("parallel", t("parallel"), "2")}
        {field("ram", t("ram"), "8GiB")}
        {field("budget", t("max_ram"), "6GiB")}
        <div class="buttons">
          <button class="primary" disabled={busy}>{t("try_it")}</button>
          <button type="button" disabled={busy} onClick={() => (setWishes(none), void ask(""))}>{t("reset")}</button>
        </div>
      </form>
      {whatIf(wishes) && (
        <p class="quiet">
          {t("plan_what_if")}: <code>sarai plan --what-if {whatIf(wishes)}</code>
        </p>
      )}
      <div role="status">{busy && <p>{t("measuring")}</p>}</div>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {report?.what_if && (
        <div class="changes">
          <b>{t("changes")}</b>
          <ul>
            {report.what_if.changes.map((change) => (
              <li key={change}>{change}</li>
            ))}
          </ul>
          <p>{t("difference", { difference: `${report.what_if.difference_bytes > 0 ? "+" : ""}${bytes(report.what_if.difference_bytes)}` })}</p>
        </div>
      )}
      {report && (
        <>
          <p>{t("of_budget", { budget: bytes(report.budget_bytes) })}</p>
          {report.scenarios.map((s) => (
            <ScenarioOf key={s.name + s.lost.join()} scenario={s} report={report} />
          ))}
          <Legend />
        </>
      )}
    </div>
  );
}
