"""The command line against a running server: what people type, and what scripts read."""
import http.server
import json
import os
import signal
import subprocess
import threading
import time

from harness import BIN, MODELS, Case, Demo, FakeUpstream, JsonFace, Sarai, Terminal, alive, children_of, free_port, local, main, ollama, run_cli, wait_until


class Remembering(http.server.ThreadingHTTPServer):
    """A sarai with one model on a server, and a peak from before."""

    def __init__(self, peak):
        super().__init__(("127.0.0.1", 0), self.Face)
        self.peak, self.asked = peak, False

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server_port}"

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    class Face(JsonFace):
        def do_GET(self):
            self.answer({"data": [{"id": "embed", "sarai": {"backend": "openai_http", "kind": "embedding"}}], "models": [],
                         "ledger": {"budget_bytes": 5, "own_bytes": 1, "measured_bytes": 3,
                                    "peak_bytes": max(9, self.server.peak if self.server.asked else 0)}, "decisions": []})

        def do_POST(self):
            self.server.asked = True
            self.answer({"data": [{"embedding": [1.0]}]})

        def log_message(self, *_):
            pass


class Commands(Case):
    def setUp(self):
        self.lan = self.serve({"solar": local("solar", "preload: true")})
        self.sarai = self.serve({
            "solar": ollama(self.lan.url, "solar", f"fallback: gguf_native, path: '{MODELS}/solar.gguf', context_length: 512"),
            "lfm2": local("lfm2", "preload: true"), "omni": local("omni"), "embed": local("embed", "kind: embedding")})

    def test_prove_loads_all_asks_all_at_once_and_holds_the_limit(self):
        done = self.sarai.cli("prove", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual([m["name"] for m in report["models"]], ["solar", "lfm2", "omni", "embed"])
        self.assertTrue(report["all_answered"] and report["simultaneous"] and report["within_budget"] and report["passed"])
        self.assertGreaterEqual(report["in_flight"], 3)
        self.assertEqual({m["name"]: m["backend"] for m in report["models"]},
                         {"solar": "ollama_http", "lfm2": "gguf_native", "omni": "gguf_native", "embed": "gguf_native"})
        self.assertTrue(all(m["tokens"] == 96 for m in report["models"] if m["name"] != "embed"), report)
        table = self.sarai.cli("prove").stdout
        for word in ("measured here", "models at once", "yes: memory stayed within the limit"):
            self.assertIn(word, table)
        for word in ("estimate", r"19\.1 GB", r"longest load +60 s", r"\(LAN\)"):
            self.assertNotRegex(table, word, "nobody has estimated these models")

    def test_prove_sees_that_one_model_waits_for_the_other(self):
        for capacity in (1, 2):
            with FakeUpstream("openai", tokens=20, token_delay_ms=20) as box:
                chat = f"backend: openai_http, endpoints: [{{url: '{box.url}/v1', capacity: {capacity}}}], model: fake"
                done = self.serve({"one": chat, "two": chat}).cli("prove", "--json")
                report = json.loads(done.stdout)
                self.assertTrue(report["all_answered"] and report["within_budget"], report)
                self.assertEqual((report["simultaneous"], report["in_flight"], done.returncode),
                                 (capacity == 2, capacity, 0 if capacity == 2 else 1), report)

    def test_prove_prints_estimates_of_these_models_beside_what_it_measured(self):
        original = self.serve({"lfm2": local("lfm2")}, extra="estimates: {native: 19.1GB, hybrid: 7.5GB}")
        table = original.cli("prove").stdout
        self.assertRegex(table, r"(?m)^RAM used +19\.1 GB +7\.5 GB +\d+ MiB$")
        self.assertRegex(table, r"(?m)^longest load +60 s +under 1 s +[\d.]+ s$")
        mine = self.serve({"lfm2": local("lfm2")}, extra="estimates: {hybrid: 2GB}")
        table = mine.cli("prove").stdout
        self.assertRegex(table, r"(?m)^RAM used +- +2\.0 GB +\d+ MiB$")
        self.assertRegex(table, r"(?m)^longest load +- +- +[\d.]+ s$", "that was said of another set")

    def test_prove_judges_what_was_taken_while_it_ran(self):
        # Of a server whose budget is 5 and that once took 9; it takes 3 and, with a document to embed, for a moment `peak`.
        for peak, within, most in ((0, True, 3), (10, False, 10)):
            with Remembering(peak) as url:
                report = json.loads(run_cli("prove", "--json", environment={"SARAI_URL": url}).stdout)
            self.assertEqual((report["within_budget"], report["peak_bytes"]), (within, most))

    def test_prove_fails_where_models_take_each_others_memory(self):
        wait_until(lambda: self.sarai.row("lfm2")["planned_bytes"], "the plan")
        one = self.sarai.row("lfm2")["planned_bytes"]
        models = {"lfm2": local("lfm2"), "other": local("lfm2")}
        own = self.serve(models).status()["ledger"]["own_bytes"]
        small = self.serve(models, memory=f"policy: lru, max_ram: {max(own, 32 << 20) + one * 17 // 10}")
        done = small.cli("prove", "--json")
        self.assertEqual(done.returncode, 1, done.stdout)
        errors = [m["error"] for m in json.loads(done.stdout)["models"] if m.get("error")]
        self.assertTrue(any("did not stay in memory: unloaded" in error for error in errors), errors)

    def test_prove_fails_where_a_projector_that_no_text_needs_is_none(self):
        sarai = self.serve({"lfm2": local("lfm2"), "omni": local("omni", f"mmproj: '{MODELS}/lfm2.gguf'")})
        done = sarai.cli("prove", "--json")
        self.assertEqual(done.returncode, 1, done.stdout)
        errors = {model["name"]: model["error"] for model in json.loads(done.stdout)["models"]}
        self.assertIn("not a multimodal projector", errors["omni"])
        self.assertIsNone(errors["lfm2"])

    def test_prove_fails_when_a_model_fails(self):
        self.sarai.models["broken"] = f"backend: gguf_native, path: '{self.sarai.folder}/none.gguf'"
        self.sarai.kill(signal.SIGTERM)
        self.sarai.port = 0
        self.sarai.start()
        done = self.sarai.cli("prove", "--json")
        self.assertEqual(done.returncode, 1)
        self.assertIn("none.gguf", [m for m in json.loads(done.stdout)["models"] if m["name"] == "broken"][0]["error"])

    def test_ps_lists_models_with_names_that_stay(self):
        self.sarai.chat("lfm2")
        rows = json.loads(self.sarai.cli("ps", "--json").stdout)
        self.assertEqual([r["name"] for r in rows], ["solar", "lfm2", "omni", "embed"])
        for row in rows:
            self.assertLessEqual({"name", "backend", "state", "endpoint", "pid", "planned_bytes", "measured_bytes", "peak_bytes"}, set(row))
        table = self.sarai.cli("ps").stdout
        self.assertIn("lfm2", table)
        self.assertIn("gguf_native", table)

    def test_run_streams_an_answer_and_joins_what_is_piped_in(self):
        with FakeUpstream("ollama", tokens=20) as fake:
            answer = self.serve({"far": ollama(fake.url, "far")}).cli("run", "far", "Hello", "there")
        self.assertEqual((answer.returncode, answer.stdout.strip()), (0, " ".join(f"t{n}" for n in range(20))), answer.stderr)
        piped = self.sarai.cli("run", "lfm2", input="Hello\n")
        self.assertEqual(piped.returncode, 0, piped.stderr)
        for arguments, text, what in (([], b"caf\xe9", "standard input is not UTF-8 text (byte 4)"), ([b"\xff"], b"", "the prompt is not UTF-8 text (byte 1)")):
            latin = subprocess.run([BIN / "sarai", "run", "lfm2", *arguments], input=text, capture_output=True, env={**os.environ, "SARAI_URL": self.sarai.url})
            self.assertEqual(latin.returncode, 2)
            self.assertIn(what, latin.stderr.decode())
        wrong = self.sarai.cli("run", "nope", "x")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("model 'nope' not found", wrong.stderr)

    def test_what_cannot_be_written_is_an_error_and_not_a_success(self):
        for command in (["ps"], ["ps", "--json"], ["key", "ann"], ["plan", f"{MODELS}/lfm2.gguf"], ["plan", f"{MODELS}/lfm2.gguf", "--json"],
                        ["fit", f"{MODELS}/lfm2.gguf"], ["import", MODELS, "--from", "gguf"], ["run", "lfm2", "Hello"], ["--help"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([BIN / "sarai", *map(str, command)], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=60, env={**os.environ, "SARAI_URL": self.sarai.url})
            self.assertEqual(done.returncode, 1, (command, done.stderr))
            self.assertIn("sarai: cannot write standard output", done.stderr, command)

    def test_an_answer_that_nobody_reads_any_more_is_not_made_either(self):
        with FakeUpstream("ollama", tokens=100000, token_delay_ms=20) as endless:
            sarai = self.serve({"long": ollama(endless.url, "long")})
            for reader, status in (("head", -signal.SIGPIPE), ("full", 1)):
                with open("/dev/full", "w") as full:
                    run = subprocess.Popen([BIN / "sarai", "run", "long", "Hello"], stdin=subprocess.DEVNULL,
                                           stdout=subprocess.PIPE if reader == "head" else full, stderr=subprocess.DEVNULL,
                                           env={**os.environ, "SARAI_URL": sarai.url})
                self.addCleanup(lambda run=run: run.poll() is None and run.kill())
                if run.stdout:
                    self.assertTrue(run.stdout.read(1))
                    run.stdout.close()
                self.assertEqual(run.wait(20), status, reader)

    def test_an_interactive_answer_is_stopped_by_ctrl_c_and_the_program_goes_on(self):
        # An answer that nothing else ends: random weights may say nothing at all.
        endless = self.enterContext(FakeUpstream("ollama", tokens=100000, token_delay_ms=5))
        sarai = self.serve({"long": ollama(endless.url, "long")})
        with Terminal("run", "long", url=sarai.url) as terminal:
            # The line is there twice if the terminal echoed it before the program read it. The answer follows.
            answer = lambda line: lambda s: f"{line}\r\n".encode() in s and len(s.rpartition(b"\r\n")[2]) > 20
            terminal.read(lambda s: b">" in s)
            terminal.write(b"Hello\n")
            terminal.read(answer("Hello"))
            terminal.write(b"\x03")
            terminal.read(lambda s: b"long> " in s.rpartition(b"^C")[2])
            # A window that changes its size ends no line.
            terminal.write("¿qué t".encode())
            os.kill(terminal.pid, signal.SIGWINCH)
            terminal.write("al?\n".encode())
            terminal.read(answer("¿qué tal?"))
            terminal.write(b"\x03")
            terminal.read(lambda s: b"long> " in s.rpartition(b"^C")[2])
            # Sent from elsewhere while a line is edited, the signal ends the line.
            os.kill(terminal.pid, signal.SIGINT)
            terminal.read(lambda s: b"/bye or Ctrl-D leaves." in s)
            terminal.write(b"/bye\n")
            self.assertEqual(terminal.end(), 0)

    def test_a_level_of_the_log_that_there_is_not_is_refused_and_a_quiet_one_disturbs_no_proof(self):
        done = run_cli("version", environment={"SARAI_LOG": "inof"})
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn('SARAI_LOG is "inof"; expected trace, debug, info, warn', done.stderr)
        for level in ("off", "warn", ""):
            self.assertEqual(run_cli("version", environment={"SARAI_LOG": level}).returncode, 0)
        own = self.sarai.folder / "own.yaml"  # of a server that prove starts itself
        own.write_text(self.sarai.config.read_text().replace("listen: '127.0.0.1:0'", f"listen: '127.0.0.1:{free_port()}'"))
        proved = run_cli("prove", "--config", own, "--json", environment={"SARAI_LOG": "off"})
        self.assertIn("all_answered", proved.stdout, proved.stderr)

    def test_without_a_server_commands_say_how_to_start_one_and_exit_3(self):
        for command in (["ps"], ["run", "lfm2", "x"], ["prove"]):
            done = run_cli(*command, environment={"SARAI_URL": f"http://127.0.0.1:{free_port()}"})
            self.assertEqual(done.returncode, 3, (command, done.stderr))
            self.assertIn("sarai serve", done.stderr, command)


class Plans(Case):
    def test_plan_of_files_needs_no_configuration(self):
        done = run_cli("plan", MODELS / "lfm2.gguf", MODELS / "embed.gguf", "--ctx", "512", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        plan = json.loads(done.stdout)
        self.assertEqual([m["name"] for m in plan["models"]], ["lfm2.gguf", "embed.gguf"])
        for model in plan["models"]:
            self.assertEqual(model["total_bytes"], sum(line["bytes"] for line in model["lines"]))
        self.assertEqual(plan["total_bytes"], sum(m["total_bytes"] for m in plan["models"]))
        self.assertTrue(plan["fits"])

    def test_plan_of_a_configuration_agrees_with_what_serve_reserves_and_covers_what_is_measured(self):
        sarai = self.serve({"lfm2": local("lfm2", "preload: true"), "embed": local("embed", "kind: embedding, preload: true")})
        planned = {m["name"]: m["total_bytes"] for m in json.loads(run_cli("plan", "--config", sarai.config, "--json").stdout)["models"]}
        wait_until(lambda: all(r["state"] == "ready" and r["measured_bytes"] for r in sarai.status()["models"]), "both models")
        for row in sarai.status()["models"]:
            # The overhead is the measuring child's own, which varies by a page or two.
            self.assertAlmostEqual(row["planned_bytes"], planned[row["name"]], delta=2**20)
            self.assertLessEqual(row["peak_bytes"], row["planned_bytes"])

    def test_what_does_not_fit_exits_4_and_what_is_broken_exits_1(self):
        folder = Sarai({})
        self.addCleanup(folder.close)
        config = folder.folder / "small.yaml"
        config.write_text(f"memory: {{max_ram: 50MiB, reserve: 0}}\nmodels:\n  lfm2: {{{local('lfm2')}}}\n  omni: {{{local('omni')}}}\n")
        small = run_cli("plan", "--config", config)
        self.assertEqual(small.returncode, 4, small.stdout + small.stderr)
        self.assertIn("does not fit", small.stdout)
        (folder.folder / "junk.gguf").write_bytes(b"not a model")
        broken = run_cli("plan", folder.folder / "junk.gguf")
        self.assertEqual(broken.returncode, 1)
        self.assertIn("junk.gguf", broken.stdout)

    def test_config_check_tells_every_problem_at_once_and_exits_2(self):
        folder = Sarai({})
        self.addCleanup(folder.close)
        bad = folder.folder / "bad.yaml"
        bad.write_text("server: {listn: x}\nmemory: {max_ram_gb: lots}\nmodels:\n  a: {backend: gguf_native}\n")
        done = run_cli("config", "check", bad)
        self.assertEqual(done.returncode, 2)
        for word in ("listn", "listen", "lots", "models.a"):
            self.assertIn(word, done.stdout + done.stderr)


    def test_config_check_finds_the_file_as_serve_does(self):
        folder = Sarai({"lfm2": local("lfm2")})
        self.addCleanup(folder.close)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SARAI_")} | {"XDG_CONFIG_HOME": str(folder.folder)}
        check = lambda: subprocess.run([BIN / "sarai", "config", "check"], cwd=folder.folder, capture_output=True, text=True, env=environment)
        without = check()
        self.assertEqual(without.returncode, 2)
        self.assertIn('Name one: "sarai config check FILE"', without.stderr)
        folder.write_config()
        self.assertEqual(check().returncode, 0, check().stdout + check().stderr)

    def test_an_option_that_may_be_repeated_takes_no_file_for_itself(self):
        done = run_cli("plan", "--what-if", "ctx=256", MODELS / "lfm2.gguf", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(json.loads(done.stdout)["what_if"]["changes"]), 1)

    def test_help_of_a_command(self):
        self.assertEqual(run_cli("help", "plan").stdout, run_cli("plan", "--help").stdout)
        self.assertEqual(run_cli("help").stdout, run_cli("--help").stdout)

    def test_the_demo_needs_two_ports(self):
        port = free_port()
        done = run_cli("demo", "--port", port, "--lan-port", port)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn(f"--port and --lan-port are both {port}; expected two ports", done.stderr)


class Demonstration(Case):
    def test_the_demo_serves_proves_survives_its_lan_box_and_ends_at_ctrl_c(self):
        demo = Demo()
        self.addCleanup(lambda: demo.process.poll() is None and demo.process.kill())
        text = demo.text
        self.assertIn("omni talks gibberish", text)
        server = Sarai({})
        self.addCleanup(server.close)
        server.port = demo.port
        # Its commands can be copied, wherever the server and the program are.
        shown = [line.strip() for line in text.splitlines() if line.startswith(f"  {BIN}/sarai ")]
        self.assertEqual([line.split()[1] for line in shown], ["run", "run", "route", "ps"])
        for line in shown:
            copied = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60)
            self.assertEqual((copied.returncode, bool(copied.stdout)), (0, True), (line, copied.stderr))
        self.assertIn(f"# bring it back with: {BIN}/sarai serve --config ", text)
        for model in ("solar", "lfm2"):
            for question, answer in (("What is sarai?", "sarai is a server"), ("¿Qué es sarai?", "sarai es un servidor")):
                said = server.chat(model, question, 80).json["choices"][0]
                self.assertTrue(said["message"]["content"].startswith(answer), said)
                self.assertEqual(said["finish_reason"], "stop", said)
        proof = server.cli("prove", "--json")
        self.assertEqual(proof.returncode, 0, proof.stdout + proof.stderr)
        again = run_cli("demo", "--port", demo.port, "--lan-port", demo.lan_port)
        self.assertEqual(again.returncode, 1)
        self.assertIn(f"taken by process {demo.process.pid}", again.stderr)

        # A technical, an emotional and a news prompt in both languages, through "auto".
        for prompt, route, model, backend in (
                ("Why does my recursive function overflow the stack in C++?", "hard", "solar", "ollama_http"),
                ("Explícame cómo funciona un índice B-tree en PostgreSQL", "hard", "solar", "ollama_http"),
                ("I feel so lonely since my dog died", "soft", "lfm2", "gguf_native"),
                ("Hoy estoy muy triste, ¿me das ánimos?", "soft", "lfm2", "gguf_native"),
                ("What are the latest headlines about the election?", "web_query", "solar", "ollama_http"),
                ("¿A cuánto está hoy el euro frente al dólar?", "web_query", "solar", "ollama_http")):
            headers = server.chat("auto", prompt).headers
            self.assertEqual([headers[f"x-sarai-{k}"] for k in ("route", "model", "backend")], [route, model, backend], (prompt, headers))
            self.assertTrue(headers["x-sarai-reason"].startswith(f"{model} for {route}: "), headers)
            self.assertIn("familiar=", headers["x-sarai-scores"])

        os.kill(demo.lan_pid, signal.SIGKILL)
        self.assertEqual(server.chat("solar").headers["x-sarai-backend"], "gguf_native")
        # Two seconds are promised; a busy machine may take longer.
        family, begun = [demo.process.pid, *children_of(demo.process.pid)], time.monotonic()
        demo.process.send_signal(signal.SIGINT)
        self.assertEqual(demo.process.wait(30), 0)
        self.assertLess(time.monotonic() - begun, 6)
        self.assertFalse([pid for pid in family if alive(pid)])
        demo.close()

    def test_ctrl_c_ends_its_lan_box_and_an_answer_under_way(self):
        demo = Demo()
        self.addCleanup(demo.close)
        server = Sarai({})
        self.addCleanup(server.close)
        server.port = demo.port
        connection, response = server.open_stream("omni", max_tokens=1_000_000)
        self.addCleanup(connection.close)
        response.readline()
        family, begun = [demo.process.pid, demo.lan_pid, *children_of(demo.process.pid)], time.monotonic()
        demo.process.send_signal(signal.SIGINT)
        self.assertEqual(demo.process.wait(30), 0)
        self.assertLess(time.monotonic() - begun, 6)
        self.assertFalse([pid for pid in family if alive(pid)])


if __name__ == "__main__":
    main()
