"""What a server between client and model costs.

One tiny model answers in the same worker process through all: asked directly on its unix socket, through nginx, and
through sarai, whose worker it is. llama-server's router mode insists on a worker of its own and gets the same flags.
"""
import argparse
import contextlib
import json
import pathlib
import subprocess

import harness
import report
import servers

FIGURES = {"first_token": "time to first token (1-token chat)", "short_chat": "whole 1-token chat",
           "long_chat": "whole {tokens}-token chat"}
VARIANTS = {"keep_alive": "one connection per server, as long as that keeps it", "new_connection": "a new connection per request"}
GOALS = ("first_token", "long_chat")


def worker_of(server):
    """Command line of sarai's one worker."""
    def found():
        commands = [servers.command_of(pid) for pid in server.workers()]
        return next((c for c in commands if "--alias" in c), None)
    command = harness.wait_until(found, "sarai's worker")
    socket = pathlib.Path(servers.option(command, "--host"))
    harness.wait_until(lambda: server.row("tiny")["state"] == "ready", "the model to be ready")
    return command, socket


def measure(options):
    with contextlib.ExitStack() as stack:
        # None of them logs requests.
        sarai = harness.Sarai({"tiny": harness.local("lfm2", "preload: true")}, server="access_log: off")
        stack.callback(sarai.close)
        command, socket = worker_of(sarai.start())
        targets = {"direct": f"unix:{socket}",
                   "nginx": f"127.0.0.1:{stack.enter_context(servers.nginx(socket))}",
                   "llama-server router": f"127.0.0.1:{stack.enter_context(servers.router(command))}",
                   "sarai": f"127.0.0.1:{sarai.port}"}
        client = [harness.BIN / "bench-gateway", "--rounds", options.rounds, "--tokens", options.tokens]
        client += [f"{name}=tiny@{address}" for name, address in targets.items()]
        done = subprocess.run([str(c) for c in client], stdout=subprocess.PIPE, check=True, text=True)
        return json.loads(done.stdout)


def show(samples, options):
    """Prints one variant and returns its quartiles in milliseconds."""
    result = {}
    for figure, title in FIGURES.items():
        spread = {name: {k: v / 1e6 for k, v in report.quartiles(of[figure]).items()} for name, of in samples.items()}
        medians = {name: s["median"] for name, s in spread.items()}
        print(f"\n{title.format(tokens=options.tokens)}, ms")
        rows = [[name, f"{s['median']:.3f}", f"{s['low']:.3f} – {s['high']:.3f}", f"{s['median'] / medians['direct']:.3f}",
                 f"{s['median'] / medians['nginx']:.3f}"] for name, s in spread.items()]
        print(*report.table(["", "median", "quartiles", "÷ direct", "÷ nginx"], rows), sep="\n")
        print(*report.bars(medians, "ms"), sep="\n")
        result[figure] = spread
    return result


def main():
    parser = argparse.ArgumentParser(prog="bench/run gateway", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200, help="requests of each kind to each server (200)")
    parser.add_argument("--tokens", type=int, default=64, help="length of the long chat (64)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    print(f"gateway: {options.rounds} requests of each kind to each server, taking turns; {report.machine()}")
    samples = measure(options)
    result = {"machine": report.machine(), "rounds": options.rounds, "tokens": options.tokens, "goals": []}
    for variant, title in VARIANTS.items():
        print(f"\n━━ {title}")
        if len({of["tokens"] for of in samples[variant].values()}) > 1:
            print("note: the servers sent different numbers of tokens:", {n: of["tokens"] for n, of in samples[variant].items()})
        print("connections opened:", ", ".join(f"{name} {of['connections']}" for name, of in samples[variant].items()))
        result[variant] = show(samples[variant], options)
    print()
    for variant, title in VARIANTS.items():
        for figure in GOALS:
            sarai, nginx = (result[variant][figure][name]["median"] for name in ("sarai", "nginx"))
            text = f"sarai ≤ nginx, {FIGURES[figure].format(tokens=options.tokens)}, {title}"
            result["goals"].append(report.goal(text, sarai <= nginx, f"{sarai:.3f} / {nginx:.3f} ms = {sarai / nginx:.3f}"))
    report.save(options.json, result)


if __name__ == "__main__":
    main()
