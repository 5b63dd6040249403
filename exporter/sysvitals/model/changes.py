"""What happens to the exporter itself, as events."""

from typing import Annotated

from sysvitals.model.metric import Detail, Label
from sysvitals.model.reading import Change

_COLLECTOR = Label("Name of the collector.")
_THING = Label("Which of its things, such as a chip, a disk or a mount; empty for what it reads as a whole.")


class CollectorFailed(Change, event="collector.failed"):
    """A read failed, or did not return in time, after it had worked or in another way than before."""

    collector: Annotated[str, _COLLECTOR]
    thing: Annotated[str, _THING] = ""
    error: Annotated[str, Detail("Class of the error: an errno such as EIO, garbage, timeout, or an exception.")]
    message: Annotated[str, Detail("The error in words.")]


class CollectorRecovered(Change, event="collector.recovered"):
    """What had failed or was unavailable is read again. What fails again within minutes is summed up here once."""

    collector: Annotated[str, _COLLECTOR]
    thing: Annotated[str, _THING] = ""
    seconds: Annotated[float, Detail("How long it could not be read, all failures together.", unit="seconds")]
    failures: Annotated[int, Detail("How often it had failed since the event before.")] = 1


class CollectorUnavailable(Change, event="collector.unavailable"):
    """This host no longer has what a collector reads, or lacks it for another reason. Not for what it never had."""

    collector: Annotated[str, _COLLECTOR]
    thing: Annotated[str, _THING] = ""
    reason: Annotated[str, Detail("What is missing, and how to get it where there is a way.")]


class SinkDropped(Change, event="sink.dropped"):
    """A consumer of events was too slow, or its disk failed it: its oldest events are lost to it."""

    sink: Annotated[str, Label("Name of the consumer.")]
    events: Annotated[int, Detail("How many events were lost since the last such event.")]
    reason: Annotated[str, Detail("Why.")]


class HistoryRepaired(Change, event="history.repaired", urgent=True):
    """A segment of the history had a torn end, as a power cut leaves it; the torn part was cut off."""

    segment: Annotated[str, Label("The file, below the history's folder.")]
    bytes: Annotated[int, Detail("How much was cut off.", unit="bytes")]


class HistoryThinned(Change, event="history.thinned"):
    """Whole rounds of a collector's readings were left out of the history, to keep it within its budget of bytes.

    It follows the next round that was kept. No change is ever left out.
    """

    collector: Annotated[str, _COLLECTOR]
    rounds: Annotated[int, Detail("How many rounds were left out since the last one that was kept.")]
    events: Annotated[int, Detail("How many readings that were.")]
    since: Annotated[float, Detail("When the first of them was read, in Unix time.", unit="timestamp_seconds")]


class Started(Change, event="sysvitals.started", urgent=True):
    """The exporter started."""

    version: Annotated[str, Detail("Version of the program.")]
    schema: Annotated[int, Detail("Version of the events' schema.", unit="identifier")]
    pid: Annotated[int, Detail("Process id.", unit="identifier")]


class Stopped(Change, event="sysvitals.stopped", urgent=True):
    """The exporter was asked to stop, and did."""

    reason: Annotated[str, Detail("The signal, or what else asked for it.")]


class Reloaded(Change, event="sysvitals.reloaded", urgent=True):
    """The configuration was read again and is in force."""

    changed: Annotated[str, Detail("Settings that changed, separated by commas.")]
    switched_off: Annotated[
        str | None, Detail("Collectors that were switched off by it, separated by commas: their readings end here.")
    ] = None


class UncleanShutdown(Change, event="system.shutdown.unclean", urgent=True):
    """The host went down without being shut down: its power failed, or its kernel hung, crashed or was reset.

    Told when the exporter starts in the next boot, with the last that the history holds of the one before. What was
    read in the seconds before the end, and not yet written, is not in it.
    """

    ended_boot: Annotated[str, Detail("Id of the boot that ended so.")]
    last_seen: Annotated[
        float, Detail("When it was last heard of, in Unix time by its clock then.", unit="timestamp_seconds")
    ]
    clock_synced: Annotated[
        bool | None, Detail("Whether that clock could be trusted; absent where the kernel did not say.")
    ] = None
    uptime: Annotated[float, Detail("How long it was up by then.", unit="seconds")]
    certain: Annotated[
        bool,
        Detail(
            "True where the system's own log (/var/log/wtmp) holds no shutdown either. False where there is no such "
            "log: had the exporter alone been killed, and the host been shut down later, it would look the same."
        ),
    ]
    celsius: Annotated[float | None, Detail("Temperature of the hottest sensor then.", unit="celsius")] = None
    hottest: Annotated[str | None, Detail("Which sensor that was: chip and sensor.")] = None
    undervoltage: Annotated[
        bool | None, Detail("Whether the supply voltage was too low then; absent where it is not reported.")
    ] = None
    throttling: Annotated[
        str | None, Detail("All causes of throttling then, separated by commas; absent where there was none.")
    ] = None
    load1: Annotated[float | None, Detail("Load average over one minute then.")] = None


class VerdictChanged(Change, event="sysvitals.verdict.changed"):
    """The verdict on this host became another one: another level, or other alerts. Also the first one of each start."""

    level: Annotated[str, Detail("The verdict: good, warning, critical or unknown.")]
    before: Annotated[str, Detail("The verdict before; at a start, the last one of the run before, else unknown.")]
    alerts: Annotated[str, Detail("The alerts that fire, separated by commas.")]
    reasons: Annotated[str, Detail("Its reasons as sentences, separated by semicolons, at most 1,000 characters.")]


class AlertFired(Change, event="sysvitals.alert.fired"):
    """A reason of the verdict began: what is wrong has lasted as long as its alert asks. Notes are none."""

    alert: Annotated[str, Detail("The name of the alert.")]
    severity: Annotated[str, Detail("Its severity: critical or warning.")]
    subject: Annotated[str, Detail("What it is about: the values of its labels, a line each. Empty: the host.")] = ""
    text: Annotated[str, Detail("What is so, as a sentence.")]
    cause: Annotated[str, Detail("Reasons of one cause are one line of the verdict. Empty: it stands alone.")] = ""


class AlertEnded(Change, event="sysvitals.alert.ended"):
    """A reason of the verdict is over. It stays a reason for a day, as a warning at most."""

    alert: Annotated[str, Detail("The name of the alert.")]
    severity: Annotated[str, Detail("Its severity: critical or warning.")]
    subject: Annotated[str, Detail("What it was about: the values of its labels, a line each. Empty: the host.")] = ""
    text: Annotated[str, Detail("What was so, as a sentence.")]
    seconds: Annotated[float, Detail("How long it was so, from when it was first found.", unit="seconds")]


CHANGES: tuple[type[Change], ...] = (
    CollectorFailed,
    CollectorRecovered,
    CollectorUnavailable,
    SinkDropped,
    HistoryRepaired,
    HistoryThinned,
    Started,
    Stopped,
    Reloaded,
    UncleanShutdown,
    VerdictChanged,
    AlertFired,
    AlertEnded,
)
