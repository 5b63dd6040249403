"""Load averages and the number of tasks, as the kernel reports them."""

from collections.abc import Iterator
from typing import Annotated

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.metric import Gauge
from sysvitals.model.reading import Reading, tells
from sysvitals.sources.proc.loadavg import LoadAverage, read_loadavg
from sysvitals.sources.proc.lxcfs import read_lxcfs, read_own_tasks

_ORIGIN = "/proc/loadavg"


class Load(Reading, event="system.load.updated"):
    """How many tasks ran, waited for a CPU, or waited for a disk."""

    load1: Annotated[
        float | None, Gauge("load1", help="Load average over one minute.", origin=_ORIGIN, summary=True)
    ] = None
    load5: Annotated[
        float | None, Gauge("load5", help="Load average over five minutes.", origin=_ORIGIN, summary=True)
    ] = None
    load15: Annotated[float | None, Gauge("load15", help="Load average over fifteen minutes.", origin=_ORIGIN)] = None
    running: Annotated[
        int | None, Gauge("procs_running", help="Tasks that run or are ready to run.", origin=_ORIGIN)
    ] = None
    tasks: Annotated[int | None, Gauge("tasks", help="Tasks (threads) that exist.", origin=_ORIGIN)] = None


def read(host: Host) -> Iterator[Load | Fault]:
    """One reading of the whole host, or of the whole container."""
    load = read_loadavg(host)
    if read_lxcfs(host) and not _is_own(load, read_own_tasks(host)):
        raise Unavailable(
            "/proc/loadavg has the load of this container's host; lxcfs shows the container's where it is started with"
            " --enable-loadavg (-l)"
        )
    yield from load.faults
    reading = Load(load1=load.one, load5=load.five, load15=load.fifteen, running=load.running, tasks=load.tasks)
    if tells(reading):
        yield reading


def _is_own(load: LoadAverage, own: int | None) -> bool:
    """Whether the load is the container's: lxcfs binds the file over in any case.

    Then it counts just the container's tasks, as they were up to 5 s ago. The host's are always more by far.
    """
    return load.tasks is not None and own is not None and load.tasks - own < _LEAST_FOREIGN_TASKS


_LEAST_FOREIGN_TASKS = 50
"""Fewer threads no kernel has of its own: a Linux 6 with two CPUs and next to no devices has 57."""

COLLECTOR = Collector(name="load", help="Load averages and tasks", readings=(Load,), read=read)
