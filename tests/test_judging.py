"""The exporter's verdict: judged with its heartbeat, published when it changes, and taken up after a restart."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from sysvitals.collectors import COLLECTORS
from sysvitals.collectors.throttling import ThrottlingCleared, ThrottlingStarted
from sysvitals.config.load import load_settings
from sysvitals.exporter import Exporter
from sysvitals.host.side_process import NoAnswerError
from sysvitals.judgement.verdict import Level
from sysvitals.model.changes import VerdictChanged
from sysvitals.model.event import Event
from sysvitals.model.status import VerdictLevel, VerdictReasons, VerdictSince
from sysvitals.pipeline.clock import Clock
from tests.patience import PATIENCE
from tests.recorded import HOSTS, NOW, RecordedHost


class Listener:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def offer(self, events: tuple[Event, ...]) -> None:
        self.events += events

    def verdicts(self) -> list[tuple[str, str]]:
        return [(e.body.before, e.body.level) for e in self.events if isinstance(e.body, VerdictChanged)]


def build(
    folder: Path, *, ago: float = 0, history: bool = True, board: str = "pi-4b-fine"
) -> tuple[Exporter, Listener]:
    """A board that is fine, and this long ago was up for so much less."""
    settings = load_settings(COLLECTORS, flags={"--storage.path": str(folder), "--history": history})
    clock = Clock(wall=lambda: NOW - ago, uptime=lambda: 90_000.0 - ago, synced=lambda: True)
    exporter = Exporter(settings, load=lambda: settings, host=RecordedHost(HOSTS / board), clock=clock)
    listener = Listener()
    exporter._bus.subscribe(listener)
    return exporter, listener


def reasons(exporter: Exporter) -> list[tuple[str, str, int]]:
    found = [b for b in exporter.bodies(None, PATIENCE) if isinstance(b, VerdictReasons)]
    return [(b.alert, b.level, b.count) for b in found]


def levels(exporter: Exporter) -> list[str]:
    return [b.level for b in exporter.bodies(None, PATIENCE) if isinstance(b, VerdictLevel) and b.present]


def test_a_board_that_is_fine_is_good_after_its_first_round_and_says_so_once(tmp_path: Path) -> None:
    exporter, listener = build(tmp_path, history=False)
    assert exporter.verdict().level is Level.UNKNOWN
    exporter.start()
    try:
        exporter.refresh(PATIENCE, slow=True)
        assert (exporter.verdict(0).level, exporter.verdict(0).reasons) == (Level.GOOD, ())
        exporter.tend()
        assert listener.verdicts() == [("unknown", "good")]
        assert levels(exporter) == ["good"]
        assert reasons(exporter) == []
        (since,) = (body.since for body in exporter.bodies(None, PATIENCE) if isinstance(body, VerdictSince))
        assert since == NOW
    finally:
        exporter.stop("test")


def test_a_scrape_says_why_a_board_is_in_trouble(tmp_path: Path) -> None:
    exporter, _ = build(tmp_path, history=False, board="pi-4b-browning-out")
    exporter.start()
    try:
        exporter.refresh(PATIENCE, slow=True)
        assert exporter.verdict(0).level is Level.CRITICAL
        assert ("Undervoltage", "critical", 1) in reasons(exporter)
    finally:
        exporter.stop("test")


def test_with_a_history_it_is_unknown_until_that_is_taken_up(tmp_path: Path) -> None:
    exporter, listener = build(tmp_path)
    exporter.start()
    try:
        exporter.refresh(PATIENCE, slow=True)
        assert exporter.verdict(0).level is Level.UNKNOWN
        assert levels(exporter) == ["unknown"]
        exporter.take_up()
        assert exporter.verdict(0).level is Level.GOOD
        assert listener.verdicts() == [("unknown", "good")]
    finally:
        exporter.stop("test")


def test_a_scrape_gives_no_reasons_while_the_verdict_is_unknown(tmp_path: Path) -> None:
    exporter, _ = build(tmp_path, board="pi-4b-browning-out")
    exporter.start()
    try:
        exporter.refresh(PATIENCE, slow=True)
        assert levels(exporter) == ["unknown"]
        assert reasons(exporter) == []
        exporter.take_up()
        assert levels(exporter) == ["critical"]
        assert ("Undervoltage", "critical", 1) in reasons(exporter)
    finally:
        exporter.stop("test")


def dip_last_night(folder: Path) -> None:
    first, _ = build(folder, ago=8 * 3600)
    first.start()
    first.refresh(PATIENCE, slow=True)
    first.take_up()
    first._bus.publish([ThrottlingStarted(cause="undervoltage")])
    first._bus.publish([ThrottlingCleared(cause="undervoltage", seconds=4.0)])
    first.verdict(0)
    first.stop("test")


def test_a_dip_of_last_night_is_remembered_by_the_next_exporter(tmp_path: Path) -> None:
    dip_last_night(tmp_path)
    second, listener = build(tmp_path)
    second.start()
    try:
        second.refresh(PATIENCE, slow=True)
        second.take_up()
        verdict = second.verdict(0)
        assert [reason.alert for reason in verdict.reasons] == ["Undervoltage"]
        assert reasons(second) == []  # it is over
        assert verdict.level is Level.WARNING
        assert verdict.reasons[0].last == pytest.approx(NOW - 8 * 3600)
        assert listener.verdicts() == [("critical", "warning")]
    finally:
        second.stop("test")


def test_what_stands_when_an_exporter_ends_is_kept_for_the_next_one(tmp_path: Path) -> None:
    dip_last_night(tmp_path)
    second, _ = build(tmp_path)
    kept = second._kept
    assert kept is not None
    assert [(one.alert, one.severity) for one in kept.findings] == [("Undervoltage", "critical")]
    second.start()
    try:
        second.refresh(PATIENCE, slow=True)
        second.tend()
        assert second._standing.read("another boot") is None
        assert second._standing.read(kept.boot) == kept, "nothing is known yet"
        second.take_up()
        assert second.verdict(0).level is Level.WARNING
    finally:
        second.stop("test")
    third, _ = build(tmp_path)
    assert third._kept is not None
    assert third._kept.findings == ()


def put_file_in_the_way(folder: Path) -> None:
    shutil.rmtree(folder / "summaries")
    (folder / "summaries").write_text("no folder", encoding="utf-8")


def put_folders_in_the_way(folder: Path) -> None:
    for file in (folder / "summaries").glob("*.gz"):
        file.unlink()
        file.mkdir()


@pytest.mark.fault(
    "storage",
    "summaries that are missing and cannot be made again: a disk with little room, a file in their place",
    seen="the same verdict; the last day is read from its segments, or is not known",
    heals="when they can be written",
)
@pytest.mark.parametrize("damage", [put_file_in_the_way, put_folders_in_the_way])
def test_where_summaries_cannot_be_made_again_the_last_day_is_read_from_its_segments(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    dip_last_night(tmp_path)
    damage(tmp_path)
    second, _ = build(tmp_path)
    second.start()
    try:
        second.refresh(PATIENCE, slow=True)
        second.rebuild()
        assert not second.is_summarised
        second.take_up()
        assert [reason.alert for reason in second.verdict(0).reasons] == ["Undervoltage"]
    finally:
        second.stop("test")


def test_what_could_not_be_read_without_summaries_is_taken_up_when_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bytes:
        raise NoAnswerError(errno.ETIMEDOUT, "it took too long")

    dip_last_night(tmp_path)
    second, _ = build(tmp_path)
    second.start()
    try:
        second.refresh(PATIENCE, slow=True)
        with monkeypatch.context() as patch:
            patch.setattr(second._reader, "ask", refuse)
            second.take_up()
        assert second.verdict(0).level is Level.UNKNOWN
        before = second.should_take_up_again
        second.rebuild()
        assert (before, second.should_take_up_again) == (False, True)
        second.take_up()
        assert [reason.alert for reason in second.verdict(0).reasons] == ["Undervoltage"]
        assert not second.should_take_up_again
    finally:
        second.stop("test")


@pytest.mark.fault(
    "storage",
    "a history that cannot be read at the start",
    seen="a warning in the log, and a verdict that is not known where it would be good",
    heals="after a day, or at the next start",
)
def test_a_history_that_cannot_be_read_leaves_no_verdict_that_all_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> bytes:
        raise NoAnswerError(errno.EIO, "the disk does not answer")

    exporter, _ = build(tmp_path)
    exporter.start()
    try:
        exporter.refresh(PATIENCE, slow=True)
        monkeypatch.setattr(exporter._reader, "ask", refuse)
        exporter.take_up()
        assert exporter.verdict(0).level is Level.UNKNOWN
        assert "the disk does not answer" in exporter.verdict(0).unknown
        assert "the disk does not answer" in caplog.text
    finally:
        exporter.stop("test")


def test_whatever_the_history_holds_the_exporter_goes_on_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    exporter, _ = build(tmp_path)
    exporter.start()
    try:
        exporter.refresh(PATIENCE, slow=True)
        monkeypatch.setattr(exporter._reader, "ask", lambda *_: b'{"rows":[["system.load.updated"]]}')
        exporter.take_up()
        assert exporter.verdict(0).level is Level.UNKNOWN
        assert "see the exporter's log" in exporter.verdict(0).unknown
        assert "Traceback" in caplog.text
    finally:
        exporter.stop("test")


@pytest.mark.fault(
    "resources",
    "no descriptor or memory just when the last day is read from the history",
    seen="the verdict is not known yet; one line in the log",
    heals="by itself: it is tried again every five minutes",
)
@pytest.mark.parametrize(
    "shortage", [OSError(errno.EMFILE, "too many open files"), ImportError("no room"), MemoryError()]
)
def test_a_shortage_while_the_last_day_is_read_ends_nothing_and_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shortage: Exception
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise shortage

    dip_last_night(tmp_path)
    second, _ = build(tmp_path)
    second.start()
    try:
        second.refresh(PATIENCE, slow=True)
        second.rebuild()
        with monkeypatch.context() as patch:
            patch.setattr(second, "_recall", refuse)
            second.take_up()
        assert second.verdict(0).level is Level.UNKNOWN
        before = second.should_take_up_again
        monkeypatch.setattr(second, "_take_up_at", 0.0)  # five minutes later
        assert (before, second.should_take_up_again) == (False, True)
        second.take_up()
        assert [reason.alert for reason in second.verdict(0).reasons] == ["Undervoltage"]
    finally:
        second.stop("test")
