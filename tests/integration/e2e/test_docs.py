"""The documents do what they say: every command of the READMEs and the tutorial is run as it stands, in order, in a folder
that looks like a clone, and what they print is compared with what comes."""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.request

from documents import DOCUMENTS, ROOT, anchors_of, blocks_of, commands_of, first_difference, whole_configuration, without_comment
from harness import BIN, MODELS, SANITIZED, Case, free_port, main, run_cli, wait_until

# All that stands between a document and its commands, and why. Paths are of the folder that plays the clone.
STAND_INS = {
    # The launcher would build a release first; the programs under test are built. Ports as everywhere, see Folder.
    "sarai": """#!/bin/sh
if [ "$1" = demo ]; then shift; set -- demo --port $DEMO_PORT --lan-port $DEMO_LAN_PORT "$@"; fi
exec "$SARAI_PROGRAM" "$@"
""",
    # `make test` would run this very test, so the real Makefile only gets as far as the commands that it would run.
    "scripts/toolbox": '#!/bin/sh\necho "would run: $*"\n',
}
# How many blocks of a document may have "not run: REASON" above them. All that there are run; whoever adds one says why it cannot.
NOT_RUN = {}
# The synthetic models do not end their sentences, so a conversation is left when so much of it has come.
ENOUGH_TEXT = 60


class Folder:
    """A clone to be, with a home of its own: models, an Ollama library, and nothing of the user's."""

    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="sarai-test-docs-"))
        self.path = self.home / "sarai"
        for name, text in STAND_INS.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
            (self.path / name).chmod(0o755)
        for name in ("Makefile", "docs", "config"):
            (self.path / name).symlink_to(ROOT / name)
        shutil.copytree(MODELS, self.path / "models")
        # An answer that is an error is a command that failed.
        (self.home / ".curlrc").write_text("fail-with-body\n")
        self._ollama_library()
        # The documents' ports may be taken here, so each has another one that is not.
        self.ports = {}
        self.servers = {}  # the document's port → (process, its log)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("SARAI_") and not k.startswith("XDG_")} | {
            "HOME": str(self.home), "SARAI_PROGRAM": str(BIN / "sarai"), "SARAI_URL": self.with_ports("http://127.0.0.1:11435"),
            "DEMO_PORT": self.with_ports("11435"), "DEMO_LAN_PORT": self.with_ports("11436"),
            "OLLAMA_BASE_URL": self.with_ports("http://127.0.0.1:11434"), "LC_ALL": "C.UTF-8", "COLUMNS": "120"}
        if SANITIZED:
            self.environment["SARAI_MEMORY_ENFORCEMENT"] = "off"

    def _ollama_library(self):
        def blob(content):
            name = hashlib.sha256(content).hexdigest()
            path = self.home / ".ollama/models/blobs" / f"sha256-{name}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            return f"sha256:{name}", len(content)

        def layer(kind, content):
            digest, size = blob(content)
            return {"mediaType": kind, "digest": digest, "size": size}

        manifest = self.home / ".ollama/models/manifests/registry.ollama.ai/library/lfm2/latest"
        manifest.parent.mkdir(parents=True)
        manifest.write_text(json.dumps({
            "schemaVersion": 2, "config": layer("application/vnd.docker.container.image.v1+json", b'{"model_format":"gguf"}'),
            "layers": [layer("application/vnd.ollama.image.model", (MODELS / "lfm2.gguf").read_bytes())]}))

    def with_ports(self, text):
        def other(match):
            return self.ports.setdefault(match.group(), str(free_port()))
        return re.sub(r"\b1143\d\b", other, text)

    def write(self, block):
        """A configuration whose first line is its name: `# my.yaml`, or `# my.yaml +` for what is added to it."""
        name = re.match(r"# ([\w.-]+\.yaml)( \+)?$", block.text, re.M)
        if name:
            # The synthetic models write on to the end of what they may.
            bounded = re.sub(r"max_tokens: \d{3,}", "max_tokens: 20", block.text)
            with open(self.path / name.group(1), "a" if name.group(2) else "w") as file:
                file.write(self.with_ports(bounded) + "\n")

    def port_of(self, command):
        """Of the server that a command starts and that stays: as the document names it. None for other commands."""
        words = without_comment(command)
        if words[:2] in (["make", "run"], ["./sarai", "demo"]):
            return "11435"
        if words[:2] != ["./sarai", "serve"]:
            return None
        file = self.path / words[words.index("--config") + 1] if "--config" in words else None
        text = file.read_text() if file and file.exists() else ""
        listen = re.search(r"listen: *[\"']?127\.0\.0\.1:(\d+)", text)
        return next((d for d, mine in self.ports.items() if listen and mine == listen.group(1)), "11435")

    def run(self, command):
        """Its output, as a reader sees it. A server stays until another one wants its port, or "Ctrl-C" is said."""
        port = self.port_of(command)
        if port:
            return self._serve(command, port)
        script = self.with_ports(command.text)
        process = subprocess.Popen(["bash", "-euo", "pipefail", "-c", script], cwd=self.path, env=self.environment, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        left = False
        if "./sarai run" in script and "|" not in script:
            text = ""
            while len(text) < ENOUGH_TEXT and (more := process.stdout.read(1)):
                text += more
            left = process.poll() is None and len(text) == ENOUGH_TEXT
            if left:
                os.killpg(process.pid, signal.SIGINT)
        else:
            text = ""
        try:
            text += process.communicate(timeout=60)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError(f"did not end within a minute:\n{text}{process.communicate()[0]}") from None
        if process.returncode != command.status and not (left and process.returncode in (130, -signal.SIGINT)):
            raise AssertionError(f"exit status {process.returncode} instead of {command.status}:\n{text}")
        return text

    def _serve(self, command, port):
        self.end(port)
        log = self.home / f"log-{len(list(self.home.glob('log-*')))}"
        with open(log, "wb") as out:
            process = subprocess.Popen(["bash", "-euc", "exec " + self.with_ports(command.text)], cwd=self.path, env=self.environment,
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        self.servers[port] = process, log
        ready = "is ready on" if port == "11435" and "serve" not in command.text else "listening on"
        wait_until(lambda: ready in log.read_text(errors="replace") or process.poll() is not None, f"the server of {command.text}", 60)
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}:\n{log.read_text(errors='replace')}")
        # A reader's next command comes seconds later; by then the first probe has found servers that start beside this one.
        status = f"http://127.0.0.1:{self.ports[port]}/sarai/status"
        wait_until(lambda: all(e["up"] for e in json.load(urllib.request.urlopen(status, timeout=20))["endpoints"]), "its servers")
        return log.read_text(errors="replace")

    def end(self, port):
        """Ctrl-C in the shell of that server."""
        process, _ = self.servers.pop(port, (None, None))
        if process and process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(30)

    def close(self):
        for port in list(self.servers):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.end(port)
        shutil.rmtree(self.home, ignore_errors=True)


class Documents(Case):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)

    def play_ollama(self):
        """The Ollama server that a reader of the README has: another sarai."""
        (self.folder.path / "box.yaml").write_text(self.folder.with_ports(
            "server: {listen: 127.0.0.1:11434}\nmemory: {max_ram: 1GiB}\n"
            "models: {\"solar:10.7b\": {backend: gguf_native, path: models/solar.gguf}}\n"))
        block = type("Played", (), {"text": "./sarai serve --config box.yaml", "line": 1, "place": "box"})
        self.folder.run(commands_of(block)[0])

    def follow(self, document):
        output = ""
        for block in self.run_blocks(document):
            if block.language == "mark" and block.text.startswith("Ctrl-C: "):
                self.folder.end(block.text.removeprefix("Ctrl-C: "))
            elif block.language == "yaml":
                self.folder.write(block)
            elif block.language == "text":
                self.assertIsNone(first_difference(self.folder.with_ports(block.text), output), f"{block.place} is not what came:\n{output}")
            elif block.language == "sh":
                output = "\n".join(self.do(block, command) for command in commands_of(block))

    def run_blocks(self, document):
        skipped = [b for b in blocks_of(document) if b.language == "sh" and b.mark.startswith("not run: ")]
        self.assertLessEqual(len(skipped), NOT_RUN.get(document, 0), [f"{b.place}: {b.mark}" for b in skipped])
        return [b for b in blocks_of(document) if b not in skipped]

    def do(self, block, command):
        began = time.monotonic()
        try:
            return self.folder.run(command)
        except AssertionError as error:
            raise AssertionError(f"{block.document}:{command.line}: {command.text}\n{error}") from None
        finally:
            print(f"{time.monotonic() - began:5.1f} s  {block.document}:{command.line}: {command.text.splitlines()[0]}", flush=True)

    def test_the_readme_does_what_it_says_in_both_languages(self):
        """A translation has the same blocks; where its commands differ, they do in what is said to models, and are run as well."""
        self.play_ollama()
        english, spanish = ([b for b in self.run_blocks(d) if b.language in ("sh", "yaml", "mark")] for d in ("README.md", "README.es.md"))
        self.assertEqual([(b.language, b.mark) for b in english], [(b.language, b.mark) for b in spanish])
        for block, translated in zip(english, spanish):
            if block.language == "yaml":
                self.assertEqual(block.text, translated.text)
                self.folder.write(block)
            elif block.language == "sh":
                commands = commands_of(block), commands_of(translated)
                self.assertEqual(len(commands[0]), len(commands[1]), translated.place)
                for command, other in zip(*commands):
                    self.do(block, command)
                    words, others = without_comment(command), without_comment(other)
                    if words != others:
                        self.assertEqual([w for w in words if " " not in w], [w for w in others if " " not in w], translated.place)
                        self.do(translated, other)

    def test_the_tutorial_leads_to_the_reference_system(self):
        self.follow("docs/tutorial.md")

    def test_the_recipes_of_the_cookbook_work(self):
        self.follow("docs/cookbook.md")

    def test_the_pictures_of_the_concepts_are_those_of_the_running_system(self):
        self.follow("docs/concepts.md")

    def test_what_is_wrong_in_a_document_is_found(self):
        wrong = {"sh\n./sarai config chekc config/sarai.yaml": "exit status 2 instead of 0",
                 "sh\n./sarai config check config/sarai.yaml # (exit status 4)": "exit status 0 instead of 4",
                 "sh\n./sarai config check config/sarai.yaml\n```\n```text\nsarai.yaml: valid: 99 modules": "is not what came",
                 "sh\n./sarai serve --config nowhere.yaml": "ended with 2",
                 "yaml\n# my.yaml\nserver: {listen: 127.0.0.1:11435}\nmodels: {a: {backend: gguf_native, path: a.gguf}}\n```\n"
                 "```sh\n./sarai serve --config my.yaml\ncurl -s http://127.0.0.1:11435/nowhere": "exit status 22",
                 "sh\necho 'open": "a quote is never closed"}
        page = self.folder.home / "wrong.md"
        for text, message in wrong.items():
            page.write_text(f"```{text}\n```\n")
            with self.assertRaisesRegex(AssertionError, message):
                self.follow(page)
        page.write_text("<!-- not run: needs a printer -->\n```sh\nfalse\n```\n")
        with self.assertRaisesRegex(AssertionError, "needs a printer"):
            self.follow(page)
        page.write_text("```sh\n./sarai config check config/sarai.yaml\n```\nPrints:\n```text\n… valid: 99 models (…)…\n```\n")
        self.follow(page)


class Texts(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        for document in DOCUMENTS:
            for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
                if re.match("https?:|mailto:", target):
                    continue
                path, _, anchor = target.partition("#")
                file = (document.parent / path).resolve() if path else document
                self.assertTrue(file.exists(), f"{document}: {target}")
                if anchor:
                    self.assertIn(anchor, anchors_of(file), f"{document}: {target}")

    def test_every_document_is_linked_from_the_readme(self):
        for readme in ("README.md", "README.es.md"):
            text = (ROOT / readme).read_text()
            for document in (ROOT / "docs").glob("*.md"):
                self.assertTrue(f"(docs/{document.name})" in text, f"{readme} has no link to docs/{document.name}")

    def test_every_configuration_is_valid(self):
        """Also those that only show a part of one. What is YAML and none has `<!-- no configuration -->` above it."""
        sections = re.findall(r"^### `(\w+)`$", (ROOT / "docs/configuration.md").read_text(), re.M)
        self.assertIn("models", sections)
        found = [b for d in DOCUMENTS for b in blocks_of(d.relative_to(ROOT)) if b.language == "yaml" and b.mark != "no configuration"]
        self.assertGreater(len(found), 15)
        with tempfile.TemporaryDirectory(prefix="sarai-test-docs-") as folder:
            for block in found:
                path = pathlib.Path(folder) / "some.yaml"
                path.write_text(whole_configuration(block.text, sections))
                done = run_cli("config", "check", path, environment={"OLLAMA_BASE_URL": "http://lan-box:11434", "KEY": "k", "BEN_KEY": "b" * 32})
                self.assertEqual(done.returncode, 0, f"{block.place}\n{done.stdout}{done.stderr}\n{path.read_text()}")

    def test_messages_that_are_explained_are_those_of_the_program(self):
        """What is said in bold in troubleshooting.md, piece by piece between its "…", is in strings of the source."""
        strings = re.sub(r'"\s*\n\s*"', "", "\n".join(f.read_text() for f in (ROOT / "src").rglob("*.cpp")))
        quoted = re.findall(r"\*\*`([^`]+)`\*\*", (ROOT / "docs/troubleshooting.md").read_text())
        self.assertGreater(len(quoted), 40)
        quoted = [re.sub(r"\d+ \(\w+ ?\w*\)$", "…", message) for message in quoted]  # a signal, as the C library calls it
        self.assertEqual([(m, piece) for m in quoted for piece in m.split("…") if piece.strip(" ,;:()'") not in strings], [])

    def test_the_api_has_every_route(self):
        routes = re.findall(r'Route\{"(\w+)", "([^"]+)"', (ROOT / "src/gateway/gateway.cpp").read_text())
        self.assertGreater(len(routes), 40)
        rows = "\n".join(line for line in (ROOT / "docs/api.md").read_text().splitlines() if line.startswith("| `"))
        # Some rows tell of several ("also below /v1"), so what follows /v1 has to be there.
        missing = [f"{method} {path}" for method, path in routes if path.removeprefix("/v1").rstrip("/") not in rows]
        self.assertEqual(missing, [], "docs/api.md does not tell of them")

    def test_pictures_are_small_enough_for_a_clone(self):
        for picture in (ROOT / "docs" / "images").iterdir():
            self.assertLessEqual(picture.stat().st_size, 200_000, picture)


if __name__ == "__main__":
    main()
