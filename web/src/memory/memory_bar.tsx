// The budget as a bar: every model a block, every ledger line a segment of it, what is measured below, its peak a tick.
import { t } from "../i18n/language";
import { bytes } from "../format";
import type { Status } from "../status";
import { groups, layOut, type Block } from "./layout";

const percent = (part: number, whole: number) => `${whole > 0 ? Math.min(100, (100 * part) / whole) : 0}%`;

function BlockOf({ block, slim }: { block: Block; slim: boolean }) {
  const most = Math.max(block.planned, block.measured, block.peak);
  return (
    <div class={`block ${block.state}`} style={{ width: percent(block.share, 1) }} title={`${block.name}: ${bytes(block.measured)} / ${bytes(block.planned)}`}>
      <div class="segments">
        {block.segments.map((segment) => (
          <div key={segment.group} class={`segment ${segment.group}`} style={{ width: percent(segment.bytes, most) }} />
        ))}
      </div>
      <div class="gauge">
        <div class="fill" style={{ width: percent(block.measured, most) }} />
        <div class="peak" style={{ left: percent(block.peak, most) }} />
      </div>
      {!slim && block.progress !== null && <div class="veil" style={{ width: percent(1 - block.progress, 1) }} />}
      {!slim && <div class="name">{block.name}</div>}
    </div>
  );
}

export function MemoryBar({ status, slim = false }: { status: Status; slim?: boolean }) {
  const layout = layOut(status);
  const { ledger } = status;
  const told = layout.blocks.map((b) => `${b.name} ${bytes(b.measured)}`).join(", ") || t("nothing_loaded");
  const label = t("bar_label", { reserved: bytes(ledger.reserved_bytes), budget: bytes(ledger.budget_bytes), measured: bytes(ledger.measured_bytes), models: told });
  return (
    <div class={slim ? "memory-bar slim" : "memory-bar"} role="img" aria-label={label}>
      <div class="block own" style={{ width: percent(layout.own, layout.scale) }} title={`${t("own")}: ${bytes(layout.own)}`} />
      {layout.blocks.map((block) => (
        <BlockOf key={block.name} block={block} slim={slim} />
      ))}
      {layout.scale > ledger.budget_bytes && <div class="limit" style={{ left: percent(ledger.budget_bytes, layout.scale) }} />}
    </div>
  );
}

export function SlimMemory({ status }: { status: Status }) {
  const loading = status.models.filter((m) => m.state === "loading");
  const { ledger } = status;
  return (
    <a class="slim-memory" href="#/memory">
      <MemoryBar status={status} slim />
      <span class="figures">
        <b>{bytes(ledger.measured_bytes)}</b> {t("measured")} · {bytes(ledger.reserved_bytes)} {t("reserved")} · {t("budget")} {bytes(ledger.budget_bytes)}
        {loading.map((m) => (
          <span key={m.name}> · {t("loading", { name: m.name })} {Math.round(100 * (m.progress ?? 0))} %</span>
        ))}
      </span>
    </a>
  );
}

export function Legend() {
  return (
    <ul class="legend">
      <li>
        <i class="own" /> {t("own")}
      </li>
      {groups.map((group) => (
        <li key={group}>
          <i class={`segment ${group}`} /> {t(`line_${group}`)}
        </li>
      ))}
      <li>
        <i class="mark fill" /> {t("measured")}
      </li>
      <li>
        <i class="mark peak" /> {t("peak")}
      </li>
    </ul>
  );
}
