"""`sarai plan` and `sarai fit` on real files: scenarios, what-if, and that what was fitted loads within its budget."""
import json
import pathlib
import tempfile

from harness import MODELS, Case, local, main, ollama, run_cli, wait_until

LAN = "http://127.0.0.1:9"  # nothing is asked while planning


class Folder(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sarai-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def config(self, models, memory="max_ram: 2GiB, reserve: 0", extra=""):
        lines = "\n".join(f"  {name}: {{{text}}}" for name, text in models.items())
        path = self.folder / "sarai.yaml"
        path.write_text(f"memory: {{{memory}}}\n{extra}\nmodels:\n{lines}\n")
        return path

    def plan(self, *arguments, status=0):
        done = run_cli("plan", *arguments, "--json")
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return json.loads(done.stdout)


class Scenarios(Folder):
    def system(self, on_loss="", memory="max_ram: 2GiB, reserve: 0"):
        return self.config({"solar": ollama(LAN, "solar", f"fallback: gguf_native, path: '{MODELS}/solar.gguf', context_length: 512{on_loss}"),
                            "lfm2": local("lfm2"), "omni": local("omni"), "embed": local("embed", "kind: embedding")},
                           memory, "estimates: {native: 19.1GB, hybrid: 7.5GB, system: 1.5GB}")

    def test_scenarios_stand_side_by_side_and_agree_with_each_other(self):
        plan = self.plan("--config", self.system())
        native, hybrid, degraded = plan["scenarios"]
        self.assertEqual([s["name"] for s in plan["scenarios"]], ["native", "hybrid", "degraded"])
        self.assertEqual(degraded["lost"], ["solar"])
        solar = plan["fallbacks"][0]["total_bytes"]
        self.assertEqual(native["total_bytes"], hybrid["total_bytes"] + solar)
        self.assertEqual(degraded["total_bytes"], native["total_bytes"])
        self.assertEqual(hybrid["saving_bytes"], solar)
        self.assertEqual(hybrid["total_bytes"], plan["total_bytes"])
        for scenario in plan["scenarios"]:
            self.assertEqual(scenario["total_bytes"], sum(m["total_bytes"] for m in scenario["models"]))
            self.assertEqual(scenario["needed_bytes"], scenario["pessimistic_bytes"] + plan["own_bytes"])
        self.assertEqual(native["estimate_bytes"], 19_100_000_000)
        text = run_cli("plan", "--config", self.system()).stdout
        for words in ("19.1 GB", "7.5 GB", "degraded: solar lost", "solar answers from its own file"):
            self.assertIn(words, text)

    def test_what_a_loss_may_displace_is_shown_and_a_fallback_that_does_not_fit_is_a_warning_unless_strict(self):
        whole = self.plan("--config", self.system())
        sizes = {m["name"]: m["total_bytes"] for m in whole["scenarios"][0]["models"]}
        tight = f"max_ram: {whole['scenarios'][1]['needed_bytes'] + sizes['solar'] // 2}B, reserve: 0"
        refused = self.plan("--config", self.system(memory=tight))["scenarios"][2]
        self.assertFalse(refused["fits"])
        self.assertGreater(refused["missing_bytes"], 0)
        self.plan("--config", self.system(memory=tight), "--strict", status=4)
        text = run_cli("plan", "--config", self.system(memory=tight), "--scenario", "degraded").stdout
        self.assertIn("cannot answer from its own file", text)
        displacing = self.plan("--config", self.system(", on_loss: {fallback: local, may_displace: [omni, lfm2]}", tight), "--strict")
        self.assertEqual(displacing["scenarios"][2]["displaced"], ["omni"])
        self.assertTrue(displacing["scenarios"][2]["fits"])

    def test_one_scenario_can_be_asked_for(self):
        for name in ("native", "hybrid", "degraded"):
            self.assertEqual([s["name"] for s in self.plan("--config", self.system(), "--scenario", name)["scenarios"]], [name])
        alone = self.config({"lfm2": local("lfm2")})
        self.assertEqual([s["name"] for s in self.plan("--config", alone)["scenarios"]], ["hybrid"])
        self.assertIn("no model has servers", run_cli("plan", "--config", alone, "--scenario", "degraded").stdout)


class WhatIf(Folder):
    def test_changes_are_planned_beside_what_is_configured(self):
        config = self.config({"lfm2": local("lfm2"), "solar": local("solar")})
        before = {m["name"]: m["total_bytes"] for m in self.plan("--config", config)["models"]}
        plan = self.plan("--config", config, "--what-if", "solar.ctx=4096,ram=8GiB")
        after = {m["name"]: m["total_bytes"] for m in plan["models"]}
        self.assertAlmostEqual(after["lfm2"], before["lfm2"], delta=2**20)
        self.assertGreater(after["solar"], before["solar"])
        self.assertEqual(plan["machine_bytes"], 8 * 2**30)
        self.assertEqual(len(plan["what_if"]["changes"]), 2)
        text = run_cli("plan", "--config", config, "--what-if", "kv=q8_0").stdout
        self.assertIn("what if: kv_cache_type of all models: q8_0", text)
        self.assertIn("AS CONFIGURED", text)

    def test_it_works_on_files_alone(self):
        plan = self.plan(MODELS / "lfm2.gguf", MODELS / "embed.gguf", "--what-if", "ctx=1024,lfm2.gguf.prompt_cache=64MiB")
        lines = {line["what"]: line["bytes"] for line in plan["models"][0]["lines"]}
        self.assertEqual(lines["prompt_cache"], 64 * 2**20)
        self.assertEqual([s["name"] for s in plan["scenarios"]], ["hybrid"])

    def test_files_say_what_they_are_for(self):
        files = [MODELS / f"{name}.gguf" for name in ("lfm2", "embed", "rerank")]
        plan = self.plan(*files)
        configured = self.plan("--config", self.config({"lfm2": local("lfm2"), "embed": local("embed", "kind: embedding"), "rerank": local("rerank", "kind: rerank")}), "--what-if", "ctx=2048")
        self.assertEqual([m["total_bytes"] for m in plan["models"]], [m["total_bytes"] for m in configured["models"]])

    def test_what_is_not_understood_is_explained_with_status_2(self):
        for text, words in (("cxt=512", "did you mean ctx"), ("kv=q9_0", "f16 or bf16 or q8_0"), ("lfm3.gguf.ctx=1", "did you mean lfm2.gguf")):
            done = run_cli("plan", MODELS / "lfm2.gguf", "--what-if", text)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn(words, done.stderr)


class Fit(Folder):
    def fit(self, *arguments, status=0):
        done = run_cli("fit", *arguments)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def system(self):
        return self.config({"solar": ollama(LAN, "solar", f"fallback: gguf_native, path: '{MODELS}/solar.gguf', priority: 80"),
                            "lfm2": local("lfm2"), "embed": local("embed", "kind: embedding")})

    def test_what_fit_prints_is_a_valid_configuration_that_is_planned_within_the_budget(self):
        budget = 300 * 2**20
        text = self.fit("--config", self.system(), "--native", "--budget", "300MiB")
        path = self.folder / "fitted.yaml"
        path.write_text(text)
        checked = run_cli("config", "check", path)
        self.assertEqual(checked.returncode, 0, checked.stdout)
        self.assertIn("3 models (3 local)", checked.stdout)
        plan = self.plan("--config", path)
        self.assertEqual(plan["budget_bytes"], budget)
        self.assertTrue(plan["fits"])
        printed = json.loads(self.fit("--config", self.system(), "--native", "--budget", "300MiB", "--json"))
        self.assertEqual(text[text.index("server:"):], printed["configuration"])
        for chosen, planned in zip(printed["models"], plan["models"]):
            self.assertEqual(chosen["name"], planned["name"])
            self.assertAlmostEqual(chosen["total_bytes"], planned["total_bytes"], delta=2**20)

    def test_a_fitted_configuration_loads_and_answers_within_the_budget(self):
        path = self.folder / "fitted.yaml"
        report = self.fit("--config", self.system(), "--native", "--budget", "300MiB", "--output", path)
        self.assertIn("fits", report)
        # The harness writes its own file; what was chosen is put into it.
        chosen = json.loads(self.fit("--config", path, "--budget", "300MiB", "--json"))["models"]
        models = {m["name"]: f"backend: gguf_native, path: '{m['path']}', context_length: {m['context_length']}, parallel: {m['parallel']}, "
                             f"kv_cache_type: {m['kv_cache_type']}, prompt_cache: {m['prompt_cache_bytes']}B, preload: true"
                             + (", kind: embedding" if m["name"] == "embed" else f", batch: {m['batch']}") for m in chosen}
        sarai = self.serve(models, memory="max_ram: 300MiB")
        wait_until(lambda: all(r["state"] == "ready" and r["measured_bytes"] for r in sarai.status()["models"]), "all models")
        for name in ("solar", "lfm2"):
            self.assertEqual(sarai.chat(name).status, 200)
        pss = 0
        for pid in [sarai.process.pid, *sarai.workers()]:
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            pss += int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1]) * 1024
        self.assertLess(pss, 300 * 2**20)

    def test_the_rest_of_the_configuration_goes_along_and_what_is_there_is_not_written_over(self):
        path = self.folder / "mine.yaml"
        path.write_text(self.system().read_text() + "telemetry: {otlp_endpoint: 'http://127.0.0.1:4318'}\n"
                        "pipelines: {twice: {steps: [{name: one, model: lfm2}, {name: two, model: lfm2, prompt: \"{{ steps.one }}\\n\"}]}}\n")
        was = path.read_text()
        fit = ("fit", "--config", path, "--native", "--budget", "300MiB", "--output", path)
        refused = run_cli(*fit)
        self.assertEqual(refused.returncode, 2, refused.stdout + refused.stderr)
        self.assertIn("mine.yaml exists", refused.stderr)
        self.assertEqual(path.read_text(), was)
        written = run_cli(*fit, "--force")
        self.assertEqual(written.returncode, 0, written.stderr)
        self.assertIn("otlp_endpoint", path.read_text())
        self.assertIn('"twice":', path.read_text())
        self.assertEqual(run_cli("config", "check", path).returncode, 0)
        lost = run_cli("fit", "--config", path, "--budget", "300MiB", "--output", self.folder / "none" / "fitted.yaml")
        self.assertEqual(lost.returncode, 1)
        self.assertIn("cannot write", lost.stderr)
        # lfm2 is a file of that name then, and the pipeline's model is gone.
        other = run_cli("fit", "--config", path, "--budget", "1GiB", MODELS / "lfm2.gguf")
        self.assertEqual(other.returncode, 2, other.stdout + other.stderr)
        self.assertIn("pipelines.twice.steps[0].model", other.stderr)

    def test_what_is_impossible_exits_4_and_says_by_how_much_and_with_that_it_is_possible(self):
        done = json.loads(self.fit("--config", self.system(), "--native", "--budget", "60MiB", "--json", status=4))
        self.assertFalse(done["possible"])
        self.assertGreater(done["missing_bytes"], 0)
        self.assertIn("does not fit: the least that these models can do with", self.fit("--config", self.system(), "--native", "--budget", "60MiB", status=4))
        # Two measurements of one file differ by a page or two.
        self.fit("--config", self.system(), "--native", "--budget", f"{done['needed_bytes'] + 2 * 2**20}B")

    def test_files_alone_can_be_fitted(self):
        text = self.fit(MODELS / "lfm2.gguf", MODELS / "embed.gguf", MODELS / "rerank.gguf", "--budget", "1GiB")
        path = self.folder / "fitted.yaml"
        path.write_text(text)
        self.assertEqual(run_cli("config", "check", path).returncode, 0)
        self.assertIn("kind: embedding", text)
        self.assertIn("kind: rerank", text)
        broken = self.folder / "junk.gguf"
        broken.write_bytes(b"not a model")
        done = run_cli("fit", broken, "--budget", "1GiB")
        self.assertEqual(done.returncode, 1)
        self.assertIn("junk.gguf", done.stderr)

    def test_servers_models_are_left_alone_without_native(self):
        printed = json.loads(self.fit("--config", self.system(), "--budget", "300MiB", "--json"))
        self.assertEqual([m["name"] for m in printed["models"]], ["lfm2", "embed"])
        self.assertIn("backend: ollama_http", printed["configuration"])


if __name__ == "__main__":
    main()
