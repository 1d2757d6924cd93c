"""Documents from the command line: added, found by words and by meaning, changed, removed. A real embedding worker."""
import base64
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import unittest

from harness import BIN, Sarai, local, main, run_cli

NOTES = {"heating.md": "# House\n\n## Heating\n\nThe boiler is serviced every October by Ana Ruiz.\n\n## Water\n\nThe main tap is under the stairs.\n",
         "car.txt": "The car takes 5W-30 oil.\nIts tyres are changed in November.\n",
         "page.html": "<html><body><h1>Router</h1><p>The wifi password hangs in the kitchen.</p></body></html>"}


class Kb(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sarai = Sarai({"embed": local("embed", "kind: embedding, preload: true")}).start()
        cls.folder = cls.sarai.folder / "notes"
        cls.folder.mkdir()
        for name, text in NOTES.items():
            (cls.folder / name).write_text(text)

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def kb(self, *arguments, status=0):
        done = run_cli("kb", *arguments, "--store", self.sarai.folder / "kb", environment={"SARAI_URL": self.sarai.url})
        self.assertEqual(done.returncode, status, (done.stdout, done.stderr))
        return done

    def test_the_life_of_a_collection(self):
        added = json.loads(self.kb("add", self.folder, "--json").stdout)
        self.assertEqual((added["added"], added["failed"]), (3, 0), added)
        self.assertEqual(json.loads(self.kb("add", self.folder, "--json").stdout)["unchanged"], 3)
        found = json.loads(self.kb("search", "--json", "Who", "services", "the", "boiler?").stdout)["results"]
        self.assertIn("Ana Ruiz", found[0]["text"])
        self.assertRegex(found[0]["citation"], r"heating\.md:\d+-\d+$")
        words = self.kb("search", "--words", "wifi password").stdout
        self.assertIn("[1] ", words)
        self.assertIn("kitchen", words)
        (self.folder / "car.txt").write_text("The car was sold.\n")
        pathlib.Path(self.folder / "page.html").unlink()
        changed = json.loads(self.kb("add", self.folder, "--remove-gone", "--json").stdout)
        self.assertEqual((changed["replaced"], changed["removed"], changed["unchanged"]), (1, 1, 1), changed)
        row = json.loads(self.kb("list", "--json").stdout)["collections"][0]
        self.assertEqual((row["name"], row["model"], row["documents"]), ("default", "embed", 2))
        self.assertIn("sold", self.kb("search", "car", "--words").stdout)
        self.kb("remove", self.folder / "car.txt")
        self.assertEqual(json.loads(self.kb("list", "--json").stdout)["collections"][0]["documents"], 1)
        self.kb("remove")
        self.assertIn("no collections", self.kb("list").stdout)

    def test_a_dense_file_stops_no_other_one(self):
        folder = self.sarai.folder / "dense"
        folder.mkdir()
        for name, text in [("a.md", "The first one.\n"), ("b.json", base64.b64encode(random.Random(1).randbytes(3000)).decode()), ("c.md", "The last one.\n")]:
            (folder / name).write_text(text)
        added = json.loads(self.kb("add", folder, "--collection", "dense", "--json").stdout)
        self.assertEqual((added["added"], added["failed"], added["failures"]), (3, 0, []), added)
        self.assertIn("last", self.kb("search", "--collection", "dense", "--words", "last").stdout)
        self.assertIn("The", self.kb("search", "--collection", "dense", "The first one. " * 400).stdout)
        self.kb("remove", "--collection", "dense")

    def test_ctrl_c_gives_up_a_server_that_hangs(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            environment = {k: v for k, v in os.environ.items() if not k.startswith("SARAI_") or k == "SARAI_STATE_DIR"}
            command = subprocess.Popen([BIN / "sarai", "kb", "add", self.folder, "--url", url, "--model", "embed", "--store", self.sarai.folder / "none"],
                                       stderr=subprocess.PIPE, text=True, env=environment)
            self.addCleanup(command.kill)
            silent.settimeout(20)
            connection, _ = silent.accept()
            with connection:
                connection.recv(1 << 16)
                command.send_signal(signal.SIGINT)
                _, said = command.communicate(timeout=30)
        self.assertEqual(command.returncode, 1, said)
        self.assertIn(f"ending: {url}, which makes the vectors, is not waited for any longer; Ctrl-C again ends at once", said)

    def test_what_is_wrong_is_said(self):
        self.assertIn("there is no collection 'nope'", self.kb("search", "--collection", "nope", "--words", "x", status=1).stderr)
        self.assertIn("/nowhere/at/all", self.kb("add", "/nowhere/at/all", "--collection", "empty", status=1).stderr)
        self.assertIn("model 'lfm2' not found", self.kb("add", self.folder, "--model", "lfm2", status=1).stderr)


if __name__ == "__main__":
    main()
