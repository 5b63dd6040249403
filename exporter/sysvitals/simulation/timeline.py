"""A scenario drawn out: what each quantity is at each moment. The same seed gives the same moments."""

from bisect import bisect_right
from collections.abc import Mapping
from random import Random

from sysvitals.simulation.errors import SimulationError
from sysvitals.simulation.quantities import FEATURES, QUANTITIES, Value, Values
from sysvitals.simulation.randomness import seeded
from sysvitals.simulation.scenario import Scenario, Span, Step, Wanted


class Timeline:
    """One scenario on one board. `own` is what the board has of itself for quantities that nothing forces."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        features: frozenset[str],
        own: Mapping[str, Value] | None = None,
        seed: int = 0,
        loop: bool = True,
    ) -> None:
        self.scenario = scenario
        self._features = features
        self._own = {name: quantity.default for name, quantity in QUANTITIES.items()} | dict(own or {})
        self._seed = seed
        self._loop = loop
        for name in scenario.start:
            self._check_feature(scenario.start_place, name)
        self._steps = [step for step in scenario.steps if step.only_with is None or step.only_with in features]
        for step in self._steps:
            for name in step.values:
                self._check_feature(step.place, name)
        self._round = -1
        self._tracks: dict[str, _Track] = {}
        self._draw(0)

    def at(self, elapsed: float) -> Values:
        """All quantities, so many seconds after the start. Each round of a loop is drawn anew."""
        lasts = self.scenario.lasts
        number = int(elapsed // lasts) if self._loop else 0
        if number != self._round:
            self._draw(number)
        moment = elapsed - number * lasts if self._loop else min(elapsed, lasts)
        values = self._own.copy()
        for name, track in self._tracks.items():
            values[name] = track.at(moment)
        return values

    def is_over(self, elapsed: float) -> bool:
        """Whether the scenario was played to its end, if it does not begin again."""
        return not self._loop and elapsed >= self.scenario.lasts

    def _draw(self, number: int) -> None:
        random = seeded(self._seed, "timeline", number)
        self._round = number
        self._tracks = {}
        for name, wanted in self.scenario.start.items():
            self._track(name).set(0.0, self._choose(name, wanted, random))
        moments = sorted(
            ((step.at.choose(random), index, step) for index, step in enumerate(self._steps)),
            key=lambda moment: moment[:2],
        )
        for at, _, step in moments:
            self._play(step, at, random)

    def _play(self, step: Step, at: float, random: Random) -> None:
        if step.action == "pulse":
            self._pulse(step, at, random)
            return
        over = step.over.choose(random)
        for name, wanted in step.values.items():
            value = self._choose(name, wanted, random)
            if step.action == "set":
                self._track(name).set(at, value)
            else:
                before = self._track(name).base(at)
                if before is None or value is None:
                    raise SimulationError(f"{step.place}: {name} has no number to ramp from: set it first")
                self._track(name).ramp(at, at + over, before, value)

    def _pulse(self, step: Step, at: float, random: Random) -> None:
        for number in range(step.times or (1 if step.every is None else 1 << 30)):
            if number and step.every is not None:
                at += step.every.choose(random)
            if at >= self.scenario.lasts:
                return
            end = at + step.length.choose(random)
            for name, wanted in step.values.items():
                self._track(name).pulse(at, end, self._choose(name, wanted, random))

    def _choose(self, name: str, wanted: Wanted, random: Random) -> Value:
        if wanted is None:
            return self._own[name]
        return wanted.choose(random) if isinstance(wanted, Span) else wanted

    def _track(self, name: str) -> "_Track":
        return self._tracks.get(name) or self._tracks.setdefault(name, _Track(self._own[name]))

    def _check_feature(self, place: str, name: str) -> None:
        needs = QUANTITIES[name].needs
        if needs is not None and needs not in self._features:
            raise SimulationError(f"{place}: {name} needs {FEATURES[needs]}, which this board has not")


class _Track:
    """One quantity's course: stretches one after the other, and pulses on top of them."""

    __slots__ = ("_latest_ends", "_pulses", "_starts", "_stretches")

    def __init__(self, value: Value) -> None:
        self._starts = [0.0]
        self._stretches: list[tuple[float, Value, Value]] = [(0.0, value, value)]
        self._pulses: list[tuple[float, float, Value]] = []
        self._latest_ends: list[float] = []

    def set(self, at: float, value: Value) -> None:
        self._starts.append(at)
        self._stretches.append((at, value, value))

    def ramp(self, start: float, end: float, before: Value, after: Value) -> None:
        self._starts.append(start)
        self._stretches.append((end, before, after))

    def pulse(self, start: float, end: float, value: Value) -> None:
        index = bisect_right(self._pulses, start, key=lambda pulse: pulse[0])
        self._pulses.insert(index, (start, end, value))
        latest = max(end, self._latest_ends[index - 1]) if index else end
        self._latest_ends.insert(index, latest)
        for later in range(index + 1, len(self._latest_ends)):
            self._latest_ends[later] = max(self._latest_ends[later], latest)

    def at(self, moment: float) -> Value:
        index = bisect_right(self._pulses, moment, key=lambda pulse: pulse[0]) - 1
        # of pulses that overlap, the one that began last counts
        while index >= 0 and self._latest_ends[index] > moment:
            if self._pulses[index][1] > moment:
                return self._pulses[index][2]
            index -= 1
        return self.base(moment)

    def base(self, moment: float) -> Value:
        index = bisect_right(self._starts, moment) - 1
        start = self._starts[index]
        end, before, after = self._stretches[index]
        if moment >= end or before is None or after is None:
            return after
        return before + (after - before) * (moment - start) / (end - start)
