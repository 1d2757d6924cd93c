"""What one server that is silent from the start costs the others: time to first token of a model on another server, and how
soon sarai answers about itself, with a dozen requests stuck on the silent one, against the same without any.

Rounds alternate, so that the machine's noise hits both. Clients, servers and sarai run on the same cores.
"""
import argparse
import contextlib
import json
import statistics
import threading
import time

import harness
import report

STUCK = 12
NOISE = 0.10  # medians repeat within 3 %, a p99 of 4,000 within 8 %


def first_token(sarai, model):
    begun = time.monotonic()
    connection, response = sarai.open_stream(model, max_tokens=4)
    with contextlib.closing(connection):
        for line in response:
            if line.startswith(b"data: {"):
                return (time.monotonic() - begun) * 1000
    raise RuntimeError(f"no token: {response.status}")


def seconds_of(sarai, path):
    begun = time.monotonic()
    reply = sarai.request("GET", path)
    if reply.status != 200:
        raise RuntimeError(f"{path}: {reply.status}")
    return (time.monotonic() - begun) * 1000


def stuck_requests(sarai):
    """Requests that the silent server holds, or that wait for a place there."""
    def ask():
        with contextlib.suppress(Exception):
            sarai.chat("silent", stream=True)
    threads = [threading.Thread(target=ask, daemon=True) for _ in range(STUCK)]
    for thread in threads:
        thread.start()
    harness.wait_until(lambda: sarai.row("silent")["waiting"] >= STUCK - 4, "requests to hang")


def percentile(samples, share):
    return sorted(samples)[min(len(samples) - 1, int(share * len(samples)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=4000, help="of each side (4000)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    arguments = parser.parse_args()
    print(f"isolation: {report.machine()}, {arguments.requests} requests a side, {STUCK} stuck")
    sides = {}
    with harness.FakeUpstream("openai", tokens=4) as well, harness.FakeUpstream("ollama") as silent:
        silent.tell("silent")
        models = {"well": f"backend: openai_http, endpoints: [{{url: '{well.url}/v1'}}]",
                  "silent": f"backend: ollama_http, endpoints: [{{url: '{silent.url}'}}], timeouts: {{first_token: 600s}}"}
        for name in ("alone", "beside a silent server"):
            sides[name] = harness.Sarai(models).start()
        stuck_requests(sides["beside a silent server"])
        times = {name: [] for name in sides}
        about = {"/v1/models": [], "/sarai/status": []}
        for i in range(arguments.requests):
            for name, sarai in sides.items():
                times[name].append(first_token(sarai, "well"))
            for path, samples in about.items():
                samples.append(seconds_of(sides["beside a silent server"], path))
        for sarai in sides.values():
            sarai.close()
    rows = [[name, *(f"{percentile(samples, share):.2f}" for share in (0.5, 0.9, 0.99))] for name, samples in (times | about).items()]
    print("\n".join(report.table(["milliseconds", "median", "p90", "p99"], rows)))
    print("\n".join(report.bars({name: percentile(samples, 0.99) for name, samples in times.items()}, "ms p99")))
    ratio = percentile(times["beside a silent server"], 0.99) / percentile(times["alone"], 0.99)
    slowest = max(max(samples) for samples in about.values())
    result = {"milliseconds": times | about, "p99_ratio": ratio, "goals": [
        report.goal(f"p99 of the time to first token beside a silent server ÷ alone is 1 within {NOISE:.0%}", ratio <= 1 + NOISE,
                    f"{ratio:.3f}, medians {statistics.median(times['beside a silent server']) / statistics.median(times['alone']):.3f}"),
        report.goal("/v1/models and /sarai/status answer in under 50 ms all the while", slowest < 50, f"slowest {slowest:.1f} ms")]}
    report.save(arguments.json, result)


if __name__ == "__main__":
    main()
