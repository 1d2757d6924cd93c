"""An OpenAI-compatible server whose answers follow from the request, where random models cannot give the same each time.

Models: "caller" calls the tools it is offered, two of them where the text says "both", and tells a tool's result;
"thinker" thinks first; "slow" takes a minute; all models of a server with `limited` are refused with 429. GET /shelf/…
gives files of a folder.
"""
import hashlib
import http.server
import json
import pathlib
import select
import threading
import time

SLOW_TOKENS, SLOW_SECONDS = 1200, 60


def _calls(body):
    said = json.dumps(body["messages"])
    tools = [tool["function"]["name"] for tool in body["tools"]]
    cities = ["Paris", "Rome"] if "both" in said else ["Paris"]
    return [{"id": f"call_{i}", "type": "function",
             "function": {"name": tools[i % len(tools)], "arguments": json.dumps({"city": city})}}
            for i, city in enumerate(cities)]


def _answer(body):
    """The message for a chat."""
    last = body["messages"][-1]
    if last["role"] == "tool":
        results = [m["content"] for m in body["messages"] if m["role"] == "tool"]
        return {"role": "assistant", "content": "I was told: " + ", ".join(map(_text, results))}
    if body["model"] == "thinker":
        return {"role": "assistant", "reasoning_content": "Two and two. ", "content": "Four."}
    if body.get("tools") and body.get("tool_choice") != "none":
        return {"role": "assistant", "content": None, "tool_calls": _calls(body)}
    return {"role": "assistant", "content": "Nothing to call."}


def _text(content):
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _deltas(message):
    yield {"role": "assistant", "content": None}
    for key in ("reasoning_content", "content"):
        text = message.get(key) or ""
        middle = len(text) // 2
        yield from ({key: piece} for piece in (text[:middle], text[middle:]) if piece)
    for index, call in enumerate(message.get("tool_calls", [])):
        arguments = call["function"]["arguments"]
        yield {"tool_calls": [{"index": index, **call, "function": {**call["function"], "arguments": ""}}]}
        for at in range(0, len(arguments), 4):
            yield {"tool_calls": [{"index": index, "function": {"arguments": arguments[at:at + 4]}}]}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._file(False)

    def do_GET(self):
        if self.path.startswith("/shelf/"):
            return self._file(True)
        self._json(200, {"object": "list", "data": []})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.server.limited:
            return self._json(429, {"error": {"message": "too many requests", "type": "rate_limit_error"}}, {"Retry-After": "1"})
        if self.path != "/v1/chat/completions":
            return self._json(404, {"error": {"message": f"there is nothing at {self.path}"}})
        if body["model"] == "slow":
            return self._slow(body)
        message = _answer(body)
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        if not body.get("stream"):
            return self._json(200, self._reply(body, "chat.completion", [{"index": 0, "message": message, "finish_reason": finish}], True))
        self._begin()
        for delta in _deltas(message):
            self._event(self._reply(body, "chat.completion.chunk", [{"index": 0, "delta": delta, "finish_reason": None}]))
        self._event(self._reply(body, "chat.completion.chunk", [{"index": 0, "delta": {}, "finish_reason": finish}]))
        self._end(body)

    def _slow(self, body):
        if not body.get("stream"):
            select.select([self.connection], [], [], SLOW_SECONDS)  # readable: the client has left
            return self._json(200, self._reply(body, "chat.completion", [
                {"index": 0, "message": {"role": "assistant", "content": "late"}, "finish_reason": "stop"}], True))
        self._begin()
        for _ in range(SLOW_TOKENS):
            self._event(self._reply(body, "chat.completion.chunk", [{"index": 0, "delta": {"content": "w "}, "finish_reason": None}]))
            time.sleep(SLOW_SECONDS / SLOW_TOKENS)
        self._end(body)

    def _reply(self, body, kind, choices, usage=False):
        reply = {"id": "chatcmpl-1", "object": kind, "created": 1, "model": body["model"], "choices": choices}
        return reply | ({"usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}} if usage else {})

    def _begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _event(self, data):
        self._chunk(f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode())

    def _chunk(self, data):
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _end(self, body):
        if (body.get("stream_options") or {}).get("include_usage"):
            self._event(self._reply(body, "chat.completion.chunk", [], True))
        self._event("[DONE]")
        self._chunk(b"")

    def _json(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", "Content-Length": len(data), **dict(headers)}.items():
            self.send_header(key, str(value))
        self.end_headers()
        self.wfile.write(data)

    def _file(self, with_body):
        name = pathlib.PurePosixPath(self.path).name
        file = self.server.folder / name.removesuffix(".sha256")
        if not file.is_file():
            return self._json(404, {"error": "no such file"})
        data = file.read_bytes()
        if name.endswith(".sha256"):
            data = hashlib.sha256(data).hexdigest().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if with_body:
            self.wfile.write(data)


class ScriptedUpstream(http.server.ThreadingHTTPServer):
    """Serves on a port that the system chose, on threads of its own, until close()."""
    daemon_threads = True

    def __init__(self, folder, limited=False):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.limited = pathlib.Path(folder), limited
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # clients that leave are what some features are about

    def close(self):
        self.shutdown()
        self.server_close()
