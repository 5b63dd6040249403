"""Load averages and the number of tasks, as the kernel reports them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector
from sysvitals.model.metric import Gauge
from sysvitals.model.reading import Reading
from sysvitals.sources.proc.loadavg import read_loadavg

_ORIGIN = "/proc/loadavg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(Reading, event="system.load.updated"):
    """How many tasks ran, waited for a CPU, or waited for a disk."""

    load1: Annotated[float, Gauge("load1", help="Load average over one minute.", origin=_ORIGIN)]
    load5: Annotated[float, Gauge("load5", help="Load average over five minutes.", origin=_ORIGIN)]
    load15: Annotated[float, Gauge("load15", help="Load average over fifteen minutes.", origin=_ORIGIN)]
    running: Annotated[int, Gauge("procs_running", help="Tasks that run or are ready to run.", origin=_ORIGIN)]
    tasks: Annotated[int, Gauge("tasks", help="Tasks (threads) that exist.", origin=_ORIGIN)]


def read(host: Host) -> Iterator[Load]:
    """One reading of the whole host."""
    load = read_loadavg(host)
    yield Load(load1=load.one, load5=load.five, load15=load.fifteen, running=load.running, tasks=load.tasks)


COLLECTOR = Collector(name="load", help="Load averages and tasks", readings=(Load,), read=read, interval=5.0)
