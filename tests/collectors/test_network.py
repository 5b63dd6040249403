import re
from itertools import pairwise
from pathlib import Path

import pytest

from sysvitals.collectors import network
from sysvitals.collectors.network import Link, LinkChanged, Network, Options
from sysvitals.model.collector import Fault, Unavailable
from sysvitals.model.reading import amend
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost, recorded_hosts

HEAD = "Inter-|   Receive |  Transmit\n face |bytes |bytes\n"
ROW = "  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
STATE = {"operstate": "up", "carrier": "1", "carrier_changes": "3", "mtu": "1500", "speed": "1000", "flags": "0x1003"}
ETH0 = Network(
    device="eth0",
    receive_bytes=1,
    receive_packets=2,
    receive_errs=3,
    receive_drop=4,
    transmit_bytes=9,
    transmit_packets=10,
    transmit_errs=11,
    transmit_drop=12,
)
LINK = Link(device="eth0", operstate="up", up=True, carrier=True, carrier_changes=3, speed=125_000_000, mtu=1500)


def build_network(folder: Path, rows: str = ROW, state: dict[str, str] | None = None) -> RecordedHost:
    files = {f"sys/class/net/eth0/{name}": f"{text}\n" for name, text in (STATE if state is None else state).items()}
    return build_host(folder, {"proc/1/net/dev": HEAD + rows} | files)


def read(host: RecordedHost, options: Options | None = None) -> list[Network | Fault]:
    return list(network.read(host, options or Options()))


def links(host: RecordedHost, options: Options | None = None) -> list[Link | Fault]:
    things = network.find(host, options or Options())
    return [one for thing in things for one in thing.read() if isinstance(one, Link | Fault)]


def named(name: str) -> dict[str, Link]:
    return {one.device: one for one in links(RecordedHost(HOSTS / name)) if isinstance(one, Link)}


def test_a_device_is_read_whole_in_base_units(tmp_path: Path) -> None:
    assert read(build_network(tmp_path)) == [ETH0]


def test_a_link_is_read_whole_in_base_units(tmp_path: Path) -> None:
    assert links(build_network(tmp_path)) == [LINK]


def test_each_link_is_a_thing_of_its_own_and_the_traffic_is_none_of_it() -> None:
    host = RecordedHost(HOSTS / "pi-4b-fine")
    assert [thing.name for thing in network.find(host, Options())] == ["eth0", "wlan0"]
    assert {type(reading) for reading in network.read(host, Options())} == {Network}


def test_a_device_that_vanished_from_sysfs_keeps_its_traffic(tmp_path: Path) -> None:
    host = build_network(tmp_path, state={})
    assert (read(host), links(host)) == ([ETH0], [])


def test_a_device_that_vanishes_once_it_is_found_has_no_link_and_no_fault(tmp_path: Path) -> None:
    host = build_network(tmp_path)
    (thing,) = network.find(host, Options())
    for file in (tmp_path / "sys/class/net/eth0").iterdir():
        file.unlink()
    assert list(thing.read()) == []


def test_what_fails_of_its_link_hides_neither_traffic_nor_the_rest(tmp_path: Path) -> None:
    state = {name: text for name, text in STATE.items() if name != "mtu"} | {"mtu.ERRNO-EIO": ""}
    host = build_network(tmp_path, state=state)
    fault, link = links(host)
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("eth0 mtu", "EIO")
    assert (link, read(host)) == (amend(LINK, mtu=None), [ETH0])


def test_a_total_that_makes_no_sense_takes_no_other(tmp_path: Path) -> None:
    device, fault = sorted(read(build_network(tmp_path, rows=ROW.replace(" 9 ", " -9 "))), key=repr, reverse=True)
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("net/dev eth0 transmit_bytes", "garbage")
    assert device == amend(ETH0, transmit_bytes=None)


def test_a_garbled_row_is_a_fault_and_hides_no_device(tmp_path: Path) -> None:
    fault, device = read(build_network(tmp_path, rows="  eth1: 1 2\n" + ROW))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("net/dev eth1", "garbage")
    assert device == ETH0


def test_a_device_that_stands_there_twice_is_told_once(tmp_path: Path) -> None:
    assert read(build_network(tmp_path, rows=ROW.replace("1 ", "0 ", 1) + ROW)) == [ETH0]


@pytest.mark.parametrize(
    "name",
    [
        "lo",
        "veth1a2b3c",
        "cilium_vxlan",
        "vxlan.calico",
        "weave",
        "antrea-gw0",
        "docker0",
        "br-0a1b2c3d4e5f",
        "cali12ab",
        "cni0",
        "flannel.1",
        "virbr0",
        "vnet3",
        "tap0",
        "lxdbr0",
        "incusbr0",
        "dummy0",
        "ifb0",
    ],
)
def test_what_containers_and_virtual_machines_make_is_left_out(name: str) -> None:
    assert re.fullmatch(Options().exclude_devices, name)


@pytest.mark.parametrize(
    "name", ["eth0", "wlan0", "enp1s0", "end0", "br0", "bond0", "wg0", "tun0", "usb0", "can0", "br-lan", "br-guest"]
)
def test_devices_that_carry_the_hosts_traffic_are_kept(name: str) -> None:
    assert not re.fullmatch(Options().exclude_devices, name)


def test_the_pattern_replaces_the_default(tmp_path: Path) -> None:
    host = build_network(tmp_path, rows=ROW + ROW.replace("eth0", "lo"))
    devices = [one.device for one in read(host, Options(exclude_devices="eth.")) if isinstance(one, Network)]
    assert devices == ["lo"]


def test_a_device_to_leave_alone_is_shown_as_such_beside_those_that_are_judged(tmp_path: Path) -> None:
    host = build_network(tmp_path, rows=ROW + ROW.replace("eth0", "eth1"))
    found = [one for one in read(host, Options(leave_alone="eth1")) if isinstance(one, Network)]
    assert [(one.device, one.left_alone) for one in found] == [("eth0", False), ("eth1", True)]


def test_a_host_of_only_devices_left_out_lacks_the_subsystem(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="container"):
        read(build_network(tmp_path, rows=ROW.replace("eth0", "lo")))


def test_rates_take_two_readings() -> None:
    later = amend(ETH0, receive_bytes=5001, transmit_bytes=10_009)
    assert network.compare(later, ETH0, 5.0) == amend(
        later, receive_bytes_per_second=1000.0, transmit_bytes_per_second=2000.0
    )


def test_a_total_that_went_back_gives_no_rate() -> None:
    found = network.compare(amend(ETH0, receive_bytes=0), ETH0, 5.0)
    assert isinstance(found, Network)
    assert (found.receive_bytes_per_second, found.transmit_bytes_per_second) == (None, 0.0)


def test_what_was_not_known_gives_no_rate_and_a_link_has_none() -> None:
    found = network.compare(ETH0, amend(ETH0, receive_bytes=None), 5.0)
    assert isinstance(found, Network)
    assert (found.receive_bytes_per_second, found.transmit_bytes_per_second) == (None, 0.0)
    assert network.compare(LINK, amend(LINK, up=False), 5.0) == LINK


def test_a_tunnel_and_a_usb_link_are_up_though_they_never_say_so() -> None:
    wireguard, usb = named("nuc")["wg0"], named("qemu-raspi4b")["usb0"]
    assert (wireguard.operstate, wireguard.up, wireguard.speed) == ("unknown", True, None)
    assert (usb.operstate, usb.up, usb.speed) == ("unknown", True, None)


def test_a_cable_that_is_out_is_told_from_a_device_that_is_off() -> None:
    unplugged, off = named("pi-4b-browning-out")["eth0"], named("pi-4b-browned-out-earlier")["wlan0"]
    assert (unplugged.up, unplugged.carrier, unplugged.speed) == (False, False, None)
    assert (off.up, off.carrier, off.speed) == (False, None, None)


@pytest.mark.parametrize("name", recorded_hosts())
def test_no_reading_holds_an_address(name: str) -> None:
    host = RecordedHost(HOSTS / name)
    folder = HOSTS / name / "sys/class/net"
    options = Options(exclude_devices="")
    text = "".join(map(repr, [*read(host, options), *links(host, options)]))
    addresses = {path.read_text().strip() for path in folder.glob("*/address")} - {""}
    assert not [address for address in addresses if address in text]


# edges


OFF = amend(LINK, operstate="down", up=False, carrier=None)
UNPLUGGED = amend(LINK, operstate="down", up=False, carrier=False, carrier_changes=4)
GONE = Link(device="eth0")


def changes(*readings: Link | Network) -> list[LinkChanged]:
    return [change for before, now in pairwise(readings) for change in network.changes(now, before)]


def test_a_link_that_goes_and_comes_is_told_each_time() -> None:
    again = amend(LINK, carrier_changes=5)
    assert changes(LINK, UNPLUGGED, again) == [
        LinkChanged(device="eth0", carrier=False, changes=1),
        LinkChanged(device="eth0", carrier=True, changes=1),
    ]


def test_a_flap_between_two_looks_is_told_by_the_kernels_count() -> None:
    assert changes(LINK, amend(LINK, carrier_changes=7)) == [LinkChanged(device="eth0", carrier=True, changes=4)]


def test_a_device_that_is_switched_off_and_on_is_told_though_its_driver_counts_nothing() -> None:
    assert changes(LINK, OFF, LINK) == [
        LinkChanged(device="eth0", carrier=None, changes=0),
        LinkChanged(device="eth0", carrier=True, changes=0),
    ]


@pytest.mark.parametrize("name", ["carrier", "carrier_changes", "operstate"])
def test_what_could_not_be_read_once_is_no_change(tmp_path: Path, name: str) -> None:
    state = {**STATE, f"{name}.ERRNO-EIO": ""}
    del state[name]
    unread = [one for one in links(build_network(tmp_path, state=state)) if isinstance(one, Link)]
    assert len(unread) == 1
    assert changes(LINK, *unread, LINK) == []


def test_a_device_that_vanishes_and_comes_back_counts_from_its_own_beginning() -> None:
    anew = amend(LINK, carrier_changes=1)
    assert changes(LINK, GONE, LINK) == []
    assert changes(LINK, anew) == [LinkChanged(device="eth0", carrier=True, changes=None)]


def test_the_first_sight_of_a_device_and_its_traffic_are_no_change() -> None:
    assert list(network.changes(LINK, None)) == []
    assert changes(LINK, amend(LINK, speed=None, mtu=9000)) == []
    assert changes(ETH0, amend(ETH0, receive_bytes=10**9)) == []


def test_the_count_of_each_device_that_is_not_left_out_is_watched(tmp_path: Path) -> None:
    host = build_network(tmp_path)
    for device in ("lo", "veth1", "wlan0"):
        (tmp_path / "sys/class/net" / device).mkdir()
        (tmp_path / "sys/class/net" / device / "carrier_changes").write_text("1\n")
    (tmp_path / "sys/class/net/bonding_masters").write_text("bond0\n")
    watches = list(network.watch(host, Options()))
    folder = f"{host.sysfs}/class/net"
    assert [watch.name for watch in watches] == [f"{folder}/eth0/carrier_changes", f"{folder}/wlan0/carrier_changes"]
    assert {watch.seconds for watch in watches} == {15.0}
