"""When this host was started, how long it is up, and which boot this is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault
from sysvitals.model.metric import Detail, Gauge
from sysvitals.model.reading import Reading
from sysvitals.sources.os.timekeeping import read_boot_id, read_uptime
from sysvitals.sources.proc.stat import read_boot_time

_UPTIME = Gauge(
    "uptime",
    unit="seconds",
    help="Time since boot. It does not jump when the clock is set, and falls only when the host starts again.",
    origin="/proc/uptime",
)
_BOOT_TIME = Gauge(
    "boot_time",
    unit="seconds",
    help="Unix time of boot by the wall clock as it is now: it moves when the clock is set. Absent until then.",
    origin="/proc/stat btime",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot(Reading, event="system.boot.updated"):
    """The boot that this host runs since."""

    uptime: Annotated[float, _UPTIME]
    boot_time: Annotated[int | None, _BOOT_TIME] = None
    boot_id: Annotated[str | None, Detail("Random id that the kernel gave this boot.")] = None


def read(host: Host) -> Iterator[Boot | Fault]:
    """One reading. Only the uptime is indispensable."""
    uptime = read_uptime(host)
    boot_time = attempt("boot time", read_boot_time, host)
    boot_id = attempt("boot id", read_boot_id, host)
    if isinstance(boot_time, Fault):
        yield boot_time
        boot_time = None
    if isinstance(boot_id, Fault):
        yield boot_id
        boot_id = None
    yield Boot(uptime=uptime, boot_time=boot_time, boot_id=boot_id)


COLLECTOR = Collector(name="boot", help="Boot time and uptime", readings=(Boot,), read=read, interval=60.0, max_age=1.0)
