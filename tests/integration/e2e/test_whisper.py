"""Models of whisper.cpp (backend: whisper): real workers on the tiny synthetic model, OpenAI's client unmodified.

What it hears in noise are words of its vocabulary, at times that it makes up; that they come, whole and in order, is what
counts here."""
import http.client
import os
import pathlib
import signal
import socket
import time
import unittest

import openai

from harness import MODELS, SANITIZED, Case, Sarai, alive, children_of, ear, local, main, name_of, run_cli, wait_until
from media import wav
from test_speech import OMNI, form, hear, pauses

MODEL = f"{MODELS}/whisper.bin"


def ears(sarai):
    """Workers that are up, without planning children."""
    pids = [child for child in children_of(sarai.process.pid) if name_of(child) == "sarai-whisper"]
    return [pid for pid in pids if b"--socket" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]


def tell(sarai, seconds=2, hertz=440, **fields):
    reply = hear(sarai, form(wav(hertz, seconds), **{"model": "ear", "language": "es", "response_format": "verbose_json", **fields}))
    assert reply.status == 200, reply.body
    return reply.json


class Heard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sarai = Sarai({"lfm2": local("lfm2"), "omni": OMNI, "ear": ear()}).start()
        cls.client = openai.OpenAI(base_url=cls.sarai.url + "/v1", api_key="none", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def test_a_model_that_only_hears_is_who_is_asked(self):
        for name in ("ear", "whisper-1", "gpt-4o-transcribe", "auto"):
            reply = hear(self.sarai, form(wav(440, 1), model=name, language="es"))
            self.assertEqual((reply.status, reply.headers["x-sarai-model"]), (200, "ear"), reply.body)
        reply = hear(self.sarai, form(wav(440, 1), language="es"))
        self.assertEqual(reply.headers["x-sarai-model"], "ear")
        reply = hear(self.sarai, form(wav(440, 1), model="omni"))
        self.assertEqual((reply.status, reply.headers["x-sarai-model"]), (200, "omni"), "others by their names")

    def test_prompts_languages_and_temperatures_are_taken(self):
        for fields in ({"prompt": "onmi saten tirten pemi noro ñ " * 20}, {"language": "fr"}, {"temperature": 0.8}):
            self.assertEqual(tell(self.sarai, **fields)["language"], fields.get("language", "es"))

    def test_what_whisper_does_not_know_is_a_400(self):
        reply = hear(self.sarai, form(wav(440, 1), model="ear", language="aa"))
        self.assertEqual(reply.status, 400, reply.body)
        self.assertIn("'language' is \"aa\"; expected one that whisper knows", reply.json["error"]["message"])

    def test_it_does_nothing_but_hear_and_says_so(self):
        for path, body in (("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}), ("/v1/completions", {"prompt": "x"}),
                           ("/v1/embeddings", {"input": "x"}), ("/v1/rerank", {"query": "x", "documents": ["x"]}), ("/tokenize", {"content": "x"}),
                           ("/v1/messages", {"max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}),
                           ("/api/chat", {"messages": [{"role": "user", "content": "x"}]}), ("/api/embed", {"input": "x"})):
            reply = self.sarai.request("POST", path, {"model": "ear", **body})
            self.assertEqual(reply.status, 400, (path, reply.body))
            self.assertIn("hears speech", reply.body.decode(), path)
        rows = {row["id"]: row for row in self.sarai.request("GET", "/v1/models").json["data"]}
        self.assertEqual((rows["ear"]["sarai"]["kind"], rows["ear"]["sarai"]["backend"]), ("transcription", "whisper"))
        shown = self.sarai.request("POST", "/api/show", {"model": "ear"}).json
        self.assertEqual(shown["capabilities"], ["transcription"])
        self.assertEqual((shown["details"]["family"], shown["details"]["quantization_level"]), ("whisper", "Q8_0"))
        self.assertNotIn("ear", [row["id"] for row in self.sarai.request("GET", "/v1/models", headers={"anthropic-version": "2023-06-01"}).json["data"]])

    def test_it_is_in_the_ledger_like_all_others(self):
        tell(self.sarai, 1)
        row = self.sarai.row("ear")
        self.assertEqual((row["backend"], row["kind"], row["state"]), ("whisper", "transcription", "ready"))
        self.assertEqual({line["what"] for line in row["plan"]}, {"weights", "kv_cache", "compute", "output", "sound", "overhead"})
        self.assertEqual(ears(self.sarai), [row["pid"]])
        wait_until(lambda: self.sarai.row("ear")["measured_bytes"], "the worker to be measured")
        if not SANITIZED:
            self.assertLess(self.sarai.row("ear")["peak_bytes"], row["planned_bytes"])
        ps = self.sarai.cli("ps").stdout
        self.assertRegex(ps, r"ear +whisper")


class Loads(Case):
    def test_it_is_stopped_displaced_and_idle_like_all_others(self):
        sarai = self.serve({"ear": ear("ttl: 1s"), "lfm2": local("lfm2")}, memory="max_ram: 2GiB, policy: lru")
        tell(sarai, 1)
        wait_until(lambda: not ears(sarai), "the idle worker to be unloaded", 30)
        self.assertEqual(sarai.cli("load", "ear").returncode, 0)
        self.assertEqual(sarai.cli("stop", "ear").returncode, 0)
        wait_until(lambda: not ears(sarai), "the worker to be stopped", 10)
        # A budget in which only one of both fits.
        self.assertEqual((sarai.cli("load", "ear").returncode, sarai.cli("load", "lfm2").returncode), (0, 0))
        budget = sarai.status()["ledger"]["own_bytes"] + sarai.row("ear")["planned_bytes"] + sarai.row("lfm2")["planned_bytes"] - (4 << 20)
        small = self.serve({"ear": ear(), "lfm2": local("lfm2")}, memory=f"max_ram: {budget}, policy: lru")
        tell(small, 1)
        self.assertEqual(small.chat("lfm2").status, 200)
        wait_until(lambda: not ears(small), "it to make room", 20)
        tell(small, 1)

    def test_who_leaves_frees_it_for_the_next(self):
        sarai = self.serve({"ear": ear()})
        tell(sarai, 1)
        body = form(wav(440, 100), model="ear", language="es")
        with socket.create_connection(("127.0.0.1", sarai.port)) as client:
            client.sendall(b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                           b"Content-Length: %d\r\n\r\n" % len(body) + body)
            wait_until(lambda: sarai.row("ear")["in_flight"], "the request to be heard", 60)
        wait_until(lambda: not sarai.row("ear")["in_flight"], "the lease to end", 20)
        pid = sarai.row("ear")["pid"]
        cpu = lambda: sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
        def rests():
            before = cpu()
            time.sleep(0.5)
            return cpu() == before
        wait_until(rests, "the worker to stop computing", 60)
        self.assertEqual(sarai.row("ear")["pid"], pid, "it is the same one")

    def test_none_outlives_sarai(self):
        sarai = self.serve({"ear": ear("preload: true")})
        wait_until(lambda: sarai.row("ear")["state"] == "ready", "the load", 60)
        pids = ears(sarai)
        self.assertEqual(len(pids), 1)
        sarai.kill(signal.SIGKILL)
        wait_until(lambda: not any(alive(pid) for pid in pids), "the worker to end", 10)

    def test_a_key_hears_with_what_it_may_use(self):
        sarai = self.serve({"ear": ear(), "lfm2": local("lfm2")}, extra="access: {keys: {one: {variable: KEY, models: [lfm2]}}}\n", environment={"KEY": "s" * 32})
        allowed = {"Authorization": "Bearer " + "s" * 32, "Content-Type": "multipart/form-data; boundary=b"}
        reply = sarai.request("POST", "/v1/audio/transcriptions", form(wav(440, 1), model="ear"), allowed)
        self.assertEqual(reply.status, 403, reply.body)
        reply = sarai.request("POST", "/v1/audio/transcriptions", form(wav(440, 1), model="whisper-1"), allowed)
        self.assertEqual(reply.status, 404, reply.body)


class Commands(Case):
    def test_it_is_planned_and_examined(self):
        plan = run_cli("plan", MODEL)
        self.assertEqual(plan.returncode, 0, plan.stderr)
        self.assertRegex(plan.stdout, r"whisper\.bin +whisper ")
        sarai = Sarai({"ear": ear(), "wrong": f"backend: gguf_native, path: '{MODEL}'"})
        self.addCleanup(sarai.close)
        sarai.write_config()
        doctor = run_cli("doctor", "--config", sarai.config)
        self.assertRegex(doctor.stdout, r"ear.*whisper, Q8_0, .*M parameters")
        self.assertIn("backend: whisper", doctor.stdout)
        self.assertIn("sarai-whisper", doctor.stdout)


if __name__ == "__main__":
    main()
