"""Reranking: a local worker's scores, joined and sorted; errors; another server's; limits of keys."""
import hashlib
import json

from harness import MODELS, Case, Sarai, local, main

DOCUMENTS = ["a cat on a mat", "0123456789", "the quick brown fox", "", "a dog in a house"]


def rerank(sarai, path="/v1/rerank", headers=None, **body):
    # 600,000 tokens are in one of them.
    return sarai.request("POST", path, {"model": "judge", "query": "cats", **body}, headers, timeout=300)


def order(reply):
    return [result["index"] for result in reply.json["results"]]


class Rerank(Case):
    @classmethod
    def setUpClass(cls):
        cls.sarai = Sarai({"judge": local("rerank", "kind: rerank"), "lfm2": local("lfm2"),
                           "embed": local("embed", "kind: embedding"), "none": local("solar", "kind: rerank")}).start()

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def scores(self, documents):
        """Of each document asked for alone, which is what a reranker's scores are."""
        return [rerank(self.sarai, documents=[document]).json["results"][0]["relevance_score"] for document in documents]

    def test_the_best_comes_first_with_the_score_that_it_has_alone(self):
        reply = rerank(self.sarai, documents=DOCUMENTS)
        self.assertEqual(reply.status, 200, reply.body)
        alone = self.scores(DOCUMENTS)
        self.assertEqual(len(set(alone)), len(DOCUMENTS))
        self.assertEqual(order(reply), sorted(range(len(DOCUMENTS)), key=lambda i: -alone[i]))
        for result in reply.json["results"]:
            self.assertEqual(set(result), {"index", "relevance_score"})
            self.assertAlmostEqual(result["relevance_score"], alone[result["index"]], places=3)
        self.assertEqual((reply.json["object"], reply.json["model"]), ("list", "judge"))
        self.assertEqual(reply.json["id"], "rerank-" + reply.headers["x-request-id"])
        # The query, a line's end, the document and the end: a token is a byte in this model.
        tokens = sum(len("cats") + 1 + len(document) + 1 for document in DOCUMENTS)
        self.assertEqual(reply.json["usage"], {"prompt_tokens": tokens, "total_tokens": tokens})
        self.assertEqual((reply.headers["x-sarai-model"], reply.headers["x-sarai-backend"]), ("judge", "gguf_native"))

    def test_top_n_and_documents_given_back(self):
        whole = order(rerank(self.sarai, documents=DOCUMENTS))
        self.assertEqual(order(rerank(self.sarai, documents=DOCUMENTS, top_n=2)), whole[:2])
        self.assertEqual(order(rerank(self.sarai, documents=DOCUMENTS, top_n=1000)), whole)
        objects = [{"text": text, "title": "ignored"} for text in DOCUMENTS]
        reply = rerank(self.sarai, documents=objects, top_n=3, return_documents=True)
        self.assertEqual(order(reply), whole[:3])
        self.assertEqual([r["document"] for r in reply.json["results"]], [{"text": DOCUMENTS[i]} for i in whole[:3]])

    def test_all_of_the_paths_that_clients_know(self):
        for path in ("/v1/rerank", "/v1/reranking", "/rerank", "/reranking"):
            self.assertEqual(rerank(self.sarai, path, documents=["a"]).status, 200, path)
            self.assertEqual(self.sarai.request("GET", path).status, 405, path)

    def test_more_documents_than_a_worker_gets_at_once(self):
        documents = [f"{'x' * (i % 7)} {i * i}" for i in range(150)]
        reply = rerank(self.sarai, documents=documents)
        self.assertEqual(sorted(order(reply)), list(range(150)))
        scores = [result["relevance_score"] for result in reply.json["results"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        for result in reply.json["results"][::29]:
            self.assertAlmostEqual(result["relevance_score"], self.scores([documents[result["index"]]])[0], places=3)
        self.assertEqual(reply.json["usage"]["prompt_tokens"], sum(len("cats") + 2 + len(d) for d in documents))

    def test_many_long_documents_though_their_sum_is_beyond_the_context(self):
        reply = rerank(self.sarai, documents=["x" * 400] * 1500)  # 600 KB, which one request to a worker may not be
        self.assertEqual((reply.status, len(reply.json["results"])), (200, 1500))

    def refusal(self, expected, status=400, **body):
        reply = rerank(self.sarai, **body)
        self.assertEqual(reply.status, status, reply.body)
        self.assertIn(expected, reply.json["error"]["message"])
        return reply.json["error"]

    def test_errors_name_the_field(self):
        self.assertEqual(self.refusal("'documents' is []", documents=[])["param"], "documents")
        self.assertEqual(self.refusal("'documents[1]' is 5", documents=["a", 5])["param"], "documents[1]")
        self.assertEqual(self.refusal("'top_n' is 0", documents=["a"], top_n=0)["param"], "top_n")
        self.assertEqual(self.refusal("expected at most 2048", documents=["a"] * 2049)["param"], "documents")
        self.assertEqual(self.refusal("not found", 404, documents=["a"], model="nope")["code"], "model_not_found")
        self.refusal("context", documents=["a", "x" * 600])
        self.refusal("has no classifier", 503, documents=["a"], model="none")
        self.refusal("the query and the longest document are", documents=["a", "x" * 400_000])

    def test_a_model_of_another_kind_says_what_it_is(self):
        self.refusal("is of kind chat: it generates text and cannot rank documents", model="lfm2", documents=["a"])
        self.refusal("is of kind embedding: it makes embeddings and cannot rank documents", model="embed", documents=["a"])
        for path, body in [("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}),
                           ("/v1/completions", {"prompt": "Hi"}), ("/v1/embeddings", {"input": "Hi"}),
                           ("/api/chat", {"messages": [{"role": "user", "content": "Hi"}]}), ("/api/embed", {"input": "Hi"}),
                           ("/v1/messages", {"max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]})]:
            reply = self.sarai.request("POST", path, {"model": "judge", **body})
            self.assertEqual(reply.status, 400, path)
            self.assertIn("is of kind rerank: it ranks documents (POST /v1/rerank) and cannot", reply.body.decode(), path)

    def test_listings_tell_the_kind(self):
        rerank(self.sarai, documents=["a"])
        kinds = {m["id"]: m["sarai"]["kind"] for m in self.sarai.request("GET", "/v1/models").json["data"] if m["id"] != "auto"}
        self.assertEqual(kinds, {"judge": "rerank", "lfm2": "chat", "embed": "embedding", "none": "rerank"})
        self.assertEqual({row["name"]: row["kind"] for row in self.sarai.status()["models"]}, kinds)
        self.assertEqual(self.sarai.request("POST", "/api/show", {"model": "judge"}).json["capabilities"], ["rerank"])
        row = self.sarai.row("judge")
        self.assertEqual((row["state"], row["over_plan_bytes"]), ("ready", 0))
        metrics = self.sarai.request("GET", "/metrics").body.decode()
        self.assertRegex(metrics, r'sarai_requests_total\{[^}]*model="judge"[^}]*\} [1-9]')

    def test_proving_asks_it_to_rank(self):
        proved = self.sarai.cli("prove", "--json")
        models = {model["name"]: model["error"] for model in json.loads(proved.stdout)["models"]}
        self.assertIn("has no classifier", models.pop("none"))
        self.assertEqual(models, {"judge": None, "lfm2": None, "embed": None}, proved.stderr)


class RemoteRerank(Case):
    def test_a_compatible_server_ranks_and_a_local_file_when_it_is_lost(self):
        box = self.serve({"judge": local("rerank", "kind: rerank")})
        sarai = self.serve({"judge": f"backend: openai_http, endpoints: [{{url: '{box.url}/v1'}}], kind: rerank, fallback: gguf_native, "
                                     f"path: '{MODELS}/rerank.gguf', context_length: 512"})
        there = rerank(sarai, documents=DOCUMENTS, top_n=4, return_documents=True)
        self.assertEqual((there.status, there.headers["x-sarai-backend"]), (200, "openai_http"), there.body)
        box.kill()
        here = rerank(sarai, documents=DOCUMENTS, top_n=4, return_documents=True)
        self.assertEqual((here.status, here.headers["x-sarai-backend"]), (200, "gguf_native"), here.body)
        self.assertEqual(order(here), order(there))
        self.assertEqual((here.json["usage"], len(here.json["results"])), (there.json["usage"], 4))


class RerankLimits(Case):
    def test_tokens_count_for_the_key_and_models_are_the_keys(self):
        hashes = {name: hashlib.sha256(f"{name}-secret".encode()).hexdigest() for name in ("thrifty", "other")}
        keys = (f"access: {{keys: {{thrifty: {{sha256: '{hashes['thrifty']}', tokens_per_minute: 50}}, "
                f"other: {{sha256: '{hashes['other']}', models: [embed]}}}}}}")
        sarai = self.serve({"judge": local("rerank", "kind: rerank"), "embed": local("embed", "kind: embedding")}, extra=keys)
        bearer = lambda name: {"Authorization": f"Bearer {name}-secret"}
        self.assertEqual(rerank(sarai, documents=["a"]).status, 401)
        self.assertEqual(rerank(sarai, documents=["a"], headers=bearer("other")).status, 403)
        self.assertEqual(rerank(sarai, documents=["x" * 100], headers=bearer("thrifty")).status, 200)
        self.assertEqual(rerank(sarai, documents=["a"], headers=bearer("thrifty")).status, 429)


if __name__ == "__main__":
    main()
