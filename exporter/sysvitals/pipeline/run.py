"""What one run of a collector gave, sorted out and checked before anything else sees it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from sysvitals.model.collector import Fault
from sysvitals.model.event import field_names
from sysvitals.model.reading import Body, Reading, subject_of


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a collector's last run ended: `ok`, `unavailable` or `failed`, with the class of the error and its words."""

    word: str
    error: str = ""
    message: str = ""


def sort_out(items: Iterable[Reading | Fault]) -> tuple[list[Reading], list[Fault]]:
    """Readings and faults apart. Raises ValueError where two readings cannot be told apart."""
    readings: list[Reading] = []
    faults: list[Fault] = []
    subjects: set[tuple[str, ...]] = set()
    for item in items:
        if isinstance(item, Fault):
            faults.append(item)
            continue
        subject = subject_of(item)
        if subject in subjects:
            raise ValueError(f"two readings of {' '.join(subject)} cannot be told apart")
        subjects.add(subject)
        readings.append(item)
    return readings, faults


def refuse_untellable(bodies: Iterable[Body]) -> None:
    """Raise ValueError for what no output could write: it would take every other collector's values down with it."""
    for body in bodies:
        for name in field_names(type(body)):
            value = getattr(body, name)
            if isinstance(value, float) and not isfinite(value):
                raise ValueError(f"{body.event_name}: {name} is {value}")
            if isinstance(value, str) and not value.isascii():
                value.encode()  # a lone surrogate, as a file name can hold, is no text


def judge_run(readings: Sequence[Reading], faults: Sequence[Fault]) -> Outcome:
    """How the run ended: well, perhaps with faults among it, with nothing to report, or with nothing but faults."""
    words = "; ".join(f"{fault.what}: {fault.message}" for fault in faults)
    if readings:
        return Outcome("ok", message=words)
    if not faults:
        return Outcome("unavailable", message="there is nothing to report on this host")
    return Outcome("failed", faults[0].error, words)
