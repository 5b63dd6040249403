"""`/proc/meminfo`: what the memory is used for now."""

from typing import NamedTuple

from sysvitals.host.files import parse_count, parse_fields, shorten
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault

MOST_BYTES = 1 << 52
"""What a physical address of x86-64 and of 64-bit ARM can reach: 4 PiB. More is a number that wrapped around."""


class Meminfo(NamedTuple):
    """All in bytes. What this kernel does not print, or what makes no sense, is None; the latter is among `faults`."""

    total: int | None = None
    free: int | None = None
    available: int | None = None
    buffers: int | None = None
    cached: int | None = None
    swap_total: int | None = None
    swap_free: int | None = None
    slab_reclaimable: int | None = None
    slab_unreclaimable: int | None = None
    shmem: int | None = None
    dirty: int | None = None
    writeback: int | None = None
    faults: tuple[Fault, ...] = ()


def read_meminfo(host: Host) -> Meminfo:
    """Raises OSError, or ValueError for text that is not the kernel's."""
    return parse_meminfo(host.read_text(f"{host.procfs}/meminfo"))


def parse_meminfo(text: str) -> Meminfo:
    """From lines such as `MemTotal:       24684084 kB`. A part that is larger than its whole makes no sense."""
    fields = [
        (_FIELDS[key], rest) for key, _, rest in (line.partition(":") for line in text.split("\n")) if key in _FIELDS
    ]
    if not fields:
        raise ValueError(f"no sizes in /proc/meminfo: {shorten(text)!r}")
    sizes, faults = parse_fields("meminfo", fields, _parse_size)
    if sizes.get("total") == 0:
        del sizes["total"]
        faults.append(Fault("meminfo total", "garbage", "a host without memory"))
    for name in sizes.keys() - {"total", "swap_total"}:
        whole = "swap_total" if name == "swap_free" else "total"
        if sizes[name] > sizes.get(whole, MOST_BYTES):
            faults.append(Fault(f"meminfo {name}", "garbage", f"{sizes.pop(name)} bytes, of {sizes[whole]} in all"))
    return Meminfo(**sizes, faults=tuple(faults))


def _parse_size(text: str) -> int:
    # the kernel says kB and means 1024 bytes
    number, _, unit = text.strip().partition(" ")
    if unit != "kB":
        raise ValueError(f"not a size in kB: {shorten(text)!r}")
    return parse_count(number, MOST_BYTES // 1024) * 1024


_FIELDS = {
    "MemTotal": "total",
    "MemFree": "free",
    "MemAvailable": "available",
    "Buffers": "buffers",
    "Cached": "cached",
    "SwapTotal": "swap_total",
    "SwapFree": "swap_free",
    "SReclaimable": "slab_reclaimable",
    "SUnreclaim": "slab_unreclaimable",
    "Shmem": "shmem",
    "Dirty": "dirty",
    "Writeback": "writeback",
}
