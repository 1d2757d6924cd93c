"""A stream whose server dies in mid-sentence goes on where it stopped, on the next backend; real workers on both sides."""
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.request

from harness import BIN, Case, alive, free_port, main, ollama, wait_until

# On both sides. One byte is one token in it, so that text tells its tokens. Most random models soon repeat one letter,
# in which a lost piece would not show; this one goes on. Its weights are F32: with quantised ones a text that is read as
# a prompt may round otherwise than one that was generated, and so close a call as random models make falls differently.
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="sarai-test-"))
MODEL = FOLDER / "bytes.gguf"
# As those of real models do, this one's tokenizer makes other tokens of a text than those that it was generated with.
MERGING = FOLDER / "merging.gguf"


def here(model):
    return f"backend: gguf_native, path: '{model}', context_length: 512, preload: true"


def fallback(model):
    return f"fallback: gguf_native, path: '{model}', context_length: 512"


HERE, FALLBACK = here(MODEL), fallback(MODEL)
KILLS = int(os.environ.get("SARAI_FAILOVER_KILLS", "12"))  # 200 take minutes
TOKENS = 400


def events_of(response):
    """Yields (chunk, error); the connection's proper end is yielded as (None, None) after [DONE]."""
    for line in response:
        if not line.startswith(b"data: "):
            continue
        if line.strip() == b"data: [DONE]":
            yield None, None
            continue
        value = json.loads(line[6:])
        yield (None, value["error"]) if "error" in value else (value, None)


class Answer:
    """A streamed answer, read to its end; `at` characters after its begin `then` is called once."""

    def __init__(self, sarai, at=None, then=None, headers=None, **more):
        self.text, self.chunks, self.errors, self.done = "", [], [], False
        body = {"model": "solar", "stream": True, "temperature": 0, "max_tokens": TOKENS, "stream_options": {"include_usage": True},
                "messages": [{"role": "user", "content": "Tell me of the sea."}], **more}
        connection, response = sarai.open_stream(body.pop("model"), headers=headers, **body)
        self.headers = dict(response.getheaders())
        for chunk, error in events_of(response):
            if error:
                self.errors.append(error)
            elif chunk is None:
                self.done = True
            else:
                self.chunks.append(chunk)
                for choice in chunk["choices"]:
                    self.text += choice["delta"].get("content") or ""
            if at is not None and len(self.text) >= at:
                at = None
                then()
        connection.close()

    @property
    def finish(self):
        return [c["choices"][0]["finish_reason"] for c in self.chunks if c["choices"] and c["choices"][0]["finish_reason"]]

    @property
    def usage(self):
        """Without what a prompt cache had of it."""
        return [{kind: c["usage"][f"{kind}_tokens"] for kind in ("prompt", "completion", "total")} for c in self.chunks if c.get("usage")]

    @property
    def seams(self):
        return [c["sarai_failover"] for c in self.chunks if "sarai_failover" in c]


def setUpModule():
    for tokenizer, model in (("bytes", MODEL), ("merging", MERGING)):
        subprocess.run([BIN / "sarai-synth", "lfm2", "--size", "tiny", "--quant", "F32", "--seed", "4", "--tokenizer", tokenizer, "-o", model],
                       check=True, capture_output=True)


def tearDownModule():
    shutil.rmtree(FOLDER, ignore_errors=True)


class Servers(Case):
    model = MODEL

    def setUp(self):
        self.lan = self.serve({"solar": here(self.model)}, port=free_port())
        self.sarai = self.serve({"solar": ollama(self.lan.url, "solar", fallback(self.model))})

    def kill_lan(self):
        workers = self.lan.workers()
        self.lan.process.send_signal(signal.SIGKILL)
        self.lan.process.wait(30)
        wait_until(lambda: not any(alive(pid) for pid in workers), "the LAN box's workers to die")

    def revive_lan(self):
        self.lan.start()
        wait_until(lambda: self.lan.row("solar")["state"] == "ready", "the LAN box")
        wait_until(lambda: self.sarai.status()["endpoints"][0]["up"], "the LAN box to be noticed")

    def lose(self, at, sarai=None, fresh=None, then=None, again=None, **more):
        """An answer that loses its server on its way. One that was whole before says nothing: then once more, through a
        `fresh` one where who has seen the server lost would ask another first."""
        for _ in range(5):
            answer = Answer(fresh() if fresh else sarai or self.sarai, at=at, then=then or self.kill_lan, **more)
            if answer.errors or answer.seams or not answer.done:
                break
            (again or self.revive_lan)()
        return answer

    def kill_in(self, kill, chance, most, **more):
        """An answer that loses its server at the `kill`th of the places that are tried."""
        at = (1, 5, 50)[kill % 4] if kill % 4 < 3 else chance.randint(1, most)
        answer = self.lose(at, **more)
        self.assertEqual((answer.errors, len(answer.seams), answer.finish, answer.done), ([], 1, ["length"], True))
        self.revive_lan()
        return answer


class Failover(Servers):
    def failovers(self):
        text = self.sarai.request("GET", "/metrics").body.decode()
        return sum(float(n) for n in re.findall(r"^sarai_stream_failovers_total{.*} (\S+)$", text, re.M))

    def until_it_moves(self, ask):
        """An answer that went on elsewhere; see lose()."""
        before = self.failovers()
        for attempt in range(5):
            if attempt:
                self.revive_lan()
            answer = ask()
            if self.failovers() > before:
                return answer
        self.fail("no answer has moved")

    def test_the_text_is_that_of_an_undisturbed_answer_wherever_the_server_dies(self):
        undisturbed = Answer(self.sarai)
        self.assertGreater(len({undisturbed.text[i:i + 4] for i in range(TOKENS - 4)}), TOKENS // 2, "a text in which a loss shows")
        self.assertEqual((len(undisturbed.text), undisturbed.finish), (TOKENS, ["length"]))
        chance = random.Random(int(os.environ.get("SARAI_SEED", "7")))
        for kill in range(KILLS):
            with self.subTest(kill=kill):
                answer = self.kill_in(kill, chance, 200)
                self.assertEqual(answer.text, undisturbed.text)
                self.assertEqual(answer.usage, undisturbed.usage)
                self.assertEqual({(c["id"], c["object"], c["model"]) for c in answer.chunks},
                                 {(answer.chunks[0]["id"], "chat.completion.chunk", "solar")})
                self.assertEqual([c["choices"][0]["delta"].get("role") for c in answer.chunks if c["choices"]].count("assistant"), 1)
        self.assertEqual(self.failovers(), KILLS)

    def test_the_seam_is_told_to_the_client_and_in_the_log(self):
        answer = self.lose(20)
        seam, = answer.seams
        self.assertEqual((seam["from"], seam["to"], seam["model"]), (answer.headers["x-sarai-endpoint"], "local", "solar"))
        self.assertGreaterEqual(seam["tokens"], 20)
        self.assertTrue(seam["reason"])
        self.assertIn("local goes on with the answer", self.sarai.log())

    def test_an_ollama_client_sees_one_answer_as_well(self):
        body = {"model": "solar", "messages": [{"role": "user", "content": "Tell me of the sea."}], "options": {"temperature": 0, "num_predict": TOKENS}}

        def ask(at=None):
            text, last = "", None
            with urllib.request.urlopen(self.sarai.url + "/api/chat", json.dumps(body).encode(), 60) as response:
                for line in response:
                    last = json.loads(line)
                    text += last.get("message", {}).get("content", "")
                    if at is not None and len(text) >= at:
                        at = None
                        self.kill_lan()
            return text, last

        text, last = ask()
        again, end = self.until_it_moves(lambda: ask(at=30))
        self.assertEqual(again, text)
        self.assertEqual([end[k] for k in ("done", "done_reason", "eval_count", "prompt_eval_count")],
                         [last[k] for k in ("done", "done_reason", "eval_count", "prompt_eval_count")])

    def test_stop_sequences_hold_across_the_seam(self):
        text = Answer(self.sarai).text
        stop = text[200:206]
        self.assertNotIn(stop, text[:200])
        answer = self.lose(40, stop=[stop])
        self.assertEqual((answer.text, answer.finish, len(answer.seams)), (text[:200], ["stop"], 1))

    def test_a_client_may_forbid_it(self):
        answer = self.lose(20, headers={"x-sarai-failover": "off"})
        self.assertEqual((len(answer.errors), answer.done, answer.seams), (1, False, []))
        self.assertIn("the client allows nobody", answer.errors[0]["message"])

    def test_where_a_model_may_call_tools_the_answer_ends_with_an_error(self):
        tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
        answer = self.lose(20, tools=tools)
        self.assertEqual((len(answer.errors), answer.done), (1, False))
        self.assertIn("tools were offered", answer.errors[0]["message"])

    def test_a_silent_server_counts_as_lost(self):
        self.sarai.models["solar"] = ollama(self.lan.url, "solar", FALLBACK + ", timeouts: {silence: 700ms}")
        self.sarai.close()
        self.sarai = self.serve(self.sarai.models)
        text = Answer(self.sarai).text

        def send(number):
            for pid in [self.lan.process.pid, *self.lan.workers()]:
                os.kill(pid, number)

        try:
            answer = self.lose(30, then=lambda: send(signal.SIGSTOP), again=lambda: send(signal.SIGCONT))
        finally:
            send(signal.SIGCONT)
        self.assertEqual((answer.text, len(answer.seams)), (text, 1))

    def test_a_server_that_hangs_is_not_waited_for_as_long_as_a_first_token_may_take(self):
        self.sarai.models["far"] = ollama(self.lan.url, "solar")
        self.sarai.close()
        self.sarai = self.serve(self.sarai.models)
        self.assertEqual(self.sarai.chat("solar").status, 200)  # a connection is kept
        for pid in [self.lan.process.pid, *self.lan.workers()]:
            os.kill(pid, signal.SIGSTOP)
        try:
            self.assertTrue(self.sarai.status()["endpoints"][0]["up"])
            with concurrent.futures.ThreadPoolExecutor(3) as all_three:
                nobody_else = all_three.submit(self.sarai.chat, "far")
                wait_until(lambda: self.sarai.status()["endpoints"][0]["in_flight"] == 1, "the first of the three")
                whole, streamed = all_three.map(lambda stream: self.sarai.chat("solar", stream=stream), (False, True))
                waits = not nobody_else.done()
                for pid in [self.lan.process.pid, *self.lan.workers()]:
                    os.kill(pid, signal.SIGCONT)
        finally:
            for pid in [self.lan.process.pid, *self.lan.workers()]:
                os.kill(pid, signal.SIGCONT)
        self.assertTrue(waits)
        self.assertEqual(nobody_else.result().status, 200)
        self.assertEqual((whole.status, whole.headers["x-sarai-backend"]), (200, "gguf_native"))
        # One of the three had to wait for its turn there.
        self.assertIn("sent no answer within 2000 ms", whole.headers["x-sarai-reason"])
        self.assertIn("answers nothing any more, nor does it answer probes", self.sarai.log())
        # A heartbeat may have taken the headers away before it was known who answers.
        self.assertIn("gguf_native", str(streamed.headers) + streamed.body.decode())
        self.assertIn(b"[DONE]", streamed.body)

    def test_a_local_worker_that_dies_is_started_again_and_goes_on(self):
        alone = self.serve({"solar": HERE})
        text = Answer(alone).text
        pids = [alone.row("solar")["pid"]]

        def revive():
            self.assertEqual(alone.chat("solar").status, 200)
            pids.append(alone.row("solar")["pid"])

        answer = self.lose(30, sarai=alone, then=lambda: os.kill(pids[-1], signal.SIGKILL), again=revive)
        self.assertEqual((answer.errors, answer.text, len(answer.seams)), ([], text, 1))

    def test_where_nobody_can_go_on_the_error_says_why(self):
        answer = self.lose(30, fresh=lambda: self.serve({"solar": ollama(self.lan.url, "solar")}))
        self.assertEqual((len(answer.errors), answer.done), (1, False))
        self.assertIn(self.lan.url.removeprefix("http://"), answer.errors[0]["message"])

    def test_another_server_goes_on_only_where_it_is_told_that_it_can(self):
        other = self.serve({"solar": HERE})
        both = f"backend: ollama_http, model: solar, endpoints: [{{url: '{self.lan.url}'}}, {{url: '{other.url}'}}]"
        can = lambda: self.serve({"solar": both + ", continues_answers: true"})
        text = Answer(can()).text
        answer = self.lose(30, fresh=can)
        self.assertEqual((answer.text, answer.errors, [seam["to"] for seam in answer.seams]), (text, [], [other.url.removeprefix("http://")]))
        self.revive_lan()
        answer = self.lose(30, fresh=lambda: self.serve({"solar": both}))
        self.assertEqual((len(answer.errors), answer.done), (1, False))
        self.assertIn("cannot go on", answer.errors[0]["message"])
        self.assertIn(self.lan.url.removeprefix("http://"), answer.errors[0]["message"], "who was lost first")

    def test_a_second_loss_is_made_good_as_well(self):
        text = Answer(self.sarai).text

        def kill_both():
            self.kill_lan()
            wait_until(lambda: self.sarai.row("solar", "gguf_native")["state"] == "ready", "the fallback")
            os.kill(self.sarai.row("solar", "gguf_native")["pid"], signal.SIGKILL)

        answer = self.lose(10, then=kill_both)
        self.assertEqual((answer.text, answer.errors, answer.done, answer.finish), (text, [], True, ["length"]))

    def test_a_text_completion_goes_on_as_well(self):
        body = {"model": "solar", "prompt": "Once", "max_tokens": TOKENS, "temperature": 0, "stream": True}

        def ask(at=None):
            text = ""
            with urllib.request.urlopen(self.sarai.url + "/v1/completions", json.dumps(body).encode(), 60) as response:
                for chunk, error in events_of(response):
                    self.assertIsNone(error)
                    text += "".join(c["text"] for c in chunk["choices"]) if chunk else ""
                    if at is not None and len(text) >= at:
                        at = None
                        self.kill_lan()
            return text

        self.assertEqual(self.until_it_moves(lambda: ask(at=30)), ask())


class MergingTokenizer(Servers):
    """Where the same text may be other tokens, the answer goes on from those that it was made of."""
    model = MERGING

    def test_the_text_is_that_of_an_undisturbed_answer_wherever_the_server_dies(self):
        undisturbed = Answer(self.sarai)
        self.assertEqual((undisturbed.usage[0]["completion"], undisturbed.finish), (TOKENS, ["length"]))
        self.assertGreater(len(undisturbed.text), 2 * TOKENS, "a text of merged tokens")
        chance = random.Random(int(os.environ.get("SARAI_SEED", "7")))
        for kill in range(KILLS):
            with self.subTest(kill=kill):
                answer = self.kill_in(kill, chance, 240)
                self.assertEqual((answer.text, answer.usage), (undisturbed.text, undisturbed.usage))
                self.assertTrue(answer.seams[0]["exact"])


if __name__ == "__main__":
    main()
