from pathlib import Path

from sysvitals.sources.sys.mac_addresses import read_mac_addresses
from tests.building import build_host

NET = "sys/class/net"


def test_addresses_are_those_of_devices_each_once(tmp_path: Path) -> None:
    addresses = {
        "wlan0": ("dc:a6:32:00:00:02", True),
        "eth0": ("dc:a6:32:00:00:01", True),
        "eth0.5": ("dc:a6:32:00:00:01", True),
        "lo": ("00:00:00:00:00:00", False),
        "docker0": ("02:42:aa:bb:cc:dd", False),
        "can0": ("", True),
        "dummy": ("00:00:00:00:00:00", True),
    }
    files = {f"{NET}/{name}/address": f"{address}\n" for name, (address, _) in addresses.items()}
    files |= {f"{NET}/{name}/device/uevent": "" for name, (_, device) in addresses.items() if device}
    files[f"{NET}/bonding_masters"] = "bond0\n"
    host = build_host(tmp_path, files)
    assert read_mac_addresses(host) == ["dc:a6:32:00:00:01", "dc:a6:32:00:00:02"]


def test_a_host_without_network_has_none(tmp_path: Path) -> None:
    assert read_mac_addresses(build_host(tmp_path, {})) == []
