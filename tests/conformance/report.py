"""Runs the checks of a Python client, each within a time limit, and prints a line of JSON for each."""
import asyncio
import base64
import inspect
import json
import signal
import struct
import sys
import time
import urllib.request
import zlib

LIMIT_SECONDS = 60  # for hangs, not a measurement

BASE, LOCKED = (sys.argv + ["", ""])[1:3]  # a server, and one that wants the key below
KEY = "sk-conformance"

_checks = []


def feature(name):
    """Marks a function as the check of this feature; it fails by raising."""
    def add(check):
        _checks.append((name, check))
        return check
    return add


def equal(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what} is {found!r}; expected {expected!r}")


def holds(condition, what):
    if not condition:
        raise AssertionError(what)


def raises(kind, call, status=None):
    """The exception of just this kind that the call ends with."""
    try:
        call()
    except kind as error:
        if status is not None:
            equal(error.status_code, status, f"the status of {kind.__name__}")
        return error
    except Exception as error:
        raise AssertionError(f"{type(error).__name__} was raised ({error}); expected {kind.__name__}") from None
    raise AssertionError(f"nothing was raised; expected {kind.__name__}")


def in_flight():
    """Requests that local workers and upstreams are answering."""
    with urllib.request.urlopen(BASE + "/sarai/status") as reply:
        status = json.load(reply)
    return sum(row.get("in_flight", 0) for row in status["models"] + status["endpoints"])


def becomes_busy():
    wait(lambda: in_flight() > 0, "the server does not work on the request")


def becomes_idle():
    """Well before the answer would have ended by itself."""
    wait(lambda: in_flight() == 0, "the server still works on a request that its client has left")


def wait(condition, complaint, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(complaint)
        time.sleep(0.02)


def png(size=32):
    """A red square, made here so that no picture needs to be kept."""
    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes([255, 0, 0]) * size for _ in range(size))
    return (b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)) +
            part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b""))


def png_base64():
    return base64.b64encode(png()).decode()


def run(client, version):
    def too_long(*_):
        raise TimeoutError(f"not done after {LIMIT_SECONDS} s")

    signal.signal(signal.SIGALRM, too_long)
    for name, check in _checks:
        ok, detail = True, ""
        signal.alarm(LIMIT_SECONDS)
        try:
            asyncio.run(check()) if inspect.iscoroutinefunction(check) else check()
        except Exception as error:
            ok, detail = False, " ".join(f"{type(error).__name__}: {error}".split())[:600]
        finally:
            signal.alarm(0)
        print(json.dumps({"client": client, "version": version, "feature": name, "ok": ok, "detail": detail}), flush=True)
