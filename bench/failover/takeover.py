"""What a client waits for when a server dies in the middle of its answer: from the server's last byte to the local worker's
first one, with `warm_takeover` (the worker has read the prompt ahead) and without (it reads it then). And what the feature
costs an answer that nobody disturbs.

The server is a fake that needs no cores; the local model is of the true size (LFM2-1.2B). Each takeover has a new sarai, so that
no cache of an earlier one helps; the two sides alternate.
"""
import argparse
import contextlib
import json
import statistics
import time

import harness
import models
import report

NOISE = 0.05
SENTENCE = "The harbour lay still, and the boats with it, while the wind turned slowly to the north. "


class Side:
    """A sarai whose model is answered by a fake server and has a local fallback that is loaded."""

    def __init__(self, warm, tokens, delay_ms):
        self.fake = harness.FakeUpstream("ollama", tokens=tokens, token_delay_ms=delay_ms, token="the")  # a token of the model
        model = (f"backend: ollama_http, endpoints: [{{url: '{self.fake.url}'}}], fallback: gguf_native, path: '{models.model_file('lfm2')}', "
                 f"context_length: 8192, preload: true, warm_takeover: {'true' if warm else 'false'}")
        self.sarai = harness.Sarai({"solar": model}, memory="max_ram: 8GiB").start()
        harness.wait_until(lambda: self.sarai.row("solar", "gguf_native")["state"] == "ready", "the fallback", 300)

    def close(self):
        self.sarai.close()
        if self.fake.process.poll() is None:
            self.fake.process.kill()
        self.fake.process.wait(10)


def chunks(response):
    for line in response:
        if line.startswith(b"data: {"):
            yield time.monotonic(), json.loads(line[6:])


def takeover(warm, prompt, seconds):
    """Milliseconds between the two bytes."""
    side = Side(warm, 100_000, 50)
    with contextlib.closing(side):
        connection, response = side.sarai.open_stream("solar", max_tokens=200_000, timeout=600, messages=[{"role": "user", "content": prompt}])
        begun, last = time.monotonic(), None
        with contextlib.closing(connection):
            for at, chunk in chunks(response):
                if "error" in chunk:
                    raise RuntimeError(chunk)
                if "sarai_failover" in chunk:
                    return (at - last) * 1000
                last = at
                if at - begun > seconds and side.fake.process.poll() is None:
                    side.fake.process.kill()
    raise RuntimeError("nobody took over")


def undisturbed(sarai, text):
    begun = time.monotonic()
    connection, response = sarai.open_stream("solar", max_tokens=64, messages=[{"role": "user", "content": text}])
    with contextlib.closing(connection):
        times = [at for at, _ in chunks(response)]
    return (times[0] - begun) * 1000, (times[-1] - begun) * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--takeovers", type=int, default=5, help="of each side (5)")
    parser.add_argument("--answers", type=int, default=100, help="undisturbed ones, of each side (100)")
    parser.add_argument("--sentences", type=int, default=10, help="of the prompt (10, some 500 tokens)")
    parser.add_argument("--seconds", type=float, default=20, help="that a server answers before it dies (20)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    arguments = parser.parse_args()
    print(f"takeover: {report.machine()}, {arguments.takeovers} takeovers and {arguments.answers} undisturbed answers a side")
    models.model_file("lfm2")
    names = {"cold": False, "warm": True}
    gaps = {name: [] for name in names}
    for i in range(arguments.takeovers):
        for name, warm in names.items():
            gaps[name].append(takeover(warm, f"{i}. " + SENTENCE * arguments.sentences, arguments.seconds))
            print(f"  {i + 1} of {arguments.takeovers}, {name}: {gaps[name][-1]:.0f} ms", flush=True)
    first, whole = {name: [] for name in names}, {name: [] for name in names}
    with contextlib.ExitStack() as stack:
        sides = {name: stack.enter_context(contextlib.closing(Side(warm, 64, 5))) for name, warm in names.items()}
        for i in range(arguments.answers):
            for name, side in sides.items():
                ttft, total = undisturbed(side.sarai, f"{i}. " + SENTENCE * 3)
                first[name].append(ttft)
                whole[name].append(total)
    rows = [[f"{what}, {name}", *(f"{value:.1f}" for value in report.quartiles(samples[name]).values())]
            for what, samples in (("gap", gaps), ("undisturbed first token", first), ("undisturbed whole", whole)) for name in names]
    print("\n".join(report.table(["milliseconds", "median", "low", "high"], rows)))
    print("\n".join(report.bars({f"gap, {name}": statistics.median(samples) for name, samples in gaps.items()}, "ms")))
    ratio = {what: statistics.median(samples["warm"]) / statistics.median(samples["cold"])
             for what, samples in (("gap", gaps), ("first_token", first), ("whole", whole))}
    report.save(arguments.json, {"gaps_ms": gaps, "first_token_ms": first, "whole_ms": whole, "ratios": ratio, "goals": [
        report.goal("warm takeover ÷ cold is below 1", ratio["gap"] < 1, f"{ratio['gap']:.3f}"),
        report.goal(f"an undisturbed answer costs no more with it than without, within {NOISE:.0%}",
                    max(ratio["first_token"], ratio["whole"]) <= 1 + NOISE,
                    f"first token {ratio['first_token']:.3f}, whole {ratio['whole']:.3f}")]})


if __name__ == "__main__":
    main()
