"""What a power cut, a full disk or another program left in the storage folder: it is read as far as it makes sense."""

import gzip
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sysvitals.collectors import COLLECTORS
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.history.past import View
from sysvitals.history.previous_boot import judge_ending, settle_endings
from sysvitals.history.reading import read_last_events
from sysvitals.history.remembered import remember
from sysvitals.history.segments import list_segments, read_lines, repair_segment
from sysvitals.history.selection import Wanted, select_events
from sysvitals.history.summaries.reading import read_changes, read_coverage, read_stretches
from sysvitals.history.summaries.rebuilding import rebuild
from sysvitals.history.summaries.storing import Files
from sysvitals.history.timeline import build_timeline, read_past
from sysvitals.host.host import Host
from sysvitals.model.event import decode_event, encode_events
from sysvitals.report.forms import build_csv, build_table, form_json
from sysvitals.sources.os.wtmp import read_logged_end
from sysvitals.web.timeline import write_csv
from tests.history.replay import read_events

_GZIP = b"\x1f\x8b"


@contextmanager
def _folder() -> Iterator[str]:
    """An empty folder, while nothing is logged: bad lines are, each of them."""
    logging.disable()
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield folder
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def open_segments() -> Iterator[Callable[[bytes], None]]:
    """A segment, which is compressed where it begins like gzip."""
    catalog = build_full_catalog()
    forms = (build_table(catalog.bodies, colours=False), form_json, build_csv(catalog.bodies, catalog.bodies)[1])
    with _folder() as folder:
        day = os.path.join(folder, "2026-09-20")
        os.mkdir(day)

        def read(file: str) -> list[str]:
            read_last_events(folder, catalog.bodies, 100)
            events = list(read_events(folder))
            remember(events, COLLECTORS, boot="b")
            judge_ending(events, catalog, hostname="h", boot="b", logged=None)
            found = list(select_events(folder, Wanted(readings=True)))
            assert {(event.stamp.boot, event.seq) for event in events} <= {(event.boot, event.seq) for event in found}
            shown = [form(event) for event in found for form in forms]
            assert [line for line in shown if not line.isprintable()] == []
            lines = encode_events(tuple(events))
            assert all(decode_event(line, catalog.bodies) for line in lines)
            return lines

        def check(case: bytes) -> None:
            file = os.path.join(day, "12-00-00.jsonl" + (".gz" if case.startswith(_GZIP) else ""))
            with open(file, "wb") as stream:
                stream.write(case)
            try:
                before = read(file)
                (segment,) = list_segments(folder)
                repair_segment(segment)
                assert read(file) == before, "a repair takes no event away"
                assert repair_segment(segment) == 0, "what is mended is whole"
                with suppress(OSError, EOFError):
                    list(read_lines(segment))
            finally:
                os.unlink(file)

        yield check


@contextmanager
def open_summaries() -> Iterator[Callable[[bytes], None]]:
    """The hours of a day, before they are compressed: what is whole is read, and joined to the same."""
    catalog = build_full_catalog()
    with _folder() as folder:
        file = os.path.join(folder, "2026-09-20.hours.jsonl.gz")

        def read() -> tuple[object, ...]:
            return (
                read_stretches(folder, -1e12, 1e12, "hours").keys(),
                [change["at"] for change in read_changes(folder, -1e12, 1e12)],
                len(read_coverage(folder, -1e12, 1e12)),
            )

        def check(case: bytes) -> None:
            with open(file, "wb") as stream:
                stream.write(gzip.compress(case, 1))
            before = read()
            Files(folder).compact("2026-09-20")
            assert read() == before, "to join the parts takes nothing away"
            rebuild(folder, folder, catalog.bodies)

        yield check


@contextmanager
def open_shutdowns() -> Iterator[Callable[[bytes], None]]:
    """The count of unclean shutdowns."""
    catalog = build_full_catalog()
    with _folder() as storage:
        host = Host(rootfs=storage, storage=storage)

        def check(case: bytes) -> None:
            with open(os.path.join(storage, "shutdowns.json"), "wb") as file:
                file.write(case)
            settle_endings(os.path.join(storage, "history"), catalog, host, hostname="h", boot="b")
            # what could not be read is replaced, and then is settled
            assert settle_endings(os.path.join(storage, "history"), catalog, host, hostname="h", boot="b") == []

        yield check


@contextmanager
def open_log_of_boots() -> Iterator[Callable[[bytes], None]]:
    """The system's wtmp."""
    with _folder() as root:
        os.makedirs(os.path.join(root, "var/log"))
        host = Host(rootfs=root)

        def check(case: bytes) -> None:
            with open(os.path.join(root, "var/log/wtmp"), "wb") as file:
                file.write(case)
            with suppress(OSError, ValueError):
                read_logged_end(host)

        yield check


@contextmanager
def open_time_line() -> Iterator[Callable[[bytes], None]]:
    """Lines of summaries, as they are in memory and in the files."""
    end = 1_767_268_800.0
    views = [View(end - seconds, end, end, 300, "b", limits={("c", "s"): 80.0}) for seconds in (3600.0, 30 * 86400.0)]

    def check(case: bytes) -> None:
        lines = case.decode("utf-8", "surrogateescape").split("\n")
        sound = [
            line for line in lines if line.isascii()
        ]  # members of gzip have a checksum; memory holds our own lines
        for view in views:
            answer = build_timeline(read_past("", view, {"minutes": sound, "hours": sound}), view, "UTC")
            text = json.dumps(answer, allow_nan=False)
            assert len(text) < 1 << 20
            assert all(line["text"].isprintable() and line["small"].isprintable() for line in answer["happened"])
            assert all(len(curve["mean"]) == len(answer["at"]) for curve in answer["curves"])
            write_csv(answer)

    yield check
