"""What series did within the last hours, in bounded memory: what alert rules ask Prometheus for."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from sysvitals.model.samples import Sample, Samples
from sysvitals.model.summary import Stretch

MINUTE, QUARTER, HOUR = 60.0, 900.0, 3600.0
_STEPS = ((MINUTE, 2 * HOUR), (QUARTER, 8 * HOUR), (HOUR, float("inf")))
"""How finely a stretch of time is kept: each step with the longest stretch that is kept so."""

MOST_SERIES = 1024
"""Windows at a time; what comes later is not watched. A row takes 64 bytes, a window 2 to 121 rows.

A server with 256 CPUs needs half of them for its CPUs.
"""

_WIDTH = 8
_BUCKET, _COUNT, _SUM, _LEAST, _MOST, _GROWTH, _COVERED, _CHANGES = range(-_WIDTH, 0)
"""The columns of a row, counted from its end: of the last row, they are places in the array."""

_Values = tuple[str, ...]
"""The values of a series' labels."""


class Watch(NamedTuple):
    """Keep the last so many seconds, up to 25 hours, of this metric's series that have these labels."""

    metric: str
    seconds: float
    labels: tuple[tuple[str, str], ...] = ()


class Columns(NamedTuple):
    """Rows of a window, asked column by column."""

    rows: "array[float]"

    def of(self, column: int) -> "array[float]":
        """The values of one column."""
        return self.rows[_WIDTH + column :: _WIDTH]

    def sum(self, column: int) -> float:
        """All values of one column together."""
        return sum(self.rows[_WIDTH + column :: _WIDTH])


_NONE = Columns(array("d"))


class Window:
    """One series: a row for each minute or hour in which it was read. Times are seconds since boot."""

    __slots__ = ("_began", "_last", "_rows", "_seconds", "at", "step")

    def __init__(self, step: float, seconds: float) -> None:
        self.step = step
        self._seconds = seconds
        self._rows = array("d")
        self._last: float | None = None
        self._began = float("inf")
        self.at = float("-inf")
        """When it was last read."""

    def observe(self, at: float, value: float) -> None:
        """Take in what was read."""
        rows = self._rows
        if not rows or at // self.step > rows[_BUCKET]:
            self._begin_row(at)
        rows[_COUNT] += 1
        rows[_SUM] += value
        if value < rows[_LEAST]:  # noqa: PLR1730  # all windows pass here; a call takes longer
            rows[_LEAST] = value
        if value > rows[_MOST]:  # noqa: PLR1730  # as above
            rows[_MOST] = value
        last = self._last
        if last is not None:
            rows[_COVERED] += at - self.at
            if value != last:
                rows[_CHANGES] += 1
                rows[_GROWTH] += value - last if value > last else value
        self._last, self.at = value, at

    def restore(self, stretches: Iterable[tuple[float, Stretch]]) -> None:
        """Replace what is kept by these stretches, each with when it began, oldest first.

        What was read last is taken in again, so that a counter's growth since then is in it.
        """
        at, value = self.at, self._last
        self._rows, self._last = array("d"), None
        rows = self._rows
        for began, stretch in stretches:
            # what is longer than a row stands in the middle of its time
            middle = began + max(0.0, stretch.seconds - self.step) / 2
            if not rows or middle // self.step > rows[_BUCKET]:
                self._begin_row(middle)
            rows[_COUNT] += stretch.readings
            rows[_SUM] += stretch.mean * stretch.readings
            rows[_LEAST] = min(rows[_LEAST], stretch.least)
            rows[_MOST] = max(rows[_MOST], stretch.most)
            rows[_GROWTH] += stretch.growth or 0.0
            rows[_COVERED] += stretch.seconds
            rows[_CHANGES] += self._last is not None and stretch.last != self._last
            self._last, self.at = stretch.last, began + stretch.seconds
        if value is not None:
            self.at = min(self.at, at)  # what goes on while it is read is in both
            self.observe(at, value)

    def columns(self, now: float, seconds: float) -> "Columns":
        """The rows of so many seconds until then, as far as they are watched."""
        rows, step = self._rows, self.step
        first, end = round((now - seconds) / step), now // step
        start, stop = 0, len(rows)
        while start < stop and rows[start] < first:
            start += _WIDTH
        while stop > start and rows[stop + _BUCKET] > end:
            stop -= _WIDTH
        return Columns(rows[start:stop])

    def presence(self, now: float, seconds: float) -> float:
        """The part of the rows until then that there are, of those since it was first read."""
        first = max(round((now - seconds) / self.step), self._began // self.step)
        return len(self.columns(now, seconds).of(_BUCKET)) / (now // self.step - first + 1)

    def middle(self, bucket: float, now: float) -> float:
        """When half of a row had passed."""
        begin = bucket * self.step
        return (begin + min(begin + self.step, max(begin, now))) / 2

    def _begin_row(self, at: float) -> None:
        """Begin the row of this moment; rows that are too old go."""
        self._began = min(self._began, at)
        rows, bucket = self._rows, at // self.step
        rows.extend((bucket, 0.0, 0.0, float("inf"), float("-inf"), 0.0, 0.0, 0.0))
        oldest = bucket - self._seconds // self.step - 1
        while rows[0] < oldest:
            del rows[:_WIDTH]


class Windows:
    """The windows of all series that are watched. `most` of them are kept at a time.

    `labels` of a series are always given in the order declared.
    """

    def __init__(self, watches: Iterable[Watch], most: int = MOST_SERIES) -> None:
        self._watches: dict[str, list[Watch]] = {}
        for watch in watches:
            self._watches.setdefault(watch.metric, []).append(watch)
        # those of which all series are watched need no look at the labels
        self._chosen = {
            metric: {label for one in found for label in one.labels}
            for metric, found in self._watches.items()
            if all(one.labels for one in found)
        }
        self._most = most
        self._kept: dict[str, dict[_Values, tuple[Window, ...]]] = {metric: {} for metric in self._watches}
        self._names: dict[str, tuple[str, ...]] = {}
        self._count = 0
        self._tidied_at = float("-inf")

    @property
    def metrics(self) -> Iterable[str]:
        """The metrics that are watched."""
        return self._watches.keys()

    def __len__(self) -> int:
        """How many windows there are."""
        return self._count

    def observe(self, samples: Samples, at: float) -> None:
        """Take in the current values."""
        for metric, kept in self._kept.items():
            chosen = self._chosen.get(metric)
            for labels, value in samples.get(metric, ()):
                if chosen is not None and chosen.isdisjoint(labels.items()):
                    continue
                windows = kept.get((*labels.values(),))
                if windows is None:
                    windows = self._begin(metric, labels, at)
                for window in windows:
                    window.observe(at, value)

    def restore(self, metric: str, labels: Mapping[str, str], stretches: list[tuple[float, Stretch]]) -> None:
        """Take up what a series did before, each stretch with when it began, in seconds since boot."""
        stretches = sorted(stretches, key=lambda one: one[0])
        hours = [one for one in stretches if one[1].seconds > MINUTE]
        minutes = [one for one in stretches if one[1].seconds <= MINUTE]
        windows = self._kept.get(metric, {}).get((*labels.values(),))
        if windows is None:
            windows = self._begin(metric, labels, stretches[-1][0] if stretches else 0.0)
        for window in windows:
            known = _pick(window.step, hours, minutes)
            if known:
                window.restore(known)

    def gone(self, metric: str, samples: Sequence[Sample]) -> Iterator[Mapping[str, str]]:
        """Labels of the series that were read before, and are not among these samples, which have been observed."""
        kept = self._kept.get(metric, {})
        if len(kept) > len(samples):
            present = {(*labels.values(),) for labels, _ in samples}
            names = self._names[metric]
            yield from (dict(zip(names, values, strict=True)) for values in kept if values not in present)

    def last(self, metric: str, labels: Mapping[str, str], seconds: float) -> float:
        """When it was last read; negative infinity where it never was."""
        window = self._window(metric, labels, seconds)
        return float("-inf") if window is None else window.at

    def average(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> float | None:
        """The mean of what was read until then."""
        rows = self._rows(metric, labels, now, seconds)
        count = rows.sum(_COUNT)
        return rows.sum(_SUM) / count if count else None

    def least(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> float | None:
        """The lowest value."""
        return min(self._rows(metric, labels, now, seconds).of(_LEAST), default=None)

    def most(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> float | None:
        """The highest value."""
        return max(self._rows(metric, labels, now, seconds).of(_MOST), default=None)

    def growth(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> float | None:
        """By how much a counter grew; of what it grew while it was not read, the part that falls in these seconds."""
        rows = self._rows(metric, labels, now, seconds)
        covered = rows.sum(_COVERED)
        return rows.sum(_GROWTH) * min(1.0, (seconds + MINUTE) / covered) if covered else None

    def rate(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> float | None:
        """By how much a counter grew in a second, on average over all these seconds, however few it was watched."""
        rows = self._rows(metric, labels, now, seconds)
        covered = rows.sum(_COVERED)
        if not covered:
            return None
        # the rows are whole minutes or hours, so that what they cover is not just these seconds
        is_whole = covered >= seconds - _step_of(seconds)
        return rows.sum(_GROWTH) / (covered if is_whole else seconds)

    def changes(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> int | None:
        """How often the value was another than before."""
        rows = self._rows(metric, labels, now, seconds)
        return round(rows.sum(_CHANGES)) if rows.rows else None

    def presence(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> float:
        """The part of these minutes or hours in which it was read, of those since it first was."""
        window = self._window(metric, labels, seconds)
        return 0.0 if window is None else window.presence(now, seconds)

    def means(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> list[tuple[float, float]]:
        """When half of each row had passed, in seconds from now, and its mean."""
        window = self._window(metric, labels, seconds)
        if window is None:
            return []
        rows = window.columns(now, seconds)
        parts = zip(rows.of(_BUCKET), rows.of(_COUNT), rows.of(_SUM), strict=True)
        return [(window.middle(bucket, now) - now, total / count) for bucket, count, total in parts if count]

    def predict(self, metric: str, labels: Mapping[str, str], now: float, over: float, ahead: float) -> float | None:
        """The value so many seconds ahead, on the line of least squares through the means. None below three of them."""
        points = self.means(metric, labels, now, over)
        if len(points) < 3:
            return None
        x_mean = sum(x for x, _ in points) / len(points)
        y_mean = sum(y for _, y in points) / len(points)
        spread = sum((x - x_mean) ** 2 for x, _ in points)
        slope = sum((x - x_mean) * (y - y_mean) for x, y in points) / spread if spread else 0.0
        return y_mean + slope * (ahead - x_mean)

    def _rows(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> Columns:
        window = self._window(metric, labels, seconds)
        return _NONE if window is None else window.columns(now, seconds)

    def _window(self, metric: str, labels: Mapping[str, str], seconds: float) -> Window | None:
        step = _step_of(seconds)
        for window in self._kept.get(metric, {}).get((*labels.values(),), ()):
            if window.step == step:
                return window
        return None

    def _begin(self, metric: str, labels: Mapping[str, str], at: float) -> tuple[Window, ...]:
        """Make the windows of a series, where there is room: one of each step that it is watched by."""
        items = labels.items()
        lengths = [one.seconds for one in self._watches.get(metric, ()) if items >= set(one.labels)]
        longest = {_step_of(seconds): seconds for seconds in sorted(lengths)}
        if not longest or not self._has_room(len(longest), at):
            return ()
        self._names[metric] = (*labels,)
        windows = self._kept[metric][(*labels.values(),)] = tuple(Window(*one) for one in longest.items())
        self._count += len(windows)
        return windows

    def _has_room(self, more: int, at: float) -> bool:
        if self._count + more > self._most and at - self._tidied_at >= HOUR:  # to look costs as much as all windows
            self._tidied_at = at
            for metric, kept in self._kept.items():
                self._kept[metric] = {series: found for series, found in kept.items() if at - found[0].at < HOUR}
            self._count = sum(len(windows) for kept in self._kept.values() for windows in kept.values())
        return self._count + more <= self._most


@cache  # asked for each window that is looked at, with a few lengths of time
def _step_of(seconds: float) -> float:
    for step, most in _STEPS:
        if seconds <= most:
            return step
    raise AssertionError  # the last step is for all that is longer


def _pick(
    step: float, hours: list[tuple[float, Stretch]], minutes: list[tuple[float, Stretch]]
) -> list[tuple[float, Stretch]]:
    """The stretches that rows of this step are made of: quarters of minutes, and of hours before those."""
    if step == QUARTER and minutes:
        return [*(one for one in hours if one[0] + one[1].seconds <= minutes[0][0]), *minutes]
    return minutes if step == MINUTE else hours or minutes
