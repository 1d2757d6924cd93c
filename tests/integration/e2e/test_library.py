"""Models that clients bring: blobs, create, copy, delete, pull, with Ollama's own API."""
import contextlib
import hashlib
import http.server
import json
import re
import signal
import socket
import threading
import time
import unittest

from harness import MODELS, SANITIZED, Sarai, Terminal, ear, kernel_memory, local, wait_until
from media import wav
from test_speech import form, hear

EMBED = f"backend: gguf_native, kind: embedding, path: '{MODELS}/embed.gguf', context_length: 256"
LFM2 = (MODELS / "lfm2.gguf").read_bytes()
DIGEST = "sha256:" + hashlib.sha256(LFM2).hexdigest()
LARGE = LFM2 + bytes(8 << 20)  # pieces of less than a MiB are not kept when a pull is stopped


class Library(unittest.TestCase):
    def setUp(self):
        self.sarai = Sarai({"embed": EMBED})
        self.sarai.extra = f"library: {{path: '{self.sarai.folder}/library'}}"
        self.sarai.start()
        self.addCleanup(self.sarai.close)

    def post(self, path, body, expect=200):
        reply = self.sarai.request("POST", path, body)
        self.assertEqual(reply.status, expect, reply.body)
        return reply

    def names(self):
        return sorted(m["name"] for m in self.sarai.request("GET", "/api/tags").json["models"])

    def bring(self, data=LFM2):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.assertEqual(self.sarai.request("POST", f"/api/blobs/{digest}", data).status, 201)
        return digest

    def ask(self, model, **more):
        return self.post("/api/generate", {"model": model, "prompt": "Hi", "stream": False, "options": {"num_predict": 3}} | more).json

    def test_a_model_made_of_a_blob_answers_until_it_is_deleted(self):
        self.assertEqual(self.sarai.request("HEAD", f"/api/blobs/{DIGEST}").status, 404)
        self.bring()
        self.assertEqual(self.sarai.request("HEAD", f"/api/blobs/{DIGEST}").status, 200)
        lines = [json.loads(line) for line in self.post("/api/create", {
            "model": "tiny", "files": {"tiny.gguf": DIGEST}, "system": "Be short.",
            "parameters": {"num_predict": 4, "num_ctx": 512}}).body.splitlines()]
        self.assertEqual(lines[-1], {"status": "success"})
        self.assertEqual(self.names(), ["embed:latest", "tiny:latest"])
        self.assertEqual(self.ask("tiny")["eval_count"], 3)
        self.assertEqual(self.ask("tiny:latest", options={})["eval_count"], 4)  # as it was made
        chat = self.sarai.chat("tiny", max_tokens=2)
        self.assertEqual(chat.status, 200)
        shown = self.post("/api/show", {"model": "tiny"}).json
        self.assertEqual((shown["system"], shown["details"]["family"]), ("Be short.", "lfm2"))
        self.assertIn("num_ctx", shown["parameters"])
        self.post("/api/copy", {"source": "tiny", "destination": "other:v2"})
        self.assertEqual(self.names(), ["embed:latest", "other:v2", "tiny:latest"])
        self.assertEqual(self.sarai.request("DELETE", "/api/delete", {"model": "tiny"}).status, 200)
        self.assertEqual(self.names(), ["embed:latest", "other:v2"])
        self.assertEqual(self.sarai.chat("tiny").status, 404)
        self.assertEqual(self.ask("other:v2")["eval_count"], 3)  # has the same blob
        self.assertEqual(self.sarai.request("DELETE", "/api/delete", {"model": "other:v2"}).status, 200)
        self.assertEqual(self.sarai.request("HEAD", f"/api/blobs/{DIGEST}").status, 404)
        wait_until(lambda: not self.sarai.workers(), "the workers to go")

    def test_it_is_there_after_a_restart_and_after_a_reload(self):
        self.bring()
        self.post("/api/create", {"model": "kept", "files": {"a": DIGEST}, "stream": False})
        self.post("/sarai/reload", {})
        self.assertIn("kept:latest", self.names())
        self.sarai.kill(signal.SIGTERM)
        self.sarai.start()
        self.assertIn("kept:latest", self.names())
        self.assertEqual(self.ask("kept")["eval_count"], 3)

    def test_a_reranker_is_known_for_one(self):
        digest = self.bring((MODELS / "rerank.gguf").read_bytes())
        self.post("/api/create", {"model": "judge", "files": {"a": digest}, "stream": False})
        self.assertEqual(len(self.post("/v1/rerank", {"model": "judge", "query": "x", "documents": ["a", "b"]}).json["results"]), 2)
        self.assertEqual(self.sarai.chat("judge").status, 400)

    def test_one_that_hears_is_known_for_one(self):
        digest = self.bring((MODELS / "whisper.bin").read_bytes())
        self.post("/api/create", {"model": "ear", "files": {"a": digest}, "stream": False})
        self.post("/api/create", {"model": "child", "from": "ear", "parameters": {"num_ctx": 512}, "stream": False})
        for name in ("ear", "child"):
            reply = hear(self.sarai, form(wav(440, 1), model=name, language="es"))
            self.assertEqual((reply.status, reply.headers["x-sarai-model"]), (200, name), reply.body)
            self.assertEqual(self.sarai.row(name)["backend"], "whisper")
            self.assertEqual(self.post("/api/show", {"model": name}).json["capabilities"], ["transcription"])
            refused = self.sarai.chat(name)
            self.assertEqual(refused.status, 400, refused.body)
            self.assertIn("hears speech", refused.json["error"]["message"])

    def test_an_embedder_is_known_for_one_and_a_modelfile_is_read(self):
        digest = self.bring((MODELS / "embed.gguf").read_bytes())
        self.post("/api/create", {"model": "vectors", "files": {"a": digest}, "stream": False})
        self.assertEqual(len(self.post("/api/embed", {"model": "vectors", "input": "x"}).json["embeddings"]), 1)
        self.bring()
        self.post("/api/create", {"model": "old", "modelfile": f"FROM @{DIGEST}\nPARAMETER num_predict 2\nSYSTEM Hello", "stream": False})
        self.assertEqual(self.ask("old", options={})["eval_count"], 2)
        self.post("/api/create", {"model": "child", "from": "old", "parameters": {"num_predict": 1}, "stream": False})
        self.assertEqual(self.ask("child", options={})["eval_count"], 1)

    def test_pictures_come_with_a_projector(self):
        model, projector = (self.bring((MODELS / name).read_bytes()) for name in ("omni.gguf", "omni-mmproj.gguf"))
        self.post("/api/create", {"model": "eyes", "files": {"a.gguf": model, "b.gguf": projector}, "stream": False})
        self.assertIn("vision", self.post("/api/show", {"model": "eyes"}).json["capabilities"])

    def test_what_cannot_be_is_refused_in_ollamas_words(self):
        blob = lambda digest, data: self.sarai.request("POST", f"/api/blobs/{digest}", data)
        wrong = "sha256:" + "0" * 64
        self.assertIn("digest mismatch", blob(wrong, b"abc").json["error"])
        self.assertEqual(blob("sha256:zz", b"abc").status, 400)
        junk = self.bring(b"no GGUF at all, but long enough to be looked at" * 10)
        for body, status in [({"model": "x"}, 400), ({"model": "bad name!!", "files": {"a": DIGEST}}, 400),
                             ({"model": "x", "files": {"a": junk}}, 400), ({"model": "x", "files": {"a": wrong}}, 404),
                             ({"model": "embed", "files": {"a": DIGEST}}, 400), ({"model": "x", "from": "nope"}, 404)]:
            reply = self.sarai.request("POST", "/api/create", body | {"stream": False})
            self.assertEqual(reply.status, status, (body, reply.body))
            self.assertNotIn(str(self.sarai.folder), reply.json["error"])
        streamed = self.sarai.request("POST", "/api/create", {"model": "x", "files": {"a": junk}})
        self.assertEqual((streamed.status, list(json.loads(streamed.body.splitlines()[-1]))), (200, ["error"]))
        self.assertEqual(self.sarai.request("DELETE", "/api/delete", {"model": "nope"}).status, 404)
        self.assertEqual(self.sarai.request("DELETE", "/api/delete", {"model": "embed"}).status, 400)
        self.assertEqual(self.sarai.request("POST", "/api/copy", {"source": "nope", "destination": "x"}).status, 404)
        self.assertEqual(self.names(), ["embed:latest"])
        outside = [p for p in self.sarai.folder.rglob("*") if "library" in p.parts and p.suffix not in (".json", "") and "sha256-" not in p.name]
        self.assertEqual(outside, [])

    def test_an_upload_that_breaks_off_leaves_nothing(self):
        with socket.create_connection(("127.0.0.1", self.sarai.port)) as raw:
            raw.sendall(f"POST /api/blobs/{DIGEST} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(LFM2)}\r\n\r\n".encode() + LFM2[:100000])
        blobs = self.sarai.folder / "library" / "blobs"
        wait_until(lambda: not blobs.exists() or not list(blobs.iterdir()), "the partial file to go")
        self.bring()


class Variants(unittest.TestCase):
    def test_one_that_hears_has_one_context(self):
        self.sarai = Sarai({"ear": ear()})
        self.addCleanup(self.sarai.close)
        self.sarai.start()
        self.post("/api/create", {"model": "wide", "from": "ear", "parameters": {"num_ctx": 1024}, "stream": False})
        self.assertEqual(hear(self.sarai, form(wav(440, 1), model="wide", language="es")).status, 200)
        self.assertEqual((self.sarai.row("wide")["served_by"], self.sarai.row("ear")["state"]), ("ear", "ready"))

    def post(self, path, body):
        reply = self.sarai.request("POST", path, body)
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json

    def test_a_model_of_the_configuration_has_variants(self):
        self.sarai = Sarai({"plain": local("lfm2")})
        self.addCleanup(self.sarai.close)
        self.sarai.start()
        self.post("/api/create", {"model": "brief", "from": "plain", "system": "Be brief.", "parameters": {"num_predict": 2}, "stream": False})
        self.assertEqual(self.ask("brief"), 2)
        shown = self.post("/api/show", {"model": "brief"})
        self.assertTrue(shown["modelfile"].startswith("FROM plain\n"), shown["modelfile"])
        self.post("/api/create", {"model": "briefer", "from": "brief", "parameters": {"num_predict": 1}, "stream": False})
        self.post("/sarai/reload", {})
        self.assertEqual(self.ask("briefer"), 1)
        self.sarai.kill(signal.SIGTERM)
        self.sarai.start()
        self.assertEqual(self.post("/sarai/load", {"model": "briefer"}), {"model": "briefer", "state": "ready"})
        self.assertEqual(self.ask("briefer"), 1)
        # The same worker answers for all of them.
        self.assertEqual(len(self.sarai.workers()), 1)
        self.assertEqual(self.sarai.row("plain")["state"], "ready")
        self.assertEqual(self.ask("BRIEFER:latest"), 1)
        self.post("/api/create", {"model": "wide", "from": "plain", "parameters": {"num_ctx": 1024, "num_predict": 3}, "stream": False})
        self.assertEqual(self.ask("wide"), 3)
        self.assertEqual(len(self.sarai.workers()), 2)
        # Those that another's worker answers for are proven with it, though they are never loaded themselves.
        done = self.sarai.cli("prove", "--json")
        proved = {model["name"]: model["error"] for model in json.loads(done.stdout)["models"]}
        self.assertEqual((proved, done.returncode), (dict.fromkeys(("plain", "brief", "briefer", "wide")), 0), done.stdout)
        self.assertEqual(self.sarai.request("POST", "/api/copy", {"source": "plain", "destination": "twin"}).status, 200)
        self.assertIn("twin:latest", [m["name"] for m in self.sarai.request("GET", "/api/tags").json["models"]])
        for parameters in ({"n_predict": 50}, {"n": 2}, {"tools": [{}]}, {"num_ctx": 1e30}):
            reply = self.sarai.request("POST", "/api/create", {"model": "x", "from": "plain", "parameters": parameters, "stream": False})
            self.assertEqual(reply.status, 400, (parameters, reply.body))
        reply = self.sarai.request("POST", "/api/create", {"model": "x", "from": "plain", "files": {"a": DIGEST}, "stream": False})
        self.assertEqual(reply.status, 400, reply.body)
        self.assertEqual(self.sarai.request("DELETE", "/api/delete", {"model": "plain"}).status, 400)

    def ask(self, model):
        return self.post("/api/generate", {"model": model, "prompt": "Hi", "stream": False})["eval_count"]


    def test_models_that_come_and_go_leave_nothing_behind(self):
        self.sarai = Sarai({"plain": local("lfm2")})
        self.addCleanup(self.sarai.close)
        self.sarai.start()
        def make(count):
            for i in range(count):
                self.post("/api/create", {"model": "g", "from": "plain", "parameters": {"num_ctx": 300 + i % 2}, "stream": False})
                self.assertEqual(self.sarai.request("DELETE", "/api/delete", {"model": "g"}).status, 200)
        memory = lambda: kernel_memory([self.sarai.process.pid])[1]
        make(100)
        # Each of them left 4.8 kB, once. The heap grows for other reasons as well, but not every time.
        grown = []
        while not grown or (min(grown) >= 3 << 19 and len(grown) < 3):
            before = memory()
            make(500)
            grown.append(memory() - before)
        if not SANITIZED:  # which keeps what was freed
            self.assertLess(min(grown), 3 << 19)


class Pull(unittest.TestCase):
    def setUp(self):
        test = self
        self.breaks = 0
        self.stalls = 0
        self.left = threading.Event()
        self.ranges = []

        class Files(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.answer(False)

            def do_GET(self):
                self.answer(True)

            def answer(self, body):
                if self.path == "/models/tiny.gguf.sha256":
                    data = DIGEST.removeprefix("sha256:").encode() + b"  tiny.gguf\n"
                elif self.path == "/models/tiny.gguf":
                    data = LFM2
                elif self.path == "/models/large.gguf.sha256":
                    data = hashlib.sha256(LARGE).hexdigest().encode()
                elif self.path == "/models/large.gguf":
                    data = LARGE
                elif self.path == "/models/huge.gguf" and not body:
                    self.send_response(200)
                    self.send_header("Content-Length", 100 << 30)
                    return self.end_headers()
                else:
                    return self.send_error(404)
                begin = 0
                if body and "Range" in self.headers:
                    test.ranges.append(self.headers["Range"])
                    begin = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
                self.send_response(206 if begin else 200)
                self.send_header("Content-Length", len(data) - begin)
                self.send_header("ETag", '"1"')
                if begin:
                    self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
                self.end_headers()
                if body and len(data) > 1000 and test.breaks:
                    test.breaks -= 1
                    self.wfile.write(data[begin:begin + (len(data) - begin) // 2])
                    self.wfile.flush()
                    return self.connection.shutdown(socket.SHUT_RDWR)
                if body and len(data) > 1000 and test.stalls:
                    test.stalls -= 1
                    quarter = (len(data) - begin) // 4
                    with contextlib.suppress(ConnectionError):  # until who asked gives it up
                        for at in (begin, begin + quarter):  # what comes later than a second after a report is reported
                            self.wfile.write(data[at:at + quarter])
                            self.wfile.flush()
                            time.sleep(1.5)
                        self.connection.settimeout(30)
                        self.connection.recv(1)
                    test.left.set()
                    self.close_connection = True
                    return
                if body:
                    self.wfile.write(data[begin:])

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.sarai = Sarai({"embed": EMBED})
        self.sarai.extra = (f"library: {{path: '{self.sarai.folder}/library', hugging_face: 'http://127.0.0.1:1', "
                            f"sources: {{lan: {{url: 'http://127.0.0.1:{self.server.server_port}/models'}}}}}}")
        self.sarai.start()
        self.addCleanup(self.sarai.close)

    def pull(self, model):
        reply = self.sarai.request("POST", "/api/pull", {"model": model})
        self.assertEqual(reply.status, 200)
        return [json.loads(line) for line in reply.body.splitlines()]

    def test_a_model_is_pulled_with_progress_and_answers(self):
        lines = self.pull("lan/tiny")
        self.assertEqual((lines[0], lines[-1]), ({"status": "pulling manifest"}, {"status": "success"}))
        bars = [line for line in lines if line.get("digest")]
        self.assertEqual((bars[-1]["completed"], bars[-1]["total"]), (len(LFM2), len(LFM2)))
        self.assertEqual(self.sarai.chat("lan/tiny", max_tokens=2).status, 200)
        self.assertEqual(self.pull("embed")[-1], {"status": "success"})  # is here already

    def test_a_line_that_breaks_is_gone_on_with(self):
        self.breaks = 1
        self.assertEqual(self.pull("lan/tiny")[-1], {"status": "success"})
        self.assertEqual(len(self.ranges), 1)
        self.assertNotEqual(self.ranges[0], "bytes=0-")

    def test_the_command_shows_a_bar_and_goes_on_with_what_was_stopped(self):
        self.stalls = 1
        with Terminal("pull", "lan/large", url=self.sarai.url) as terminal:
            terminal.read(lambda s: re.search(rb" [1-9]\d* %  ", s))
            terminal.write(b"\x03")
            self.assertEqual(terminal.end(), -signal.SIGINT)
        self.assertTrue(self.left.wait(20), "what is stopped lets go of its source")
        again = self.sarai.cli("pull", "lan/large")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertRegex(again.stdout, r"^lan/large is there: [0-9.]+ [KM]iB\n$")
        self.assertEqual(again.stderr, "")
        self.assertEqual(len(self.ranges), 1)
        self.assertNotEqual(self.ranges[0], "bytes=0-")
        nowhere = self.sarai.cli("pull", "lan/nope")
        self.assertEqual(nowhere.returncode, 1)
        self.assertIn("lan/nope", nowhere.stderr)

    def test_what_can_never_be_loaded_is_refused_before_it_is_downloaded(self):
        lines = self.pull("lan/huge")
        self.assertEqual(lines[0], {"status": "pulling manifest"})
        self.assertRegex(lines[-1]["error"], r"'lan/huge' cannot fit: its file alone takes 100\.00 GiB .* the memory budget is 2\.00 GiB")
        self.assertEqual(lines[-1]["code"], "insufficient_memory")
        refused = self.sarai.cli("pull", "lan/huge")
        self.assertEqual(refused.returncode, 4, "what does not fit")
        self.assertIn("nothing was downloaded", refused.stderr)

    def test_what_is_nowhere_is_said(self):
        for name in ("lan/nope", "hf.co/a/b", "nowhere/x", "plain", "https://example.com/x.gguf", "../../etc/passwd"):
            lines = self.pull(name) if "/" in name or name == "plain" else []
            self.assertIn("error", lines[-1], name)


if __name__ == "__main__":
    unittest.main()
