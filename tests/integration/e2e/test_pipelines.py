"""Pipelines over HTTP, with real workers: several models on one answer, all of them still there afterwards."""
import hashlib
import http.client
import http.server
import json
import pathlib
import subprocess
import tempfile
import threading
import unittest

from harness import MODELS, SANITIZED, Case, FakeUpstream, Sarai, kernel_memory, local, main, ollama, wait_until
from media import file, picture, png, tone, wav

# What one writes the next one reads: more than fits in the usual 512 tokens of tests.
TRIO = {name: f"backend: gguf_native, path: '{MODELS}/{name}.gguf', context_length: 2048, threads: 1" for name in ("solar", "lfm2", "omni")}
TRIO["omni"] += f", mmproj: '{MODELS}/omni-mmproj.gguf'"
ROUTING = "routing: {hard: solar, soft: lfm2, multimodal: omni}\n"


def user(text, *parts):
    return [{"role": "user", "content": [{"type": "text", "text": text}, *parts] if parts else text}]


class BuiltIn(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        many = "pipelines: {many: {steps: [%s, {name: answer, model: lfm2, prompt: '{{ steps.a0 }}{{ steps.a1 }}{{ steps.a2 }}{{ steps.a3 }}'}]}}\n" % ", ".join(
            f"{{name: a{i}, model: omni, attachments: image, prompt: '{i}', max_tokens: 8}}" for i in range(4))
        cls.sarai = Sarai(TRIO, extra=ROUTING + many, memory="max_ram: 3GiB, max_concurrent_llms: 3").start()

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def ask(self, model, messages, headers=None, **more):
        reply = self.sarai.request("POST", "/v1/chat/completions", {"model": model, "messages": messages, "max_tokens": 8, **more}, headers or {})
        self.assertEqual(reply.status, 200, reply.body)
        return reply

    def steps(self, reply):
        return [(s["name"], s.get("model", "left out")) for s in reply.json["sarai_pipeline"]["steps"]]

    def peak(self):
        """Of sarai and its workers by the kernel's own count."""
        return kernel_memory(self.sarai.family())[0]

    def test_a_picture_is_described_and_the_expert_answers(self):
        reply = self.ask("vision-expert", user("What is it?", picture("red")))
        self.assertEqual(self.steps(reply), [("look", "omni")])
        self.assertEqual(reply.headers["x-sarai-model"], "solar")
        self.assertEqual(reply.headers["x-sarai-pipeline"], "vision-expert")
        self.assertIn("pipeline vision-expert: look by omni, answer by solar", reply.headers["x-sarai-reason"])
        self.assertTrue(reply.json["choices"][0]["message"]["content"])

    def test_a_file_is_what_its_bytes_are(self):
        seen = self.ask("vision-expert", user("What is it?", file(png("red"), "red.png", "image/png")))
        self.assertEqual(self.steps(seen), [("look", "omni")])
        heard = self.ask("voice-assistant", user("¿Qué dice?", file(wav(440), "a.bin")))
        self.assertEqual(self.steps(heard), [("transcript", "omni"), ("facts", "solar")])
        photo = self.ask("vision-expert", user("What is it?", file(png("red", 1000, level=0), "photo.png", "image/png")))
        self.assertEqual(photo.headers["x-sarai-pipeline"], "vision-expert", "3 MB of picture are no long text")
        used = lambda *parts: self.ask("vision-expert", user("What does it say?", *parts)).json["usage"]["prompt_tokens"]
        self.assertGreater(used(file(b"a line of the file\n" * 40, "a.txt", "text/plain")), used() + 100, "its text is read")
        for part, words in ((file(b"%PDF-1.4 x", "a.pdf", "application/pdf"), "is PDF; expected"),
                            ({"type": "file", "file": {"file_url": "https://host/a"}}, "does not say what it is")):
            reply = self.sarai.request("POST", "/v1/chat/completions", {"model": "vision-expert", "messages": user("What is it?", part)})
            self.assertEqual((reply.status, reply.json["error"]["param"].split(".")[1]), (400, "content[1]"), reply.body)
            self.assertIn(words, reply.json["error"]["message"])

    def test_without_a_picture_that_step_is_left_out(self):
        self.assertEqual(self.steps(self.ask("vision-expert", user("What is a monad?"))), [("look", "left out")])

    def test_the_small_model_sets_the_tone_unless_the_request_does(self):
        self.assertEqual(self.steps(self.ask("tone-expert", user("Estoy harto de este error"))), [("tone", "lfm2")])
        given = self.ask("tone-expert", user("Estoy harto de este error"), pipeline={"tone": "seco"})
        self.assertEqual(self.steps(given), [("tone", "left out")])

    def test_what_was_said_is_written_down_looked_up_and_said_kindly(self):
        reply = self.ask("voice-assistant", user("¿Qué dice?", tone(440)))
        self.assertEqual(self.steps(reply), [("transcript", "omni"), ("facts", "solar")])
        self.assertEqual(reply.headers["x-sarai-model"], "lfm2")

    def measured(self, name, messages):
        """The highest sum while it answers, by the kernel's count of sarai and all its children; and what was proven."""
        highest, stop = 0, threading.Event()

        def watch():
            nonlocal highest
            while not stop.is_set():
                highest = max(highest, self.peak())
                stop.wait(0.01)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            proven = self.ask(name, messages).json["sarai_pipeline"]["proven_peak_bytes"]
        finally:
            stop.set()
            watcher.join()
        return highest, proven

    def test_all_models_stay_and_the_measured_peak_is_not_above_the_proven_one(self):
        large = picture("blue", 1800, level=0)  # 13 MB of base64, which go on as they are
        # Of 6.8 million pixels, sent as 27 MB of base64, and scaled down in a process of its own.
        photo = file(png("red", 2600, level=0), "photo.png", "image/png")
        told = {what: self.measured(name, messages) for what, name, messages in
                [("a picture", "vision-expert", user("What?", picture("blue"))), ("a text", "tone-expert", user("Hi there, I am sad")),
                 ("a sound", "voice-assistant", user("What?", tone(880))), ("a large picture", "vision-expert", user("What?", large)),
                 ("a photo", "vision-expert", user("What?", photo)), ("several at once", "many", user("What?", large))]}
        for what, (highest, proven) in told.items():
            if not SANITIZED:  # which keeps what was freed
                self.assertLessEqual(highest, proven, what)
        self.assertGreater(told["several at once"][0], told["a picture"][1], "what it brings takes more than models and sarai may")
        wait_until(lambda: all(self.sarai.row(name)["state"] == "ready" for name in TRIO), "all three to be there")

    def test_steps_are_streamed_as_reasoning_to_who_asks(self):
        for headers, more, shown in [({}, {}, False), ({"x-sarai-steps": "show"}, {}, True), ({}, {"reasoning_effort": "low"}, True)]:
            chunks = self.sarai.stream("/v1/chat/completions", {"model": "tone-expert", "messages": user("I am so tired of this bug"),
                                                                "max_tokens": 8, "stream": True, **more}, headers)
            thoughts = "".join(c["choices"][0]["delta"].get("reasoning_content") or "" for c in chunks if c.get("choices"))
            answer = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c.get("choices"))
            self.assertEqual(thoughts.startswith("[tone] "), shown, thoughts)
            self.assertTrue(answer)
            told = [c["sarai_pipeline"] for c in chunks if "sarai_pipeline" in c]
            self.assertEqual([s["name"] for s in told[0]["steps"]], ["tone"])
        whole = self.ask("tone-expert", user("I am so tired of this bug"), {"x-sarai-steps": "show"})
        self.assertTrue(whole.json["choices"][0]["message"]["reasoning_content"].startswith("[tone] "))

    def test_the_other_apis_have_them_as_well(self):
        chat = self.sarai.request("POST", "/api/chat", {"model": "tone-expert", "messages": user("Hello"), "stream": False, "options": {"num_predict": 4}})
        self.assertEqual((chat.status, chat.json["done"]), (200, True), chat.body)
        thinking = self.sarai.request("POST", "/api/chat", {"model": "tone-expert:latest", "messages": user("Hello"), "think": True, "stream": False,
                                                            "options": {"num_predict": 4}})
        self.assertTrue(thinking.json["message"]["thinking"].startswith("[tone] "), thinking.body)
        message = self.sarai.request("POST", "/v1/messages", {"model": "tone-expert", "messages": user("Hello"), "max_tokens": 4})
        self.assertEqual((message.status, message.json["type"]), (200, "message"), message.body)
        response = self.sarai.request("POST", "/v1/responses", {"model": "tone-expert", "input": "Hello", "max_output_tokens": 4})
        self.assertEqual(response.status, 200, response.body)

    def test_they_are_listed_like_models(self):
        ids = [m["id"] for m in self.sarai.request("GET", "/v1/models").json["data"]]
        self.assertEqual(ids[-3:], ["vision-expert", "tone-expert", "voice-assistant"])
        self.assertIn("vision-expert:latest", [m["name"] for m in self.sarai.request("GET", "/api/tags").json["models"]])
        self.assertEqual(self.sarai.request("GET", "/v1/models/vision-expert").json["sarai"]["steps"], {"look": "omni", "answer": "solar"})
        self.assertIn("FROM vision-expert", self.sarai.request("POST", "/api/show", {"model": "vision-expert"}).json["modelfile"])
        rows = {row["name"]: row for row in self.sarai.request("GET", "/sarai/pipelines").json["pipelines"]}
        self.assertEqual([(s["name"], s["model"], s["needs"]) for s in rows["voice-assistant"]["steps"]],
                         [("transcript", "omni", []), ("facts", "solar", ["transcript"]), ("answer", "lfm2", ["transcript", "facts"])])
        listed = self.sarai.cli("pipelines")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("voice-assistant", listed.stdout)
        self.assertEqual(json.loads(self.sarai.cli("pipelines", "--json").stdout)["pipelines"], list(rows.values()))

    def test_what_is_wrong_with_a_request_is_said_before_anything_is_asked(self):
        refused = lambda body: self.sarai.request("POST", "/v1/chat/completions", {"model": "tone-expert", **body})
        for body, field in [({"messages": user("x"), "pipeline": {"tome": "dry"}}, "pipeline.tome"), ({"messages": user("x"), "pipeline": "dry"}, "pipeline"),
                            ({"messages": [{"role": "system", "content": "x"}]}, "messages")]:
            reply = refused(body)
            self.assertEqual((reply.status, reply.json["error"]["param"]), (400, field), reply.body)
        completion = self.sarai.request("POST", "/v1/completions", {"model": "tone-expert", "prompt": "x"})
        self.assertEqual((completion.status, completion.json["error"]["param"]), (400, "model"), completion.body)


PARALLEL = """
pipelines:
  both:
    deadline: %s
    steps:
      - {name: one, model: solar, prompt: "One: {{ input }}", max_tokens: 16}
      - {name: two, model: lfm2, prompt: "Two: {{ input }}", max_tokens: 16}
      - {name: answer, model: lfm2, prompt: "{{ steps.one }} {{ steps.two }}", max_tokens: 8}
"""


class Own(Case):
    def test_steps_that_need_nothing_of_each_other_run_at_the_same_time(self):
        sarai = self.serve({"solar": local("solar", "preload: true"), "lfm2": local("lfm2", "preload: true, parallel: 2")}, extra=PARALLEL % "60s")
        reply = sarai.chat("both", "Hello")
        self.assertEqual(reply.status, 200, reply.body)
        steps = reply.json["sarai_pipeline"]["steps"]
        self.assertEqual({s["name"]: s["model"] for s in steps}, {"one": "solar", "two": "lfm2"})

    def test_they_are_under_way_together(self):
        with FakeUpstream("ollama", tokens=40, token_delay_ms=25) as box:
            sarai = self.serve({name: ollama(box.url, name) for name in ("solar", "lfm2")}, extra=PARALLEL % "60s")
            self.assertEqual(sarai.chat("both", "Hello").status, 200)
            self.assertEqual(box.stats()["most_active"], 2)

    def test_a_pipeline_that_does_not_fit_is_refused_with_reasons_before_it_starts(self):
        sarai = self.serve({"solar": local("solar"), "lfm2": local("lfm2")}, extra=PARALLEL % "0s", memory="max_ram: 64MiB")
        reply = sarai.chat("both", "Hello")
        self.assertEqual(reply.status, 503, reply.body)
        message = reply.json["error"]["message"]
        self.assertRegex(message, r"pipeline 'both' does not fit: its models need .* at the same time \(solar .*, lfm2 .*\), and .* are held by: sarai itself")
        self.assertEqual([sarai.row(n)["state"] for n in ("solar", "lfm2")], ["unloaded", "unloaded"])

    def test_a_picture_that_finds_no_room_is_refused_before_anything_is_loaded(self):
        sarai = self.serve(TRIO, extra=ROUTING, memory="max_ram: 230MiB, max_concurrent_llms: 3")

        def ask(part):
            return sarai.request("POST", "/v1/chat/completions", {"model": "vision-expert", "messages": user("What?", part), "max_tokens": 4})
        for part, words in ((file(png("red", 4000), "many_pixels.png", "image/png"), r"no memory for converting it: it needs up to 217 MiB .* held by: sarai itself"),
                            (file(png("red", 1500, level=0), "many_bytes.png", "image/png"), r"'vision-expert' does not fit: .*, the request itself 40 MiB")):
            reply = ask(part)
            self.assertEqual(reply.status, 503, reply.body)
            self.assertRegex(reply.json["error"]["message"], words)
            self.assertEqual({sarai.row(name)["state"] for name in TRIO}, {"unloaded"})
        self.assertEqual(ask(picture("red")).status, 200)

    def test_what_was_converted_is_no_original_to_the_steps(self):
        with tempfile.TemporaryDirectory() as folder, FakeUpstream("openai") as box:
            def made(name, *arguments):
                subprocess.run(["ffmpeg", "-v", "error", *arguments, f"{folder}/{name}"], check=True)
                return file(pathlib.Path(folder, name).read_bytes(), name)
            sound = made("a.ogg", "-f", "lavfi", "-i", "sine=duration=900", "-c:a", "libopus", "-b:a", "16k")  # 27 MB of samples
            film = made("a.mp4", "-f", "lavfi", "-i", "testsrc=d=20:s=64x48:r=5")  # 26 frames and their times
            sarai = self.serve({"box": f"backend: openai_http, endpoints: [{{url: '{box.url}/v1'}}]"},
                               extra="pipelines: {one: {steps: [{name: a, model: box, attachments: any, prompt: x}, {name: b, model: box, prompt: '{{ steps.a }}'}]}}\n")
            for parts in ([sound], [film] * 3):
                reply = sarai.request("POST", "/v1/chat/completions", {"model": "one", "messages": user("What?", *parts)}, timeout=60)
                self.assertEqual(reply.status, 200, reply.body)

    def test_pictures_of_earlier_messages_are_proven_and_named_as_well(self):
        sees = "pipelines: {sees: {steps: [{name: a, model: solar, prompt: x}, {name: b, model: omni, attachments: any, prompt: '{{ steps.a }}'}]}}\n"
        sarai = self.serve(TRIO, extra=sees, memory="max_ram: 150MiB, max_concurrent_llms: 3")
        talk = lambda part: [{"role": "system", "content": "Be kind."}, *user("Look", part), {"role": "assistant", "content": "A colour."}, *user("Which?")]
        ask = lambda part: sarai.request("POST", "/v1/chat/completions", {"model": "sees", "messages": talk(part), "max_tokens": 4})
        refused = ask(picture("red"))
        self.assertEqual(refused.status, 503, refused.body)
        self.assertRegex(refused.json["error"]["message"], r"'sees' does not fit: its models need .* \(solar .*, omni 1\d\d MiB\)")
        self.assertEqual({sarai.row(name)["state"] for name in TRIO}, {"unloaded"})
        self.assertEqual(sarai.request("POST", "/v1/chat/completions", {"model": "sees", "messages": user("Hi"), "max_tokens": 4}).status, 200)
        roomy = self.serve(TRIO, extra=sees)
        broken = roomy.request("POST", "/v1/chat/completions", {"model": "sees", "messages": talk(file(png("red")[:50], "a.png", "image/png"))})
        self.assertEqual((broken.status, broken.json["error"]["param"]), (400, "messages[1].content[1].image_url.url"), broken.body)

    def test_each_step_is_given_what_its_own_model_holds(self):
        short = TRIO["omni"].replace("context_length: 2048", "context_length: 512")
        both = ("pipelines: {both: {steps: [{name: a, model: short, attachments: image, prompt: x}, {name: b, model: omni, attachments: audio, prompt: y, max_tokens: 4},"
                " {name: c, model: lfm2, prompt: '{{ steps.a }}{{ steps.b }}'}]}}\n")
        long = TRIO["omni"].replace("context_length: 2048", "context_length: 4096")
        sarai = self.serve({**TRIO, "omni": long, "short": short}, extra=both, memory="max_ram: 2GiB, max_concurrent_llms: 4")
        reply = sarai.request("POST", "/v1/chat/completions", {"model": "both", "messages": user("What?", picture("red"), tone(440, 110)), "max_tokens": 4}, timeout=60)
        self.assertEqual(reply.status, 200, reply.body)  # 512 tokens hold 102 s at most

    def test_what_a_url_brings_is_reserved_as_well(self):
        large = png("red", 1500, level=0)  # 9 MB in base64

        def give(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(large)))
            handler.end_headers()
            handler.wfile.write(large)
        files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Files", (http.server.BaseHTTPRequestHandler,), {"do_GET": give, "log_message": lambda *_: None}))
        threading.Thread(target=files.serve_forever, daemon=True).start()
        self.addCleanup(files.server_close)
        self.addCleanup(files.shutdown)
        part = {"type": "image_url", "image_url": {"url": f"http://127.0.0.1:{files.server_port}/a.png"}}
        with FakeUpstream("openai") as box:
            sarai = self.serve({"box": f"backend: openai_http, endpoints: [{{url: '{box.url}/v1'}}]"}, memory="max_ram: 160MiB",
                               extra="media: {allow: [127.0.0.1]}\npipelines: {one: {steps: [{name: a, model: box, attachments: any, prompt: x}, {name: b, model: box, prompt: '{{ steps.a }}'}]}}\n")
            ask = lambda model, count: sarai.request("POST", "/v1/chat/completions", {"model": model, "messages": user("What?", *[part] * count)}, timeout=60)
            one = ask("one", 1)
            self.assertEqual(one.status, 200, one.body)
            self.assertGreater(one.json["sarai_pipeline"]["proven_peak_bytes"], 90 << 20)
            for model in ("one", "box"):
                several = ask(model, 4)
                self.assertEqual(several.status, 503, several.body)
                self.assertIn("conversions and large requests" if model == "box" else "memory", several.json["error"]["message"])
            self.assertEqual(ask("box", 1).status, 200)
            wait_until(lambda: sarai.status()["ledger"]["transient_bytes"] == 0, "all of it to be given back")

    def test_too_many_models_for_the_places_are_refused_as_well(self):
        sarai = self.serve({"solar": local("solar"), "lfm2": local("lfm2")}, extra=PARALLEL % "0s", memory="max_ram: 2GiB, max_concurrent_llms: 1")
        self.assertIn("makes 2 generative models", sarai.chat("both", "Hello").json["error"]["message"])

    def test_a_step_falls_back_like_any_request(self):
        sarai = self.serve({"solar": ollama("http://127.0.0.1:9", "solar", f"fallback: gguf_native, path: '{MODELS}/solar.gguf', context_length: 512"),
                            "lfm2": local("lfm2")}, extra=PARALLEL % "0s")
        reply = sarai.chat("both", "Hello")
        self.assertEqual(reply.status, 200, reply.body)
        one = [s for s in reply.json["sarai_pipeline"]["steps"] if s["name"] == "one"][0]
        self.assertEqual((one["backend"], one["endpoint"]), ("gguf_native", "local"))

    def test_a_step_that_fails_says_which_one(self):
        sarai = self.serve({"solar": ollama("http://127.0.0.1:9", "solar"), "lfm2": local("lfm2")}, extra=PARALLEL % "0s")
        reply = sarai.chat("both", "Hello")
        self.assertIn(reply.status, (502, 503), reply.body)
        self.assertIn("step 'one' of pipeline 'both': ", reply.json["error"]["message"])

    def test_a_deadline_ends_it(self):
        sarai = self.serve({"solar": local("solar"), "lfm2": local("lfm2")}, extra=PARALLEL % "1ms")
        reply = sarai.chat("both", "Hello")
        self.assertEqual(reply.status, 504, reply.body)
        self.assertIn("longer than its deadline", reply.json["error"]["message"])
        wait_until(lambda: all(row["in_flight"] == 0 for row in sarai.status()["models"]), "nothing to be left")
        self.assertEqual(sarai.chat("lfm2").status, 200)

    def test_a_key_needs_the_pipelines_name_alone(self):
        sha = lambda key: hashlib.sha256(key.encode()).hexdigest()
        sarai = self.serve({"solar": local("solar"), "lfm2": local("lfm2")},
                           extra=PARALLEL % "0s" + f"access: {{keys: {{one: {{sha256: {sha('1')}, models: [both]}}, two: {{sha256: {sha('2')}, models: [lfm2]}}}}}}\n")
        ask = lambda key: sarai.request("POST", "/v1/chat/completions", {"model": "both", "messages": user("x"), "max_tokens": 4},
                                        {"Authorization": f"Bearer {key}"})
        self.assertEqual(ask("1").status, 200, ask("1").body)
        self.assertEqual(ask("2").status, 403)


AHEAD = """
pipelines:
  expert:
    steps:
      - {name: facts, model: far, prompt: "{{ input }}"}
      - name: answer
        model: lfm2
        system: You say what you are told, kindly and in full sentences, and nothing else whatever it may be.
        prompt: |-
          The question was: {{ input }}
          The facts: {{ steps.facts }}
          That is all.
"""


class ReadingAhead(Case):
    def test_the_last_model_reads_its_prompt_while_a_server_writes_it(self):
        with FakeUpstream("ollama", tokens=60, token_delay_ms=30, token="harbour ") as box:
            sarai = self.serve({"far": ollama(box.url, "far"), "lfm2": f"backend: gguf_native, path: '{MODELS}/lfm2.gguf', context_length: 2048, preload: true"},
                               extra=AHEAD)
            wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "lfm2")
            body = {"model": "expert", "messages": user("What lies still in the evening, and why does it?"), "max_tokens": 8, "temperature": 0}
            reply = sarai.request("POST", "/v1/chat/completions", body)
            self.assertEqual(reply.status, 200, reply.body)
            read = reply.json["sarai_pipeline"]["read_ahead_tokens"]
            usage = reply.json["usage"]
            # More than what was known from the beginning: the facts as well, as they came.
            facts = sarai.request("POST", "/tokenize", {"model": "lfm2", "content": "harbour " * 60}).json["tokens"]
            self.assertGreater(read, usage["prompt_tokens"] - len(facts))
            self.assertGreaterEqual(usage["prompt_tokens_details"]["cached_tokens"], read - 1)
            # What was read ahead changes nothing of the answer.
            sarai.cli("stop", "lfm2")
            self.assertEqual(sarai.chat("lfm2").status, 200)
            told = [{"role": "system", "content": "You say what you are told, kindly and in full sentences, and nothing else whatever it may be."},
                    {"role": "user", "content": "The question was: What lies still in the evening, and why does it?\nThe facts: "
                                                + "harbour " * 60 + "\nThat is all."}]
            alone = sarai.request("POST", "/v1/chat/completions", {"model": "lfm2", "messages": told, "max_tokens": 8, "temperature": 0})
            self.assertEqual(alone.json["usage"]["prompt_tokens"], usage["prompt_tokens"])
            self.assertEqual(alone.json["choices"][0]["message"]["content"], reply.json["choices"][0]["message"]["content"])

    def test_a_step_that_is_cut_is_counted_and_paid_for(self):
        keys = "access: {keys: {%s}}\n" % ", ".join(
            f"{name}: {{sha256: '{hashlib.sha256(name.encode()).hexdigest()}', {what}}}" for name, what in (("thrifty", "tokens_per_minute: 10"), ("root", "admin: true")))
        for deadline in ("", "    deadline: 500ms\n"):
            with self.subTest(deadline), FakeUpstream("ollama", tokens=2000, token_delay_ms=5, token="harbour ") as box:
                sarai = self.serve({"far": ollama(box.url, "far"), "lfm2": local("lfm2")}, extra=AHEAD.replace("  expert:\n", "  expert:\n" + deadline) + keys)
                connection = http.client.HTTPConnection("127.0.0.1", sarai.port, timeout=30)
                headers = {"Authorization": "Bearer thrifty", "x-sarai-steps": "show"}
                connection.request("POST", "/v1/chat/completions", json.dumps({"model": "expert", "messages": user("x"), "stream": True}), headers)
                reply = connection.getresponse()
                seen = 0
                while deadline or seen < 20:
                    line = reply.readline()
                    seen += line.count(b"harbour")
                    if not line:
                        break
                connection.close()
                self.assertGreaterEqual(seen, 20)
                metrics = lambda: sarai.request("GET", "/metrics", headers={"Authorization": "Bearer root"}).body.decode()
                wait_until(lambda: 'sarai_requests_total{backend="ollama_http",code="499",model="far"} 1\n' in metrics(), "the step to be counted")
                again = sarai.request("POST", "/v1/chat/completions", {"model": "lfm2", "messages": user("x")}, headers)
                self.assertEqual(again.status, 429, again.body)

    def test_a_client_that_leaves_ends_it(self):
        with FakeUpstream("ollama", tokens=2000, token_delay_ms=20, token="harbour ") as box:
            sarai = self.serve({"far": ollama(box.url, "far"), "lfm2": local("lfm2", "preload: true")}, extra=AHEAD)
            wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "lfm2")
            connection = http.client.HTTPConnection("127.0.0.1", sarai.port)
            connection.request("POST", "/v1/chat/completions", json.dumps({"model": "expert", "messages": user("x"), "stream": True}))
            wait_until(lambda: box.stats()["active"] == 1, "the step to be asked")
            connection.close()
            wait_until(lambda: box.stats()["active"] == 0, "the step to be called off")
            wait_until(lambda: sarai.row("lfm2")["in_flight"] == 0, "nothing to be left")
            self.assertEqual(sarai.chat("lfm2").status, 200)


if __name__ == "__main__":
    main()
