"""Runs the script of one official client against the real program: every feature works, but for the known limits.

    test_conformance.py CLIENT [unittest's arguments]

Real workers on tiny models answer wherever random weights can; scripted_upstream.py does where an answer must be certain.
What was found is left in $SARAI_CONFORMANCE/CLIENT.jsonl, for the table.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration" / "e2e"))
from harness import MODELS, Case, free_port, local, unittest  # noqa: E402

import features  # noqa: E402
from scripted_upstream import ScriptedUpstream  # noqa: E402

FOLDER = pathlib.Path(os.environ["SARAI_CONFORMANCE"])
CLIENT = sys.argv.pop(1)
KEY = "sk-conformance"  # as in report.py


def remote(url, model):
    return f"backend: openai_http, endpoints: [{{url: '{url}'}}], model: {model}, timeouts: {{connect: 500ms}}"


def command(base, locked):
    if CLIENT.startswith("python"):
        return [sys.executable, "-B", HERE / f"{CLIENT}.py", base, locked]
    # The packages stand beside the links.
    return ["node", "--preserve-symlinks", "--preserve-symlinks-main", FOLDER / f"{CLIENT}.mjs", base, locked]


class Conformance(Case):
    def upstream(self, **more):
        server = ScriptedUpstream(MODELS, **more)
        self.addCleanup(server.close)
        return server.url

    def servers(self):
        scripted = self.upstream()
        models = {
            "lfm2": local("lfm2", "parallel: 2").replace("context_length: 512", "context_length: 1024"),
            "long": local("lfm2").replace("context_length: 512", "context_length: 65536"),
            "omni": local("omni", f"mmproj: '{MODELS}/omni-mmproj.gguf'"),
            "embed": local("embed", "kind: embedding"),
            "limited": remote(self.upstream(limited=True), "limited"),
            "lost": remote(f"http://127.0.0.1:{free_port()}", "lost")}
        models |= {name: remote(scripted, name) for name in ("caller", "thinker", "slow")}
        # The second one never loads its model.
        return (self.serve(models, memory="max_ram: 2GiB, max_concurrent_llms: 8",
                           extra=self.library(f", sources: {{shelf: {{url: '{scripted}/shelf'}}}}")),
                self.serve({"lfm2": local("lfm2")}, extra=f"{self.library()}\naccess: {{api_key: {KEY}}}"))

    def library(self, more=""):
        """A folder for what is created and pulled, instead of the user's own."""
        folder = tempfile.mkdtemp(prefix="sarai-test-library-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return f"library: {{path: '{folder}/library'{more}}}"

    def test_every_feature_of_the_client_works_but_for_the_known_limits(self):
        sarai, locked = self.servers()
        ran = subprocess.run(command(sarai.url, locked.url), capture_output=True, text=True, timeout=500, stdin=subprocess.DEVNULL)
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{CLIENT}.jsonl").write_text(ran.stdout)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        results = {line["feature"]: line for line in map(json.loads, ran.stdout.splitlines())}
        self.assertEqual(list(results), [name for name in features.of(CLIENT) if name in results], "an order or name that features.py does not have")
        problems = [f"{name}: the script does not check it" for name in features.of(CLIENT) if name not in results]
        for name, line in results.items():
            known = features.LIMITS.get((name, CLIENT))
            if not line["ok"] and known is None:
                problems.append(f"{name}: {line['detail']}")
            if line["ok"] and known is not None:
                problems.append(f"{name}: works, although features.py says: {known}")
        if problems:
            self.fail(f"{len(problems)} of {len(results)} features of {CLIENT}:\n" + "\n".join(problems))


if __name__ == "__main__":
    unittest.main()
