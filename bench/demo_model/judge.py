"""Judges answers of the demo model: right topic, or not. It asks nobody and starts nothing.

An answer is acceptable if it has, of every group in the question's `accept`, at least one word or phrase, and none of
`reject`. Both sides are compared in lower case, without accents and without the marks of Markdown around code. Words are
whole words; one that ends in `*` is the beginning of a word. tests/data/demo/README.md has the format and its reasons.
"""
import argparse
import json
import pathlib
import re
import sys
import unicodedata

LEAST = 30  # of 40 in each language
KEYS = {"question": str, "topic": str, "accept": list, "reject": list}


def plain(text):
    """Lower case, no accents, no backticks or bold, single spaces, straight apostrophes."""
    letters = unicodedata.normalize("NFKD", text.replace("’", "'"))
    letters = "".join(c for c in letters if not unicodedata.combining(c)).casefold()
    return " ".join(re.sub(r"`|\*\*", "", letters).split())


def has(text, phrase):
    """Is the phrase in the plain text, as whole words? A key's name, with its underscores, is one word."""
    stem, star = re.fullmatch(r"(.*?)(\*?)", plain(phrase)).groups()
    before = r"(?<!\w)" if re.match(r"\w", stem) else ""
    after = r"(?!\w)" if re.search(r"\w$", stem) and not star else ""
    return re.search(before + re.escape(stem) + after, text) is not None


def acceptable(answer, item):
    """(True, "") or (False, why not)."""
    text = plain(answer)
    for group in item["accept"]:
        if not any(has(text, phrase) for phrase in group):
            return False, "none of " + ", ".join(group)
    for phrase in item["reject"]:
        if has(text, phrase):
            return False, f"has {phrase}"
    return True, ""


def json_lines(path):
    for number, line in enumerate(pathlib.Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as e:
                raise ValueError(f"{path}:{number}: {e}") from None


def is_phrases(value):
    return isinstance(value, list) and all(isinstance(phrase, str) and plain(phrase).strip("* ") for phrase in value)


def read_exam(path):
    """The questions of a file; ValueError where one could not be judged."""
    items = []
    for number, item in json_lines(path):
        where = f"{path}:{number}"
        for key, kind in KEYS.items():
            if not isinstance(item.get(key) if isinstance(item, dict) else None, kind):
                raise ValueError(f"{where}: {key}: expected a {kind.__name__}")
        if not item["accept"] or not all(is_phrases(group) and group for group in item["accept"]):
            raise ValueError(f"{where}: accept: expected groups of words, none empty")
        if not is_phrases(item["reject"]) or not is_phrases(item.get("also", [])):
            raise ValueError(f"{where}: reject, also: expected lists of words")
        if any(item["question"] == other["question"] for other in items):
            raise ValueError(f"{where}: this question came before")
        items.append(item)
    if not items:
        raise ValueError(f"{path}: no questions")
    return items


def read_answers(path):
    """{question: answer}"""
    answers = {}
    for number, row in json_lines(path):
        if not isinstance(row, dict) or not isinstance(row.get("question"), str) or not isinstance(row.get("answer"), str):
            raise ValueError(f'{path}:{number}: expected {{"question": "…", "answer": "…"}}')
        answers[row["question"]] = row["answer"]
    return answers


def judge(items, answers):
    """[(item, answer or None, why not)] of the questions whose answer is missing or not acceptable."""
    misses = []
    for item in items:
        answer = answers.get(item["question"])
        right, reason = (False, "no answer") if answer is None else acceptable(answer, item)
        if not right:
            misses.append((item, answer, reason))
    return misses


def table(items, misses):
    """Lines: each miss with its topic, the answer and what was missing; then the count."""
    width = max([len("topic")] + [len(item["topic"]) for item, _, _ in misses])
    lines = []
    if misses:
        lines += [f"{'topic':<{width}}  question, answer, reason", "─" * width + "  " + "─" * 60]
    for item, answer, reason in misses:
        given = "–" if answer is None else " ".join(answer.split()) or "(nothing)"
        lines += [f"{item['topic']:<{width}}  {item['question']}", f"{'':<{width}}  > {given}", f"{'':<{width}}  ! {reason}"]
    return lines + [f"{len(items) - len(misses)} of {len(items)} acceptable"]


def main():
    parser = argparse.ArgumentParser(prog="bench/demo_model/judge.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="exit status: 0 enough are acceptable, 1 fewer, 2 a file cannot be judged")
    parser.add_argument("exam", help="questions, such as tests/data/demo/exam_en.jsonl")
    parser.add_argument("answers", help='JSON lines: {"question": "…", "answer": "…"}; a question without an answer is a miss')
    parser.add_argument("--least", type=int, default=LEAST, help=f"so many have to be acceptable ({LEAST})")
    options = parser.parse_args()
    try:
        items, answers = read_exam(options.exam), read_answers(options.answers)
    except (OSError, ValueError) as e:
        print(f"judge.py: {e}", file=sys.stderr)
        return 2
    misses = judge(items, answers)
    print(*table(items, misses), sep="\n")
    return 0 if len(items) - len(misses) >= options.least else 1


if __name__ == "__main__":
    sys.exit(main())
