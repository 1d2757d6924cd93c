// Ten minutes of measured and reserved memory as lines.
import { t } from "../i18n/language";
import { bytes, clock } from "../format";
import { samples, span, type Sample } from "./history";

const width = 600;
const height = 120;

// An SVG path over the samples. Pure.
export function path(of: Sample[], value: (sample: Sample) => number, now: number, most: number): string {
  return of.map((s, i) => `${i === 0 ? "M" : "L"}${(width * (1 - (now - s.at) / span)).toFixed(1)},${(height * (1 - value(s) / most)).toFixed(1)}`).join("");
}

export function Series({ budget }: { budget: number }) {
  const now = samples.at(-1)?.at ?? Date.now();
  const measured = samples.map((s) => s.measured);
  const most = Math.max(budget, ...measured) * 1.05;
  const text = t("series_text", {
    minutes: 10, now: bytes(measured.at(-1) ?? 0), low: bytes(Math.min(...measured, Infinity) || 0), high: bytes(Math.max(...measured, 0)), budget: bytes(budget),
  });
  const minutes = samples.filter((s, i) => i === samples.length - 1 || Math.floor(s.at / 60000) !== Math.floor(samples[i + 1]!.at / 60000));
  return (
    <figure class="series">
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={text}>
        {[1, 2, 3, 4].map((i) => (
          <line key={i} class="grid" x1={(i * width) / 5} x2={(i * width) / 5} y1="0" y2={height} />
        ))}
        <line class="budget" x1="0" x2={width} y1={height * (1 - budget / most)} y2={height * (1 - budget / most)} />
        <path class="reserved" d={path(samples, (s) => s.reserved, now, most)} />
        <path class="measured" d={path(samples, (s) => s.measured, now, most)} />
      </svg>
      <div class="axis" aria-hidden="true">
        {[10, 8, 6, 4, 2].map((count) => (
          <span key={count}>{t("minutes_ago", { count })}</span>
        ))}
        <span>{t("now")}</span>
      </div>
      <details>
        <summary>{t("show_table")}</summary>
        <table>
          <caption class="unseen">{t("series")}</caption>
          <thead>
            <tr>
              <th scope="col">{t("time")}</th>
              <th scope="col" class="n">{t("measured")}</th>
              <th scope="col" class="n">{t("reserved")}</th>
            </tr>
          </thead>
          <tbody>
            {minutes.map((s) => (
              <tr key={s.at}>
                <td>{clock(s.at)}</td>
                <td class="n">{bytes(s.measured)}</td>
                <td class="n">{bytes(s.reserved)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
