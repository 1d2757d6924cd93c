"""Replays the recorded requests of Ollama's API (tests/data/ollama-wire) and compares status, fields and JSON types.

Models of the recorded names are served from the same tiny architectures. Every difference stands in replay_accepted.py
with its reason, and all that stands there occurs. Leaves $SARAI_CONFORMANCE/replay_ollama.md for the table.
"""
import fnmatch
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration" / "e2e"))
from harness import MODELS, Case, local, unittest  # noqa: E402

from replay_accepted import ACCEPTED, NOT_REPLAYED  # noqa: E402

RECORDINGS = HERE.parent / "data" / "ollama-wire"
FOLDER = pathlib.Path(os.environ["SARAI_CONFORMANCE"])

# The files of the recordings, which we do not have: digest there → what we send instead.
_files = {
    "5f7db0967166b4389ddecbca363cba4e6e31f50e1ee5949faaa97fbf6643a26f": (MODELS / "solar.gguf").read_bytes(),
    "46439e04ef1740e61817e6f07054de89592e994ab36aea53dd1a79fd12e2bb98": (MODELS / "embed.gguf").read_bytes(),
    "2258f3166a230a843eb28a276dd7fbfecd88a6bd8ebd1e7b2ab5221c1bf485cb": (MODELS / "lfm2.gguf").read_bytes(),
    "6d600c986af0146713c5c43c8452cfc7b6c4dd5c0f0aeb5a1b1c0cfc73957ec6": b"no model at all\n" * 64,
    "213284179ad03db9daf5bfc45161fca0a494a39efcc273e1530b8b8e715cb640": (MODELS / "solar.gguf").read_bytes()[:100_000],
}
OURS = {theirs: hashlib.sha256(data).hexdigest() for theirs, data in _files.items()}
CONTENT = {OURS[theirs]: data for theirs, data in _files.items()}
SOLAR, EMBED = list(CONTENT)[:2]

# Requests that the recordings do not tell: (method, path, headers, body).
PAGE, STRANGER = {"Origin": "http://localhost:3000"}, {"Origin": "http://evil.example"}
UNTOLD = {
    "01-blob-head-missing-embed": ("HEAD", f"/api/blobs/sha256:{EMBED}", {}, None),
    "01-blob-head-missing-solar": ("HEAD", f"/api/blobs/sha256:{SOLAR}", {}, None),
    "02-blob-post-embed": ("POST", f"/api/blobs/sha256:{EMBED}", {}, CONTENT[EMBED]),
    "02-blob-post-solar": ("POST", f"/api/blobs/sha256:{SOLAR}", {}, CONTENT[SOLAR]),
    "03-blob-head-embed": ("HEAD", f"/api/blobs/sha256:{EMBED}", {}, None),
    "03-blob-head-solar": ("HEAD", f"/api/blobs/sha256:{SOLAR}", {}, None),
    "71-head-root": ("HEAD", "/", {}, None),
    "136-cors-ok": ("GET", "/api/version", PAGE, None),
    "137-cors-bad": ("GET", "/api/version", STRANGER, None),
    "138-cors-preflight": ("OPTIONS", "/api/chat", {**PAGE, "Access-Control-Request-Method": "POST"}, None),
    "139-bad-host": ("GET", "/api/version", {"Host": "evil.example"}, None),
    "140-head-tags": ("HEAD", "/api/tags", {}, None),
    "141-head-version": ("HEAD", "/api/version", {}, None),
}

# What is made must not have the name of a configured model, and is what is deleted again.
RENAMED = {"04-create-solar-stream": ("tiny-solar", "made-solar"), "05-create-solar-nostream": ("tiny-solar2", "made-solar2"),
           "06-create-embed": ("tiny-embed", "made-embed"), "160-create-lfm2": ("tiny-lfm2", "made-lfm2"),
           "142-delete": ("tiny-solar2", "made-solar2"), "143-copy": ("tiny-solar", "made-solar")}


class Recording:
    def __init__(self, file):
        self.name = file.stem
        lines = file.read_text(errors="replace").splitlines()
        self.method = self.path = self.body = None
        for line in lines:
            if line.startswith("> body: "):
                self.body = line[8:]
            elif line.startswith("> ") and self.method is None:
                self.method, self.path = line[2:].split()[:2]
        heads = [i for i, line in enumerate(lines) if re.match(r"HTTP/1\.1 [2-5]", line)]
        self.status = int(lines[heads[0]].split()[1]) if heads else 0
        after = lines[heads[0]:] if heads else []
        self.reply = "\n".join(line for line in after[after.index("") + 1:] if not line.startswith(("< curl:", "curl: ("))
                               and line != "... (lines left out) ...") if "" in after else ""
        self.headers = {}
        if self.name in UNTOLD:
            self.method, self.path, self.headers, self.body = UNTOLD[self.name]
            return
        for theirs, ours in OURS.items():
            self.path = self.path and self.path.replace(theirs, ours)
            self.body = self.body and self.body.replace(theirs, ours)
        if self.name in RENAMED:
            before, after = RENAMED[self.name]
            self.body = self.body.replace(f'"{before}"', f'"{after}"')


def number(name):
    return int(name.split("-")[0])


def values_of(text):
    """The JSON values of a reply: one, a line each, or the data of events. None where it is no JSON."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line and line != "data: [DONE]" and not line.startswith(":")]
    try:
        return [json.loads(line) for line in lines]
    except ValueError:
        pass
    try:
        return [json.loads(text)]
    except ValueError:
        return None


def shape_of(text):
    """Path of a field → the names of its JSON types, over all lines of a stream."""
    shape = {}

    def walk(value, path):
        kind = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}[type(value)]
        shape.setdefault(path, set()).add(kind)
        for key, child in value.items() if isinstance(value, dict) else []:
            walk(child, f"{path}.{key}" if path else key)
        for child in value if isinstance(value, list) else []:
            walk(child, path + "[]")

    values = values_of(text)
    if values is None:
        return {"": {"text"}}
    for value in values:
        walk(value, "")
    return shape


def differences(recording, status, body):
    found = []
    if status != recording.status:
        found.append(f"status {status}, Ollama's {recording.status}")
    if recording.method == "HEAD" or (status < 400) != (recording.status < 400):
        return found  # an error and an answer have no fields in common
    theirs, ours = shape_of(recording.reply), shape_of(body)
    # A field that one of them has not is told without the fields inside it.
    for path in sorted(theirs.keys() | ours.keys()):
        parent = re.sub(r"(\[\]|\.?[^.\[\]]+)$", "", path)
        if path and parent in theirs.keys() ^ ours.keys():
            continue
        if path not in ours:
            found.append(f"without {path}" if path else "no body")
        elif path not in theirs:
            found.append(f"with {path}" if path else "a body")
        elif theirs[path] != ours[path]:
            found.append(f"{path or 'the body'} is {'/'.join(sorted(ours[path]))}, Ollama's {'/'.join(sorted(theirs[path]))}")
    return found


def document(total, results, unlisted):
    """The section of docs/compatibility.md."""
    def row(*cells):
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"

    def listed(names):
        return ", ".join(sorted(names, key=lambda name: (number(name), name)))

    alike = {}  # differences → the recordings that have just these
    for name in results:
        alike.setdefault(tuple(sorted(what for which, what in unlisted if which == name)), []).append(name)
    same = sum(1 for found in results.values() if not found)
    text = (f"## Ollama's API, request by request\n\n{total} exchanges were recorded with Ollama 0.33 (`tests/data/ollama-wire`). "
            f"{len(results)} of them are replayed here and\ncompared: status, fields and JSON types. {same} are the same. The others "
            "differ in this:\n\n" + row("recordings", "difference", "reason") + row("---", "---", "---"))
    for reason, recordings, what in ACCEPTED:
        text += row(listed(recordings), "; ".join(what), reason)
    for what, names in alike.items():
        text += row(listed(names), "; ".join(what), "Not yet.") if what else ""
    text += "\nNot replayed:\n\n" + row("recordings", "reason") + row("---", "---")
    for reason, recordings in NOT_REPLAYED:
        text += row(listed(recordings), reason)
    return text


class Replay(Case):
    def send(self, sarai, recording):
        connection = http.client.HTTPConnection("127.0.0.1", sarai.port, timeout=60)
        self.addCleanup(connection.close)
        connection.request(recording.method, recording.path, recording.body, recording.headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode(errors="replace")

    def test_each_recorded_request_is_answered_as_by_ollama_but_for_the_accepted_differences(self):
        # The recorded models were made with num_predict 24; without it an answer would fill the context.
        solar = local("solar", "extra_args: ['--predict', '24']").replace("context_length: 512", "context_length: 4096")
        models = {"tiny-embed": local("embed", "kind: embedding"), "tiny-solar": solar, "tiny-solar2": solar, "tiny-lfm2": local("lfm2")}
        library = tempfile.mkdtemp(prefix="sarai-test-library-")
        self.addCleanup(shutil.rmtree, library, ignore_errors=True)
        # Pages of this machine may call Ollama without being told so.
        sarai = self.serve(models, memory="max_ram: 2GiB, max_concurrent_llms: 8",
                           extra=f"library: {{path: '{library}/library'}}\naccess: {{cors_origins: ['{PAGE['Origin']}']}}")
        for model in models:  # waits for what is read from files in the background; the list does not
            sarai.request("POST", "/api/show", {"model": model})
        recordings = [Recording(file) for file in RECORDINGS.glob("*.http")]
        recordings.sort(key=lambda r: (number(r.name), r.name))
        names = [r.name for r in recordings]
        skipped = {name for _, patterns in NOT_REPLAYED for pattern in patterns for name in fnmatch.filter(names, pattern)}
        for data in list(CONTENT.values())[2:]:
            sarai.request("POST", f"/api/blobs/sha256:{hashlib.sha256(data).hexdigest()}", data)
        results = {r.name: differences(r, *self.send(sarai, r)) for r in recordings if r.name not in skipped}

        accepted = {(name, what) for _, patterns, listed in ACCEPTED for pattern in patterns
                    for name in fnmatch.filter(names, pattern) for what in listed}
        found = {(name, what) for name, all_of_it in results.items() for what in all_of_it}
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "replay_ollama.md").write_text(document(len(names), results, found - accepted))
        order = lambda pair: (number(pair[0]), pair)
        problems = [f"{name}: {what}" for name, what in sorted(found - accepted, key=order)]
        problems += [f"{name}: listed, but no longer so: {what}" for name, what in sorted(accepted - found, key=order)]
        patterns = [p for entry in (*ACCEPTED, *NOT_REPLAYED) for p in entry[1] if not fnmatch.filter(names, p)]
        problems += [f"{pattern}: listed, but there is no such recording" for pattern in patterns]
        if problems:
            self.fail(f"{len(problems)} of {len(results)} replayed recordings' differences:\n" + "\n".join(problems))


if __name__ == "__main__":
    unittest.main()
