"""Requests that nobody should send: each gets a 4xx in its protocol's own envelope, and costs nothing that stays."""
import http.client
import json
import os
import pathlib
import random
import unittest

from harness import MODELS, SANITIZED, Sarai, wait_until

COUNT = int(os.environ.get("SARAI_MALFORMED_REQUESTS", "10000"))
MESSAGES = [{"role": "user", "content": "x"}]
NOT_TEXT = [1, True, {}, [], 1.5]
NOT_NUMBER = ["1", [], {}, True]
NOT_BOOL = ["true", 1, [], {}]
NOT_OBJECT = ["x", 1, True, [1]]
CHAT = {"messages": ["x", 1, {}, True, [], ["x"], [{}], [{"role": 5}], [{"role": "user"}], [{"role": "user", "content": 5}],
                     [{"role": "user", "content": [{"type": 5}]}], [{"role": "user", "content": [{"type": "image_url"}]}]],
        "temperature": NOT_NUMBER + [-1, 3, 1e300], "top_p": NOT_NUMBER + [-0.1, 2], "max_tokens": NOT_NUMBER + [0, -1, 1.5],
        "n": NOT_NUMBER + [0, 1000], "stream": NOT_BOOL, "tools": ["x", {}, [1]], "stop": [1, {}, [1]], "seed": ["x", 1.5],
        "response_format": NOT_OBJECT, "stream_options": NOT_OBJECT, "logprobs": NOT_BOOL, "top_logprobs": NOT_NUMBER + [21]}
# Path, a request that is in order, and for its fields values that are not.
ENDPOINTS = [
    ("/v1/chat/completions", {"model": "embed", "messages": MESSAGES}, CHAT),
    ("/v1/completions", {"model": "embed", "prompt": "x"},
     {"prompt": [1, True, {}, [], [{}], ["a", 1], [-1]], "max_tokens": NOT_NUMBER + [-1], "echo": NOT_BOOL, "suffix": NOT_TEXT,
      "temperature": NOT_NUMBER + [3], "stop": [1, {}]}),
    ("/v1/embeddings", {"model": "embed", "input": "x"},
     {"input": [1, True, {}, [], [{}], ["a", 1]], "encoding_format": NOT_TEXT + ["hex"], "dimensions": NOT_NUMBER + [0, -1]}),
    ("/v1/rerank", {"model": "embed", "query": "x", "documents": ["x"]},
     {"query": NOT_TEXT + [""], "documents": ["x", 1, True, {}, [], [1], [{}], [{"text": 5}], ["x", None]], "top_n": NOT_NUMBER + [0, -1, 1.5],
      "return_documents": NOT_BOOL}),
    ("/v1/responses", {"model": "embed", "input": "x"},
     {"input": [1, True, {}, [1], [{"type": "nothing"}], [{"role": "user"}]], "instructions": NOT_TEXT, "temperature": NOT_NUMBER + [3],
      "max_output_tokens": NOT_NUMBER + [0], "tools": ["x", [1], [{"type": "web_search"}]], "previous_response_id": NOT_TEXT + ["resp_x"],
      "stream": NOT_BOOL, "store": NOT_BOOL}),
    ("/v1/messages", {"model": "embed", "max_tokens": 5, "messages": MESSAGES},
     {"messages": ["x", 1, {}, [], ["x"], [{"role": "alien", "content": "x"}], [{"role": "user", "content": [{"type": "image"}]}]],
      "max_tokens": NOT_NUMBER + [-1], "system": [1, True, {}], "temperature": NOT_NUMBER + [2], "stream": NOT_BOOL,
      "tools": ["x", [1], [{"name": 5}]], "stop_sequences": ["x", [1]]}),
    ("/v1/messages/count_tokens", {"model": "embed", "messages": MESSAGES}, {"messages": ["x", 1, {}, []]}),
    ("/tokenize", {"model": "embed", "content": "x"}, {"content": NOT_TEXT, "add_special": NOT_BOOL}),
    ("/v1/detokenize", {"model": "embed", "tokens": [1]}, {"tokens": ["x", 1, {}, ["x"], [-1], [1.5]]}),
    ("/api/chat", {"model": "embed", "messages": MESSAGES},
     {"messages": ["x", 1, {}, ["x"]], "stream": NOT_BOOL, "options": NOT_OBJECT + [{"temperature": "x"}, {"num_ctx": "x"}, {"stop": 1}],
      "format": [1, True, "xml"], "think": [1, []], "keep_alive": [True, [], "10", "5x"], "tools": ["x", 1]}),
    ("/api/generate", {"model": "embed", "prompt": "x"},
     {"prompt": NOT_TEXT, "system": NOT_TEXT, "raw": NOT_BOOL, "context": ["x", {}, [1, 2, 3]], "images": ["x", 1], "format": [1]}),
    ("/api/embed", {"model": "embed", "input": "x"}, {"input": [1, True, {}, [1]], "options": NOT_OBJECT}),
    ("/api/embeddings", {"model": "embed", "prompt": "x"}, {"prompt": NOT_TEXT}),
    ("/sarai/load", {"model": "embed"}, {}),
]


class Malformed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The embedder is the only model: what should slip through as well formed would be refused as no chat model, 4xx all
        # the same, or load it, which the test sees.
        cls.sarai = Sarai({"embed": f"backend: gguf_native, kind: embedding, path: '{MODELS}/embed.gguf', context_length: 256"},
                          server="access_log: 'off'").start()

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def one(self, dice):
        path, good, fields = dice.choice(ENDPOINTS)
        body = dict(good)
        kind = dice.randrange(10)
        if kind < 6 and fields:
            field = dice.choice(list(fields))
            body[field] = dice.choice(fields[field])
            return "POST", path, json.dumps(body).encode(), {}
        text = json.dumps(body).encode()
        if kind == 6:  # no model, or one that is none
            body["model"] = dice.choice(["nope", "../../etc/passwd", "", 5, None, [], "a" * 5000, "\u0000", "embed\n"])
            return "POST", path, json.dumps(body).encode(), {}
        if kind == 7:  # cut, doubled, or not JSON at all
            return "POST", path, dice.choice([text[:dice.randrange(len(text))], text + text, b"", b"null", b"[]", b'"x"', b"\xff\xfe", b"{",
                                              text.replace(b'"x"', b'"\xc3\x28"')[:-1]]), {}
        if kind == 8:  # deep, or wide
            deep = dice.choice([b"[" * 200 + b"]" * 200, b'{"a":' * 150 + b"1" + b"}" * 150])
            return "POST", path, text[:-1] + b', "deep": ' + deep + b"}", {}
        other = dice.choice([("DELETE", path), ("PUT", path), ("PATCH", path), ("POST", path + "/x"), ("GET", path + "?a=%zz"),
                             ("POST", "/v1/models"), ("GET", "/v1/models/%00"), ("GET", "/../etc/passwd"), ("GET", "/v1/responses/x")])
        return *other, None if other[0] == "GET" else text, {}

    def memory(self):
        status = pathlib.Path(f"/proc/{self.sarai.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def check(self, method, path, body, reply, answer):
        told = (method, path, (body or b"")[:300], reply.status, answer[:300])
        self.assertTrue(400 <= reply.status < 500, told)
        error = json.loads(answer.decode())
        if path.startswith("/v1/messages"):
            self.assertEqual(error["type"], "error", told)
            self.assertTrue(error["error"]["type"] and error["error"]["message"], told)
        elif path.startswith("/api/"):
            self.assertTrue(isinstance(error["error"], str) and error["error"], told)
        else:
            self.assertEqual({"message", "type", "param", "code"}, set(error["error"]), told)
            self.assertTrue(error["error"]["message"], told)

    def run_many(self, count, seed):
        dice = random.Random(seed)
        connection = http.client.HTTPConnection("127.0.0.1", self.sarai.port, timeout=30)
        for _ in range(count):
            method, path, body, headers = self.one(dice)
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            self.check(method, path, body, reply, reply.read())
        connection.close()

    def test_each_is_refused_as_its_protocol_does_and_memory_returns(self):
        self.run_many(COUNT // 5, 1)
        before = self.memory()
        self.run_many(COUNT - COUNT // 5, 2)
        if not SANITIZED:
            wait_until(lambda: self.memory() < before + 8, f"memory to return to {before:.0f} MiB", 30)
        self.assertEqual(self.sarai.row("embed")["state"], "unloaded")  # none of them was taken for a request


if __name__ == "__main__":
    unittest.main()
