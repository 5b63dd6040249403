import socket
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.model.plausible import LINK_SPEED
from sysvitals.sources.sys.netclass import (
    Interface,
    parse_operstate,
    parse_speed,
    read_carrier,
    read_interface,
    read_wifi_devices,
    shows_own_links,
)
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost


def build_interface(folder: Path, **files: str) -> RecordedHost:
    """`carrier_EINVAL=""` makes the read of carrier fail."""
    base = {
        "operstate": "up",
        "carrier": "1",
        "carrier_changes": "3",
        "mtu": "1500",
        "speed": "1000",
        "flags": "0x1003",
    }
    named = {name.replace("_E", ".ERRNO-E"): text for name, text in files.items()}
    for name in named:
        base.pop(name.partition(".")[0], None)
    return build_host(folder, {f"sys/class/net/eth0/{name}": f"{text}\n" for name, text in (base | named).items()})


def test_a_link_that_is_up_is_read_whole(tmp_path: Path) -> None:
    assert read_interface(build_interface(tmp_path), "eth0") == Interface(
        operstate="up", up=True, carrier=True, carrier_changes=3, speed=1000, mtu=1500, faults=()
    )


def test_a_device_that_is_switched_off_has_no_carrier_and_no_speed(tmp_path: Path) -> None:
    host = build_interface(tmp_path, operstate="down", carrier_EINVAL="", speed_EINVAL="", flags="0x1002")
    found = read_interface(host, "eth0")
    assert (found.up, found.carrier, found.speed, found.faults) == (False, None, None, ())


def test_a_link_without_a_cable_is_not_asked_for_its_speed(tmp_path: Path) -> None:
    found = read_interface(build_interface(tmp_path, operstate="down", carrier="0", speed_EIO=""), "eth0")
    assert (found.up, found.carrier, found.speed, found.faults) == (False, False, None, ())


def test_a_tunnel_has_no_speed(tmp_path: Path) -> None:
    found = read_interface(build_interface(tmp_path, speed="10", tun_flags="0x1001"), "eth0")
    assert (found.carrier, found.speed, found.faults) == (True, None, ())


@pytest.mark.parametrize(("flags", "up"), [("0x9", True), ("0x1003", True), ("0x8", False), ("0x1002", False)])
def test_a_device_that_never_says_is_up_while_switched_on(tmp_path: Path, flags: str, *, up: bool) -> None:
    assert read_interface(build_interface(tmp_path, operstate="unknown", flags=flags), "eth0").up is up


def test_a_device_that_never_says_and_hides_its_flags_is_unknown(tmp_path: Path) -> None:
    found = read_interface(build_interface(tmp_path, operstate="unknown", flags_ENOENT=""), "eth0")
    assert (found.up, found.faults) == (None, ())


@pytest.mark.parametrize("operstate", ["dormant", "lowerlayerdown", "notpresent", "testing", "down"])
def test_every_other_state_is_not_up(tmp_path: Path, operstate: str) -> None:
    assert read_interface(build_interface(tmp_path, operstate=operstate), "eth0").up is False


@pytest.mark.parametrize("text", ["-1", "0", "65535", "4294967295"])
def test_a_speed_that_the_driver_does_not_know_is_none(text: str) -> None:
    assert parse_speed(text) is None


@pytest.mark.parametrize("speed", [10, 100, 1000, 2500, 65534, 400000])
def test_a_speed_is_in_megabits(speed: int) -> None:
    assert parse_speed(str(speed)) == speed


@given(st.one_of(st.integers(-(1 << 31), (1 << 32) - 1), st.integers(-5, 4_000_000)))
def test_a_speed_is_one_that_a_link_can_have_or_unknown_or_garbage(speed: int) -> None:
    unknown = speed in {-1, 0, 65535, 4294967295}
    if unknown or LINK_SPEED.lowest <= speed <= LINK_SPEED.highest:
        assert parse_speed(str(speed)) == (None if unknown else speed)
    else:
        with pytest.raises(ValueError, match="no speed of a link"):
            parse_speed(str(speed))


def test_an_attribute_that_fails_does_not_hide_the_others(tmp_path: Path) -> None:
    found = read_interface(build_interface(tmp_path, carrier="maybe", mtu_EIO="", operstate=""), "eth0")
    assert [(f.what, f.error) for f in found.faults] == [
        ("eth0 operstate", "garbage"),
        ("eth0 carrier", "garbage"),
        ("eth0 mtu", "EIO"),
    ]
    assert (found.up, found.carrier, found.mtu, found.carrier_changes) == (None, None, None, 3)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mtu", "-1"),
        ("mtu", "4294967295"),
        ("carrier_changes", "-1"),
        ("carrier_changes", "18446744073709551615"),
        ("carrier", "-1"),
        ("carrier", "2"),
    ],
)
def test_a_number_that_no_link_has_is_refused_and_its_siblings_stay(tmp_path: Path, name: str, text: str) -> None:
    found = read_interface(build_interface(tmp_path, **{name: text}), "eth0")
    assert [(f.what, f.error) for f in found.faults] == [(f"eth0 {name}", "garbage")]
    values = {"carrier": True, "carrier_changes": 3, "mtu": 1500} | {name: None}
    assert {key: getattr(found, key) for key in values} == values


def test_flags_that_make_no_sense_are_a_fault(tmp_path: Path) -> None:
    found = read_interface(build_interface(tmp_path, operstate="unknown", flags="on"), "eth0")
    assert [f.what for f in found.faults] == ["eth0 flags"]


def test_a_device_that_is_gone_is_all_unknown(tmp_path: Path) -> None:
    assert read_interface(build_interface(tmp_path), "usb0") == Interface(None, None, None, None, None, None, ())


def test_the_carrier_alone_is_told_with_its_fault(tmp_path: Path) -> None:
    assert read_carrier(build_interface(tmp_path / "up"), "eth0") is True
    assert read_carrier(build_interface(tmp_path / "off", carrier_EINVAL=""), "eth0") is None
    refused = read_carrier(build_interface(tmp_path / "refused", carrier_EACCES=""), "eth0")
    assert isinstance(refused, Fault)
    assert refused.error == "EACCES"


def test_devices_of_wifi_drivers_are_known_by_their_phy() -> None:
    assert read_wifi_devices(RecordedHost(HOSTS / "qemu-raspi4b")) == ["wlan0", "wlan1"]
    assert read_wifi_devices(RecordedHost(HOSTS / "vm")) == []


@given(st.text(max_size=40))
def test_arbitrary_text_gives_a_value_or_a_value_error(text: str) -> None:
    for parse in (parse_speed, parse_operstate):
        try:
            parse(text)
        except ValueError:
            continue


def test_this_machines_devices_are_as_psutil_says() -> None:
    for name, stats in psutil.net_if_stats().items():
        found = read_interface(Host(), name)
        assert found.mtu == stats.mtu
        assert found.speed == (stats.speed or None)


def test_whether_sysfs_shows_the_network_devices_of_this_process_goes_by_names_numbers_and_addresses(
    tmp_path: Path,
) -> None:
    for number, name in socket.if_nameindex():
        folder = tmp_path / "sys/class/net" / name
        folder.mkdir(parents=True)
        addresses = [one.address for one in psutil.net_if_addrs()[name] if one.family == psutil.AF_LINK]
        (folder / "address").write_text(f"{addresses[0]}\n")
        (folder / "ifindex").write_text(f"{number}\n")
        (folder / "carrier_changes").write_text("1\n")
    host = Host(sysfs=str(tmp_path / "sys"))
    assert shows_own_links(host)
    address = tmp_path / "sys/class/net/lo/address"
    address.write_text("dc:a6:32:01:02:03\n")
    assert not shows_own_links(host), "a host may have a device of the same name and number as its container"
    address.unlink()
    assert not shows_own_links(host)
    assert not shows_own_links(Host(sysfs=str(tmp_path / "nothing")))
