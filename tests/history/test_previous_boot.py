"""How the boot before this one ended, as the end of the history, the boot ids and the system's own log tell."""

import errno
import gzip
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.collectors.load import Load
from sysvitals.collectors.temperature import Temperature
from sysvitals.collectors.throttling import Throttling, ThrottlingCleared, ThrottlingStarted
from sysvitals.history.previous_boot import describe_ending, judge_ending, remember_endings, settle_endings
from sysvitals.history.segments import list_segments, mark_current
from sysvitals.host.host import Host
from sysvitals.host.storage import Folder
from sysvitals.model.changes import CollectorFailed, Reloaded, Started, Stopped, UncleanShutdown
from sysvitals.model.event import Event, Stamp, encode_events
from sysvitals.model.reading import Body, amend, fields_of
from sysvitals.sources.os.shutdowns import ShutdownRecord, read_shutdown_record
from sysvitals.sources.os.wtmp import LoggedEnd
from tests.sources.os.test_wtmp import boot as log_boot
from tests.sources.os.test_wtmp import shutdown as log_shutdown

CATALOG = build_full_catalog()
NOON = 1_789_905_600.0  # 2026-09-20 12:00 UTC
STARTED = Started(version="1", schema=1, pid=7)
STOPPED = Stopped(reason="SIGTERM")
LOAD = Load(load1=2.5, load5=1.0, load15=0.5, running=3, tasks=180)
CPU = Temperature(chip="cpu_thermal", sensor="temp1", celsius=71.2)
DISK = Temperature(chip="nvme0", sensor="Composite", celsius=38.0)
LOW = Throttling(cause="undervoltage", active=True, events=1, seconds=2.0, episode_seconds=2.0)
HOT = amend(LOW, cause="throttled")


def events_of(
    *runs: Sequence[Body], boot: str = "old", host: str = "pi4", wall: float = NOON, synced: bool | None = True
) -> list[Event]:
    """These runs of readings, or changes, one every 5 s, the first at that time, 100 s after boot."""
    bodies = [
        (Stamp(wall + 5 * number, host, boot, 100.0 + 5 * number, synced), body)
        for number, run in enumerate(runs)
        for body in run
    ]
    return [Event(stamp, seq, body) for seq, (stamp, body) in enumerate(bodies)]


def judge(events: Sequence[Event], boot: str = "new", logged: LoggedEnd | None = None) -> UncleanShutdown | None:
    return judge_ending(events, CATALOG, hostname="pi4", boot=boot, logged=logged)


def judge_unclean(events: Sequence[Event], logged: LoggedEnd | None = None) -> UncleanShutdown:
    ending = judge(events, logged=logged)
    assert ending is not None
    return ending


# ---- the verdict


def test_an_end_without_a_stop_and_a_new_boot_is_an_unclean_shutdown_with_its_last_words() -> None:
    ending = judge(events_of([STARTED], [LOAD], [CPU, DISK], [LOW, HOT]))
    assert ending == UncleanShutdown(
        ended_boot="old",
        last_seen=NOON + 15,
        clock_synced=True,
        uptime=115.0,
        certain=False,
        celsius=71.2,
        hottest="cpu_thermal temp1",
        undervoltage=True,
        throttling="undervoltage, throttled",
        load1=2.5,
    )


def test_a_stop_before_the_new_boot_is_a_clean_shutdown() -> None:
    assert judge(events_of([STARTED], [LOAD], [STOPPED])) is None


def test_what_was_told_while_it_stopped_makes_no_difference() -> None:
    assert judge(events_of([STARTED], [LOAD], [STOPPED], [Reloaded(changed="")])) is None


def test_a_stop_of_an_earlier_run_in_the_same_boot_does_not_count() -> None:
    assert judge(events_of([STARTED], [STOPPED], [STARTED], [LOAD])) is not None


def test_a_restart_of_the_exporter_alone_is_no_reboot_however_it_ended() -> None:
    assert judge(events_of([STARTED], [LOAD], boot="new")) is None


def test_a_start_that_nothing_followed_is_told_without_last_words() -> None:
    ending = judge_unclean(events_of([STARTED]))
    assert (ending.celsius, ending.hottest, ending.undervoltage, ending.throttling, ending.load1) == (None,) * 5


def test_an_empty_history_tells_nothing() -> None:
    assert judge([]) is None


def test_the_history_of_another_host_tells_nothing_of_this_one() -> None:
    assert judge(events_of([STARTED], [LOAD], host="pi5")) is None


@pytest.mark.parametrize("wall", [0.0, NOON, 4_000_000_000.0])
@pytest.mark.parametrize("synced", [True, False, None])
def test_no_clock_makes_a_reboot_or_hides_one(wall: float, synced: bool | None) -> None:
    ending = judge_unclean(events_of([STARTED], [LOAD], wall=wall, synced=synced))
    assert (ending.last_seen, ending.clock_synced, ending.uptime) == (wall + 5, synced, 105.0)
    assert judge(events_of([STARTED], [LOAD], wall=wall, synced=synced, boot="new")) is None


@settings(max_examples=80)
@given(
    st.lists(st.sampled_from([STARTED, STOPPED, LOAD, CPU, LOW]), min_size=1, max_size=8),
    st.sampled_from(["old", "new"]),
    st.floats(0, 4e9),
)
def test_only_a_stop_since_the_last_start_or_the_same_boot_is_clean(bodies: list[Body], boot: str, wall: float) -> None:
    since = bodies[max((n for n, body in enumerate(bodies) if body is STARTED), default=0) :]
    is_clean = boot == "new" or STOPPED in since
    assert (judge(events_of(*([body] for body in bodies), boot=boot, wall=wall)) is None) == is_clean


# ---- the system's own log


def test_a_shutdown_that_the_system_logged_later_acquits() -> None:
    """The exporter alone had been killed, or could no longer write."""
    assert judge(events_of([STARTED], [LOAD]), logged=LoggedEnd(NOON + 86_400)) is None


def test_a_logged_crash_makes_certain() -> None:
    assert judge_unclean(events_of([STARTED], [LOAD]), logged=LoggedEnd(None)).certain is True


def test_a_shutdown_logged_before_the_host_was_last_seen_is_that_of_an_earlier_boot() -> None:
    assert judge_unclean(events_of([STARTED], [LOAD]), logged=LoggedEnd(NOON + 4)).certain is False


def test_by_a_clock_known_to_be_wrong_no_logged_shutdown_acquits() -> None:
    events = events_of([STARTED], [LOAD], wall=0.0, synced=False)
    assert judge_unclean(events, logged=LoggedEnd(NOON)).certain is False


def test_a_logged_crash_does_not_convict_where_the_exporter_was_stopped_before() -> None:
    assert judge(events_of([STARTED], [LOAD], [STOPPED]), logged=LoggedEnd(None)) is None


# ---- last words


def test_the_hottest_sensor_is_that_of_the_last_run() -> None:
    ending = judge_unclean(events_of([STARTED], [CPU, DISK], [amend(CPU, celsius=30.0), DISK]))
    assert (ending.celsius, ending.hottest) == (38.0, "nvme0 Composite")


def test_a_collector_that_failed_has_no_last_words() -> None:
    failed = CollectorFailed(collector="temperature", error="EIO", message="")
    assert judge_unclean(events_of([STARTED], [CPU], [failed], [LOAD])).celsius is None


def test_a_supply_that_was_fine_is_told_from_one_that_nobody_could_measure() -> None:
    ending = judge_unclean(events_of([STARTED], [amend(LOW, active=False), amend(HOT, active=False)]))
    assert (ending.undervoltage, ending.throttling) == (False, None)
    assert judge_unclean(events_of([STARTED], [HOT])).undervoltage is None


def test_the_readings_that_last_words_are_taken_from_are_declared_so() -> None:
    wanted: dict[str, dict[str, type]] = {
        "system.temperature.updated": {"chip": str, "sensor": str, "celsius": float},
        "system.load.updated": {"load1": float},
        "system.throttling.updated": {"cause": str, "active": bool},
    }
    for name, names in wanted.items():
        declared = {field.name: field.type for field in fields_of(CATALOG.bodies[name])}
        assert names.items() <= declared.items()


def test_an_edge_after_the_last_reading_counts() -> None:
    started, cleared = ThrottlingStarted(cause="undervoltage"), ThrottlingCleared(cause="undervoltage", seconds=2.0)
    fine = amend(LOW, active=False)
    assert judge_unclean(events_of([STARTED], [fine], [started])).undervoltage is True
    assert judge_unclean(events_of([STARTED], [LOW], [cleared])).undervoltage is False


def test_one_line_says_it_for_people() -> None:
    ending = judge_unclean(events_of([STARTED], [LOAD], [CPU], [LOW]))
    assert describe_ending(ending) == (
        "unclean shutdown of this host: last seen 2026-09-20T12:00:15.000Z, up 0.0 hours by then, 71.2 °C, "
        "load 2.5, undervoltage"
    )
    unknown = judge_unclean(events_of([STARTED], wall=0.0, synced=False))
    assert describe_ending(unknown) == (
        "unclean shutdown of this host: last seen 1970-01-01T00:00:00.000Z by a clock that was wrong, "
        "up 0.0 hours by then"
    )


# ---- settled once a boot


class Kept:
    """A storage with a history in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = Host(rootfs=str(folder / "root"), storage=str(folder))

    def write(self, events: Sequence[Event], name: str = "2026-09-20/12-00-00.jsonl", *, current: bool = True) -> Path:
        path = self.folder / "history" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = "".join(f"{line}\n" for line in encode_events(tuple(events))).encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        if current:
            segments = list_segments(str(self.folder / "history"))
            mark_current(str(self.folder / "history"), next(s for s in segments if s.name == name))
        return path

    def settle(self, boot: str = "new") -> UncleanShutdown | None:
        """Settle at a start in this boot, and what it reports, if anything: of one boot at most."""
        self.host.kept.clear()  # another process
        endings = self.settle_all(boot)
        assert len(endings) <= 1
        return endings[0] if endings else None

    def settle_all(self, boot: str) -> list[UncleanShutdown]:
        return settle_endings(str(self.folder / "history"), CATALOG, self.host, hostname="pi4", boot=boot)

    def record(self) -> ShutdownRecord | None:
        """What is on the disk, without the boots' ids."""
        record = read_shutdown_record(Host(storage=self.host.storage))
        return record._replace(judged=()) if record else None


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "kept")


UNCLEAN = events_of([STARTED], [LOAD], [CPU])


def test_the_first_start_ever_counts_from_zero_so_that_the_first_power_cut_is_an_increase(kept: Kept) -> None:
    assert kept.settle() is None
    assert kept.record() == ShutdownRecord(boot="new", unclean=0)


def test_the_total_goes_on_from_boot_to_boot(kept: Kept) -> None:
    for number in range(1, 4):
        kept.write(events_of([STARTED], [LOAD], boot=f"boot-{number - 1}", wall=NOON + number))
        assert kept.settle(f"boot-{number}") is not None
        assert kept.record() == ShutdownRecord(boot=f"boot-{number}", unclean=number, last_seen=NOON + number + 5)
    kept.write(events_of([STARTED], [STOPPED], boot="boot-3"))
    assert kept.settle("boot-4") is None
    assert kept.record() == ShutdownRecord(boot="boot-4", unclean=3, last_seen=NOON + 8)


def test_one_shutdown_is_told_and_counted_once_however_often_the_exporter_starts(kept: Kept) -> None:
    kept.write(UNCLEAN)
    assert kept.settle() is not None
    assert kept.settle() is None
    assert kept.record() == ShutdownRecord(boot="new", unclean=1, last_seen=NOON + 10)


def test_what_is_counted_already_is_not_counted_again_in_a_boot_that_kept_no_history(kept: Kept) -> None:
    kept.write(UNCLEAN)
    assert kept.settle("full disk") is not None
    assert kept.settle("new") is None
    assert kept.record() == ShutdownRecord(boot="new", unclean=1, last_seen=NOON + 10)


def test_a_last_time_by_a_wrong_clock_is_not_remembered(kept: Kept) -> None:
    kept.write(events_of([STARTED], [LOAD], wall=0.0, synced=False))
    assert kept.settle() is not None
    assert kept.record() == ShutdownRecord(boot="new", unclean=1, last_seen=None)


def test_a_torn_last_line_takes_nothing_with_it(kept: Kept) -> None:
    path = kept.write(UNCLEAN)
    whole = path.read_bytes()
    for torn in (b'{"time":"2026-09-20T12:0', b"\0" * 5000, b'{"time":"\xff\xfe', b"\n\n", b"[]\n"):
        path.write_bytes(whole + torn)
        ending = kept.settle()
        assert ending is not None
        assert (ending.last_seen, ending.celsius) == (NOON + 10, 71.2)
        (kept.folder / "shutdowns.json").unlink()


@pytest.mark.parametrize("cut", [0, 8])
def test_a_compressed_last_segment_is_read_and_so_is_one_cut_short(kept: Kept, cut: int) -> None:
    path = kept.write(UNCLEAN, "2026-09-20/12-00-00.jsonl.gz")
    os.truncate(path, path.stat().st_size - cut)
    ending = kept.settle()
    assert ending is not None
    assert ending.last_seen == NOON + 10


def test_the_last_segment_is_found_though_it_was_compressed_since(kept: Kept) -> None:
    kept.write(UNCLEAN).unlink()
    kept.write(UNCLEAN, "2026-09-20/12-00-00.jsonl.gz", current=False)
    kept.write(events_of([STARTED], [STOPPED], boot="older"), "2026-09-21/00-00-00.jsonl", current=False)
    assert kept.settle() is not None


@pytest.mark.parametrize(
    "name", ["1970-01-01/00-00-09.jsonl", "2026-09-20/12-00-00.jsonl", "2106-02-07/06-28-15.jsonl"]
)
def test_the_name_of_the_last_segment_does_not_matter(kept: Kept, name: str) -> None:
    kept.write(events_of([STARTED], [STOPPED], boot="older"), "1970-01-01/00-00-10.jsonl")
    kept.write(events_of([STARTED], [STOPPED], boot="older"), "2099-01-01/00-00-00.jsonl")
    kept.write(UNCLEAN, name)
    assert kept.settle() is not None
    kept.write(events_of([STARTED], [STOPPED], boot="new"), name)
    assert kept.settle("newer") is None


def test_without_the_link_the_newest_name_has_to_do(kept: Kept) -> None:
    """A history of an older version, or on a filesystem without links."""
    kept.write(events_of([STARTED], [STOPPED], boot="older"), "2026-09-19/12-00-00.jsonl", current=False)
    kept.write(UNCLEAN, current=False)
    assert kept.settle() is not None


def test_without_the_link_a_misleading_name_gives_silence_and_no_false_alarm(kept: Kept) -> None:
    kept.write(UNCLEAN, "2099-01-01/00-00-00.jsonl", current=False)
    assert kept.settle("next") is not None
    kept.write(events_of([STARTED], [STOPPED], boot="next"), current=False)
    assert kept.settle("new") is None
    assert kept.record() == ShutdownRecord(boot="new", unclean=1, last_seen=NOON + 10)


@pytest.mark.parametrize("content", [b"", b"\0" * 10_000, b"shopping list\n", b'{"name":"x"}\n', b"\xff\n" * 3000])
def test_a_segment_that_holds_no_events_tells_nothing(kept: Kept, content: bytes) -> None:
    kept.write([]).write_bytes(content)
    assert kept.settle() is None
    assert kept.record() == ShutdownRecord(boot="new", unclean=0)


def test_events_of_a_later_version_are_passed_over(kept: Kept) -> None:
    path = kept.write(UNCLEAN)
    line = encode_events(tuple(UNCLEAN))[0].replace("sysvitals.started", "system.quantum.updated")
    path.write_bytes(path.read_bytes() + f"{line}\n".encode())
    assert kept.settle() is not None


def test_the_systems_own_log_is_asked(kept: Kept) -> None:
    kept.write(UNCLEAN)
    log = kept.folder / "root/var/log/wtmp"
    log.parent.mkdir(parents=True)
    log.write_bytes(log_boot(int(NOON)) + log_shutdown(int(NOON) + 99) + log_boot(int(NOON) + 200))
    assert kept.settle() is None
    (kept.folder / "shutdowns.json").unlink()
    log.write_bytes(log_boot(int(NOON)) + log_boot(int(NOON) + 200))
    ending = kept.settle()
    assert ending is not None
    assert ending.certain
    (kept.folder / "shutdowns.json").unlink()
    log.write_bytes(b"no log")
    assert kept.settle() == amend(ending, certain=False)


@pytest.mark.parametrize("boot", ["", "old"])
def test_without_a_boot_id_and_in_the_same_boot_nothing_is_judged(kept: Kept, boot: str) -> None:
    kept.write(UNCLEAN)
    assert kept.settle(boot) is None


def test_without_storage_nothing_is_judged_and_nothing_written(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept.write(UNCLEAN)
    kept.host = Host()
    assert kept.settle() is None
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.fault(
    "storage",
    "a damaged `shutdowns.json`",
    seen="one line in the log",
    heals="by itself: unclean shutdowns are counted from 0 again",
)
def test_a_damaged_record_is_said_and_counting_begins_again(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    kept.write(UNCLEAN)
    (kept.folder / "shutdowns.json").write_text("{")
    assert kept.settle() is not None
    assert kept.record() == ShutdownRecord(boot="new", unclean=1, last_seen=NOON + 10)
    assert "counted from 0 again" in caplog.text


def test_a_record_that_cannot_be_read_is_left_alone(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    kept.write(UNCLEAN)
    (kept.folder / "shutdowns.json").mkdir()
    assert kept.settle() is None
    assert "cannot be counted" in caplog.text


def test_where_the_record_cannot_be_written_the_shutdown_is_told_all_the_same(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.write(UNCLEAN)
    (kept.folder / "shutdowns.json.part").mkdir()
    assert kept.settle() is not None
    assert "counted from memory until the record can be written" in caplog.text
    assert kept.record() is None
    assert read_shutdown_record(kept.host) == ShutdownRecord(
        boot="new", unclean=1, last_seen=NOON + 10, judged=("old",)
    )


@pytest.mark.fault(
    "storage", "a power cut while `shutdowns.json` is written", seen="nothing", heals="by itself: the old record stays"
)
def test_a_power_cut_while_the_record_is_written_leaves_the_old_one(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.settle("old")
    kept.write(UNCLEAN)

    def fail(_descriptor: int) -> None:
        raise OSError("the power is gone")

    monkeypatch.setattr(os, "fsync", fail)
    kept.settle("new")
    assert kept.record() == ShutdownRecord(boot="old", unclean=0)


def test_the_history_of_the_old_boot_is_left_as_it_was(kept: Kept) -> None:
    path = kept.write(UNCLEAN)
    before = path.read_bytes()
    kept.settle()
    assert path.read_bytes() == before
    assert sorted(p.name for p in kept.folder.iterdir()) == ["history", "shutdowns.json"]
    assert json.loads((kept.folder / "shutdowns.json").read_text())["boot"] == "new"


# ---- a disk that refuses, or lost what was written last


def refuse(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the storage is read-only."""

    def fail(_self: Folder, name: str, *_: Any, **__: Any) -> NoReturn:
        raise OSError(errno.EROFS, "read-only file system", name)

    monkeypatch.setattr(Folder, "replacing", fail)


@pytest.mark.fault(
    "storage",
    "a disk that is full or read-only at the start after a power cut",
    seen="one line in the log; the unclean shutdown is an event and is counted",
    heals="by itself: the count is stored when the disk can be written again",
)
def test_on_a_disk_that_refuses_a_power_cut_is_counted_from_memory_and_stored_later(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.settle("old")
    kept.write(UNCLEAN)
    with monkeypatch.context() as patch:
        refuse(kept, patch)
        assert [ending.ended_boot for ending in kept.settle_all("new")] == ["old"]
        assert "read-only" in remember_endings(kept.host)
        counted = read_shutdown_record(kept.host)
        assert counted is not None
        assert (counted.boot, counted.unclean) == ("new", 1)
    assert kept.record() == ShutdownRecord(boot="old", unclean=0)
    assert remember_endings(kept.host) == ""
    assert kept.record() == ShutdownRecord(boot="new", unclean=1, last_seen=NOON + 10)
    assert kept.settle("new") is None


def test_on_a_disk_that_refuses_for_a_whole_boot_it_is_counted_once_in_the_end(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.settle("old")
    kept.write(UNCLEAN)
    with monkeypatch.context() as patch:
        refuse(kept, patch)
        for boot in ("refused", "refused", "refused too"):  # the second is a restart of the exporter
            assert kept.settle(boot) is not None
    assert kept.settle("new") is not None
    assert kept.record() == ShutdownRecord(boot="new", unclean=1, last_seen=NOON + 10)


def test_several_power_cuts_of_which_none_could_be_recorded_are_each_counted_and_reported_once(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.settle("boot-0")
    reported: list[str] = []
    with monkeypatch.context() as patch:
        refuse(kept, patch)
        for number in range(4):
            for run in range(2):  # the exporter restarts once in each boot
                kept.host.kept.clear()
                endings = kept.settle_all(f"boot-{number}")
                reported += [ending.ended_boot for ending in endings]
                name = f"2026-09-20/1{number}-0{run}-00.jsonl"
                kept.write(events_of([STARTED, *endings], [LOAD], boot=f"boot-{number}", wall=NOON + number), name)
    assert reported == ["boot-0", "boot-1", "boot-2"]
    assert [ending.ended_boot for ending in kept.settle_all("boot-4")] == ["boot-3"]
    assert kept.record() == ShutdownRecord(boot="boot-4", unclean=4, last_seen=NOON + 8)


@pytest.mark.parametrize("empty", [1, 5])
def test_an_empty_segment_that_current_leads_to_hides_no_power_cut(kept: Kept, empty: int) -> None:
    kept.settle("old")
    kept.write(UNCLEAN)
    for number in range(empty):  # what was written last was not on the disk yet when the power failed
        kept.write([], f"2026-09-20/13-00-0{number}.jsonl")
    ending = kept.settle()
    assert ending is not None
    assert (ending.ended_boot, ending.celsius) == ("old", 71.2)
