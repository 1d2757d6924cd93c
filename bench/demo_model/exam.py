"""The examination of the demo model: 40 questions in English and 40 in Spanish, and how many answers are acceptable.

llama-server answers alone, with the model's own chat template and temperature 0, each question as a conversation of its own.
Questions and rule: tests/data/demo/README.md. Exit status: 0 enough are acceptable in each language, 1 not,
2 the model could not be asked.
"""
import argparse
import contextlib
import http.client
import json
import pathlib
import sys

import judge
import report
import servers
from harness import wait_until

DATA = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "demo"
LANGUAGES = {"en": "English", "es": "Spanish"}
CONTEXT = 512  # tokens: the template, a question and the answer


@contextlib.contextmanager
def worker(model):
    """Yields the socket of a llama-server that has the model."""
    with servers.folder() as home:
        socket, log = home / "worker.sock", home / "log"
        command = ["llama-server", "--model", model, "--alias", "demo", "--host", socket, "--ctx-size", CONTEXT, "--parallel", 1,
                   "--cache-ram", 0, "--fit", "off", "--jinja", "--no-webui", "--no-slots", "--offline"]
        with servers.process(command, log, env=servers.environment(servers.QUIET)) as child:
            def ready():
                if child.poll() is not None:
                    raise RuntimeError(f"llama-server ended with {child.returncode}:\n{log.read_text(errors='replace')[-2000:]}")
                return servers.is_ready(socket)
            wait_until(ready, "the model to load", 120)
            yield socket


def ask(socket, question, tokens):
    body = {"model": "demo", "messages": [{"role": "user", "content": question}], "max_tokens": tokens, "temperature": 0,
            "cache_prompt": False}
    with contextlib.closing(servers.UnixConnection(socket)) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"status {reply.status} for {question!r}: {text[:400]}")
    return json.loads(text)["choices"][0]["message"].get("content") or ""


def examine(model, tokens):
    """{language: (items, answers)}"""
    exams = {language: judge.read_exam(DATA / f"exam_{language}.jsonl") for language in LANGUAGES}
    with worker(model) as socket:
        return {language: (items, {item["question"]: ask(socket, item["question"], tokens) for item in items})
                for language, items in exams.items()}


def main():
    parser = argparse.ArgumentParser(prog="bench/run demo_model", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="GGUF file of a chat model")
    parser.add_argument("--tokens", type=int, default=96, help="length of an answer at most (96)")
    parser.add_argument("--answers", type=pathlib.Path, metavar="FOLDER", help="write answers_en.jsonl and answers_es.jsonl there, for judge.py")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    if not options.model.is_file():
        parser.error(f"{options.model}: no such file")
    print(f"demo_model: {options.model}, {options.model.stat().st_size / 1e6:.1f} MB", flush=True)
    result = {"model": str(options.model), "languages": {}, "goals": []}
    try:
        answered = examine(options.model, options.tokens)
    except (AssertionError, RuntimeError, OSError, http.client.HTTPException) as e:
        print(f"demo_model: {e}", file=sys.stderr)
        return 2
    for language, (items, answers) in answered.items():
        misses = judge.judge(items, answers)
        print(f"\n━━ {LANGUAGES[language]}", *judge.table(items, misses), sep="\n")
        if options.answers:
            options.answers.mkdir(parents=True, exist_ok=True)
            lines = [json.dumps({"question": q, "answer": a}, ensure_ascii=False) + "\n" for q, a in answers.items()]
            (options.answers / f"answers_{language}.jsonl").write_text("".join(lines), encoding="utf-8")
        right = len(items) - len(misses)
        result["languages"][language] = {"acceptable": right, "of": len(items), "misses": [item["topic"] for item, _, _ in misses]}
    print()
    for language, found in result["languages"].items():
        text = f"{judge.LEAST} acceptable answers in {LANGUAGES[language]}"
        result["goals"].append(report.goal(text, found["acceptable"] >= judge.LEAST, f"{found['acceptable']} of {found['of']}"))
    report.save(options.json, result)
    return 0 if all(goal["met"] for goal in result["goals"]) else 1


if __name__ == "__main__":
    sys.exit(main())
