// Where every megabyte is: the bar, its figures, the last minutes, and what would fit next.
import { useEffect, useState } from "preact/hooks";
import { get, post } from "../api";
import { bytes } from "../format";
import { named, t } from "../i18n/language";
import { status, type ModelRow, type Status } from "../status";
import type { PlanReport } from "../plan/report";
import { Scroll } from "../shell/scroll";
import { groups, isHere, isLocal, segmentsOf } from "./layout";
import { Legend, MemoryBar } from "./memory_bar";
import { Series } from "./series";

function Ledger({ rows, say }: { rows: ModelRow[]; say: (problem: string) => void }) {
  const act = (what: "load" | "unload", model: string) => post(`/sarai/${what}`, { model }).then(() => say(""), (e: Error) => say(e.message));
  return (
    <Scroll label={t("local_models")}>
      <table>
        <caption>{t("local_models")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("model")}</th>
            <th scope="col">{t("state")}</th>
            {groups.map((g) => (
              <th key={g} scope="col" class="n">{t(`line_${g}`)}</th>
            ))}
            <th scope="col" class="n">{t("planned")}</th>
            <th scope="col" class="n">{t("measured")}</th>
            <th scope="col" class="n">{t("peak")}</th>
            <td />
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const segments = segmentsOf(row.plan ?? []);
            const busy = row.state === "loading" || row.state === "measuring" || row.state === "stopping";
            return (
              <tr key={row.name}>
                <th scope="row">{row.name}</th>
                <td>
                  <span class={`state ${row.state}`}>{named("state", row.state)}</span> {row.state === "loading" && <progress aria-label={t("loading", { name: row.name })} value={row.progress ?? 0} max={1} />}
                  {row.reduced && <small> {row.reduced}</small>}
                  {row.last_error && <small class="bad"> {row.last_error}</small>}
                </td>
                {groups.map((g) => {
                  const segment = segments.find((s) => s.group === g);
                  return <td key={g} class="n">{segment ? bytes(segment.bytes) : "–"}</td>;
                })}
                <td class="n">{row.planned_bytes ? bytes(row.planned_bytes) : "–"}</td>
                <td class="n"><b>{row.measured_bytes ? bytes(row.measured_bytes) : "–"}</b></td>
                <td class="n">{row.peak_bytes ? bytes(row.peak_bytes) : "–"}</td>
                <td>
                  <button type="button" disabled={busy} onClick={() => act(isHere(row) ? "unload" : "load", row.name)} aria-label={`${t(isHere(row) ? "unload" : "load")} ${row.name}`}>
                    {t(isHere(row) ? "unload" : "load")}
                  </button>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

function Remote({ rows }: { rows: ModelRow[] }) {
  return (
    <Scroll label={t("remote_models")}>
      <table>
        <caption>{t("remote_models")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("model")}</th>
            <th scope="col">{t("state")}</th>
            <th scope="col">{t("backend")}</th>
            <th scope="col">{t("endpoint")}</th>
            <th scope="col" class="n">{t("here")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.name}>
              <th scope="row">{row.name}</th>
              <td><span class={`state ${row.state}`}>{named("state", row.state)}</span></td>
              <td>{row.backend}</td>
              <td>{(row.endpoints ?? [row.endpoint]).join(", ")}</td>
              <td class="n">{t("zero_here")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

// What a model that is not in memory needs, against what is not reserved.
function Next({ now }: { now: Status }) {
  const [plan, setPlan] = useState<PlanReport | null>(null);
  useEffect(() => void get<PlanReport>("/sarai/plan").then(setPlan, () => setPlan(null)), []);
  if (!plan) return null;
  const free = now.ledger.budget_bytes - now.ledger.reserved_bytes;
  const here = new Set(now.models.filter(isHere).map((m) => m.name));
  const rows = [...plan.models, ...plan.fallbacks].filter((m) => isLocal(m) && m.total_bytes);
  return (
    <Scroll label={t("next")}>
      <table>
        <caption>{t("next")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("model")}</th>
            <th scope="col" class="n">{t("needs")}</th>
            <th scope="col">{t("verdict")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((m) => {
            const needs = m.pessimistic_bytes ?? m.total_bytes;
            const missing = bytes(needs - free);
            const ever = needs + plan.own_bytes <= plan.budget_bytes;
            return (
              <tr key={m.name}>
                <th scope="row">{m.name}</th>
                <td class="n">{bytes(needs)}</td>
                <td>
                  {here.has(m.name) ? <span class="state ready">{t("in_memory")}</span> : needs <= free ? <span class="good">{t("fits")}</span> : <span class={ever ? "warn" : "bad"}>{t(ever ? "fits_after" : "fits_not", { missing })}</span>}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

export function MemoryView() {
  const [problem, say] = useState("");
  const now = status.value;
  if (!now) return null;
  const { ledger, enforcement } = now;
  return (
    <div class="view">
      <h1>{t("memory")}</h1>
      <dl class="figures-row">
        {([["measured", ledger.measured_bytes], ["reserved", ledger.reserved_bytes], ["peak", ledger.peak_bytes], ["free", Math.max(0, ledger.budget_bytes - ledger.reserved_bytes)], ["budget", ledger.budget_bytes]] as const).map(([name, value]) => (
          <div key={name}>
            <dt>{t(name)}</dt>
            <dd>{bytes(value)}</dd>
          </div>
        ))}
      </dl>
      <MemoryBar status={now} />
      <Legend />
      <p class="quiet">
        {t("own")}: {bytes(ledger.own_bytes)} · {t("enforcement", { mode: named("mode", enforcement.mode), level: named("level", enforcement.level) })} · {t("machine", { bytes: bytes(ledger.available_bytes) })}
        {enforcement.reason && ` · ${enforcement.reason}`}
      </p>
      {problem && <p class="problem" role="alert">{problem}</p>}
      <Ledger rows={now.models.filter(isLocal)} say={say} />
      {now.models.some((m) => !isLocal(m)) ? <Remote rows={now.models.filter((m) => !isLocal(m))} /> : <p class="quiet">{t("no_remote")}</p>}
      <h2>{t("series")}</h2>
      <Series budget={ledger.budget_bytes} />
      <Next now={now} />
    </div>
  );
}
