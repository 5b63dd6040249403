"""What a device of sysfs is known by: names that are the same after a reboot.

The kernel numbers SCSI hosts, ATA ports, NVMe drives, USB buses, Wi-Fi radios, one-wire masters, and I2C adapters on
PCI and USB in the order in which it finds them, and it looks for several at the same time: the numbers may differ from
boot to boot. PCI addresses, ports, addresses on a bus, one-wire ids and the names of a board's own controllers stay.
"""

import re

from sysvitals.host.files import optional
from sysvitals.host.host import Host
from sysvitals.host.sysfs import read_label

_SERIALS = {"scsi": "wwid", "nvme": "serial"}
"""The file of a device on this bus that tells it from all others in the world."""


def resolve_device(host: Host, path: str) -> str:
    """Where the device really is, below sysfs: `devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0`."""
    return host.resolve(path).removeprefix(host.resolve(host.sysfs)).lstrip("/")


def find_bus(path: str) -> str:
    """The bus on which the kernel reads one device at a time: `w1_bus_master1`, else the outermost `i2c-1`, else ""."""
    parts = path.split("/")
    return next((part for bus in (_ONE_WIRE_MASTER, _I2C_ADAPTER) for part in parts if bus.fullmatch(part)), "")


def find_place(host: Host, path: str) -> str:
    """Where a device is plugged in, by names that stay: `0000:00:17.0-2`, `1-0048`, `28-000005e2fdc3`; "" for nowhere.

    The number of an I2C adapter counts where it is a board's own: the device tree numbers those.
    """
    place: list[str] = []
    counted = False
    parts = path.split("/")
    for index, part in enumerate(parts[1:], 2):
        if _PCI.fullmatch(part) or _ONE_WIRE.fullmatch(part):
            place, counted = [part], False
        elif found := _I2C_ADAPTER.fullmatch(part):
            place = _place_adapter(host, "/".join(parts[:index]), place, found[1], inside=counted)
            counted = True
        elif found := _ADDRESS.fullmatch(part):
            place += [address for address in found.groups() if address and address != "0:0:0"]
        elif found := _USB_PORT.fullmatch(part):
            place = [*place[:1], found[1]]  # a port's name holds those of the hubs before it
        elif _ATA_PORT.fullmatch(part):
            number = optional(read_label, host, f"{host.sysfs}/{'/'.join(parts[:index])}/ata_port/{part}/port_no")
            place, counted = [*place, *filter(None, [number])], True
        elif _NUMBERED.fullmatch(part):
            counted = True
        elif not counted and (_NODE.fullmatch(part) or not _is_pci(place)):
            place = [part]
    return "-".join(place)


def read_identity(host: Host, device: str, bus: str) -> str:
    """Model and a hash of the serial number, as `ST4000VN008-2DR1-1f0c9a37`, where the device has one; else "".

    The hash is short and one-way: it tells devices apart and does not give the number away. Raises OSError.
    """
    serial = optional(read_label, host, f"{device}/{_SERIALS[bus]}") if bus in _SERIALS else None
    if not serial or not serial.strip("0"):
        return ""
    from hashlib import sha256  # noqa: PLC0415  # OpenSSL, 3.7 MiB, for hosts with such drives

    model = optional(read_label, host, f"{device}/model") or ""
    words = [*re.findall(r"[A-Za-z0-9.]+", model), sha256(f"{model} {serial}".encode()).hexdigest()[:8]]
    return "-".join(words)


def _place_adapter(host: Host, path: str, place: list[str], number: str, *, inside: bool) -> list[str]:
    if inside:
        # behind another adapter, as the channel of a switch, or on USB
        channel = re.search(r"chan_id (\d+)", optional(read_label, host, f"{host.sysfs}/{path}/name") or "")
        return [*place, f"channel{channel[1]}"] if channel else place
    return place if _is_pci(place) else [number]


def _is_pci(place: list[str]) -> bool:
    return bool(place and _PCI.fullmatch(place[0]))


_ONE_WIRE_MASTER = re.compile(r"w1_bus_master\d+")
_ONE_WIRE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{8,}")
_I2C_ADAPTER = re.compile(r"i2c-(\d+)")
_PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_NODE = re.compile(r"[0-9a-f]{4,}\.[a-z][a-z0-9_,-]*")
"""A device of the device tree, by address and kind: `1f00074000.i2c`. Those of a Raspberry Pi 5 are behind PCI."""
_USB_PORT = re.compile(r"\d+-(\d+(?:\.\d+)*)")
_ATA_PORT = re.compile(r"ata\d+")
_ADDRESS = re.compile(r"\d+-([0-9a-f]{4})|\d+:(\d+:\d+:\d+)")
"""Of an I2C chip on its adapter, of a SCSI device on its host."""
_NUMBERED = re.compile(
    r"usb\d+|\d+-[\d.]+:\d+\.\d+|host\d+|target\d+:\d+:\d+|w1_bus_master\d+|nvme|nvme\d+|ieee80211|phy\d+"
    r"|[0-9A-F]{4}:[0-9A-F]{4}:[0-9A-F]{4}\.[0-9A-F]{4}"
)
"""Counted by the kernel, or said by another part: USB buses and interfaces, SCSI hosts, drives, radios, HID devices."""
