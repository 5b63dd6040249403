"""When this host was started, how long it is up, and which boot this is."""

from collections.abc import Iterator
from typing import Annotated

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault
from sysvitals.model.metric import Detail, Gauge
from sysvitals.model.reading import Reading, amend, tells
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
    shown="timestamp_seconds",
    help="Unix time of boot by the wall clock as it is now: it moves when that is set, and is absent until then.",
    origin="/proc/stat btime",
)


class Boot(Reading, event="system.boot.updated"):
    """The boot that this host runs since."""

    uptime: Annotated[float | None, _UPTIME] = None
    boot_time: Annotated[int | None, _BOOT_TIME] = None
    boot_id: Annotated[str | None, Detail("Random id that the kernel gave this boot.")] = None


def read(host: Host) -> Iterator[Boot | Fault]:
    """One reading. What cannot be read of it hides nothing else."""
    uptime = attempt("uptime", read_uptime, host)
    boot_time = attempt("boot time", read_boot_time, host, None if isinstance(uptime, Fault) else uptime)
    boot_id = attempt("boot id", read_boot_id, host)
    yield from (value for value in (uptime, boot_time, boot_id) if isinstance(value, Fault))
    reading = Boot(
        uptime=None if isinstance(uptime, Fault) else uptime,
        boot_time=None if isinstance(boot_time, Fault) else boot_time,
        boot_id=None if isinstance(boot_id, Fault) else boot_id,
    )
    if tells(reading):
        yield _correct(reading, host.time())


def _correct(boot: Boot, now: float) -> Boot:
    """With the boot time of a container whose uptime is its own, while /proc/stat has that of its host: an earlier one.

    A kernel prints the boot time as the time now less the uptime, so that the two differ by a rounding at most.
    """
    if boot.uptime is None or boot.boot_time is None or now - boot.uptime - boot.boot_time < _TOLERANCE_SECONDS:
        return boot
    return amend(boot, boot_time=round(now - boot.uptime))


def compare(now: Boot, before: Boot, _seconds: float | None) -> Boot:
    """With the boot time of the reading before where they differ by a rounding only."""
    if now.boot_time is None or before.boot_time is None or abs(now.boot_time - before.boot_time) > 1:
        return now
    return amend(now, boot_time=before.boot_time)


_TOLERANCE_SECONDS = 60.0
"""Time may pass, or the clock be set, between the looks at the three."""

COLLECTOR = Collector(
    name="boot",
    help="Boot time and uptime",
    readings=(Boot,),
    read=read,
    compare=compare,
    interval=60.0,
    max_age=1.0,
)
