"""Media: what the multimodal model is fed, and its projector that comes when it is needed. Real workers."""
import base64
import http.server
import struct
import subprocess
import threading
import unittest

from harness import MODELS, Case, Sarai, local, main, ollama, wait_until
from media import picture, png, tone, wav

OMNI = f"backend: gguf_native, path: '{MODELS}/omni.gguf', mmproj: '{MODELS}/omni-mmproj.gguf', context_length: 2048, threads: 1"


def user(*parts):
    return [{"role": "user", "content": [p if isinstance(p, dict) else {"type": "text", "text": p} for p in parts]}]


class OnDemand(Case):
    def ask(self, sarai, *parts, **more):
        reply = sarai.request("POST", "/v1/chat/completions",
                              {"model": "omni", "messages": user(*parts), "max_tokens": 8, "temperature": 0, "seed": 1, **more})
        self.assertEqual(reply.status, 200, reply.body)
        return reply

    def test_text_is_answered_without_the_projector_and_media_bring_it(self):
        sarai = self.serve({"omni": OMNI})
        self.ask(sarai, "Hello")
        row = sarai.row("omni")
        self.assertEqual(row["projector"], "on demand")
        blind, pid = row["planned_bytes"], row["pid"]
        self.ask(sarai, "What is it?", picture("red"))
        row = sarai.row("omni")
        self.assertEqual(row["projector"], "loaded")
        self.assertNotEqual(row["pid"], pid)
        self.assertGreater(row["planned_bytes"], blind)
        self.assertIn("mmproj", [line["what"] for line in row["plan"]])
        seeing = row["pid"]
        self.ask(sarai, "Hello again")
        self.assertEqual(sarai.row("omni")["pid"], seeing, "who sees can read as well")
        self.assertLessEqual(sarai.row("omni")["peak_bytes"], sarai.row("omni")["planned_bytes"])
        why = sarai.request("GET", "/sarai/why?model=omni").json["decisions"]
        self.assertTrue(any("with its projector" in d["outcome"] for d in why), why)

    def test_it_goes_back_to_text_after_its_ttl(self):
        sarai = self.serve({"omni": OMNI + ", mmproj_ttl: 500ms"})
        self.ask(sarai, "What?", picture("blue"))
        wait_until(lambda: (row := sarai.row("omni"))["state"] == "ready" and row["projector"] == "on demand", "the worker for text to be back")
        self.ask(sarai, "Hello")

    def test_a_projector_that_does_not_fit_is_refused_and_text_goes_on(self):
        roomy = self.serve({"omni": OMNI})
        self.ask(roomy, "Hello")
        blind = roomy.row("omni")["planned_bytes"]
        self.ask(roomy, "What?", picture("red"))
        seeing = roomy.row("omni")["planned_bytes"]
        own = roomy.status()["ledger"]["reserved_bytes"] - seeing
        tight = self.serve({"omni": OMNI}, memory=f"max_ram: {(own + (blind + seeing) // 2) // 1024}KiB")
        self.ask(tight, "Hello")
        reply = tight.request("POST", "/v1/chat/completions", {"model": "omni", "messages": user("What?", picture("red")), "max_tokens": 4})
        self.assertEqual(reply.status, 503, reply.body)
        self.assertIn("model 'omni' does not fit: it needs", reply.json["error"]["message"])
        self.ask(tight, "Hello")

    def test_always_means_from_the_start(self):
        sarai = self.serve({"omni": OMNI + ", mmproj_load: always, preload: true"})
        wait_until(lambda: sarai.row("omni")["state"] == "ready", "omni")
        self.assertEqual(sarai.row("omni")["projector"], "loaded")

    def test_what_is_too_much_for_a_worker_never_reaches_it(self):
        sarai = self.serve({"omni": OMNI + ", mmproj_load: always"})
        self.ask(sarai, "Hello")
        pid, planned = (sarai.row("omni")[key] for key in ("pid", "planned_bytes"))
        # 52 minutes in 3 MiB, which a worker would hold as 200 MB; 17 minutes, which its context could not hold either.
        tape = lambda size: b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 1000, 1000, 1, 8) \
            + b"data" + struct.pack("<I", size) + bytes(range(100, 150)) * (size // 50)
        sound = lambda size: {"type": "input_audio", "input_audio": {"data": base64.b64encode(tape(size)).decode(), "format": "wav"}}
        much = "lorem ipsum dolor " * (4 * 2**20 // 18)
        note = {"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64," + base64.b64encode(much.encode()).decode()}}
        for parts, status, words in (((sound(3_000_000),), 413, "s of sound"), ((sound(1_000_000),), 413, "409 s"), ((sound(300_000), sound(300_000)), 413, "600 s"),
                                     ((much,), 400, "can hold in its context of 2048 tokens"), ((picture("red"), much), 400, "can hold in its context"),
                                     ((note,), 400, "can hold in its context")):
            reply = sarai.request("POST", "/v1/chat/completions", {"model": "omni", "messages": user("What?", *parts), "max_tokens": 4}, timeout=60)
            self.assertEqual(reply.status, status, reply.body)
            self.assertIn(words, reply.json["error"]["message"])
        self.ask(sarai, "What?", picture("red", 256), tone(220, 40))
        self.assertEqual(sarai.row("omni")["pid"], pid)
        with open(f"/proc/{pid}/status") as told:
            peak = next(int(line.split()[1]) * 1024 for line in told if line.startswith("VmHWM"))
        self.assertLess(peak, planned + 2**26, "VmHWM counts libraries that others have as well")

    def test_requests_for_text_and_pictures_at_once_are_all_answered(self):
        import concurrent.futures
        sarai = self.serve({"omni": OMNI})
        self.ask(sarai, "Hello")
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            replies = list(threads.map(lambda i: self.ask(sarai, "Hello", *([picture("red")] if i % 2 else [])), range(16)))
        self.assertEqual(len(replies), 16)


class Fed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sarai = Sarai({"omni": OMNI + ", mmproj_load: always"}).start()

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def ask(self, *parts):
        reply = self.sarai.request("POST", "/v1/chat/completions", {"model": "omni", "messages": user(*parts), "max_tokens": 24, "temperature": 0,
                                                                    "seed": 1, "logprobs": True, "top_logprobs": 5})
        self.assertEqual(reply.status, 200, reply.body)
        logprobs = [(t["token"], round(t["logprob"], 4)) for t in reply.json["choices"][0]["logprobs"]["content"]]
        return reply.json["usage"]["prompt_tokens"], logprobs

    def test_other_pictures_and_sounds_give_other_tokens_and_answers(self):
        bare, plain = self.ask("What?")
        red, said_red = self.ask("What?", picture("red"))
        again, said_again = self.ask("What?", picture("red"))
        blue, said_blue = self.ask("What?", picture("blue"))
        large, _ = self.ask("What?", picture("red", 256))
        self.assertEqual((red, said_red), (again, said_again), "the same picture is the same")
        self.assertEqual(red, blue, "pictures of one size take as many tokens")
        self.assertGreater(red, bare)
        self.assertGreater(large, red)
        self.assertNotEqual(said_red, said_blue, "what is seen changes what is said")
        self.assertNotEqual(said_red, plain)
        short, low = self.ask("What?", tone(220))
        _, high = self.ask("What?", tone(880))
        long, _ = self.ask("What?", tone(220, 40))
        self.assertGreater(short, bare)
        self.assertGreater(long, short)
        self.assertNotEqual(low, high)

    def test_what_cannot_be_given_to_a_model_is_refused_with_its_field_and_nothing_else_happens(self):
        url = lambda data, kind="image/png": {"type": "image_url", "image_url": {"url": f"data:{kind};base64," + base64.b64encode(data).decode()}}
        sound = lambda data: {"type": "input_audio", "input_audio": {"data": base64.b64encode(data).decode(), "format": "wav"}}
        bomb = png("red")[:16] + struct.pack(">II", 60000, 60000) + png("red")[24:]
        good = wav(440)
        for part, words in [(url(b""), ""), (url(b"not a picture at all"), ""), (url(png("red")[:40]), ""), (url(good), "WAV"), (url(png("red"), "audio/mpeg"), "PNG"),
                            (url(bomb), "pixels"), (sound(b"RIFF"), ""), (sound(png("red")), ""), (sound(good[:30]), ""),
                            (url(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"), "SVG"),
                            (url(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "video/mp4"), ""),
                            ({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}, ""), ({"type": "image_url", "image_url": {"url": "data:image/png;base64,@@@"}}, ""),
                            ({"type": "image_url"}, "")]:
            reply = self.sarai.request("POST", "/v1/chat/completions", {"model": "omni", "messages": user("What?", part), "max_tokens": 4})
            self.assertIn(reply.status, (400, 413), (part, reply.body))
            self.assertTrue(reply.json["error"]["param"].startswith("messages[0].content[1]"), reply.body)
            self.assertIn(words, reply.json["error"]["message"])
            self.assertNotIn("root:", reply.body.decode())
        self.ask("What?", picture("red"))

    def test_addresses_that_are_not_public_are_not_fetched(self):
        for address in (f"http://127.0.0.1:{self.sarai.port}/health", "http://localhost/x.png", "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/x.png",
                        "http://[::1]/x.png", "http://0x7f000001/x.png", "http://2130706433/x.png"):
            reply = self.sarai.request("POST", "/v1/chat/completions", {"model": "omni", "max_tokens": 4,
                                                                        "messages": user("What?", {"type": "image_url", "image_url": {"url": address}})})
            self.assertEqual((reply.status, reply.json["error"]["param"]), (400, "messages[0].content[1].image_url.url"), (address, reply.body))

    def test_a_film_is_frames_and_sound(self):
        film = self.sarai.folder / "film.mp4"
        made = subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=duration=2:size=64x64:rate=5", "-f", "lavfi", "-i", "sine=duration=2",
                               "-shortest", film], capture_output=True, text=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        part = {"type": "video_url", "video_url": {"url": "data:video/mp4;base64," + base64.b64encode(film.read_bytes()).decode()}}
        shown, _ = self.ask("What happens?", part)
        bare, _ = self.ask("What happens?")
        self.assertGreater(shown, bare + 20)

    def test_a_model_that_reads_text_alone_says_so(self):
        blind = Sarai({"lfm2": local("lfm2")}).start()
        self.addCleanup(blind.close)
        reply = blind.request("POST", "/v1/chat/completions", {"model": "lfm2", "messages": user("What?", picture("red")), "max_tokens": 4})
        self.assertEqual((reply.status, reply.json["error"]["param"]), (400, "messages"), reply.body)
        self.assertIn("reads text alone", reply.json["error"]["message"])
        # Nor does the fallback of a server that might have.
        lost = Sarai({"solar": ollama("http://127.0.0.1:9", "x",
                                     f"fallback: gguf_native, path: '{MODELS}/solar.gguf', context_length: 512")}).start()
        self.addCleanup(lost.close)
        reply = lost.request("POST", "/v1/chat/completions", {"model": "solar", "messages": user("What?", picture("red"))})
        self.assertEqual(reply.status, 400, reply.body)
        self.assertIn("model 'solar' reads text alone (local fallback, because", reply.json["error"]["message"])


class Fetched(Case):
    def test_a_picture_is_fetched_from_where_the_configuration_allows(self):
        files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Files", (http.server.BaseHTTPRequestHandler,), {
            "do_GET": lambda self: (self.send_response(302 if self.path == "/away" else 200),
                                    self.send_header("Location", "http://127.0.0.2:1/x.png") if self.path == "/away" else self.send_header("Content-Type", "image/png"),
                                    self.end_headers(), None if self.path == "/away" else self.wfile.write(png("blue"))),
            "log_message": lambda *_: None}))
        threading.Thread(target=files.serve_forever, daemon=True).start()
        self.addCleanup(files.server_close)
        self.addCleanup(files.shutdown)
        sarai = self.serve({"omni": OMNI}, extra="media: {allow: [127.0.0.1]}\n")
        ask = lambda path: sarai.request("POST", "/v1/chat/completions", {"model": "omni", "max_tokens": 4, "messages": user("What?", {
            "type": "image_url", "image_url": {"url": f"http://127.0.0.1:{files.server_port}{path}"}})})
        self.assertEqual(ask("/x.png").status, 200, ask("/x.png").body)
        away = ask("/away")
        self.assertEqual(away.status, 400, away.body)
        self.assertIn("127.0.0.2", away.json["error"]["message"])


if __name__ == "__main__":
    main()
