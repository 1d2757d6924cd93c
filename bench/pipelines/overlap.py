"""What a voice assistant's listener waits for: from the last byte of the sound that is sent to the first token of the answer.

The pipeline voice-assistant (the multimodal model writes down what was said, a server gathers the facts, the small model says
them) against a client that asks the same three models the same questions one after the other. Both go through sarai, on
models of the true size; the server is a fake that needs no cores and writes 150 tokens, 50 ms apart. "cold": no model is
loaded yet; the pipeline loads both while the first one works. "warm": all are there; the small model reads the facts while the
server writes them.
"""
import argparse
import base64
import contextlib
import itertools
import json
import statistics
import time

import harness
import media
import models
import report

QUESTION = "¿Qué se oye, y qué significa?"


def pipelines(spoken):
    """Those that come with sarai, but what was said in two seconds is no longer than so many tokens: random weights never stop."""
    text = harness.run_cli("pipelines", "--yaml").stdout
    before, name, after = text.partition("- name: transcript")
    return before + name + after.replace("max_tokens: 400", f"max_tokens: {spoken}", 1)


class Side:
    def __init__(self, tokens, delay_ms, spoken):
        self.fake = harness.FakeUpstream("ollama", tokens=tokens, token_delay_ms=delay_ms, token="harbour ")
        omni = (f"backend: gguf_native, path: '{models.model_file('omni')}', mmproj: '{models.model_file('omni-mmproj')}', "
                "mmproj_load: always, context_length: 2048")
        self.sarai = harness.Sarai({"solar": harness.ollama(self.fake.url, "solar"), "omni": omni,
                                    "lfm2": f"backend: gguf_native, path: '{models.model_file('lfm2')}', context_length: 2048"},
                                   memory="max_ram: 11GiB, max_concurrent_llms: 3",
                                   extra="routing: {hard: solar, soft: lfm2, multimodal: omni}\n" + pipelines(spoken)).start()

    def close(self):
        self.sarai.close()
        if self.fake.process.poll() is None:
            self.fake.process.kill()
        self.fake.process.wait(10)


def first_token(sarai, body):
    """Seconds from the request to the first piece of text, and all of the text."""
    began, first, text = time.monotonic(), None, ""
    connection, response = sarai.open_stream(timeout=900, **body)
    with contextlib.closing(connection):
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            if "error" in chunk:
                raise RuntimeError(chunk)
            piece = "".join(c["delta"].get("content") or "" for c in chunk.get("choices", []))
            if piece and first is None:
                first = time.monotonic() - began
            text += piece
    if first is None:
        raise RuntimeError("no text came")
    return first, text


def sound(seed):
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(media.wav(440 + 10 * seed, seconds=2)).decode(), "format": "wav"}}


def by_pipeline(sarai, seed, _):
    return first_token(sarai, {"model": "voice-assistant", "max_tokens": 16, "temperature": 0,
                               "messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}, sound(seed)]}]})[0]


def one_by_one(sarai, seed, spoken):
    began = time.monotonic()
    ask = lambda model, content, system=None, **more: first_token(sarai, {
        "model": model, "messages": ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": content}], **more})
    heard = ask("omni", [sound(seed), {"type": "text", "text": "Transcribe palabra por palabra lo que se dice. Escribe solo la transcripción."}],
                max_tokens=spoken, temperature=0)[1]
    facts = ask("solar", f"{heard}\n{QUESTION}", "Das solo los hechos que hacen falta, en frases cortas.", max_tokens=400)[1]
    so_far = time.monotonic() - began
    last = ask("lfm2", f"Se preguntó: {heard} {QUESTION}\nLos hechos: {facts}\n",
               "Contestas de viva voz: amable, breve, sin listas ni símbolos. Dices los hechos que te dan y ninguno más.", max_tokens=16, temperature=0)[0]
    return so_far + last


def main():
    parser = argparse.ArgumentParser(prog="bench/run overlap", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="of each side, warm (3)")
    parser.add_argument("--cold", type=int, default=2, help="of each side, cold (2)")
    parser.add_argument("--tokens", type=int, default=150, help="that the server writes (150)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    arguments = parser.parse_args()
    print(f"overlap: {report.machine()}, {arguments.cold} cold and {arguments.rounds} warm rounds a side", flush=True)
    for role in ("omni", "omni-mmproj", "lfm2"):
        models.model_file(role)
    sides = {"pipeline": by_pipeline, "one by one": one_by_one}
    spoken = 24
    waits = {state: {name: [] for name in sides} for state in ("cold", "warm")}
    for i in range(arguments.cold):
        for name, ask in sides.items():
            with contextlib.closing(Side(arguments.tokens, 50, spoken)) as side:
                waits["cold"][name].append(ask(side.sarai, i, spoken))
            print(f"  cold {i + 1} of {arguments.cold}, {name}: {waits['cold'][name][-1]:.1f} s", flush=True)
    with contextlib.closing(Side(arguments.tokens, 50, spoken)) as side:
        by_pipeline(side.sarai, 99, spoken)
        # Never the same sound twice: the engine keeps what it made of the last one.
        sounds = itertools.count(100)
        for i in range(arguments.rounds):
            for name, ask in sides.items():
                waits["warm"][name].append(ask(side.sarai, next(sounds), spoken))
                print(f"  warm {i + 1} of {arguments.rounds}, {name}: {waits['warm'][name][-1]:.1f} s", flush=True)
    rows = [[f"{state}, {name}", *(f"{value:.2f}" for value in report.quartiles(samples).values())]
            for state, of in waits.items() for name, samples in of.items() if samples]
    print("\n".join(report.table(["seconds to the first token", "median", "low", "high"], rows)))
    print("\n".join(report.bars({f"{state}, {name}": statistics.median(samples) for state, of in waits.items() for name, samples in of.items() if samples}, "s")))
    ratios = {state: statistics.median(of["pipeline"]) / statistics.median(of["one by one"]) for state, of in waits.items() if of["pipeline"]}
    report.save(arguments.json, {"waits_s": waits, "ratios": ratios, "goals": [
        report.goal(f"{state}: the pipeline ÷ one by one is below 1", ratio < 1, f"{ratio:.3f}") for state, ratio in ratios.items()]})


if __name__ == "__main__":
    main()
