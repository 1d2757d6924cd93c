// Why each answer came from where it came, and what the pool decided meanwhile.
import { useEffect, useState } from "preact/hooks";
import { get } from "../api";
import { conversations } from "../chat/conversations";
import { isEnded } from "../chat/message";
import { bytes, clock, duration, number } from "../format";
import { named, t } from "../i18n/language";
import { Scroll } from "../shell/scroll";

interface PoolDecision {
  model: string; event: string; outcome: string; at: string; times?: number; asked_bytes: number | null; free_bytes: number | null;
  options: { what: string; needs_bytes: number | null; cost_ms: number | null; possible: boolean; note?: string | null }[];
}

function Answers() {
  const rows = conversations.value
    .flatMap((c) => c.messages.flatMap((m, i) => (m.decision ? [{ id: m.id, decision: m.decision, prompt: c.messages[i - 1]?.text ?? "", problem: m.problem }] : [])))
    .sort((a, b) => b.decision.at - a.decision.at)
    .slice(0, 100);
  if (rows.length === 0) return <p class="quiet">{t("answers_none")}</p>;
  return (
    <Scroll label={t("answers")}>
      <table>
        <caption class="unseen">{t("answers")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("time")}</th>
            <th scope="col">{t("prompt")}</th>
            <th scope="col">{t("model")}</th>
            <th scope="col">{t("backend")}</th>
            <th scope="col">{t("endpoint")}</th>
            <th scope="col" class="n">{t("first")}</th>
            <th scope="col" class="n">{t("rate")}</th>
            <th scope="col">{t("reason")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ id, decision: d, prompt, problem }) => (
            <tr key={id}>
              <td>{clock(d.at)}</td>
              <td class="prompt">{prompt.slice(0, 60)}</td>
              <th scope="row">{d.model}{d.asked !== d.model && <small> {t("asked", { model: d.asked })}</small>}</th>
              <td>{d.backend}</td>
              <td>{d.endpoint}</td>
              <td class="n">{d.firstMs === null ? "–" : duration(d.firstMs)}</td>
              <td class="n">{d.rate === null ? "–" : number(d.rate, 1)}</td>
              <td class="wide">
                {d.fallback && <span class="chip warn">{t("fallback")}</span>} {d.reason}
                {d.seams.map((s, i) => (
                  <div key={i} class="warn">{t("seam", { tokens: s.tokens, from: s.from, to: s.to, reason: s.reason })}</div>
                ))}
                {problem && !isEnded(problem) && <div class="bad">{problem}</div>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

export function DecisionsView() {
  const [decisions, setDecisions] = useState<PoolDecision[]>([]);
  useEffect(() => {
    const ask = () => void get<{ decisions: PoolDecision[] }>("/sarai/why?last=50").then((r) => setDecisions(r.decisions), () => undefined);
    ask();
    const pace = setInterval(ask, 2000);
    return () => clearInterval(pace);
  }, []);
  return (
    <div class="view">
      <h1>{t("decisions")}</h1>
      <h2>{t("answers")}</h2>
      <Answers />
      <h2>{t("pool_decisions")}</h2>
      {decisions.length === 0 && <p class="quiet">{t("none_yet")}</p>}
      <ol class="pool">
        {decisions.map((d, i) => (
          <li key={`${d.at}${d.model}${i}`}>
            <details>
              <summary>
                <time dateTime={d.at}>{clock(d.at)}</time> <span class="chip">{named("event", d.event)}</span> <b>{d.model}</b> {d.outcome}
                {(d.times ?? 1) > 1 && ` ×${d.times}`}
              </summary>
              <p>
                {d.asked_bytes !== null && `${t("asked_bytes")} ${bytes(d.asked_bytes)}`} {d.free_bytes !== null && `· ${t("free_bytes")} ${bytes(d.free_bytes)}`}
              </p>
              {d.options.length > 0 && (
                <ul>
                  {d.options.map((o) => (
                    <li key={o.what} class={o.possible ? "" : "quiet"}>
                      {o.what} {o.needs_bytes ? `· ${bytes(o.needs_bytes)}` : ""} {o.cost_ms !== null && `· ${t("cost", { time: duration(o.cost_ms) })}`} {!o.possible && `· ${t("impossible")}`} {o.note}
                    </li>
                  ))}
                </ul>
              )}
            </details>
          </li>
        ))}
      </ol>
    </div>
  );
}
