"""confined.py UNIT COMMAND…: runs COMMAND under what UNIT (a service of systemd's) has the kernel refuse: system calls,
address families, memory that is both written and run, new privileges. As systemd would do it, but without systemd."""
import ctypes
import os
import pathlib
import re
import struct
import subprocess
import sys

NUMBERS = pathlib.Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
ALLOW, REFUSE = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
EPERM, EAFNOSUPPORT = 1, 97
AUDIT_ARCH_X86_64, NUMBER_AT, ARCH_AT, FIRST_ARGUMENT_AT = 0xC000003E, 0, 4, 16
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 22, 38, 65
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}


def values_of(unit, key):
    return re.findall(rf"^{key}=(.*)$", unit, re.M)


def calls_in(group):
    """The names in one of systemd's groups, those of groups in it among them."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", group], capture_output=True, text=True, check=True).stdout
    names = [line.strip() for line in listed.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*(calls_in(name) if name.startswith("@") else {name} for name in names))


def allowed_calls(unit):
    """The first line says what is allowed, later ones add, or with ~ take away (systemd.exec(5)). @default is always in."""
    allowed = calls_in("@default")
    for line in values_of(unit, "SystemCallFilter"):
        named = set().union(*(calls_in(word) if word.startswith("@") else {word} for word in line.lstrip("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def program(unit):
    numbers = {name: int(number) for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", NUMBERS.read_text(), re.M)}
    allowed = sorted(numbers[name] for name in allowed_calls(unit) if name in numbers)
    families = [FAMILIES[word] for line in values_of(unit, "RestrictAddressFamilies") for word in line.split()]
    steps = [(LOAD, 0, 0, ARCH_AT), (EQUAL, 1, 0, AUDIT_ARCH_X86_64), (RETURN, 0, 0, REFUSE | EPERM),
             (LOAD, 0, 0, NUMBER_AT), (EQUAL, 0, len(families) + 3, numbers["socket"]), (LOAD, 0, 0, FIRST_ARGUMENT_AT)]
    steps += [(EQUAL, len(families) - i, 0, family) for i, family in enumerate(families)]
    steps += [(RETURN, 0, 0, REFUSE | EAFNOSUPPORT), (RETURN, 0, 0, ALLOW)]
    for number in allowed:
        steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    return [*steps, (RETURN, 0, 0, REFUSE | EPERM)]


def confine(unit):
    libc = ctypes.CDLL(None, use_errno=True)

    def prctl(what, *arguments):
        words = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in (*arguments, 0, 0, 0, 0)[:4]]
        if libc.prctl(what, *words) != 0:
            sys.exit(f"confined: prctl({what}): {os.strerror(ctypes.get_errno())}")

    steps = program(unit)
    filter_ = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    both = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(filter_)))
    if values_of(unit, "MemoryDenyWriteExecute") == ["yes"]:
        prctl(PR_SET_MDWE, 1)
    if values_of(unit, "NoNewPrivileges") == ["yes"]:
        prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, 2, ctypes.byref(both))


if __name__ == "__main__":
    confine(pathlib.Path(sys.argv[1]).read_text())
    os.execvp(sys.argv[2], sys.argv[2:])
