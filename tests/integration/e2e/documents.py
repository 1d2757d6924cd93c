"""Markdown as the tests of the documentation read it: fenced blocks, the comments above them, and the commands of a shell block."""
import dataclasses
import itertools
import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).resolve().parents[3]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@dataclasses.dataclass
class Block:
    document: str
    line: int  # of the first line inside the fence
    language: str
    text: str
    mark: str  # what an HTML comment directly above the fence says, such as "not run: needs root"

    @property
    def place(self):
        return f"{self.document}:{self.line}"


def blocks_of(document):
    """All fenced blocks in their order, and each comment that stands by itself as a block of the language "mark"."""
    found, mark, lines = [], "", (ROOT / document).read_text().splitlines()
    at = 0
    while at < len(lines):
        fence = re.fullmatch(r"( *)```([a-z]*)", lines[at])
        comment = re.fullmatch(r"<!-- (.*) -->", lines[at])
        if fence:
            end = at + 1 + lines[at + 1:].index(fence.group(1) + "```")
            text = "\n".join(line.removeprefix(fence.group(1)) for line in lines[at + 1:end])
            found.append(Block(document, at + 2, fence.group(2), text, mark))
            at, mark = end, ""
        elif comment:
            mark = comment.group(1)
            if at + 1 == len(lines) or not lines[at + 1].lstrip().startswith("```"):
                found.append(Block(document, at + 1, "mark", mark, ""))
                mark = ""
        at += 1
    return found


def anchors_of(document):
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.M)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


@dataclasses.dataclass
class Command:
    text: str
    line: int
    status: int  # as the comment behind it says: "(exit status 4)"


def commands_of(block):
    """A command goes on while a quote is open, or behind a backslash at the line's end."""
    found, open_lines = [], []
    for number, line in enumerate(block.text.splitlines(), block.line):
        open_lines.append(line)
        text = "\n".join(open_lines)
        try:
            words = shlex.split(text, comments=True)
        except ValueError:
            continue
        if line.endswith("\\"):
            continue
        if words:
            said = re.search(r"#.*\((?:exit status|estado) (\d+)\)", open_lines[-1])
            found.append(Command(text, number - len(open_lines) + 1, int(said.group(1)) if said else 0))
        open_lines = []
    assert not open_lines, f"{block.place}: a quote is never closed"
    return found


# What fragments of a configuration take for granted.
PRESUPPOSED = {
    "solar": "{backend: ollama_http, endpoints: [{url: 'http://lan-box:11434'}], fallback: gguf_native, path: models/solar.gguf}",
    "lfm2": "{backend: gguf_native, path: models/lfm2.gguf}",
    "omni": "{backend: gguf_native, path: models/omni.gguf, mmproj: models/omni-mmproj.gguf}",
    "embed": "{backend: gguf_native, path: models/embed.gguf, kind: embedding}"}


def whole_configuration(text, sections):
    """A fragment, made whole: of sections that need models, of models, or, where it is indented, of pipelines."""
    text = re.sub(r"\b([0-9a-f]{4})…", lambda shown: shown.group(1).ljust(64, "0"), text)  # a hash that nobody would read
    names = re.findall(r'^"?([^\s"#:]+(?::[^\s"]+)?)"?:', text, re.M)
    if not names:
        text = "pipelines:\n" + text
    elif not set(names) & set(sections):
        text = "models:\n" + "".join(f"  {line}\n" for line in text.splitlines()) + models_beside(names)
        return text
    return text if re.search("^models:", text, re.M) else text + "\nmodels:\n" + models_beside([])


def models_beside(names):
    return "".join(f"  {name}: {line}\n" for name, line in PRESUPPOSED.items() if name not in names)


def without_comment(command):
    """The command's words, for comparing translations: comments differ, commands do not."""
    return shlex.split(command.text, comments=True)


def first_difference(expected, output):
    """What a document prints, against what came: its lines in their order, others may stand between. Figures are those of
    somebody's machine, so any other figure will do; "…" is any text. None, or the line that is missing."""
    lines = iter(" ".join(line.split()) for line in output.splitlines())
    for wanted in expected.splitlines():
        wanted = " ".join(wanted.split())
        if wanted and wanted != "…" and not any(re.fullmatch(pattern_of(wanted), line) for line in lines):
            return wanted
    return None


def pattern_of(text):
    def piece(found):
        if found == "…":
            return ".*"
        if re.fullmatch(BAR, found):  # what has which share of it is a figure as well, but not who is there, in which order
            return "".join(re.escape(mark) + "*" for mark, _ in itertools.groupby(found))
        return FIGURE
    out, at = "", 0
    for match in re.finditer(rf"…|{BAR}|(?<![\w.-]){FIGURE}", text):
        out += re.escape(text[at:match.start()]) + piece(match.group())
        at = match.end()
    return out + re.escape(text[at:])


# "29 MiB", "0.5 s", "-25 MiB", "12:30", and the bars of sarai plan and sarai ps.
FIGURE = r"[<>~]?[+-]?\d[\d.,:]*(?: ?(?:[KMGT]i?B|B|m?s|%)(?!\w))?"
BAR = r"[a-z]*[█▓▒░▞▤▥·│!#][a-z█▓▒░▞▤▥·│!#]*"
