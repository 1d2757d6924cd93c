"""What the clients' runs have found, as docs/compatibility.md.

    table.py FOLDER           compares the document with the results in the folder
    table.py FOLDER --write   writes it
"""
import difflib
import json
import pathlib
import sys

import features

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
HEAD = """# Compatibility

What the official clients can do with sarai. The clients are unmodified; each feature is tried with a running server, real
workers on tiny models, and a scripted upstream where an answer must be certain (`tests/conformance`). This page is made
from such a run, and a test fails where it differs from one. After a change, run

    make test ARGS='-L conformance'
    scripts/toolbox run test -- python3 -B tests/conformance/table.py build/dev/conformance --write

✓ works · – does not, for the reason given below · empty: the client has no such thing.

## Clients

"""


class Notes:
    """Reasons, numbered as they come; the same reason has one number."""

    def __init__(self):
        self.texts = []

    def mark(self, text):
        if text not in self.texts:
            self.texts.append(text)
        return f"[{self.texts.index(text) + 1}]"

    def lines(self):
        return "".join(f"{number}. {text}\n" for number, text in enumerate(self.texts, 1))


def read_runs(folder):
    """Client → feature → its line."""
    return {client: {line["feature"]: line for line in map(json.loads, (folder / f"{client}.jsonl").read_text().splitlines())}
            for client in features.CLIENTS}


def cell(feature, client, line, notes):
    if client not in feature.clients:
        return ""
    if line is None:
        return "– " + notes.mark("Not tried.")
    if line["ok"]:
        return "✓"
    known = features.LIMITS.get((feature.name, client))
    return "– " + notes.mark(known or "Not yet.")


def row(cells):
    return "| " + " | ".join(cells) + " |\n"


def clients_table(runs):
    notes, versions = Notes(), [next(iter(runs[client].values()))["version"] for client in features.CLIENTS]
    text = HEAD + row(["", *features.CLIENTS.values()]) + row(["---"] + [":-:"] * len(features.CLIENTS)) + row(["version", *versions])
    for feature in features.FEATURES:
        text += row([feature.title, *(cell(feature, client, runs[client].get(feature.name), notes) for client in features.CLIENTS)])
    return text + "\n" + notes.lines()


def without_versions(text):
    # Those of the Python clients are what Debian has at the time.
    return [line for line in text.splitlines() if not line.startswith("| version |")]


def main():
    folder = pathlib.Path(sys.argv[1])
    text = clients_table(read_runs(folder))
    replay = folder / "replay_ollama.md"
    if replay.exists():
        text += "\n" + replay.read_text()
    if "--write" in sys.argv:
        DOCUMENT.write_text(text)
        return
    committed = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    if difference := list(difflib.unified_diff(without_versions(committed), without_versions(text), str(DOCUMENT), "this run", lineterm="", n=0)):
        sys.exit("docs/compatibility.md is not what this run has found; the page tells how to make it again.\n" + "\n".join(difference))


main()
