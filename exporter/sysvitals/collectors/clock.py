"""Whether the clock is right, as far as the kernel was told."""

from collections.abc import Iterator
from typing import Annotated

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector
from sysvitals.model.metric import Gauge
from sysvitals.model.reading import Reading
from sysvitals.sources.os.timekeeping import read_clock

_ORIGIN = "adjtimex(2)"
_SYNCHRONISED = Gauge(
    "timex_sync_status",
    help="1 where the clock follows a time server or other reference, 0 where its time cannot be trusted.",
    origin=_ORIGIN,
    summary=True,
)
_OFFSET = Gauge(
    "timex_offset",
    unit="seconds",
    help="Deviation that the kernel has still to correct; 0 where a daemon such as chrony corrects it itself.",
    origin=_ORIGIN,
)
_MAXIMUM_ERROR = Gauge(
    "timex_maxerror",
    unit="seconds",
    help="Most that the clock can be wrong by. Grows while no time server is heard of, and stops at 16 s.",
    origin=_ORIGIN,
)
_ESTIMATED_ERROR = Gauge(
    "timex_estimated_error",
    unit="seconds",
    help="How much the clock is probably wrong by; 0 where the daemon does not report it to the kernel.",
    origin=_ORIGIN,
)
_FREQUENCY = Gauge(
    "timex_frequency_adjustment",
    unit="ratio",
    shown="factor",
    help="How fast the kernel makes its clock run to correct the crystal: 1.00001 is 10 ppm faster.",
    origin=_ORIGIN,
)


class Clock(Reading, event="system.clock.updated"):
    """The kernel's clock."""

    synchronised: Annotated[bool, _SYNCHRONISED]
    offset: Annotated[float, _OFFSET]
    maximum_error: Annotated[float, _MAXIMUM_ERROR]
    estimated_error: Annotated[float, _ESTIMATED_ERROR]
    frequency_adjustment: Annotated[float, _FREQUENCY]


def read(host: Host) -> Iterator[Clock]:
    """One reading of the whole host."""
    clock = read_clock(host)
    yield Clock(
        synchronised=clock.synchronised,
        offset=clock.offset,
        maximum_error=clock.maximum_error,
        estimated_error=clock.estimated_error,
        frequency_adjustment=clock.frequency,
    )


COLLECTOR = Collector(
    name="clock", help="Synchronisation of the clock", readings=(Clock,), read=read, interval=60.0, max_age=60.0
)
