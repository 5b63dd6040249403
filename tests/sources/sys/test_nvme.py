from pathlib import Path

import pytest

from sysvitals.sources.sys.nvme import Drive, is_namespace, list_drives, read_drive
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost


def test_a_drive_is_read_without_its_serial_and_its_padding() -> None:
    host = RecordedHost(HOSTS / "pi-5")
    drive = Drive("nvme0n1", model="MADE-UP NVME 512GB", firmware="1.0", state="live", chip="nvme0")
    assert [read_drive(host, device) for device in list_drives(host)] == [drive]


def test_each_drive_is_told_by_its_own_name() -> None:
    assert list_drives(RecordedHost(HOSTS / "nuc")) == ["nvme0n1", "nvme1n1"]


@pytest.mark.parametrize("name", ["nvme0n1", "nvme12n3"])
def test_a_namespace_is_known_by_its_name(name: str) -> None:
    assert is_namespace(name)


@pytest.mark.parametrize("name", ["nvme0", "nvme0c0n1", "nvme0n1p1", "nvmen1", "0n1", "sda", ""])
def test_what_is_no_namespace_is_known_too(name: str) -> None:
    assert not is_namespace(name)


def test_what_a_drive_does_not_tell_is_none(tmp_path: Path) -> None:
    # behind several paths the device is a subsystem, which has no state
    host = build_host(tmp_path, {"sys/block/nvme0n1/device/model": "Disk\n", "sys/block/nvme0n1/device/state": "\n"})
    assert read_drive(host, "nvme0n1") == Drive("nvme0n1", model="Disk", firmware=None, state=None)


def test_a_drive_that_was_taken_out_is_none(tmp_path: Path) -> None:
    assert read_drive(build_host(tmp_path, {"sys/block/sda/size": "1"}), "nvme0n1") is None


def test_a_host_without_sysfs_has_no_drives(tmp_path: Path) -> None:
    assert list_drives(build_host(tmp_path, {"proc/uptime": "1 1"})) == []
