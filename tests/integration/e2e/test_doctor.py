"""`sarai doctor` with real programs: what is well, and each thing that is wrong, is told with its place and what to do."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from harness import BIN, MODELS, Case, FakeUpstream, Sarai, free_port, local, main, ollama, run_cli
from searxng import Web
from silent_postgres import SilentPostgres


class Doctor(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sarai-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.port = free_port()

    def config(self, models, memory="max_ram: 2GiB, reserve: 0", extra="", engine="", server=""):
        lines = "\n".join(f"  {name}: {{{text}}}" for name, text in models.items())
        path = self.folder / "sarai.yaml"
        path.write_text(f"server: {{listen: '127.0.0.1:{self.port}'{server}}}\nmemory: {{{memory}}}\n"
                        f"engine: {{runtime_dir: '{self.folder}/run'{engine}}}\nlibrary: {{path: '{self.folder}/library'}}\n"
                        f"{extra}\nmodels:\n{lines}\n")
        return path

    def line_of(self, text):
        lines = (self.folder / "sarai.yaml").read_text().splitlines()
        return f"{self.folder}/sarai.yaml:{1 + next(i for i, line in enumerate(lines) if text in line)}"

    def doctor(self, *arguments, status=0):
        done = run_cli("doctor", *arguments, "--json")
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["ok"], status == 0)
        self.assertEqual(report["ok"], all(check["state"] != "fail" for check in report["checks"]))
        return report["checks"]

    def find(self, checks, group, name):
        found = [check for check in checks if check["group"] == group and check["name"] == name]
        self.assertEqual(len(found), 1, checks)
        return found[0]

    def only_failure(self, checks, group, name):
        self.assertEqual([(check["group"], check["name"]) for check in checks if check["state"] == "fail"], [(group, name)], checks)
        return self.find(checks, group, name)


class Well(Doctor):
    def test_a_good_configuration_is_looked_at_from_the_engine_to_its_plan(self):
        box = self.serve({"solar": local("solar")})  # it speaks Ollama's protocol too
        checks = self.doctor("--config", self.config({
            "lfm2": local("lfm2", "pinned: true, preload: true"), "embed": local("embed", "kind: embedding"),
            "far": ollama(box.url, "solar", "on_loss: {fallback: refuse}")}))
        self.assertRegex(self.find(checks, "engine", "llama-server")["text"], r"llama-server, version \S+")
        self.assertRegex(self.find(checks, "engine", "sarai-measure")["text"], r"plans with \S+")
        self.assertRegex(self.find(checks, "engine", "cpu build")["text"], r"chooses [\w ]+ for")
        self.assertRegex(self.find(checks, "machine", "memory")["text"], r"GiB, .* available")
        self.assertIn("2.00 GiB", self.find(checks, "machine", "budget")["text"])
        self.assertIn(f"{self.port} of 127.0.0.1 is free", self.find(checks, "machine", "port")["text"])
        self.assertRegex(self.find(checks, "models", "lfm2")["text"], r"^lfm2, .* parameters, .* trained for \d+ tokens")
        self.assertRegex(self.find(checks, "servers", box.url.removeprefix("http://"))["text"], r"^sarai \S+, [\d.]+ ms, has solar$")
        self.assertRegex(self.find(checks, "plan", "as configured")["text"], r"^fits: .* of the budget of 2.00 GiB")
        self.assertNotIn("advice", {check["group"] for check in checks})

    def test_without_a_configuration_the_machine_alone_is_looked_at(self):
        done = subprocess.run([BIN / "sarai", "doctor", "--json"], cwd=self.folder, capture_output=True, text=True, timeout=60,
                              env={"PATH": os.environ["PATH"], "HOME": str(self.folder)})
        checks = json.loads(done.stdout)["checks"]
        self.assertIn("the machine alone", self.find(checks, "configuration", "file")["text"])
        self.assertEqual(self.find(checks, "engine", "llama-server")["state"], "ok")
        self.assertFalse({"models", "servers", "plan", "advice"} & {check["group"] for check in checks})
        self.assertEqual(list(self.folder.iterdir()), [])  # nothing was made

    def test_looking_at_documents_makes_nothing(self):
        store = self.folder / "kb"
        store.mkdir()
        config = self.config({"lfm2": local("lfm2")}, extra=f"knowledge: {{store: '{store}'}}")
        self.assertIn("none yet", self.find(self.doctor("--config", config), "programs", "documents")["text"])
        self.assertEqual(list(store.iterdir()), [])
        self.assertIn("no collections", run_cli("kb", "list", "--store", store).stdout)
        kept = sorted(store.iterdir())
        self.assertIn("0 collections", self.find(self.doctor("--config", config), "programs", "documents")["text"])
        self.assertEqual(sorted(store.iterdir()), kept)

    def test_a_database_that_hangs_is_waited_for_ten_seconds(self):
        database = SilentPostgres()
        self.addCleanup(database.close)
        config = self.config({"lfm2": local("lfm2")}, extra=f"knowledge: {{store: '{database.address}'}}")
        begun = time.monotonic()
        found = self.only_failure(self.doctor("--config", config, status=1), "programs", "documents")
        self.assertIn("PostgreSQL: no answer within 10 s", found["text"])
        self.assertNotIn("geheim", json.dumps(found))
        self.assertLess(time.monotonic() - begun, 25)

    def test_people_read_it_in_groups(self):
        done = run_cli("doctor", "--config", self.config({"lfm2": local("lfm2")}))
        self.assertEqual(done.returncode, 0, done.stdout)
        for heading in ("CONFIGURATION\n", "\nMACHINE\n", "\nFOLDERS\n", "\nENGINE\n", "\nMODELS\n", "\nPLAN\n"):
            self.assertIn(heading, done.stdout)
        self.assertRegex(done.stdout, r"\n\d+ ok(, \d+ warnings?)?\n$")
        self.assertNotIn("\x1b", done.stdout)
        self.assertEqual(done.stderr, "")


class Broken(Doctor):
    def test_a_configuration_that_is_wrong_fails_line_by_line_and_the_machine_is_looked_at_all_the_same(self):
        path = self.config({"lfm2": local("lfm2", "pined: true"), "solar": local("solar", "parallel: many")})
        checks = self.doctor("--config", path, status=1)
        wrong = [check for check in checks if check["state"] == "fail"]
        self.assertEqual([check["place"] for check in wrong], [self.line_of("  lfm2:"), self.line_of("  solar:")])
        self.assertIn("did you mean pinned?", wrong[0]["text"])
        self.assertEqual(self.find(checks, "engine", "llama-server")["state"], "ok")

    def test_a_missing_file(self):
        path = self.config({"gone": "backend: gguf_native, path: nowhere.gguf"})
        checks = self.doctor("--config", path, status=1)
        row = self.find(checks, "models", "gone")
        self.assertEqual((row["state"], row["place"]), ("fail", self.line_of("  gone:")))
        self.assertIn("nowhere.gguf", row["text"])

    def test_a_truncated_file(self):
        whole = (MODELS / "lfm2.gguf").read_bytes()
        for length in (len(whole) * 2 // 3, 100, 0):
            (self.folder / "cut.gguf").write_bytes(whole[:length])
            checks = self.doctor("--config", self.config({"cut": "backend: gguf_native, path: cut.gguf, context_length: 512"}), status=1)
            row = self.find(checks, "models", "cut")
            self.assertEqual(row["state"], "fail", (length, row))
            self.assertIn("cut.gguf", row["text"])

    def test_a_projector_where_the_model_should_be_and_the_other_way_round(self):
        swapped = f"backend: gguf_native, path: '{MODELS}/omni-mmproj.gguf', mmproj: '{MODELS}/omni.gguf', context_length: 512"
        checks = self.doctor("--config", self.config({"omni": swapped}), status=1)
        self.assertIn("not a model", self.find(checks, "models", "omni")["text"])
        self.assertIn("not a multimodal projector", self.find(checks, "models", "omni mmproj")["text"])

    def test_a_context_that_no_one_has_trained_for_and_an_embedder_that_is_asked_to_chat(self):
        path = self.config({"lfm2": f"backend: gguf_native, path: '{MODELS}/lfm2.gguf', context_length: 1000000",
                            "embed": local("embed")}, memory="max_ram: 2GiB, reserve: 0")
        done = run_cli("doctor", "--config", path, "--json")
        checks = json.loads(done.stdout)["checks"]
        row = self.find(checks, "models", "lfm2")
        self.assertEqual(row["state"], "warn")
        self.assertRegex(row["advice"], r"^context_length: \d+$")
        self.assertEqual(self.find(checks, "models", "embed")["advice"], "kind: embedding")

    def test_a_server_that_does_not_answer(self):
        url = f"http://127.0.0.1:{free_port()}"
        row = self.only_failure(self.doctor("--config", self.config({"far": ollama(url, "m")}), status=1), "servers", url.removeprefix("http://"))
        self.assertEqual(row["place"], self.line_of("  far:"))
        sleeper = "backend: ollama_http, endpoints: [{url: '" + url + "', mac: 'aa:bb:cc:dd:ee:ff'}]"
        row = self.find(self.doctor("--config", self.config({"far": sleeper})), "servers", url.removeprefix("http://"))
        self.assertEqual(row["state"], "warn")
        self.assertIn("sleep", row["advice"])

    def test_a_server_without_the_model_and_one_that_wants_a_key(self):
        with FakeUpstream("ollama") as box:
            checks = self.doctor("--config", self.config({"far": ollama(box.url, "no-such-model")}), status=1)
        row = next(check for check in checks if check["state"] == "fail")
        self.assertIn("has no model no-such-model, which far needs", row["text"])
        self.assertIn("ollama pull no-such-model", row["advice"])
        guarded = Sarai({"lfm2": local("lfm2")}, environment={"SARAI_API_KEY": "0123456789abcdef0123456789abcdef"})
        self.addCleanup(guarded.close)
        guarded.start()
        for key, said in (("", "asks for a key"), (", api_key: wrong", "refuses the key")):
            far = f"backend: openai_http, model: lfm2, endpoints: [{{url: '{guarded.url}'{key}}}]"
            row = self.only_failure(self.doctor("--config", self.config({"far": far}), status=1), "servers", guarded.url.removeprefix("http://"))
            self.assertIn(said, row["text"])
        far = f"backend: openai_http, model: lfm2, endpoints: [{{url: '{guarded.url}', api_key: 0123456789abcdef0123456789abcdef}}]"
        checks = self.doctor("--config", self.config({"far": far}))
        self.assertIn("has lfm2", self.find(checks, "servers", guarded.url.removeprefix("http://"))["text"])

    def test_a_search_engine_that_cannot_be_asked_as_pipelines_ask_it(self):
        web = Web()
        self.addCleanup(web.close)
        web.found(("https://a.example/", "A", "a"))
        config = self.config({"lfm2": local("lfm2")}, extra=f"web: {{url: '{web.url}'}}")
        self.assertIn("answers with 1 result", self.find(self.doctor("--config", config), "servers", "web")["text"])
        self.assertEqual(len(web.queries), 1)
        for status, raw, said in ((403, None, "formats"), (500, b"oh", "500"), (200, b"<html>", "formats")):
            web.status, web.raw = status, raw
            row = self.only_failure(self.doctor("--config", config, status=1), "servers", "web")
            self.assertIn(said, row["text"] + (row["advice"] or ""))
            self.assertEqual(row["place"], self.line_of("web:"))

    def test_a_port_that_is_taken_by_another_program_or_by_sarai(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", self.port))
            other.listen()
            row = self.only_failure(self.doctor("--config", self.config({"lfm2": local("lfm2")}), status=1), "machine", "port")
        self.assertIn(f"by process {os.getpid()}", row["text"])
        self.assertEqual(row["place"], self.line_of("server:"))
        served = self.serve({"lfm2": local("lfm2")})
        self.port = served.port
        row = self.find(self.doctor("--config", self.config({"lfm2": local("lfm2")})), "machine", "port")
        self.assertEqual(row["state"], "ok")
        self.assertIn(f"process {served.process.pid}", row["text"])

    def test_folders_that_cannot_be_written_to(self):
        (self.folder / "file").write_text("")
        path = self.config({"lfm2": local("lfm2")}, engine=f", state_dir: '{self.folder}/file/state'")
        environment = {"SARAI_STATE_DIR": ""}
        done = run_cli("doctor", "--config", path, "--json", environment=environment)
        self.assertEqual(done.returncode, 1, done.stdout)
        row = self.only_failure(json.loads(done.stdout)["checks"], "folders", "state")
        self.assertIn("engine.state_dir", row["advice"])
        deep = "d" * 90
        path = self.config({"lfm2": local("lfm2")})
        path.write_text(path.read_text().replace("/run'", f"/{deep}'"))
        self.assertIn("too deep", self.only_failure(self.doctor("--config", path, status=1), "folders", "runtime")["text"])

    def test_a_folder_for_recordings_that_is_memory(self):
        path = self.config({"lfm2": local("lfm2")})
        looked = lambda folder: self.find(json.loads(run_cli("doctor", "--config", path, "--json", environment={"TMPDIR": str(folder)}).stdout)["checks"],
                                          "folders", "scratch")
        disk = looked("/var/tmp")
        self.assertNotIn("tmpfs", disk["text"])
        memory = looked("/dev/shm")
        self.assertEqual(memory["state"], "warn")
        self.assertIn("/dev/shm, ", memory["text"])
        self.assertIn("it is a tmpfs", memory["text"])
        self.assertIn("Set TMPDIR", memory["advice"])
        (self.folder / "file").write_text("")
        nowhere = looked(self.folder / "file")
        self.assertEqual(nowhere["state"], "warn", "all but media is served")
        self.assertIn("cannot", nowhere["text"])
        self.assertIn("Set TMPDIR", nowhere["advice"])

    def test_an_engine_that_is_missing_broken_or_hangs(self):
        for script, said in ((None, "nowhere"), ("echo 'cannot do that' >&2; exit 3", "status 3: cannot do that"), ("exec sleep 60", "longer than 10 s")):
            program = self.folder / "llama"
            program.unlink(missing_ok=True)
            if script:
                program.write_text(f"#!/bin/sh\n{script}\n")
                program.chmod(0o755)
            binary = program if script else self.folder / "nowhere"
            checks = self.doctor("--config", self.config({"lfm2": local("lfm2")}, engine=f", server_binary: '{binary}'"), status=1)
            row = self.find(checks, "engine", "llama-server")
            self.assertEqual(row["state"], "fail")
            self.assertIn(said, row["text"])

    def test_a_set_of_models_that_does_not_fit(self):
        path = self.config({"solar": local("solar"), "lfm2": local("lfm2")}, memory="max_ram: 40MiB, reserve: 0")
        row = self.only_failure(self.doctor("--config", path, status=1), "plan", "as configured")
        self.assertRegex(row["text"], r"^does not fit, by .* of the budget of 40 MiB")
        self.assertIn(f"sarai fit --config {path}", row["advice"])


class Secrets(Doctor):
    def test_files_with_keys_that_others_may_read(self):
        far = "backend: openai_http, model: m, endpoints: [{url: 'http://127.0.0.1:9', api_key: secret}]"
        path = self.config({"far": far})
        path.chmod(0o644)
        (self.folder / ".env").write_text("A=b\n")
        (self.folder / ".env").chmod(0o640)
        checks = self.doctor("--config", path, status=1)
        self.assertEqual(self.find(checks, "configuration", "file")["state"], "ok")
        self.assertEqual(self.find(checks, "configuration", "keys")["advice"], f"chmod 600 {path}")
        self.assertEqual(self.find(checks, "configuration", ".env")["advice"], f"chmod 600 {self.folder}/.env")
        path.chmod(0o600)
        (self.folder / ".env").chmod(0o600)
        names = [check["name"] for check in self.doctor("--config", path, status=1) if check["group"] == "configuration"]
        self.assertEqual(names, ["file"])

    def make_certificate(self, days):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days),
                        "-subj", "/CN=box.lan", "-keyout", self.folder / "key.pem", "-out", self.folder / "cert.pem"], check=True, capture_output=True)

    def test_a_certificate_and_when_it_ends(self):
        path = self.config({"lfm2": local("lfm2")}, server=", tls_certificate: cert.pem, tls_key: key.pem")
        self.make_certificate(400)
        row = self.find(self.doctor("--config", path), "configuration", "certificate")
        self.assertEqual(row["state"], "ok")
        self.assertIn("CN=box.lan", row["text"])
        self.make_certificate(3)
        row = self.find(self.doctor("--config", path), "configuration", "certificate")
        self.assertEqual((row["state"], row["place"]), ("warn", self.line_of("server:")))
        shutil.copy(self.folder / "key.pem", self.folder / "other.pem")
        self.make_certificate(400)
        shutil.copy(self.folder / "other.pem", self.folder / "key.pem")
        self.only_failure(self.doctor("--config", path, status=1), "configuration", "certificate")
        (self.folder / "cert.pem").write_text("nothing")
        self.assertIn("cert.pem", self.only_failure(self.doctor("--config", path, status=1), "configuration", "certificate")["text"])


class Advice(Doctor):
    def test_names_the_line_and_what_to_write_there(self):
        path = self.config({"lfm2": local("lfm2", "pinned: true")})
        checks = self.doctor("--config", path)
        row = self.find(checks, "advice", "lfm2")
        self.assertEqual((row["state"], row["advice"], row["place"]), ("warn", "preload: true", self.line_of("  lfm2:")))


if __name__ == "__main__":
    main()
