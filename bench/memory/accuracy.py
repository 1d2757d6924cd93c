"""Does a plan say what the kernel then measures? Full-size models, one case after the other.

For each case the real program is started with one model, so that the worker has exactly our flags; its plan is read from
/sarai/status. The worker is then driven to its peak: prompts longer than the micro-batch in all slots at once, tokens
generated, for an mmproj a picture of the largest size, for an embedder inputs as long as its slots. The peak is sampled
every 50 ms. It is what the worker takes alone, with its libraries counted in full (RSS): PSS is the same but for what
other processes happen to share at that moment, some 15 MB if another worker runs anywhere on the machine.
"""
import argparse
import functools
import itertools
import json
import pathlib
import time

import footprint
import report
from models import model_file

CONTEXTS, KV_TYPES, SLOTS = (512, 2048, 8192), ("f16", "q8_0"), (1, 4)
ROLES = ("lfm2", "embed", "omni", "omni+mmproj", "solar")
BATCH = 256         # the workers' micro-batch
MB = 1e6
# Of the issue: within 3 % (20 MB for what takes less than 500 MB), and never more than 1 % under.
RELATIVE, UNDER, SMALL, ABSOLUTE = 0.03, 0.01, 500 * MB, 20 * MB


def cases(roles, quick):
    contexts, kv_types = (CONTEXTS[:2], KV_TYPES) if quick else (CONTEXTS, KV_TYPES)
    for role, context, kv_type, slots in itertools.product(roles, contexts, kv_types, SLOTS):
        if quick and (context == CONTEXTS[0]) != (kv_type == "q8_0"):
            continue
        yield {"role": role, "context": context, "kv": kv_type, "slots": slots, "load_mode": "copy"}
    # What else a plan is made for: one case per load mode.
    for role, mode in itertools.product(roles, ("compact", "mmap", "engine_default")):
        if not quick or role == "lfm2":
            yield {"role": role, "context": 2048, "kv": "f16", "slots": 1, "load_mode": mode}


def described(case):
    role, _, projector = case["role"].partition("+")
    keys = {"path": f"'{model_file(role)}'", "context_length": case["context"], "kv_cache_type": case["kv"],
            "parallel": case["slots"], "load_mode": case["load_mode"], "kind": "embedding" if role == "embed" else "chat"}
    if projector:
        keys["mmproj"] = f"'{model_file(f'{role}-{projector}')}'"
        keys["mmproj_load"] = "always"  # on demand the worker that is watched would be replaced by another one
    return keys


def drive(case, server, worker):
    """Whatever a client may do that makes the worker larger."""
    room = worker.slot_context()
    if case["role"] == "embed":
        for turn in range(2):
            footprint.at_once([functools.partial(worker.embed, room - 2, 9 * turn + slot) for slot in range(case["slots"])])
        return
    # One prompt beyond the micro-batch and short ones beside it, so that micro-batches are full and hold all slots: the
    # cache's pages were touched at load, so that only scratch buffers have to be filled, and a full context would take
    # SOLAR a quarter of an hour per case.
    lengths = [min(BATCH + 16, room - 16)] + [12] * (case["slots"] - 1)
    footprint.at_once([functools.partial(worker.complete, length, seed, 8) for seed, length in enumerate(lengths)])
    chat = {"model": "model", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}
    footprint.accepted(server.request("POST", "/v1/chat/completions", chat, timeout=900))
    if "+" in case["role"]:
        chat["messages"][0]["content"] = [{"type": "image_url", "image_url": {"url": footprint.picture(1280, 960)}}]
        footprint.accepted(server.request("POST", "/v1/chat/completions", chat, timeout=1800))


def measure(case):
    begun = time.monotonic()
    with footprint.serving("model", described(case), load_limit=600) as (server, row):
        sampler = footprint.Sampler(row["pid"])
        try:
            loaded = footprint.kernel(row["pid"])
            drive(case, server, footprint.Worker(row["pid"]))
        finally:
            peak = sampler.stop()
        last = footprint.kernel(row["pid"])
    return case | {"plan": sum(line["bytes"] for line in row["plan"]), "lines": {line["what"]: line["bytes"] for line in row["plan"]},
                   "loaded": loaded, "peak": peak, "last": last, "seconds": time.monotonic() - begun}


def judged(result):
    peak = result["peak"]["rss"]
    error = result["plan"] - peak
    limit = ABSOLUTE if peak < SMALL else RELATIVE * peak
    return result | {"error": error, "share": error / peak, "good": -UNDER * peak <= error <= limit}


def name_of(case):
    mode = "" if case["load_mode"] == "copy" else f" {case['load_mode']}"
    return f"{case['role']} {case['context']} {case['kv']} ×{case['slots']}{mode}"


def deviation(result, width=12):
    """A bar from the middle: left the plan is short, right it is more than the peak; full width is 4 %."""
    cells = min(width, round(abs(result["share"]) / 0.04 * width))
    left = " " * (width - cells) + "█" * cells if result["error"] < 0 else " " * width
    right = "█" * cells if result["error"] >= 0 else ""
    return f"{left}│{right:<{width}}"


def main():
    parser = argparse.ArgumentParser(prog="bench/run memory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(ROLES), help=f"some of {','.join(ROLES)} (all); made on first use")
    parser.add_argument("--quick", action="store_true", help="4 of 12 cases per model, contexts up to 2048")
    parser.add_argument("--only", default="", help="cases whose name contains this, e.g. '2048 q8_0'")
    parser.add_argument("--limit", type=float, default=90, metavar="MINUTES", help="no case begins after this (90)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well, after each case")
    parser.add_argument("--resume", action="store_true", help="keep the cases that are in that file already")
    options = parser.parse_args()
    roles = options.models.split(",")
    if unknown := [role for role in roles if role not in ROLES]:
        parser.error(f"unknown: {', '.join(unknown)}; expected some of {', '.join(ROLES)}")
    chosen = [case for case in cases(roles, options.quick) if options.only in name_of(case)]
    print(f"memory: {len(chosen)} cases; {report.machine()}", flush=True)

    results, begun = [], time.monotonic()
    if options.resume and options.json and pathlib.Path(options.json).exists():
        results = json.loads(pathlib.Path(options.json).read_text())["results"]
        done = {name_of(result) for result in results}
        chosen = [case for case in chosen if name_of(case) not in done]
        print(f"  {len(results)} are there already", flush=True)
    for number, case in enumerate(chosen, 1):
        if time.monotonic() - begun > options.limit * 60:
            print(f"note: {len(chosen) - number + 1} cases left out, since the time is over")
            break
        try:
            results.append(result := judged(measure(case)))
        except Exception as problem:  # one case that cannot run should not cost the others
            print(f"  {number}/{len(chosen)} {name_of(case)}: {problem}", flush=True)
            continue
        print(f"  {number}/{len(chosen)} {name_of(case)}: plan {result['plan'] / MB:.0f}, peak {result['peak']['rss'] / MB:.0f} MB, "
              f"{result['share']:+.2%}{'' if result['good'] else '  MISS'} ({result['seconds']:.0f} s)", flush=True)
        report.save(options.json, {"machine": report.machine(), "results": results}, quiet=True)
    if not results:
        return

    rows = [[name_of(r), f"{r['plan'] / MB:.0f}", f"{r['peak']['rss'] / MB:.0f}", f"{r['peak']['pss'] / MB:.0f}",
             f"{r['peak']['anonymous'] / MB:.0f}",
             f"{r['error'] / MB:+.1f}", f"{r['share']:+.2%}", "" if r["good"] else "MISS", deviation(r)] for r in results]
    print(*report.table(["MB (10⁶)", "plan", "peak", "PSS", "anonymous", "error", "", "", "short │ over (4 %)"], rows), sep="\n")
    print()
    missed = [name_of(r) for r in results if not r["good"]]
    worst = max(results, key=lambda r: abs(r["share"]))
    report.goal("plan within 3 % of the peak (20 MB below 500 MB), never more than 1 % under", not missed,
                f"{len(results) - len(missed)} of {len(results)}; largest error {worst['share']:+.2%}, {name_of(worst)}")
    report.save(options.json, {"machine": report.machine(), "results": results, "missed": missed})


if __name__ == "__main__":
    main()
