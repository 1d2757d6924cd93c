"""`sarai top` at a terminal: what it draws, what its keys do, and what it says where the server is gone."""
import fcntl
import os
import re
import signal
import struct
import termios

from harness import Case, Terminal, local, long, main, run_cli, wait_until


def plain(text):
    """What was written, without what steers the terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[P\\][^\x1b]*", "", text.decode(errors="replace"))


class Top(Case):
    def setUp(self):
        self.sarai = self.serve({"lfm2": local("lfm2", "preload: true"), "omni": long("omni")})
        wait_until(lambda: self.sarai.row("lfm2")["state"] == "ready", "lfm2")

    def open(self, rows=24, columns=80):
        terminal = Terminal("top", "--interval", "200ms", url=self.sarai.url)
        fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(terminal.pid, signal.SIGWINCH)
        return terminal

    def test_keys_load_drain_and_unload_and_refusals_are_told(self):
        with self.open() as terminal:
            terminal.read(lambda s: "lfm2" in plain(s) and "omni" in plain(s))
            terminal.write(b"\x1b[B")
            terminal.write(b"l")
            terminal.read(lambda s: "omni is available" in plain(s))
            self.assertEqual(self.sarai.row("omni")["state"], "ready")
            connection, reply = self.sarai.open_stream("omni", max_tokens=100_000)
            reply.read(100)
            wait_until(lambda: self.sarai.row("omni")["in_flight"] == 1, "the answer")
            terminal.write(b"u")
            terminal.read(lambda s: "model 'omni' is answering 1 requests" in plain(s))
            terminal.write(b"d")
            terminal.read(lambda s: "as soon as its 1 answer has ended" in plain(s) and "ready, draining" in plain(s))
            self.assertTrue(self.sarai.row("omni")["drain_asked"])
            terminal.write(b"d")
            terminal.read(lambda s: "omni stays" in plain(s))
            self.assertNotIn("draining", self.sarai.row("omni"))
            self.assertEqual(self.sarai.row("omni")["in_flight"], 1)
            drained = self.sarai.cli("stop", "omni", "--drain")
            self.assertEqual((drained.returncode, drained.stdout), (0, "omni is unloaded as soon as its 1 answer has ended\n"))
            self.assertEqual(self.sarai.request("POST", "/sarai/unload", {"model": "omni", "drain": 1}).status, 400)
            connection.close()
            wait_until(lambda: self.sarai.row("omni")["state"] == "unloaded", "the end of omni")
            terminal.write(b"w")
            terminal.read(lambda s: "what was decided about omni" in plain(s))
            terminal.write(b" ?")
            terminal.read(lambda s: "drain it" in plain(s))
            terminal.write(b"qq")
            self.assertEqual(terminal.end(), 0)

    def test_a_lost_server_is_told_and_found_again(self):
        with self.open() as terminal:
            terminal.read(lambda s: "lfm2" in plain(s))
            self.sarai.kill()
            terminal.read(lambda s: "trying again" in plain(s))
            terminal.seen = b""
            self.sarai.start()
            terminal.read(lambda s: "up 0 s" in plain(s) or "up 1 s" in plain(s))
            terminal.write(b"\x03")
            self.assertEqual(terminal.end(), 0)

    def test_ctrl_c_and_no_color_at_a_terminal(self):
        os.environ["NO_COLOR"] = "1"
        self.addCleanup(os.environ.pop, "NO_COLOR")
        with self.open(20, 60) as terminal:
            terminal.read(lambda s: "lfm2" in plain(s) and "quit" in plain(s))
            self.assertIsNone(re.search(rb"\x1b\[(3[0-7]|9[0-7]|[124])m", terminal.seen), terminal.seen)
            terminal.write(b"\x03")
            self.assertEqual(terminal.end(), 0)

    def test_without_a_terminal_it_is_one_look_as_text(self):
        self.sarai.chat("lfm2")
        look = self.sarai.cli("top")
        self.assertEqual(look.returncode, 0, look.stderr)
        self.assertNotIn("\x1b", look.stdout)
        self.assertRegex(look.stdout, r"lfm2 +gguf_native +ready +local")
        self.assertRegex(look.stdout, r"(?s)used \(peak .*reserved, .*free, of\s+2.00 GiB")
        self.assertRegex(look.stdout, r"lfm2 .*(\d+ms|\d+\.\d+s)\n")  # the time to the first token
        narrow = run_cli("top", "--once", environment={"SARAI_URL": self.sarai.url, "COLUMNS": "60"})
        self.assertLessEqual(max(map(len, narrow.stdout.splitlines())), 60)


if __name__ == "__main__":
    main()
