"""Three models that generate at the same time on the same cores, against one after the other.

Ours: through sarai, whose workers get its flags and its environment and take turns. Engine defaults: plain llama-server processes.
Each repetition starts one side, asks its models one after the other, then all at once, twice, and ends it; the sides take
turns, so that the machine's noise hits both and their memory is never needed at the same time. How fast a model is alone
shows where both sides have just this one and are asked in turn.
"""
import argparse
import contextlib
import http.client
import json
import statistics
import threading
import time

import harness
import report
import servers
from models import model_file

# Tokens per answer, so that each model works for some seconds (about 35, 6 and 5 tokens/s on two cores).
TOKENS = {"lfm2": 48, "omni": 24, "solar": 16}
CONTEXT = 2048
ROUNDS = 2  # per start
PAIRS = 9  # answers of a model alone, a side
LIMIT = 360  # seconds for all repetitions; none begins in the second half
# Medians of a few runs of some seconds repeat within this share on an otherwise idle machine.
NOISE = 0.03


def generate(connection, model, tokens):
    """Seconds for exactly so many tokens."""
    body = {"model": model, "messages": [{"role": "user", "content": "Tell me a story."}], "max_tokens": tokens,
            "temperature": 0, "ignore_eos": True, "cache_prompt": False}
    with contextlib.closing(connection):
        begun = time.monotonic()
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
        took = time.monotonic() - begun
    if reply.status != 200 or (made := json.loads(text)["usage"]["completion_tokens"]) != tokens:
        raise RuntimeError(f"{model}: status {reply.status}, expected {tokens} tokens: {text[:400]}")
    return took


@contextlib.contextmanager
def through_sarai(models):
    """Yields what opens a connection to a model."""
    described = {name: f"backend: gguf_native, path: '{file}', context_length: {CONTEXT}, preload: true"
                 for name, (file, _) in models.items()}
    server = harness.Sarai(described, memory=f"max_ram: 1TiB, max_concurrent_llms: {len(models)}")
    try:
        server.start()
        harness.wait_until(lambda: all(server.row(name)["state"] == "ready" for name in models), "the models to load", 600)
        yield lambda name: http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    finally:
        server.close()


@contextlib.contextmanager
def engine_defaults(models):
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(servers.folder())
        sockets = {name: home / f"{name}.sock" for name in models}
        for name, (file, _) in models.items():
            command = ["llama-server", "--model", file, "--alias", name, "--host", sockets[name], "--ctx-size", CONTEXT]
            stack.enter_context(servers.process(command, home / f"{name}.log", env=servers.environment({})))
        harness.wait_until(lambda: all(servers.is_ready(sockets[name]) for name in models), "the models to load", 600)
        yield lambda name: servers.UnixConnection(sockets[name])


SIDES = {"sarai": through_sarai, "engine defaults": engine_defaults}


def measure(connect, models):
    """Seconds of each model alone, and of all at once, again and again."""
    for name in models:
        generate(connect(name), name, 2)  # the first answer touches every page
    return [measure_once(connect, models) for _ in range(ROUNDS)]


def measure_once(connect, models):
    result = {name: generate(connect(name), name, tokens) for name, (_, tokens) in models.items()}
    failed = []

    def ask(name, tokens):
        try:
            generate(connect(name), name, tokens)
        except Exception as error:
            failed.append(error)
    threads = [threading.Thread(target=ask, args=(name, tokens)) for name, (_, tokens) in models.items()]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return result | {"one after the other": sum(result.values()), "all at once": time.monotonic() - begun}


def measure_alone(role):
    """Seconds of each side's answers, in pairs that follow each other at once; who is first takes turns."""
    models = {role: (model_file(role), TOKENS[role])}
    with contextlib.ExitStack() as stack:
        connect = {side: stack.enter_context(serve(models)) for side, serve in SIDES.items()}
        for side in SIDES:
            generate(connect[side](role), role, 2)
        pairs = []
        for turn in range(PAIRS):
            order = list(SIDES) if turn % 2 else list(SIDES)[::-1]
            pairs.append({side: generate(connect[side](role), role, TOKENS[role]) for side in order})
    return pairs


def main():
    parser = argparse.ArgumentParser(prog="bench/run concurrent", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="lfm2,lfm2,lfm2", help="roles: solar, lfm2, omni (lfm2,lfm2,lfm2); made on first use")
    parser.add_argument("--repetitions", type=int, default=3, help="per side (3)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    roles = options.models.split(",")
    if unknown := [role for role in roles if role not in TOKENS]:
        parser.error(f"unknown: {', '.join(unknown)}; expected some of {', '.join(TOKENS)}")
    models = {f"{role}-{i + 1}": (model_file(role), TOKENS[role]) for i, role in enumerate(roles)}
    print(f"concurrent: {', '.join(f'{name} {tokens} tokens' for name, (_, tokens) in models.items())}; "
          f"{options.repetitions} repetitions per side; {report.machine()}", flush=True)

    samples = {side: [] for side in SIDES}
    begun = time.monotonic()
    for repetition in range(options.repetitions):
        if repetition and time.monotonic() - begun > LIMIT / 2:
            print(f"note: only {repetition} repetitions, since the machine is slow or busy")
            break
        for side, serve in SIDES.items():
            with serve(models) as connect:
                runs = measure(connect, models)
            samples[side] += runs
            for run in runs:
                print(f"  {side}: {run['one after the other']:.1f} s one after the other, {run['all at once']:.1f} s at once", flush=True)
    alone = {role: measure_alone(role) for role in dict.fromkeys(roles)}

    medians = {side: {what: statistics.median(run[what] for run in runs) for what in runs[0]} for side, runs in samples.items()}
    ours, defaults = medians["sarai"], medians["engine defaults"]
    # Of what follows each other at once: what else the machine does changes from one start to the next.
    ratios = {side: statistics.median(run["all at once"] / run["one after the other"] for run in runs) for side, runs in samples.items()}
    alone_ratios = {role: statistics.median(pair["sarai"] / pair["engine defaults"] for pair in pairs) for role, pairs in alone.items()}

    rows = [[what, f"{ours[what]:.2f}", f"{defaults[what]:.2f}", f"{ours[what] / defaults[what]:.3f}"] for what in ours]
    rows += [[f"{role} alone, in turn", *(f"{statistics.median(pair[side] for pair in pairs):.2f}" for side in SIDES), f"{alone_ratios[role]:.3f}"]
             for role, pairs in alone.items()]
    rows.append(["all at once ÷ one after the other", f"{ratios['sarai']:.3f}", f"{ratios['engine defaults']:.3f}", ""])
    print(*report.table(["seconds, medians", *SIDES, "ratio"], rows), sep="\n")
    for what in ("one after the other", "all at once"):
        print(what, *report.bars({side: m[what] for side, m in medians.items()}, "s"), sep="\n")
    print()
    slowest = max(alone_ratios, key=alone_ratios.get)
    goals = [report.goal("sarai, all at once ≤ one after the other", ratios["sarai"] <= 1, f"{ratios['sarai']:.3f}"),
             report.goal(f"no model alone slower than at engine defaults (within {NOISE:.0%})",
                         alone_ratios[slowest] <= 1 + NOISE, f"slowest: {slowest} {alone_ratios[slowest]:.3f}")]
    report.save(options.json, {"machine": report.machine(), "models": {n: t for n, (_, t) in models.items()},
                               "samples": samples, "alone": alone, "medians": medians, "goals": goals})


if __name__ == "__main__":
    main()
