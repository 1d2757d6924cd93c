"""What a worker really takes: starts the real program with one model, drives its worker to the peak, reads the kernel."""
import base64
import concurrent.futures
import contextlib
import http.client
import json
import pathlib
import random
import socket
import struct
import threading
import time
import zlib

import harness


def kernel(pid):
    """Bytes: PSS, its anonymous and file-backed parts, and the highest RSS ever (shared pages counted in full)."""
    found = {}
    for file in ("smaps_rollup", "status"):
        for line in pathlib.Path(f"/proc/{pid}/{file}").read_text().splitlines():
            name, _, value = line.partition(":")
            if value.endswith(" kB"):
                found[name] = int(value.split()[0]) * 1024
    return {"pss": found["Pss"], "rss": found["Rss"], "anonymous": found["Pss_Anon"], "file": found["Pss_File"],
            "high_water": found["VmHWM"]}


class Sampler:
    """Keeps the moment of the most memory. Every 50 ms: the peaks last for seconds, since the engine gives little back."""

    def __init__(self, pid):
        self.pid, self.peak, self.ended = pid, kernel(pid), threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ended.wait(0.05):
            with contextlib.suppress(OSError, KeyError):
                now = kernel(self.pid)
                high_water = max(now["high_water"], self.peak["high_water"])
                self.peak = max(now, self.peak, key=lambda sample: sample["rss"]) | {"high_water": high_water}

    def stop(self):
        self.ended.set()
        self.thread.join()
        return self.peak


@contextlib.contextmanager
def serving(model, described, load_limit=300):
    """The real program with one loaded model; yields it and the worker's row of /sarai/status."""
    text = ", ".join(f"{key}: {value}" for key, value in described.items())
    server = harness.Sarai({model: f"backend: gguf_native, preload: true, {text}"}, memory="max_ram: 1TiB")
    try:
        server.start()
        harness.wait_until(lambda: server.row(model)["state"] in ("ready", "failed"), f"{model} to load", load_limit)
        row = server.row(model)
        if row["state"] != "ready":
            raise RuntimeError(row["last_error"])
        yield server, row
    finally:
        server.close()


class Worker:
    """The worker's own socket: there prompts may be token ids, so that they have exactly the length that is wanted."""

    def __init__(self, pid):
        self.command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
        self.socket = self.command[self.command.index("--host") + 1]

    def request(self, method, path, body=None, timeout=1800):
        connection = http.client.HTTPConnection("localhost", timeout=timeout)
        with contextlib.closing(connection):
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(timeout)
            connection.sock.connect(self.socket)
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
            reply = connection.getresponse()
            return accepted(harness.Reply(reply.status, {}, reply.read()))

    def slot_context(self):
        return self.request("GET", "/props")["default_generation_settings"]["n_ctx"]

    def complete(self, tokens, seed, predict, temperature=0.8):
        """Reads a prompt that is in no cache, writes `predict` tokens; the answer has the engine's timings."""
        return self.request("POST", "/completion", {"prompt": prompt(tokens, seed), "n_predict": predict, "seed": seed,
                                                    "temperature": temperature, "ignore_eos": True})

    def embed(self, tokens, seed):
        return self.request("POST", "/v1/embeddings", {"model": "model", "input": prompt(tokens, seed)})


def prompt(tokens, seed):
    """Token ids that every vocabulary here has, other ones for each seed."""
    chosen = random.Random(seed)
    return [chosen.randrange(300, 3000) for _ in range(tokens)]


def picture(width, height):
    """Stripes as a PNG in a data URL."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    row = b"\0" + bytes(i * 7 % 256 for i in range(3 * width))
    body = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b""))
    return "data:image/png;base64," + base64.b64encode(body).decode()


def accepted(reply):
    if reply.status != 200:
        raise RuntimeError(f"{reply.status}: {reply.body[:300]!r}")
    return reply.json


def at_once(calls):
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [done.result() for done in [pool.submit(call) for call in calls]]
