"""How often this host went down without being shut down: power cuts, crashes, resets."""

from collections.abc import Iterator
from typing import Annotated

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Unavailable
from sysvitals.model.metric import Counter, Gauge
from sysvitals.model.reading import Reading
from sysvitals.sources.os.shutdowns import read_shutdown_record
from sysvitals.sources.os.timekeeping import read_boot_id

_ORIGIN = "the history's end, judged when the exporter starts in a new boot"


class Shutdowns(Reading, event="system.shutdown.updated"):
    """How the boots before this one ended, as far as the exporter was there."""

    unclean: Annotated[
        int,
        Counter(
            "unclean_shutdowns",
            help="Boots that ended without a shutdown: the power failed, or the kernel hung, crashed or was reset. "
            "Goes on across reboots, so that increase() sees the one that just was.",
            origin=_ORIGIN,
        ),
    ]
    last_seen: Annotated[
        float | None,
        Gauge(
            "last_unclean_shutdown",
            unit="timestamp_seconds",
            help="When the host was last heard of before its last unclean shutdown, in Unix time. Absent if it never "
            "had one, or its clock could not be trusted then.",
            origin=_ORIGIN,
        ),
    ] = None


def read(host: Host) -> Iterator[Shutdowns]:
    """One reading, where what is remembered holds for the boot that we are in."""
    record = read_shutdown_record(host)
    if record is None or record.boot != read_boot_id(host):
        raise Unavailable(
            "not available in this boot: it is read from the end of the history, when `sysvitals serve` starts with "
            "history.enabled and can write to storage.path"
        )
    yield Shutdowns(unclean=record.unclean, last_seen=record.last_seen)


COLLECTOR = Collector(
    name="shutdown",
    help="Power cuts and other ends without a shutdown",
    readings=(Shutdowns,),
    read=read,
    interval=3600.0,
    max_age=300.0,
)
