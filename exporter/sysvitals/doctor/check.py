"""What the doctor finds out: one verdict with its words, and what to do where it is bad."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """`ok`; `absent`: not there, and nothing is wrong; `warning`: worth a look; `broken`: the chain does not hold."""

    OK = "ok"
    ABSENT = "absent"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `id` is stable, for scripts; `text` and `remedy` are for people.

    A remedy may have several lines; those that are to be copied as they are begin with spaces.
    """

    id: str
    verdict: Verdict
    text: str
    remedy: str = ""


def ok(name: str, text: str) -> Check:
    """It is as it should be."""
    return Check(name, Verdict.OK, text)


def absent(name: str, text: str, remedy: str = "") -> Check:
    """It is not there, and nothing is wrong with that."""
    return Check(name, Verdict.ABSENT, text, remedy)


def warning(name: str, text: str, remedy: str) -> Check:
    """The chain holds, but somebody should look at it."""
    return Check(name, Verdict.WARNING, text, remedy)


def broken(name: str, text: str, remedy: str) -> Check:
    """The chain does not hold here."""
    return Check(name, Verdict.BROKEN, text, remedy)
