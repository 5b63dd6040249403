"""The device tree, by which boards without a BIOS tell what they are. Read below /sys, where it really lies.

/proc/device-tree is only a link to it, and an absolute one, which leads astray where /proc is mounted elsewhere.
"""

from sysvitals.host.files import optional
from sysvitals.host.host import Host
from sysvitals.host.sysfs import read_label


def read_property_text(host: Host, name: str) -> str | None:
    """A property that is one text, such as `model`; None where it is not there."""
    return optional(read_label, host, _path(host, name)) or None


def read_property_texts(host: Host, name: str) -> tuple[str, ...]:
    """A property that is a list of texts, such as `compatible`; none where it is not there."""
    text = optional(_read_text, host, _path(host, name)) or ""
    return tuple(part for part in text.split("\0") if part)


def read_property_number(host: Host, name: str) -> int | None:
    """A property that is one 32-bit number; None where it is not there. Raises ValueError for another length."""
    data = optional(_read_bytes, host, _path(host, name))
    return None if data is None else parse_u32(data)


def parse_u32(data: bytes) -> int:
    """The device tree's numbers are big-endian on all machines."""
    if len(data) != 4:
        raise ValueError(f"not a 32-bit number: {len(data)} bytes")
    return int.from_bytes(data, "big")


def _path(host: Host, name: str) -> str:
    return f"{host.sysfs}/firmware/devicetree/base/{name}"


def _read_text(host: Host, path: str) -> str:
    return host.read_text(path)


def _read_bytes(host: Host, path: str) -> bytes:
    return host.read_bytes(path)
