"""What happens to the exporter itself, as events."""

from dataclasses import dataclass
from typing import Annotated

from sysvitals.model.metric import Detail, Label
from sysvitals.model.reading import Change

_COLLECTOR = Label("Name of the collector.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorFailed(Change, event="collector.failed"):
    """A collector's run failed, or was not done in time, after it had worked or in another way than before."""

    collector: Annotated[str, _COLLECTOR]
    error: Annotated[str, Detail("Class of the error: an errno such as EIO, garbage, timeout, or an exception.")]
    message: Annotated[str, Detail("The error in words.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorRecovered(Change, event="collector.recovered"):
    """A collector works again after it had failed or was unavailable."""

    collector: Annotated[str, _COLLECTOR]
    seconds: Annotated[float, Detail("How long it did not work.", unit="seconds")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorUnavailable(Change, event="collector.unavailable"):
    """This host does not have what a collector reads."""

    collector: Annotated[str, _COLLECTOR]
    reason: Annotated[str, Detail("What is missing, and how to get it where there is a way.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkDropped(Change, event="sink.dropped"):
    """A consumer of events was too slow, or its disk failed it: its oldest events are lost to it."""

    sink: Annotated[str, Label("Name of the consumer.")]
    events: Annotated[int, Detail("How many events were lost since this was last told.")]
    reason: Annotated[str, Detail("Why.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRepaired(Change, event="history.repaired"):
    """A segment of the history had a torn end, as a power cut leaves it; the torn part was cut off."""

    segment: Annotated[str, Label("The file, below the history's folder.")]
    bytes: Annotated[int, Detail("How much was cut off.", unit="bytes")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Change, event="sysvitals.started", urgent=True):
    """The exporter started."""

    version: Annotated[str, Detail("Version of the program.")]
    schema: Annotated[int, Detail("Version of the events' schema.")]
    pid: Annotated[int, Detail("Process id.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(Change, event="sysvitals.stopped", urgent=True):
    """The exporter was asked to stop, and did."""

    reason: Annotated[str, Detail("The signal, or what else asked for it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded(Change, event="sysvitals.reloaded"):
    """The configuration was read again and is in force."""

    changed: Annotated[str, Detail("Settings that changed, separated by commas.")]


CHANGES: tuple[type[Change], ...] = (
    CollectorFailed,
    CollectorRecovered,
    CollectorUnavailable,
    SinkDropped,
    HistoryRepaired,
    Started,
    Stopped,
    Reloaded,
)
