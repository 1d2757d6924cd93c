"""The main job: three models of different kinds at once, by an unmodified OpenAI client; the LAN box dies and returns."""
import threading

import openai

from harness import MODELS, Case, local, main, ollama, wait_until

FALLBACK = f"fallback: gguf_native, path: '{MODELS}/solar.gguf', context_length: 512"


class ThreeModels(Case):
    def setUp(self):
        self.lan = self.serve({"solar": local("solar", "preload: true")})
        self.sarai = self.serve({
            "solar": ollama(self.lan.url, "solar", FALLBACK),
            "lfm2": local("lfm2", "preload: true, pinned: true"),
            "omni": local("omni"),
            "embed": local("embed", "kind: embedding")})
        self.client = openai.OpenAI(base_url=self.sarai.url + "/v1", api_key="none", max_retries=0)

    def stream(self, model, tokens):
        pieces, finish = [], None
        for chunk in self.client.chat.completions.create(model=model, stream=True, max_tokens=tokens, temperature=0,
                                                         messages=[{"role": "user", "content": "Hello"}]):
            self.assertEqual(chunk.model, model)
            pieces.append(chunk.choices[0].delta.content or "")
            finish = chunk.choices[0].finish_reason or finish
        return "".join(pieces), finish, pieces

    def test_each_answers_a_streamed_chat_all_at_the_same_time(self):
        answers, begun = {}, threading.Barrier(3)

        def ask(model):
            begun.wait()
            answers[model] = self.stream(model, 64)

        threads = [threading.Thread(target=ask, args=(m,)) for m in ("solar", "lfm2", "omni")]
        [t.start() for t in threads]
        [t.join(60) for t in threads]
        self.assertEqual(set(answers), {"solar", "lfm2", "omni"})
        for model, (text, finish, pieces) in answers.items():
            self.assertEqual(finish, "length", model)
            self.assertEqual(len(text), 64, f"{model}: one character per token in these models, none lost: {text!r}")
            self.assertGreater(len(pieces), 32, f"{model}: token by token")
        # The same three, whole and streamed, say the same at temperature 0.
        for model in answers:
            whole = self.client.chat.completions.create(model=model, max_tokens=64, temperature=0,
                                                        messages=[{"role": "user", "content": "Hello"}])
            self.assertEqual(whole.choices[0].message.content, answers[model][0], model)
            self.assertEqual(whole.usage.completion_tokens, 64)

    def test_embeddings_completions_and_models_answer_an_openai_client(self):
        vectors = self.client.embeddings.create(model="embed", input=["one", "two"], encoding_format="float").data
        self.assertEqual(len(vectors), 2)
        self.assertNotEqual(vectors[0].embedding, vectors[1].embedding)
        text = self.client.completions.create(model="lfm2", prompt="Once", max_tokens=8).choices[0].text
        self.assertEqual(len(text), 8)
        self.assertEqual([m.id for m in self.client.models.list()], ["solar", "lfm2", "omni", "embed", "auto", "tone-expert"])
        self.assertEqual(self.client.models.retrieve("omni").id, "omni")
        with self.assertRaises(openai.NotFoundError) as caught:
            self.stream("nope", 4)
        self.assertEqual(caught.exception.body["code"], "model_not_found")
        self.assertIn("solar, lfm2, omni, embed", caught.exception.body["message"])

    def test_usage_comes_with_a_stream_when_asked_for(self):
        chunks = list(self.client.chat.completions.create(
            model="lfm2", stream=True, max_tokens=5, messages=[{"role": "user", "content": "x"}],
            stream_options={"include_usage": True}))
        self.assertEqual(chunks[-1].usage.completion_tokens, 5)

    def test_unknown_request_fields_reach_the_engine(self):
        reply = self.sarai.chat("lfm2", temperature=0, return_tokens=True, timings_per_token=True, n_probs=2, logprobs=True)
        self.assertEqual(reply.status, 200)
        self.assertIn("logprobs", reply.json["choices"][0])

    def test_status_and_ps_list_each_with_backend_state_and_memory(self):
        for model in ("solar", "lfm2", "omni"):
            self.stream(model, 4)
        wait_until(lambda: self.sarai.row("omni")["measured_bytes"] > 0, "a measurement of omni")
        rows = {r["name"]: r for r in self.sarai.status()["models"]}
        self.assertEqual(rows["solar"]["backend"], "ollama_http")
        self.assertEqual(rows["solar"]["state"], "remote")
        for name in ("lfm2", "omni"):
            row = rows[name]
            self.assertEqual((row["backend"], row["state"], row["endpoint"]), ("gguf_native", "ready", "local"))
            self.assertIn(row["pid"], self.sarai.workers())
            self.assertGreater(row["planned_bytes"], row["measured_bytes"])
            self.assertGreaterEqual(row["peak_bytes"], row["measured_bytes"])
        self.assertEqual(rows["embed"]["state"], "unloaded")
        metrics = self.sarai.request("GET", "/metrics").body.decode()
        self.assertIn('sarai_requests_total{backend="ollama_http",code="200",model="solar"} 1', metrics)

    def test_the_lan_box_dies_the_fallback_answers_and_it_returns(self):
        before = self.sarai.chat("solar", temperature=0)
        self.assertEqual(before.headers["x-sarai-backend"], "ollama_http")
        self.lan.kill()
        after = self.sarai.chat("solar", temperature=0)
        self.assertEqual(after.status, 200)
        self.assertEqual(after.headers["x-sarai-backend"], "gguf_native")
        self.assertEqual(after.headers["x-sarai-endpoint"], "local")
        self.assertIn("fallback", after.headers["x-sarai-reason"])
        self.assertIn("Connection refused", after.headers["x-sarai-reason"])
        self.assertIn("local fallback, because", self.sarai.log())
        # The same file on both sides says the same.
        self.assertEqual(after.json["choices"][0]["message"]["content"], before.json["choices"][0]["message"]["content"])
        self.assertEqual(self.sarai.row("solar", "ollama_http")["state"], "down")
        self.assertIn('sarai_fallbacks_total{model="solar"} 1', self.sarai.request("GET", "/metrics").body.decode())

        self.lan.start()
        wait_until(lambda: self.sarai.row("solar", "ollama_http")["state"] == "remote", "the LAN box to be noticed")
        back = self.sarai.chat("solar")
        self.assertEqual(back.headers["x-sarai-backend"], "ollama_http")

    def test_ollama_clients_reach_every_model(self):
        reply = self.sarai.request("POST", "/api/chat", {"model": "omni", "messages": [{"role": "user", "content": "x"}],
                                                          "options": {"num_predict": 5}})
        import json
        lines = [json.loads(line) for line in reply.body.splitlines()]
        self.assertEqual("".join(l["message"]["content"] for l in lines).__len__(), 5)
        self.assertTrue(lines[-1]["done"])
        self.assertEqual(lines[-1]["done_reason"], "length")
        missing = self.sarai.request("POST", "/api/chat", {"model": "nope", "messages": []})
        self.assertEqual(missing.status, 404)
        self.assertIn("model 'nope' not found", missing.json["error"])
        names = [m["name"] for m in self.sarai.request("GET", "/api/tags").json["models"]]
        self.assertEqual(names, ["solar:latest", "lfm2:latest", "omni:latest", "embed:latest", "auto:latest", "tone-expert:latest"])

    def test_ollama_clients_see_what_the_files_say(self):
        def tags():
            return {m["model"]: m for m in self.sarai.request("GET", "/api/tags").json["models"]}
        wait_until(lambda: all(m["details"]["family"] for m in tags().values()), "all files to be described")
        models = tags()
        self.assertEqual({name: m["capabilities"] for name, m in models.items()},
                         {"solar:latest": ["completion"], "lfm2:latest": ["completion", "tools"], "omni:latest": ["completion", "tools", "insert"],
                          "embed:latest": ["embedding"], "auto:latest": ["completion"], "tone-expert:latest": ["completion"]})
        self.assertEqual(models["solar:latest"]["remote_host"], self.lan.url)
        self.assertEqual(models["solar:latest"]["remote_model"], "solar")
        self.assertEqual(models["lfm2:latest"]["details"]["family"], "lfm2")
        self.assertEqual(len({m["digest"] for m in models.values()}), 6)
        shown = self.sarai.request("POST", "/api/show", {"model": "omni"}).json
        self.assertEqual(shown["model_info"]["general.architecture"], "qwen2vl")
        self.assertIsNone(shown["model_info"]["tokenizer.ggml.tokens"])
        self.assertIn("token_embd.weight", [t["name"] for t in shown["tensors"]])
        def running():
            return {m["model"]: m for m in self.sarai.request("GET", "/api/ps").json["models"]}
        wait_until(lambda: "lfm2:latest" in running(), "the preloaded model")
        lfm2 = running()["lfm2:latest"]
        self.assertEqual(lfm2["details"]["family"], "lfm2")
        self.assertEqual(lfm2["digest"], models["lfm2:latest"]["digest"])


if __name__ == "__main__":
    main()
