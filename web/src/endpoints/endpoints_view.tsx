// The servers behind remote models: do they answer, how fast, and does the breaker let anything through.
import { duration } from "../format";
import { named, t } from "../i18n/language";
import { Scroll } from "../shell/scroll";
import { status } from "../status";

export function EndpointsView() {
  const now = status.value;
  if (!now) return null;
  const firsts = (name: string) =>
    now.models.flatMap((m) => (m.first_tokens ?? []).filter((f) => f.endpoint === name).map((f) => `${m.name} ${duration(f.median_ms)}, ${duration(f.p95_ms)}`));
  return (
    <div class="view">
      <h1>{t("endpoints")}</h1>
      {now.endpoints.length === 0 ? (
        <p class="quiet">{t("no_endpoints")}</p>
      ) : (
        <Scroll label={t("endpoints")}>
          <table>
            <caption class="unseen">{t("endpoints")}</caption>
            <thead>
              <tr>
                <th scope="col">{t("endpoint")}</th>
                <th scope="col">{t("health")}</th>
                <th scope="col">{t("breaker")}</th>
                <th scope="col" class="n">{t("latency")}</th>
                <th scope="col">{t("distance")}</th>
                <th scope="col" class="n">{t("in_flight")}</th>
                <th scope="col">{t("times")}</th>
                <th scope="col">{t("resident")}</th>
                <th scope="col">{t("last_error")}</th>
              </tr>
            </thead>
            <tbody>
              {now.endpoints.map((e) => (
                <tr key={e.name}>
                  <th scope="row">{e.name}</th>
                  <td><span class={`state ${e.up ? "ready" : "down"}`}>{t(e.up ? "up" : "down")}</span></td>
                  <td>{named("breaker", e.breaker)}</td>
                  <td class="n">{e.round_trip_ms === null ? "–" : duration(e.round_trip_ms)}</td>
                  <td>{e.distance ? t(e.distance === "wan" ? "wan" : "lan") : "–"}</td>
                  <td class="n">{e.in_flight} / {e.capacity}</td>
                  <td>{firsts(e.name).join("; ") || "–"}</td>
                  <td>{e.resident ? e.resident.join(", ") || "–" : t("unknown")}</td>
                  <td class="wide">{e.last_error ?? "–"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </div>
  );
}
