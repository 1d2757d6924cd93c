"""Models of the true shape with random weights. They are large, so they are made once and kept."""
import os
import pathlib
import subprocess

import harness

STORE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sarai" / "bench-models"


def model_file(role):
    path = STORE / f"{role}-full.gguf"
    if not path.exists():
        STORE.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        print(f"making {path}", flush=True)
        subprocess.run([harness.BIN / "sarai-synth", role, "--size", "full", "-o", partial], check=True, stdout=subprocess.DEVNULL)
        partial.rename(path)
    return path
