"""What is fuzzed: each kind of input, what must hold for any bytes of it, and what its cases are made of."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.fuzz import events, history, kernel, server, settings
from tests.fuzz.havoc import mutate, shrink

CORPUS = Path(__file__).parent / "corpus"

Check = Callable[[bytes], None]
"""Takes a case and raises where a promise is broken, whatever it raises."""


class Kind(NamedTuple):
    """One kind of input.

    `open` gives the check, with all that it needs, and `more_seeds` are cases beside those of the corpus. `share` is
    how many mutations the tests take, by what one costs. Where it `keeps_head`, the first line says what the case
    stands for, and stays.
    """

    open: Callable[[], AbstractContextManager[Check]]
    share: int
    more_seeds: Callable[[], list[bytes]] = list
    keeps_head: bool = False


KINDS = {
    "http": Kind(server.open_http, 500),
    "password": Kind(server.open_password, 500, lambda: [*saved_cases("http").values()]),
    "websocket": Kind(server.open_websocket, 500),
    "web-file": Kind(settings.open_web_file, 500),
    "settings": Kind(settings.open_settings, 500),
    "flags": Kind(settings.open_flags, 500),
    "segment": Kind(history.open_segments, 500),
    "summaries": Kind(history.open_summaries, 500),
    "shutdowns": Kind(history.open_shutdowns, 500),
    "log-of-boots": Kind(history.open_log_of_boots, 1000),
    "time-line": Kind(history.open_time_line, 300),
    "kernel": Kind(kernel.open_kernel, 1000, kernel.recorded_cases, keeps_head=True),
    "stream": Kind(events.open_stream, 1000),
    "netlink": Kind(events.open_netlink, 2000),
}


def saved_cases(name: str) -> dict[str, bytes]:
    """The corpus of a kind: each case by its file's name."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / name).iterdir())}


def seeds_of(name: str) -> list[bytes]:
    """All that cases are made of."""
    return [*saved_cases(name).values(), *KINDS[name].more_seeds()]


def make_case(kind: Kind, seeds: list[bytes], number: int, series: int = 0) -> bytes:
    """A new case, which is always the same for these numbers."""
    random = Random(f"{series} {number}")  # noqa: S311  # the same on each run
    head, rest = _split(kind, random.choice(seeds))
    return head + mutate(random, rest, seeds)


def shrink_case(kind: Kind, case: bytes, breaks: Callable[[bytes], bool]) -> bytes:
    """The shortest case found that still breaks the promise."""
    head, rest = _split(kind, case)
    return head + shrink(rest, lambda shorter: breaks(head + shorter))


def _split(kind: Kind, case: bytes) -> tuple[bytes, bytes]:
    length = case.index(b"\n") + 1 if kind.keeps_head else 0
    return case[:length], case[length:]
