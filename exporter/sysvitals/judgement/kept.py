"""What stood when an exporter ended, for the next one of the same boot: durations go on, and what fires still fires."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

MOST_BYTES = 1 << 20
_MOST = 1024


class KeptFinding(NamedTuple):
    """A finding of one alert, its times in seconds since boot. `is_assumed`: `began` is not known."""

    alert: str
    severity: str
    subject: tuple[str, ...]
    text: str
    cause: str
    began: float
    first: float
    seen: float
    is_assumed: bool


class Kept(NamedTuple):
    """What stood in a boot at a time in seconds since its start."""

    boot: str
    at: float
    findings: tuple[KeptFinding, ...]

    @property
    def essence(self) -> tuple[object, ...]:
        """What makes it worth to be written again: what stands, since when, and that it is over."""
        return tuple(
            (one.alert, one.severity, one.subject, one.began, one.seen < self.at and one.seen) for one in self.findings
        )


def encode_kept(kept: Kept) -> str:
    """One line of JSON."""
    return json.dumps({"boot": kept.boot, "at": kept.at, "findings": kept.findings[:_MOST]})


def decode_kept(text: str) -> Kept:
    """What `encode_kept` wrote. A finding that is damaged is left out. Raises ValueError."""
    try:
        content = json.loads(text)
        boot, at, rows = str(content["boot"]), float(content["at"]), list(content["findings"])
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"no record of what stood: {error!r}") from error
    return Kept(boot, at, tuple(_decode(rows, at)))


def _decode(rows: Iterable[Any], at: float) -> Iterator[KeptFinding]:
    for row in rows:
        with suppress(ValueError, TypeError):
            alert, severity, subject, text, cause, *times, is_assumed = row
            began, first, seen = map(float, times)
            labels = tuple(map(str, subject))
            if 0 <= began <= first <= seen <= at:
                found = KeptFinding(str(alert), str(severity), labels, str(text), str(cause), began, first, seen, False)
                yield found._replace(is_assumed=bool(is_assumed))
