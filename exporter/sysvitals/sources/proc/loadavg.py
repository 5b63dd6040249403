"""`/proc/loadavg`: how many tasks ran or waited, on average."""

from dataclasses import dataclass

from sysvitals.host.files import parse_float, parse_int
from sysvitals.host.host import Host


@dataclass(frozen=True, slots=True)
class LoadAverage:
    """Averages over 1, 5 and 15 minutes, and tasks running now out of all."""

    one: float
    five: float
    fifteen: float
    running: int
    tasks: int


def read_loadavg(host: Host) -> LoadAverage:
    """Raises OSError, or ValueError for text that is not the kernel's."""
    return parse_loadavg(host.read_text(f"{host.procfs}/loadavg"))


def parse_loadavg(text: str) -> LoadAverage:
    """From `0.20 0.18 0.12 1/80 11206`."""
    one, five, fifteen, tasks, _last_pid = text.split()
    running, _, all_tasks = tasks.partition("/")
    return LoadAverage(
        parse_float(one), parse_float(five), parse_float(fifteen), parse_int(running), parse_int(all_tasks)
    )
