"""`/sys/class/net/*`: the state of each network device."""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from sysvitals.host.files import fault, parse_count, parse_int, read_int, shorten
from sysvitals.host.host import Host, natural
from sysvitals.host.sysfs import list_names
from sysvitals.model.collector import Fault
from sysvitals.model.plausible import LINK_SPEED, MTU

T = TypeVar("T")


class Interface(NamedTuple):
    """State of one network device; None stands for what the kernel does not tell. `speed` in megabits per second.

    `up` is whether it can carry packets: `operstate` is `up`, or `unknown` while it is switched on (loopback, tunnels
    and USB gadgets never say more). `carrier` is None while it is switched off.
    """

    operstate: str | None
    up: bool | None
    carrier: bool | None
    carrier_changes: int | None
    speed: int | None
    mtu: int | None
    faults: tuple[Fault, ...]


def read_interface(host: Host, device: str) -> Interface:
    """One device's state. What cannot be read is None and among the faults; a device that is gone is all None."""
    faults: list[Fault] = []
    operstate = _read(host, device, "operstate", parse_operstate, faults)
    up = None if operstate is None else operstate == "up"
    if operstate == "unknown":
        up = _read(host, device, "flags", _parse_is_switched_on, faults)
    carrier = _read(host, device, "carrier", _parse_bool, faults)
    return Interface(
        operstate=operstate,
        up=up,
        carrier=carrier,
        carrier_changes=_read(host, device, "carrier_changes", _parse_changes, faults),
        # a link that is down has no speed, and asking takes a lock and, with some drivers, the bus
        speed=_read(host, device, "speed", parse_speed, faults) if carrier and not _is_tunnel(host, device) else None,
        mtu=_read(host, device, "mtu", _parse_mtu, faults),
        faults=tuple(faults),
    )


def read_carrier(host: Host, device: str) -> bool | Fault | None:
    """Whether one device's link has something at its other end; None while it is switched off, or gone."""
    faults: list[Fault] = []
    carrier = _read(host, device, "carrier", _parse_bool, faults)
    return faults[0] if faults else carrier


def read_devices(host: Host) -> list[str]:
    """Names of all network devices. Raises OSError."""
    folder = f"{host.sysfs}/class/net"
    return [name for name in list_names(host, folder) if host.exists(f"{folder}/{name}/carrier_changes")]


def order_devices(host: Host, devices: Iterable[str]) -> list[str]:
    """Names of devices: where there are many, those of hardware first, and each kind in the order of its names.

    Programs make devices by the thousand, and before Linux 6.6 the kernel's table has them in the order of a hash.
    """
    names = [*devices]
    if len(names) <= _FEW_DEVICES:
        return names
    folder = f"{host.sysfs}/class/net"
    return sorted(names, key=lambda name: (not host.exists(f"{folder}/{name}/device"), natural(name)))


def read_wifi_devices(host: Host) -> list[str]:
    """Names of devices that a Wi-Fi driver made. Raises OSError."""
    folder = f"{host.sysfs}/class/net"
    return [name for name in list_names(host, folder) if host.exists(f"{folder}/{name}/phy80211")]


def shows_own_links(host: Host) -> bool:
    """Whether `sysfs` shows the network devices of this process's namespace: by name, number and hardware address."""
    folder = f"{host.sysfs}/class/net"
    try:
        own = {name: number for number, name in socket.if_nameindex()}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
            return own.keys() == set(read_devices(host)) and all(
                read_int(host, f"{folder}/{name}/ifindex") == number
                and _is_address(host.read_text(f"{folder}/{name}/address"), _ask_address(channel, name))
                for name, number in own.items()
            )
    except (OSError, ValueError):
        return False


def parse_operstate(text: str) -> str:
    """One of RFC 2863's states, in lower case and without spaces: `lowerlayerdown`."""
    if text not in _OPERSTATES:
        raise ValueError(f"not an operational state: {shorten(text)!r}")
    return text


def parse_speed(text: str) -> int | None:
    """Megabits per second; drivers that do not know print -1, 0, or it in 16 or 32 bits without a sign."""
    speed = parse_int(text)
    return None if speed in _UNKNOWN_SPEEDS else LINK_SPEED.check(speed)


def _read(host: Host, device: str, name: str, parse: Callable[[str], T], faults: list[Fault]) -> T | None:
    try:
        return parse(host.read_text(f"{host.sysfs}/class/net/{device}/{name}"))
    except (OSError, ValueError) as error:
        if not isinstance(error, OSError) or error.errno not in _UNTOLD:
            faults.append(fault(f"{device} {name}", error))
        return None


def _ask_address(channel: socket.socket, device: str) -> bytes:
    """The device's hardware address by netdevice(7), up to the 14 bytes of a `struct sockaddr`."""
    request = struct.pack("40s", os.fsencode(device))
    return fcntl.ioctl(channel, _SIOCGIFHWADDR, request)[18:32]


def _is_address(text: str, address: bytes) -> bool:
    return address.startswith(bytes.fromhex(text.replace(":", ""))[:14])


def _is_tunnel(host: Host, device: str) -> bool:
    """Whether a program is at its other end. Such a device is as fast as that, and gives a fixed speed (net/tun.c)."""
    return host.exists(f"{host.sysfs}/class/net/{device}/tun_flags")


def _parse_bool(text: str) -> bool:
    return bool(parse_count(text, 1))


def _parse_changes(text: str) -> int:
    # the kernel prints an int: what is beyond has wrapped around
    return parse_count(text, (1 << 31) - 1)


def _parse_mtu(text: str) -> int:
    return MTU.check(parse_int(text))


def _parse_is_switched_on(text: str) -> bool:
    if len(text) > 10:
        raise ValueError(f"not flags: {shorten(text)!r}")
    return bool(int(text, 16) & _IFF_UP)


_FEW_DEVICES = 64
"""Up to so many their order does not matter, since none is left out, and no scrape pays for it."""

_IFF_UP = 1
_SIOCGIFHWADDR = 0x8927
_UNKNOWN_SPEEDS = frozenset({-1, 0, 0xFFFF, 0xFFFFFFFF})
_OPERSTATES = frozenset({"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"})

# EINVAL is how the kernel says that a device which is switched off has no carrier, and that Wi-Fi has no speed
_UNTOLD = frozenset({errno.EINVAL, errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO})
