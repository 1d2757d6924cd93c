"""Plays an OpenAI server for tests, on loopback, that recites a given text."""
import http.server
import json
import threading
import time


class Reciter:
    """Each answer is `text` in one chunk a line, of which `pause` seconds pass after each."""

    def __init__(self, text="", pause=0):
        self.text, self.pause = text, pause
        reciter = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer("application/json", [json.dumps({"object": "list", "data": []})])

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer("text/event-stream", reciter.events())

            def answer(self, kind, parts):
                try:
                    self.send_response(200)
                    self.send_header("Content-Type", kind)
                    self.end_headers()
                    for part in parts:
                        self.wfile.write(part.encode())
                except OSError:
                    pass  # who asked has left

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def events(self):
        def event(delta, reason=None):
            chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "any",
                     "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            return f"data: {json.dumps(chunk)}\n\n"
        for line in self.text.splitlines(keepends=True):
            yield event({"content": line})
            time.sleep(self.pause)
        yield event({}, "stop") + "data: [DONE]\n\n"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
