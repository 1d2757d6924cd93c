"""Answers from documents and from the web: searched, cited, and honest about what could not be looked up. Real workers."""
import base64
import contextlib
import http.client
import json
import math
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import struct
import tempfile
import time

from harness import MODELS, SANITIZED, Case, Sarai, children_of, local, main, name_of, wait_until
from searxng import Web
from silent_postgres import SilentPostgres

# Passages and an answer: more than the usual 512 tokens of tests.
CHAT = f"backend: gguf_native, path: '{MODELS}/lfm2.gguf', context_length: 4096, threads: 1"
EMBED = local("embed", "kind: embedding, preload: true")
BOILER = "# House\n\n## Heating\n\nThe boiler is serviced every October by Ana Ruiz.\n\n## Water\n\nThe main tap is under the stairs.\n"


def user(text):
    return [{"role": "user", "content": text}]


def text_of(chunks):
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c.get("choices"))


class Asking(Case):
    def ask(self, sarai, model, text, headers=None, status=200, **more):
        reply = sarai.request("POST", "/v1/chat/completions", {"model": model, "messages": user(text), "max_tokens": 8, **more}, headers or {})
        self.assertEqual(reply.status, status, reply.body)
        return reply


class Documents(Asking):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sarai = Sarai({"lfm2": CHAT, "embed": EMBED}, extra="knowledge: {store: kb}").start()

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()
        super().tearDownClass()

    def kb(self, method, path, body=None, status=200):
        reply = self.sarai.request(method, "/sarai/kb" + path, body)
        self.assertEqual(reply.status, status, reply.body)
        return reply.json

    def test_the_life_of_a_collection_over_http(self):
        added = self.kb("POST", "/life/documents", {"name": "house.md", "text": BOILER})
        self.assertEqual((added["path"], added["format"], added["unchanged"]), ("house.md", "markdown", False), added)
        self.assertGreaterEqual(added["chunks"], 1)
        self.assertTrue(self.kb("POST", "/life/documents", {"name": "house.md", "text": BOILER})["unchanged"])
        html = base64.b64encode("<title>Router</title><p>The wifi password hangs in the kitchen.</p>".encode()).decode()
        self.assertEqual(self.kb("POST", "/life/documents", {"name": "page.html", "data": html})["title"], "Router")
        row = [c for c in self.kb("GET", "")["collections"] if c["name"] == "life"][0]
        self.assertEqual((row["documents"], row["model"]), (2, "embed"))
        self.assertEqual([d["path"] for d in self.kb("GET", "/life")["list"]], ["house.md", "page.html"])
        for words_only in (False, True):
            found = self.kb("POST", "/search", {"collection": "life", "query": "Who services the boiler?", "words_only": words_only})["results"]
            self.assertIn("Ana Ruiz", found[0]["text"])
            self.assertRegex(found[0]["citation"], r"^house\.md:\d+-\d+$")
        self.kb("DELETE", "/life?document=page.html")
        self.kb("DELETE", "/life?document=page.html", status=404)
        self.assertEqual([d["path"] for d in self.kb("GET", "/life")["list"]], ["house.md"])
        self.kb("DELETE", "/life")
        self.assertEqual(self.kb("GET", "/life", status=404)["error"]["param"], "collection")

    def test_the_command_line_and_the_server_share_a_store(self):
        notes = self.sarai.folder / "shared.md"
        notes.write_text("The spare key hangs behind the blue door.\n")
        added = self.sarai.cli("kb", "add", notes, "--collection", "a few", "--config", self.sarai.config, "--url", self.sarai.url)
        self.assertEqual(added.returncode, 0, added.stderr)
        found = self.kb("POST", "/search", {"collection": "a few", "query": "spare key"})["results"]
        self.assertIn("blue door", found[0]["text"])
        self.assertEqual(self.kb("GET", "/a%20few")["documents"], 1)

    def test_what_is_wrong_is_said(self):
        for path, body, status, words in [
                ("/search", {"query": ""}, 400, "'query'"), ("/search", {"query": "x", "limit": 0}, 400, "'limit' is 0"),
                ("/search", {"query": "x", "collection": "nope"}, 404, "nope"), ("/a/documents", {"text": "x"}, 400, "'name' is missing"),
                ("/a/documents", {"name": "x.md"}, 400, "'text' is missing"), ("/a/documents", {"name": "x.md", "text": ""}, 400, "empty"),
                ("/a/documents", {"name": "x.md", "text": "a", "data": "YQ=="}, 400, "one of them"),
                ("/a/documents", {"name": "x.md", "data": "*"}, 400, "'data'"), ("/a/documents", {"name": "x.png", "text": "a"}, 400, "'name'"),
                ("/a/documents", {"name": "x.pdf", "data": base64.b64encode(b"%PDF-1.4 broken").decode()}, 400, "cannot be read"),
                ("/a%zz/documents", {"name": "x.md", "text": "a"}, 400, "percent-encoded"), ("/" + "a" * 200 + "/documents", {"name": "x.md", "text": "a"}, 400, "128 bytes"),
                ("/a", {"name": "x.md", "text": "a"}, 404, "/documents")]:
            with self.subTest(path=path, body=body):
                reply = self.sarai.request("POST", "/sarai/kb" + path, body)
                self.assertEqual(reply.status, status, reply.body)
                self.assertIn(words, reply.json["error"]["message"])
        self.assertNotIn("a", [c["name"] for c in self.kb("GET", "")["collections"]])

    def test_a_document_whose_tokens_are_short_is_taken_in_smaller_pieces(self):
        dense = base64.b64encode(random.Random(1).randbytes(3000)).decode()
        added = self.kb("POST", "/dense/documents", {"name": "b.json", "text": dense})
        self.assertGreater(added["chunks"], 4000 // 1050, added)
        self.assertEqual(self.kb("GET", "/dense")["chunks"], added["chunks"])

    def test_a_long_question_is_cut_to_what_the_model_takes(self):
        self.kb("POST", "/long/documents", {"name": "house.md", "text": BOILER})
        found = self.kb("POST", "/search", {"collection": "long", "query": "Who services the boiler? " + "Filler words. " * 800})
        self.assertIn("Ana Ruiz", found["results"][0]["text"])
        self.assertNotIn("note", found)
        reply = self.ask(self.sarai, "ask-documents", "Who services the boiler? " + "Filler words. " * 150, pipeline={"collection": "long"})
        self.assertEqual(reply.json["sarai_pipeline"]["citations"][0]["path"], "house.md")

    def test_without_the_embedding_model_words_find_it_and_that_is_said(self):
        with_model = self.serve({"embed": EMBED}, extra="knowledge: {store: kb}")
        self.assertEqual(with_model.request("POST", "/sarai/kb/default/documents", {"name": "house.md", "text": BOILER}).status, 200)
        with_model.kill(signal.SIGTERM)
        without = self.serve({"lfm2": CHAT}, extra=f"knowledge: {{store: '{with_model.folder}/kb'}}")
        reply = without.request("POST", "/sarai/kb/search", {"query": "boiler"})
        self.assertEqual(reply.status, 200, reply.body)
        self.assertIn("Ana Ruiz", reply.json["results"][0]["text"])
        self.assertEqual(reply.json["note"], "Searched by words alone: the embedding model 'embed' is not configured.")
        self.assertIn("is searched by words alone: its embedding model is not configured; expected models.embed with kind: embedding", without.log())
        reply = self.ask(without, "ask-documents", "Who services the boiler?")
        self.assertIn("(Searched by words alone: the collection's embedding model is not configured.)", reply.json["choices"][0]["message"]["content"])
        self.assertEqual(reply.json["sarai_pipeline"]["citations"][0]["path"], "house.md")

    def test_vectors_in_memory_are_counted_and_where_they_find_no_room_words_find_it(self):
        first = self.serve({"embed": EMBED}, extra="knowledge: {store: kb}")
        self.assertEqual(first.request("POST", "/sarai/kb/default/documents", {"name": "house.md", "text": BOILER}).status, 200)
        usual = first.status()["ledger"]["reserved_bytes"]
        first.kill(signal.SIGTERM)
        with contextlib.closing(sqlite3.connect(first.folder / "kb/knowledge.db")) as db, db:
            dimension, = db.execute("SELECT dimension FROM collections").fetchone()
            for _ in range((1 << 20) // (4 * dimension + 512) + 100):  # more than a MiB
                numbers = [random.gauss(0, 1) for _ in range(dimension)]
                length = math.hypot(*numbers)
                db.execute('INSERT INTO chunks (collection, document, heading, begin, "end", first, last, text, vector) SELECT collection, document, heading,'
                           ' begin, "end", first, last, text, ? FROM chunks LIMIT 1', (struct.pack(f"<{dimension}f", *(x / length for x in numbers)),))
            db.execute("UPDATE documents SET chunks = (SELECT count(*) FROM chunks)")
            db.execute("UPDATE collections SET generation = generation + 1")
        extra = f"knowledge: {{store: '{first.folder}/kb'}}"
        tight = self.serve({"embed": EMBED}, extra=extra, memory=f"max_ram: {(usual >> 20) + 4}MiB")
        found = tight.request("POST", "/sarai/kb/search", {"query": "boiler"}).json
        self.assertEqual(found["note"], "Searched by words alone: there is no memory for the collection's vectors.")
        self.assertIn("Ana Ruiz", found["results"][0]["text"])
        self.assertRegex(tight.log(), r"no memory for the vectors of collection 'default': it needs up to 8.0 MiB .* set memory.max_ram to")
        self.assertLess(tight.status()["ledger"]["reserved_bytes"], usual + (1 << 20))
        pdf = tight.request("POST", "/sarai/kb/default/documents", {"name": "x.pdf", "data": base64.b64encode(b"%PDF-1.4 broken").decode()})
        self.assertEqual(pdf.status, 503, pdf.body)
        self.assertIn("no memory for reading 'x.pdf': it needs up to 128 MiB", pdf.json["error"]["message"])
        tight.kill(signal.SIGTERM)
        if SANITIZED:  # whose own memory grows by more than vectors take
            return
        # What lfm2 takes as well, and nothing for vectors.
        chatty = self.serve({"lfm2": CHAT.replace("4096", "512"), "embed": EMBED}, extra=extra, memory=f"max_ram: {(usual >> 20) + 35}MiB")
        reply = self.ask(chatty, "ask-documents", "boiler")
        self.assertIn("(Searched by words alone: there is no memory for the collection's vectors.)", reply.json["choices"][0]["message"]["content"])
        chatty.kill(signal.SIGTERM)
        roomy = self.serve({"lfm2": CHAT, "embed": EMBED}, extra=extra + "\npipelines: {rewritten: {steps: [{name: words, model: lfm2, prompt: x, max_tokens: 4}, "
                           "{name: docs, knowledge: default, query: 'boiler {{ steps.words }}'}, {name: answer, model: lfm2, prompt: '{{ steps.docs }}', max_tokens: 4}]}}")
        reserved = lambda: roomy.status()["ledger"]["reserved_bytes"]
        ask = lambda: self.ask(roomy, "ask-documents", "Who services the boiler?").json["sarai_pipeline"]
        proven = ask()["proven_peak_bytes"]
        self.assertEqual(ask()["proven_peak_bytes"], proven, "counted before the first search as after it")
        self.assertEqual(reserved(), proven)
        rewritten = self.ask(roomy, "rewritten", "Who?").json["sarai_pipeline"]
        self.assertEqual([s["name"] for s in rewritten["steps"]], ["words", "docs"], "what is looked for, an earlier step has said")
        self.assertEqual(rewritten["citations"][0]["path"], "house.md")
        removed = roomy.cli("kb", "remove", "--store", f"{first.folder}/kb")
        self.assertEqual(removed.returncode, 0, removed.stderr)
        self.assertEqual(roomy.request("POST", "/sarai/kb/search", {"query": "boiler"}).status, 404)
        self.assertEqual(reserved(), proven - (8 << 20), "though another program removed it")

    def test_without_documents_and_a_model_that_could_take_any_it_says_what_to_configure(self):
        bare = self.serve({"lfm2": CHAT}, extra="knowledge: {store: kb}")
        reply = self.ask(bare, "ask-documents", "Who services the boiler?", status=400)
        self.assertIn("step 'found' of pipeline 'ask-documents': there is no collection 'default', and no embedding model", reply.json["error"]["message"])
        self.assertIn("Configure a model with kind: embedding (models.NAME.kind)", reply.json["error"]["message"])

    def test_an_answer_cites_file_and_line(self):
        self.kb("POST", "/default/documents", {"name": "house.md", "text": BOILER})
        reply = self.ask(self.sarai, "ask-documents", "Who services the boiler?")
        about = reply.json["sarai_pipeline"]
        first = about["citations"][0]
        self.assertEqual((first["number"], first["kind"], first["path"], first["collection"]), (1, "document", "house.md", "default"))
        self.assertRegex(first["citation"], r"^house\.md:\d+-\d+$")
        self.assertLessEqual(first["first_line"], first["last_line"])
        self.assertEqual(about["steps"][0]["passages"], len(about["citations"]))
        self.assertIn("found of default, answer by lfm2", reply.headers["x-sarai-reason"])
        self.assertIn("- [1] house.md:", reply.json["choices"][0]["message"]["content"])
        chunks = self.sarai.stream("/v1/chat/completions", {"model": "ask-documents", "messages": user("boiler?"), "max_tokens": 8, "stream": True},
                                   {"x-sarai-steps": "show"})
        thoughts = "".join(c["choices"][0]["delta"].get("reasoning_content") or "" for c in chunks if c.get("choices"))
        self.assertTrue(thoughts.startswith("[found] [1] house.md:"), thoughts)
        self.assertIn("Ana Ruiz", thoughts)
        self.assertRegex(text_of(chunks), r"\n- \[1\] house\.md:\d+-\d+")
        ends = [c for c in chunks if c.get("choices") and c["choices"][0].get("finish_reason")]
        self.assertEqual(len(ends), 1)
        self.assertFalse(ends[0]["choices"][0]["delta"].get("content"), "the closing comes before the end")

    def test_what_will_be_parsed_gets_nothing_around_it(self):
        self.kb("POST", "/default/documents", {"name": "house.md", "text": BOILER})
        reply = self.ask(self.sarai, "ask-documents", "boiler", response_format={"type": "json_object"}, max_tokens=64)
        self.assertNotIn("house.md", reply.json["choices"][0]["message"]["content"])
        self.assertTrue(reply.json["sarai_pipeline"]["citations"])

    def test_the_other_apis_cite_as_well(self):
        self.kb("POST", "/default/documents", {"name": "house.md", "text": BOILER})
        chat = self.sarai.request("POST", "/api/chat", {"model": "ask-documents", "messages": user("boiler"), "stream": False, "options": {"num_predict": 4}})
        self.assertIn("[1] house.md:", chat.json["message"]["content"], chat.body)
        message = self.sarai.request("POST", "/v1/messages", {"model": "ask-documents", "messages": user("boiler"), "max_tokens": 4})
        self.assertIn("[1] house.md:", "".join(b.get("text", "") for b in message.json["content"]), message.body)
        response = self.sarai.request("POST", "/v1/responses", {"model": "ask-documents", "input": "boiler", "max_output_tokens": 4})
        self.assertIn("[1] house.md:", json.dumps(response.json["output"]), response.body)

    def test_a_collection_that_is_not_there_is_named(self):
        reply = self.ask(self.sarai, "ask-documents", "x", status=404, pipeline={"collection": "nowhere"})
        self.assertIn("step 'found' of pipeline 'ask-documents'", reply.json["error"]["message"])
        self.assertIn("nowhere", reply.json["error"]["message"])


class Hanging(Asking):
    """What does not answer holds up neither others nor the end."""

    def ask_aside(self, sarai, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", sarai.port, timeout=60)
        self.addCleanup(connection.close)
        connection.request(method, path, body and json.dumps(body))
        return connection

    def ends_soon(self, sarai):
        begun = time.monotonic()
        sarai.process.terminate()
        self.assertEqual(sarai.process.wait(30), 0, sarai.log())
        self.assertLess(time.monotonic() - begun, 12, "drain_timeout is 2 s")

    def test_a_database_that_is_silent(self):
        database = SilentPostgres()
        self.addCleanup(database.close)
        sarai = self.serve({"embed": EMBED}, extra=f"knowledge: {{store: '{database.address}'}}")
        self.ask_aside(sarai, "GET", "/sarai/kb")
        self.ask_aside(sarai, "POST", "/sarai/kb/search", {"query": "x"})
        self.assertTrue(database.begun.wait(20))
        self.assertEqual(sarai.request("GET", "/health").status, 200)
        self.ends_soon(sarai)

    def test_who_leaves_gives_up_what_a_silent_database_was_asked(self):
        for method, path in (("GET", "/sarai/kb"), ("GET", "/sarai/kb/default"), ("DELETE", "/sarai/kb/default"), ("DELETE", "/sarai/kb/default?document=a.md")):
            with self.subTest(method=method, path=path):
                database = SilentPostgres()
                self.addCleanup(database.close)
                sarai = self.serve({"embed": EMBED}, extra=f"knowledge: {{store: '{database.address}'}}")
                client = self.ask_aside(sarai, method, path)
                self.assertTrue(database.begun.wait(20))
                client.close()
                self.assertTrue(database.left.wait(20), "the database is still asked for nobody")

    def slow_reader(self):
        """A pdftotext that sleeps."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="sarai-test-"))
        self.addCleanup(shutil.rmtree, folder)
        (folder / "pdftotext").write_text("#!/bin/sh\nexec sleep 50\n")
        (folder / "pdftotext").chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}"}

    def readers(self, sarai):
        return [child for child in children_of(sarai.process.pid) if name_of(child) == "sleep"]

    def test_a_pdf_that_takes_long(self):
        sarai = self.serve({"embed": EMBED}, extra="knowledge: {store: kb}", environment=self.slow_reader())
        self.assertEqual(sarai.request("POST", "/sarai/kb/default/documents", {"name": "house.md", "text": BOILER}).status, 200)
        slow = {"name": "a.pdf", "data": base64.b64encode(b"%PDF-1.4 slow").decode()}
        client = self.ask_aside(sarai, "POST", "/sarai/kb/default/documents", slow)
        wait_until(lambda: self.readers(sarai), "the reader")
        found = sarai.request("POST", "/sarai/kb/search", {"query": "boiler", "words_only": True}, timeout=20)
        self.assertIn("Ana Ruiz", found.json["results"][0]["text"])
        client.close()
        wait_until(lambda: not self.readers(sarai), "the reader's end, as its client has left")
        self.ask_aside(sarai, "POST", "/sarai/kb/default/documents", slow)
        wait_until(lambda: self.readers(sarai), "the reader")
        self.ends_soon(sarai)


class TheWeb(Asking):
    def setUp(self):
        super().setUp()
        self.web = Web()
        self.addCleanup(self.web.close)

    def start(self, web="", media="media: {allow: [127.0.0.1]}\n"):
        sarai = Sarai({"lfm2": CHAT}, extra=f"web: {{url: '{self.web.url}'{web}}}\n{media}").start()
        self.addCleanup(sarai.close)
        return sarai

    def search(self, sarai, text="Who opened the bridge?", **more):
        return self.ask(sarai, "web-search", text, **more).json

    def test_pages_are_read_and_cited(self):
        url = self.web.page("/bridge", "<script>evil()</script><p>" + "Filler words here. " * 400 + "</p><h2>History</h2><p>The bridge was opened by Ramona in 1932.</p>", "The bridge")
        self.web.found((url, "Bridge", "a snippet"), (self.web.url + "/gone", "Gone", "what the engine quotes"))
        sarai = self.start(", api_key: geheim")
        shown = self.search(sarai, headers={"x-sarai-steps": "show"})
        about = shown["sarai_pipeline"]
        self.assertEqual([(c["number"], c["url"], c["read"]) for c in about["citations"]], [(1, url, True), (2, self.web.url + "/gone", False)])
        self.assertEqual((about["steps"][0]["passages"], about["steps"][0]["pages_read"]), (2, 1))
        self.assertNotIn("notes", about)
        thoughts = shown["choices"][0]["message"]["reasoning_content"]
        self.assertIn("opened by Ramona", thoughts)
        self.assertIn("what the engine quotes", thoughts)
        self.assertNotIn("evil", thoughts)
        self.assertIn(f"- [1] {url} (Bridge)", shown["choices"][0]["message"]["content"])
        self.assertEqual(self.web.queries[0], {"q": "Who opened the bridge?", "format": "json", "language": "en"})
        self.assertEqual(self.web.keys[0], "Bearer geheim")

    def test_results_are_kept_for_a_while_and_not_where_they_are_about_now(self):
        self.web.found((self.web.page("/a", "text"), "A", "a"))
        sarai = self.start(", ttl_fresh: 0s")
        for text, asked in [("Who was Ada?", 1), ("who  WAS ada?", 1), ("Who was Ida?", 2), ("latest news", 3), ("latest news", 4)]:
            self.search(sarai, text)
            self.assertEqual(len(self.web.queries), asked, text)
        self.assertEqual(self.web.fetched.count("/a"), 3, "pages as well: for Ada, and for the news twice")

    def test_without_a_search_engine_it_says_so(self):
        sarai = Sarai({"lfm2": CHAT}).start()
        self.addCleanup(sarai.close)
        self.assertNotIn("web-search", [m["id"] for m in sarai.request("GET", "/v1/models").json["data"]])
        for text, words in [("Who opened the bridge?", "(Answered without the web: no search engine is configured.)\n\n"),
                            ("¿Quién inauguró el puente nuevo de la ciudad?", "(Contestado sin consultar la web: no hay ningún buscador configurado.)\n\n")]:
            whole = self.search(sarai, text)
            self.assertTrue(whole["choices"][0]["message"]["content"].startswith(words), whole)
            self.assertEqual(whole["sarai_pipeline"]["notes"] + " ", words.strip("(\n").replace(")", " "))
            chunks = sarai.stream("/v1/chat/completions", {"model": "web-search", "messages": user(text), "max_tokens": 8, "stream": True})
            self.assertTrue(text_of(chunks).startswith(words), text_of(chunks))

    def test_a_search_engine_that_fails_costs_no_answer(self):
        sarai = self.start(", timeout: 3s")
        for change in [{"status": 500}, {"status": 403}, {"raw": b"<html>"}, {"delay": 8}]:
            with self.subTest(change=change):
                self.web.status, self.web.raw, self.web.delay = 200, None, 0
                for name, value in change.items():
                    setattr(self.web, name, value)
                whole = self.search(sarai)
                self.assertTrue(whole["choices"][0]["message"]["content"].startswith("(Answered without the web: the search engine did not answer.)"))
        self.assertIn("search.formats", sarai.log())
        self.web.status, self.web.raw, self.web.delay = 200, None, 0
        self.assertIn("found nothing", self.search(sarai)["sarai_pipeline"]["notes"])

    def test_slow_pages_are_not_waited_for(self):
        self.web.found((self.web.page("/slow", "text"), "Slow", "quoted by the engine"))
        self.web.page_delay = 10
        about = self.search(self.start(", timeout: 3s"), "Who was it?", headers={"x-sarai-steps": "show"})["sarai_pipeline"]
        self.assertEqual([(c["read"], c["title"]) for c in about["citations"]], [(False, "Slow")])

    def test_results_cannot_lead_into_the_private_network(self):
        inside = self.web.page("/secret", "the secret word is xyzzy")
        self.web.pages["/redirect"] = ("redirect", "http://169.254.169.254/latest/meta-data/")
        self.web.found((inside, "Inside", "quoted"))
        shown = self.search(self.start(media=""), headers={"x-sarai-steps": "show"})
        self.assertNotIn("xyzzy", json.dumps(shown))
        self.assertEqual(self.web.fetched, [])
        self.web.found((self.web.url + "/redirect", "Redirect", "quoted"))
        shown = self.search(self.start(), headers={"x-sarai-steps": "show"})
        self.assertEqual([c["read"] for c in shown["sarai_pipeline"]["citations"]], [False])
        self.assertEqual(self.web.fetched, ["/redirect"])

    def test_auto_sends_what_only_the_web_knows_there(self):
        self.web.found((self.web.page("/a", "text"), "A", "a"))
        sarai = self.start()
        reply = self.ask(sarai, "auto", "What is the latest news about the election results today?")
        self.assertEqual(reply.headers["x-sarai-route"], "web_query", reply.headers)
        self.assertEqual(reply.headers["x-sarai-pipeline"], "web-search")
        self.assertEqual(len(self.web.queries), 1)

    def test_the_audit_log_has_everything_and_shows_changes(self):
        url = self.web.page("/a", "text")
        self.web.found((url, "A", "a"))
        sarai = self.start(", audit_log: audit/web.jsonl")
        log = sarai.folder / "audit" / "web.jsonl"
        self.search(sarai, "Who was Ada?")
        self.search(sarai, "Who was Ada?")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertEqual([(l["n"], l["event"]) for l in lines], [(1, "search"), (2, "page"), (3, "page_read"), (4, "search")])
        self.assertEqual((lines[0]["query"], lines[1]["url"], lines[2]["outcome"], lines[3]["cached"]), ("Who was Ada?", url, "read", True))
        whole = sarai.cli("web", "verify", "--config", sarai.config, "--json")
        self.assertEqual(whole.returncode, 0, whole.stderr)
        self.assertEqual((json.loads(whole.stdout)["whole"], json.loads(whole.stdout)["lines"]), (True, 4))
        log.write_text(log.read_text().replace("Who was Ada?", "Who was Eve?", 1))
        broken = sarai.cli("web", "verify", log)
        self.assertEqual(broken.returncode, 1)
        self.assertIn("broken at line 2", broken.stdout)

    def test_the_audit_log_follows_its_path_and_its_name(self):
        self.web.found((self.web.page("/slow", "text"), "A", "a"))
        self.web.page_delay = 5
        sarai = self.start(", audit_log: audit/web.jsonl, timeout: 2s")
        log = sarai.folder / "audit" / "web.jsonl"
        self.search(sarai, "Who was Ada?")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertEqual([l["event"] for l in lines], ["search", "page"], "a page that did not come in time was asked for")
        log.rename(log.with_suffix(".1"))
        self.search(sarai, "Who was Bob?")
        self.assertEqual(json.loads(log.read_text().splitlines()[0])["n"], 1)
        notes = sarai.folder / "notes.txt"
        notes.write_text("milk\nbread\n")
        sarai.config.write_text(sarai.config.read_text().replace("audit/web.jsonl", "notes.txt"))
        self.assertEqual(sarai.request("POST", "/sarai/reload").status, 200)
        reply = self.ask(sarai, "web-search", "Who was Eve?", status=500)
        self.assertIn("no audit log", reply.json["error"]["message"])
        self.assertEqual(notes.read_text(), "milk\nbread\n")

    def test_titles_and_addresses_of_strangers_are_text(self):
        self.web.found((self.web.page("/a", "text"), "![t](https://tracker.example/p.png) \x1b]0;pwned\x07", "a"),
                       ("http://127.0.0.1:1/\n\n# Owned", "B", "b"))
        reply = self.ask(self.start(), "web-search", "Who was Ada?")
        answer = reply.json["choices"][0]["message"]["content"]
        self.assertIn(r"!\[t\](https", answer)
        for trace in ("Owned", "\x1b", "\x07"):
            self.assertNotIn(trace, reply.body.decode() if isinstance(reply.body, bytes) else reply.body)

    def test_where_everything_is_to_be_logged_nothing_is_searched_without_the_log(self):
        self.web.found((self.web.page("/a", "text"), "A", "a"))
        sarai = self.start(", audit_log: /proc/no/such/place.jsonl")
        reply = self.ask(sarai, "web-search", "Who was Ada?", status=500)
        self.assertIn("audit log", reply.json["error"]["message"])
        self.assertEqual(self.web.queries, [])


if __name__ == "__main__":
    main()
