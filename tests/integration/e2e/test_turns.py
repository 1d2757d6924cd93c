"""Workers that are busy at once take turns: one is paused while another computes, and none stays paused."""
import pathlib
import signal
import threading
import time

from harness import Case, alive, local, main, wait_until


def is_paused(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


class Turns(Case):
    def setUp(self):
        # A thread per core, which is the default: no two fit at once.
        self.sarai = self.serve({name: local(name, "preload: true") for name in ("lfm2", "omni")})
        wait_until(lambda: all(r["state"] == "ready" for r in self.sarai.status()["models"]), "both models")
        self.pids = [self.sarai.row(name)["pid"] for name in ("lfm2", "omni")]
        self.ended = threading.Event()
        self.statuses = []

    def keep_busy(self):
        def ask(model):
            while not self.ended.is_set():
                try:
                    self.statuses.append(self.sarai.chat(model, max_tokens=400, ignore_eos=True).status)
                except OSError:  # ended in the middle
                    return

        threads = [threading.Thread(target=ask, args=(model,)) for model in ("lfm2", "omni")]
        self.addCleanup(lambda: (self.ended.set(), [thread.join() for thread in threads]))
        for thread in threads:
            thread.start()
        return threads

    def wait_until_paused(self, pid):
        wait_until(lambda: is_paused(pid), f"worker {pid} to be paused", 60)

    def test_each_is_paused_at_times_and_goes_on_to_its_end(self):
        threads = self.keep_busy()
        for _ in range(3):
            for pid in self.pids:
                self.wait_until_paused(pid)
        self.ended.set()
        for thread in threads:
            thread.join(120)
        self.assertFalse(any(thread.is_alive() for thread in threads))
        self.assertEqual(set(self.statuses), {200})
        wait_until(lambda: not any(is_paused(pid) for pid in self.pids), "nobody to be paused")

    def test_each_of_its_threads_has_a_core_of_its_own(self):
        for name, pid in zip(("lfm2", "omni"), self.pids):
            self.assertEqual(self.sarai.chat(name, max_tokens=4).status, 200)
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            threads = int(command[command.index("--threads") + 1])
            places = {next(line for line in status.read_text().splitlines() if line.startswith("Cpus_allowed_list"))
                      for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status")}
            self.assertEqual(len(places), threads, places)

    def test_one_that_is_alone_is_never_paused(self):
        answer = threading.Thread(target=lambda: self.statuses.append(self.sarai.chat("lfm2", max_tokens=400, ignore_eos=True).status))
        answer.start()
        while answer.is_alive():
            self.assertFalse(any(is_paused(pid) for pid in self.pids))
            time.sleep(0.002)
        self.assertEqual(self.statuses, [200])

    def test_a_paused_worker_dies_with_sarai(self):
        self.keep_busy()
        self.wait_until_paused(self.pids[0])
        self.sarai.kill()
        wait_until(lambda: not any(alive(pid) for pid in self.pids), "the workers to end")

    def test_nobody_outlives_the_end_of_sarai(self):
        self.keep_busy()
        self.wait_until_paused(self.pids[0])
        self.sarai.kill(signal.SIGTERM)
        self.assertFalse(any(alive(pid) for pid in self.pids))
        self.assertNotIn("ignored SIGTERM", self.sarai.log())

    def test_nobody_stays_paused_when_a_client_leaves(self):
        threads = self.keep_busy()
        for _ in range(5):
            connection, answer = self.sarai.open_stream("lfm2", max_tokens=400)
            answer.read(1)
            connection.close()
        self.ended.set()
        for thread in threads:
            thread.join(120)
        wait_until(lambda: not any(is_paused(pid) for pid in self.pids), "nobody to be paused")
        self.assertEqual(self.sarai.chat("lfm2").status, 200)


if __name__ == "__main__":
    main()
