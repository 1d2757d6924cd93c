"""W3C trace context goes on to servers, and finished requests become spans at a collector."""
import http.server
import json
import threading
import unittest

from harness import MODELS, Sarai, wait_until

EMBED = f"backend: gguf_native, kind: embedding, path: '{MODELS}/embed.gguf', context_length: 256"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Listener:
    """Answers every POST with `reply` and keeps what came."""

    def __init__(self, reply):
        self.seen = seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                seen.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Traces(unittest.TestCase):
    def setUp(self):
        answer = {"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"},
                  "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}
        self.box, self.collector = Listener(json.dumps(answer).encode()), Listener(b"{}")
        self.addCleanup(self.box.close)
        self.addCleanup(self.collector.close)

    def serve(self, extra=""):
        sarai = Sarai({"embed": EMBED, "far": f"backend: openai_http, endpoints: [{{url: '{self.box.url}/v1'}}]"}, extra=extra).start()
        self.addCleanup(sarai.close)
        return sarai

    def ask(self, sarai, headers=None):
        body = {"model": "far", "messages": [{"role": "user", "content": "x"}]}
        self.assertEqual(sarai.request("POST", "/v1/chat/completions", body, headers or {}).status, 200)

    def test_a_server_sees_our_span_as_its_parent(self):
        sarai = self.serve()
        self.ask(sarai, {"traceparent": f"00-{TRACE}-{PARENT}-01"})
        _, trace, span, flags = self.box.seen[-1][1]["traceparent"].split("-")
        self.assertEqual((trace, flags), (TRACE, "01"))
        self.assertNotEqual(span, PARENT)
        self.ask(sarai)
        self.assertNotIn("traceparent", self.box.seen[-1][1])

    def test_a_request_becomes_a_span(self):
        sarai = self.serve(f"telemetry: {{otlp_endpoint: '{self.collector.url}'}}")
        self.ask(sarai, {"traceparent": f"00-{TRACE}-{PARENT}-01"})
        self.ask(sarai, {"traceparent": f"00-{TRACE}-{PARENT}-00"})  # the caller does not want it
        sarai.request("GET", "/health")
        wait_until(lambda: self.collector.seen, "spans at the collector")
        path, _, body = self.collector.seen[0]
        self.assertEqual(path, "/v1/traces")
        spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
        self.assertEqual([(s["traceId"], s["parentSpanId"], s["name"]) for s in spans], [(TRACE, PARENT, "POST /v1/chat/completions")])
        facts = {a["key"]: list(a["value"].values())[0] for a in spans[0]["attributes"]}
        self.assertEqual((facts["http.response.status_code"], facts["gen_ai.request.model"], facts["gen_ai.usage.input_tokens"]),
                         ("200", "far", "3"))
        self.assertLess(int(spans[0]["startTimeUnixNano"]), int(spans[0]["endTimeUnixNano"]))

    def test_a_collector_that_is_away_holds_nobody_up(self):
        sarai = self.serve("telemetry: {otlp_endpoint: 'http://127.0.0.1:1'}")
        for _ in range(3):
            self.ask(sarai)
        wait_until(lambda: "took no spans" in sarai.log(), "the warning")


if __name__ == "__main__":
    unittest.main()
