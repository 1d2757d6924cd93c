"""`sarai router`: weights trained, measured and explained from the command line, without any server."""
import hashlib
import json
import pathlib
import tempfile

from harness import Case, main, run_cli

DATA = pathlib.Path(__file__).parents[3] / "data" / "router"


class Router(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sarai-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        lines = [line for file in sorted((DATA / "train").glob("*.jsonl")) for line in file.read_text().splitlines() if line]
        self.some = self.folder / "some.jsonl"
        self.some.write_text("\n".join(lines[::len(lines) // 120][:120]) + "\n")

    def test_the_same_seed_trains_the_same_file_which_can_be_measured_and_teach(self):
        hashes = []
        for name in ("a.gguf", "b.gguf"):
            done = run_cli("router", "train", self.some, "--size", "mini", "--epochs", "2", "--out", self.folder / name)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("training loss", done.stdout)
            self.assertIn("epoch 2/2", done.stderr)
            hashes.append(hashlib.sha256((self.folder / name).read_bytes()).hexdigest())
        self.assertEqual(*hashes)
        done = run_cli("router", "eval", self.some, "--weights", self.folder / "a.gguf", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["prompts"], 120)
        done = run_cli("router", "train", self.some, "--size", "mini", "--epochs", "1", "--teacher", self.folder / "a.gguf", "--seed", "2",
                       "--out", self.folder / "c.gguf")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_weights_within_the_program_answer_in_both_languages(self):
        for prompt, label, language in (("¿Cómo depuro un segmentation fault en C++ con gdb?", "hard", "es"),
                                        ("Explain the difference between a mutex and a semaphore", "hard", "en"),
                                        ("me siento muy triste hoy, necesito hablar con alguien", "soft", "es"),
                                        ("thank you so much, you made my day", "soft", "en"),
                                        ("¿Qué tiempo hará mañana en Sevilla?", "web_query", "es"),
                                        ("latest news about the election results today", "web_query", "en")):
            done = run_cli("router", "explain", prompt, "--json", "--data", DATA / "train")
            self.assertEqual(done.returncode, 0, done.stderr)
            found = json.loads(done.stdout)
            self.assertEqual((found["best"], found["language"]), (label, language), prompt)
            self.assertFalse(found["unlike_training"], prompt)
            self.assertEqual(len(found["similar"]), 3)
        done = run_cli("router", "explain", "xkq zzwv ptrkl wqx", "--json")
        self.assertTrue(json.loads(done.stdout)["unlike_training"])

    def test_what_is_wrong_ends_with_a_message_and_a_status(self):
        bad = self.folder / "bad.jsonl"
        bad.write_text('{"text": "a", "label": "hard", "lang": "fr"}\n')
        done = run_cli("router", "eval", bad)
        self.assertEqual(done.returncode, 2)
        self.assertIn('bad.jsonl:1: lang: "fr"; expected "es" or "en"', done.stderr)
        done = run_cli("router", "explain", "hola", "--weights", bad)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no GGUF file", done.stderr)
        done = run_cli("router", "train", self.some, "--epochs", "1", "--size", "mini", "--out", self.folder / "none" / "w.gguf")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write", done.stderr)


if __name__ == "__main__":
    main()
