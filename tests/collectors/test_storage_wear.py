import shutil
from pathlib import Path
from typing import Any

import pytest

from sysvitals.collectors import storage_wear, temperature
from sysvitals.collectors.storage_wear import StorageWear
from sysvitals.model.collector import Fault, Unavailable
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost, recorded_hosts


def build_emmc(folder: Path, **files: str) -> RecordedHost:
    attributes = {"type": "MMC\n", "life_time": "0x02 0x01\n", "pre_eol_info": "0x01\n"} | files
    return build_host(folder, {f"sys/block/mmcblk0/device/{name}": text for name, text in attributes.items()})


def read(host: RecordedHost) -> list[StorageWear | Fault]:
    found: list[Any] = list(storage_wear.COLLECTOR.run(host))
    return found


def only(host: RecordedHost) -> StorageWear:
    (found,) = read(host)
    assert isinstance(found, StorageWear)
    return found


def test_an_emmc_is_read_whole() -> None:
    assert read(RecordedHost(HOSTS / "pi-cm4-emmc")) == [
        StorageWear(
            device="mmcblk0",
            type="MMC",
            model="BJTD4R",
            manufacturer="0x000015",
            manufactured="08/2021",
            wear_known=True,
            life_used_a=0.2,
            life_used_b=0.1,
            pre_eol_normal=True,
            pre_eol_warning=False,
            pre_eol_urgent=False,
        )
    ]


@pytest.mark.parametrize(("code", "used"), [("0x01", 0.1), ("0x03", 0.3), ("0x0a", 1.0), ("0x0b", 1.1), ("0x00", None)])
def test_life_is_told_by_the_end_of_the_tenth_it_is_in(tmp_path: Path, code: str, used: float | None) -> None:
    found = only(build_emmc(tmp_path, life_time=f"{code} 0x01\n"))
    assert (found.life_used_a, found.life_used_b) == (used, 0.1)


@pytest.mark.parametrize(
    ("code", "states"),
    [
        ("0x01", (True, False, False)),
        ("0x02", (False, True, False)),
        ("03", (False, False, True)),
        ("0x00", (None, None, None)),
    ],
)
def test_spare_blocks_are_in_one_state_or_unknown(
    tmp_path: Path, code: str, states: tuple[bool | None, bool | None, bool | None]
) -> None:
    found = only(build_emmc(tmp_path, pre_eol_info=f"{code}\n"))
    assert (found.pre_eol_normal, found.pre_eol_warning, found.pre_eol_urgent) == states


@pytest.mark.parametrize("name", ["pi-4b-fine", "qemu-raspi4b", "qemu-x86-wifi-emmc", "pi-5"])
def test_what_tells_no_wear_has_no_wear_and_says_so(name: str) -> None:
    found = only(RecordedHost(HOSTS / name))
    assert not found.wear_known
    wear = (found.life_used_a, found.life_used_b, found.pre_eol_normal, found.pre_eol_warning, found.pre_eol_urgent)
    assert wear == (None,) * 5


def test_an_nvme_drive_is_named() -> None:
    assert read(RecordedHost(HOSTS / "pi-5")) == [
        StorageWear(
            device="nvme0n1",
            type="NVMe",
            model="MADE-UP NVME 512GB",
            firmware="1.0",
            state="live",
            chip="nvme0",
            wear_known=False,
        )
    ]


def test_a_drive_and_its_temperatures_are_joined_by_the_chips_label() -> None:
    drives = read(RecordedHost(HOSTS / "nuc"))
    temperatures = temperature.COLLECTOR.run(RecordedHost(HOSTS / "nuc"))
    chips = {t.chip for t in temperatures if isinstance(t, temperature.Temperature) and t.chip.startswith("nvme")}
    assert {drive.chip for drive in drives if isinstance(drive, StorageWear)} == chips
    assert len(chips) == 2


def test_a_card_or_drive_that_is_taken_out_is_gone_without_a_fault(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"sys/block/mmcblk0/device/type": "SD\n", "sys/block/nvme0n1/device/model": "Disk\n"})
    probes = list(storage_wear.find(host))
    assert [probe.name for probe in probes] == ["mmcblk0", "nvme0n1"]
    shutil.rmtree(tmp_path / "sys/block")
    assert [item for probe in probes for item in probe.read()] == []


def test_wear_that_makes_no_sense_is_a_fault_and_hides_nothing_else(tmp_path: Path) -> None:
    fault, found = read(build_emmc(tmp_path, life_time="0xff 0xff\n"))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("mmcblk0 life_time", "garbage")
    assert isinstance(found, StorageWear)
    assert (found.life_used_a, found.pre_eol_normal, found.wear_known) == (None, True, True)


def test_a_host_without_cards_and_nvme_lacks_the_subsystem() -> None:
    with pytest.raises(Unavailable, match="SMART"):
        read(RecordedHost(HOSTS / "vm"))


def test_a_card_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    (fault,) = read(build_host(tmp_path, {"sys/block/mmcblk0/device/type.ERRNO-EIO": ""}))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("mmcblk0", "EIO")


@pytest.mark.parametrize("name", recorded_hosts())
def test_no_reading_holds_a_serial_number(name: str) -> None:
    try:
        text = "".join(map(repr, read(RecordedHost(HOSTS / name)))).lower()
    except Unavailable:
        return
    assert "c0ffee" not in text
    assert "deadbeef" not in text
