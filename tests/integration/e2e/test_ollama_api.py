"""What Ollama's clients rely on beside the answers: num_ctx, keep_alive, context, the older embeddings."""
import json
import time
import unittest

from harness import MODELS, Sarai, wait_until

LFM2 = f"backend: gguf_native, path: '{MODELS}/lfm2.gguf', context_length: 4096"
EMBED = f"backend: gguf_native, kind: embedding, path: '{MODELS}/embed.gguf', context_length: 256"


def events(reply):
    return [json.loads(line[6:]) for line in reply.body.decode().splitlines() if line.startswith("data: {")]


class OllamaApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sarai = Sarai(memory="max_ram: 2GiB, max_concurrent_llms: 4", models={"lfm2": LFM2, "embed": EMBED, "kept": LFM2 + ", pinned: true", "solar": LFM2.replace("lfm2.gguf", "solar.gguf"), "omni": f"backend: gguf_native, path: '{MODELS}/omni.gguf', context_length: 512"}).start()

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def generate(self, model="lfm2", **body):
        reply = self.sarai.request("POST", "/api/generate", {"model": model, "prompt": "Hi", "stream": False,
                                                             "options": {"num_predict": 2}} | body)
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json

    def expiry(self, name):
        models = {m["name"]: m for m in self.sarai.request("GET", "/api/ps").json["models"]}
        return models.get(name + ":latest", {}).get("expires_at")

    def test_two_clients_with_different_num_ctx_share_one_worker(self):
        loads = lambda: [d for d in self.sarai.request("GET", "/sarai/why?model=lfm2&last=200").json["decisions"] if d["event"] == "load"]
        self.generate()
        before = len(loads())
        pid = self.sarai.row("lfm2")["pid"]
        for i in range(100):
            self.generate(options={"num_predict": 1, "num_ctx": 2048 if i % 2 else 4096})
        self.assertEqual(self.sarai.row("lfm2")["pid"], pid)
        self.assertEqual(len(loads()), before)

    def test_keep_alive(self):
        self.generate(keep_alive=-1)
        self.assertTrue(self.expiry("lfm2").startswith("23"), self.expiry("lfm2"))
        self.generate(keep_alive="90s")
        stays = self.expiry("lfm2")
        self.assertTrue(stays.startswith(time.strftime("%Y-", time.gmtime())), stays)
        self.generate()  # without: as configured, for ever
        self.assertTrue(self.expiry("lfm2").startswith("23"))
        self.generate(keep_alive=0)
        wait_until(lambda: self.sarai.row("lfm2")["state"] == "unloaded", "the worker to go")
        self.assertIn("keep_alive", str(self.sarai.request("GET", "/sarai/why?model=lfm2&last=1").json["decisions"][0]))
        self.generate("kept", keep_alive=0)  # pinned: stays whatever a client says
        time.sleep(1.5)
        self.assertEqual(self.sarai.row("kept")["state"], "ready")

    def test_a_load_may_say_how_long_it_is_for(self):
        for path in ("/api/generate", "/api/chat"):
            reply = self.sarai.request("POST", path, {"model": "lfm2", "keep_alive": "1s"})
            self.assertEqual((reply.status, reply.json["done_reason"]), (200, "load"))
            wait_until(lambda: self.sarai.row("lfm2")["state"] == "unloaded", "the worker to go")

    def test_context_goes_on_with_a_conversation(self):
        first = self.generate(prompt="My name is Ann.")
        second = self.generate(prompt="What is my name?", context=first["context"])
        self.assertGreater(second["prompt_eval_count"], first["prompt_eval_count"] + 5)
        self.assertGreater(len(second["context"]), len(first["context"]))
        refused = self.sarai.request("POST", "/api/generate", {"model": "lfm2", "prompt": "x", "context": [1, 2, 3]})
        self.assertEqual(refused.status, 400)
        self.assertNotIn("context", self.generate(raw=True))

    def test_the_older_embeddings(self):
        old = self.sarai.request("POST", "/api/embeddings", {"model": "embed", "prompt": "hello"}).json
        new = self.sarai.request("POST", "/api/embed", {"model": "embed", "input": "hello"}).json
        self.assertEqual(list(old), ["embedding"])
        self.assertEqual(old["embedding"], new["embeddings"][0])
        self.assertEqual(self.sarai.request("POST", "/api/embeddings", {"model": "embed"}).json, {"embedding": []})

    def test_vectors_may_be_shortened(self):
        whole = self.sarai.request("POST", "/v1/embeddings", {"model": "embed", "input": "hello"}).json["data"][0]["embedding"]
        short = self.sarai.request("POST", "/v1/embeddings", {"model": "embed", "input": "hello", "dimensions": 8}).json["data"][0]["embedding"]
        self.assertEqual(len(short), 8)
        length = sum(x * x for x in whole[:8]) ** 0.5
        for a, b in zip(whole, short):
            self.assertAlmostEqual(a / length, b, places=5)
        packed = self.sarai.request("POST", "/v1/embeddings", {"model": "embed", "input": "hello", "dimensions": 8,
                                                               "encoding_format": "base64"}).json["data"][0]["embedding"]
        self.assertEqual(len(packed), 44)
        refused = self.sarai.request("POST", "/v1/embeddings", {"model": "embed", "input": "hello", "dimensions": 100000})
        self.assertEqual((refused.status, refused.json["error"]["param"]), (400, "dimensions"))

    def test_a_text_is_filled_in_where_the_model_can(self):
        ask = lambda model, **more: self.sarai.request("POST", "/v1/completions", {"model": model, "prompt": "def f(", "suffix": "return 1",
                                                                                   "max_tokens": 4} | more)
        filled = ask("omni")
        self.assertEqual(filled.status, 200, filled.body)
        self.assertEqual((filled.json["object"], filled.json["usage"]["completion_tokens"]), ("text_completion", 4))
        refused = ask("lfm2")
        self.assertEqual((refused.status, refused.json["error"]["param"]), (400, "suffix"))
        self.assertEqual(ask("omni", echo=True).json["error"]["param"], "echo")
        whole = ask("omni", temperature=0, seed=1).json["choices"][0]["text"]
        streamed = events(ask("omni", temperature=0, seed=1, stream=True, stream_options={"include_usage": True}))
        self.assertEqual("".join(e["choices"][0]["text"] for e in streamed if e["choices"]), whole)
        self.assertEqual([e["choices"][0]["finish_reason"] for e in streamed if e["choices"]][-1], "length")
        self.assertEqual([e["usage"]["completion_tokens"] for e in streamed if "usage" in e][-1], 4)
        body = {"suffix": "return 1", "prompt": "def f(", "options": {"num_predict": 4, "temperature": 0, "seed": 1}}
        self.assertEqual(self.generate("omni", **body)["response"], whole)
        reply = self.sarai.request("POST", "/api/generate", {"model": "lfm2", "stream": False} | body)
        self.assertEqual((reply.status, reply.json["error"]), (400, '"lfm2" does not support insert'))

    def test_a_worker_fetches_nothing_and_a_tool_must_be_there(self):
        picture = lambda url: self.sarai.request("POST", "/v1/chat/completions", {"model": "omni", "messages": [
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]})
        for url in ("http://127.0.0.1:1/x.png", "https://example.com/x.png", "file:///etc/passwd"):
            reply = picture(url)
            self.assertEqual((reply.status, reply.json["error"]["param"]), (400, "messages[0].content[0].image_url.url"), url)
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
        reply = self.sarai.chat("omni", tools=[tool], tool_choice={"type": "function", "function": {"name": "g"}})
        self.assertEqual((reply.status, reply.json["error"]["param"]), (400, "tool_choice"))

    def test_a_prompt_may_come_back_with_its_answer(self):
        body = {"model": "lfm2", "prompt": "Once upon", "max_tokens": 3, "seed": 1, "temperature": 0}
        plain = self.sarai.request("POST", "/v1/completions", body).json["choices"][0]["text"]
        echoed = self.sarai.request("POST", "/v1/completions", body | {"echo": True}).json["choices"][0]["text"]
        self.assertEqual(echoed, "Once upon" + plain)
        streamed = events(self.sarai.request("POST", "/v1/completions", body | {"echo": True, "stream": True}))
        self.assertEqual("".join(e["choices"][0]["text"] for e in streamed if e["choices"]), "Once upon" + plain)
        # What scores a text asks for no tokens.
        for stream in (False, True):
            reply = self.sarai.request("POST", "/v1/completions", body | {"echo": True, "max_tokens": 0, "stream": stream})
            said = events(reply)[0] if stream else reply.json
            self.assertEqual((said["choices"][0]["text"], said["choices"][0]["finish_reason"]), ("Once upon", "length"))
            self.assertEqual(said["usage"]["completion_tokens"], 0)
            self.assertGreater(said["usage"]["prompt_tokens"], 0)
        refused = self.sarai.request("POST", "/v1/completions", body | {"echo": True, "logprobs": 1})
        self.assertEqual((refused.status, refused.json["error"]["param"]), (400, "logprobs"))

    def test_log_probabilities_of_a_completion_have_its_own_form(self):
        body = {"model": "lfm2", "prompt": "Once upon", "max_tokens": 3, "temperature": 0, "seed": 1, "logprobs": 2}
        choice = self.sarai.request("POST", "/v1/completions", body).json["choices"][0]
        found = choice["logprobs"]
        self.assertEqual("".join(found["tokens"]), choice["text"])
        self.assertEqual([len(found[k]) for k in ("tokens", "token_logprobs", "top_logprobs", "text_offset")], [3] * 4)
        self.assertEqual(found["text_offset"][0], 0)
        self.assertTrue(all(len(top) == 2 for top in found["top_logprobs"]))
        parts = [e["choices"][0]["logprobs"] for e in events(self.sarai.request("POST", "/v1/completions", body | {"stream": True}))
                 if e["choices"] and e["choices"][0].get("logprobs")]
        self.assertEqual([t for p in parts for t in p["tokens"]], found["tokens"])
        self.assertEqual([t for p in parts for t in p["text_offset"]], found["text_offset"])

    def test_what_a_model_cannot_is_refused_before_it_is_asked(self):
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
        ask = {"model": "solar", "messages": [{"role": "user", "content": "Hi"}], "tools": [tool], "stream": False}
        for path, said in (("/api/chat", lambda e: e["error"]), ("/v1/chat/completions", lambda e: e["error"]["message"])):
            reply = self.sarai.request("POST", path, ask)
            self.assertEqual((reply.status, said(reply.json)), (400, '"solar" does not support tools'), path)
        self.assertEqual(self.sarai.request("POST", "/v1/chat/completions", ask | {"tool_choice": "none", "max_tokens": 1}).status, 200)
        for think in (True, "high"):
            reply = self.sarai.request("POST", "/api/chat", {"model": "solar", "messages": ask["messages"], "think": think})
            self.assertEqual((reply.status, reply.json["error"]), (400, '"solar" does not support thinking'))
        reply = self.sarai.chat("lfm2", n=3)
        self.assertEqual((reply.status, reply.json["error"]["param"]), (400, "n"))
        self.assertIn("gives at most 1 at once (models.lfm2.parallel)", reply.json["error"]["message"])

    def test_inputs_longer_than_the_context_are_cut_unless_the_client_minds(self):
        long = "one two three four five six seven " * 100
        embed = lambda **more: self.sarai.request("POST", "/api/embed", {"model": "embed", "input": ["short", long]} | more)
        cut = embed()
        self.assertEqual(cut.status, 200, cut.body)
        self.assertEqual(len(cut.json["embeddings"]), 2)
        self.assertEqual(cut.json["embeddings"][0], embed(input="short").json["embeddings"][0])
        self.assertEqual(cut.json["embeddings"][1], embed(input=long + " and more").json["embeddings"][0])
        self.assertNotEqual(cut.json["embeddings"][0], cut.json["embeddings"][1])
        self.assertEqual(embed(truncate=False).status, 400)
        # Far beyond what the context could hold.
        self.assertEqual(embed(input="word " * 70000).status, 200)
        self.assertEqual(self.sarai.request("POST", "/v1/embeddings", {"model": "embed", "input": ["word " * 70000]}).status, 400)
        self.assertEqual(self.sarai.request("POST", "/v1/embeddings", {"model": "embed", "input": long}).status, 400)

    def test_anthropics_clients_list_models_as_they_know_them(self):
        listed = self.sarai.request("GET", "/v1/models", headers={"anthropic-version": "2023-06-01"}).json
        self.assertEqual([m["id"] for m in listed["data"]], ["lfm2", "kept", "solar", "omni", "auto", "tone-expert"])
        self.assertEqual((listed["first_id"], listed["last_id"], listed["has_more"]), ("lfm2", "tone-expert", False))
        for name in ("omni", "auto", "tone-expert"):
            one = self.sarai.request("GET", f"/v1/models/{name}", headers={"anthropic-version": "2023-06-01"}).json
            self.assertEqual((one["type"], one["id"], one["display_name"]), ("model", name, name))
        self.assertEqual(self.sarai.request("GET", "/v1/models/nope", headers={"anthropic-version": "2023-06-01"}).json["type"], "error")
        self.assertEqual(self.sarai.request("GET", "/v1/models/omni").json["object"], "model")

    def test_the_version_is_that_of_the_ollama_whose_api_this_is(self):
        told = self.sarai.request("GET", "/api/version").json
        self.assertGreaterEqual(tuple(map(int, told["version"].split("."))), (0, 6, 4), "what the pickiest client asks for")
        self.assertEqual(told["sarai"], self.sarai.status()["version"])

    def test_tokens_of_a_text_and_back(self):
        for path in ("/tokenize", "/v1/tokenize"):
            told = self.sarai.request("POST", path, {"model": "lfm2", "content": "hello world"}).json
            self.assertEqual(told["count"], len(told["tokens"]))
        back = self.sarai.request("POST", "/detokenize", {"model": "lfm2", "tokens": told["tokens"]}).json
        self.assertEqual(back["content"], "hello world")
        body = {"model": "lfm2", "messages": [{"role": "user", "content": "hello world"}]}
        counted = self.sarai.request("POST", "/v1/messages/count_tokens", body).json["input_tokens"]
        asked = self.sarai.request("POST", "/v1/messages", body | {"max_tokens": 1}).json["usage"]
        self.assertEqual(counted, asked["input_tokens"] + asked["cache_read_input_tokens"])


if __name__ == "__main__":
    unittest.main()
