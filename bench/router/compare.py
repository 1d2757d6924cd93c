"""The router's weights against fastText and a logistic regression: accuracy on the development set, and time a prompt.

fastText learns from the same prompts as the weights (data/router/train) with the settings below, on one thread, and is
asked by its own command, which takes lines; its time is that of many lines less that of a few, divided by their number,
so that loading the model does not count. The weights are asked one prompt at a time, as the server does. All in one run.
"""
import argparse
import json
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

import harness
import report

DATA = pathlib.Path("data/router")
MOST_US = {"router": 1000, "mini": 300}
LEAST = {"router": 0.95, "mini": 0.92}
FASTTEXT = ["-wordNgrams", "2", "-minn", "2", "-maxn", "5", "-dim", "100", "-bucket", "200000", "-epoch", "25", "-lr", "0.5", "-thread", "1"]
PROMPT = ("My pod keeps restarting with exit code 137 after I raised the memory limit to 2Gi, the logs show nothing useful and I am out of "
          "ideas. What would you check first, and in what order? Thank you so much")


def prompts(folder):
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else [folder]
    return [json.loads(line) for file in files for line in file.read_text().splitlines() if line.strip()]


def plain(text):
    """As fastText's own examples prepare texts: lower case, signs apart, one line."""
    return re.sub(r"([.!?,'/()¿¡])", r" \1 ", text.lower()).replace("\n", " ")


def scores(pairs):
    """Accuracy and macro-F1 of (expected, given)."""
    labels = sorted({expected for expected, _ in pairs})
    f1 = []
    for label in labels:
        hits = sum(e == g == label for e, g in pairs)
        f1.append(2 * hits / max(1, sum(e == label for e, _ in pairs) + sum(g == label for _, g in pairs)))
    return {"accuracy": sum(e == g for e, g in pairs) / len(pairs), "macro_f1": statistics.mean(f1)}


def fasttext(folder, train, dev):
    learnt, model, asked = folder / "train.txt", folder / "model", folder / "asked.txt"
    learnt.write_text("".join(f"__label__{row['label']} {plain(row['text'])}\n" for row in train))
    subprocess.run(["fasttext", "supervised", "-input", learnt, "-output", model, "-verbose", "0", *FASTTEXT], check=True, capture_output=True)

    def predict(texts):
        asked.write_text("".join(plain(text) + "\n" for text in texts))
        begun = time.monotonic()
        done = subprocess.run(["fasttext", "predict-prob", f"{model}.bin", asked], check=True, capture_output=True, text=True)
        return time.monotonic() - begun, [line.split()[0].removeprefix("__label__") for line in done.stdout.splitlines()]

    _, given = predict([row["text"] for row in dev])
    few, many, times = 10, 20010, []
    for _ in range(5):
        times.append((predict([PROMPT] * many)[0] - predict([PROMPT] * few)[0]) / (many - few) * 1e6)
    return scores(list(zip([row["label"] for row in dev], given))) | {"p50_us": statistics.median(times)}


def weights(size, dev):
    done = subprocess.run([harness.BIN / "sarai", "router", "eval", dev, "--size", size, "--json", "--baseline", DATA / "train"],
                          check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(prog="bench/run router", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dev", type=pathlib.Path, default=DATA / "dev.jsonl", help="prompts to be right about (data/router/dev.jsonl)")
    parser.add_argument("--rounds", type=int, default=2000, help="scores per size (2000)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    train, dev = prompts(DATA / "train"), prompts(options.dev)
    print(f"router: {len(train)} prompts learnt, {len(dev)} asked; {report.machine()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="sarai-bench-") as name:
        folder = pathlib.Path(name)
        rival = fasttext(folder, train, dev)
        (folder / "one.txt").write_text(PROMPT + "\n")
        timed = json.loads(subprocess.run([harness.BIN / "bench-router", folder / "one.txt", "--rounds", str(options.rounds)], check=True,
                                          capture_output=True, text=True).stdout)
    found = {size: weights(size, options.dev) for size in ("router", "mini")}
    regression = found["router"]["logistic_regression"]
    rows = [[f"TRM-{size.capitalize()}", f"{found[size]['accuracy']:.3f}", f"{found[size]['macro_f1']:.3f}", f"{found[size]['calibration_error']:.3f}",
             f"{timed[size]['p50_us']:.0f}", f"{timed[size]['p50_us'] / rival['p50_us']:.1f}"] for size in found]
    rows += [["fastText", f"{rival['accuracy']:.3f}", f"{rival['macro_f1']:.3f}", "", f"{rival['p50_us']:.0f}", "1.0"],
             ["logistic regression", f"{regression['accuracy']:.3f}", f"{regression['macro_f1']:.3f}", f"{regression['calibration_error']:.3f}", "", ""]]
    print(*report.table(["", "accuracy", "macro-F1", "calibration error", "median µs", "÷ fastText"], rows), sep="\n")
    print(f"both sizes loaded: {timed['resident_kib'] / 1024:.1f} MiB, of which the process' own {timed['own_kib'] / 1024:.1f} MiB")
    goals = []
    for size in found:
        accuracy, f1 = found[size]["accuracy"], found[size]["macro_f1"]
        goals.append(report.goal(f"TRM-{size}: accuracy and macro-F1 of {LEAST[size]}", min(accuracy, f1) >= LEAST[size], f"{accuracy:.3f}, {f1:.3f}"))
        goals.append(report.goal(f"TRM-{size}: better than fastText and logistic regression", accuracy > max(rival["accuracy"], regression["accuracy"]),
                                 f"{accuracy:.3f} against {rival['accuracy']:.3f} and {regression['accuracy']:.3f}"))
        goals.append(report.goal(f"TRM-{size}: calibration error of 0.05", found[size]["calibration_error"] <= 0.05, f"{found[size]['calibration_error']:.3f}"))
        goals.append(report.goal(f"TRM-{size}: a 200-character prompt within {MOST_US[size]} µs", timed[size]["p50_us"] <= MOST_US[size],
                                 f"{timed[size]['p50_us']:.0f} µs"))
    goals.append(report.goal("both within 50 MB", timed["resident_kib"] * 1024 <= 50e6, f"{timed['resident_kib'] / 1024:.1f} MiB"))
    report.save(options.json, {"machine": report.machine(), "weights": found, "fasttext": rival, "times": timed, "goals": goals})


if __name__ == "__main__":
    main()
