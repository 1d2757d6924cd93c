// The server's log as it is written.
import { Fragment } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { request } from "../api";
import { events } from "../chat/event_stream";
import { clock } from "../format";
import { t } from "../i18n/language";
import { isSeam, joined, type Line } from "./lines";

const most = 2000;

async function follow(take: (line: Line) => void, stop: AbortSignal) {
  while (!stop.aborted) {
    try {
      const reply = await request("/sarai/logs?follow=true&last=500", { signal: stop });
      const run = reply.headers.get("x-sarai-run") ?? "";
      for await (const data of events(reply.body!)) take({ ...(JSON.parse(data) as Omit<Line, "run">), run });
    } catch {
      if (stop.aborted) return;
    }
    await new Promise((resume) => setTimeout(resume, 2000));
  }
}

export function LogsView() {
  const [lines, setLines] = useState<Line[]>([]);
  const [following, setFollowing] = useState(true);
  const [filter, setFilter] = useState("");
  const [level, setLevel] = useState("");
  const end = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const stop = new AbortController();
    let fresh: Line[] = [];
    void follow((line) => fresh.push(line), stop.signal);
    const pace = setInterval(() => {
      if (fresh.length === 0) return;
      const came = fresh;
      fresh = [];
      setLines((old) => joined(old, came, most));
    }, 200);
    return () => (stop.abort(), clearInterval(pace));
  }, []);
  const shown = lines.filter((l) => (!level || l.level === level) && (!filter || l.text.toLowerCase().includes(filter.toLowerCase())));
  useEffect(() => {
    if (following && end.current) end.current.scrollTop = end.current.scrollHeight;
  }, [shown.length, following]);
  return (
    <div class="view fill">
      <h1>{t("logs")}</h1>
      <div class="wishes">
        <label>
          {t("filter")}
          <input value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />
        </label>
        <label>
          {t("level")}
          <select value={level} onChange={(e) => setLevel(e.currentTarget.value)}>
            <option value="">{t("all_levels")}</option>
            {["debug", "info", "warning", "error"].map((n) => (
              <option key={n} value={n}>{n}</option>
            ))}
          </select>
        </label>
        <label class="check">
          <input type="checkbox" checked={following} onChange={(e) => setFollowing(e.currentTarget.checked)} /> {t("follow")}
        </label>
        <span class="quiet">{t("lines", { count: shown.length })}</span>
      </div>
      <ol class="log" ref={end} tabIndex={0} aria-label={t("log_label")}>
        {shown.map((l, i) => (
          <Fragment key={`${l.run} ${l.id}`}>
            {isSeam(shown[i - 1], l) && <li class="seam">{t("server_restarted")}</li>}
            <li class={l.level}>
              <time dateTime={l.at}>{clock(l.at)}</time> <b>{l.level}</b> {l.text}
            </li>
          </Fragment>
        ))}
      </ol>
    </div>
  );
}
