#!/usr/bin/env python3
"""A worker whose memory grows when it is asked to, for tests of what sarai does about that.

Stands in for llama-server (engine.server_binary). For models whose name begins with "hungry" it answers itself, as far as
sarai asks; for all others it becomes the real llama-server. The memory is taken by a helper process, as a wrapper's real server
would take it: sarai has to count it, and to end it. The last message tells what to do: "grow 300" (MB), "grow 300 and
hang", anything else is answered."""
import http.server
import json
import os
import socketserver
import subprocess
import sys
import time

HELPER = """
import sys
kept = []
for line in sys.stdin:
    kept.append(b"x" * (int(line) * 1000000))
    print("done", flush=True)
import time
time.sleep(600)  # outlives a parent that is killed, unless somebody ends it
"""


def serve(path):
    helper = subprocess.Popen([sys.executable, "-c", HELPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, body):
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self):
            self.answer({"status": "ok"})

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            words = request["messages"][-1]["content"].split()
            if words[0] == "grow":
                helper.stdin.write(words[1] + "\n")
                helper.stdin.flush()
                helper.stdout.readline()
            if words[-1] == "hang":
                time.sleep(600)
            self.answer({"id": "x", "object": "chat.completion", "created": 0, "model": "hungry",
                         "choices": [{"index": 0, "message": {"role": "assistant", "content": "fed"}, "finish_reason": "stop"}],
                         "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})

        def address_string(self):
            return "unix"

        def log_message(self, *_):
            pass

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    Server(path, Handler).serve_forever()


arguments = sys.argv[1:]
value_of = lambda name: arguments[arguments.index(name) + 1]
if value_of("--alias").startswith("hungry"):
    serve(value_of("--host"))
else:
    os.execvp("llama-server", ["llama-server", *arguments])
