"""What a judgement is, and what it may ask. `judgement/SUBJECT/judge.py` has them, beside the rules for Prometheus."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from sysvitals.judgement.left_alone import LeftAlone, is_among
from sysvitals.judgement.windows import Watch, Windows
from sysvitals.model.event import Event
from sysvitals.model.samples import Sample, Samples

__all__ = ["AREAS", "DAY_SECONDS", "Area", "Facts", "Finding", "Judgement", "Watch"]

DAY_SECONDS = 86400.0
"""What happened within a day is still shown."""

Area = Literal["power", "heat", "storage", "memory", "cpu", "network", "clock", "exporter"]
AREAS: tuple[Area, ...] = get_args(Area)
"""The parts of a host that are judged, what to look at first in front."""


class Finding(NamedTuple):
    """What is so, about one subject. Findings with one `cause` become one line, as bad as the worst of them.

    The line says the worst that does not merely follow from the cause: `follows` is for a symptom, such as throttling.

    `subject` and `text` are as in a Reason. The higher of two findings' `value` is the worse one. `since` is when it
    began, where that is better known than by when it was first found. `last` is when it last was so, for what is over:
    it then is a warning at most. Both are Unix seconds. `now` is a sentence on how it is at this moment, where the text
    does not say that.
    """

    subject: tuple[str, ...]
    text: str
    value: float | None = None
    cause: str = ""
    since: float | None = None
    last: float | None = None
    follows: bool = False
    now: str = ""


class Facts:
    """What a judgement may ask. `now` is Unix seconds, `uptime` seconds since boot, `samples` the current values.

    `known` are the seconds until now of which it is known what happened: what nothing remembers may have been before.

    Questions about a stretch of time are answered for metrics that the judgement watches, in the metric's unit, and
    with None where nothing is known. `labels` are all labels of the series. Such a stretch ends now, or `ago` seconds
    ago; it is known by the minute up to two hours, by the quarter of an hour up to eight, and by the hour beyond.
    """

    def __init__(  # noqa: PLR0913  # what there is to ask
        self,
        samples: Samples,
        *,
        now: float,
        uptime: float,
        windows: Windows | None = None,
        events: Callable[[str, float], list[Event]] = lambda _name, _seconds: [],
        firing: Callable[[str, str, tuple[str, ...]], bool] = lambda _alert, _severity, _subject: False,
        known: float = float("inf"),
    ) -> None:
        self.samples = samples
        self.now = now
        self.uptime = uptime
        self.known = known
        self._windows = windows or Windows(())
        self._events = events
        self._firing = firing

    def value(self, metric: str, **labels: str) -> float | None:
        """The current value of the first series with these labels."""
        return next((s.value for s in self.all(metric) if labels.items() <= s.labels.items()), None)

    def all(self, metric: str) -> list[Sample]:
        """The current values of all series of a metric."""
        return self.samples.get(metric, [])

    def rows(self, metric: str, *others: str, unless: LeftAlone | None = None) -> Iterator[tuple[Any, ...]]:
        """Labels and current value of each series of a metric, then the others' with the same labels, or None.

        What the user leaves alone by the setting `unless` is left out.
        """
        columns = [{(*labels.values(),): value for labels, value in self.all(other)} for other in others]
        left = unless.find(self.samples) if unless else ()
        for labels, value in self.all(metric):
            if not left or not is_among(left, labels):
                series = (*labels.values(),)
                yield labels, value, *[column.get(series) for column in columns]

    def gone(self, metric: str) -> Iterator[Mapping[str, str]]:
        """Labels of the series of a metric that are watched, were there before and are not now."""
        return self._windows.gone(metric, self.all(metric))

    def last(self, metric: str, labels: Mapping[str, str], seconds: float) -> float:
        """When it was last there, in seconds since boot, by the window of so many seconds."""
        return self._windows.last(metric, labels, seconds)

    def average(self, metric: str, labels: Mapping[str, str], seconds: float, ago: float = 0.0) -> float | None:
        """The mean of what was read."""
        return self._windows.average(metric, labels, self.uptime - ago, seconds)

    def presence(self, metric: str, labels: Mapping[str, str], seconds: float) -> float:
        """The part of these minutes or hours in which it was read, of those since it first was: a host may sleep."""
        return self._windows.presence(metric, labels, self.uptime, seconds)

    def means(self, metric: str, labels: Mapping[str, str], seconds: float) -> list[tuple[float, float]]:
        """When the middle of each minute or hour was, in seconds from now (negative), and its mean; oldest first."""
        return self._windows.means(metric, labels, self.uptime, seconds)

    def least(self, metric: str, labels: Mapping[str, str], seconds: float, ago: float = 0.0) -> float | None:
        """The lowest value."""
        return self._windows.least(metric, labels, self.uptime - ago, seconds)

    def most(self, metric: str, labels: Mapping[str, str], seconds: float) -> float | None:
        """The highest value."""
        return self._windows.most(metric, labels, self.uptime, seconds)

    def growth(self, counter: str, labels: Mapping[str, str], seconds: float) -> float | None:
        """By how much a counter grew, resets counted as from zero."""
        return self._windows.growth(counter, labels, self.uptime, seconds)

    def rate(self, counter: str, labels: Mapping[str, str], seconds: float) -> float | None:
        """By how much a counter grew in a second, on average over these seconds, watched or not."""
        return self._windows.rate(counter, labels, self.uptime, seconds)

    def changes(self, metric: str, labels: Mapping[str, str], seconds: float) -> int | None:
        """How often the value was another than before."""
        return self._windows.changes(metric, labels, self.uptime, seconds)

    def predict(
        self, metric: str, labels: Mapping[str, str], over_seconds: float, ahead_seconds: float
    ) -> float | None:
        """The value so many seconds ahead, on the straight line that fits the past best."""
        return self._windows.predict(metric, labels, self.uptime, over_seconds, ahead_seconds)

    def events(self, name: str, seconds: float) -> list[Event]:
        """The changes of this name that the judgement asks for, within so many seconds and a day, oldest first.

        Their stamps' times are by the clock as it is now.
        """
        return self._events(name, seconds)

    def is_firing(self, alert: str, severity: str, subject: tuple[str, ...]) -> bool:
        """Whether this was found before, has lasted, and has not ended since."""
        return self._firing(alert, severity, subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One alert as the host judges it. The rule beside it takes its name, severity, `lasts` and `keeps` from here.

    `lasts` is how many seconds a finding must hold (Prometheus's `for`), `keeps` how many it outlives its end
    (`keep_firing_for`); what `fades` is taken for intended when it was so for a day. `watches` and `events` are the
    windows and the names of changes that `find` asks of its facts: nothing else is kept. `remedy` says in one or two
    short sentences what to do.
    """

    alert: str
    severity: Literal["critical", "warning", "info"]
    area: Area
    find: Callable[[Facts], Iterable[Finding]]
    lasts: float = 0.0
    keeps: float = 0.0
    fades: bool = False
    watches: tuple[Watch, ...] = ()
    events: tuple[str, ...] = ()
    remedy: str
