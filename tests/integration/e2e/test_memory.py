"""What processes really take: told truly, and acted upon when a worker does not keep its plan."""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import threading
import time
import unittest

from harness import SANITIZED, Case, Sarai, alive, children_of, kernel_memory, local, main, wait_until

HUNGRY = pathlib.Path(__file__).with_name("hungry_server.py")


def tree_of(pid):
    """A process and all that descends from it."""
    found = [pid]
    for one in found:
        found += children_of(one)
    return found


def metric(sarai, name):
    return float(re.search(rf"^{re.escape(name)} (\S+)$", sarai.request("GET", "/metrics").body.decode(), re.M).group(1))


class Measured(Case):
    def setUp(self):
        self.sarai = self.serve({"lfm2": local("lfm2", "preload: true"), "omni": local("omni", "preload: true, load_mode: mmap"),
                                 "embed": local("embed", "kind: embedding, preload: true")})
        wait_until(lambda: all(r["state"] == "ready" and r["measured_bytes"] for r in self.sarai.status()["models"]), "all models")
        for model in ("lfm2", "omni"):
            self.assertEqual(self.sarai.chat(model).status, 200)

    def within_one_percent(self, told, kernel):
        """What status tells is up to half a second old, and a share of pages that others come to have as well changes."""
        readings = []
        for attempt in range(10):
            for _ in range(8):
                readings.append(kernel())
                time.sleep(0.1)
            said = told()
            readings = [*readings, kernel()][-10:]
            if all(min(of) * 0.99 <= s <= max(of) * 1.01 for s, *of in zip(said, *readings)):
                return
        self.fail(f"told {said}, the kernel says {readings}")

    def test_the_sum_is_what_the_kernel_says_of_all_processes(self):
        pid = self.sarai.process.pid

        def ledger():
            ledger = self.sarai.status()["ledger"]
            return ledger["measured_bytes"], ledger["anonymous_bytes"], ledger["file_bytes"]

        self.assertGreaterEqual(len(tree_of(pid)), 4)
        self.within_one_percent(ledger, lambda: kernel_memory(tree_of(pid)))
        self.within_one_percent(lambda: [metric(self.sarai, f'sarai_memory_bytes{{kind="{kind}"}}') for kind in ("measured", "anonymous", "file")],
                                lambda: kernel_memory(tree_of(pid)))

    def test_each_row_is_what_the_kernel_says_of_its_worker(self):
        for model in ("lfm2", "omni", "embed"):
            row = self.sarai.row(model)
            told = lambda: [self.sarai.row(model)[f"{kind}_bytes"] for kind in ("measured", "anonymous", "file")]
            self.within_one_percent(told, lambda: kernel_memory([row["pid"]]))
            metrics = lambda: [metric(self.sarai, f'sarai_model_memory_bytes{{kind="{kind}",model="{model}"}}') for kind in ("measured", "anonymous", "file")]
            self.within_one_percent(metrics, lambda: kernel_memory([row["pid"]]))
            self.assertEqual(row["over_plan_bytes"], 0)
        rows = {row["name"]: row for row in json.loads(self.sarai.cli("ps", "--json").stdout)}
        for row in rows.values():
            self.assertGreater(min(row["file_bytes"], row["anonymous_bytes"]), 0)
            self.assertLessEqual(row["file_bytes"] + row["anonymous_bytes"], row["measured_bytes"] + 2**20)

    def test_ps_draws_every_models_share_of_the_budget(self):
        picture = self.sarai.cli("ps").stdout
        self.assertNotIn("\x1b", picture, "colours are for terminals")
        for letter, name in zip("abcd", ("sarai", "lfm2", "omni", "embed")):
            self.assertRegex(picture, rf"(?m)^ +{letter} {name}  [\d.]+ MiB of [\d.]+ MiB$")
        self.assertRegex(picture, r"memory  a+\S*b+\S*c+\S*d")

    @unittest.skipIf(SANITIZED, "the harness switches enforcement off")
    def test_status_says_who_enforces_plans_and_why(self):
        enforcement = self.sarai.status()["enforcement"]
        self.assertIn(enforcement["mode"], ("watchdog", "cgroup"))
        self.assertGreater(len(enforcement["why"]), 10)
        self.assertIn(f"memory enforcement: {enforcement['mode']} ({enforcement['why']})", self.sarai.log())
        self.assertEqual((enforcement["level"], enforcement["admission_open"], enforcement["events"]), ("calm", True, []))
        self.assertEqual(metric(self.sarai, "sarai_memory_admission_open"), 1)


@unittest.skipIf(SANITIZED, "the harness switches enforcement off")
class Configured(Case):
    def test_cgroups_that_are_wanted_and_cannot_be_had_are_an_error_at_the_start(self):
        sarai = Sarai({"lfm2": local("lfm2")}, memory="max_ram: 1GiB, enforcement: cgroup")
        self.addCleanup(sarai.close)
        sarai.start(wait=False)
        try:
            status = sarai.process.wait(5)
        except subprocess.TimeoutExpired:
            self.skipTest("this machine delegates a cgroup to the tests")
        self.assertEqual(status, 2)
        self.assertIn("memory.enforcement is cgroup, but ", sarai.log())
        self.assertIn("Delegate=memory", sarai.log())

    def test_off_says_so(self):
        sarai = self.serve({"lfm2": local("lfm2")}, memory="max_ram: 1GiB, enforcement: off")
        self.assertEqual(sarai.status()["enforcement"]["mode"], "off")


@unittest.skipIf(SANITIZED, "the harness switches enforcement off")
class Limited(Case):
    """With the kernel's own limits, where this process may make a cgroup with the memory controller. Seen on Linux 6.1 (user-mode)."""

    def setUp(self):
        mounts = [line.split() for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
        roots = [pathlib.Path(words[4]) for words in mounts if words[words.index("-") + 1] == "cgroup2"]
        if not roots:
            self.skipTest("no cgroup v2")
        own = next(line[3:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        self.cgroup = roots[0] / own.lstrip("/") / f"sarai-test-{os.getpid()}"
        try:
            self.cgroup.mkdir()
        except OSError as error:
            self.skipTest(f"cannot make a cgroup: {error}")
        self.addCleanup(self.remove)
        if "memory" not in (self.cgroup / "cgroup.controllers").read_text().split():
            self.skipTest("a cgroup made here has no memory controller")

    def remove(self):
        for folder in [*self.cgroup.glob("*/"), self.cgroup]:
            folder.rmdir()

    def workers(self):
        return sorted(folder.name for folder in self.cgroup.glob("worker-*"))

    def test_a_worker_that_exceeds_its_plan_is_killed_alone_and_sarai_says_why(self):
        sarai = Sarai({"hungry": local("lfm2", "preload: true"), "lfm2": local("lfm2", "preload: true")},
                      memory="max_ram: 1GiB, enforcement: cgroup")
        self.addCleanup(sarai.close)
        sarai.engine = f", server_binary: '{HUNGRY}'"
        sarai.prefix = ["sh", "-c", 'echo $$ >"$0" && exec "$@"', self.cgroup / "cgroup.procs"]
        sarai.start()
        wait_until(lambda: all(r["state"] == "ready" for r in sarai.status()["models"]), "both models", 60)
        enforcement = sarai.status()["enforcement"]
        self.assertEqual((enforcement["mode"], enforcement["why"]), ("cgroup", f"{self.cgroup} is delegated to sarai"))
        self.assertEqual(self.workers(), ["worker-1", "worker-2"])
        self.assertEqual((self.cgroup / "sarai/cgroup.procs").read_text().split(), [str(sarai.process.pid)])
        planned = {row["pid"]: row["planned_bytes"] for row in sarai.status()["models"]}
        for name in self.workers():
            folder = self.cgroup / name
            inside = [int(pid) for pid in (folder / "cgroup.procs").read_text().split()]
            plan = next(bytes for pid, bytes in planned.items() if pid in inside)
            self.assertEqual(inside, tree_of(inside[0]))
            self.assertAlmostEqual(int((folder / "memory.max").read_text()), plan + (20 + 16) * 2**20, delta=2**20)
            self.assertEqual((folder / "memory.oom.group").read_text().strip(), "1")
            # Nothing was touched before it was in there: what it allocated is charged there.
            self.assertGreater(int((folder / "memory.current").read_text()), 5e6)

        others = sarai.row("lfm2")["pid"]
        hungry = tree_of(sarai.row("hungry")["pid"])
        sarai.chat("hungry", text="grow 200")
        wait_until(lambda: not any(alive(pid) for pid in hungry), "the worker and its helper to be killed")
        wait_until(lambda: re.search(r"the worker of model 'hungry' \(pid \d+\) was killed because it exceeded its memory limit of 7\d MiB", sarai.log()), "the log to say why")
        self.assertEqual(sarai.row("lfm2")["pid"], others)
        self.assertEqual(sarai.chat("lfm2").status, 200)
        self.assertEqual(sarai.chat("hungry", text="hello").status, 200)
        self.assertEqual(len(self.workers()), 2)
        sarai.kill(15)
        self.assertEqual(self.workers(), [])


@unittest.skipIf(SANITIZED, "the harness switches enforcement off")
class Hungry(Case):
    def start(self, budget, more="", models=None):
        models = models or {name: local("lfm2", "preload: true") for name in ("hungry", "lfm2", "omni")}
        sarai = Sarai(models, memory=f"max_ram: {budget}{more}")
        self.addCleanup(sarai.close)
        sarai.engine = f", server_binary: '{HUNGRY}'"
        sarai.start()
        wait_until(lambda: all(r["state"] == "ready" for r in sarai.status()["models"]), "all models")
        return sarai

    def events(self, sarai):
        return [(event["what"], event["model"]) for event in sarai.status()["enforcement"]["events"]]

    def test_what_a_worker_has_started_counts_as_its_memory(self):
        sarai = self.start("1GiB")
        pid = sarai.row("hungry")["pid"]
        self.assertEqual(sarai.chat("hungry", text="grow 10").status, 200)
        self.assertEqual(len(tree_of(pid)), 2)
        wait_until(lambda: abs(sarai.row("hungry")["measured_bytes"] - kernel_memory(tree_of(pid))[0]) < 2**20, "the helper to be counted")

    def test_an_idle_worker_that_outgrows_the_budget_is_unloaded_and_the_others_go_on(self):
        sarai = self.start("200MiB")
        hungry = sarai.row("hungry")
        processes = tree_of(hungry["pid"])
        others = {model: sarai.row(model)["pid"] for model in ("lfm2", "omni")}
        answers, stop = [], threading.Event()

        def keep_asking(model):
            while not stop.is_set():
                answers.append(sarai.chat(model).status)

        threads = [threading.Thread(target=keep_asking, args=(model,)) for model in others]
        [thread.start() for thread in threads]
        try:
            self.assertEqual(sarai.chat("hungry", text="grow 240").status, 200)
            wait_until(lambda: sarai.row("hungry")["state"] == "unloaded", "hungry to be unloaded")
        finally:
            stop.set()
            [thread.join() for thread in threads]
        self.assertEqual(set(answers), {200})
        self.assertEqual({model: sarai.row(model)["pid"] for model in others}, others, "the others were left alone")
        wait_until(lambda: not any(alive(pid) for pid in processes), "the worker and what it started to end")
        self.assertEqual(self.events(sarai), [("report", "hungry"), ("close_admission", None), ("evict", "hungry")])
        end = sarai.status()["enforcement"]["events"][-1]
        self.assertRegex(end["why"], r"^sarai and its workers take \d+ MiB of a budget of 200 MiB; it is idle, and it takes \d+ MiB, \d+ MiB were planned$")
        self.assertRegex(sarai.log(), r"model 'hungry' is over its plan: it takes \d+ MiB, \d+ MiB were planned")
        self.assertIn(end["why"], sarai.log())

        # While memory is short nothing is loaded, what is loaded answers, and the refusal says why. Then all is well.
        refused = sarai.chat("hungry", text="hello")
        self.assertEqual((refused.status, refused.json["error"]["code"]), (503, "insufficient_memory"), refused.body)
        self.assertIn("of a budget of 200 MiB", refused.json["error"]["message"])
        self.assertIn("no model is loaded for now", sarai.cli("ps").stdout)
        self.assertEqual(sarai.chat("lfm2").status, 200)
        wait_until(lambda: sarai.status()["enforcement"]["admission_open"], "admission to open")
        # What it was seen to take is what its next load has to reserve.
        again = sarai.chat("hungry", text="hello")
        self.assertEqual(again.status, 503, again.body)
        self.assertRegex(again.json["error"]["message"], r"^model 'hungry' does not fit: it needs 2\d\d MiB ")

    def test_a_prompt_cache_is_the_first_thing_to_go(self):
        sarai = self.start("380MiB", models={"hungry-cache": local("lfm2", "preload: true, pinned: true, prompt_cache: 200MiB"),
                                             "hungry": local("lfm2", "preload: true"), "lfm2": local("lfm2", "preload: true")})
        before = {model: sarai.row(model)["pid"] for model in ("hungry-cache", "hungry", "lfm2")}
        self.assertEqual(sarai.chat("hungry-cache", text="grow 190").status, 200)
        wait_until(lambda: sarai.row("hungry-cache")["measured_bytes"] > 190e6, "the cache to be filled")
        self.assertEqual(self.events(sarai), [], "it is within its plan")
        self.assertEqual(sarai.chat("hungry", text="grow 240").status, 200)
        wait_until(lambda: sarai.row("hungry-cache")["pid"] not in (None, before["hungry-cache"]), "hungry-cache to be started again")
        wait_until(lambda: sarai.row("hungry-cache")["state"] == "ready", "hungry-cache to be back")
        self.assertEqual(self.events(sarai), [("report", "hungry"), ("drop_cache", "hungry-cache")])
        self.assertIn("its prompt cache holds about 1", sarai.status()["enforcement"]["events"][-1]["why"])
        self.assertEqual(sarai.row("hungry")["pid"], before["hungry"])
        self.assertEqual(sarai.row("lfm2")["pid"], before["lfm2"])

    def test_a_busy_worker_that_is_far_beyond_its_plan_is_ended_and_comes_back(self):
        sarai = self.start("1GiB")
        before, planned = (sarai.row("hungry")[key] for key in ("pid", "planned_bytes"))
        processes = tree_of(before)

        def ask():
            with contextlib.suppress(OSError):  # the server ends before the answer
                sarai.chat("hungry", text="grow 400 and hang")

        asking = threading.Thread(target=ask)
        asking.start()
        wait_until(lambda: sarai.row("hungry")["over_plan_bytes"] > 300e6, "the excess to be told")
        self.assertGreater(metric(sarai, 'sarai_model_memory_bytes{kind="over_plan",model="hungry"}'), 300e6)
        self.assertIn("hungry takes ", sarai.cli("ps").stdout)
        self.assertEqual(sarai.row("hungry")["pid"], before, "it may work for a while")
        self.assertEqual(sarai.chat("lfm2").status, 200)
        wait_until(lambda: ("restart", "hungry") in self.events(sarai), "hungry to be ended")
        wait_until(lambda: not any(alive(pid) for pid in processes), "the worker and what it started to end")
        self.assertEqual(sarai.chat("omni").status, 200)
        wait_until(lambda: sarai.row("hungry")["state"] == "ready", "hungry to come back")
        self.assertNotEqual(sarai.row("hungry")["pid"], before)
        self.assertLess(sarai.row("hungry")["planned_bytes"], planned + 1e6, "what it was ended for is no need of its model")
        self.assertTrue(sarai.status()["enforcement"]["admission_open"], "memory was never short")
        sarai.kill(15)
        asking.join(30)
        self.assertEqual(sarai.process.returncode, 0)

    def test_switched_off_it_is_only_reported(self):
        sarai = self.start("200MiB", ", enforcement: off")
        self.assertEqual(sarai.chat("hungry", text="grow 330").status, 200)  # also beyond what is called gross
        wait_until(lambda: self.events(sarai) == [("report", "hungry")], "the report")
        time.sleep(3)
        self.assertEqual(self.events(sarai), [("report", "hungry")])
        self.assertEqual(sarai.chat("hungry", text="hello").status, 200)
        self.assertGreater(sarai.status()["ledger"]["measured_bytes"], sarai.status()["ledger"]["budget_bytes"])


if __name__ == "__main__":
    main()
