"""Runs the real programs for tests: servers on ports that the system chose, with tiny models, and always ends them."""
import atexit
import contextlib
import http.client
import http.server
import itertools
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ["SARAI_BIN"])
MODELS = pathlib.Path(os.environ["SARAI_TEST_MODELS"])
# A sanitized sarai takes several times its memory, so that the watchdog would give up models for it.
SANITIZED = bool(os.environ.get("SARAI_SANITIZE"))

# No test reads or writes what the user's own sarai remembers. Servers have a folder each, see Sarai.
os.environ["SARAI_STATE_DIR"] = tempfile.mkdtemp(prefix="sarai-test-state-")
atexit.register(shutil.rmtree, os.environ["SARAI_STATE_DIR"], ignore_errors=True)


def wait_until(condition, what, seconds=20.0):
    """Polls until `condition()` is true; the limit is for hangs, not a measurement."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain: {what}")


def children_of(pid):
    """Direct children's pids of all threads of a process."""
    found = []
    for tasks in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in tasks.read_text().split()]
    return found


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def alive(pid):
    """True for a process that exists and is not a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Sarai:
    """`sarai serve` with a configuration of its own."""

    def __init__(self, models, memory="max_ram: 2GiB", port=0, environment=None, extra="", program=BIN / "sarai", server=""):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sarai-test-"))
        self.config = self.folder / "sarai.yaml"
        self.port = port
        self.memory, self.models, self.extra = memory, models, extra
        self.engine = ""
        self.server = server and ", " + server  # further keys of that section
        self.drain = "2s"
        self.prefix = []  # a command that runs the rest of its arguments
        self.pass_fds = []
        self.environment = environment or {}
        self.program = program
        self.process = None
        self.log_path = self.folder / "log"

    def write_config(self):
        lines = "\n".join(f"  {name}: {{{text}}}" for name, text in self.models.items())
        self.config.write_text(f"server: {{listen: '127.0.0.1:{self.port}', drain_timeout: {self.drain}{self.server}}}\n"
                               f"memory: {{{self.memory}, reserve: 0}}\n"
                               f"engine: {{runtime_dir: '{self.folder}/run'{self.engine}}}\n{self.extra}\nmodels:\n{lines}\n")

    def start(self, wait=True):
        self.write_config()
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith("SARAI_") and k not in ("OLLAMA_BASE_URL", "MAX_CONCURRENT_LLMS", "SOLAR_PREFER_HTTP")}
        if SANITIZED:
            environment["SARAI_MEMORY_ENFORCEMENT"] = "off"
        environment.update({"SARAI_STATE_DIR": str(self.folder / "state"), "SARAI_LIBRARY_PATH": str(self.folder / "library"),
                            "TMPDIR": str(self.folder / "scratch")}
                           | self.environment)
        with open(self.log_path, "ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen([*self.prefix, self.program, "serve", "--config", self.config], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=environment, pass_fds=self.pass_fds)
        if wait:
            self.port = int(wait_until(self._announced, "the server to listen"))
        return self

    def _announced(self):
        if self.process.poll() is not None:
            raise AssertionError(f"sarai ended with {self.process.returncode}:\n{self.log()}")
        found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", self.log(since_start=True))
        return found and found.group(1)

    def log(self, since_start=False):
        return self.log_path.read_bytes()[self.log_start if since_start else 0:].decode(errors="replace")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            payload = None if body is None else body if isinstance(body, (bytes, str)) else json.dumps(body)
            connection.request(method, path, payload, headers or {})
            reply = connection.getresponse()
            return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def chat(self, model, text="Hello", max_tokens=8, **more):
        return self.request("POST", "/v1/chat/completions",
                            {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": max_tokens, **more})

    def open_stream(self, model, max_tokens=200, timeout=60, headers=None, **more):
        """A streamed chat whose head has arrived; the caller closes the connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        connection.request("POST", "/v1/chat/completions",
                           json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}],
                                       "max_tokens": max_tokens, "stream": True, **more}), headers or {})
        return connection, connection.getresponse()

    def stream(self, path, body, headers=None, timeout=60):
        """The JSON objects of a whole event stream."""
        reply = self.request("POST", path, body, headers, timeout)
        assert reply.status == 200, reply.body
        return [json.loads(line[6:]) for line in reply.body.decode().splitlines() if line.startswith("data: {")]

    def status(self):
        return self.request("GET", "/sarai/status").json

    def row(self, model, backend=None):
        rows = [r for r in self.status()["models"] if r["name"] == model and backend in (None, r["backend"])]
        return rows[0] if rows else None

    def workers(self):
        """Without the short-lived children that look at files (of models that hear, their planning ones are among them)."""
        here = children_of(self.process.pid) if self.process and self.process.poll() is None else []
        return [child for child in here if name_of(child) != "sarai-measure"]

    def family(self):
        """Pids of sarai and all its children."""
        return [self.process.pid, *children_of(self.process.pid)]

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait(30)

    def cli(self, *arguments, input=None, timeout=120):
        return run_cli(*arguments, input=input, timeout=timeout, environment={"SARAI_URL": self.url})

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        shutil.rmtree(self.folder, ignore_errors=True)


def run_cli(*arguments, input=None, timeout=120, environment=None):
    full = {k: v for k, v in os.environ.items() if not k.startswith("SARAI_") or k == "SARAI_STATE_DIR"}
    full.update(environment or {})
    return subprocess.run([BIN / "sarai", *map(str, arguments)], input=input, capture_output=True, text=True, timeout=timeout, env=full,
                          stdin=subprocess.DEVNULL if input is None else None)


class Demo:
    """`sarai demo`, as `make run` starts it. `text` is what it printed until it was ready."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="sarai-test-")
        self.port, self.lan_port = free_port(), free_port()
        self.process = subprocess.Popen([BIN / "sarai", "demo", "--port", str(self.port), "--lan-port", str(self.lan_port)],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                                        env={**os.environ, "XDG_CACHE_HOME": self.folder.name})
        self.url = f"http://127.0.0.1:{self.port}"
        self.text = ""
        while "Ctrl-C ends everything" not in self.text:
            line = self.process.stdout.readline()
            assert line, self.process.poll() is not None and self.process.stderr.read()
            self.text += line
        self.lan_pid = int(self.text.split("  kill ")[1].split()[0])

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        status = self.process.wait(30)
        self.process.stdout.close()
        self.process.stderr.close()
        self.folder.cleanup()
        return status


class Terminal:
    """A command of sarai's at a terminal. `seen` is all that stood there since the last write."""

    def __init__(self, *command, url):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(BIN / "sarai", ["sarai", *command], {**os.environ, "SARAI_URL": url, "TERM": "xterm"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
        os.close(self.fd)

    def write(self, data):
        self.seen = b""
        os.write(self.fd, data)

    def read(self, until, seconds=20):
        """Reads until `until(seen)` holds."""
        end = time.monotonic() + seconds
        while not until(self.seen) and time.monotonic() < end and self._more(0.1):
            pass
        assert until(self.seen), self.seen

    def end(self, seconds=20):
        """Waits for the program's end, for its exit status."""
        end = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < end, f"the program did not end; it wrote {self.seen}"
            self._more(0.05)

    def _more(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                self.seen += os.read(self.fd, 4096)
            except OSError:
                return False
        return True


def local(name, more=""):
    """A model line with a tiny GGUF of that role."""
    return f"backend: gguf_native, path: '{MODELS}/{name}.gguf', context_length: 512{', ' + more if more else ''}"


def long(name, more=""):
    """The same with room for answers that take seconds: the usual 512 tokens are over before anything can happen to them."""
    return local(name, more).replace("context_length: 512", "context_length: 32768")


def ear(more=""):
    """The same for the tiny model that hears."""
    return f"backend: whisper, path: '{MODELS}/whisper.bin'{', ' + more if more else ''}"


def ollama(url, model, more=""):
    return f"backend: ollama_http, endpoints: [{{url: '{url}'}}], model: '{model}'{', ' + more if more else ''}"


class FakeUpstream:
    """sarai-fake-upstream: a scripted server, see tests/support/fake_upstream_main.cpp."""

    def __init__(self, protocol, seed=1, fault_rate=0, tokens=5, token_delay_ms=0, token=""):
        self.process = subprocess.Popen([BIN / "sarai-fake-upstream", protocol, *map(str, (seed, fault_rate, tokens, token_delay_ms, token))],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)

    def tell(self, line):
        """What was said before "stats" is answered has been done."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        if line != "stats":
            self.stats()

    def stats(self):
        self.tell("stats")
        return json.loads(self.process.stdout.readline())


_ports = itertools.count(os.getpid() * 61)


def free_port():
    """For servers that must come back on the same port: below those that the system gives to who asks for any."""
    while True:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", 20000 + next(_ports) % 12000))
            return probe.getsockname()[1]


def kernel_memory(pids):
    """Sums of smaps_rollup in bytes: (Pss, Pss_Anon, Pss_File). Who has gone counts nothing."""
    sums = {"Pss": 0, "Pss_Anon": 0, "Pss_File": 0}
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        for name in sums:
            sums[name] += int(re.search(rf"^{name}:\s+(\d+) kB$", text, re.M).group(1)) * 1024
    return sums["Pss"], sums["Pss_Anon"], sums["Pss_File"]


class JsonFace(http.server.BaseHTTPRequestHandler):
    """Of a server that pretends: what it says is JSON."""

    def answer(self, body):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Case(unittest.TestCase):
    maxDiff = None

    def serve(self, models, **more):
        server = Sarai(models, **more)
        self.addCleanup(server.close)
        return server.start()



def main():
    unittest.main()
