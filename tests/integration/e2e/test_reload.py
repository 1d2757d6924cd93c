"""A changed configuration is taken over while requests run: nothing fails, nothing that did not change is touched."""
import pathlib
import shutil
import signal
import tempfile
import threading
import time

from harness import MODELS, Case, FakeUpstream, Sarai, alive, local, long, main, ollama, run_cli, wait_until


class Reload(Case):
    def rewrite(self, sarai):
        """As it was at the start, when the system chose the port."""
        sarai.write_config()
        sarai.config.write_text(sarai.config.read_text().replace(f":{sarai.port}'", ":0'"))

    def reload(self, sarai):
        reply = sarai.request("POST", "/sarai/reload")
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json

    def test_zero_failed_requests_under_load(self):
        sarai = self.serve({"lfm2": local("lfm2", "preload: true"), "omni": local("omni", "preload: true")})
        wait_until(lambda: all(sarai.row(m)["state"] == "ready" for m in ("lfm2", "omni")), "the workers")
        untouched = sarai.row("omni")["pid"]
        statuses, stop = [], threading.Event()

        def load(model, stream):
            while not stop.is_set():
                try:
                    reply = sarai.chat(model, max_tokens=12, stream=stream)
                except OSError as error:
                    statuses.append(repr(error))
                    continue
                statuses.append(reply.status if not stream or b"[DONE]" in reply.body else reply.body)
        clients = [threading.Thread(target=load, args=(model, stream)) for model in ("lfm2", "omni") for stream in (True, False)]
        for client in clients:
            client.start()
        try:
            for context in (1024, 512, 1024, 512):
                sarai.models["lfm2"] = local("lfm2", "preload: true").replace("context_length: 512", f"context_length: {context}")
                self.rewrite(sarai)
                before, old = len(statuses), sarai.row("lfm2")["pid"]
                self.assertEqual(self.reload(sarai)["changed"], ["lfm2"])
                wait_until(lambda: len(statuses) > before + 20 and not alive(old), "the old worker to end and requests to go on")
                wait_until(lambda: len([r for r in sarai.status()["models"] if r["name"] == "lfm2"]) == 1, "the old row to go")
        finally:
            stop.set()
            for client in clients:
                client.join()
        self.assertEqual([s for s in statuses if s != 200], [])
        self.assertEqual(sarai.row("omni")["pid"], untouched)
        self.assertEqual(len(sarai.workers()), 2)

    def test_an_answer_under_way_ends_on_the_worker_that_began_it(self):
        sarai = self.serve({"lfm2": long("lfm2", "preload: true")})
        connection, response = sarai.open_stream("lfm2", max_tokens=8000)
        response.readline()
        old = sarai.row("lfm2")["pid"]
        self.assertEqual(sarai.row("lfm2")["in_flight"], 1)
        sarai.models["lfm2"] = long("lfm2", "batch: 128")
        self.rewrite(sarai)
        self.reload(sarai)
        self.assertTrue(alive(old))
        body = response.read()
        connection.close()
        self.assertIn(b"data: [DONE]", body)
        self.assertNotIn(b"sarai_failover", body)
        wait_until(lambda: not alive(old), "the old worker to end")
        self.assertEqual(sarai.chat("lfm2").status, 200)

    def test_models_come_and_go(self):
        with FakeUpstream("openai") as upstream:
            sarai = self.serve({"lfm2": local("lfm2")})
            sarai.models = {"box": f"backend: openai_http, endpoints: [{{url: '{upstream.url}/v1'}}], model: fake", "omni": local("omni", "preload: true")}
            self.rewrite(sarai)
            self.assertEqual(self.reload(sarai), {"kept": [], "changed": [], "added": ["box", "omni"], "removed": ["lfm2"],
                                                  "settings": [], "needs_restart": []})
            self.assertEqual(sarai.chat("lfm2").status, 404)
            self.assertEqual(sarai.chat("box").json["choices"][0]["message"]["content"], "t0 t1 t2 t3 t4 ")
            wait_until(lambda: sarai.row("omni")["state"] == "ready", "preloading")
            self.assertEqual({m["id"] for m in sarai.request("GET", "/v1/models").json["data"]}, {"box", "omni", "auto", "tone-expert"})
            self.assertEqual(sarai.request("GET", "/v1/models/omni").json["id"], "omni")
            self.assertEqual(sarai.request("GET", "/v1/models/lfm2").status, 404)

    def test_a_bad_file_changes_nothing_and_says_why(self):
        sarai = self.serve({"lfm2": local("lfm2", "preload: true")})
        wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "the worker")
        worker = sarai.row("lfm2")["pid"]
        good = sarai.config.read_text()
        sarai.config.write_text(good.replace("preload: true", "preload: perhaps, contxt_length: 7"))
        reply = sarai.request("POST", "/sarai/reload")
        self.assertEqual(reply.status, 400)
        self.assertIn("2 problems in the configuration", reply.json["error"]["message"])
        self.assertIn("did you mean context_length?", reply.json["error"]["message"])
        told = sarai.cli("reload").stderr.splitlines()
        self.assertEqual([len([line for line in told if word in line]) for word in ("2 problems", "preload", "contxt_length")], [1, 1, 1], told)
        sarai.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "not reloaded: 2 problems" in sarai.log(), "the log to say so")
        sarai.config.unlink()
        self.assertEqual(sarai.request("POST", "/sarai/reload").status, 400)
        self.assertEqual(sarai.chat("lfm2").status, 200)
        self.assertEqual(sarai.row("lfm2")["pid"], worker)

    def test_an_engine_that_only_a_restart_can_change_is_not_counted_upon(self):
        with FakeUpstream("openai") as upstream:
            sarai = Sarai({"box": f"backend: openai_http, endpoints: [{{url: '{upstream.url}/v1'}}]"})
            self.addCleanup(sarai.close)
            sarai.engine = ", server_binary: '/nowhere/llama-server'"
            sarai.start()
            sarai.engine = ""
            sarai.models["lfm2"] = local("lfm2")
            self.rewrite(sarai)
            reply = sarai.request("POST", "/sarai/reload")
            self.assertIn("/nowhere/llama-server", reply.json["error"]["message"])
            self.assertEqual([m["id"] for m in sarai.request("GET", "/v1/models").json["data"]], ["box", "auto"])
            self.assertEqual((sarai.chat("box").status, sarai.chat("lfm2").status), (200, 404))

    def test_what_has_gone_may_have_lost_its_program(self):
        with FakeUpstream("openai") as upstream:
            sarai = Sarai({"solar": local("lfm2"), "lfm2": local("lfm2")})
            self.addCleanup(sarai.close)
            program = sarai.folder / "llama-server"
            program.symlink_to(shutil.which("llama-server"))
            sarai.engine = f", server_binary: '{program}'"
            sarai.start()
            program.unlink()
            sarai.models = {"solar": f"backend: openai_http, endpoints: [{{url: '{upstream.url}/v1'}}], model: fake"}
            self.rewrite(sarai)
            self.assertEqual(self.reload(sarai)["removed"], ["lfm2"])
            self.assertEqual(sarai.chat("solar").status, 200)
            self.assertEqual([row["name"] for row in sarai.status()["models"]], ["solar"])
            self.assertIn("solar", sarai.cli("ps").stdout)

    def test_metrics_tell_of_what_is_there(self):
        with FakeUpstream("openai") as upstream:
            box = f"backend: openai_http, endpoints: [{{url: '{upstream.url}/v1'}}], model: fake"
            sarai = self.serve({"lfm2": local("lfm2"), "box": box})
            metrics = lambda: sarai.request("GET", "/metrics").body.decode()
            self.assertIn("sarai_endpoint_up{", metrics())
            for context in (1024, 512):
                sarai.models = {"lfm2": local("lfm2").replace("context_length: 512", f"context_length: {context}")}
                self.rewrite(sarai)
                self.assertEqual(self.reload(sarai)["changed"], ["lfm2"])
            self.assertEqual(sarai.chat("lfm2").status, 200)
            self.assertIn('sarai_model_ready{model="lfm2"} 1\n', metrics())
            self.assertNotIn("sarai_endpoint_up{", metrics())
            self.assertNotIn('sarai_requests_waiting{model="box"}', metrics())

    def test_sighup_and_the_command_do_the_same(self):
        sarai = self.serve({"lfm2": local("lfm2")})
        sarai.models["omni"] = local("omni")
        self.rewrite(sarai)
        sarai.process.send_signal(signal.SIGHUP)
        wait_until(lambda: sarai.row("omni"), "the new model")
        self.assertIn("1 models kept, 0 changed, 1 added, 0 removed", sarai.log())
        sarai.memory = "max_ram: 1GiB, policy: lru"
        sarai.models.pop("omni")
        self.rewrite(sarai)
        done = run_cli("reload", "--url", sarai.url)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("removed: omni", done.stdout)
        self.assertIn("now holds: memory.max_ram, memory.policy", done.stdout)
        self.assertEqual(sarai.status()["ledger"]["budget_bytes"], 1 << 30)
        sarai.config.write_text(sarai.config.read_text().replace(":0'", ":9'"))
        done = run_cli("reload", "--url", sarai.url)
        self.assertIn("needs a restart: server.listen", done.stdout)
        self.assertEqual(sarai.chat("lfm2").status, 200)

    def test_signals_in_a_burst_do_no_harm(self):
        sarai = self.serve({"lfm2": local("lfm2", "preload: true")})
        for i in range(30):
            sarai.models["lfm2"] = local("lfm2", f"preload: true, batch: {32 + i % 2 * 32}")
            self.rewrite(sarai)
            sarai.process.send_signal(signal.SIGHUP)
            time.sleep(0.01)
        wait_until(lambda: sarai.row("lfm2")["state"] == "ready" and len(sarai.workers()) == 1, "one worker")
        self.assertEqual(sarai.chat("lfm2").status, 200)


class Quarantine(Case):
    def test_a_model_that_fails_three_loads_is_left_alone_until_its_file_changes_or_somebody_asks(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="sarai-test-"))
        self.addCleanup(shutil.rmtree, folder)
        file = folder / "model.gguf"
        file.write_bytes((MODELS / "lfm2.gguf").read_bytes()[:4000])
        sarai = self.serve({"lfm2": f"backend: gguf_native, path: '{file}', context_length: 512"})
        for _ in range(3):
            reply = sarai.chat("lfm2")
            self.assertEqual(reply.status, 503)
            self.assertNotIn("quarantine", reply.json["error"]["message"])
        reply = sarai.chat("lfm2")
        self.assertEqual(reply.status, 503)
        self.assertIn("is in quarantine after 3 loads that failed: ", reply.json["error"]["message"])
        self.assertIn("sarai load lfm2", reply.json["error"]["message"])
        self.assertTrue(sarai.row("lfm2")["quarantined"])
        self.assertIn("quarantine", sarai.cli("why", "lfm2").stdout)
        asked = sarai.cli("load", "lfm2")
        self.assertEqual(asked.returncode, 1)
        self.assertNotIn("quarantine", asked.stderr, "it was tried again")
        for _ in range(3):
            sarai.chat("lfm2")
        self.assertTrue(sarai.row("lfm2")["quarantined"])
        shutil.copy(MODELS / "lfm2.gguf", file)
        wait_until(lambda: sarai.chat("lfm2").status == 200, "the mended file to be noticed")
        self.assertNotIn("quarantined", sarai.row("lfm2"))

    def test_a_fallback_is_loaded_at_a_wish_though_its_server_answers_and_its_quarantine_shows(self):
        lan = self.serve({"lfm2": local("lfm2", "preload: true")})
        sarai = self.serve({"lfm2": ollama(lan.url, "lfm2", "fallback: gguf_native, path: 'fallback.gguf', context_length: 512")})
        file = sarai.folder / "fallback.gguf"
        file.write_bytes(b"not a model")
        self.assertEqual(sarai.cli("load", "lfm2").returncode, 1)
        self.assertIn("fallback.gguf", sarai.row("lfm2", "gguf_native")["last_error"], "known before it is needed")
        lan.kill()
        for _ in range(3):
            self.assertNotEqual(sarai.chat("lfm2").status, 200)
        lan.start()
        wait_until(lambda: sarai.status()["endpoints"][0]["up"], "the LAN box")
        self.assertEqual(sarai.chat("lfm2").headers["x-sarai-endpoint"], lan.url.removeprefix("http://"))
        self.assertTrue(sarai.row("lfm2", "gguf_native")["quarantined"])
        self.assertIn("in quarantine", sarai.cli("ps").stdout)
        shutil.copy(MODELS / "lfm2.gguf", file)
        loaded = sarai.cli("load", "lfm2")
        self.assertEqual(loaded.returncode, 0, loaded.stderr)
        self.assertEqual(sarai.row("lfm2", "gguf_native")["state"], "ready")


if __name__ == "__main__":
    main()
