"""A board in tests: what is read and what happens on it, and the engine that judges it through time."""

from collections.abc import Iterable

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.collectors.throttling import ThrottlingCleared, ThrottlingStarted
from sysvitals.judgement.engine import Engine
from sysvitals.judgement.judgement import Judgement
from sysvitals.judgement.judgements import JUDGEMENTS
from sysvitals.judgement.verdict import Verdict
from sysvitals.model.changes import VerdictChanged
from sysvitals.model.event import Event, Stamp
from sysvitals.model.reading import Change
from sysvitals.model.samples import Sample
from tests.recorded import NOW

CATALOG = build_full_catalog()
UPTIME = 500_000.0
BEAT = 15.0


class Board:
    """Time passes in beats, as for the exporter, and at each it is judged. It is up for days unless said otherwise."""

    def __init__(
        self,
        judgements: Iterable[Judgement] = JUDGEMENTS,
        *,
        uptime: float = UPTIME,
        wall: float = NOW,
        boot: str = "now",
        restores: bool = False,
    ) -> None:
        self.judgements = tuple(judgements)
        self.time = wall
        self.up = uptime
        self.boot = boot
        self.values: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        self.is_ready = True
        self.events: list[Event] = []
        self.engine = Engine(
            self.judgements,
            CATALOG.families,
            clock=self,
            boot=boot,
            read=self._read,
            ready=lambda: self.is_ready,
            restores=restores,
        )

    def wall(self) -> float:
        return self.time

    def uptime(self) -> float:
        return self.up

    def shows(self, metric: str, value: float, **labels: str) -> None:
        """From now on this is read."""
        assert metric in CATALOG.families, metric
        self.values.setdefault(metric, {})[tuple(labels.items())] = value

    def loses(self, metric: str, **labels: str) -> None:
        """From now on it is not read any more."""
        del self.values[metric][tuple(labels.items())]

    def grows(self, metric: str, by: float, **labels: str) -> None:
        self.shows(metric, self.values.get(metric, {}).get(tuple(labels.items()), 0.0) + by, **labels)

    def happens(self, *changes: Change) -> None:
        """These are events now."""
        stamp = Stamp(self.time, "board", self.boot, self.up, synced=True)
        events = tuple(Event(stamp, len(self.events) + n, change) for n, change in enumerate(changes))
        self.events += events
        self.engine.offer(events)

    def passes(self, seconds: float) -> None:
        """Time that nothing is done in."""
        self.time += seconds
        self.up += seconds

    def dips(self, seconds: float) -> None:
        """The supply voltage is too low for so long."""
        cause = {"cause": "undervoltage"}
        self.happens(ThrottlingStarted(cause="undervoltage"))
        self.shows("system_throttled", 1, **cause)
        self.grows("system_throttle_events_total", 1, **cause)
        self.passes(seconds)
        self.shows("system_throttled", 0, **cause)
        self.grows("system_throttle_seconds_total", seconds, **cause)
        self.shows("system_throttle_last_timestamp_seconds", self.time, **cause)
        self.happens(ThrottlingCleared(cause="undervoltage", seconds=seconds))

    def judged(self) -> Verdict:
        """The verdict now."""
        return self.engine.judge(0)

    def after(self, seconds: float) -> Verdict:
        """The verdict so much later, judged at each beat until then."""
        end = self.up + seconds
        while self.up + BEAT <= end:
            self.passes(BEAT)
            self.engine.judge(0)
        self.passes(end - self.up)
        return self.judged()

    def turned(self) -> list[VerdictChanged]:
        """How the verdict changed since this was last asked."""
        return [change for change in self.engine.take_changes() if isinstance(change, VerdictChanged)]

    def _read(self) -> dict[str, list[Sample]]:
        return {
            metric: [Sample(dict(labels), value) for labels, value in series.items()]
            for metric, series in self.values.items()
        }


def alerts(verdict: Verdict) -> list[tuple[str, str]]:
    """The alerts of a verdict with their levels, in order."""
    return [(reason.alert, reason.level.name.lower()) for reason in verdict.reasons]


def texts(verdict: Verdict) -> list[str]:
    return [reason.text for reason in verdict.reasons]
