"""What a verdict on this host is, with its reasons, and how it is written as JSON."""

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple


class Level(IntEnum):
    """How bad it is. `NOTE` is good to know and spoils no verdict; `UNKNOWN` is a verdict that cannot be trusted."""

    UNKNOWN = -1
    GOOD = 0
    NOTE = 1
    WARNING = 2
    CRITICAL = 3


LEVELS = ("good", "warning", "critical", "unknown")
"""The names of the levels that a verdict may have; a note is none."""

WORDS: Mapping[Level, str] = {
    Level.GOOD: "All well",
    Level.NOTE: "All well",
    Level.WARNING: "Needs attention",
    Level.CRITICAL: "In trouble",
    Level.UNKNOWN: "Not known yet",
}
"""What a verdict is called on the page and in a terminal."""


class Reason(NamedTuple):
    """Why the verdict is what it is, in words, with the alert that says the same.

    `text` is one sentence without its full stop: in the present tense for a state, with times for what is over.
    `subject` has the label values of what it is about, such as ("/",) or ("eth0",); () is the host. `since` is when it
    began and `last` when it last was so, in Unix seconds; `last` is None for what is so now, `since` where it is not
    known. `remedy` says in one or two sentences what to do.
    """

    level: Level
    alert: str
    text: str
    subject: tuple[str, ...] = ()
    area: str = ""
    since: float | None = None
    last: float | None = None
    remedy: str = ""


class Verdict(NamedTuple):
    """The worst of its reasons, which come worst first, one line for each cause.

    `since` is since when it has this level, in Unix seconds. `now` is a sentence on how it is now; empty where that
    is not known. `unknown` says why the verdict cannot be trusted, else it is empty.
    """

    level: Level
    reasons: tuple[Reason, ...]
    since: float | None = None
    now: str = ""
    unknown: str = ""

    @property
    def name(self) -> str:
        """The name of its level: one of LEVELS."""
        return self.level.name.lower()


def encode_verdict(verdict: Verdict) -> str:
    """The verdict as a JSON object: what its tuples hold, levels by their names in lower case."""
    found = {
        **verdict._asdict(),
        "level": verdict.level.name.lower(),
        "reasons": [{**reason._asdict(), "level": reason.level.name.lower()} for reason in verdict.reasons],
    }
    return json.dumps(found, ensure_ascii=False)
