import json
from pathlib import Path

import pytest

from sysvitals.collectors import identity
from sysvitals.collectors.identity import Identity, Options, RaspberryPi
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost, recorded_hosts

ALL = Options(serial=True, mac_addresses=True)


def read(name: str, options: Options = identity.COLLECTOR.options) -> list[Identity | RaspberryPi | Fault]:
    return list(identity.read(RecordedHost(HOSTS / name), options))


def test_a_raspberry_pi_says_who_it_is() -> None:
    assert read("pi-4b-fine") == [
        Identity(
            hostname="pi4-fine",
            model="Raspberry Pi 4 Model B Rev 1.4",
            host_type="board",
            os="Debian GNU/Linux",
            os_version="12 (bookworm)",
            kernel="6.12.47+rpt-rpi-v8",
            architecture="aarch64",
            virtualization="none",
            container="none",
        ),
        RaspberryPi(revision="c03114", type="4B", version="1.4", maker="Sony UK", processor="BCM2711", memory=4 << 30),
    ]


def test_a_pc_says_when_its_bios_was_built_and_is_no_raspberry_pi() -> None:
    (found,) = read("nuc")
    assert isinstance(found, Identity)
    assert (found.model, found.host_type) == ("Intel Corporation NUC8i7HVK", "machine")
    assert found.firmware_version == "HNKBLi70.86A.0067.2021.0528.1339"
    assert found.firmware_built == 1622160000  # 2021-05-28


def test_a_raspberry_pis_bootloader_says_when_it_was_built(tmp_path: Path) -> None:
    uname = {"sysname": "Linux", "nodename": "pi", "release": "6.12", "version": "#1", "machine": "aarch64"}
    tree = "sys/firmware/devicetree/base"
    host = build_host(
        tmp_path,
        {
            "syscalls.json": json.dumps({"uname": uname}),
            f"{tree}/chosen/bootloader/build-timestamp": (1746713597).to_bytes(4, "big"),
            f"{tree}/model": b"Raspberry Pi 5 Model B Rev 1.0\0",
        },
    )
    (found,) = identity.read(host, Options())
    assert isinstance(found, Identity)
    assert found.firmware_built == 1746713597
    assert (found.hostname, found.os, found.os_version) == ("pi", None, None)


@pytest.mark.parametrize(
    ("name", "host_type", "virtualization", "container"),
    [
        ("pi-zero-w", "board", "none", "none"),
        ("jetson", "board", "none", "none"),
        ("nuc", "machine", "none", "none"),
        ("vm", "vm", "qemu", "none"),
        ("container", "container", "none", "docker"),
    ],
)
def test_hosts_are_told_apart_by_their_kind(name: str, host_type: str, virtualization: str, container: str) -> None:
    found = read(name)[0]
    assert isinstance(found, Identity)
    assert (found.host_type, found.virtualization, found.container) == (host_type, virtualization, container)


def test_a_container_still_knows_the_board_below_it() -> None:
    found, board = read("container")
    assert isinstance(found, Identity)
    assert isinstance(board, RaspberryPi)
    assert (found.model, found.os) == ("Raspberry Pi 4 Model B Rev 1.2", "Debian GNU/Linux")
    assert (board.revision, board.memory) == ("c03112", 4 << 30)


@pytest.mark.parametrize("name", recorded_hosts())
def test_serial_numbers_and_addresses_are_told_only_when_asked_for(name: str) -> None:
    found = next(r for r in read(name) if isinstance(r, Identity))
    assert (found.serial, found.mac_addresses) == (None, None)


def test_serial_numbers_and_addresses_are_told_when_asked_for() -> None:
    found = read("pi-5", ALL)[0]
    assert isinstance(found, Identity)
    assert found.serial == "c0ffee0500000001"
    assert found.mac_addresses
    assert all(len(address) == 17 for address in found.mac_addresses.split(","))


def test_a_serial_number_that_only_root_may_read_is_a_fault() -> None:
    found, fault = read("nuc", ALL)
    assert isinstance(found, Identity)
    assert found.serial is None
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("serial", "EACCES")


def test_what_fails_hides_nothing_else(tmp_path: Path) -> None:
    uname = {"sysname": "Linux", "nodename": "pi", "release": "6.12", "version": "#1", "machine": "aarch64"}
    files = {
        "syscalls.json": json.dumps({"uname": uname}),
        "etc/hostname.ERRNO-EIO": "",
        "etc/os-release.ERRNO-EACCES": "",
        "sys/class/dmi/id/bios_date": "tomorrow\n",
        "sys/firmware/devicetree/base/model.ERRNO-EIO": "",
        "proc/1/cgroup.ERRNO-EACCES": "",
    }
    found, *faults = identity.read(build_host(tmp_path, files), Options())
    assert found == Identity(
        hostname=None,
        model=None,
        host_type=None,
        os=None,
        os_version=None,
        kernel="6.12",
        architecture="aarch64",
        virtualization="none",
        container=None,
    )
    assert {(f.what, f.error) for f in faults if isinstance(f, Fault)} == {
        ("board", "EIO"),
        ("os-release", "EACCES"),
        ("container", "EACCES"),
        ("hostname", "EIO"),
        ("firmware", "garbage"),
    }


def test_hostile_files_give_text_that_is_fit_to_tell() -> None:
    found = read("hostile", ALL)[0]
    assert isinstance(found, Identity)
    for text in vars(found).values():
        assert not isinstance(text, str) or text.isprintable()
        json.dumps(text, allow_nan=False).encode()


def test_its_families_are_few() -> None:
    assert list(build_catalog([identity.COLLECTOR]).families) == [
        "system_board_info",
        "system_board_memory_bytes",
        "system_firmware_build_timestamp_seconds",
        "system_identity_info",
    ]
