"""What a series did during a stretch of time: the summaries of the history, and what outlives a restart."""

from typing import NamedTuple


class Series(NamedTuple):
    """One field of one subject: `labels` are the values of the event's labels, in the order declared."""

    event: str
    labels: tuple[str, ...]
    field: str


class Stretch(NamedTuple):
    """A minute or an hour of a series, beginning at `begin` (Unix seconds, a whole minute or hour), `seconds` long.

    `least`, `mean` and `most` are of a gauge, in the field's unit; of a yes or no, `mean` is the part of the time that
    it was yes. `last` is the last value. `growth` is by how much a counter grew, resets counted as from zero; None for
    what is no counter. `readings` is how many there were, at least one.
    """

    begin: float
    seconds: float
    readings: int
    least: float
    mean: float
    most: float
    last: float
    growth: float | None = None
