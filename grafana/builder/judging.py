"""Where colours change: from the thresholds that the alert rules use, or between the two values of a state."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from grafana.builder.colours import CRITICAL, GOOD, PLAIN, WARNING
from sysvitals.judgement.thresholds import Threshold

Json: TypeAlias = dict[str, Any]
Steps: TypeAlias = tuple[tuple[float | None, str], ...]
"""From which value on which colour holds; None is from the start."""

NEUTRAL: Steps = ((None, PLAIN),)
"""No value is better than another."""


def rising(warning: Threshold | None = None, critical: Threshold | None = None, *, base: str = GOOD) -> Steps:
    """More is worse."""
    steps: list[tuple[float | None, str]] = [(None, base)]
    if warning is not None:
        steps.append((warning.value, WARNING))
    if critical is not None:
        steps.append((critical.value, CRITICAL))
    return tuple(steps)


def line_at(threshold: Threshold, *, colour: str = WARNING) -> Steps:
    """For values below which it is bad, and that are drawn: Grafana draws a line in the colour of what is above it."""
    return ((None, colour), (threshold.value, colour))


def any_is(colour: str, *, base: str = GOOD) -> Steps:
    """None is good, one is too many: for states and for counts of what should not happen at all."""
    return ((None, base), (1.0, colour))


def none_is(colour: str, *, good: str = GOOD) -> Steps:
    """0 is bad, 1 is good."""
    return ((None, colour), (1.0, good))


def value_mappings(
    words: Mapping[float | str, tuple[str, str]], *, missing: tuple[str, str] | None = None
) -> list[Json]:
    """Words and colours for values: `{0: ("fine", GOOD), 1: ("too low", CRITICAL)}`; `missing` for null and NaN."""
    options = {
        _key(value): {"color": colour, "index": index, "text": text}
        for index, (value, (text, colour)) in enumerate(words.items())
    }
    mappings: list[Json] = [{"type": "value", "options": options}] if options else []
    if missing is not None:
        text, colour = missing
        result = {"color": colour, "index": len(options) + 1, "text": text}
        mappings.append({"type": "special", "options": {"match": "null+nan", "result": result}})
    return mappings


def range_mapping(start: float | None, end: float | None, text: str, colour: str, *, index: int = 10) -> Json:
    """A word and a colour for all values from start to end, both included; None is without end."""
    return {
        "type": "range",
        "options": {"from": start, "to": end, "result": {"color": colour, "index": index, "text": text}},
    }


def every_value(text: str, colour: str) -> Json:
    """The same word for each text, which stays the value."""
    result = {"color": colour, "index": 0, "text": text}
    return {"type": "regex", "options": {"pattern": ".+", "result": result}}


def yes_no(*, yes: str = GOOD, no: str = CRITICAL) -> list[Json]:
    """1 is yes, 0 is no."""
    return value_mappings({0: ("no", no), 1: ("yes", yes)})


def _key(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
