"""The tarball and the Debian package, in a root of their own: nothing of the machine's libraries and no network but
loopback."""
import gzip
import hashlib
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration/e2e"))

from harness import MODELS, Sarai, local, main, wait_until  # noqa: E402

FOLDER = pathlib.Path(os.environ["SARAI_PACKAGES"])
VERSION = re.search(r"^project\(sarai VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text(), re.M).group(1)
TARBALL = next(FOLDER.glob(f"sarai-{VERSION}-linux-*.tar.gz"))
DEB = next(FOLDER.glob(f"sarai_{VERSION}_*.deb"))


class Package:
    """What both have to do, wherever they lie."""

    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="sarai-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.work)
        cls.unpack()

    def bare(self, *folders):
        """The start of a command line: a root with the package, the kernel's file systems and `folders`."""
        binds = [word for folder in folders for word in ("--bind", folder, folder)]
        return ["bwrap", "--die-with-parent", "--unshare-ipc", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev",
                "--clearenv", "--setenv", "HOME", "/tmp", "--setenv", "PATH", "/bin", "--ro-bind", MODELS, MODELS,
                *self.binds(), *binds, "--"]

    def run_bare(self, *arguments, folders=()):
        return subprocess.run([*self.bare(*folders), self.program, *arguments], capture_output=True, text=True, timeout=120)

    def serve(self, **models):
        sarai = Sarai(models, program=self.program)
        self.addCleanup(sarai.close)
        sarai.prefix = self.bare(sarai.folder)
        return sarai.start()

    def test_it_tells_its_version_and_what_it_is_made_of(self):
        self.assertEqual(self.run_bare("version").stdout, f"sarai {VERSION}\n")
        self.assertIn("llama.cpp", self.run_bare("version", "--licenses").stdout)

    def test_it_plans_a_model(self):
        planned = self.run_bare("plan", f"{MODELS}/lfm2.gguf", "--json")
        self.assertEqual(planned.returncode, 0, planned.stderr)
        self.assertIn("lfm2", planned.stdout)

    def test_its_doctor_finds_the_engine_and_a_build_of_it_for_this_processor(self):
        told = json.loads(self.run_bare("doctor", "--json").stdout)
        checks = {check["name"]: check for check in told["checks"]}
        for name in ("llama-server", "sarai-measure", "cpu build"):
            self.assertEqual(checks[name]["state"], "ok", checks[name])
        self.assertIn(str(pathlib.Path(self.carried) / "bin/llama-server"), checks["llama-server"]["text"])

    def test_a_model_answers_and_a_second_process_asks_it(self):
        sarai = self.serve(lfm2=local("lfm2"))
        reply = sarai.chat("lfm2")
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(reply.headers["x-sarai-backend"], "gguf_native")
        asked = self.run_bare("run", "lfm2", "Hello", "--url", sarai.url)
        self.assertEqual(asked.returncode, 0, asked.stderr)
        # Its own processes are known by their names, though the kernel runs the loader.
        sarai.write_config()  # with the port that the system chose
        told = json.loads(self.run_bare("doctor", "--config", sarai.config, "--json", folders=[sarai.folder]).stdout)
        [port] = [check for check in told["checks"] if check["name"] == "port"]
        self.assertEqual(port["state"], "ok", port)
        self.assertIn(f"{self.carried}/bin/sarai serve --config", port["text"])

    def test_the_demo_makes_its_models_and_starts_the_box_that_it_asks(self):
        log = self.work / "demo.log"
        with open(log, "wb") as out:
            demo = subprocess.Popen([*self.bare(), self.program, "demo"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.addCleanup(demo.wait)
        self.addCleanup(demo.kill)
        shown = f'\n  {self.program} run solar "What happens when the LAN box dies?"\n'
        wait_until(lambda: demo.poll() is not None or shown in log.read_text(), "the demo's commands", 100)
        self.assertIsNone(demo.poll(), log.read_text())
        asked = wait_until(lambda: (a := self.run_bare("run", "solar", "Hello")).returncode == 0 and a, "the box's model", 60)
        self.assertTrue(asked.stdout)


class Tarball(Package, unittest.TestCase):
    carried = "/opt/somewhere"
    program = carried + "/bin/sarai"

    @classmethod
    def unpack(cls):
        subprocess.run(["tar", "-xzf", TARBALL, "-C", cls.work], check=True)
        [cls.tree] = cls.work.glob("sarai-*")

    def binds(self):
        return ["--ro-bind", self.tree, self.carried]

    def test_no_library_is_missing_and_every_one_has_a_notice(self):
        loader = next((self.tree / "lib").glob("ld-linux*"))
        for file in [*(self.tree / "libexec").iterdir(), *(self.tree / "lib").glob("libggml-*.so")]:
            traced = subprocess.run([loader, "--library-path", self.tree / "lib", "--list", file], capture_output=True, text=True).stdout
            self.assertNotIn("not found", traced, file)
            elsewhere = [line for line in traced.splitlines() if "=> /" in line and f"=> {self.tree}/" not in line and "ld-linux" not in line]
            self.assertEqual(elsewhere, [], file)
        self.assertGreater(len(list((self.tree / "share/doc/sarai/licenses").iterdir())), 20)

    def test_it_is_installed_below_a_prefix_and_keeps_a_changed_configuration(self):
        root = self.work / "root"
        environment = {**os.environ, "DESTDIR": str(root), "PREFIX": "/opt/x", "SYSCONFDIR": "/opt/x/etc"}
        for _ in range(2):
            subprocess.run([ROOT / "scripts/install", self.tree], env=environment, check=True)
            config = root / "opt/x/etc/sarai/sarai.yaml"
            checked = subprocess.run([root / "opt/x/bin/sarai", "config", "check", config], capture_output=True, text=True)
            self.assertEqual(checked.returncode, 0, checked.stderr)
            config.write_text(config.read_text() + "# mine\n")
        self.assertEqual(config.read_text().count("# mine"), 2)
        unit = (root / "opt/x/lib/systemd/system/sarai.service").read_text()
        self.assertIn("ExecStart=/opt/x/bin/sarai serve --config /opt/x/etc/sarai/sarai.yaml\n", unit)
        for page in ("man1/sarai.1.gz", "man1/sarai-plan.1.gz", "man5/sarai.yaml.5.gz"):
            self.assertTrue((root / "opt/x/share/man" / page).exists())

    def test_what_is_installed_is_not_the_builders_and_folders_that_were_there_stay_as_they_were(self):
        built, root = self.work / "built", self.work / "owned"
        shutil.copytree(self.tree, built, symlinks=True)
        shared = root / "usr/local/share"
        shared.mkdir(parents=True)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "1000:1000", built], check=True)
            os.chown(shared, 0, 50)  # staff, as Debian has it
        shared.chmod(0o2775)
        was = shared.stat()
        for _ in range(2):  # into nothing, and over an earlier one
            subprocess.run([ROOT / "scripts/install", built], env={**os.environ, "DESTDIR": str(root), "PREFIX": "/usr/local"}, check=True)
        now = shared.stat()
        self.assertEqual((now.st_uid, now.st_gid, oct(now.st_mode)), (was.st_uid, was.st_gid, oct(was.st_mode)))
        self.assertEqual([str(p) for p in root.rglob("*") if p.lstat().st_uid != os.geteuid()], [])
        for file in (p for p in built.rglob("*") if p.is_file() and not p.is_symlink()):
            there = root / "usr/local" / ("lib/sarai" if file.relative_to(built).parts[0] != "share" else "") / file.relative_to(built)
            if file.is_relative_to(built / "share/sarai"):
                self.assertFalse(there.exists(), there)
            else:
                self.assertEqual((there.stat().st_mode, there.stat().st_size), (file.stat().st_mode, file.stat().st_size), there)

    def test_a_relative_prefix_is_refused(self):
        refused = subprocess.run([ROOT / "scripts/install", self.tree], env={**os.environ, "PREFIX": "x"}, capture_output=True, text=True)
        self.assertEqual((refused.returncode, refused.stderr), (2, "install: PREFIX=x SYSCONFDIR=/etc, expected absolute paths\n"))

    def test_its_manual_has_every_command_and_every_key(self):
        def page(name):
            return gzip.decompress((self.tree / "share/man" / name).read_bytes()).decode().replace("\\-", "-").replace("\\&", "")
        overview = page("man1/sarai.1.gz")
        shown = self.run_bare("--help").stdout
        commands = re.findall(r"^  (\w+) ", shown[shown.index("SUBCOMMANDS:"):shown.index("EXAMPLES:")], re.M)
        self.assertIn("serve", commands)
        self.assertEqual({file.name for file in (self.tree / "share/man/man1").iterdir()},
                         {"sarai.1.gz", *(f"sarai-{command}.1.gz" for command in commands)})
        for command in commands:
            self.assertIn(f"\\fBsarai-{command}\\fR(1)", overview)
            own = page(f"man1/sarai-{command}.1.gz")
            self.assertIn(f'.TH "sarai-{command}" "1"', own)
            self.assertRegex(own, rf"\n\.SH NAME\n(\.PP?\n)?sarai-{command} - \w")
            # Every long option that --help tells of, and no other.
            told = set(re.findall(r"^  .*?(--[\w-]+)", self.run_bare(command, "--help").stdout, re.M)) - {"--help"}
            if "SUBCOMMANDS:" not in self.run_bare(command, "--help").stdout:
                self.assertEqual(set(re.findall(r"\\fB(--[\w-]+)\\fR", own)), told, command)
        if shutil.which("groff"):
            for file in (self.tree / "share/man").rglob("*.gz"):
                set_up = subprocess.run(["groff", "-ww", "-man", "-Tutf8"], input=gzip.decompress(file.read_bytes()), capture_output=True)
                self.assertEqual((set_up.returncode, set_up.stderr), (0, b""), file.name)
        keys = page("man5/sarai.yaml.5.gz")
        self.assertIn("\nserver.max_request_body\n", re.sub(r"\\f[BR]", "", keys))


class Debian(Package, unittest.TestCase):
    carried = "/usr/lib/sarai"
    program = "/usr/bin/sarai"

    @classmethod
    def unpack(cls):
        subprocess.run(["dpkg-deb", "-x", DEB, cls.work / "root"], check=True)
        subprocess.run(["dpkg-deb", "-e", DEB, cls.work / "control"], check=True)

    def binds(self):
        return ["--ro-bind", self.work / "root/usr", "/usr", "--ro-bind", self.work / "root/etc", "/etc"]

    def test_the_services_configuration_is_right(self):
        checked = self.run_bare("config", "check", "/etc/sarai/sarai.yaml")
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_its_fields_are_there_and_it_needs_no_other_package(self):
        fields = subprocess.run(["dpkg-deb", "-f", DEB], capture_output=True, text=True, check=True).stdout
        for line in ("Package: sarai\n", f"Version: {VERSION}\n", "Section: net\n", "Maintainer: ", "Installed-Size: ", "Recommends: ", "Description: "):
            self.assertIn(line, fields)
        self.assertNotIn("Depends:", fields)

    def test_everything_is_roots_and_nobody_elses_to_write(self):
        listed = subprocess.run(["dpkg-deb", "-c", DEB], capture_output=True, text=True, check=True).stdout
        for line in listed.splitlines():
            mode, owner = line.split()[:2]
            self.assertEqual(owner, "root/root", line)
            self.assertNotRegex(mode, r"s|^[^l].{4}w|^[^l].{7}w", line)
        folders = {line.split()[5].split("/")[1] for line in listed.splitlines()}
        self.assertEqual(folders - {""}, {"usr", "etc"})

    def test_its_sums_are_those_of_its_files(self):
        lines = (self.work / "control/md5sums").read_text().splitlines()
        self.assertGreater(len(lines), 50)
        for line in lines:
            digest, path = line.split("  ", 1)
            self.assertEqual(hashlib.md5((self.work / "root" / path).read_bytes()).hexdigest(), digest, path)

    def test_its_scripts_are_shell_and_its_configuration_files_exist(self):
        for name in ("postinst", "prerm", "postrm"):
            script = self.work / "control" / name
            self.assertEqual(stat.S_IMODE(script.stat().st_mode), 0o755)
            subprocess.run(["dash", "-n", script], check=True)
        conffiles = (self.work / "control/conffiles").read_text().split()
        self.assertEqual(conffiles, ["/etc/sarai/sarai.yaml"])
        installed = {"/" + str(p.relative_to(self.work / "root")) for p in (self.work / "root/etc").rglob("*") if p.is_file()}
        self.assertEqual(set(conffiles), installed)
        self.assertTrue((self.work / "root/usr/share/doc/sarai/copyright").exists())

    def test_its_units_name_programs_that_are_installed(self):
        unit = self.work / "root/usr/lib/systemd/system/sarai.service"
        program = re.search(r"^ExecStart=(\S+)", unit.read_text(), re.M).group(1)
        self.assertEqual(program, self.program)
        self.assertTrue((self.work / "root" / program[1:]).is_symlink())
        # Looked for below the root as well; every Debian that systemd runs has it.
        (self.work / "root/bin").mkdir()
        (self.work / "root/bin/kill").symlink_to(program)
        verified = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"--root={self.work}/root",
                                   "sarai.service", "sarai.socket"], capture_output=True, text=True)
        self.assertEqual((verified.returncode, verified.stderr), (0, ""))


if __name__ == "__main__":
    if "SARAI_ALONE" not in os.environ:
        # A network of its own: loopback and nothing else.
        os.execvp("bwrap", ["bwrap", "--die-with-parent", "--unshare-net", "--dev-bind", "/", "/", "--setenv", "SARAI_ALONE", "1", "--",
                            sys.executable, "-B", *sys.argv])
    main()
