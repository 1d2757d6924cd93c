"""Four models of the true size, all local, within 12 GiB: what `sarai fit` chooses is loaded, all answer at once, and
each is asked alone for its decode speed, which is compared with plain llama-server at the engine's defaults.

The two sides take turns, since their memory does not fit beside each other: fitted, defaults (one model after the
other), fitted … The sum of PSS, sarai included, is what `sarai prove` measures.
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

import harness
import report
import servers
from harness import wait_until
from models import model_file

ROLES = ("solar", "lfm2", "omni", "embed")
TOKENS = {"solar": 16, "lfm2": 48, "omni": 24}  # about 5, 35 and 6 tokens/s on two cores
CONTEXT = 2048
NOISE = 0.05  # medians of three answers repeat within about this


def fit(folder, budget):
    """The configuration that `sarai fit` writes, with what it says about it."""
    wanted = pathlib.Path(folder) / "wanted.yaml"
    lines = [f"  {role}: {{backend: gguf_native, path: '{model_file(role)}', context_length: {CONTEXT}, preload: true"
             f"{', kind: embedding' if role == 'embed' else ''}}}" for role in ROLES]
    wanted.write_text(f"memory: {{max_ram: {budget}, reserve: 1GiB, max_concurrent_llms: {len(ROLES)}}}\nmodels:\n" + "\n".join(lines) + "\n")
    done = subprocess.run([harness.BIN / "sarai", "fit", "--native", "--config", wanted, "--budget", budget],
                          env=os.environ | {"SARAI_STATE_DIR": f"{folder}/state"}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"sarai fit ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    print(*(line for line in done.stdout.splitlines() if line.startswith("#")), sep="\n", flush=True)
    fitted = pathlib.Path(folder) / "fitted.yaml"
    # Its own address would be that of the server which may run already.
    fitted.write_text(re.sub(r"(?m)^server:\n(  .*\n)*", "server: {listen: '127.0.0.1:0'}\n", done.stdout))
    return fitted


def decode_speed(connection, model):
    body = {"model": model, "messages": [{"role": "user", "content": "Tell me a story."}], "max_tokens": TOKENS[model],
            "temperature": 0, "ignore_eos": True, "cache_prompt": False}
    with contextlib.closing(connection):
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"{model}: status {reply.status}: {text[:400]}")
    return json.loads(text)["timings"]["predicted_per_second"]


def ask_each(models, connect, answers):
    speeds = {}
    for model in models:
        decode_speed(connect(model), model)  # the first answer touches every page
        speeds[model] = [decode_speed(connect(model), model) for _ in range(answers)]
        print(f"  {model}: " + ", ".join(f"{speed:.2f}" for speed in speeds[model]) + " tokens/s", flush=True)
    return speeds


@contextlib.contextmanager
def fitted_server(config, folder):
    """Yields its port when all models are loaded."""
    log = pathlib.Path(folder) / "serve.log"
    with servers.process([harness.BIN / "sarai", "serve", "--config", config], log,
                         env=os.environ | {"SARAI_STATE_DIR": f"{folder}/state"}) as child:
        def port():
            if child.poll() is not None:
                raise RuntimeError(f"sarai ended:\n{log.read_text(errors='replace')}")
            found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", log.read_text(errors="replace"))
            return found and int(found.group(1))
        yield wait_until(port, "sarai", 120)


def defaults(folder, answers):
    speeds = {}
    for model in TOKENS:
        socket = pathlib.Path(folder) / f"{model}.sock"
        connect = lambda _, path=socket: servers.UnixConnection(path)
        command = ["llama-server", "--model", model_file(model), "--alias", model, "--host", socket, "--ctx-size", CONTEXT]
        with servers.process(command, socket.with_suffix(".log"), env=servers.environment({})):
            wait_until(lambda: servers.is_ready(socket), f"{model} at the engine's defaults", 300)
            speeds |= ask_each([model], connect, answers)
        socket.unlink(missing_ok=True)
    return speeds


def main():
    parser = argparse.ArgumentParser(prog="bench/run headline", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", default="12GiB", help="for all four, sarai included (12GiB)")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each side (2)")
    parser.add_argument("--answers", type=int, default=3, help="timed answers of each model in a turn (3)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    print(f"headline: {', '.join(ROLES)} within {options.budget}; {report.machine()}", flush=True)
    samples = {"fitted": {m: [] for m in TOKENS}, "defaults": {m: [] for m in TOKENS}}
    proofs = []
    with tempfile.TemporaryDirectory(prefix="sarai-bench-") as folder:
        config = fit(folder, options.budget)
        for _ in range(options.rounds):
            print("fitted", flush=True)
            with fitted_server(config, folder) as port:
                done = subprocess.run([harness.BIN / "sarai", "prove", "--url", f"http://127.0.0.1:{port}", "--tokens", "16", "--json"],
                                      capture_output=True, text=True)
                if done.returncode not in (0, 1):
                    raise RuntimeError(f"sarai prove ended with {done.returncode}: {done.stderr}")
                proofs.append(json.loads(done.stdout))
                turn = ask_each(TOKENS, lambda _: http.client.HTTPConnection("127.0.0.1", port, timeout=600), options.answers)
            print("defaults", flush=True)
            for side, speeds in (("fitted", turn), ("defaults", defaults(folder, options.answers))):
                for model, values in speeds.items():
                    samples[side][model] += values
    medians = {side: {model: statistics.median(values) for model, values in of.items()} for side, of in samples.items()}
    rows = [[m, f"{medians['fitted'][m]:.2f}", f"{medians['defaults'][m]:.2f}", f"{medians['fitted'][m] / medians['defaults'][m]:.3f}"]
            for m in TOKENS]
    print(*report.table(["decode, tokens/s", "fitted", "engine defaults", "ratio"], rows), sep="\n")
    peak, budget = max(p["peak_bytes"] for p in proofs) / 2**30, proofs[0]["budget_bytes"] / 2**30
    print(*report.bars({"peak, sarai included": peak, "budget": budget}, "GiB"), sep="\n")
    goals = [report.goal("all loaded and answering at once within the budget", all(p["passed"] for p in proofs),
                         f"{peak:.2f} of {budget:.2f} GiB")]
    goals += [report.goal(f"{m}: decode no slower than at the engine's defaults (within {NOISE:.0%})",
                          medians["fitted"][m] >= (1 - NOISE) * medians["defaults"][m],
                          f"{medians['fitted'][m] / medians['defaults'][m]:.3f}") for m in TOKENS]
    report.save(options.json, {"machine": report.machine(), "proofs": proofs, "samples": samples, "goals": goals})


if __name__ == "__main__":
    main()
