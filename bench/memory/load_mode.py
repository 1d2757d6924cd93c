"""Four ways for weights to come into memory, as keys of our configuration: what each costs and what it gives.

copy            read once and repacked for the CPU; anonymous memory (the default)
compact         the same without the layout of Intel's AMX (elsewhere it is copy)
mmap            the file is mapped and computed with as it is; the kernel can drop its pages
engine_default  mapped and repacked: the mapped pages stay resident beside the copy

Each repetition starts the real program once per mode, reads a prompt and generates; the modes take turns. Files are in
the page cache, so that load times are those of a warm start.
"""
import argparse
import statistics
import time

import footprint
import report
from models import model_file

MODES = ("engine_default", "mmap", "copy", "compact")
ROLES = ("lfm2", "embed", "omni", "solar")
# Tokens read and written, so that each takes some seconds (about 120 and 37, 18 and 6, 11 and 5 tokens/s on two cores).
WORK = {"lfm2": (512, 64), "embed": (2000, 0), "omni": (256, 24), "solar": (160, 16)}
CONTEXT = 2048
LIMIT = 240  # seconds per model; no repetition begins in the second half
MB = 1e6


def warm(path):
    """Into the page cache."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def measure(role, mode):
    path, (tokens, predict) = model_file(role), WORK[role]
    warm(path)
    kind = "embedding" if role == "embed" else "chat"
    keys = {"path": f"'{path}'", "context_length": CONTEXT, "load_mode": mode, "kind": kind}
    with footprint.serving("model", keys) as (_, row):
        worker, sampler = footprint.Worker(row["pid"]), footprint.Sampler(row["pid"])
        try:
            if predict:
                worker.complete(32, 1, 2)  # the first answer touches every page
                timings = worker.complete(tokens, 2, predict, temperature=0)["timings"]
                speed = {"prompt": timings["prompt_per_second"], "decode": timings["predicted_per_second"]}
            else:
                worker.embed(32, 1)
                begun = time.monotonic()
                worker.embed(tokens, 2)
                speed = {"prompt": tokens / (time.monotonic() - begun)}
        finally:
            peak = sampler.stop()
    return {"load": row["load_ms"] / 1000, "pss": peak["pss"] / MB, "anonymous": peak["anonymous"] / MB, "file": peak["file"] / MB} | speed


def compare(role, repetitions):
    samples, begun = {mode: [] for mode in MODES}, time.monotonic()
    for repetition in range(repetitions):
        if repetition and time.monotonic() - begun > LIMIT / 2:
            print(f"note: only {repetition} repetitions of {role}, since the machine is slow or busy")
            break
        for mode in MODES[repetition % len(MODES):] + MODES[:repetition % len(MODES)]:
            samples[mode].append(run := measure(role, mode))
            print(f"  {role} {mode}: " + ", ".join(f"{what} {value:.1f}" for what, value in run.items()), flush=True)
    medians = {mode: {what: statistics.median(run[what] for run in runs) for what in runs[0]} for mode, runs in samples.items()}
    base = medians["engine_default"]
    rows = [[f"{role} {mode}"] + [f"{m[what]:.{1 if m[what] < 100 else 0}f}" for what in m] +
            [f"{m[what] / base[what]:.2f}" for what in m if what not in ("anonymous", "file")] for mode, m in medians.items()]
    units = {"load": "load s", "pss": "PSS MB", "prompt": "prompt tok/s", "decode": "decode tok/s"}
    print(*report.table(["", *(units.get(what, what) for what in base),
                         *(f"÷ {what}" for what in base if what not in ("anonymous", "file"))], rows), sep="\n")
    print(*report.bars({mode: m["pss"] for mode, m in medians.items()}, "MB"), sep="\n")
    return {"samples": samples, "medians": medians}


def main():
    parser = argparse.ArgumentParser(prog="bench/run load-mode", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="lfm2", help=f"some of {','.join(ROLES)} (lfm2); made on first use")
    parser.add_argument("--repetitions", type=int, default=3, help="per mode (3)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    roles = options.models.split(",")
    if unknown := [role for role in roles if role not in ROLES]:
        parser.error(f"unknown: {', '.join(unknown)}; expected some of {', '.join(ROLES)}")
    print(f"load modes: {', '.join(roles)}, context {CONTEXT}; {report.machine()}", flush=True)
    results = {role: compare(role, options.repetitions) for role in roles}
    print()
    goals = []
    for role, result in results.items():
        ours, base = result["medians"]["copy"], result["medians"]["engine_default"]
        speed = min(ours[what] / base[what] for what in ("prompt", "decode") if what in base)
        goals.append(report.goal(f"{role}: copy takes less memory than the engine's default and is no slower (within 5 %)",
                                 ours["pss"] < base["pss"] and speed >= 0.95, f"memory {ours['pss'] / base['pss']:.2f}, speed {speed:.2f}"))
    report.save(options.json, {"machine": report.machine(), "results": results, "goals": goals})


if __name__ == "__main__":
    main()
