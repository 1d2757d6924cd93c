"""A network that drops everything: the box neither closes nor answers, and only the kernel can tell that it is gone.

Needs the right to make network namespaces (root); the cable is a veth pair between two of them. Nothing leaves the machine.
"""
import json
import os
import subprocess
import sys

from harness import MODELS, Case, main, wait_until

BOX = "10.99.0.2"
# An Ollama box, as far as it matters: it lives in the other namespace.
FAKE = r"""
import http.server, json, sys, time
class Box(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b'{"models":[]}'
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200); self.send_header("Transfer-Encoding", "chunked"); self.send_header("Content-Type", "application/x-ndjson"); self.end_headers()
        def part(message, **more):
            line = json.dumps({"model": asked["model"], "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": message}, "done": False, **more}).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line)); self.wfile.flush()
        for i in range(asked.get("options", {}).get("num_predict", 5)):
            part("a"); time.sleep(0.02)
        part("", done=True, done_reason="stop", eval_count=1, prompt_eval_count=1)
        self.wfile.write(b"0\r\n\r\n")
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer((sys.argv[1], 11434), Box)
print("ready", flush=True)
server.serve_forever()
"""


class DeadNetwork(Case):
    def setUp(self):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.box = subprocess.Popen(["unshare", "-n", sys.executable, "-c", "import sys; sys.stdin.readline(); exec(sys.argv[2])", BOX, FAKE],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end_box)
        mine = os.readlink("/proc/self/ns/net")
        wait_until(lambda: os.readlink(f"/proc/{self.box.pid}/ns/net") != mine, "the other namespace")
        enter = ["nsenter", "-t", str(self.box.pid), "-n", "ip"]
        for command in (["ip", "link", "add", "here", "type", "veth", "peer", "name", "there", "netns", str(self.box.pid)],
                        ["ip", "addr", "add", "10.99.0.1/24", "dev", "here"], ["ip", "link", "set", "here", "up"],
                        [*enter, "addr", "add", f"{BOX}/24", "dev", "there"], [*enter, "link", "set", "there", "up"]):
            subprocess.run(command, check=True)
        self.enter = enter
        self.box.stdin.write("\n")
        self.box.stdin.flush()
        self.assertEqual(self.box.stdout.readline(), "ready\n")
        # Long budgets: what is found out here is not found out by a timeout of sarai's own.
        self.sarai = self.serve({"solar": f"backend: ollama_http, endpoints: [{{url: 'http://{BOX}:11434'}}], fallback: gguf_native, "
                                          f"path: '{MODELS}/solar.gguf', context_length: 512, preload: true, "
                                          "timeouts: {silence: 300s, first_token: 300s}"})
        wait_until(lambda: self.sarai.row("solar", "gguf_native")["state"] == "ready", "the fallback")

    def end_box(self):
        self.box.kill()
        self.box.wait(10)
        self.box.stdin.close()
        self.box.stdout.close()
        subprocess.run(["ip", "link", "del", "here"], stderr=subprocess.DEVNULL)

    def unplug(self):
        """The other end's cable: this one keeps its carrier, routes and connections, and nothing comes back."""
        subprocess.run([*self.enter, "addr", "flush", "dev", "there"], check=True)

    def test_an_answer_goes_on_elsewhere(self):
        connection, response = self.sarai.open_stream("solar", max_tokens=100_000, timeout=120)
        seams, seen, unplugged = [], 0, False
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            self.assertNotIn("error", chunk)
            seen += 1
            if seen > 10 and not unplugged:
                unplugged = True
                self.unplug()
            if "sarai_failover" in chunk:
                seams.append(chunk["sarai_failover"])
                break
        connection.close()
        self.assertEqual((len(seams), seams[0]["to"]), (1, "local"), seams)
        self.assertNotIn("nothing came for", seams[0]["reason"], "the kernel has noticed, not the budget")

    def test_a_request_on_a_connection_that_is_dead_is_answered_by_the_fallback(self):
        first = self.sarai.chat("solar", stream=True)
        self.assertEqual(first.headers["x-sarai-endpoint"], f"{BOX}:11434")
        self.unplug()
        second = self.sarai.request("POST", "/v1/chat/completions", {"model": "solar", "messages": [{"role": "user", "content": "Hello"}],
                                                                    "max_tokens": 8, "stream": True}, timeout=120)
        chunks = [json.loads(line[6:]) for line in second.body.splitlines() if line.startswith(b"data: {")]
        # After a sign of life the headers name who was asked first.
        answered = chunks[0].get("sarai_route", {"endpoint": second.headers["x-sarai-endpoint"]})["endpoint"]
        self.assertEqual((second.status, answered, second.body.count(b"[DONE]")), (200, "local", 1))


if __name__ == "__main__":
    if os.environ.get("SARAI_OWN_NETWORK"):
        main()
    if subprocess.run(["unshare", "-n", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        print("not run: no right to make network namespaces (they need root)")
        sys.exit(77)
    os.execvpe("unshare", ["unshare", "-n", sys.executable, "-B", *sys.argv], {**os.environ, "SARAI_OWN_NETWORK": "1"})
