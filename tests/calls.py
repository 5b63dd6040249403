"""The system calls of a running exporter, counted by strace."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

_CALL = re.compile(r"^\d+ +(?:[\d.]+ +)?(\w+)\(", re.MULTILINE)
_OTHER = "other"
KINDS = {
    "futex": ("futex",),
    "files": (
        *("open", "openat", "read", "pread64", "preadv", "close", "lseek", "getdents64", "readlink", "readlinkat"),
        *("stat", "fstat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "statfs", "fstatfs"),
    ),
    "network": (
        *("accept", "accept4", "recvfrom", "recvmsg", "sendto", "sendmsg", "write", "writev", "shutdown"),
        *("epoll_wait", "epoll_pwait", "epoll_ctl", "poll", "ppoll", "select", "pselect6"),
    ),
}
"""Kinds of calls. Threads that wait for each other show as futex; what is in none of them is of other kinds."""


def can_trace() -> bool:
    """Whether strace is there and may trace, which some containers forbid."""
    path = shutil.which("strace")
    return path is not None and not subprocess.run([path, "-o", "/dev/null", "true"], check=False).returncode


def tracing(log: Path) -> tuple[str, ...]:
    """What to put before a command so that its calls are logged. The program keeps the process id."""
    return ("strace", "-D", "-f", "-qq", "-e", "signal=none", "-o", str(log))


def count_calls(text: str) -> Counter[str]:
    """By name, the calls that began within this part of the log."""
    return Counter(_CALL.findall(text))


def count_kinds(calls: Counter[str]) -> dict[str, int]:
    """By kind."""
    of = {name: kind for kind, names in KINDS.items() for name in names}
    kinds = dict.fromkeys((*KINDS, _OTHER), 0)
    for name, count in calls.items():
        kinds[of.get(name, _OTHER)] += count
    return kinds
