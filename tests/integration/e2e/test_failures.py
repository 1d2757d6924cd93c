"""What goes wrong gets its own clear error, within its time, and the next good request succeeds."""
import http.client
import json
import os
import pathlib
import signal
import socket
import threading
import time

from harness import MODELS, Case, FakeUpstream, Sarai, alive, free_port, local, long, main, ollama, wait_until


class Files(Case):
    def setUp(self):
        whole = (MODELS / "lfm2.gguf").read_bytes()
        self.sarai = Sarai({"good": local("lfm2")})
        self.addCleanup(self.sarai.close)
        folder = self.sarai.folder
        (folder / "truncated.gguf").write_bytes(whole[: len(whole) * 2 // 3])
        (folder / "empty.gguf").write_bytes(b"")
        (folder / "garbage.gguf").write_bytes(os.urandom(4096))
        (folder / "strange.gguf").write_bytes(whole.replace(b"lfm2", b"zzz2"))
        (folder / "binary.gguf").write_bytes(whole.replace(b"lfm2", b"\xff\xfem2"))
        for name in ("truncated", "empty", "garbage", "strange", "binary", "missing"):
            self.sarai.models[name] = f"backend: gguf_native, path: '{folder}/{name}.gguf', context_length: 256"
        self.sarai.models["projector"] = f"backend: gguf_native, path: '{MODELS}/omni-mmproj.gguf', context_length: 256"
        self.sarai.models["chatty"] = local("lfm2", "kind: embedding")
        self.sarai.models["embedder"] = f"backend: gguf_native, path: '{MODELS}/embed.gguf', context_length: 256"
        self.sarai.start()

    def test_each_bad_file_is_told_apart_and_a_good_one_still_works(self):
        said = {}
        for name, words in {"truncated": ["truncated.gguf"], "empty": ["empty.gguf"], "garbage": ["garbage.gguf"],
                            "strange": ["does not know this architecture", "zzz2"],
                            "binary": ["does not know this architecture", "\ufffd\ufffdm2"], "missing": ["missing.gguf"], "projector": ["omni-mmproj.gguf", "mmproj"],
                            "embedder": ["embed.gguf makes vectors and no text (architecture gemma-embedding)", "kind: embedding"]}.items():
            reply = self.sarai.chat(name)
            self.assertEqual(reply.status, 503, (name, reply.body))
            error = reply.json["error"]
            for word in words:
                self.assertIn(word, error["message"], name)
            said[name] = error["message"]
            self.assertEqual(self.sarai.chat("good").status, 200, f"after {name}")
        reply = self.sarai.request("POST", "/v1/embeddings", {"model": "chatty", "input": "x"})
        self.assertEqual(reply.status, 503, reply.body)
        self.assertIn("makes text and no vectors: it has no lfm2.pooling_type", reply.json["error"]["message"])
        self.assertEqual(len(set(said.values())), len(said), said)
        self.assertEqual(self.sarai.cli("ps").returncode, 0)


    def test_who_asks_a_model_that_generates_for_vectors_is_told_what_it_is(self):
        reply = self.sarai.request("POST", "/v1/embeddings", {"model": "good", "input": "x"})
        self.assertEqual(reply.status, 400, reply.body)
        self.assertIn("model 'good' is of kind chat", reply.json["error"]["message"])


class Ports(Case):
    def test_a_port_in_use_is_named_with_its_owner(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            late = Sarai({"lfm2": local("lfm2")}, port=port)
            self.addCleanup(late.close)
            late.start(wait=False)
            self.assertEqual(late.process.wait(20), 1)
            self.assertIn(f"port {port} of 127.0.0.1 is taken by process {os.getpid()}", late.log())


    def test_a_file_that_is_not_there_is_told_before_places_that_are_taken(self):
        sarai = self.serve({"lfm2": local("lfm2", "preload: true"), "gone": "backend: gguf_native, path: gone.gguf, preload: true"},
                           memory="max_ram: 2GiB, max_concurrent_llms: 1")
        wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "lfm2")
        done = sarai.cli("run", "gone", "hi")
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no file", done.stderr)
        self.assertNotIn("loaded already", done.stderr)
        self.assertRegex(sarai.cli("ps").stdout, r"gone +gguf_native +unloaded, its load failed")
        row = [row for row in json.loads(sarai.cli("ps", "--json").stdout) if row["name"] == "gone"][0]
        self.assertTrue(row["last_error"], row)
        self.assertNotIn("nothing was decided", sarai.cli("why", "gone").stdout)
        self.assertIn("Did you mean lfm2?", sarai.cli("run", "lmf2", "hi").stderr)

    def test_who_waits_when_the_server_ends_is_told(self):
        sarai = Sarai({"lfm2": local("lfm2")})
        self.addCleanup(sarai.close)
        program = sarai.folder / "slow-server"
        program.write_text("#!/bin/sh\nexec sleep 60\n")
        program.chmod(0o755)
        sarai.engine = f", server_binary: '{program}'"
        sarai.drain = "300ms"
        sarai.start()
        replies = []
        def ask(path, body):
            replies.append(sarai.request("POST", path, body))
        chat = {"model": "lfm2", "messages": [{"role": "user", "content": "x"}], "max_tokens": 4}
        clients = [threading.Thread(target=ask, args=arguments) for arguments in (
            ("/v1/chat/completions", chat), ("/v1/chat/completions", chat | {"stream": True}), ("/api/chat", chat), ("/v1/messages", chat),
            ("/sarai/load", {"model": "lfm2"}))]
        for client in clients:
            client.start()
        wait_until(lambda: sarai.row("lfm2").get("waiting", 0) == 5, "all to wait")
        sarai.process.terminate()
        for client in clients:
            client.join(20)
        self.assertEqual(sarai.process.wait(20), 0)
        self.assertEqual([reply.status for reply in replies], [503] * 5, [reply.body for reply in replies])
        for reply in replies:
            self.assertIn("sarai is shutting down", str(reply.json))


    def test_a_stream_that_the_end_of_the_server_cuts_says_so_in_every_api(self):
        with FakeUpstream("openai", tokens=5000, token_delay_ms=20) as box:
            sarai = Sarai({"far": f"backend: openai_http, endpoints: [{{url: '{box.url}/v1'}}], model: fake"})
            self.addCleanup(sarai.close)
            sarai.drain = "300ms"
            sarai.start()
            body = {"model": "far", "messages": [{"role": "user", "content": "x"}], "max_tokens": 5000, "stream": True}
            ends, begun = {}, threading.Semaphore(0)
            def ask(path):
                connection = http.client.HTTPConnection("127.0.0.1", sarai.port, timeout=30)
                self.addCleanup(connection.close)
                connection.request("POST", path, json.dumps(body))
                reply = connection.getresponse()
                reply.readline()
                begun.release()
                ends[path] = reply.read()
            clients = [threading.Thread(target=ask, args=(path,)) for path in ("/v1/chat/completions", "/v1/messages", "/api/chat")]
            for client in clients:
                client.start()
            for _ in clients:
                self.assertTrue(begun.acquire(timeout=20), "all to be answered")
            sarai.process.terminate()
            for client in clients:
                client.join(20)
            self.assertEqual(sarai.process.wait(20), 0)
            for path, answer in ends.items():
                last = [line for line in answer.split(b"\n") if line][-1]
                self.assertIn(b"sarai is shutting down", last, path)
                self.assertIn(b'"error"', last, path)
                self.assertNotIn(b"[DONE]", answer)


class Workers(Case):
    def test_a_worker_killed_in_mid_stream_ends_in_an_error_event_and_the_next_request_is_answered(self):
        sarai = self.serve({"lfm2": long("lfm2", "preload: true")})
        wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "lfm2")
        # Where nobody may go on with it: test_failover.py has the rest.
        connection, reply = sarai.open_stream("lfm2", max_tokens=100000, headers={"x-sarai-failover": "off"})
        self.addCleanup(connection.close)
        first = reply.readline()
        self.assertTrue(first.startswith(b"data: "), first)
        os.kill(sarai.row("lfm2")["pid"], signal.SIGKILL)
        events = [line[6:] for line in reply.read().split(b"\n") if line.startswith(b"data: ")]
        self.assertIn(b'"error"', events[-1])
        self.assertNotIn(b"[DONE]", events)
        self.assertIn("worker of 'lfm2'", json.loads(events[-1])["error"]["message"])
        self.assertEqual(sarai.chat("lfm2").status, 200)
        self.assertIn("was killed by signal 9", sarai.log())
        self.assertNotIn("its last words", sarai.log())

    def test_a_client_that_leaves_stops_the_work(self):
        sarai = self.serve({"lfm2": long("lfm2", "preload: true")})
        connection, reply = sarai.open_stream("lfm2", max_tokens=1000000)
        reply.readline()
        self.assertEqual(sarai.row("lfm2")["in_flight"], 1)
        reply.close()
        connection.close()
        wait_until(lambda: sarai.row("lfm2")["in_flight"] == 0, "the lease to be released")
        wait_until(lambda: " 499 " in sarai.log(), "the log line")
        # One slot: the worker can only answer if it has noticed as well.
        self.assertEqual(sarai.chat("lfm2").status, 200)

    def test_no_api_ends_a_stream_in_silence_where_its_worker_is_killed(self):
        # A model for each: one whose worker dies often comes back later each time.
        sarai = self.serve({f"m{i}": long("lfm2") for i in range(6)}, memory="max_ram: 2GiB, max_concurrent_llms: 6")
        chat = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 30000}
        ollama_options = {"options": {"num_predict": 30000}}
        # What the error is called, and what an answer that is whole would end with.
        for i, (path, body, error, whole) in enumerate((
                ("/v1/chat/completions", chat, '"error":', "[DONE]"), ("/v1/completions", {"prompt": "Hello", "max_tokens": 30000}, '"error":', "[DONE]"),
                ("/v1/responses", {"input": "Hello", "max_output_tokens": 30000}, "event: response.failed", "response.completed"),
                ("/v1/messages", chat, "event: error", "message_stop"),
                ("/api/chat", chat | ollama_options, '{"error":', '"done":true'), ("/api/generate", {"prompt": "Hello"} | ollama_options, '{"error":', '"done":true'))):
            with self.subTest(path):
                connection = http.client.HTTPConnection("127.0.0.1", sarai.port, timeout=60)
                self.addCleanup(connection.close)
                connection.request("POST", path, json.dumps({"model": f"m{i}", "stream": True} | body), {"x-sarai-failover": "off"})
                reply = connection.getresponse()
                self.assertEqual(reply.status, 200)
                begun = reply.read1() + reply.read1()
                os.kill(sarai.row(f"m{i}")["pid"], signal.SIGKILL)
                rest = (begun + reply.read()).decode()
                self.assertIn(error, rest)
                self.assertIn("closed the connection in the middle of its answer", rest)
                self.assertNotIn(whole, rest)

    def test_killed_with_sigkill_sarai_leaves_no_worker(self):
        sarai = self.serve({"lfm2": local("lfm2", "preload: true"), "omni": local("omni", "preload: true")})
        wait_until(lambda: all(r["state"] == "ready" for r in sarai.status()["models"]), "both models")
        workers = sarai.workers()
        self.assertEqual(len(workers), 2)
        sarai.kill(signal.SIGKILL)
        wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in workers), "the workers to die", seconds=2)  # who ends them is the kernel
        # The next start clears what the killed one left.
        leftovers = list((sarai.folder / "run").iterdir())
        self.assertEqual(len(leftovers), 1)
        sarai.port = 0
        sarai.start()
        self.assertFalse(leftovers[0].exists())

    def test_who_is_asked_to_end_while_it_starts_leaves_no_folder(self):
        sarai = Sarai({"lfm2": local("lfm2", "preload: true")})
        self.addCleanup(sarai.close)
        for turn in range(40):
            sarai.port = 0
            sarai.start(wait=False)
            time.sleep(0.003 * turn)
            sarai.kill((signal.SIGINT, signal.SIGTERM)[turn % 2])
            run = sarai.folder / "run"
            self.assertEqual(list(run.iterdir()) if run.exists() else [], [], f"after {3 * turn} ms")

    def test_two_hundred_starts_and_stops_leave_nothing_behind(self):
        sarai = self.serve({"lfm2": local("lfm2", "preload: true")})
        # Without that of tests which run beside this one: a database and browsers.
        shared_memory = lambda: set(name for name in os.listdir("/dev/shm") if not name.startswith(("PostgreSQL.", ".org.chromium.")))
        before = shared_memory()
        for turn in range(200):
            if turn:
                sarai.port = 0
                sarai.start()
            # Some end while the worker is being started, some while it loads, some with a model that answers.
            if turn % 4 == 0:
                wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "the model to be ready")
            if turn % 20 == 0:
                self.assertEqual(sarai.chat("lfm2").status, 200)
            workers = sarai.workers()
            sarai.kill(signal.SIGTERM)
            self.assertEqual(sarai.process.returncode, 0, sarai.log(since_start=True))
            self.assertFalse([pid for pid in workers if alive(pid)])
            self.assertEqual(list((sarai.folder / "run").iterdir()), [])
        # What others have there beside comes and goes; what these had left would stay.
        wait_until(lambda: set(shared_memory()) <= before, "no shared memory to be left")

    def test_workers_and_configurations_that_come_and_go_leave_no_file_open(self):
        with FakeUpstream("openai") as box:
            sarai = self.serve({"lfm2": local("lfm2"), "box": f"backend: openai_http, endpoints: [{{url: '{box.url}/v1'}}], model: fake"})
            files = lambda: len(os.listdir(f"/proc/{sarai.process.pid}/fd"))
            most = 0
            for turn in range(40):
                self.assertEqual(sarai.chat("lfm2").status, 200)
                self.assertEqual(sarai.chat("box", stream=True).status, 200)
                sarai.request("POST", "/sarai/unload", {"model": "lfm2"})
                wait_until(lambda: sarai.row("lfm2")["state"] == "unloaded", "the worker to end")
                self.assertEqual(sarai.request("POST", "/sarai/reload").status, 200)
                if turn < 8:  # those that are kept for the next request are open by now
                    most = max(most, files())
            wait_until(lambda: files() <= most, "no more files to be open than in the first turns")


class Upstreams(Case):
    def test_a_request_that_comes_back_is_told_and_the_fallback_answers(self):
        port = free_port()
        own = f"http://127.0.0.1:{port}"
        sarai = Sarai({"ring": ollama(own, "ring"), "safe": ollama(own, "safe", f"fallback: gguf_native, path: '{MODELS}/solar.gguf', context_length: 512"),
                       "other": f"backend: openai_http, endpoints: [{{url: '{own}/v1'}}], model: other"}, port=port)
        self.addCleanup(sarai.close)
        sarai.start()
        for model in ("ring", "other"):
            for stream in (False, True):
                reply = sarai.chat(model, stream=stream)
                self.assertEqual(reply.status, 503, reply.body)
                self.assertIn("has come back to the server that passed it on", reply.json["error"]["message"])
        reply = sarai.chat("safe")
        self.assertEqual((reply.status, reply.headers["x-sarai-endpoint"]), (200, "local"), reply.body)
        self.assertLess(sarai.log().count("/api/chat 503"), 30)

    def test_a_list_of_prompts_is_streamed(self):
        sarai = self.serve({"lfm2": local("lfm2")})
        reply = sarai.request("POST", "/v1/completions", {"model": "lfm2", "prompt": ["a", "b"], "max_tokens": 3, "stream": True})
        events = [line[6:] for line in reply.body.split(b"\n") if line.startswith(b"data: ")]
        self.assertEqual(events[-1], b"[DONE]")
        self.assertEqual({json.loads(event)["choices"][0]["index"] for event in events[:-1] if json.loads(event)["choices"]}, {0, 1}, events)

    def test_what_is_too_long_for_an_embedder_has_the_code_for_it(self):
        sarai = self.serve({"embed": local("embed", "kind: embedding")})
        reply = sarai.request("POST", "/v1/embeddings", {"model": "embed", "input": "a b " * 400})
        self.assertEqual((reply.status, reply.json["error"]["code"]), (400, "context_length_exceeded"), reply.body)
        self.assertNotIn("batch size", reply.json["error"]["message"])

    def silent(self):
        """A listener that accepts (in its backlog) and never answers."""
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def test_an_upstream_that_never_answers_is_a_timeout_that_says_which(self):
        sarai = self.serve({"solar": ollama(self.silent(), "x", "timeouts: {first_token: 300ms, total: 300ms}"), "lfm2": local("lfm2")})
        for stream in (False, True):
            reply = sarai.chat("solar", stream=stream)
            self.assertEqual(reply.status, 504, reply.body)
            self.assertIn("within 300 ms", reply.json["error"]["message"])
        self.assertEqual(sarai.chat("lfm2").status, 200)

    def test_with_a_fallback_it_is_not_even_noticed(self):
        sarai = self.serve({"solar": ollama(self.silent(), "x", "timeouts: {first_token: 300ms, total: 300ms}, fallback: gguf_native, "
                                            f"path: '{MODELS}/solar.gguf', context_length: 256")})
        reply = sarai.chat("solar")
        self.assertEqual((reply.status, reply.headers["x-sarai-backend"]), (200, "gguf_native"))

    def test_a_lan_box_killed_in_mid_stream_ends_in_an_error_event(self):
        lan = self.serve({"solar": long("solar", "preload: true")})
        sarai = self.serve({"solar": ollama(lan.url, "solar")})
        connection, reply = sarai.open_stream("solar", max_tokens=1000000)
        self.addCleanup(connection.close)
        self.assertTrue(reply.readline().startswith(b"data: "))
        lan.kill()
        rest = reply.read()
        self.assertIn(b'"error"', rest)
        self.assertNotIn(b"[DONE]", rest)
        gone = sarai.chat("solar")
        self.assertEqual(gone.status, 503)
        self.assertIn("Connection refused", gone.json["error"]["message"])


class Memory(Case):
    def test_a_fallback_that_does_not_fit_is_refused_with_the_arithmetic(self):
        lan = self.serve({"solar": local("solar")})
        fallback = f"fallback: gguf_native, path: '{MODELS}/solar.gguf', context_length: 512"
        sarai = self.serve({"solar": ollama(lan.url, "solar", fallback), "lfm2": local("lfm2", "preload: true")}, memory="max_ram: 80MiB")
        wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "lfm2")
        self.assertEqual(sarai.chat("solar").headers["x-sarai-backend"], "ollama_http")
        lan.kill()
        refused = sarai.chat("solar")
        self.assertEqual(refused.status, 503)
        error = refused.json["error"]
        self.assertEqual(error["code"], "insufficient_memory")
        lfm2 = sarai.row("lfm2")["planned_bytes"]
        free = 80 * 2**20 - 32 * 2**20 - lfm2
        self.assertRegex(error["message"], r"^model 'solar' does not fit: it needs \d+ MiB \(\d+ bytes\), ")
        self.assertIn(f"({free} bytes) of the budget of 80 MiB are free, held by: sarai itself 32 MiB, lfm2 ", error["message"])
        self.assertIn("Connection refused", error["message"])
        self.assertEqual(sarai.chat("lfm2").status, 200)
        lan.start()
        wait_until(lambda: sarai.chat("solar").status == 200, "the LAN box to be noticed")

    def test_no_more_generative_models_than_configured(self):
        sarai = self.serve({"a": local("lfm2"), "b": local("omni"), "c": local("embed", "kind: embedding")},
                           memory="max_ram: 1GiB, max_concurrent_llms: 1")
        self.assertEqual(sarai.chat("a").status, 200)
        refused = sarai.chat("b")
        self.assertEqual(refused.status, 503)
        self.assertIn("1 of 1 generative models", refused.json["error"]["message"])
        self.assertEqual(sarai.request("POST", "/v1/embeddings", {"model": "c", "input": "x"}).status, 200)


PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]


class Requests(Case):
    def test_a_request_that_the_remote_model_cannot_answer_costs_nobody_else_anything(self):
        box = self.serve({"solar": local("solar", "preload: true")})
        wait_until(lambda: box.row("solar")["state"] == "ready", "the LAN box")
        path = f"fallback: gguf_native, path: '{MODELS}/solar.gguf', context_length: 256"
        sarai = self.serve({"solar": ollama(box.url, "solar", path)})
        for _ in range(3):
            reply = sarai.chat("solar", messages=PICTURE)
            self.assertEqual(reply.status, 400, reply.body)
            self.assertIn("image", reply.json["error"]["message"])
        self.assertTrue(all(e["up"] for e in sarai.status()["endpoints"]), sarai.status()["endpoints"])
        self.assertEqual(sarai.workers(), [], "no fallback was loaded")
        self.assertEqual(sarai.chat("solar").headers["x-sarai-backend"], "ollama_http")

    def test_bad_requests_name_the_field_and_lose_nothing(self):
        sarai = self.serve({"lfm2": local("lfm2"), "embed": local("embed", "kind: embedding")})
        cases = [
            ("POST", "/v1/chat/completions", b"{", 400, "JSON"),
            ("POST", "/v1/chat/completions", b"[]", 400, "object"),
            ("POST", "/v1/chat/completions", {"model": "lfm2"}, 400, "messages"),
            ("POST", "/v1/chat/completions", {"model": 7, "messages": []}, 400, "model"),
            ("POST", "/v1/chat/completions", {"model": "lfm2", "messages": [{"role": "user", "content": "x"}], "temperature": "hot"}, 400, "temperature"),
            ("POST", "/v1/chat/completions", {"model": "embed", "messages": [{"role": "user", "content": "x"}]}, 400, "embed"),
            ("POST", "/v1/embeddings", {"model": "embed", "input": "w " * 5000}, 400, "too large"),
            ("POST", "/v1/chat/completions", {"model": "lfm2", "messages": PICTURE}, 400, "image"),
            ("GET", "/v1/models/%ff", None, 404, "\ufffd"),
            ("POST", "/v1/nothing", {}, 404, "/v1/nothing"),
            ("GET", "/v1/chat/completions", None, 405, "POST"),
            ("POST", "/api/chat", b"nonsense", 400, ""),
        ]
        for method, path, body, status, word in cases:
            reply = sarai.request(method, path, body)
            self.assertEqual(reply.status, status, (path, body, reply.body))
            text = reply.json["error"] if path.startswith("/api") else reply.json["error"]["message"]
            self.assertIn(word, text, (path, body))
        self.assertEqual(sarai.chat("lfm2").status, 200)

    def test_what_clients_write_becomes_neither_a_metric_nor_a_log_line(self):
        sarai = self.serve({"lfm2": local("lfm2")})
        for name in ("made-up-name", "x\n2026-11-23 forged line"):
            self.assertEqual(sarai.chat(name).status, 404)
        sarai.request("GET", "/v1/models", headers={"x-request-id": "made-up-id\tforged"})
        metrics = sarai.request("GET", "/metrics").body.decode()
        self.assertNotIn("made-up-name", metrics)
        self.assertIn('model="unknown"', metrics)
        self.assertNotIn("forged", sarai.log())

    def test_a_request_far_beyond_the_context_never_reaches_the_worker(self):
        sarai = self.serve({"lfm2": local("lfm2", "preload: true")})
        wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "lfm2")
        refused = sarai.chat("lfm2", text="word " * 400_000)
        self.assertEqual(refused.status, 400)
        self.assertIn("context of 512 tokens", refused.json["error"]["message"])
        self.assertEqual(refused.json["error"]["code"], "context_length_exceeded")
        row = sarai.row("lfm2")
        self.assertLessEqual(row["peak_bytes"], row["planned_bytes"])

    def test_nor_does_it_reach_the_worker_of_a_fallback(self):
        fallback = f"fallback: gguf_native, path: '{MODELS}/solar.gguf', context_length: 512"
        sarai = self.serve({"solar": ollama(f"http://127.0.0.1:{free_port()}", "x", fallback)})
        for stream in (False, True):
            refused = sarai.request("POST", "/v1/chat/completions", {"model": "solar", "stream": stream, "max_tokens": 4,
                                                                     "messages": [{"role": "user", "content": "word " * 400_000}]})
            self.assertEqual(refused.status, 400, refused.body[:300])
            self.assertRegex(refused.json["error"]["message"], "more than model 'solar' can hold in its context of 512 tokens .*fallback")
        row = sarai.row("solar", "gguf_native")
        self.assertLessEqual(row["peak_bytes"], row["planned_bytes"])
        self.assertEqual(sarai.chat("solar").status, 200)

    def test_a_prompt_that_is_too_long_is_the_clients_error(self):
        sarai = self.serve({"lfm2": local("lfm2")})
        reply = sarai.chat("lfm2", text="x" * 4000)
        self.assertEqual(reply.status, 400, reply.body)
        self.assertIn("context", reply.json["error"]["message"])
        self.assertEqual(reply.json["error"]["code"], "context_length_exceeded")
        asked = {"model": "lfm2", "max_tokens": 8, "messages": [{"role": "user", "content": "x" * 4000}]}
        anthropic = sarai.request("POST", "/v1/messages", asked)
        self.assertEqual((anthropic.status, anthropic.json["error"]["type"]), (400, "invalid_request_error"))
        self.assertTrue(anthropic.json["error"]["message"].startswith("prompt is too long: "), anthropic.body)


class Ending(Case):
    def test_sigterm_lets_a_running_answer_end(self):
        sarai = Sarai({"lfm2": local("lfm2", "preload: true")})
        self.addCleanup(sarai.close)
        sarai.drain = "20s"  # a busy machine may need some of it
        sarai.start()
        connection, reply = sarai.open_stream("lfm2", max_tokens=300)
        self.addCleanup(connection.close)
        reply.readline()
        sarai.process.send_signal(signal.SIGTERM)
        self.assertIn(b"[DONE]", reply.read())
        self.assertEqual(sarai.process.wait(30), 0)

    def test_who_cannot_wait_for_the_end_leaves_nothing_behind_either(self):
        for _ in range(5):
            sarai = self.serve({"lfm2": local("lfm2", "preload: true")})
            while sarai.process.poll() is None:
                sarai.process.send_signal(signal.SIGTERM)
                time.sleep(0.001)
            self.assertEqual(sarai.process.returncode, 0, sarai.log())
            self.assertEqual(list((sarai.folder / "run").iterdir()), [])

    def test_ctrl_c_in_the_middle_of_an_endless_answer_ends_everything_within_two_seconds(self):
        took = []
        while not took or (min(took) >= 2 and len(took) < 3):  # a busy machine may once need longer
            sarai = self.serve({"lfm2": long("lfm2", "preload: true")})
            connection, reply = sarai.open_stream("lfm2", max_tokens=1000000)
            self.addCleanup(connection.close)
            reply.readline()
            self.assertEqual(sarai.row("lfm2")["in_flight"], 1)
            workers, begun = sarai.workers(), time.monotonic()
            sarai.process.send_signal(signal.SIGINT)
            self.assertEqual(sarai.process.wait(20), 0)
            took.append(time.monotonic() - begun)
            self.assertFalse(any(alive(pid) for pid in workers))
        self.assertLess(min(took), 2)
        self.assertLess(max(took), 6)


if __name__ == "__main__":
    main()
