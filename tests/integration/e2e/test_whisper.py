"""Models of whisper.cpp (backend: whisper): real workers on the tiny synthetic model, OpenAI's client unmodified.

What it hears in noise are words of its vocabulary, at times that it makes up; that they come, whole and in order, is what
counts here."""
import base64
import http.client
import http.server
import json
import os
import pathlib
import signal
import socket
import threading
import time
import unittest

import openai

from harness import MODELS, SANITIZED, Case, JsonFace, Sarai, alive, children_of, ear, local, main, name_of, run_cli, wait_until
from media import wav
from test_speech import OMNI, form, hear, pauses

MODEL = f"{MODELS}/whisper.bin"


def ears(sarai):
    """Workers that are up, without planning children."""
    pids = [child for child in children_of(sarai.process.pid) if name_of(child) == "sarai-whisper"]
    return [pid for pid in pids if b"--socket" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]


def cpu_of(pid):
    """Hundredths of a second."""
    return sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))


def tell(sarai, seconds=2, hertz=440, **fields):
    reply = hear(sarai, form(wav(hertz, seconds), **{"model": "ear", "language": "es", "response_format": "verbose_json", **fields}))
    assert reply.status == 200, reply.body
    return reply.json


def tried(ask, good, what):
    """What `ask` gives of the first recording in which something is heard: a model of noise hears nothing in some, and
    where it does not trust itself it rolls dice."""
    for hertz in (440, 300, 523, 660, 784, 880, 988, 1047, 200, 350):
        told = ask(hertz)
        if good(told):
            return told
    raise AssertionError(f"{what} in none of ten recordings")


class Heard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sarai = Sarai({"lfm2": local("lfm2"), "omni": OMNI, "ear": ear()}).start()
        cls.client = openai.OpenAI(base_url=cls.sarai.url + "/v1", api_key="none", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def test_segments_have_the_times_at_which_they_were_heard(self):
        told = tried(lambda hertz: tell(self.sarai, 4, hertz), lambda told: told["segments"], "no segments")
        self.assertEqual((told["task"], told["language"], told["duration"]), ("transcribe", "es", 4.0))
        self.assertTrue(told["segments"])
        for segment in told["segments"]:
            self.assertLessEqual(0, segment["start"])
            self.assertLessEqual(segment["start"], segment["end"])
            self.assertLessEqual(segment["end"], 4)
            self.assertLess(segment["avg_logprob"], 0)
            self.assertIn("no_speech_prob", segment)
        self.assertEqual(told["text"], " ".join(s["text"] for s in told["segments"]))
        self.assertNotIn("words", told)
        self.assertEqual(told["usage"]["input_tokens"], 200, "50 positions a second")
        self.assertGreater(told["usage"]["output_tokens"], 0)

    def test_what_was_heard_before_changes_nothing(self):
        # On processors with AMX a recording once left NaN behind, and all that followed were silent.
        def heard(hertz):
            told = tell(self.sarai, 2, hertz)
            return told["text"], [(segment["start"], segment["end"], segment["avg_logprob"]) for segment in told["segments"]]
        before = heard(440)
        self.assertTrue(before[0])
        for hertz in (300, 523, 660, 784, 1047):
            self.assertTrue(heard(hertz)[0], hertz)
        self.assertEqual(heard(440), before)

    def test_a_model_that_only_hears_is_who_is_asked(self):
        for name in ("ear", "whisper-1", "gpt-4o-transcribe", "auto"):
            reply = hear(self.sarai, form(wav(440, 1), model=name, language="es"))
            self.assertEqual((reply.status, reply.headers["x-sarai-model"]), (200, "ear"), reply.body)
        reply = hear(self.sarai, form(wav(440, 1), language="es"))
        self.assertEqual(reply.headers["x-sarai-model"], "ear")
        reply = hear(self.sarai, form(wav(440, 1), model="omni"))
        self.assertEqual((reply.status, reply.headers["x-sarai-model"]), (200, "omni"), "others by their names")

    def test_words_have_times_where_they_are_asked_for(self):
        heard = tried(lambda hertz: self.client.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(hertz, 3)), language="es",
                                                                            response_format="verbose_json", timestamp_granularities=["word", "segment"]),
                      lambda heard: heard.words, "no words")
        self.assertEqual(" ".join(word.word for word in heard.words), heard.text)
        for word in heard.words:
            self.assertLessEqual(word.start, word.end)
        alone = hear(self.sarai, form(wav(440, 1), model="ear", language="es", response_format="verbose_json", **{"timestamp_granularities[]": "word"})).json
        self.assertNotIn("segments", alone)
        self.assertIn("words", alone)
        deaf = hear(self.sarai, form(wav(440), model="omni", response_format="verbose_json", **{"timestamp_granularities[]": "word"}))
        self.assertEqual((deaf.status, deaf.json["error"]["param"]), (400, "timestamp_granularities[]"), deaf.body)
        self.assertIn("backend whisper", deaf.json["error"]["message"])

    def test_every_form_of_what_is_heard(self):
        sound = wav(440, 2)
        self.assertEqual(set(hear(self.sarai, form(sound, model="ear", language="es")).json), {"text", "usage"})
        self.assertEqual(hear(self.sarai, form(sound, model="ear", language="es", response_format="text")).body.decode().count("\n"), 1)
        subtitles = lambda form_of: tried(lambda hertz: hear(self.sarai, form(wav(hertz, 2), model="ear", language="es", response_format=form_of)).body.decode(),
                                          lambda text: "-->" in text, "no " + form_of)
        srt = subtitles("srt")
        self.assertRegex(srt, r"^1\n00:00:0\d,\d{3} --> 00:00:0[0-2],\d{3}\n.+\n\n")
        vtt = subtitles("vtt")
        self.assertRegex(vtt, r"^WEBVTT\n\n00:00:0\d.\d{3} --> 00:00:0[0-2].\d{3}\n.+\n\n")
        translated = self.client.audio.translations.create(model="whisper-1", file=("a.wav", sound), response_format="verbose_json")
        self.assertEqual((translated.language, translated.duration), ("en", 2.0))

    def test_prompts_languages_and_temperatures_are_taken(self):
        for fields in ({"prompt": "onmi saten tirten pemi noro ñ " * 20}, {"language": "fr"}, {"temperature": 0.8}):
            self.assertEqual(tell(self.sarai, **fields)["language"], fields.get("language", "es"))

    def test_what_is_heard_is_streamed(self):
        events = tried(lambda hertz: list(self.client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", wav(hertz, 3)), language="es",
                                                                                  stream=True)),
                       lambda events: len(events) > 1, "no deltas")
        self.assertEqual({event.type for event in events[:-1]}, {"transcript.text.delta"})
        self.assertEqual(events[-1].type, "transcript.text.done")
        self.assertEqual("".join(event.delta for event in events[:-1]), events[-1].text)

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
        # As much as goes to it at once, with the times of words.
        tell(self.sarai, 120, temperature=0.2, **{"timestamp_granularities[]": "word"})
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
        wait_until(lambda: not ears(sarai), "the worker to be stopped", 30)
        # A budget in which only one of both fits.
        roomy = self.serve({"ear": ear(), "lfm2": local("lfm2")})
        own = max(roomy.status()["ledger"]["own_bytes"], 32 << 20)  # no less is set aside for it
        self.assertEqual((roomy.cli("load", "ear").returncode, roomy.cli("load", "lfm2").returncode), (0, 0))
        budget = own + roomy.row("ear")["planned_bytes"] + roomy.row("lfm2")["planned_bytes"] - (4 << 20)
        small = self.serve({"ear": ear(), "lfm2": local("lfm2")}, memory=f"max_ram: {budget}, policy: lru")
        tell(small, 1)
        self.assertEqual(small.chat("lfm2").status, 200)
        wait_until(lambda: not ears(small), "it to make room", 20)
        tell(small, 1)

    def test_a_file_that_is_wrong_has_its_own_error_and_the_next_request_its_answer(self):
        sarai = Sarai({"ear": "backend: whisper, path: ear.bin, timeouts: {load: 20s}"})
        self.addCleanup(sarai.close)
        sarai.start()
        file = sarai.folder / "ear.bin"
        whole = pathlib.Path(MODEL).read_bytes()
        for content, words in ((None, "there is no file"), (b"", "is empty"), (b"GGUF" + bytes(100), "is not a file of whisper.cpp"),
                               (whole[:-5000], "is truncated"), (whole[:100000], "is truncated")):
            if content is not None:
                file.write_bytes(content)
            begun = time.monotonic()
            reply = hear(sarai, form(wav(440, 1), model="ear"))
            self.assertGreaterEqual(reply.status, 500, (words, reply.body))
            self.assertIn(words, reply.json["error"]["message"])
            self.assertLess(time.monotonic() - begun, 20)
            sarai.cli("reload")
        file.write_bytes(whole)
        self.assertEqual(sarai.cli("load", "ear").returncode, 0)
        tell(sarai, 1)

    def test_a_worker_that_is_killed_is_an_error_and_the_next_one_answers(self):
        sarai = self.serve({"ear": ear()})
        tell(sarai, 1)
        connection = http.client.HTTPConnection("127.0.0.1", sarai.port, timeout=300)
        self.addCleanup(connection.close)
        connection.request("POST", "/v1/audio/transcriptions", form(wav(440, 110), model="ear", language="es", stream="true"),
                           {"Content-Type": "multipart/form-data; boundary=b"})
        reply = connection.getresponse()
        # Before the first segment nobody has anything of it: another worker would begin anew.
        while b"transcript.text.delta" not in (line := reply.readline()):
            self.assertTrue(line, "it ended without a word")
        os.kill(ears(sarai)[0], signal.SIGKILL)
        events = [line[6:] for line in reply.read().split(b"\n") if line.startswith(b"data: ")]
        self.assertIn(b'"error"', events[-1])
        self.assertIn(b"worker of 'ear'", events[-1])
        tell(sarai, 1)

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
        def rests():
            before = cpu_of(pid)
            time.sleep(0.5)
            return cpu_of(pid) == before
        wait_until(rests, "the worker to stop computing", 60)
        self.assertEqual(sarai.row("ear")["pid"], pid, "it is the same one")

    def test_none_outlives_sarai(self):
        sarai = self.serve({"ear": ear("preload: true")})
        wait_until(lambda: sarai.row("ear")["state"] == "ready", "the load", 60)
        pids = ears(sarai)
        self.assertEqual(len(pids), 1)
        sarai.kill(signal.SIGKILL)
        wait_until(lambda: not any(alive(pid) for pid in pids), "the worker to end")

    def test_a_long_recording_goes_in_pieces(self):
        sarai = self.serve({"ear": ear("language: es")})
        reply = hear(sarai, form(pauses(150, (117,)), model="ear", response_format="verbose_json"))
        self.assertEqual(reply.status, 200, reply.body)
        told = reply.json
        self.assertEqual((told["duration"], told["language"]), (150.0, "es"))
        starts = [segment["start"] for segment in told["segments"]]
        self.assertEqual(starts, sorted(starts))
        self.assertTrue(starts)
        self.assertAlmostEqual(told["usage"]["input_tokens"], 7500, delta=2, msg="both pieces were heard")
        self.assertEqual([segment["id"] for segment in told["segments"]], list(range(len(starts))))

    def test_a_key_hears_with_what_it_may_use(self):
        sarai = self.serve({"ear": ear(), "lfm2": local("lfm2")}, extra="access: {keys: {one: {variable: KEY, models: [lfm2]}}}\n", environment={"KEY": "s" * 32})
        allowed = {"Authorization": "Bearer " + "s" * 32, "Content-Type": "multipart/form-data; boundary=b"}
        reply = sarai.request("POST", "/v1/audio/transcriptions", form(wav(440, 1), model="ear"), allowed)
        self.assertEqual(reply.status, 403, reply.body)
        reply = sarai.request("POST", "/v1/audio/transcriptions", form(wav(440, 1), model="whisper-1"), allowed)
        self.assertEqual(reply.status, 404, reply.body)


class Straight(http.client.HTTPConnection):
    """To the worker itself, without sarai between."""

    def __init__(self, pid):
        super().__init__("localhost", timeout=120)
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        self.path = words[words.index(b"--socket") + 1].decode()

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def ask(self, seconds=120):
        sound = base64.b64encode(wav(440, seconds)[44:]).decode()
        self.request("POST", "/v1/audio/transcriptions", json.dumps({"sound": sound, "language": "es"}))
        return self


class Worker(Case):
    def setUp(self):
        super().setUp()
        self.sarai = self.serve({"ear": ear("preload: true")})
        wait_until(lambda: self.sarai.row("ear")["state"] == "ready", "the load", 60)
        self.pid = ears(self.sarai)[0]

    def ask(self):
        connection = Straight(self.pid)
        self.addCleanup(connection.close)
        before = cpu_of(self.pid)
        connection.ask()
        wait_until(lambda: cpu_of(self.pid) > before + 20, "it to compute", 30)
        return connection

    def test_a_window_that_takes_long_is_no_silence(self):
        connection = self.ask()
        # As if it needed as long for what it is at; several times, since it may just be about to tell what it heard.
        for _ in range(4):
            os.kill(self.pid, signal.SIGSTOP)
            time.sleep(2.5)
            os.kill(self.pid, signal.SIGCONT)
            time.sleep(0.3)
        reply = connection.getresponse()
        self.assertEqual(reply.status, 200)
        told = [json.loads(line[6:]) for line in reply.read().split(b"\n") if line.startswith(b"data: {")]
        self.assertIn({"choices": [{"index": 0, "delta": {}, "finish_reason": None}]}, told[:-1])
        self.assertEqual(told[-1]["choices"][0]["finish_reason"], "stop")

    def test_who_leaves_before_its_turn_is_not_heard(self):
        sockets = lambda: sum(os.readlink(link).startswith("socket:") for link in pathlib.Path(f"/proc/{self.pid}/fd").iterdir() if os.path.islink(link))
        first = self.ask()
        alone = sockets()
        second = Straight(self.pid).ask(seconds=1)
        wait_until(lambda: sockets() == alone + 1, "the second to wait")
        second.close()
        wait_until(lambda: sockets() == alone, "the second to be given up")
        first.sock.setblocking(False)
        try:
            said = first.sock.recv(1 << 20, socket.MSG_PEEK)
        except BlockingIOError:
            said = b""
        self.assertNotIn(b"[DONE]", said, "while the first is still heard")
        first.sock.settimeout(120)
        self.assertIn(b"[DONE]", first.getresponse().read())


class FullOfPromises(JsonFace):
    """A sarai whose one model hears without being loaded."""

    def do_GET(self):
        self.answer({"data": [{"id": "ear", "sarai": {"backend": "whisper", "kind": "transcription"}}],
                     "models": [{"name": "ear", "state": "unloaded", "endpoint": "local", "load_ms": 0,
                                 **dict.fromkeys(("planned_bytes", "measured_bytes", "peak_bytes"), 0)}],
                     "ledger": {"budget_bytes": 1, "own_bytes": 1, "measured_bytes": 1, "peak_bytes": 1}, "decisions": []})

    def do_POST(self):
        self.answer({"text": "", "segments": []})

    def log_message(self, *_):
        pass


class Commands(Case):
    def test_it_is_proven_by_as_much_as_it_may_hear(self):
        sarai = self.serve({"ear": ear("language: es")})
        done = sarai.cli("prove", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        proved = json.loads(done.stdout)["models"][0]
        self.assertEqual((proved["name"], proved["backend"], proved["error"]), ("ear", "whisper", None))
        self.assertGreater(proved["planned_bytes"], 0)
        if not SANITIZED:
            self.assertLess(proved["peak_bytes"], proved["planned_bytes"])
        self.assertEqual(sarai.row("ear")["state"], "ready")
        # Two recordings, 50 positions a second: one to load it, and one of the longest piece.
        heard = sarai.request("GET", "/metrics").body.decode()
        self.assertRegex(heard, r'sarai_tokens_total\{[^}]*model="ear"[^}]*type="prompt"[^}]*\} 6050\n')

    def test_one_that_cannot_be_loaded_is_not_proven(self):
        sarai = self.serve({"ear": "backend: whisper, path: none.bin"})
        done = sarai.cli("prove", "--json")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("there is no file", json.loads(done.stdout)["models"][0]["error"])

    def test_one_that_answers_without_being_loaded_is_not_proven(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FullOfPromises)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = run_cli("prove", "--json", environment={"SARAI_URL": f"http://127.0.0.1:{server.server_port}"})
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("was not loaded; its state is unloaded", json.loads(done.stdout)["models"][0]["error"])

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
