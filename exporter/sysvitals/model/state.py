"""The state of a host: a pure fold of its events. Live outputs and a replayed log come to the same."""

from collections.abc import Mapping
from typing import NamedTuple

from sysvitals.model.changes import CollectorFailed, CollectorUnavailable, Reloaded, Started
from sysvitals.model.event import Event
from sysvitals.model.reading import Reading, subject_of


class Snapshot(NamedTuple):
    """One moment of the state: the last run's events of each thing, the last change of each subject, and counts.

    `runs` are by collector and thing.
    """

    runs: Mapping[tuple[str, str], tuple[Event, ...]]
    changes: Mapping[tuple[str, ...], Event]
    counts: Mapping[str, int]


class State:
    """Folds events. One thread applies; any may take a snapshot, since a run is replaced in one step.

    The events of a run share one stamp, by which a fold of single lines knows that a new run began and that what the
    run before it reported, and this one does not, is gone. A thing that fails or is unavailable reports nothing, nor
    does a collector that a reload switched off, and an exporter that starts has read nothing yet.
    """

    def __init__(self, owners: Mapping[str, str]) -> None:
        self._owners = owners
        self._runs: dict[tuple[str, str], tuple[Event, ...]] = {}
        self._changes: dict[tuple[str, ...], Event] = {}
        self._counts: dict[str, int] = {}

    def apply(self, events: tuple[Event, ...]) -> None:
        """Take these events in, in their order."""
        counts = self._counts
        fresh: dict[tuple[str, str], list[Event]] = {}
        for event in events:
            body = event.body
            name = body.event_name
            counts[name] = counts.get(name, 0) + 1
            if isinstance(body, Reading):
                owner = self._owners.get(name)
                if owner is not None:
                    self._extend(fresh, (owner, event.thing), event)
                continue
            # what failed and what recovered are of one subject: only the latest of them is the state
            subject = (name.rpartition(".")[0], *subject_of(body)[1:])
            self._changes[subject] = event
            if isinstance(body, CollectorUnavailable) and body.thing:  # names come and go without end
                del self._changes[subject]
            if isinstance(body, CollectorFailed | CollectorUnavailable):
                fresh[body.collector, body.thing] = []
            elif isinstance(body, Started):
                fresh.clear()
                self._runs.clear()
            elif isinstance(body, Reloaded) and body.switched_off:
                gone = body.switched_off.split(", ")
                fresh.update({key: [] for key in (*self._runs, *fresh) if key[0] in gone})
        for thing, run in fresh.items():
            if run:
                self._runs[thing] = tuple(run)
            else:
                self._runs.pop(thing, None)

    def snapshot(self) -> Snapshot:
        """The state now."""
        return Snapshot(dict(self._runs), dict(self._changes), dict(self._counts))

    def _extend(self, fresh: dict[tuple[str, str], list[Event]], thing: tuple[str, str], event: Event) -> None:
        run = fresh.get(thing)
        if run is None:
            before = self._runs.get(thing, ())
            goes_on = bool(before) and before[-1].stamp == event.stamp
            # of two runs within one tick of the clock the second begins with what is in the first
            goes_on = goes_on and subject_of(before[0].body) != subject_of(event.body)
            run = fresh[thing] = list(before) if goes_on else []
        if run and run[-1].stamp != event.stamp:
            run.clear()
        run.append(event)
