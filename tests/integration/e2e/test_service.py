"""sarai under a service manager: what it says of itself, and a socket that was open before it started."""
import pathlib
import signal
import socket
import sys
import tempfile

from harness import Case, Sarai, local, main, run_cli, wait_until

# Variables of sd_notify(3) and sd_listen_fds(3) name the process that they are for, which is known after the fork only.
AS_THE_MANAGER = ["sh", "-c", 'LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$@"', "sh"]
AT_ITS_PLACE = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execvp(sys.argv[2], sys.argv[2:])"


class Service(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sarai-test-")
        self.addCleanup(folder.cleanup)
        self.path = str(pathlib.Path(folder.name) / "notify")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(self.path)
        self.manager.settimeout(20)
        self.states = []

    def hear(self, state):
        """Waits for it; all that is heard on the way is in `states`."""
        while state not in self.states:
            self.states.append(self.manager.recv(4096).decode())

    def test_it_says_that_it_is_ready_alive_and_ending(self):
        sarai = self.served({"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "400000"})
        self.hear("READY=1")
        self.assertEqual(sarai.request("GET", "/health").status, 200)
        for _ in range(3):
            self.states = []
            self.hear("WATCHDOG=1")
        sarai.process.send_signal(signal.SIGTERM)
        self.hear("STOPPING=1")
        self.assertEqual(sarai.process.wait(20), 0)

    def test_a_process_that_hangs_says_nothing(self):
        sarai = self.served({"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "400000"})
        self.hear("WATCHDOG=1")
        sarai.process.send_signal(signal.SIGSTOP)
        self.addCleanup(sarai.process.send_signal, signal.SIGCONT)
        wait_until(lambda: pathlib.Path(f"/proc/{sarai.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T", "it stands still")
        self.manager.settimeout(0.01)
        with self.assertRaises(TimeoutError):
            while True:
                self.manager.recv(4096)  # what was said before
        self.manager.settimeout(1)
        with self.assertRaises(TimeoutError):
            self.manager.recv(4096)
        sarai.process.send_signal(signal.SIGCONT)
        self.states = []
        self.manager.settimeout(20)
        self.hear("WATCHDOG=1")

    def test_it_answers_requests_that_waited_on_the_managers_socket(self):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=30) as early:
            early.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            sarai = self.served({"LISTEN_FDS": "1"}, listener)
            listener.close()
            self.assertEqual(sarai.port, port)
            self.assertTrue(early.recv(4096).startswith(b"HTTP/1.1 200 "))

    def test_a_socket_of_another_address_than_the_configurations_is_refused(self):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.2", 0))
        listener.listen(8)
        with self.assertRaisesRegex(AssertionError, r"(?s)sarai ended with 2:.*passed a socket of 127\.0\.0\.2:\d+, expected 127\.0\.0\.1:0 \(server\.listen\)"):
            self.served({"LISTEN_FDS": "1"}, listener)

    def test_a_wrong_configuration_has_a_status_that_its_unit_does_not_try_again(self):
        sarai = Sarai({"lfm2": "backend: gguf_native"})
        self.addCleanup(sarai.close)
        sarai.write_config()
        done = run_cli("serve", "--config", sarai.config)
        unit = (pathlib.Path(__file__).resolve().parents[3] / "deploy/sarai.service").read_text()
        self.assertIn(f"\nRestartPreventExitStatus={done.returncode}\n", unit, done.stderr)

    def served(self, environment, listener=None):
        sarai = Sarai({"lfm2": local("lfm2")}, environment=environment)
        self.addCleanup(sarai.close)
        sarai.prefix = AS_THE_MANAGER
        if listener:
            sarai.prefix = [sys.executable, "-c", AT_ITS_PLACE, str(listener.fileno()), *AS_THE_MANAGER]
            sarai.pass_fds = [listener.fileno()]
        return sarai.start()


if __name__ == "__main__":
    main()
