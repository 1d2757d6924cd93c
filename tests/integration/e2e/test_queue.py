"""Waiting: places at endpoints and slots of workers, turns between clients, signs of life, refusals that say when."""
import http.client
import json
import threading
import time

from harness import MODELS, Case, FakeUpstream, local, long, main, wait_until


def stream_lines(sarai, model, headers=None, path="/v1/chat/completions", **more):
    """All lines of a streamed chat, with the moments at which they came."""
    connection = http.client.HTTPConnection("127.0.0.1", sarai.port, timeout=60)
    connection.request("POST", path, json.dumps({"model": model, "stream": True, "max_tokens": 8,
                                                 "messages": [{"role": "user", "content": "Hello"}], **more}), headers or {})
    response = connection.getresponse()
    lines = [(time.monotonic(), line.decode().strip()) for line in response if line.strip()]
    connection.close()
    return response, lines


class Places(Case):
    def test_capacity_is_never_exceeded_under_64_requests_at_once(self):
        with FakeUpstream("ollama", tokens=4, token_delay_ms=40) as upstream:
            sarai = self.serve({"solar": f"backend: ollama_http, endpoints: [{{url: '{upstream.url}'}}]"})
            statuses = []
            def ask(stream):
                statuses.append(sarai.chat("solar", stream=stream).status)
            threads = [threading.Thread(target=ask, args=(i % 2 == 0,)) for i in range(64)]
            for thread in threads:
                thread.start()
            wait_until(lambda: sarai.row("solar")["waiting"] > 2, "requests to wait")
            for thread in threads:
                thread.join(60)
            self.assertEqual(statuses, [200] * 64)
            self.assertEqual(upstream.stats()["most_active"], 2, "the default of ollama_http")
            metrics = sarai.request("GET", "/metrics").body.decode()
            self.assertIn('sarai_requests_waiting{model="solar"} 0', metrics)
            self.assertRegex(metrics, r'sarai_queue_time_seconds_count\{model="solar"\} 64')

    def test_one_who_sends_fifty_keeps_one_who_sends_one_waiting_for_two_answers_at_most(self):
        with FakeUpstream("openai", tokens=4, token_delay_ms=40) as upstream:
            sarai = self.serve({"solar": f"backend: openai_http, endpoints: [{{url: '{upstream.url}/v1', capacity: 1}}]"})
            order = []
            def ask(name):
                reply = sarai.request("POST", "/v1/chat/completions", {"model": "solar", "messages": [{"role": "user", "content": "Hi"}]},
                                      {"Authorization": f"Bearer {name}"})
                order.append(name if reply.status == 200 else reply.status)
            many = [threading.Thread(target=ask, args=("many",)) for _ in range(50)]
            for thread in many:
                thread.start()
            wait_until(lambda: sarai.row("solar")["waiting"] >= 40, "the queue to fill")
            for _ in range(5):
                before = len(order)
                ask("one")
                self.assertLessEqual(order[before:].count("many"), 2, order)
            for thread in many:
                thread.join(60)
            self.assertEqual(sorted(order), ["many"] * 50 + ["one"] * 5)

    def test_a_local_worker_gets_its_slots_and_clients_take_turns_there_too(self):
        sarai = self.serve({"lfm2": long("lfm2", "preload: true")})
        done = []
        def ask(name):
            reply = sarai.request("POST", "/v1/chat/completions", {"model": "lfm2", "max_tokens": 300, "messages": [{"role": "user", "content": "Hi"}]},
                                  {"x-api-key": name})
            done.append(name if reply.status == 200 else reply.status)
        many = [threading.Thread(target=ask, args=("many",)) for _ in range(12)]
        for thread in many:
            thread.start()
        wait_until(lambda: sarai.row("lfm2").get("waiting", 0) >= 8, "the queue to fill")
        before = len(done)
        ask("one")
        self.assertLessEqual(done[before:].count("many"), 2)
        for thread in many:
            thread.join(60)
        self.assertEqual(sorted(done), ["many"] * 12 + ["one"])


class Refusals(Case):
    def test_a_full_queue_is_told_with_the_time_after_which_to_come_again(self):
        with FakeUpstream("openai", tokens=2, token_delay_ms=3000) as upstream:
            sarai = self.serve({"solar": f"backend: openai_http, endpoints: [{{url: '{upstream.url}/v1', capacity: 1}}], queue: {{length: 1}}"})
            threads = [threading.Thread(target=sarai.chat, args=("solar",), kwargs={"stream": True}) for _ in range(2)]
            threads[0].start()
            wait_until(lambda: sarai.status()["endpoints"][0]["in_flight"] == 1, "the first request")
            threads[1].start()
            wait_until(lambda: sarai.row("solar")["waiting"] == 1, "the second request")
            reply = sarai.chat("solar")
            self.assertEqual(reply.status, 503)
            self.assertEqual(reply.json["error"]["message"].split(".")[0], "model 'solar' is busy: 1 requests wait for it already")
            self.assertGreaterEqual(int(reply.headers["retry-after"]), 1)
            for thread in threads:
                thread.join(20)

    def test_a_request_waits_no_longer_than_it_wants_to(self):
        with FakeUpstream("openai", tokens=2, token_delay_ms=3000) as upstream:
            sarai = self.serve({"solar": f"backend: openai_http, endpoints: [{{url: '{upstream.url}/v1', capacity: 1}}]"})
            connection, _ = sarai.open_stream("solar")
            body = {"model": "solar", "messages": [{"role": "user", "content": "Hi"}]}
            reply = sarai.request("POST", "/v1/chat/completions", body, {"x-sarai-max-wait": "300ms"})
            self.assertEqual(reply.status, 503)
            self.assertIn("was busy for all of the 0.3 s", reply.json["error"]["message"])
            self.assertIn("retry-after", reply.headers)
            connection.close()

    def test_headers_of_another_form_are_named(self):
        sarai = self.serve({"lfm2": local("lfm2")})
        body = {"model": "lfm2", "messages": [{"role": "user", "content": "Hi"}]}
        for header, value in (("x-sarai-priority", "urgent"), ("x-sarai-max-wait", "soon"), ("x-sarai-max-wait", "0s"), ("x-sarai-failover", "maybe")):
            reply = sarai.request("POST", "/v1/chat/completions", body, {header: value})
            self.assertEqual(reply.status, 400)
            self.assertIn(f'the header {header} is "{value}"; expected', reply.json["error"]["message"])
            self.assertEqual(reply.json["error"]["param"], header)

    def test_an_upstreams_retry_after_reaches_the_client_and_is_kept_to(self):
        with FakeUpstream("openai") as upstream:
            sarai = self.serve({"solar": f"backend: openai_http, endpoints: [{{url: '{upstream.url}/v1'}}]"})
            upstream.tell("busy")
            first = sarai.chat("solar")
            self.assertEqual((first.status, first.headers["retry-after"]), (429, "2"))
            upstream.tell("well")
            asked = upstream.stats()["requests"]
            second = threading.Thread(target=sarai.chat, args=("solar",))
            second.start()
            wait_until(lambda: sarai.row("solar")["waiting"] == 1, "the second request to wait for so short a rest")
            self.assertEqual(upstream.stats()["requests"], asked, "it was left alone")
            self.assertTrue(sarai.status()["endpoints"][0]["up"], "429 says nothing about the server's health")
            second.join(10)
            self.assertGreater(upstream.stats()["requests"], asked)


class SignsOfLife(Case):
    def take_the_place(self, sarai):
        """A stream in a thread of its own, which the server's only place is given to."""
        first = threading.Thread(target=stream_lines, args=(sarai, "solar"))
        first.start()
        wait_until(lambda: sarai.status()["endpoints"][0]["in_flight"] == 1, "the first request")
        return first

    def test_a_stream_that_waits_gets_comments_and_then_its_answer(self):
        with FakeUpstream("openai", tokens=3, token_delay_ms=1500) as upstream:
            sarai = self.serve({"solar": f"backend: openai_http, endpoints: [{{url: '{upstream.url}/v1', capacity: 1, name: box}}]"},
                               server="heartbeat: 100ms")
            first = self.take_the_place(sarai)
            response, lines = stream_lines(sarai, "solar")
            first.join(20)
            texts = [line for _, line in lines]
            self.assertEqual(texts[0], ": 1 request waits for model 'solar'")
            self.assertGreaterEqual(sum(t.startswith(":") for t in texts), 3)
            chunks = [json.loads(t[6:]) for t in texts if t.startswith("data: {")]
            self.assertEqual(chunks[0]["sarai_route"]["endpoint"], "box", "the headers had left before anybody answered")
            self.assertEqual("".join(c["choices"][0]["delta"].get("content", "") for c in chunks), "t0 t1 t2 ")
            self.assertEqual(texts[-1], "data: [DONE]")
            self.assertIsNone(response.getheader("x-sarai-endpoint"))

    def test_one_that_waits_in_vain_ends_with_an_error_event(self):
        with FakeUpstream("openai", tokens=2, token_delay_ms=3000) as upstream:
            sarai = self.serve({"solar": f"backend: openai_http, endpoints: [{{url: '{upstream.url}/v1', capacity: 1}}]"},
                               server="heartbeat: 100ms")
            connection, _ = sarai.open_stream("solar")
            _, lines = stream_lines(sarai, "solar", {"x-sarai-max-wait": "600ms"})
            connection.close()
            self.assertTrue(lines[0][1].startswith(": "))
            self.assertIn("was busy for all", json.loads(lines[-1][1].removeprefix("data: "))["error"]["message"])
            self.assertEqual(sum(line.startswith("data: ") for _, line in lines), 1)

    def test_one_whose_server_reads_its_prompt_gets_them_as_well(self):
        with FakeUpstream("openai") as upstream:
            upstream.tell("silent")
            sarai = self.serve({"solar": f"backend: openai_http, endpoints: [{{url: '{upstream.url}/v1', name: box}}], timeouts: {{first_token: 1s}}, "
                                         f"fallback: gguf_native, path: '{MODELS}/lfm2.gguf', context_length: 512, preload: true"},
                               server="heartbeat: 100ms")
            wait_until(lambda: sarai.row("solar", "gguf_native")["state"] == "ready", "the fallback")
            response, lines = stream_lines(sarai, "solar")
            texts = [text for _, text in lines]
            self.assertGreaterEqual(sum(t == ": box reads the prompt" for t in texts), 3, texts)
            self.assertEqual(response.getheader("x-sarai-endpoint"), "box", "whom it was asked first")
            chunks = [json.loads(t[6:]) for t in texts if t.startswith("data: {")]
            self.assertEqual(chunks[0]["sarai_route"]["endpoint"], "local", "who answers in the end")
            self.assertEqual(texts[-1], "data: [DONE]")

    def test_ollamas_clients_get_parts_without_text(self):
        with FakeUpstream("ollama", tokens=3, token_delay_ms=1500) as upstream:
            sarai = self.serve({"solar": f"backend: ollama_http, endpoints: [{{url: '{upstream.url}', capacity: 1}}]"},
                               server="heartbeat: 100ms")
            first = self.take_the_place(sarai)
            _, lines = stream_lines(sarai, "solar", path="/api/chat")
            first.join(20)
            parts = [json.loads(line) for _, line in lines]
            self.assertEqual(parts[0]["message"]["content"], "")
            self.assertFalse(parts[0]["done"])
            self.assertEqual("".join(p["message"]["content"] for p in parts), "t0 t1 t2 ")
            self.assertTrue(parts[-1]["done"])

    def test_a_client_that_leaves_while_it_waits_leaves_no_place_taken(self):
        with FakeUpstream("openai", tokens=2, token_delay_ms=5000) as upstream:
            sarai = self.serve({"solar": f"backend: openai_http, endpoints: [{{url: '{upstream.url}/v1', capacity: 1}}]"},
                               server="heartbeat: 100ms")
            first, _ = sarai.open_stream("solar")
            second, _ = sarai.open_stream("solar")
            wait_until(lambda: sarai.row("solar")["waiting"] == 1, "the second to wait")
            second.close()
            wait_until(lambda: sarai.row("solar")["waiting"] == 0, "its place to be free")
            first.close()
            wait_until(lambda: sarai.status()["endpoints"][0]["in_flight"] == 0, "the endpoint to be free")


if __name__ == "__main__":
    main()
