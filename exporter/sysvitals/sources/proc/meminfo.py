"""`/proc/meminfo`: what the memory is used for now."""

from dataclasses import dataclass

from sysvitals.host.files import parse_int, shorten
from sysvitals.host.host import Host


@dataclass(frozen=True, slots=True)
class Meminfo:
    """All in bytes. What this kernel does not print is None."""

    total: int
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


def read_meminfo(host: Host) -> Meminfo:
    """Raises OSError, or ValueError for text that is not the kernel's."""
    return parse_meminfo(host.read_text(f"{host.procfs}/meminfo"))


def parse_meminfo(text: str) -> Meminfo:
    """From lines such as `MemTotal:       24684084 kB`."""
    values: dict[str, int] = {}
    for line in text.split("\n"):
        key, _, rest = line.partition(":")
        name = _FIELDS.get(key)
        if name is not None:
            values[name] = _parse_kilobytes(line, rest)
    if "total" not in values:
        raise ValueError(f"no MemTotal in /proc/meminfo: {shorten(text)!r}")
    return Meminfo(**values)


def _parse_kilobytes(line: str, text: str) -> int:
    # the kernel says kB and means 1024 bytes
    number, _, unit = text.strip().partition(" ")
    kilobytes = parse_int(number) if unit == "kB" else -1
    if kilobytes < 0:
        raise ValueError(f"not a size in kB: {shorten(line)!r}")
    return kilobytes * 1024


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
