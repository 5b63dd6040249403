"""`/proc/self`: what this process costs, as Prometheus's client libraries measure it."""

import os
import resource
import time
from typing import NamedTuple

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.proc.stat import USER_HZ, read_boot_time


class OwnProcess(NamedTuple):
    """CPU time of all threads in seconds; memory in bytes; when it started, in Unix seconds by the clock as it is now.

    None is what is not known, and for `most_files` that there is no limit.
    """

    cpu: float
    virtual: int
    resident: int
    started: float | None
    open_files: int | None
    most_files: int | None


def read_own_process(host: Host) -> OwnProcess:
    """Read what this process costs. Raises OSError, or ValueError for text that is not the kernel's."""
    cpu_ticks, start_ticks, virtual, resident_pages = parse_process_stat(host.read_text(f"{host.procfs}/self/stat"))
    boot_time = attempt("boot time", read_boot_time, host, time.clock_gettime(time.CLOCK_BOOTTIME))
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return OwnProcess(
        cpu=cpu_ticks / USER_HZ,
        virtual=virtual,
        resident=resident_pages * resource.getpagesize(),
        started=None if boot_time is None or isinstance(boot_time, Fault) else boot_time + start_ticks / USER_HZ,
        open_files=_count_open_files(host),
        most_files=None if most_files == resource.RLIM_INFINITY else most_files,
    )


def parse_process_stat(text: str) -> tuple[int, int, int, int]:
    """CPU and start in ticks, virtual memory in bytes, resident memory in pages. Raises ValueError."""
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    try:
        user, system, start, virtual, resident = (int(fields[number]) for number in (11, 12, 19, 20, 21))
    except IndexError:
        raise ValueError(f"no /proc/self/stat: {text[:40]!r}") from None
    return user + system, start, virtual, resident


def _count_open_files(host: Host) -> int | None:
    """Count the descriptors, the one of the folder being read included, as Prometheus's client libraries do."""
    try:
        return len(os.listdir(f"{host.procfs}/self/fd"))
    except OSError:  # a process that gained privileges may not see its own
        return None
