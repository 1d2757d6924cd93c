"""The launcher and the toolbox: arguments, streams, signals and the exit status pass through."""
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import children_of, name_of, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]


class Forwarding(unittest.TestCase):
    """scripts/toolbox forward, as ./sarai uses it. Inside the toolbox (where tests run) it is a plain exec, so the part
    that stays between is tested with a stand-in for bubblewrap."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="sarai-test-")
        self.addCleanup(self.folder.cleanup)
        self.bin = bin_folder = pathlib.Path(self.folder.name) / "bin"
        bin_folder.mkdir()
        # Like the real one: runs the command as a child, does not pass signals on, gives its exit status.
        (bin_folder / "bwrap").write_text('#!/bin/bash\nwhile [ "$1" != "--" ]; do shift; done; shift\n"$@"\nexit $?\n')
        (bin_folder / "bwrap").chmod(0o755)
        cache = pathlib.Path(self.folder.name) / "cache"
        self.environment = {k: v for k, v in os.environ.items() if k != "SARAI_IN_TOOLBOX"}
        self.environment.update(PATH=f"{bin_folder}:{os.environ['PATH']}", XDG_CACHE_HOME=str(cache), SARAI_TOOLBOX="always")
        root = subprocess.run([ROOT / "scripts/toolbox", "path"], env=self.environment, capture_output=True, text=True, check=True)
        pathlib.Path(root.stdout.strip()).mkdir(parents=True)

    def forward(self, script, **more):
        return subprocess.Popen([ROOT / "scripts/toolbox", "forward", "--", "bash", "-c", script, "name", "an argument", "*"], cwd=ROOT,
                                env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    def test_arguments_streams_and_status_pass_through(self):
        child = self.forward('printf "%s|" "$@"; cat; echo oops >&2; exit 7')
        out, err = child.communicate("typed in")
        self.assertEqual((out, err, child.returncode), ("an argument|*|typed in", "oops\n", 7))

    def test_sigterm_and_sigint_reach_the_program_which_ends_in_its_own_time(self):
        for number, name in ((signal.SIGTERM, "TERM"), (signal.SIGINT, "INT")):
            # The launcher ignores these signals while it waits, which a shell inherits for good; a program sets its own
            # handlers, as sarai does.
            child = self.forward(f"""exec python3 -c 'import signal, sys, time
def end(*_):
    time.sleep(0.3); print("bye {name}"); sys.exit(5)
signal.signal(signal.SIG{name}, end); print("ready", flush=True)
while True: time.sleep(0.05)'""", start_new_session=True)
            self.assertEqual(child.stdout.readline(), "ready\n")
            child.send_signal(number)
            out, _ = child.communicate(timeout=30)
            self.assertEqual((out, child.returncode), (f"bye {name}\n", 5))

    def test_a_signal_while_the_program_is_only_just_being_started_ends_it(self):
        # As long as bubblewrap's child is not the program yet it ignores what its parent ignores.
        (self.bin / "bwrap").write_text('#!/bin/bash\nwhile [ "$1" != "--" ]; do shift; done; shift\n(sleep 0.3; exec "$@")\nexit $?\n')
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            child = self.forward("exec sleep 60", start_new_session=True)
            self.addCleanup(child.communicate)
            self.addCleanup(child.kill)
            wait_until(lambda: "bwrap" in map(name_of, children_of(child.pid)), "bubblewrap")
            child.send_signal(number)
            self.assertEqual(child.wait(20), 128 + number)

    def test_a_program_starts_with_the_signals_of_any_other(self):
        child = self.forward("grep SigIgn /proc/self/status")
        self.assertEqual(int(child.communicate()[0].split()[1], 16) & sum(1 << n - 1 for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)), 0)


class Rebuilding(unittest.TestCase):
    """./sarai in a checkout with a stand-in for the toolbox, which tells what it was called for."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sarai-test-")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.put("sarai", (ROOT / "sarai").read_text())
        self.put("scripts/toolbox", '#!/bin/sh\necho "$1 $SARAI_CALLED_AS"\n')
        self.put("build/release/bin/sarai", "")
        self.sources = ["src/app/main.cpp", "tools/synth/main.cpp", "cmake/x.cmake", "CMakeLists.txt", "CMakePresets.json",
                        "scripts/packages.txt", "web/dist/index.html", "data/router/trm-router.gguf", "data/router/trm-mini.gguf",
                        "data/pipelines/built_in.yaml", "demo/sarai-demo.gguf"]
        for file in self.sources:
            self.assertTrue((ROOT / file).exists() or "x.cmake" in file, f"{file}: what is built from has another name")
            self.put(file, "")
        self.put("build/release/.built", "")

    def put(self, file, text):
        (self.root / file).parent.mkdir(parents=True, exist_ok=True)
        (self.root / file).write_text(text)
        (self.root / file).chmod(0o755)

    def builds(self):
        done = subprocess.run(["./sarai", "version"], cwd=self.root, capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "forward ./sarai\n")
        return "run" in done.stderr

    def test_it_builds_again_when_anything_that_is_within_the_program_has_changed(self):
        self.assertFalse(self.builds())
        self.put("data/router/train/en.jsonl", "")
        self.assertFalse(self.builds())
        for file in self.sources:
            later = time.time() + 5
            os.utime(self.root / file, (later, later))
            self.assertTrue(self.builds(), file)
            os.utime(self.root / file, (1, 1))
        self.assertFalse(self.builds())
        (self.root / "tools/synth/main.cpp").unlink()
        self.assertTrue(self.builds(), "a source that was removed")
        self.assertFalse(self.builds())

    def test_what_is_saved_during_a_build_is_built_by_the_next(self):
        self.put("scripts/toolbox", '#!/bin/sh\necho "$1 $SARAI_CALLED_AS"\n[ "$1" != run ] || { sleep 0.05; touch src/app/main.cpp; }\n')
        os.utime(self.root / "src/app/main.cpp", (time.time() + 5,) * 2)
        self.assertTrue(self.builds())
        self.put("scripts/toolbox", '#!/bin/sh\necho "$1 $SARAI_CALLED_AS"\n')
        self.assertTrue(self.builds())
        self.assertFalse(self.builds())

    def test_a_program_that_is_not_there_and_is_not_to_be_built_is_named(self):
        (self.root / "build/release/bin/sarai").unlink()
        done = subprocess.run(["./sarai", "version"], cwd=self.root, env={**os.environ, "SARAI_BUILD": "never"}, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("build/release/bin/sarai is not there; run this once without SARAI_BUILD=never", done.stderr)


class Ci(unittest.TestCase):
    """.ci/run in a checkout whose tests take a screenshot and fail."""

    def test_screenshots_are_kept_and_the_status_stays_that_of_the_tests(self):
        with tempfile.TemporaryDirectory(prefix="sarai-test-") as folder:
            root, kept = pathlib.Path(folder) / "checkout", pathlib.Path(folder) / "kept"
            (root / ".ci").mkdir(parents=True)
            (root / ".ci/run").write_bytes((ROOT / ".ci/run").read_bytes())
            (root / "Makefile").write_text("test:\n\tmkdir -p build/dev/screenshots && echo picture > build/dev/screenshots/memory.png && false\n")
            for artifacts, pictures in ((str(kept), ["screenshots/memory.png"]), ("", []), ("/dev/null", [])):
                done = subprocess.run(["bash", root / ".ci/run"], env={**os.environ, "CI_ARTIFACTS": artifacts}, capture_output=True, text=True)
                self.assertEqual(done.returncode, 2, "what make says of a test that failed")
                self.assertEqual([str(p.relative_to(kept)) for p in kept.rglob("*.png")], pictures)
                shutil.rmtree(kept, ignore_errors=True)
                self.assertEqual("could not be kept" in done.stderr, artifacts == "/dev/null")


class Packages(unittest.TestCase):
    def test_clean_removes_what_belongs_to_other_lists_unless_one_is_just_being_made(self):
        with tempfile.TemporaryDirectory(prefix="sarai-test-") as folder:
            environment = {**os.environ, "SARAI_TOOLBOX": "always", "XDG_CACHE_HOME": folder}
            def clean():
                return subprocess.run([ROOT / "scripts/toolbox", "clean"], env=environment, capture_output=True, text=True)
            self.assertEqual(clean().returncode, 0)  # nothing is there
            ours = subprocess.run([ROOT / "scripts/toolbox", "path"], env=environment, capture_output=True, text=True, check=True).stdout.strip()
            cache = pathlib.Path(ours).parent
            for root in (ours, cache / "old"):
                pathlib.Path(root).mkdir(parents=True)
            with open(cache / "lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self.assertIn("an environment is being made", clean().stderr)
                self.assertTrue((cache / "old").exists())
            self.assertEqual(clean().returncode, 0)
            self.assertEqual(sorted(p.name for p in cache.iterdir()), sorted([pathlib.Path(ours).name, "lock"]))

    def test_the_test_list_holds_the_build_list_and_a_changed_list_makes_another_environment(self):
        toolbox = ROOT / "scripts/toolbox"
        listed = {p: subprocess.run([toolbox, "packages", p], capture_output=True, text=True, check=True).stdout.split() for p in ("build", "test")}
        self.assertLess(set(listed["build"]), set(listed["test"]))
        with tempfile.TemporaryDirectory(prefix="sarai-test-") as folder:
            scripts = pathlib.Path(folder) / "scripts"
            scripts.mkdir()
            (scripts / "toolbox").write_bytes(toolbox.read_bytes())
            (scripts / "toolbox").chmod(0o755)
            text = (ROOT / "scripts/packages.txt").read_text()
            environment = {**os.environ, "SARAI_TOOLBOX": "always", "XDG_CACHE_HOME": folder}
            environment.pop("SARAI_IN_TOOLBOX", None)
            paths = set()
            for more in ("", "hello\n"):
                (scripts / "packages.txt").write_text(text.replace("[build]\n", "[build]\n" + more))
                paths.add(subprocess.run([scripts / "toolbox", "path"], env=environment, capture_output=True, text=True, check=True).stdout)
            self.assertEqual(len(paths), 2)


if __name__ == "__main__":
    unittest.main()
