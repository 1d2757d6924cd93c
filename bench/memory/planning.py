"""How long `sarai plan` takes for four models of the true size, nothing known about them (cold) and everything (cached).

Cold runs get a state folder of their own each; the cached ones use one that was filled before. The baseline is
`sarai version`: what starting the program costs. Files are in the page cache, as after a download.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import harness
import report
from models import model_file

ROLES = ("solar", "lfm2", "omni", "embed")
COLD, CACHED = 1.0, 0.05  # seconds


def configuration(folder):
    lines = [f"  {role}: {{backend: gguf_native, path: '{model_file(role)}', context_length: 2048"
             f"{', kind: embedding' if role == 'embed' else ''}}}" for role in ROLES]
    path = pathlib.Path(folder) / "sarai.yaml"
    path.write_text("memory: {max_ram_gb: 16}\nmodels:\n" + "\n".join(lines) + "\n")
    return path


def seconds(arguments, state):
    begun = time.monotonic()
    done = subprocess.run([harness.BIN / "sarai", *arguments], env=os.environ | {"SARAI_STATE_DIR": state}, capture_output=True, text=True)
    if done.returncode not in (0, 4):  # 4: does not fit this machine; planned all the same
        raise RuntimeError(f"sarai {arguments[0]} ended with {done.returncode}: {done.stderr}")
    return time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser(prog="bench/run planning", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=7, help="of each (7)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    print(f"planning: {', '.join(ROLES)}; {report.machine()}", flush=True)
    samples = {"start alone": [], "cached": [], "cold": []}
    with tempfile.TemporaryDirectory(prefix="sarai-bench-") as folder:
        plan = ["plan", "--config", configuration(folder)]
        seconds(plan, f"{folder}/known")
        for repetition in range(options.repetitions):
            samples["cold"].append(seconds(plan, f"{folder}/cold-{repetition}"))
            samples["cached"].append(seconds(plan, f"{folder}/known"))
            samples["start alone"].append(seconds(["version"], f"{folder}/known"))
    spread = {name: {k: 1000 * v for k, v in report.quartiles(taken).items()} for name, taken in samples.items()}
    base = spread["start alone"]["median"]
    print(*report.table(["", "median ms", "quartiles", "÷ start alone"],
                        [[name, f"{s['median']:.1f}", f"{s['low']:.1f} – {s['high']:.1f}", f"{s['median'] / base:.1f}"]
                         for name, s in spread.items()]), sep="\n")
    print(*report.bars({name: s["median"] for name, s in spread.items()}, "ms"), sep="\n")
    goals = [report.goal(f"four models planned {name} within {1000 * most:.0f} ms", (middle := statistics.median(samples[name])) <= most,
                         f"{1000 * middle:.1f} ms") for name, most in (("cold", COLD), ("cached", CACHED))]
    report.save(options.json, {"machine": report.machine(), "samples": samples, "goals": goals})


if __name__ == "__main__":
    main()
