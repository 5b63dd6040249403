"""What the doctor says of things that are left alone, and of patterns that match nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from sysvitals.collectors.disk import Disk
from sysvitals.doctor.check import Check, Verdict
from sysvitals.doctor.left_alone import check_left_alone
from sysvitals.doctor.readings import Look, look_at_host
from sysvitals.doctor.samples import Samples
from sysvitals.pipeline.interpret import Outcome
from tests.doctor.hosts import DENIED, FINE, GONE, running, seen, settings_of

ABSENT, WARNING = Verdict.ABSENT, Verdict.WARNING


def check_disks(look: Look, folder: Path, pattern: str = "sdz") -> list[Check]:
    return list(check_left_alone(look, None, settings_of(folder, collector__disk__leave_alone=pattern)))


def test_what_is_left_alone_or_meant_to_be_full_is_named(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        "pi-4b-fine",
        collector__disk__leave_alone="mmc.*",
        collector__temperature__leave_alone="cpu_thermal temp1",
        collector__network__leave_alone="wlan0",
        collector__filesystem__full_expected="/",
    )
    checks = list(check_left_alone(look_at_host(settings), None, settings))
    assert [(check.id, check.verdict, check.text) for check in checks] == [
        ("host.left_alone", ABSENT, "left alone (sensor): cpu_thermal temp1"),
        ("host.left_alone", ABSENT, "left alone (disk): mmcblk0"),
        ("host.left_alone", ABSENT, "left alone (network device): wlan0"),
        ("host.full_expected", ABSENT, "meant to be full: /"),
    ]


def test_what_the_running_exporter_leaves_alone_is_what_counts(tmp_path: Path) -> None:
    samples = Samples({"system_disk_left_alone": [({"device": "sda"}, 0.0), ({"device": "sdb"}, 1.0)]})
    there = replace(running({"disk": "ok"}), samples=samples)
    [check] = check_left_alone(seen({"disk": FINE}, Disk(device="sda")), there, settings_of(tmp_path))
    assert (check.verdict, check.text) == (ABSENT, "left alone (disk): sdb")


def test_without_such_a_setting_nothing_is_said(tmp_path: Path) -> None:
    assert check_disks(seen({"disk": FINE}, Disk(device="sda")), tmp_path, "") == []


def test_a_pattern_that_matches_nothing_is_a_warning_with_the_names_that_there_are(tmp_path: Path) -> None:
    disks = (Disk(device="sda", left_alone=False), Disk(device="sdb", left_alone=False))
    [check] = check_disks(seen({"disk": FINE}, *disks), tmp_path)
    assert (check.id, check.verdict) == ("host.left_alone", WARNING)
    assert check.text == "collector.disk.leave_alone 'sdz' matches no disk of this host"
    assert check.remedy == "it must match a whole name: sda, sdb"


def test_a_host_that_has_none_of_them_says_so(tmp_path: Path) -> None:
    [check] = check_disks(seen({"disk": GONE}), tmp_path)
    assert (check.verdict, check.remedy) == (WARNING, "this host has none: remove the setting")


@pytest.mark.parametrize("outcome", [DENIED, None, Outcome("ok", message="sdz: bad")], ids=["failed", "late", "partly"])
def test_what_could_not_be_read_may_be_what_a_pattern_means(outcome: Outcome | None, tmp_path: Path) -> None:
    assert check_disks(seen({"disk": outcome}), tmp_path) == []


def test_many_names_are_cut_short(tmp_path: Path) -> None:
    [check] = check_disks(seen({"disk": FINE}, *(Disk(device=f"sd{x}", left_alone=True) for x in "abcdefg")), tmp_path)
    assert check.text == "left alone (disk): sda, sdb, sdc, sdd, sde and 2 more"
