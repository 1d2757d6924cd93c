"""A knowledge base of 100,000 chunks: how long it takes to index, and hybrid search as a ratio to a scan of all vectors.

The passages are made up, English and Spanish, and their vectors hashed character n-grams: texts without a model. The
questions are half in the passages' own words, half inflected. The scan looks at every vector in memory for the nearest ten, on
one core, without words, database or text: the least that a search without an index costs. All in one run.
"""
import argparse
import json
import subprocess
import tempfile

import harness
import report


def main():
    parser = argparse.ArgumentParser(prog="bench/run knowledge", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000, help="passages (100000)")
    parser.add_argument("--dimension", type=int, default=384, help="numbers in a vector (384)")
    parser.add_argument("--questions", type=int, default=500, help="asked (500)")
    parser.add_argument("--store", help="postgresql://… of an empty database; otherwise SQLite in a temporary folder")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    print(f"knowledge: {options.chunks} chunks; {report.machine()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="sarai-bench-") as folder:
        done = subprocess.run([harness.BIN / "bench-knowledge", options.store or f"{folder}/knowledge", "--chunks", str(options.chunks),
                               "--dimension", str(options.dimension), "--questions", str(options.questions)], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    scan = found["scan"]
    names = {"hybrid": "hybrid search", "words": "its words (BM25)", "vectors": "its vectors (HNSW)", "scan": "scan of all vectors"}
    rows = [[name, f"{found[key]['p50_ms']:.2f}", f"{found[key]['p95_ms']:.2f}", f"{found[key]['p50_ms'] / scan['p50_ms']:.2f}",
             f"{found[key]['p95_ms'] / scan['p95_ms']:.2f}"] for key, name in names.items()]
    print(*report.table(["", "p50 ms", "p95 ms", "p50 ÷ scan", "p95 ÷ scan"], rows), sep="\n")
    print(f"put in {found['put_s']:.1f} s ({found['chunks'] / found['put_s']:.0f} chunks/s, each document on disk), index made in {found['index_s']:.1f} s")
    goals = [report.goal("of the nearest ten, nine and a half are found", found["recall_at_10"] >= 0.95, f"{found['recall_at_10']:.3f}"),
             report.goal("hybrid search takes no longer than the scan (p95)", found["hybrid"]["p95_ms"] <= scan["p95_ms"],
                         f"{found['hybrid']['p95_ms']:.1f} against {scan['p95_ms']:.1f} ms")]
    report.save(options.json, {"machine": report.machine(), "figures": found, "goals": goals})


if __name__ == "__main__":
    main()
