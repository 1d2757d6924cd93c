"""Who may call: keys, their limits, names, origins, TLS, and what the log tells of it."""
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import time
import unittest

from harness import BIN, MODELS, Sarai, long, ollama, wait_until

LFM2 = long("lfm2", "preload: true")
EMBED = f"backend: gguf_native, kind: embedding, path: '{MODELS}/embed.gguf', context_length: 256"


def sha(key):
    return hashlib.sha256(key.encode()).hexdigest()


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def access(keys, more=""):
    lines = "".join(f"    {name}: {{sha256: {sha(name + '-secret')}{', ' + text if text else ''}}}\n" for name, text in keys.items())
    return f"access:\n{more}  keys:\n{lines}"


class Keys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sarai = Sarai({"lfm2": LFM2, "embed": EMBED}, extra=access({
            "root": "admin: true", "ann": "models: [lfm2]", "slow": "requests_per_minute: 2", "thrifty": "tokens_per_minute: 20",
            "single": "concurrency: 1"}), server="access_log: json").start()

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def ask(self, key, model="lfm2", **more):
        return self.sarai.request("POST", "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "Hi"}],
                                                                   "max_tokens": 4, **more}, bearer(key))

    def test_without_a_key_only_health_answers(self):
        self.assertEqual(self.sarai.request("GET", "/health").status, 200)
        for method, path in [("GET", "/v1/models"), ("GET", "/metrics"), ("GET", "/sarai/status"), ("GET", "/nothing"),
                             ("POST", "/sarai/reload"), ("POST", "/v1/chat/completions")]:
            for headers in ({}, bearer("wrong"), {"x-api-key": "wrong"}, {"Authorization": "Basic x"}, bearer(sha("ann-secret"))):
                reply = self.sarai.request(method, path, {} if method == "POST" else None, headers)
                self.assertEqual((reply.status, reply.json["error"]["code"]), (401, "invalid_api_key"), (path, headers))
        reply = self.sarai.request("POST", "/api/chat", {"model": "lfm2"})
        self.assertEqual((reply.status, list(reply.json)), (401, ["error"]))

    def test_a_key_is_taken_from_either_header(self):
        self.assertEqual(self.ask("root-secret").status, 200)
        self.assertEqual(self.sarai.request("GET", "/v1/models", headers={"x-api-key": "root-secret"}).status, 200)
        self.assertEqual(self.sarai.request("GET", "/v1/models", headers={"authorization": "bearer root-secret"}).status, 200)

    def test_a_key_uses_its_models_alone(self):
        self.assertEqual(self.ask("ann-secret").status, 200)
        reply = self.ask("ann-secret", "embed")
        self.assertEqual((reply.status, reply.json["error"]["code"]), (403, "model_not_allowed"))
        names = lambda key: [m["id"] for m in self.sarai.request("GET", "/v1/models", headers=bearer(key)).json["data"]]
        self.assertEqual((names("ann-secret"), sorted(names("root-secret"))), (["lfm2"], ["auto", "embed", "lfm2"]))
        self.assertEqual([m["name"] for m in self.sarai.request("GET", "/api/tags", headers=bearer("ann-secret")).json["models"]],
                         ["lfm2:latest"])
        self.assertEqual(self.sarai.request("GET", "/v1/models/embed", headers=bearer("ann-secret")).status, 403)
        for path, body in [("/api/embed", {"model": "embed", "input": "x"}), ("/api/generate", {"model": "embed"}),
                           ("/api/show", {"model": "embed"})]:
            self.assertEqual(self.sarai.request("POST", path, body, bearer("ann-secret")).status, 403, path)

    def test_only_administrators_change_what_there_is(self):
        for path in ("/sarai/load", "/sarai/unload", "/sarai/reload"):
            self.assertEqual(self.sarai.request("POST", path, {"model": "lfm2"}, bearer("ann-secret")).status, 403, path)
        self.assertEqual(self.sarai.request("POST", "/sarai/load", {"model": "lfm2"}, bearer("root-secret")).status, 200)

    def test_requests_per_minute(self):
        first = self.ask("slow-secret")
        self.assertEqual((first.status, first.headers["x-ratelimit-limit-requests"], first.headers["x-ratelimit-remaining-requests"]),
                         (200, "2", "1"))
        self.assertEqual(self.ask("slow-secret").status, 200)
        third = self.ask("slow-secret")
        self.assertEqual((third.status, third.json["error"]["code"]), (429, "rate_limit_exceeded"))
        self.assertTrue(1 <= int(third.headers["retry-after"]) <= 30)
        # Looking costs nothing.
        self.assertEqual(self.sarai.request("GET", "/v1/models", headers=bearer("slow-secret")).status, 200)
        self.assertEqual(self.ask("root-secret").status, 200)

    def test_tokens_per_minute(self):
        self.assertEqual(self.ask("thrifty-secret", max_tokens=40).status, 200)
        reply = self.ask("thrifty-secret")
        self.assertEqual(reply.status, 429)
        self.assertIn("20 tokens per minute", reply.json["error"]["message"])

    def test_concurrency(self):
        connection, reply = self.sarai.open_stream("lfm2", max_tokens=30_000, headers=bearer("single-secret"))
        self.assertEqual(reply.status, 200)
        self.assertEqual(self.ask("single-secret").status, 429)
        connection.close()
        wait_until(lambda: self.ask("single-secret").status == 200, "the place to be free again")

    def test_the_log_tells_who_and_what_and_no_secret(self):
        self.ask("ann-secret", stream=False)
        reply = self.sarai.request("POST", "/v1/chat/completions", '{"model": "x y\\nz", "messages": []}',
                                   bearer("never-log-me") | {"x-request-id": "abc-1"})
        self.assertEqual(reply.headers["x-request-id"], "abc-1")
        wait_until(lambda: "abc-1" in self.sarai.log(), "the line in the log")
        log = self.sarai.log()
        for secret in ("ann-secret", "never-log-me", sha("ann-secret")):
            self.assertNotIn(secret, log)
        lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        refused = [line for line in lines if line["request_id"] == "abc-1"][0]
        self.assertEqual((refused["status"], refused["method"], refused["path"]), (401, "POST", "/v1/chat/completions"))
        answered = [line for line in lines if line.get("key") == "ann" and line["status"] == 200 and "tokens" in line][-1]
        self.assertEqual((answered["model"], answered["backend"], answered["tokens"]), ("lfm2", "gguf_native", 4))
        self.assertRegex(answered["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        metrics = self.sarai.request("GET", "/metrics", headers=bearer("root-secret")).body.decode()
        self.assertRegex(metrics, r'sarai_key_requests_total\{code="200",key="ann"\} [1-9]')
        self.assertRegex(metrics, r'sarai_requests_refused_total\{reason="unauthorized"\} [1-9]')
        self.assertNotIn("secret", metrics)

    def test_a_key_sees_nothing_of_others(self):
        made = self.sarai.request("POST", "/v1/responses", {"model": "lfm2", "input": "secret", "max_output_tokens": 4}, bearer("root-secret"))
        self.assertEqual(made.status, 200, made.body)
        path = "/v1/responses/" + made.json["id"]
        for key, status in (("ann-secret", 404), ("root-secret", 200)):
            self.assertEqual(self.sarai.request("GET", path, headers=bearer(key)).status, status)
        self.assertEqual(self.sarai.request("POST", "/v1/responses", {"model": "lfm2", "input": "x", "previous_response_id": made.json["id"]},
                                            bearer("ann-secret")).status, 404)
        for path in ("/sarai/status", "/sarai/why", "/metrics"):
            self.assertEqual(self.sarai.request("GET", path, headers=bearer("ann-secret")).status, 403, path)
        self.assertNotIn("embed", self.ask("ann-secret", "nope").body.decode())
        self.assertNotIn("embed", self.sarai.request("GET", "/v1/models/nope", headers=bearer("ann-secret")).body.decode())

    def test_only_administrators_say_how_long_a_server_keeps_its_model(self):
        lan = Sarai({"big": LFM2}).start()
        self.addCleanup(lan.close)
        both = Sarai({"big": ollama(lan.url, "big")}, extra=access({"root": "admin: true", "ann": ""})).start()
        self.addCleanup(both.close)
        wait_until(lambda: lan.row("big")["state"] == "ready", "the LAN box's model")
        chat = lambda key: both.request("POST", "/v1/chat/completions", {"model": "big", "messages": [{"role": "user", "content": "hi"}],
                                                                          "max_tokens": 2, "keep_alive": 0}, bearer(key)).status
        pid = lan.row("big")["pid"]
        self.assertEqual(chat("ann-secret"), 200)
        self.assertEqual((lan.row("big")["state"], lan.row("big")["pid"]), ("ready", pid))
        self.assertEqual(chat("root-secret"), 200)
        wait_until(lambda: lan.row("big")["state"] != "ready", "the administrator's wish to be met")

    def test_only_administrators_unload(self):
        unload = lambda key: self.sarai.request("POST", "/api/generate", {"model": "lfm2", "keep_alive": 0}, bearer(key)).status
        self.assertEqual(unload("ann-secret"), 403)
        self.ask("ann-secret", keep_alive=0)
        self.assertEqual(self.sarai.request("GET", "/sarai/status", headers=bearer("root-secret")).json["models"][0]["state"], "ready")

    def test_a_large_body_of_a_stranger_is_not_read(self):
        with socket.create_connection(("127.0.0.1", self.sarai.port), timeout=10) as raw:
            raw.sendall(b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n")
            self.assertIn(b"401", raw.recv(4096))
        with socket.create_connection(("127.0.0.1", self.sarai.port), timeout=10) as raw:
            raw.sendall(b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            self.assertIn(b"401", raw.recv(4096))

    def test_commands_use_the_key_in_the_environment(self):
        environment = {k: v for k, v in os.environ.items() if k != "SARAI_API_KEY"}
        ps = lambda env: subprocess.run([BIN / "sarai", "ps", "--url", self.sarai.url], capture_output=True, text=True, env=env)
        refused = ps(environment)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("SARAI_API_KEY", refused.stderr)
        self.assertEqual(ps(environment | {"SARAI_API_KEY": "root-secret"}).returncode, 0)
        asked = subprocess.run([BIN / "sarai", "run", "lfm2", "hello", "--url", self.sarai.url], capture_output=True, text=True,
                               stdin=subprocess.DEVNULL, env=environment | {"SARAI_API_KEY": "ann-secret"})
        self.assertEqual(asked.returncode, 0, asked.stderr)


class NewKeys(unittest.TestCase):
    def test_a_key_that_was_just_made_is_known_after_a_reload(self):
        sarai = Sarai({"embed": EMBED}, extra=access({"root": "admin: true"})).start()
        self.addCleanup(sarai.close)
        made = subprocess.run([BIN / "sarai", "key", "ben"], capture_output=True, text=True, check=True).stdout
        key, line = re.search(r"sk-sarai-\w+", made).group(), re.search(r'^    "ben": .*$', made, re.M).group()
        self.assertNotIn(key, line)
        self.assertEqual(sarai.request("GET", "/v1/models", headers=bearer(key)).status, 401)
        sarai.extra += line + "\n"
        sarai.write_config()
        self.assertEqual(sarai.request("POST", "/sarai/reload", {}, bearer("root-secret")).status, 200)
        self.assertEqual(sarai.request("GET", "/v1/models", headers=bearer(key)).status, 200)

    def test_one_key_from_the_environment_is_enough(self):
        sarai = Sarai({"embed": EMBED}, environment={"SARAI_API_KEY": "only"}).start()
        self.addCleanup(sarai.close)
        self.assertEqual(sarai.request("GET", "/v1/models").status, 401)
        self.assertEqual(sarai.request("GET", "/v1/models", headers=bearer("only")).status, 200)


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sarai = Sarai({"embed": EMBED}, extra="access: {cors_origins: ['https://chat.example'], allowed_hosts: [sarai.lan]}").start()

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def get(self, path="/v1/models", **headers):
        return self.sarai.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def test_a_name_that_is_not_ours_is_refused(self):
        for host in ("evil.example", "evil.example:11435", "127.0.0.1.evil.example"):
            reply = self.get(Host=host)
            self.assertEqual(reply.status, 403, host)
            self.assertIn("allowed_hosts", reply.json["error"]["message"])
        for host in ("localhost", f"127.0.0.1:{self.sarai.port}", "[::1]:1", "sarai.lan", socket.gethostname()):
            self.assertEqual(self.get(Host=host).status, 200, host)

    def test_another_domain_under_our_name_is_not_ours(self):
        machine = socket.gethostname().split(".")[0]
        self.assertEqual(self.get(Host=f"{machine}.evil.example").status, 403)
        self.assertEqual(self.get(Host=f"{machine}.local").status, 200)

    def test_a_target_without_a_path_hangs_nobody(self):
        for target in (b"?x", b"*", b"//", b"http://localhost?x"):
            with socket.create_connection(("127.0.0.1", self.sarai.port), timeout=10) as raw:
                raw.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\nG")
                self.assertTrue(raw.recv(100).startswith(b"HTTP/1.1 "), target)
        self.assertEqual(self.get("/health").status, 200)

    def test_a_page_of_somebody_else_may_not_call(self):
        for origin in ("https://evil.example", "null", "http://localhost:3000"):
            self.assertEqual(self.get(Origin=origin).status, 403, origin)
            # What needs no preflight: a form, or text/plain.
            reply = self.sarai.request("POST", "/api/embed", {"model": "embed", "input": "x"},
                                       {"Origin": origin, "Content-Type": "text/plain"})
            self.assertEqual(reply.status, 403, origin)
            self.assertNotIn("access-control-allow-origin", reply.headers)
        # What it embeds names no origin; browsers tell that it is another's.
        fetched = lambda site, mode, dest: self.get(**{"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}).status
        self.assertEqual([fetched("cross-site", "no-cors", "image"), fetched("same-site", "no-cors", "script"), fetched("cross-site", "navigate", "iframe")],
                         [403, 403, 403])
        self.assertEqual([fetched("cross-site", "navigate", "document"), fetched("same-origin", "cors", "empty"), fetched("none", "navigate", "document")],
                         [200, 200, 200])
        self.assertEqual(self.get(Origin=self.sarai.url).status, 200)

    def test_a_page_that_was_allowed_may(self):
        reply = self.get(Origin="https://chat.example")
        self.assertEqual((reply.status, reply.headers["access-control-allow-origin"], reply.headers["vary"]),
                         (200, "https://chat.example", "Origin"))
        asks = {"Origin": "https://chat.example", "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization, content-type"}
        reply = self.sarai.request("OPTIONS", "/v1/chat/completions", headers=asks)
        self.assertEqual((reply.status, reply.body), (204, b""))
        self.assertEqual(reply.headers["access-control-allow-headers"], "authorization, content-type")
        self.assertEqual(self.sarai.request("OPTIONS", "/v1/chat/completions", headers=asks | {"Origin": "https://evil.example"}).status,
                         403)
        stream = self.sarai.request("POST", "/v1/embeddings", {"model": "embed", "input": "x"}, {"Origin": "https://chat.example"})
        self.assertEqual(stream.headers["access-control-allow-origin"], "https://chat.example")


class Reach(unittest.TestCase):
    def test_others_are_not_let_in_without_keys_by_mistake(self):
        sarai = Sarai({"embed": EMBED})
        self.addCleanup(sarai.close)
        sarai.write_config()
        sarai.config.write_text(sarai.config.read_text().replace("127.0.0.1:0", "0.0.0.0:0"))
        check = lambda **env: subprocess.run([BIN / "sarai", "config", "check", sarai.config], capture_output=True, text=True,
                                             env={k: v for k, v in os.environ.items() if not k.startswith("SARAI_")} | env)
        refused = check()
        self.assertEqual(refused.returncode, 2)
        self.assertIn("server.insecure", refused.stdout + refused.stderr)
        self.assertEqual(check(SARAI_API_KEY="x").returncode, 0)
        self.assertEqual(check(SARAI_SERVER_INSECURE="true").returncode, 0)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sarai = Sarai({"lfm2": LFM2})
        cls.certificate, key = cls.sarai.folder / "cert.pem", cls.sarai.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key,
                        "-out", cls.certificate], check=True, capture_output=True)
        cls.sarai.server = f", tls_certificate: '{cls.certificate}', tls_key: '{key}'"
        cls.sarai.start(wait=False)
        cls.sarai.port = int(wait_until(lambda: re.search(r"listening on https://127\.0\.0\.1:(\d+)", cls.sarai.log()),
                                        "the server to listen").group(1))

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def connect(self):
        context = ssl.create_default_context(cafile=self.certificate)
        return http.client.HTTPSConnection("127.0.0.1", self.sarai.port, timeout=30, context=context)

    def test_answers_and_streams(self):
        connection = self.connect()
        for _ in range(3):  # one connection for all
            connection.request("GET", "/v1/models")
            reply = connection.getresponse()
            self.assertEqual((reply.status, json.loads(reply.read())["data"][0]["id"]), (200, "lfm2"))
        connection.request("POST", "/v1/chat/completions", json.dumps(
            {"model": "lfm2", "messages": [{"role": "user", "content": "x" * 200}], "max_tokens": 50, "stream": True}))
        reply = connection.getresponse()
        self.assertTrue(reply.read().endswith(b"data: [DONE]\n\n"))
        connection.close()

    def test_a_client_that_leaves_stops_the_work(self):
        connection = self.connect()
        connection.request("POST", "/v1/chat/completions", json.dumps(
            {"model": "lfm2", "messages": [{"role": "user", "content": "x"}], "max_tokens": 400, "stream": True}))
        connection.getresponse().read(10)
        connection.sock.close()
        connection.close()
        def idle():
            look = self.connect()
            look.request("GET", "/sarai/status")
            return json.loads(look.getresponse().read())["models"][0]["in_flight"] == 0
        wait_until(idle, "the worker to be free")

    def test_plain_http_and_garbage_get_no_answer_and_hurt_nobody(self):
        for sent in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 64, b""):
            with socket.create_connection(("127.0.0.1", self.sarai.port), timeout=15) as raw:
                raw.sendall(sent)
                raw.shutdown(socket.SHUT_WR)
                self.assertNotIn(b"HTTP/1.1 200", raw.recv(4096))
        self.test_answers_and_streams()

    def test_the_command_line_speaks_it(self):
        environment = dict(os.environ, SSL_CERT_FILE=str(self.certificate))
        ps = subprocess.run([BIN / "sarai", "ps", "--url", f"https://localhost:{self.sarai.port}"], capture_output=True, text=True,
                            env=environment)
        self.assertEqual(ps.returncode, 0, ps.stderr)
        stranger = subprocess.run([BIN / "sarai", "ps", "--url", f"https://localhost:{self.sarai.port}"], capture_output=True, text=True)
        self.assertEqual(stranger.returncode, 3)

    def test_a_certificate_that_cannot_be_used_is_said(self):
        other = Sarai({"lfm2": LFM2}, server="tls_certificate: nowhere.pem, tls_key: nowhere.pem")
        self.addCleanup(other.close)
        other.start(wait=False)
        self.assertEqual(other.process.wait(20), 2)
        self.assertIn("server.tls_certificate", other.log())


class SlowClients(unittest.TestCase):
    def test_whoever_sends_slowly_makes_room(self):
        sarai = Sarai({"embed": EMBED}, server="header_timeout: 60s").start()
        self.addCleanup(sarai.close)
        slow = []
        for _ in range(1100):
            one = socket.create_connection(("127.0.0.1", sarai.port), timeout=10)
            one.sendall(b"GET /health HTTP/1.1\r\nX-Slow: ")
            slow.append(one)
        began = time.monotonic()
        self.assertEqual(sarai.request("GET", "/health").status, 200)
        self.assertLess(time.monotonic() - began, 30)
        for one in slow:
            one.close()


if __name__ == "__main__":
    unittest.main()
