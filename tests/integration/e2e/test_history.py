"""What sarai remembers between runs: plans, and what loads have shown."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess

from harness import BIN, MODELS, Case, Sarai, local, main, wait_until

TEXT = "Tell me about the river that runs under the old stone bridge, and about the mill behind it. " * 2


class History(Case):
    def setUp(self):
        """sarai with a measuring program beside it that writes down each time it is asked, and then asks the real one."""
        self.server = Sarai({"lfm2": local("lfm2", "preload: true")})
        self.addCleanup(self.server.close)
        self.folder = self.server.folder
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        try:
            os.link(BIN / "sarai", self.bin / "sarai")
        except OSError:  # another file system
            shutil.copy2(BIN / "sarai", self.bin / "sarai")
        self.asked_path = self.folder / "asked"
        self.write_measurer()
        self.server.program = self.bin / "sarai"

    def write_measurer(self, remark=""):
        program = self.bin / "sarai-measure"
        program.write_text(f'#!/bin/sh\n{remark}\n[ "$1" = --describe ] || echo "$*" >> "{self.asked_path}"\n'
                           f'exec "{BIN}/sarai-measure" "$@"\n')
        program.chmod(0o755)

    def asked(self):
        return len(self.asked_path.read_text().splitlines()) if self.asked_path.exists() else 0

    def plan(self, *arguments, state=None):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SARAI_")}
        environment["SARAI_STATE_DIR"] = str(state or self.folder / "state")
        done = subprocess.run([self.bin / "sarai", "plan", "--json", *map(str, arguments)], capture_output=True, text=True,
                              timeout=60, env=environment, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["models"], done.stderr

    def ready(self):
        return wait_until(lambda: (row := self.server.row("lfm2"))["state"] == "ready" and row, "the model to be ready")

    def test_loads_are_learned_and_the_next_run_plans_without_asking_the_engine(self):
        self.server.start()
        row = self.ready()
        self.assertEqual(row["planned_bytes"], row["pessimistic_bytes"])
        total = sum(line["bytes"] for line in row["plan"])
        self.assertEqual(row["error_bytes"], total // 100)
        for _ in range(2):
            reply = self.server.chat("lfm2", TEXT, max_tokens=40, ignore_eos=True)
            self.assertEqual(reply.status, 200, reply.body)
        connection, stream = self.server.open_stream("lfm2", max_tokens=40)
        stream.read()
        connection.close()
        self.server.kill(signal.SIGTERM)
        self.assertEqual(self.asked(), 1)

        self.server.port = 0
        self.server.start()
        learned = self.ready()["learned"]
        self.assertGreaterEqual(learned["loads"], 1)
        self.assertGreaterEqual(learned["requests"], 3)
        self.assertGreater(learned["peak_bytes"], 1 << 20)
        self.assertGreater(learned["load_ms"], 0)
        self.assertGreater(learned["prompt_tokens_per_second"], 0)
        self.assertGreater(learned["decode_tokens_per_second"], 0)

        wait_until(lambda: self.plan("--config", self.server.config)[0][0]["learned"]["loads"] == 2, "the second load")
        (model,), _ = self.plan("--config", self.server.config)
        self.assertTrue(model["cached"])
        self.assertGreaterEqual(model["pessimistic_bytes"], model["learned"]["peak_bytes"])
        self.assertGreater(model["pessimistic_bytes"], model["total_bytes"])
        self.assertEqual(model["pessimistic_bytes"] - model["total_bytes"], model["error_bytes"])
        self.assertEqual(self.asked(), 1, "the engine was asked again")

    def test_what_a_killed_server_had_learned_is_kept(self):
        self.server.start()
        self.ready()
        database = self.folder / "state/history.db"
        def loads():
            with sqlite3.connect(database) as connection:
                return connection.execute("SELECT sum(loads) FROM learned").fetchone()[0]
        wait_until(loads, "the first report")
        self.server.kill()
        self.assertEqual(loads(), 1)

    def test_a_plan_is_kept_by_file_shape_and_engine_and_by_nothing_else(self):
        first, second = self.folder / "a.gguf", self.folder / "b.gguf"
        shutil.copy2(MODELS / "lfm2.gguf", first)
        (cold,), _ = self.plan(first)
        (warm,), _ = self.plan(first)
        self.assertEqual((cold["cached"], warm["cached"], self.asked()), (False, True, 1))
        self.assertEqual(cold["lines"], warm["lines"])
        self.assertIsNone(warm["learned"])
        first.rename(second)
        self.assertTrue(self.plan(second)[0][0]["cached"], "a file that was moved is the same")
        self.assertFalse(self.plan(second, "--ctx", 4096)[0][0]["cached"])
        os.utime(second, ns=(1, 1))
        self.assertFalse(self.plan(second)[0][0]["cached"], "a file that was written again may be another")
        self.write_measurer("# another build")
        self.assertFalse(self.plan(second)[0][0]["cached"], "another program may answer otherwise")
        self.assertEqual(self.asked(), 4)

    def test_errors_are_not_remembered(self):
        broken = self.folder / "broken.gguf"
        broken.write_bytes((MODELS / "lfm2.gguf").read_bytes()[:5000])
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SARAI_")} | {"SARAI_STATE_DIR": str(self.folder / "state")}
        for _ in range(2):
            done = subprocess.run([self.bin / "sarai", "plan", broken], capture_output=True, text=True, env=environment)
            self.assertEqual(done.returncode, 1, done.stdout)
        self.assertEqual(self.asked(), 2)

    def test_a_database_that_is_none_stops_neither_a_plan_nor_a_load(self):
        state = self.folder / "state"
        state.mkdir()
        (state / "history.db").write_text("no database " * 100)
        models, words = self.plan(MODELS / "lfm2.gguf")
        self.assertFalse(models[0]["cached"])
        self.assertEqual(words.count("not all remembered"), 1, words)
        self.server.start()
        self.ready()
        self.assertEqual(self.server.chat("lfm2").status, 200)
        self.assertEqual(self.server.log().count("not all remembered"), 1, self.server.log())
        self.assertEqual((state / "history.db").read_text(), "no database " * 100)


if __name__ == "__main__":
    main()
