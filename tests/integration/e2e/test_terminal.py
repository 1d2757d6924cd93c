"""A conversation at a terminal, and what commands write where there is none: `sarai run`, `sarai pull`, colours."""
import json
import os
import pathlib
import re
import signal
import stat
import tempfile
import termios

from harness import Case, FakeUpstream, Terminal, local, main, ollama, run_cli, wait_until
from media import png


class Talk(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home = tempfile.TemporaryDirectory(prefix="sarai-test-")
        cls.addClassCleanup(cls.home.cleanup)

    def setUp(self):
        # Of a context that no answer fills before Ctrl-C stops it.
        roomy = local("lfm2", "preload: true").replace("context_length: 512", "context_length: 4096")
        self.sarai = self.serve({"lfm2": roomy, "omni": local("omni")})
        self.folder = pathlib.Path(self.home.name)
        os.environ["XDG_STATE_HOME"] = self.home.name
        self.addCleanup(os.environ.pop, "XDG_STATE_HOME")

    def open(self, url=None):
        terminal = Terminal("run", "lfm2", url=url or self.sarai.url)
        self.addCleanup(terminal.__exit__)
        terminal.read(lambda s: b"lfm2> " in s)
        return terminal

    def say(self, terminal, line, until):
        terminal.write(line.encode() + b"\n")
        terminal.read(lambda s: until(s.decode(errors="replace")), 60)

    def stop(self, terminal):
        """Ctrl-C in an answer, or after it where that was shorter."""
        terminal.write(b"\x03")
        terminal.read(lambda s: b"(stopped)" in s or b"once more" in s)

    def test_ctrl_c_cancels_the_request_on_the_server_and_twice_at_an_empty_line_leaves(self):
        slow = FakeUpstream("ollama", tokens=2000, token_delay_ms=50)
        self.addCleanup(slow.__exit__)
        sarai = self.serve({"lfm2": ollama(slow.url, "x")})
        in_flight = lambda: sarai.status()["endpoints"][0]["in_flight"]
        terminal = self.open(sarai.url)
        self.say(terminal, "Hello", lambda s: in_flight() == 1 and len(s) > 20)
        terminal.write(b"\x03")
        terminal.read(lambda s: b"(stopped)" in s and b"lfm2> " in s)
        wait_until(lambda: in_flight() == 0, "the end of the request")
        terminal.write(b"half a line")
        terminal.read(lambda s: b"half a line" in s)
        terminal.write(b"\x03")
        terminal.read(lambda s: b"/bye or Ctrl-D leaves." in s and s.endswith(b"lfm2> "))
        terminal.write(b"\x03")
        terminal.read(lambda s: b"Ctrl-C once more" in s and s.endswith(b"lfm2> "))
        terminal.write(b"\x03")
        self.assertEqual(terminal.end(), 0)

    def test_commands_of_a_conversation(self):
        terminal = self.open()
        saved = self.folder / "talk.json"
        self.say(terminal, "/set temperature 0", lambda s: "lfm2> " in s)
        self.say(terminal, "/modle omni", lambda s: "did you mean /model?" in s)
        self.say(terminal, '"""', lambda s: "... " in s)
        self.say(terminal, "first", lambda s: "... " in s)
        self.say(terminal, 'second"""', lambda s: len(s) > 60)
        self.stop(terminal)
        self.say(terminal, "/why", lambda s: "gguf_native" in s and "endpoint    local" in s and "first token" in s)
        self.say(terminal, "/plan", lambda s: ": fits" in s)
        self.say(terminal, f"/save {saved}", lambda s: "2 messages in" in s)
        asked = json.loads(saved.read_text())
        self.assertEqual((asked["model"], asked["temperature"]), ("lfm2", 0))
        self.assertEqual(asked["messages"][0], {"role": "user", "content": "first\nsecond"})
        # A model that cannot see says so, and another one gets the picture.
        (self.folder / "a.png").write_bytes(png())
        self.say(terminal, f"/audio {self.folder}/a.png", lambda s: "is PNG; expected a recording" in s)
        self.say(terminal, f"/image {self.folder}/a.png", lambda s: "goes with the next message" in s)
        self.say(terminal, "What is it?", lambda s: "sarai:" in s and "lfm2> " in s)
        self.say(terminal, "/clear", lambda s: "lfm2> " in s)
        self.say(terminal, "/model omni", lambda s: "omni> " in s)
        self.say(terminal, "/bye", lambda s: True)
        self.assertEqual(terminal.end(), 0)
        history = self.folder / "sarai/history"
        self.assertEqual(stat.S_IMODE(history.stat().st_mode), 0o600)
        self.assertIn("/why", history.read_text())

    def test_what_is_pasted_waits_for_enter_and_keeps_its_lines(self):
        terminal = self.open()
        saved = self.folder / "pasted.json"
        ctrl_c = lambda: termios.tcgetattr(terminal.fd)[6][termios.VINTR]
        wait_until(lambda: ctrl_c() == b"\0", "Ctrl-C to be a key")
        terminal.write(b"Read: \x1b[200~/bye\r\tint \xc3\xa9;\x03\x1b[A\r\r\x1b[201~!")
        terminal.read(lambda s: "é;[A!" in s.decode(errors="replace"))
        terminal.write(b"\x1b[D?")  # other keys that begin with an escape are what they were
        self.say(terminal, "", lambda s: len(s) > 60)
        self.stop(terminal)
        self.say(terminal, f"/save {saved}", lambda s: "2 messages in" in s)
        asked = json.loads(saved.read_text())["messages"][0]["content"]
        self.assertEqual(asked, "Read: /bye\n\tint é;[A?!")
        terminal.write(b"\x1b[A\x1b[A")
        terminal.read(lambda s: "Read: /bye⏎" in s.decode(errors="replace"))
        terminal.write(b"\x03")
        terminal.read(lambda s: s.endswith(b"lfm2> "))
        # One whose end was lost takes no key with it; nor do a half character and what steers in the upper half of Latin-1.
        terminal.write(b"\x1b[200~/see\xc2\x88me\xff")
        terminal.read(lambda s: "/seeme" in s.decode(errors="replace"))
        self.say(terminal, "", lambda s: "no command /seeme" in s and s.endswith("lfm2> "))
        self.say(terminal, "/bye", lambda s: True)
        self.assertEqual(terminal.end(), 0)

    def test_the_history_has_the_lines_of_all_windows_and_of_those_that_were_closed(self):
        one, two = self.open(), self.open()
        self.say(one, "/first", lambda s: "no command /first" in s and s.endswith("lfm2> "))
        self.say(two, "/second", lambda s: "no command /second" in s and s.endswith("lfm2> "))
        os.kill(two.pid, signal.SIGKILL)
        self.assertEqual(two.end(), -signal.SIGKILL)
        self.say(one, "/bye", lambda s: True)
        self.assertEqual(one.end(), 0)
        lines = (self.folder / "sarai/history").read_text().splitlines()
        self.assertEqual(lines[-3:], ["/first", "/second", "/bye"])
        self.assertEqual(lines.count("/first"), 1, lines)
        again = self.open()
        again.write(b"\x1b[A\x1b[A")
        again.read(lambda s: b"second" in s)  # the slash stood there
        # Of very many the last thousand stay.
        (self.folder / "sarai/history").write_text("".join(f"line {i}\n" for i in range(2500)))
        last = self.open()
        self.say(last, "/bye", lambda s: True)
        self.assertEqual(last.end(), 0)
        self.assertEqual((self.folder / "sarai/history").read_text().splitlines(), [f"line {i}" for i in range(1500, 2500)] + ["/bye"])


class Colours(Case):
    """What is written to a terminal may have colours, unless NO_COLOR is set; what is not written to one has none."""

    def setUp(self):
        self.sarai = self.serve({"lfm2": local("lfm2", "preload: true")})
        wait_until(lambda: self.sarai.row("lfm2")["state"] == "ready", "lfm2")
        self.bad = self.sarai.folder / "bad.yaml"
        self.bad.write_text("server: {listn: x}\n")
        similar = self.sarai.folder / "similar.jsonl"
        similar.write_text('{"text": "Why is the sea salty?", "label": "hard", "lang": "en"}\n')
        self.commands = [["ps"], ["why"], ["top", "--once"], ["route", "Why is the sky blue?"], ["pipelines"],
                         ["plan", "--config", self.sarai.config], ["config", "check", self.bad], ["doctor", "--config", self.sarai.config],
                         ["router", "explain", "--data", similar, "Why is the sky blue?"], ["load", "nope"], ["run", "nope", "Hi"]]

    def test_without_a_terminal_nothing_steers_one(self):
        for command in self.commands:
            with self.subTest(command=command[0]):
                done = self.sarai.cli(*command)
                self.assertNotIn("\x1b", done.stdout + done.stderr)
                self.assertNotIn("\r", done.stdout + done.stderr)

    def test_no_color_holds_at_a_terminal_for_every_command(self):
        coloured = 0
        for value in ("", "1"):
            os.environ["NO_COLOR"] = value
            self.addCleanup(os.environ.pop, "NO_COLOR", None)
            for command in self.commands:
                with self.subTest(command=command[0], NO_COLOR=value), Terminal(*map(str, command), url=self.sarai.url) as terminal:
                    terminal.end(60)
                    styles = re.findall(rb"\x1b\[[0-9;]*m", terminal.seen)
                    if value:
                        self.assertEqual(styles, [], terminal.seen)
                    coloured += bool(styles)
        self.assertGreater(coloured, 4)  # else this would show nothing


class Status(Case):
    def test_exit_statuses_are_those_of_the_documentation(self):
        self.sarai = self.serve({"lfm2": local("lfm2")})
        for command, status in ((["ps"], 0), (["load", "lfm2"], 0), (["unload", "lfm2"], 0), (["load", "nope"], 1), (["pull", "nope/x"], 1),
                                (["top", "--interval", "x"], 2), (["nonsense"], 2), (["unload"], 2)):
            with self.subTest(command=command):
                done = self.sarai.cli(*command)
                self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        lost = {"SARAI_URL": "http://127.0.0.1:1"}
        for command in (["ps"], ["top", "--once"], ["load", "lfm2"], ["unload", "lfm2"], ["pull", "a/b"], ["run", "lfm2", "Hi"]):
            with self.subTest(command=command):
                done = run_cli(*command, environment=lost)
                self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn("Exit status: 0 success", run_cli("--help").stdout)


if __name__ == "__main__":
    main()
