"""What series did within the last hours, in bounded memory: what alert rules ask Prometheus for."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from sysvitals.model.samples import Samples
from sysvitals.model.summary import Stretch

MINUTE, HOUR = 60.0, 3600.0
FINE_SECONDS = 2 * HOUR
"""Up to here a stretch of time is kept by the minute, beyond by the hour."""

MOST_SERIES = 512
"""Windows at a time; what comes later is not watched. A row takes 64 bytes, a window 2 to 121 rows."""

_BUCKET, _COUNT, _SUM, _LEAST, _MOST, _GROWTH, _COVERED, _CHANGES = range(8)
_WIDTH = 8

_Labels = frozenset[tuple[str, str]]


class Watch(NamedTuple):
    """Keep the last so many seconds, up to 25 hours, of this metric's series that have these labels."""

    metric: str
    seconds: float
    labels: tuple[tuple[str, str], ...] = ()


class Window:
    """One series: a row for each minute or hour in which it was read. Times are seconds since boot."""

    __slots__ = ("_last", "_rows", "_seconds", "at", "step")

    def __init__(self, step: float, seconds: float) -> None:
        self.step = step
        self._seconds = seconds
        self._rows = array("d")
        self._last: float | None = None
        self.at = float("-inf")
        """When it was last read."""

    def observe(self, at: float, value: float) -> None:
        """Take in what was read."""
        row = self._row(at)
        rows = self._rows
        rows[row + _COUNT] += 1
        rows[row + _SUM] += value
        rows[row + _LEAST] = min(rows[row + _LEAST], value)
        rows[row + _MOST] = max(rows[row + _MOST], value)
        last = self._last
        if last is not None:
            rows[row + _GROWTH] += value - last if value >= last else value
            rows[row + _COVERED] += at - self.at
            rows[row + _CHANGES] += value != last
        self._last, self.at = value, at

    def restore(self, stretches: Iterable[tuple[float, Stretch]]) -> None:
        """Replace what is kept by these stretches, each with when it began, oldest first.

        What was read last is taken in again, so that a counter's growth since then is in it.
        """
        at, value = self.at, self._last
        self._rows, self._last = array("d"), None
        for began, stretch in stretches:
            row = self._row(began)
            rows = self._rows
            rows[row + _COUNT] += stretch.readings
            rows[row + _SUM] += stretch.mean * stretch.readings
            rows[row + _LEAST] = min(rows[row + _LEAST], stretch.least)
            rows[row + _MOST] = max(rows[row + _MOST], stretch.most)
            rows[row + _GROWTH] += stretch.growth or 0.0
            rows[row + _COVERED] += stretch.seconds
            rows[row + _CHANGES] += self._last is not None and stretch.last != self._last
            self._last, self.at = stretch.last, began + stretch.seconds
        if value is not None:
            self.at = min(self.at, at)  # what goes on while it is read is in both
            self.observe(at, value)

    def rows(self, now: float, seconds: float) -> Iterator[tuple[float, ...]]:
        """The rows of so many seconds until then, as far as they are watched."""
        step = self.step
        first, end = round((now - seconds) / step), now // step
        rows = self._rows
        for row in range(0, len(rows), _WIDTH):
            if first <= rows[row] <= end:
                yield tuple(rows[row : row + _WIDTH])

    def middle(self, row: tuple[float, ...], now: float) -> float:
        """When half of the row had passed."""
        begin = row[_BUCKET] * self.step
        return (begin + min(begin + self.step, max(begin, now))) / 2

    def _row(self, at: float) -> int:
        """Where the row of this moment is, a new one if need be; rows that are too old go."""
        rows, bucket = self._rows, at // self.step
        if rows and bucket <= rows[-_WIDTH]:
            return len(rows) - _WIDTH
        rows.extend((bucket, 0.0, 0.0, float("inf"), float("-inf"), 0.0, 0.0, 0.0))
        oldest = bucket - self._seconds // self.step - 1
        while rows[_BUCKET] < oldest:
            del rows[:_WIDTH]
        return len(rows) - _WIDTH


class Windows:
    """The windows of all series that are watched. `most` of them are kept at a time."""

    def __init__(self, watches: Iterable[Watch], most: int = MOST_SERIES) -> None:
        self._watches: dict[str, list[Watch]] = {}
        for watch in watches:
            self._watches.setdefault(watch.metric, []).append(watch)
        self._most = most
        self._found: dict[tuple[str, _Labels, float], Window] = {}
        self._free_at = float("-inf")

    @property
    def metrics(self) -> Iterable[str]:
        """The metrics that are watched."""
        return self._watches.keys()

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self._found)

    def observe(self, samples: Samples, at: float) -> None:
        """Take in the current values."""
        for metric, watches in self._watches.items():
            for labels, value in samples.get(metric, ()):
                for window in self._windows(metric, labels, watches, at):
                    window.observe(at, value)

    def restore(self, metric: str, labels: Mapping[str, str], stretches: list[tuple[float, Stretch]]) -> None:
        """Take up what a series did before, each stretch with when it began, in seconds since boot."""
        watches = self._watches.get(metric, [])
        stretches = sorted(stretches, key=lambda one: one[0])
        hours = [one for one in stretches if one[1].seconds > MINUTE]
        minutes = [one for one in stretches if one[1].seconds <= MINUTE]
        for window in self._windows(metric, labels, watches, stretches[-1][0] if stretches else 0.0):
            known = minutes if window.step == MINUTE else hours or minutes
            if known:
                window.restore(known)

    def average(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> float | None:
        """The mean of what was read until then."""
        rows = self._rows(metric, labels, now, seconds)
        count = sum(row[_COUNT] for row in rows)
        return sum(row[_SUM] for row in rows) / count if count else None

    def least(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> float | None:
        """The lowest value."""
        return min((row[_LEAST] for row in self._rows(metric, labels, now, seconds)), default=None)

    def most(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> float | None:
        """The highest value."""
        return max((row[_MOST] for row in self._rows(metric, labels, now, seconds)), default=None)

    def growth(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> float | None:
        """By how much a counter grew; of what it grew while it was not read, the part that falls in these seconds."""
        rows = self._rows(metric, labels, now, seconds)
        covered = sum(row[_COVERED] for row in rows)
        if not covered:
            return None
        return sum(row[_GROWTH] for row in rows) * min(1.0, (seconds + MINUTE) / covered)

    def rate(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> float | None:
        """By how much a counter grew in a second."""
        rows = self._rows(metric, labels, now, seconds)
        covered = sum(row[_COVERED] for row in rows)
        return sum(row[_GROWTH] for row in rows) / covered if covered else None

    def changes(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> int | None:
        """How often the value was another than before."""
        rows = self._rows(metric, labels, now, seconds)
        return round(sum(row[_CHANGES] for row in rows)) if rows else None

    def means(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> list[tuple[float, float]]:
        """When half of each row had passed, in seconds from now, and its mean."""
        window = self._window(metric, labels, seconds)
        if window is None:
            return []
        rows = window.rows(now, seconds)
        return [(window.middle(row, now) - now, row[_SUM] / row[_COUNT]) for row in rows if row[_COUNT]]

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

    def _rows(self, metric: str, labels: Mapping[str, str], now: float, seconds: float) -> list[tuple[float, ...]]:
        window = self._window(metric, labels, seconds)
        return [] if window is None else list(window.rows(now, seconds))

    def _window(self, metric: str, labels: Mapping[str, str], seconds: float) -> Window | None:
        return self._found.get((metric, frozenset(labels.items()), MINUTE if seconds <= FINE_SECONDS else HOUR))

    def _windows(self, metric: str, labels: Mapping[str, str], watches: list[Watch], at: float) -> Iterator[Window]:
        """The windows of a series, made where there is room."""
        items = labels.items()
        wanted = [watch.seconds for watch in watches if not watch.labels or items >= set(watch.labels)]
        if not wanted:
            return
        key = frozenset(items)
        for step, fits in _STEPS:
            lengths = [seconds for seconds in wanted if fits(seconds)]
            if not lengths:
                continue
            window = self._found.get((metric, key, step))
            if window is None and self._has_room(at):
                window = self._found[metric, key, step] = Window(step, max(lengths))
            if window is not None:
                yield window

    def _has_room(self, at: float) -> bool:
        if len(self._found) >= self._most and at >= self._free_at:
            self._free_at = at + HOUR  # to look for what is gone costs as much as all windows
            self._found = {key: window for key, window in self._found.items() if at - window.at < HOUR}
        return len(self._found) < self._most


_STEPS: tuple[tuple[float, Callable[[float], bool]], ...] = (
    (MINUTE, lambda seconds: seconds <= FINE_SECONDS),
    (HOUR, lambda seconds: seconds > FINE_SECONDS),
)
