// Who is to answer: a model, the router or a pipeline.
import { named, t } from "../i18n/language";
import { models, status, type ListedModel } from "../status";
import { chooseModel, chosenModel } from "./conversations";

const isPipeline = (m: ListedModel) => m.sarai?.kind === "pipeline" || m.sarai?.backend === "pipeline" || m.sarai?.steps !== undefined;
const answers = (m: ListedModel) => m.sarai?.kind !== "embedding" && m.sarai?.kind !== "rerank" && m.sarai?.kind !== "transcription";

// What was chosen, or the first that answers where that is not there.
export function modelToAsk(all: ListedModel[], chosen: string): string {
  const possible = all.filter(answers);
  return possible.find((m) => m.id === chosen)?.id ?? possible.find((m) => m.id === "auto")?.id ?? possible[0]?.id ?? "";
}

export function ModelPicker() {
  const all = models.value.filter(answers);
  const plain = all.filter((m) => m.id !== "auto" && !isPipeline(m));
  const state = (m: ListedModel) => {
    const rows = status.value?.models.filter((row) => row.name === m.id) ?? [];
    // A fallback that is there answers for a server that is not.
    return (rows.find((row) => row.state === "ready" || row.state === "remote") ?? rows[0])?.state ?? m.sarai?.state ?? "";
  };
  const option = (m: ListedModel, name: string) => (
    <option key={m.id} value={m.id}>{name}</option>
  );
  return (
    <select class="picker" aria-label={t("model")} value={modelToAsk(models.value, chosenModel.value)} onChange={(e) => chooseModel(e.currentTarget.value)}>
      {all.some((m) => m.id === "auto") && <optgroup label={t("router_group")}>{option({ id: "auto" }, t("auto_name"))}</optgroup>}
      <optgroup label={t("models_group")}>{plain.map((m) => option(m, state(m) ? `${m.id} · ${named("state", state(m))}` : m.id))}</optgroup>
      {all.some(isPipeline) && <optgroup label={t("pipelines_group")}>{all.filter(isPipeline).map((m) => option(m, m.id))}</optgroup>}
    </select>
  );
}
