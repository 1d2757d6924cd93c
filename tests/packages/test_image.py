"""The container image, as far as it can be tested without Docker: that its steps find what they name, with the files that they
have by then, and that what is sent to the builder is what belongs to the project."""
import fnmatch
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy/compose"
TREE = "/usr/lib/sarai"


def instructions():
    """[(word, rest)] of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def stages():
    found = []
    for word, rest in instructions():
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


def copied(stage, built=False):
    """(sources, destination) of each COPY from the checkout, or from another stage."""
    for word, rest in stage:
        words = shlex.split(rest) if word == "COPY" else []
        if words and words[0].startswith("--from=") == built:
            words = [w for w in words if not w.startswith("--")]
            yield words[:-1], words[-1]


def runs(stage):
    return [rest for word, rest in stage if word == "RUN"]


def is_ignored(path):
    """Whether .dockerignore leaves the path out, or a folder that it lies in. Patterns count from the root."""
    parts = pathlib.PurePosixPath(path).parts
    for pattern in (ROOT / ".dockerignore").read_text().split():
        depth = pattern.count("/") + 1
        for end in range(1, len(parts) + 1):
            part = "/".join(parts[:end])
            if pattern.startswith("**/") and fnmatch.fnmatchcase(parts[end - 1], pattern[3:]):
                return True
            if end == depth and fnmatch.fnmatchcase(part, pattern):  # of which * matches no slash
                return True
    return False


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.build, cls.final = stages()

    def listed(self, section):
        text = (ROOT / "scripts/packages.txt").read_text()
        return re.search(rf"^\[{section}\]\n(.*?)(^\[|\Z)", text, re.M | re.S).group(1).split()

    def test_what_it_copies_is_there_and_sent(self):
        for sources, _ in copied(self.build):
            for source in sources:
                self.assertTrue((ROOT / source).exists(), source)
                self.assertFalse(is_ignored(source), source)

    def test_the_package_list_is_the_projects_and_is_read_with_what_was_copied_before(self):
        position = next(i for i, (word, rest) in enumerate(self.build) if word == "RUN" and "apt-get" in rest)
        [listing] = re.findall(r"\$\(([^)]*)\)", self.build[position][1])
        with tempfile.TemporaryDirectory(prefix="sarai-test-") as folder:
            for sources, destination in copied(self.build[:position]):
                for source in sources:
                    into = pathlib.Path(folder + destination) / pathlib.Path(source).name
                    into.parent.mkdir(parents=True, exist_ok=True)
                    into.write_bytes((ROOT / source).read_bytes())
                    into.chmod((ROOT / source).stat().st_mode)
            program, *arguments = listing.split()
            done = subprocess.run([folder + program, *arguments], env={"PATH": "/usr/bin:/bin", "HOME": "/root"}, capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.split(), self.listed("build"))
        # What the image runs beside sarai is what the project was built and tested with.
        [installed] = re.findall(r"apt-get install -y --no-install-recommends ([^&]*)", runs(self.final)[0])
        self.assertLessEqual(set(installed.split()), set(self.listed("build")))
        recommended = (ROOT / "cmake/package.cmake").read_text()
        for program in set(installed.split()) - {"ca-certificates"}:
            self.assertIn(program, recommended, "what the Debian package recommends the image has")

    def test_it_builds_as_make_install_does(self):
        [steps] = [rest for rest in runs(self.build) if "scripts/build" in rest]
        made = [step.strip() for step in steps.split("&&")]
        self.assertEqual(made[0], "export SARAI_TOOLBOX=host", "the image's own packages are the toolbox")
        makefile = (ROOT / "Makefile").read_text()
        install = re.search(r"^install:.*\n((?:\t.*\n)*)", makefile, re.M).group(1)
        self.assertIn(f"-- {made[1]}\n", install)
        self.assertIn(f"-- {made[2].replace(' /tree', ' build/install')}\n", install)
        for step in made[1:]:
            self.assertTrue(os.access(ROOT / step.split()[0], os.X_OK), step)

    def test_what_is_made_is_what_is_started(self):
        [(sources, destination)] = copied(self.final, built=True)
        self.assertIn(f"scripts/package tree {sources[0]}", " ".join(runs(self.build)))
        self.assertEqual(destination, TREE)
        self.assertRegex(" ".join(runs(self.final)), rf"ln -s {TREE}/bin/sarai /usr/bin/sarai\b")
        said = dict(self.final)
        self.assertEqual(json.loads(said["ENTRYPOINT"]), ["sarai"])
        self.assertRegex(" ".join(runs(self.final)), rf"useradd .*--home-dir {said['VOLUME']} {said['USER']}\b")
        self.assertEqual(said["VOLUME"], said["WORKDIR"])
        shown = subprocess.run([pathlib.Path(os.environ["SARAI_BIN"]) / "sarai", *json.loads(said["CMD"]), "--help"], capture_output=True)
        self.assertEqual(shown.returncode, 0)

    def test_all_of_the_project_and_nothing_of_its_users_is_sent(self):
        tracked = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True)
        if tracked.returncode == 0:
            self.assertEqual([file for file in tracked.stdout.splitlines() if is_ignored(file)], [])
        for file in (".git/config", "build/dev/bin/sarai", "models/a.gguf", "big.gguf", "deploy/compose/models/lfm2.gguf", ".env",
                     "deploy/compose/.env", "web/node_modules/vite/index.js"):
            self.assertTrue(is_ignored(file), file)
        for file in ("scripts/build", "demo/sarai-demo.gguf", "data/router/trm-router.gguf"):
            self.assertFalse(is_ignored(file), file)


class Compose(unittest.TestCase):
    def test_what_it_mounts_and_builds_is_there(self):
        text = (COMPOSE / "compose.yaml").read_text()
        self.assertTrue((COMPOSE / re.search(r"build: (\S+)", text).group(1) / "Dockerfile").exists())
        for source in re.findall(r"(\./[\w./-]+):/", text):
            if source != "./models":  # the user's
                self.assertTrue((COMPOSE / source).exists(), source)
        self.assertIn("sarai:/var/lib/sarai", text, "the image's volume")

    def test_its_server_has_longer_to_end_than_it_takes(self):
        # Docker's own limit is 10 s, after which it kills: as long as sarai lets requests end, and then come the workers.
        [grace] = re.findall(r"stop_grace_period: (\d+)s", (COMPOSE / "compose.yaml").read_text())
        drain = re.search(r'"server\.drain_timeout", Type::duration, "(\d+)s"', (ROOT / "src/config/keys.cpp").read_text()).group(1)
        self.assertGreaterEqual(int(grace), int(drain) + 10)

    def test_its_configuration_is_right(self):
        environment = {**os.environ, "OLLAMA_BASE_URL": "http://ollama:11434", "SARAI_API_KEY": "sk-" + "a" * 48}
        checked = subprocess.run([pathlib.Path(os.environ["SARAI_BIN"]) / "sarai", "config", "check", COMPOSE / "sarai.yaml"],
                                 env=environment, capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
