"""`/proc/vmstat`: what memory management counted since boot."""

from dataclasses import dataclass

from sysvitals.host.files import attempt, optional, parse_int
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault


@dataclass(frozen=True, slots=True)
class Vmstat:
    """Counts since boot. What this kernel does not print is None (`oom_kills`: before 4.13).

    Swapped pages are of the kernel's page size: 4 KiB, on a Raspberry Pi 5 16 KiB by default.
    """

    oom_kills: int | None
    major_page_faults: int | None
    pages_swapped_in: int | None
    pages_swapped_out: int | None


def read_vmstat(host: Host) -> Vmstat | Fault | None:
    """None where the kernel has no such file."""
    return attempt("vmstat", optional, _read, host, f"{host.procfs}/vmstat")


def parse_vmstat(text: str) -> Vmstat:
    """From lines such as `pgmajfault 2146`, of which there are some two hundred: the few are looked for."""
    lines = f"\n{text}\n"
    return Vmstat(*(_find(lines, key) for key in ("oom_kill", "pgmajfault", "pswpin", "pswpout")))


def _read(host: Host, path: str) -> Vmstat:
    return parse_vmstat(host.read_text(path))


def _find(lines: str, key: str) -> int | None:
    start = lines.find(f"\n{key} ")
    if start < 0:
        return None
    start += len(key) + 2
    number = parse_int(lines[start : lines.index("\n", start)])
    if number < 0:
        raise ValueError(f"{key} below zero: {number}")
    return number
