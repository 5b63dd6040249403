from pathlib import Path

import pytest

from sysvitals.collectors import pressure
from sysvitals.collectors.pressure import Pressure
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault, Unavailable
from tests.building import build_host, lxcfs_mounts
from tests.recorded import HOSTS, RecordedHost

IO = "some avg10=1.00 avg60=2.00 avg300=3.00 total=4000000\nfull avg10=0.50 avg60=0.25 avg300=0.00 total=1500000\n"


def test_pressure_of_a_recorded_host_is_told_whole() -> None:
    assert list(pressure.read(RecordedHost(HOSTS / "nuc"))) == [
        Pressure(
            resource="cpu",
            waiting=9012.033441,
            waiting_percent_10s=0.04,
            waiting_percent_60s=0.10,
            waiting_percent_300s=0.12,
        ),
        Pressure(
            resource="memory",
            waiting=1.203344,
            waiting_percent_10s=0.0,
            waiting_percent_60s=0.0,
            waiting_percent_300s=0.0,
            stalled=1.103344,
            stalled_percent_10s=0.0,
            stalled_percent_60s=0.0,
            stalled_percent_300s=0.0,
        ),
        Pressure(
            resource="io",
            waiting=33.012203,
            waiting_percent_10s=0.0,
            waiting_percent_60s=0.02,
            waiting_percent_300s=0.03,
            stalled=30.012203,
            stalled_percent_10s=0.0,
            stalled_percent_60s=0.01,
            stalled_percent_300s=0.02,
        ),
        Pressure(
            resource="irq",
            stalled=880.123344,
            stalled_percent_10s=0.0,
            stalled_percent_60s=0.0,
            stalled_percent_300s=0.0,
        ),
    ]


@pytest.mark.parametrize("name", ["container", "pi-zero-w", "jetson"])
def test_a_kernel_that_does_not_measure_says_how_to_make_it(name: str) -> None:
    with pytest.raises(Unavailable, match="psi=1") as caught:
        list(pressure.read(RecordedHost(HOSTS / name)))
    assert "cmdline.txt" in caught.value.reason


def test_interrupts_that_are_not_measured_are_absent(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/pressure/io": IO, "proc/pressure/irq.ERRNO-EOPNOTSUPP": ""})
    assert [reading.resource for reading in pressure.read(host) if isinstance(reading, Pressure)] == ["io"]


def test_a_resource_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    host = build_host(
        tmp_path, {"proc/pressure/cpu.ERRNO-EACCES": "", "proc/pressure/memory": "x", "proc/pressure/io": IO}
    )
    *faults, reading = pressure.read(host)
    assert [(fault.what, fault.error) for fault in faults if isinstance(fault, Fault)] == [
        ("pressure cpu", "EACCES"),
        ("pressure memory", "garbage"),
    ]
    assert isinstance(reading, Pressure)
    assert (reading.waiting, reading.stalled) == (4.0, 1.5)


def test_what_fails_everywhere_is_a_failure_and_not_unavailable(tmp_path: Path) -> None:
    host = build_host(tmp_path, {f"proc/pressure/{name}.ERRNO-EACCES": "" for name in ("cpu", "memory", "io")})
    assert [type(found) for found in pressure.read(host)] == [Fault, Fault, Fault]


def test_a_field_that_makes_no_sense_takes_no_other(tmp_path: Path) -> None:
    fault, reading = pressure.read(build_host(tmp_path, {"proc/pressure/io": IO.replace("avg60=2.00", "avg60=-1")}))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("pressure io some average60", "garbage")
    assert isinstance(reading, Pressure)
    assert (reading.waiting, reading.waiting_percent_60s, reading.stalled) == (4.0, None, 1.5)


def test_the_pressure_on_a_containers_host_is_not_the_containers(tmp_path: Path) -> None:
    host = build_host(tmp_path / "6", {"proc/pressure/io": IO, "proc/1/mountinfo": lxcfs_mounts("stat", "uptime")})
    with pytest.raises(Unavailable, match="container"):
        list(pressure.read(host))
    mounts = lxcfs_mounts("stat", "pressure/cpu", "pressure/io")
    (reading,) = pressure.read(build_host(tmp_path / "7", {"proc/pressure/io": IO, "proc/1/mountinfo": mounts}))
    assert isinstance(reading, Pressure)
    assert reading.waiting == 4.0


def test_the_metrics_are_these() -> None:
    families = build_catalog([pressure.COLLECTOR]).families
    assert {name: family.labels for name, family in families.items()} == {
        "system_pressure_stalled_seconds_total": ("resource",),
        "system_pressure_waiting_seconds_total": ("resource",),
    }
