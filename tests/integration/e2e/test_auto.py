"""The model "auto": prompts reach the model that fits, in every API, and the answers say why. Real workers."""
import hashlib
import json
import time
import unittest

import media
from harness import MODELS, Case, Sarai, Terminal, local, ollama, wait_until

# So clear that no classifier may take them for something else, in both languages.
HARD = ["Write a C++ function that prints a linked list recursively and explain why my code ends with a segfault.",
        "Escribe una función en Python que ordene una lista con el algoritmo quicksort y explica su complejidad."]
SOFT = ["Hello! I feel a bit sad and lonely today, can you say something nice to me? Thank you.",
        "Hola, hoy me siento muy triste y solo, ¿me das un abrazo? Gracias por escucharme."]
WEB = ["What is the weather today in London, and what are the latest news headlines?",
       "¿Cuáles son las noticias de hoy y qué tiempo hará mañana en Madrid?"]


def user(text):
    return [{"role": "user", "content": text}]


def picture(text):
    return [{"role": "user", "content": [{"type": "text", "text": text}, media.picture()]}]


def sha(key):
    return hashlib.sha256(key.encode()).hexdigest()


MODELS_OF_TEST = {"solar": local("solar", "preload: true"),
                  "lfm2": f"backend: gguf_native, path: '{MODELS}/lfm2.gguf', context_length: 2048, preload: true",
                  "omni": f"backend: gguf_native, path: '{MODELS}/omni.gguf', mmproj: '{MODELS}/omni-mmproj.gguf', context_length: 2048",
                  "embed": f"backend: gguf_native, kind: embedding, path: '{MODELS}/embed.gguf', context_length: 256"}
ROUTING = "routing: {hard: solar, soft: lfm2, web_query: omni, default: solar%s}\n"


class Auto(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sarai = Sarai(MODELS_OF_TEST, extra=ROUTING % ", store_prompts: true", server="access_log: json",
                          memory="max_ram: 3GiB, max_concurrent_llms: 3").start()

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def chat(self, messages, **more):
        return self.sarai.request("POST", "/v1/chat/completions", {"model": "auto", "messages": messages, "max_tokens": 4, **more})

    def check(self, reply, route, model):
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual((reply.headers["x-sarai-route"], reply.headers["x-sarai-model"]), (route, model), reply.headers)
        self.assertRegex(reply.headers["x-sarai-scores"], r"^hard=[01]\.\d\d soft=[01]\.\d\d web_query=[01]\.\d\d familiar=[01]\.\d\d$")
        self.assertTrue(reply.headers["x-sarai-reason"].startswith(f"{model} for {route}: "), reply.headers)
        # And why this backend of it, as for any other model.
        self.assertIn("; local worker is the model's backend", reply.headers["x-sarai-reason"])

    def test_prompts_reach_the_model_that_fits_in_both_languages(self):
        for prompts, route, model in [(HARD, "hard", "solar"), (SOFT, "soft", "lfm2"), (WEB, "web_query", "omni")]:
            for prompt in prompts:
                reply = self.chat(user(prompt))
                self.check(reply, route, model)
                self.assertEqual(reply.json["model"], model)

    def test_a_picture_and_a_sound_go_to_the_pipelines_for_them(self):
        for messages, pipeline, model, first in [(picture("What is this?"), "vision-expert", "solar", "look by omni"),
                                                 ([{"role": "user", "content": [media.file(media.png(), "a.png")]}], "vision-expert", "solar", "look by omni"),
                                                 ([{"role": "user", "content": [media.tone(440, 0.2)]}], "voice-assistant", "lfm2", "transcript by omni")]:
            reply = self.chat(messages)
            self.assertEqual(reply.status, 200, reply.body)
            self.assertEqual([reply.headers["x-sarai-" + name] for name in ("route", "pipeline", "model")], ["multimodal", pipeline, model])
            self.assertTrue(reply.headers["x-sarai-reason"].startswith(f"{pipeline} for multimodal: the conversation has "), reply.headers)
            self.assertIn(f"pipeline {pipeline}: {first}", reply.headers["x-sarai-reason"])
        self.assertEqual(self.sarai.request("POST", "/sarai/route", {"messages": picture("?")}).json["model"], "vision-expert")

    def test_what_is_hard_and_soft_goes_to_the_expert_in_the_right_tone(self):
        for both in ("I'm so sad about my grade. Can you explain how gradient descent works?",
                     "Me siento fatal, llevo todo el día llorando. ¿Cómo arreglo este error de segmentación en C?"):
            reply = self.chat(user(both))
            self.assertEqual([reply.headers.get("x-sarai-" + name) for name in ("pipeline", "route", "model")], ["tone-expert", "hard", "solar"], reply.headers)
            self.assertIn("a mixture from 0.20 on", reply.headers["x-sarai-reason"])

    def test_every_api(self):
        ask = lambda path, body: self.sarai.request("POST", path, {"model": "auto", **body})
        replies = {
            "/v1/completions": ask("/v1/completions", {"prompt": SOFT[0], "max_tokens": 4}),
            "/v1/responses": ask("/v1/responses", {"input": SOFT[0], "max_output_tokens": 16}),
            "/v1/messages": ask("/v1/messages", {"messages": user(SOFT[0]), "max_tokens": 4}),
            "/api/chat": ask("/api/chat", {"messages": user(SOFT[0]), "stream": False, "options": {"num_predict": 4}}),
            "/api/generate": ask("/api/generate", {"prompt": SOFT[0], "stream": False, "options": {"num_predict": 4}})}
        for path, reply in replies.items():
            with self.subTest(path):
                self.check(reply, "soft", "lfm2")
                self.assertEqual(reply.json["model"], "lfm2")
        counted = ask("/v1/messages/count_tokens", {"messages": user(SOFT[0])})
        self.check(counted, "soft", "lfm2")
        self.assertGreater(counted.json["input_tokens"], 5)
        with_tag = self.sarai.request("POST", "/api/chat", {"model": "auto:latest", "messages": user(HARD[0]), "stream": False,
                                                            "options": {"num_predict": 4}})
        self.check(with_tag, "hard", "solar")

    def test_streams_say_it_in_their_head(self):
        for path, body in [("/v1/chat/completions", {"max_tokens": 4}), ("/v1/messages", {"max_tokens": 4}), ("/api/chat", {})]:
            reply = self.sarai.request("POST", path, {"model": "auto", "messages": user(SOFT[1]), "stream": True,
                                                      "options": {"num_predict": 4}, **body})
            self.check(reply, "soft", "lfm2")
            self.assertIn(b'"lfm2"', reply.body)
            self.assertNotIn(b'"auto"', reply.body)

    def test_what_it_is_not_for_it_says(self):
        for path, body in [("/v1/embeddings", {"input": "x"}), ("/api/embed", {"input": "x"}), ("/api/embeddings", {"prompt": "x"})]:
            reply = self.sarai.request("POST", path, {"model": "auto", **body})
            self.assertEqual(reply.status, 400, reply.body)
            self.assertIn(b"embed", reply.body)
        reply = self.sarai.request("POST", "/tokenize", {"model": "auto", "content": "x"})
        self.assertEqual(reply.status, 400)
        reply = self.sarai.request("POST", "/api/copy", {"source": "lfm2", "destination": "auto"})
        self.assertEqual(reply.status, 400, reply.body)

    def test_it_is_listed(self):
        models = {m["id"]: m for m in self.sarai.request("GET", "/v1/models").json["data"]}
        self.assertEqual(models["auto"]["sarai"]["routes"], {"hard": "solar", "soft": "lfm2", "web_query": "omni", "multimodal": "omni",
                                                             "image": "vision-expert", "audio": "voice-assistant", "mixed": "tone-expert",
                                                             "default": "solar"})
        self.assertEqual(self.sarai.request("GET", "/v1/models/auto").json["id"], "auto")
        self.assertIn(self.sarai.request("GET", "/v1/models/auto").json["sarai"]["state"], ("ready", "unloaded"))
        self.assertIn("auto", [m["id"] for m in self.sarai.request("GET", "/v1/models",
                                                                   headers={"anthropic-version": "2023-06-01"}).json["data"]])
        self.assertIn("auto:latest", [m["name"] for m in self.sarai.request("GET", "/api/tags").json["models"]])
        shown = self.sarai.request("POST", "/api/show", {"model": "auto"}).json
        self.assertIn("is no model", shown["modelfile"])
        self.assertEqual(shown["model_info"]["router.soft"], "lfm2")
        # Ollama's clients load what they are about to ask.
        for model in ("auto", "tone-expert"):
            self.assertEqual(self.sarai.request("POST", "/api/generate", {"model": model}).json["done_reason"], "load")
            self.assertEqual(self.sarai.request("POST", "/api/chat", {"model": model, "messages": []}).json["done_reason"], "load")
            self.assertEqual(self.sarai.request("POST", "/api/generate", {"model": model, "keep_alive": 0}).json["done_reason"], "unload")

    def test_a_conversation_keeps_its_model_until_the_topic_changes(self):
        begin = user(SOFT[0]) + [{"role": "assistant", "content": "You are not alone."}]
        self.check(self.chat(begin[:1]), "soft", "lfm2")
        goes_on = self.chat(begin + user("mmh"))
        self.assertEqual((goes_on.headers["x-sarai-route"], goes_on.headers["x-sarai-model"]), ("pinned", "lfm2"), goes_on.headers)
        self.assertIn("the conversation goes on", goes_on.headers["x-sarai-reason"])
        changed = self.chat(begin + user(HARD[0]))
        self.assertEqual((changed.headers["x-sarai-route"], changed.headers["x-sarai-model"]), ("hard", "solar"), changed.headers)

    def test_a_dry_run_says_what_would_happen(self):
        got = self.sarai.request("POST", "/sarai/route", {"text": HARD[1]}).json
        self.assertEqual((got["model"], got["route"], got["language"]), ("solar", "hard", "es"))
        self.assertGreater(got["scores"]["hard"], 0.5)
        self.assertEqual([c["route"] for c in got["considered"] if c["chosen"]], ["hard"])
        self.assertIsInstance(got["would_load"], bool)
        # Both ways to write a space.
        scores = [self.sarai.request("GET", "/sarai/route?text=Hello%2C%20I%20feel%20sad%20and%20lonely.%20Thank%20you".replace("%20", space)).json
                  for space in ("%20", "+")]
        self.assertEqual([told["route"] for told in scores], ["soft", "soft"])
        self.assertEqual(*(told["scores"] for told in scores))
        self.assertEqual(self.sarai.request("POST", "/sarai/route", {"messages": picture("?")}).json["route"], "multimodal")
        for path, body in [("/sarai/route", {}), ("/sarai/route", "{"), ("/sarai/route", {"text": 5}), ("/sarai/hint", {}),
                           ("/sarai/hint", {"text": "x", "conversation": "y"})]:
            self.assertEqual(self.sarai.request("POST", path, body).status, 400, body)
        self.assertEqual(self.sarai.request("GET", "/sarai/route").status, 400)
        told = self.sarai.cli("route", SOFT[1])
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertTrue(told.stdout.startswith("lfm2"), told.stdout)
        self.assertEqual(json.loads(self.sarai.cli("route", "--json", WEB[0]).stdout)["route"], "web_query")

    def test_anything_is_answered(self):
        for text in ["", " ", "🙂" * 200, "\u0000\u0001", "x" * 1200, "Привет, как дела?", "}{][\\\"'"]:
            reply = self.sarai.request("POST", "/sarai/route", {"text": text})
            self.assertEqual(reply.status, 200, (text[:20], reply.body))
        self.assertEqual(self.sarai.request("POST", "/sarai/route", {"text": "long " * 200_000}).status, 200)
        # A conversation without a word of its user.
        self.assertEqual(self.chat([{"role": "system", "content": "Be brief."}]).headers["x-sarai-route"], "default")

    def test_feedback_is_kept_and_exported(self):
        reply = self.sarai.request("POST", "/v1/chat/completions", {"model": "auto", "messages": user(SOFT[1]), "max_tokens": 4},
                                   {"x-request-id": "feedback-1"})
        self.check(reply, "soft", "lfm2")
        said = self.sarai.request("POST", "/sarai/feedback", {"request_id": reply.headers["x-request-id"], "right": True})
        self.assertEqual((said.status, said.json["route"], said.json["stored_prompt"]), (200, "soft", True), said.body)
        other = self.chat(user(HARD[0])).headers["x-request-id"]
        self.assertEqual(self.sarai.request("POST", "/sarai/feedback", {"request_id": other, "right": False, "label": "web_query"}).status, 200)
        unknown = self.sarai.request("POST", "/sarai/feedback", {"request_id": "nobody", "right": True})
        self.assertEqual(unknown.status, 404)
        self.assertIn("no decision is remembered", unknown.json["error"]["message"])
        self.assertEqual(self.sarai.request("POST", "/sarai/feedback", {"request_id": other, "right": 1}).status, 400)
        lines = [json.loads(line) for line in self.sarai.request("GET", "/sarai/feedback").body.splitlines()]
        self.assertIn({"text": HARD[0], "label": "web_query", "lang": "en"}, lines)
        self.assertIn({"text": SOFT[1], "label": "soft", "lang": "es"}, lines)
        self.assertEqual([json.loads(line) for line in self.sarai.cli("router", "export").stdout.splitlines()], lines)
        # A prompt that is cut, and one that looks like neither language, are lines that training reads.
        for text in ("x" + "ñ" * 9000, "Привет, как дела?"):
            cut = self.chat(user(text)).headers["x-request-id"]
            self.assertEqual(self.sarai.request("POST", "/sarai/feedback", {"request_id": cut, "right": False, "label": "soft"}).status, 200)
        exported = self.sarai.folder / "export.jsonl"
        exported.write_text(self.sarai.cli("router", "export").stdout)
        self.assertEqual(len(exported.read_text().splitlines()), len(lines) + 2)
        read = self.sarai.cli("router", "eval", str(exported), "--json")
        self.assertEqual((read.returncode, json.loads(read.stdout)["prompts"]), (0, len(lines) + 2), read.stderr)
        rows = json.loads(self.sarai.cli("router", "export", "--json").stdout)
        self.assertIn(("feedback-1", "soft", "lfm2", True), [(r["request_id"], r["route"], r["model"], r["right"]) for r in rows])

    def test_a_refusal_says_too_who_was_chosen_and_why(self):
        reply = self.sarai.request("POST", "/api/generate", {"model": "auto", "prompt": HARD[0], "suffix": "end", "stream": False})
        self.assertEqual((reply.status, reply.headers["x-sarai-model"], reply.headers["x-sarai-route"]), (400, "solar", "hard"), reply.body)
        self.assertTrue(reply.headers["x-sarai-reason"].startswith("solar for hard: "))
        ranked = self.sarai.request("POST", "/v1/rerank", {"model": "auto", "query": "a", "documents": ["b"]})
        self.assertEqual((ranked.status, ranked.json["error"]["param"]), (400, "model"))
        self.assertIn("expected a model of kind rerank", ranked.json["error"]["message"])

    def test_log_and_metrics_name_the_route(self):
        self.chat(user(HARD[1]))
        lines = [json.loads(line) for line in self.sarai.log().splitlines() if line.startswith("{")]
        self.assertTrue([line for line in lines if line.get("route") == "hard" and line.get("model") == "solar"], lines[-3:])
        metrics = self.sarai.request("GET", "/metrics").body.decode()
        self.assertRegex(metrics, r'sarai_routing_decisions_total\{model="solar",route="hard"\} [1-9]')


class Keys(Case):
    def test_a_key_never_gets_a_model_that_it_may_not_use(self):
        sarai = self.serve({"solar": local("solar"), "lfm2": local("lfm2"), "embed": MODELS_OF_TEST["embed"]},
                           extra="routing: {hard: solar, soft: lfm2}\naccess:\n  keys:\n"
                                 f"    root: {{sha256: {sha('root')}, admin: true}}\n    ann: {{sha256: {sha('ann')}, models: [auto, lfm2]}}\n"
                                 f"    ben: {{sha256: {sha('ben')}, models: [lfm2]}}\n    eve: {{sha256: {sha('eve')}, models: [auto, embed]}}\n")
        ask = lambda key, text, path="/v1/chat/completions", **more: sarai.request(
            "POST", path, {"model": "auto", "messages": user(text), "max_tokens": 4, **more}, {"Authorization": f"Bearer {key}"})
        self.assertEqual(ask("root", HARD[0]).headers["x-sarai-model"], "solar")
        for key in ("ann", "ben"):
            reply = ask(key, HARD[0])
            self.assertEqual((reply.status, reply.headers["x-sarai-model"], reply.headers["x-sarai-route"]), (200, "lfm2", "hard"), reply.body)
            self.assertIn(f"lfm2 instead of it, because the key of '{key}' may not use model 'solar'", reply.headers["x-sarai-reason"])
        refused = ask("eve", HARD[0])
        self.assertEqual((refused.status, refused.json["error"]["code"]), (403, "model_not_allowed"), refused.body)
        self.assertEqual(ask("eve", HARD[0], "/v1/messages").status, 403)
        names = lambda key: [m["id"] for m in sarai.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"}).json["data"]]
        self.assertEqual((names("ann"), names("ben")), (["lfm2", "auto"], ["lfm2"]))
        # What one key was answered is nobody else's business.
        mine = ask("root", SOFT[0]).headers["x-request-id"]
        feedback = lambda key: sarai.request("POST", "/sarai/feedback", {"request_id": mine, "right": True}, {"Authorization": f"Bearer {key}"})
        self.assertEqual((feedback("ann").status, feedback("root").status), (404, 200))
        self.assertEqual(feedback("root").json["stored_prompt"], False)
        get = lambda key: sarai.request("GET", "/sarai/feedback", headers={"Authorization": f"Bearer {key}"})
        self.assertEqual((get("ann").status, get("root").status, get("root").body), (403, 200, b""))
        self.assertEqual(sarai.request("POST", "/sarai/route", {"text": "x"}).status, 401)


class Hints(Case):
    def test_a_hint_loads_what_would_answer(self):
        sarai = self.serve({"solar": local("solar"), "lfm2": local("lfm2")}, extra="routing: {hard: solar, soft: lfm2}\n")
        hint = lambda text: sarai.request("POST", "/sarai/hint", {"text": text})
        self.assertTrue(sarai.request("POST", "/sarai/route", {"text": SOFT[0]}).json["would_load"])
        first = hint(SOFT[0])
        self.assertEqual((first.status, first.json["model"], first.json["loading"]), (202, "lfm2", True), first.body)
        wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "the hint to load lfm2")
        self.assertEqual(sarai.row("solar")["state"], "unloaded")
        hint(SOFT[0])  # loading may have taken longer than a hint is remembered
        again = hint(SOFT[0])
        self.assertEqual((again.status, again.json["loading"]), (202, False))
        self.assertIn("hinted a moment ago", again.json["reason"])
        self.assertFalse(sarai.request("POST", "/sarai/route", {"text": SOFT[0]}).json["would_load"])
        reply = sarai.chat("auto", SOFT[0], max_tokens=4)
        self.assertEqual((reply.status, reply.headers["x-sarai-model"]), (200, "lfm2"))
        self.assertIn('sarai_routing_hints_total{loading="true"} 1', sarai.request("GET", "/metrics").body.decode())

    def test_run_hints_at_what_is_being_typed(self):
        sarai = self.serve({"solar": local("solar"), "lfm2": local("lfm2")}, extra="routing: {hard: solar, soft: lfm2}\n")
        with Terminal("run", "auto", url=sarai.url) as terminal:
            terminal.read(lambda s: b"auto>" in s)
            terminal.write(SOFT[1].encode())
            wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "what is typed to load lfm2")
            self.assertEqual(sarai.row("solar")["state"], "unloaded")
            terminal.write(b"\n")
            terminal.read(lambda s: b"lfm2 for soft" in s and b"auto> " in s.rpartition(b"lfm2 for soft")[2])
            self.assertIn("¿me das un abrazo?".encode(), terminal.seen)
            terminal.write(b"/bye\n")
            self.assertEqual(terminal.end(), 0)

    def test_a_hint_displaces_nothing_and_stands_in_nobodys_way(self):
        sarai = self.serve({"solar": local("solar"), "lfm2": local("lfm2")}, extra="routing: {hard: solar, soft: lfm2}\n",
                           memory="max_ram: 2GiB, max_concurrent_llms: 1, policy: lru")
        hint = lambda text: sarai.request("POST", "/sarai/hint", {"text": text}).json
        self.assertTrue(hint(SOFT[0])["loading"])
        wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "the hint to load lfm2")
        time.sleep(1)  # who changes his mind twice a second is not followed
        refused = hint(HARD[0])
        self.assertEqual((refused["model"], refused["loading"]), ("solar", False))
        self.assertIn("places are taken", refused["reason"])
        self.assertEqual(sarai.row("lfm2")["state"], "ready")
        # A request is another matter.
        self.assertEqual(sarai.chat("solar", max_tokens=4).status, 200)

    def test_what_was_only_hinted_makes_room_also_under_never_unload(self):
        sarai = self.serve({"solar": local("solar"), "lfm2": local("lfm2")}, extra="routing: {hard: solar, soft: lfm2}\n",
                           memory="max_ram: 2GiB, max_concurrent_llms: 1, policy: never_unload")
        sarai.request("POST", "/sarai/hint", {"text": SOFT[0]})
        wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "the hint to load lfm2")
        self.assertEqual(sarai.chat("solar", max_tokens=4).status, 200)
        # Now solar was used, and stays.
        self.assertEqual(sarai.chat("lfm2", max_tokens=4).status, 503)


class Configured(Case):
    def test_without_a_section_it_finds_its_models(self):
        with_server = self.serve({"big": local("solar"), "box": ollama("http://127.0.0.1:9", "x", f"fallback: gguf_native, path: '{MODELS}/solar.gguf'"),
                                  "small": local("lfm2")})
        models = {m["id"]: m for m in with_server.request("GET", "/v1/models").json["data"]}
        self.assertEqual(models["auto"]["sarai"]["routes"]["hard"], "box")
        reply = with_server.chat("auto", HARD[0], max_tokens=4)
        self.assertEqual((reply.status, reply.headers["x-sarai-model"], reply.headers["x-sarai-endpoint"]), (200, "box", "local"))
        self.assertRegex(reply.headers["x-sarai-reason"], "^box for hard: .*; local fallback, because ")

    def test_one_model_answers_everything(self):
        sarai = self.serve({"only": local("lfm2")})
        for prompt in (HARD[0], SOFT[0], WEB[0]):
            self.assertEqual(sarai.chat("auto", prompt, max_tokens=4).headers["x-sarai-model"], "only")

    def test_switched_off_it_is_not_there(self):
        sarai = self.serve({"lfm2": local("lfm2")}, extra="routing: {enabled: false}\n")
        self.assertEqual(sarai.chat("auto").status, 404)
        self.assertEqual(sarai.request("POST", "/sarai/route", {"text": "x"}).status, 404)
        self.assertEqual([m["id"] for m in sarai.request("GET", "/v1/models").json["data"]], ["lfm2"])

    def test_rules_come_first_and_change_with_a_reload(self):
        sarai = self.serve({"solar": local("solar"), "lfm2": local("lfm2")},
                           extra="routing: {hard: solar, soft: lfm2, rules: [{language: es, model: lfm2}]}\n")
        route = lambda text: sarai.request("POST", "/sarai/route", {"text": text}).json
        self.assertEqual((route(HARD[1])["model"], route(HARD[1])["route"]), ("lfm2", "rule"))
        self.assertEqual(route(HARD[0])["route"], "hard")
        sarai.extra = "routing: {hard: lfm2, soft: lfm2}\n"
        sarai.write_config()
        # The file has the port that the system chose; the running server keeps it either way.
        self.assertEqual(sarai.request("POST", "/sarai/reload", {}).status, 200)
        self.assertEqual((route(HARD[1])["model"], route(HARD[1])["route"]), ("lfm2", "hard"))


if __name__ == "__main__":
    unittest.main()
