"""What a host says of its clock, and the exporter of itself."""

import pytest

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.collectors.clock import COLLECTOR as CLOCK
from sysvitals.collectors.filesystem import Remounted
from sysvitals.collectors.identity import COLLECTOR as IDENTITY
from sysvitals.collectors.identity import Identity
from sysvitals.judgement.clock import judge as clock
from sysvitals.judgement.exporter import judge as exporter
from sysvitals.judgement.filesystem import judge as storage
from sysvitals.judgement.judgement import Facts
from sysvitals.judgement.verdict import Level
from sysvitals.model.changes import Started
from sysvitals.model.reading import Reading, amend
from sysvitals.model.samples import Current
from tests.judgement.judging import Board, alerts, texts
from tests.recorded import HOSTS, RecordedHost

LOAD = {"collector": "load"}


def board(uptime: float = 500_000.0) -> Board:
    it = Board((*clock.JUDGEMENTS, *exporter.JUDGEMENTS), uptime=uptime)
    it.shows("system_timex_sync_status", 1)
    it.shows("sysvitals_collector_success", 1, **LOAD)
    it.shows("sysvitals_collector_available", 1, **LOAD)
    it.after(60)
    return it


def test_a_board_without_a_clock_has_an_hour_to_find_a_time_server() -> None:
    it = board(uptime=30)
    it.shows("system_timex_sync_status", 0)
    assert it.after(3500).level is Level.GOOD
    assert texts(it.after(300)) == ["Clock not synchronised (no NTP)"]


def test_an_inexact_clock_is_a_note_and_silent_where_the_clock_is_not_synchronised_at_all() -> None:
    it = board()
    it.shows("system_timex_maxerror_seconds", 2.5)
    assert alerts(it.after(3700)) == [("ClockInexact", "note")]
    it.shows("system_timex_sync_status", 0)
    assert alerts(it.after(4600)) == [("ClockUnsynchronised", "warning")]


def test_a_collector_that_fails_most_of_the_time_is_said_and_one_failure_is_not() -> None:
    it = board()
    it.after(900)
    it.shows("sysvitals_collector_success", 0, **LOAD)
    it.after(30)
    it.shows("sysvitals_collector_success", 1, **LOAD)
    assert it.after(900).level is Level.GOOD
    it.shows("sysvitals_collector_success", 0, **LOAD)
    assert texts(it.after(1500)) == ["Cannot read load data"]


def test_what_a_host_never_had_is_no_loss_and_what_it_lost_is() -> None:
    it = board()
    it.shows("sysvitals_collector_available", 0, collector="wifi")
    assert it.after(2000).level is Level.GOOD
    it.shows("sysvitals_collector_available", 0, **LOAD)
    assert alerts(it.after(1000)) == [("CollectorVanished", "warning")]


def test_sensors_that_cannot_be_read_are_a_note_where_the_collector_works() -> None:
    it = board()
    for _ in range(140):
        it.grows("sysvitals_read_errors_total", 2, collector="load", error="EIO")
        it.after(15)
    assert alerts(it.judged()) == [("SensorsUnreadable", "note")]


def test_lost_events_are_said_for_half_an_hour_but_not_those_of_a_slow_viewer() -> None:
    it = board()
    for sink in ("live", "history"):
        it.shows("sysvitals_events_dropped_total", 0, sink=sink)
    it.after(15)
    for sink in ("live", "history"):
        it.grows("sysvitals_events_dropped_total", 7, sink=sink)
    assert texts(it.after(135)) == ["7 events did not reach the history in the last 30 min"]
    it.after(2000)
    assert not it.engine.firing


def test_a_history_that_cannot_be_written_is_said_after_five_minutes() -> None:
    it = board()
    it.shows("sysvitals_history_writable", 0)
    assert it.after(280).level is Level.GOOD
    assert alerts(it.after(60)) == [("HistoryNotWritable", "warning")]


ROOT = {"device": "/dev/mmcblk0p2", "mountpoint": "/", "fstype": "ext4"}
BOOT = {"device": "/dev/mmcblk0p1", "mountpoint": "/boot/firmware", "fstype": "vfat"}


@pytest.mark.parametrize(
    ("filesystem", "expected"),
    [(ROOT, {"FilesystemReadOnly"}), (BOOT, {"FilesystemReadOnly", "HistoryNotWritable", "EventsDropped"})],
)
def test_a_root_that_becomes_read_only_takes_the_history_with_it_and_a_boot_partition_does_not(
    filesystem: dict[str, str], expected: set[str]
) -> None:
    it = Board((*storage.JUDGEMENTS, *exporter.JUDGEMENTS))
    it.shows("system_filesystem_readonly", 0, **filesystem)
    it.shows("sysvitals_events_dropped_total", 0, sink="history")
    it.after(3600)
    it.shows("system_filesystem_readonly", 1, **filesystem)
    it.happens(Remounted(device=filesystem["device"], mountpoint=filesystem["mountpoint"], read_only=True))
    it.shows("sysvitals_history_writable", 0)
    it.grows("sysvitals_events_dropped_total", 7, sink="history")
    seen = set()
    for _ in range(20):
        it.after(60)
        seen |= {alert for alert, _, _ in it.engine.firing}
    assert seen == expected


def test_the_clock_of_a_virtual_machine_is_not_judged_by_the_machine_itself() -> None:
    for kind, expected in (("none", [("ClockUnsynchronised", "warning")]), ("microsoft", [])):
        it = board()
        it.shows("system_identity_info", 1, virtualization=kind)
        it.shows("system_timex_sync_status", 0)
        assert alerts(it.after(7200)) == expected


@pytest.mark.parametrize(("kind", "expected"), [("qemu", 0), ("none", 1)])
def test_what_the_collectors_read_says_whether_it_is_a_virtual_machine(kind: str, expected: int) -> None:
    host = RecordedHost(HOSTS / "vm")  # its clock is not synchronised
    identity = next(one for one in IDENTITY.run(host) if isinstance(one, Identity))
    bodies = [amend(identity, virtualization=kind), *(one for one in CLOCK.run(host) if isinstance(one, Reading))]
    facts = Facts(Current(build_full_catalog().families, bodies), now=1e9, uptime=1e5)
    assert len([*clock.UNSYNCHRONISED.find(facts)]) == expected


def test_a_configuration_that_was_refused_is_said() -> None:
    it = board()
    it.shows("sysvitals_config_last_reload_successful", 0)
    assert alerts(it.after(330)) == [("ReloadFailed", "warning")]


def test_an_exporter_that_restarts_again_and_again_is_said_unless_the_host_does() -> None:
    for uptime, expected in ((1800.0, []), (500_000.0, [("ExporterRestarting", "warning")])):
        it = board(uptime)
        for _ in range(4):
            it.happens(Started(version="1", schema=1, pid=1))
        assert alerts(it.after(15)) == expected


def test_a_thread_that_died_and_what_is_left_out_are_said() -> None:
    it = board()
    it.shows("sysvitals_thread_deaths_total", 0, thread="log")
    it.shows("sysvitals_collector_left_out", 12, collector="network")
    it.after(1000)
    it.shows("sysvitals_thread_deaths_total", 1, thread="log")
    assert alerts(it.after(15)) == [("ExporterThreadDied", "warning"), ("ThingsLeftOut", "note")]
