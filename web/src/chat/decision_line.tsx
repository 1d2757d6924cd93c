// Who answered, how fast and why, below each answer.
import { duration, number } from "../format";
import { t } from "../i18n/language";
import type { Decision } from "./message";

export function DecisionLine({ decision }: { decision: Decision }) {
  const seams = decision.seams;
  return (
    <details class="decision">
      <summary>
        <b>{decision.model}</b>
        {decision.asked !== decision.model && <span class="chip">{decision.asked}</span>}
        {(decision.fallback || seams.length > 0) && <span class="chip warn seam">{t("fallback")}</span>}
        <span>{seams.at(-1)?.to ?? decision.endpoint}</span>
        {decision.rate !== null && <span>{t("per_second", { rate: number(decision.rate, 1) })}</span>}
        {decision.firstMs !== null && <span>{t("ttft", { time: duration(decision.firstMs) })}</span>}
        <span>{t("tokens", { count: number(decision.tokens) })}</span>
      </summary>
      <dl>
        <dt>{t("why")}</dt>
        <dd>{decision.reason || "–"}</dd>
        <dt>{t("backend")}</dt>
        <dd>
          {decision.backend} · {decision.endpoint}
        </dd>
        {decision.steps.length > 0 && <dt>{t("steps")}</dt>}
        {decision.steps.map((s) => (
          <dd key={s.name}>
            {s.name}: {s.model} {s.endpoint} {s.seconds !== undefined && duration(1000 * s.seconds)} {s.tokens !== undefined && t("tokens", { count: s.tokens })}
          </dd>
        ))}
        {seams.length > 0 && <dt>{t("fallback")}</dt>}
        {seams.map((s, i) => (
          <dd key={i}>
            {t("seam", { tokens: s.tokens, from: s.from, to: s.to, reason: s.reason })} {t(s.exact ? "seam_exact" : "seam_text")}
          </dd>
        ))}
      </dl>
    </details>
  );
}
