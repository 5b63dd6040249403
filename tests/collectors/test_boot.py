from pathlib import Path

import pytest

from sysvitals.collectors import boot
from sysvitals.collectors.boot import Boot
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost


def test_the_boot_of_a_recorded_host() -> None:
    assert list(boot.read(RecordedHost(HOSTS / "nuc"))) == [
        Boot(uptime=4012033.77, boot_time=1785893566, boot_id="a02878af-bbb1-46d8-a52c-784dae9eaa4d")
    ]


def test_a_host_whose_clock_was_never_set_does_not_know_when_it_started() -> None:
    assert list(boot.read(RecordedHost(HOSTS / "qemu-raspi0"))) == [
        Boot(uptime=25.23, boot_id="5929d38c-a281-448d-b5f7-143e15ae646d")
    ]


def test_what_else_cannot_be_read_leaves_the_uptime(tmp_path: Path) -> None:
    host = build_host(
        tmp_path,
        {"proc/uptime": "12.50 3.00\n", "proc/stat.ERRNO-EACCES": "", "proc/sys/kernel/random/boot_id": "x\n"},
    )
    *faults, reading = boot.read(host)
    assert [(fault.what, fault.error) for fault in faults if isinstance(fault, Fault)] == [
        ("boot time", "EACCES"),
        ("boot id", "garbage"),
    ]
    assert reading == Boot(uptime=12.5)


def test_without_an_uptime_the_collector_fails(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(boot.read(build_host(tmp_path, {"proc/stat": "btime 5\n"})))
    with pytest.raises(ValueError, match="less than nothing"):
        list(boot.read(RecordedHost(HOSTS / "hostile")))


def test_the_metrics_are_these() -> None:
    assert set(build_catalog([boot.COLLECTOR]).families) == {"system_boot_time_seconds", "system_uptime_seconds"}
