"""`/proc/vmstat`: what memory management counted since boot."""

from typing import NamedTuple

from sysvitals.host.files import attempt, optional, parse_count, parse_fields
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault


class Vmstat(NamedTuple):
    """Counts since boot. What this kernel does not print is None (`oom_kills`: before 4.13), and what makes no sense.

    Swapped pages are of the kernel's page size: 4 KiB, on a Raspberry Pi 5 16 KiB by default.
    """

    oom_kills: int | None = None
    major_page_faults: int | None = None
    pages_swapped_in: int | None = None
    pages_swapped_out: int | None = None
    faults: tuple[Fault, ...] = ()


def read_vmstat(host: Host) -> Vmstat | Fault | None:
    """None where the kernel has no such file."""
    return attempt("vmstat", optional, _read, host, f"{host.procfs}/vmstat")


def parse_vmstat(text: str) -> Vmstat:
    """From lines such as `pgmajfault 2146`, of which there are some two hundred: the few are looked for."""
    lines = f"\n{text}\n"
    fields = [(name, found) for name, key in _KEYS.items() if (found := _find(lines, key)) is not None]
    counts, faults = parse_fields("vmstat", fields, parse_count)
    return Vmstat(**counts, faults=tuple(faults))


def _read(host: Host, path: str) -> Vmstat:
    return parse_vmstat(host.read_text(path))


def _find(lines: str, key: str) -> str | None:
    start = lines.find(f"\n{key} ")
    if start < 0:
        return None
    start += len(key) + 2
    return lines[start : lines.index("\n", start)]


_KEYS = {
    "oom_kills": "oom_kill",
    "major_page_faults": "pgmajfault",
    "pages_swapped_in": "pswpin",
    "pages_swapped_out": "pswpout",
}
