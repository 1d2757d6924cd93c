"""Figures as text: tables, bars and whether a goal was met. A benchmark reports; it never fails a build."""
import json
import os
import pathlib
import platform
import statistics

WIDTH = 30


def machine():
    """What the figures were measured on, and how busy it was."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}, load {os.getloadavg()[0]:.1f}"


def quartiles(samples):
    low, middle, high = statistics.quantiles(samples, n=4) if len(samples) > 1 else samples * 3
    return {"median": middle, "low": low, "high": high}


def bars(values, unit):
    """One line per name; the longest bar is the largest value."""
    longest = max(values.values())
    return [f"  {name:<22} {'█' * max(1, round(WIDTH * value / longest)):<{WIDTH}} {value:8.2f} {unit}"
            for name, value in values.items()]


def table(head, rows):
    cells = [head] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["  ".join(f"{cell:<{w}}" if i == 0 else f"{cell:>{w}}" for i, (cell, w) in enumerate(zip(row, widths))) for row in cells]
    return [lines[0], "  ".join("─" * w for w in widths)] + lines[1:]


def goal(text, met, figures):
    print(f"goal: {text}: {'met' if met else 'NOT met'} ({figures})")
    return {"goal": text, "met": bool(met), "figures": figures}


def save(path, result, quiet=False):
    if path:
        pathlib.Path(path).write_text(json.dumps(result, indent=1) + "\n")
        if not quiet:
            print(f"written: {path}")
