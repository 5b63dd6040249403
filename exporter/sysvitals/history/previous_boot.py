"""How the boots before this one ended: with a shutdown, or in the middle of things, and what was last heard of them."""

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

from sysvitals.history.reading import read_last_boots, read_last_events
from sysvitals.host.files import describe_error
from sysvitals.host.host import Host
from sysvitals.host.storage import open_folder
from sysvitals.model.catalog import Catalog
from sysvitals.model.changes import Started, Stopped, UncleanShutdown
from sysvitals.model.collector import Unavailable
from sysvitals.model.event import Event, body_data, format_time
from sysvitals.model.state import State
from sysvitals.sources.os.shutdowns import SHUTDOWN_RECORD, ShutdownRecord, read_shutdown_record
from sysvitals.sources.os.wtmp import LoggedEnd, read_logged_end

_log = logging.getLogger(__name__)

_LAST_EVENTS = 1000
"""Enough for the last readings of everything, on a host with many disks too."""

_JUDGED_BOOTS = 16
"""As many as the segments that are read back may hold, where each start began one and lasted."""


def settle_endings(folder: str, catalog: Catalog, host: Host, *, hostname: str, boot: str) -> list[UncleanShutdown]:
    """Judge how the boots before this one ended that were not judged yet, and remember it: those that ended unclean.

    Mostly that is one boot. It is several where the record could not be written in between, as on a disk that was full.
    Once a boot: an exporter that starts again finds it settled. Where the record cannot be written now, `remember` does
    it later; until then it is counted from memory. What the history holds of an ending already is not reported twice.
    """
    if not boot or not host.storage:
        return []
    try:
        record = read_shutdown_record(host)
    except ValueError as error:
        path = os.path.join(host.storage, SHUTDOWN_RECORD)
        _log.warning("%s: %s; unclean shutdowns are counted from 0 again", path, error)
        record = None
    except (OSError, Unavailable) as error:
        _log.error("unclean shutdowns cannot be counted: %s", describe_error(error))  # the words say it
        return []
    if record is not None and record.boot == boot:
        return []
    boots = _read_boots(folder, catalog, record)
    known = {boot, *(record.judged if record else ())}
    others = [events for events in boots if events[-1].stamp.boot not in known]
    endings = _judge_boots(others, catalog, host, hostname=hostname, boot=boot)
    judged = [events[-1].stamp.boot for events in others]
    host.kept[SHUTDOWN_RECORD] = _add(record, endings, judged, boot)
    if obstacle := remember_endings(host):
        _log.error("unclean shutdowns are counted from memory until the record can be written: %s", obstacle)
    reported = {one.body.ended_boot for events in boots for one in events if isinstance(one.body, UncleanShutdown)}
    fresh = [ending for ending in endings if ending.ended_boot not in reported]
    for ending in fresh:
        _log.warning("%s", describe_ending(ending))
    return fresh


def remember_endings(host: Host) -> str:
    """Write the record of what was judged, where that could not be done before. What is in the way; empty: nothing."""
    record = host.kept.get(SHUTDOWN_RECORD)
    if record is not None:
        try:
            _write_record(host.storage, record)
        except OSError as error:
            return describe_error(error)
        del host.kept[SHUTDOWN_RECORD]
    return ""


def _judge_boots(
    boots: Sequence[Sequence[Event]], catalog: Catalog, host: Host, *, hostname: str, boot: str
) -> list[UncleanShutdown]:
    endings = []
    for events in boots:
        # the system's own log is asked for the last one: of those before it says less
        logged = _logged_end(host) if events is boots[-1] else None
        ending = judge_ending(events, catalog, hostname=hostname, boot=boot, logged=logged)
        if ending is not None:
            endings.append(ending)
    return endings


def _read_boots(folder: str, catalog: Catalog, record: ShutdownRecord | None) -> list[list[Event]]:
    """The last events of each boot whose end is not judged yet, and of this one: oldest boot first."""
    if record is not None:
        # where the history holds nothing of that boot, it holds older ones only, which are judged
        return read_last_boots(folder, catalog.bodies, _LAST_EVENTS, since=record.boot)
    boots: dict[str, list[Event]] = {}
    for event in read_last_events(folder, catalog.bodies, _LAST_EVENTS):
        boots.setdefault(event.stamp.boot, []).append(event)
    return [*boots.values()][-2:]


def judge_ending(
    events: Sequence[Event], catalog: Catalog, *, hostname: str, boot: str, logged: LoggedEnd | None
) -> UncleanShutdown | None:
    """What the last events of a boot tell of its end, now that this other boot runs. None where all is well or unknown.

    A stop of the exporter is taken for a shutdown: what came after it nobody saw. Only boot ids tell a reboot; a clock
    may say what it likes.
    """
    if not events or events[-1].stamp.boot == boot or events[-1].stamp.host != hostname:
        return None
    for event in reversed(events):
        if isinstance(event.body, Stopped):
            return None
        if isinstance(event.body, Started):
            break
    last = events[-1].stamp
    shutdown_at = logged.shutdown_at if logged is not None else None
    # a shutdown before that is an earlier boot's, and by a wrong clock there is no before: then the log tells nothing
    if shutdown_at is not None and last.synced is not False and shutdown_at >= last.time:
        return None
    return UncleanShutdown(
        ended_boot=last.boot,
        last_seen=last.time,
        clock_synced=last.synced,
        uptime=last.uptime,
        certain=logged is not None and logged.shutdown_at is None,
        **_last_words(events, catalog),
    )


def describe_ending(ending: UncleanShutdown) -> str:
    """One line for people."""
    clock = " by a clock that was wrong" if ending.clock_synced is False else ""
    words = [f"last seen {format_time(ending.last_seen)}{clock}", f"up {ending.uptime / 3600:.1f} hours by then"]
    if ending.celsius is not None:
        words.append(f"{ending.celsius:.1f} °C")
    if ending.load1 is not None:
        words.append(f"load {ending.load1:g}")
    if ending.throttling is not None:
        words.append(ending.throttling)
    return f"unclean shutdown of this host: {', '.join(words)}"


def _last_words(events: Sequence[Event], catalog: Catalog) -> dict[str, Any]:
    """What the outputs would have shown at the end, as far as it tells of the power."""
    state = State(catalog.owners)
    state.apply(tuple(events))
    runs = state.snapshot().runs.values()
    readings = [(event.name, body_data(event.body)) for run in runs for event in run]
    hottest = max(_named(readings, "system.temperature.updated"), key=lambda data: data["celsius"], default={})
    load = next(_named(readings, "system.load.updated"), {})
    causes = _causes(events)
    return {
        "celsius": hottest.get("celsius"),
        "hottest": f"{hottest['chip']} {hottest['sensor']}" if hottest else None,
        "undervoltage": causes.get("undervoltage"),
        "throttling": ", ".join(cause for cause, active in causes.items() if active) or None,
        "load1": load.get("load1"),
    }


def _named(readings: Sequence[tuple[str, dict[str, Any]]], wanted: str) -> Iterator[dict[str, Any]]:
    return (data for name, data in readings if name == wanted)


def _causes(events: Sequence[Event]) -> dict[str, bool]:
    """The causes of throttling and whether they were active: an edge may have come after the last reading."""
    causes: dict[str, bool] = {}
    for event in events:
        if event.name in ("system.throttling.updated", "system.throttling.started", "system.throttling.cleared"):
            data = body_data(event.body)
            causes[data["cause"]] = data.get("active", event.name == "system.throttling.started")
    return causes


def _logged_end(host: Host) -> LoggedEnd | None:
    with contextlib.suppress(OSError, ValueError):
        return read_logged_end(host)
    return None


def _add(
    record: ShutdownRecord | None, endings: Sequence[UncleanShutdown], judged: Sequence[str], boot: str
) -> ShutdownRecord:
    before = record or ShutdownRecord(boot=boot, unclean=0)
    last_seen = before.last_seen
    for ending in endings:
        last_seen = None if ending.clock_synced is False else ending.last_seen
    return ShutdownRecord(
        boot=boot,
        unclean=before.unclean + len(endings),
        last_seen=last_seen,
        judged=(*before.judged, *judged)[-_JUDGED_BOOTS:],
    )


def _write_record(storage: str, record: ShutdownRecord) -> None:
    """Replace the record. Raises OSError."""
    content = f"{json.dumps(record._asdict())}\n".encode()
    with open_folder(storage, make=True) as folder, folder.replacing(SHUTDOWN_RECORD) as file:
        file.write(content)
