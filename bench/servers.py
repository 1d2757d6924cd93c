"""The servers that sarai is compared with. Each is a context manager that ends what it has started."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

from harness import wait_until

# As sarai has it for workers that share cores (src/engine/worker_args.cpp). Those with all cores keep each thread on one of its
# own, which a router cannot pass on: the kernel would leave its worker the one core that it is bound to itself.
QUIET = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "500"}


@contextlib.contextmanager
def process(arguments, log, **more):
    with open(log, "wb") as out:
        child = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out, **more)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="sarai-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def environment(more):
    return {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "LLAMA_"))} | more


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=600)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def is_ready(worker_socket):
    """Does a llama-server on a unix socket have its model?"""
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(UnixConnection(worker_socket)) as connection:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    return False


def command_of(pid):
    """Nothing if it has just gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
    return []


def option(arguments, name):
    return arguments[arguments.index(name) + 1]


NGINX = """\
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; keepalive_requests 1000000; tcp_nodelay on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream worker {{ server unix:{worker}; keepalive 8; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://worker; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 300s;
    }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(worker_socket):
    """A streaming proxy as one would write it by hand. Yields its port."""
    with folder() as home, socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        port = listener.getsockname()[1]
        (home / "nginx.conf").write_text(NGINX.format(folder=home, worker=worker_socket, port=port))
        # It takes over the listening socket, so that the port cannot be lost between choosing and using it.
        listener.set_inheritable(True)
        with process(["nginx", "-p", home, "-c", home / "nginx.conf", "-e", home / "error.log"], home / "log",
                     env=os.environ | {"NGINX": f"{listener.fileno()};"}, pass_fds=[listener.fileno()]):
            yield port


def status_of_model(port):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/models")
        return json.loads(connection.getresponse().read())["data"][0]["status"]["value"]


@contextlib.contextmanager
def router(worker_command):
    """llama-server in router mode, its model with the flags of sarai's worker and QUIET. Yields its port."""
    model, lines, at = option(worker_command, "--alias"), [], 1
    own = {"--host", "--alias"}  # the router sets them itself
    everywhere = {"--offline", "--no-webui", "--no-slots", "--jinja"}
    while at < len(worker_command):
        name = worker_command[at]
        has_value = at + 1 < len(worker_command) and not worker_command[at + 1].startswith("--")
        if name not in own | everywhere:
            lines.append(f"{name[2:]} = {worker_command[at + 1] if has_value else 'true'}")
        at += 2 if has_value else 1
    with folder() as home:
        (home / "models.ini").write_text(f"version = 1\n\n[{model}]\n" + "\n".join(lines) + "\nload-on-startup = true\n")
        log = home / "log"
        flags = [flag for flag in worker_command if flag in everywhere]
        with process([worker_command[0], "--models-preset", home / "models.ini", "--host", "127.0.0.1", "--port", "0", *flags], log,
                     env=environment(QUIET)) as child:
            def listening():
                text = log.read_text(errors="replace")
                if child.poll() is not None:
                    raise RuntimeError(f"the router ended:\n{text}")
                # The model's own lines begin with its port in brackets.
                found = re.search(r"^(?!\[\d+\]).*listening on http://127\.0\.0\.1:(\d+)", text, re.M)
                return found and int(found.group(1))
            port = wait_until(listening, "the router")
            wait_until(lambda: status_of_model(port) == "loaded", "the router's model")
            yield port
