"""What a local fallback does before it is needed: it reads ahead, answers beside a slow server, and covers for one that sleeps."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from harness import BIN, MODELS, Case, FakeUpstream, Sarai, free_port, local, main, ollama, wait_until

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="sarai-test-"))
MODEL = FOLDER / "model.gguf"  # F32: see test_failover.py
FALLBACK = f"fallback: gguf_native, path: '{MODEL}', context_length: 2048, preload: true"
LONG = "Tell me of the sea. " * 30  # 600 tokens


def setUpModule():
    subprocess.run([BIN / "sarai-synth", "lfm2", "--size", "tiny", "--quant", "F32", "--seed", "4", "-o", MODEL], check=True, capture_output=True)


def tearDownModule():
    shutil.rmtree(FOLDER, ignore_errors=True)


def counter(sarai, name):
    """The sum over all labels."""
    text = sarai.request("GET", "/metrics").body.decode()
    return sum(float(n) for n in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))


def openai(url, more):
    return f"backend: openai_http, endpoints: [{{url: '{url}'}}], {more}"


def ready(sarai, model):
    wait_until(lambda: sarai.row(model, "gguf_native")["state"] == "ready", "the fallback")


class WarmTakeover(Case):
    def answer(self, sarai, at=None, then=None):
        connection, response = sarai.open_stream("solar", max_tokens=400, temperature=0, stream_options={"include_usage": True}, messages=[{"role": "user", "content": LONG}])
        text = ""
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            self.assertNotIn("error", chunk)
            self.usage = chunk.get("usage")
            text += "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])
            if at is not None and len(text) >= at:
                at = None
                then()
        connection.close()
        return text

    def test_prompt_and_answer_are_read_ahead_and_the_text_is_the_same(self):
        lan = self.serve({"solar": f"backend: gguf_native, path: '{MODEL}', context_length: 2048, preload: true"})
        sarai = self.serve({"solar": ollama(lan.url, "solar", FALLBACK + ", warm_takeover: true")})
        ready(sarai, "solar")
        undisturbed = self.answer(sarai)
        self.assertEqual(len(undisturbed), 400)

        for pause in (0.2, 1, 5):  # until the worker has had time to read; how long that takes depends on the machine

            def kill():
                for pid in lan.workers():
                    os.kill(pid, signal.SIGSTOP)
                time.sleep(pause)
                lan.kill()

            self.assertEqual(self.answer(sarai, at=100, then=kill), undisturbed)
            # It may have been whole before its server was lost.
            if counter(sarai, "sarai_read_ahead_tokens_total") > 600 and " failovers=1 read_ahead=" in sarai.log():
                break
            lan.start()
            wait_until(lambda: lan.row("solar")["state"] == "ready" and sarai.status()["endpoints"][0]["up"], "the LAN box")
        self.assertGreater(counter(sarai, "sarai_read_ahead_tokens_total"), 600, "the prompt at least")
        self.assertRegex(sarai.log(), r" failovers=1 read_ahead=\d+")
        self.assertGreater(self.usage["prompt_tokens_details"]["cached_tokens"], 600, "the takeover was spared it")

    def test_a_worker_that_computes_for_somebody_reads_nothing_ahead(self):
        lan = self.serve({"solar": f"backend: gguf_native, path: '{MODEL}', context_length: 2048, preload: true"})
        sarai = self.serve({"solar": ollama(lan.url, "solar", FALLBACK + ", warm_takeover: true"), "busy": local("lfm2", "preload: true")})
        ready(sarai, "solar")
        wait_until(lambda: sarai.row("busy")["state"] == "ready", "the other model")
        stop = threading.Event()

        def keep_busy():
            while not stop.is_set():
                connection, response = sarai.open_stream("busy", max_tokens=400)
                response.read()
                connection.close()

        clients = [threading.Thread(target=keep_busy) for _ in range(6)]  # so that somebody always waits for its only slot
        for client in clients:
            client.start()
        try:
            wait_until(lambda: sarai.row("busy")["in_flight"] > 0, "somebody to be answered")
            def kill():
                for pid in lan.workers():
                    os.kill(pid, signal.SIGSTOP)
                time.sleep(1)  # in which an idle worker reads all of it, see above
                lan.kill()

            for attempt in range(5):
                if attempt:  # it was whole before its server was lost
                    lan.start()
                    wait_until(lambda: lan.row("solar")["state"] == "ready" and sarai.status()["endpoints"][0]["up"], "the LAN box")
                self.answer(sarai, at=100, then=kill)
                if " failovers=1" in sarai.log():
                    break
            self.assertIn(" failovers=1", sarai.log())
        finally:
            stop.set()
            for client in clients:
                client.join(60)
        # Between two answers of the other model lies a moment; much cannot be read in it.
        self.assertLess(counter(sarai, "sarai_read_ahead_tokens_total"), 600)


class Hedge(Case):
    def test_the_local_worker_answers_where_a_server_is_later_than_usual(self):
        with FakeUpstream("openai") as fake:
            sarai = self.serve({"solar": openai(fake.url, FALLBACK + ", hedge: true")})
            ready(sarai, "solar")

            def ask():
                connection, response = sarai.open_stream("solar", max_tokens=5)
                headers = {k.lower(): v for k, v in response.getheaders()}
                body = response.read().decode()
                connection.close()
                self.assertEqual((response.status, body.count("[DONE]"), body.count('"finish_reason":"')), (200, 1, 1), body)
                return headers

            server = fake.url.removeprefix("http://")
            for _ in range(10):  # from then on it is known what is usual, and what is later is hedged
                self.assertEqual(ask()["x-sarai-endpoint"], server)
            wait_until(lambda: sarai.row("solar", "openai_http")["first_tokens"][0]["streams"] >= 10, "ten to be counted")
            fake.tell("silent")
            headers = ask()
            self.assertEqual((headers["x-sarai-endpoint"], headers["x-sarai-backend"]), ("local", "gguf_native"))
            self.assertIn("95 % of its last answers", headers["x-sarai-reason"])
            self.assertRegex(sarai.request("GET", "/metrics").body.decode(), r'sarai_hedges_total{[^}]*winner="local"[^}]*} 1\n')
            self.assertTrue(sarai.status()["endpoints"][0]["up"], "slow is not down")
            fake.tell("good")
            wait_until(lambda: ask()["x-sarai-endpoint"] == server, "the server to be the faster one again")
            wait_until(lambda: all(row["in_flight"] == 0 for row in sarai.status()["models"] if row["backend"] == "gguf_native"), "all slots")


class Asleep(Case):
    def setUp(self):
        self.packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.packets.bind(("127.0.0.1", 0))
        self.packets.settimeout(20)
        self.addCleanup(self.packets.close)
        self.port = free_port()

    def model(self, more=""):
        endpoint = f"{{url: 'http://127.0.0.1:{self.port}', mac: '02:00:5e:10:00:ff', wake_address: '127.0.0.1:{self.packets.getsockname()[1]}'}}"
        return f"backend: ollama_http, endpoints: [{endpoint}], model: lfm2{more}"

    def wait_for_packet(self):
        packet = self.packets.recv(4096)
        self.assertEqual(packet, b"\xff" * 6 + bytes.fromhex("02005e1000ff") * 16)

    def wake_up(self):
        box = Sarai({"lfm2": local("lfm2", "preload: true")}, port=self.port)
        self.addCleanup(box.close)
        return box.start()

    def test_the_fallback_answers_until_the_server_is_awake(self):
        sarai = self.serve({"solar": self.model(f", fallback: gguf_native, path: '{MODELS}/solar.gguf', context_length: 512")})
        reply = sarai.chat("solar")
        self.assertEqual((reply.status, reply.headers["x-sarai-endpoint"]), (200, "local"))
        self.wait_for_packet()
        self.assertIn("waking it", sarai.log())
        self.wake_up()
        wait_until(lambda: sarai.chat("solar").headers["x-sarai-endpoint"] == f"127.0.0.1:{self.port}", "the server")

    def test_who_has_no_fallback_waits_for_it(self):
        sarai = self.serve({"solar": self.model()})
        replies = []
        asks = threading.Thread(target=lambda: replies.append(sarai.chat("solar")))
        asks.start()
        self.wait_for_packet()
        self.wake_up()
        asks.join(60)
        self.assertEqual([(reply.status, reply.headers["x-sarai-endpoint"]) for reply in replies], [(200, f"127.0.0.1:{self.port}")])


class Dying(Case):
    def test_a_worker_that_is_killed_again_and_again_comes_back(self):
        sarai = self.serve({"lfm2": local("lfm2", "preload: true")})
        for kill in range(3):
            wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "the worker")
            pid = sarai.row("lfm2")["pid"]
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: sarai.row("lfm2")["pid"] != pid, "its death to be noticed")
            paused = "restart_in_s" in sarai.row("lfm2")
            self.assertEqual(paused, kill > 0, "once is an accident")
            self.assertEqual(sarai.chat("lfm2").status, 200)


if __name__ == "__main__":
    main()
