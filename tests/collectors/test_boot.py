from pathlib import Path

import pytest

from sysvitals.collectors import boot
from sysvitals.collectors.boot import Boot
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault
from tests.building import build_host
from tests.recorded import HOSTS, NOW, RecordedHost


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


def test_without_an_uptime_the_boot_time_is_still_told(tmp_path: Path) -> None:
    *faults, reading = boot.read(build_host(tmp_path, {"proc/stat": "btime 5\n"}))
    assert [(fault.what, fault.error) for fault in faults if isinstance(fault, Fault)] == [("uptime", "ENOENT")]
    assert reading == Boot(boot_time=5)


@pytest.mark.parametrize("uptime", ["-12.34", "nan", "18446744073709551615.00", "x"])
def test_an_uptime_that_makes_no_sense_is_absent(tmp_path: Path, uptime: str) -> None:
    fault, reading = boot.read(build_host(tmp_path, {"proc/uptime": f"{uptime} 1\n", "proc/stat": "btime 5\n"}))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("uptime", "garbage")
    assert reading == Boot(boot_time=5)


def test_where_nothing_can_be_read_there_is_no_reading() -> None:
    assert {type(one) for one in boot.read(RecordedHost(HOSTS / "hostile"))} == {Fault}


def test_a_container_was_started_when_its_uptime_says_and_not_its_host(tmp_path: Path) -> None:
    week = int(NOW) - 7 * 86400
    host = build_host(tmp_path, {"proc/uptime": "12378.00 12378.00\n", "proc/stat": f"cpu 1 1 1 1\nbtime {week}\n"})
    assert list(boot.read(host)) == [Boot(uptime=12378.0, boot_time=int(NOW) - 12378)]


@pytest.mark.parametrize("off", [-86400, -1, 1, 59])
def test_a_boot_time_that_the_clock_explains_is_the_kernels(tmp_path: Path, off: int) -> None:
    host = build_host(tmp_path, {"proc/uptime": "100.00 1\n", "proc/stat": f"btime {int(NOW) - 100 - off}\n"})
    assert list(boot.read(host)) == [Boot(uptime=100.0, boot_time=int(NOW) - 100 - off)]


def test_a_boot_time_does_not_waver_by_a_rounding() -> None:
    before = Boot(uptime=100.0, boot_time=5000)
    assert boot.compare(Boot(uptime=115.0, boot_time=5001), before, 15.0) == Boot(uptime=115.0, boot_time=5000)
    assert boot.compare(Boot(uptime=115.0, boot_time=5002), before, 15.0) == Boot(uptime=115.0, boot_time=5002)
    assert boot.compare(Boot(uptime=1.0), before, 15.0) == Boot(uptime=1.0)


def test_the_metrics_are_these() -> None:
    assert set(build_catalog([boot.COLLECTOR]).families) == {"system_boot_time_seconds", "system_uptime_seconds"}
