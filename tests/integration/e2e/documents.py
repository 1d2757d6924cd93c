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
