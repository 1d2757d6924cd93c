"""Everything at once, with a seed: three servers of which a fifth of the answers fail in every way there is, real workers
that are killed at random, clients that leave. Whatever happens, a client gets a whole answer, or is told so, once."""
import collections
import http.client
import json
import os
import pathlib
import random
import signal
import threading
import time

from harness import Case, FakeUpstream, alive, local, main, wait_until

SEED = int(os.environ.get("SARAI_CHAOS_SEED", "7"))
REQUESTS = int(os.environ.get("SARAI_CHAOS_REQUESTS", "1000"))
TOKENS = 6
TEXT = "".join(f"t{i} " for i in range(TOKENS))
DEADLINE = 30  # seconds; the budgets below allow three servers 0.5 s each, twice over, and a queue


class Outcome(Exception):
    """What is not allowed to happen."""


def ask(port, model, stream, leave_after, limit):
    """One request as a client sees it: the name of its outcome, or Outcome for what must not be."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps({
            "model": model, "stream": stream, "max_tokens": limit, "messages": [{"role": "user", "content": f"Tell {limit}"}]}))
        response = connection.getresponse()
        if not stream or response.status != 200:
            body = json.loads(response.read())
            if response.status == 200:
                return whole(model, body["choices"][0]["message"]["content"], "whole")
            if not body["error"]["message"] or response.status not in (429, 502, 503, 504):
                raise Outcome(f"{response.status} {body}")
            return f"refused {response.status}"
        text, error, end, seams, seen = "", 0, False, 0, 0
        for line in response:
            if leave_after is not None and seen >= leave_after:
                return "left"
            if not line.startswith(b"data: "):
                continue
            if end or error:
                raise Outcome(f"more after the end: {line}")
            if line.strip() == b"data: [DONE]":
                end = True
                continue
            event = json.loads(line[6:])
            if "error" in event:
                if not event["error"]["message"]:
                    raise Outcome(f"{event}")
                error += 1
                continue
            seen += 1
            seams += "sarai_failover" in event
            for choice in event["choices"]:
                text += choice["delta"].get("content") or ""
        if not end and not error:
            raise Outcome(f"a stream that just stops after {text!r}")
        if error:
            if model == "fakes" and not TEXT.startswith(text):
                raise Outcome(f"{text!r} before the error")
            return "error event"
        return whole(model, text, "continued" if seams else "streamed")
    finally:
        connection.close()


def whole(model, text, outcome):
    if model == "fakes" and text != TEXT:
        raise Outcome(f"{outcome}: {text!r}")
    return outcome


class Chaos(Case):
    def test_every_request_ends_whole_or_with_one_error(self):
        chance = random.Random(SEED)
        boxes = [self.enterContext(FakeUpstream("openai" if i else "ollama", seed=SEED + i, fault_rate=0.2, tokens=TOKENS, token_delay_ms=1))
                 for i in range(3)]
        boxes_yaml = ", ".join(f"{{url: '{box.url}/v1', capacity: 4}}" for box in boxes[1:])
        budgets = "timeouts: {connect: 500ms, first_token: 500ms, silence: 500ms, total: 2s}, continues_answers: true"
        sarai = self.serve({
            "fakes": f"backend: openai_http, endpoints: [{boxes_yaml}], {budgets}, on_loss: {{fallback: box}}",
            "box": f"backend: ollama_http, endpoints: [{{url: '{boxes[0].url}'}}], {budgets}",
            "lfm2": local("lfm2", "preload: true, parallel: 2"),
        }, server="heartbeat: 200ms")
        wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "the worker")
        descriptors = lambda: len(list(pathlib.Path(f"/proc/{sarai.process.pid}/fd").iterdir()))
        before = descriptors()
        outcomes, wrong, slowest = collections.Counter(), [], [0.0]
        jobs = [(("fakes", "fakes", "fakes", "box", "lfm2")[chance.randrange(5)], chance.random() < 0.7,
                 chance.randrange(TOKENS) if chance.random() < 0.05 else None, chance.randrange(1, 40)) for _ in range(REQUESTS)]
        lock = threading.Lock()

        def work():
            while True:
                with lock:
                    if not jobs:
                        return
                    job = jobs.pop()
                begun = time.monotonic()
                try:
                    result = f"{job[0]}: {ask(sarai.port, *job)}"
                except Exception as error:  # also a timeout: a hang
                    result = f"{job[0]}: WRONG"
                    wrong.append(f"{job}: {error!r}")
                with lock:
                    outcomes[result] += 1
                    slowest[0] = max(slowest[0], time.monotonic() - begun)

        done = threading.Event()
        killed = []

        def kill_workers():
            # A worker that dies again and again comes back later each time: 1, 2, 4, 8 s. More deaths would only test that.
            while len(killed) < 5 and not done.wait(chance.uniform(0.5, 2)):
                workers = sarai.workers()
                if workers:
                    killed.append(chance.choice(workers))
                    try:
                        os.kill(killed[-1], signal.SIGKILL)
                    except ProcessLookupError:
                        killed.pop()
        killer = threading.Thread(target=kill_workers)
        killer.start()
        clients = [threading.Thread(target=work) for _ in range(16)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        done.set()
        killer.join()
        print(f"\nseed {SEED}, {REQUESTS} requests, {len(killed)} workers killed, slowest {slowest[0]:.1f} s:")
        for outcome, count in sorted(outcomes.items()):
            print(f"  {count:5} {outcome}")
        self.assertEqual(wrong[:5], [])
        self.assertEqual(sum(outcomes.values()), REQUESTS)
        self.assertLess(slowest[0], DEADLINE)
        # Two of three servers would have to fail at once, and the third after it.
        well = outcomes["fakes: streamed"] + outcomes["fakes: whole"] + outcomes["fakes: continued"]
        asked = sum(count for name, count in outcomes.items() if name.startswith("fakes")) - outcomes["fakes: left"]
        self.assertGreater(well / asked, 0.75)
        local_well = outcomes["lfm2: streamed"] + outcomes["lfm2: whole"] + outcomes["lfm2: continued"]
        local_asked = sum(count for name, count in outcomes.items() if name.startswith("lfm2")) - outcomes["lfm2: left"]
        self.assertGreater(local_well / local_asked, 0.75)
        self.assertGreater(outcomes["fakes: continued"], 0)
        self.assertGreater(len(killed), 0)

        # Nothing is left: no lease, no waiting request, no connection, no worker but the one that is loaded.
        def settled():
            status = sarai.status()
            return (not any(e["in_flight"] for e in status["endpoints"]) and
                    not any(m.get("waiting") or m.get("in_flight") for m in status["models"]))
        wait_until(settled, "all leases to be given back")
        wait_until(lambda: all(box.stats()["active"] == 0 for box in boxes), "all connections to be given up")
        wait_until(lambda: descriptors() <= before + 16 * len(boxes), f"descriptors: {before} before")
        self.assertFalse([pid for pid in killed if alive(pid)])
        self.assertLessEqual(len(sarai.workers()), 1)
        # Once nothing fails any more, every model answers, every time.
        for box in boxes:
            box.tell("good")
        for model in ("fakes", "box", "lfm2"):
            wait_until(lambda: all(sarai.chat(model).status == 200 for _ in range(5)), f"{model} to be well again", 90)  # trials are up to a minute apart


if __name__ == "__main__":
    main()
