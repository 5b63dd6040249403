"""How long tasks had to wait because CPU, memory or disks were short: the kernel's pressure stall information."""

from collections.abc import Iterator
from typing import Annotated

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.metric import Counter, Detail, Label
from sysvitals.model.reading import Reading, tells
from sysvitals.sources.proc.lxcfs import read_lxcfs
from sysvitals.sources.proc.pressure import RESOURCES, Stall, read_pressure

_ORIGIN = "/proc/pressure"
_WAITING = Counter(
    "pressure_waiting",
    unit="seconds",
    help="Time since boot in which at least one task waited for the resource.",
    origin=f"{_ORIGIN}/* some",
    summary=True,
)
_STALLED = Counter(
    "pressure_stalled",
    unit="seconds",
    help="Time since boot in which nothing got done, because all tasks waited for the resource.",
    origin=f"{_ORIGIN}/* full",
    summary=True,
)
_Waiting = Annotated[float | None, Detail("Average time in which at least one task waited.", unit="percent")]
_Stalled = Annotated[float | None, Detail("Average time in which all tasks waited.", unit="percent")]


class Pressure(Reading, event="system.pressure.updated"):
    """One resource. The kernel measures no waiting for `irq`, and no stall of the whole host for want of `cpu`."""

    resource: Annotated[str, Label("What tasks waited for.", values=RESOURCES)]
    waiting: Annotated[float | None, _WAITING] = None
    waiting_percent_10s: _Waiting = None
    waiting_percent_60s: _Waiting = None
    waiting_percent_300s: _Waiting = None
    stalled: Annotated[float | None, _STALLED] = None
    stalled_percent_10s: _Stalled = None
    stalled_percent_60s: _Stalled = None
    stalled_percent_300s: _Stalled = None


def read(host: Host) -> Iterator[Pressure | Fault]:
    """One reading for each resource that the kernel measures."""
    lxcfs = read_lxcfs(host)
    if lxcfs and not any(name.startswith("pressure/") for name in lxcfs):
        raise Unavailable("/proc/pressure is that of this container's host; lxcfs 7.0 or later shows the container's")
    found = [(resource, read_pressure(host, resource)) for resource in RESOURCES]
    if all(pressure is None for _, pressure in found):
        raise Unavailable(
            "the kernel does not measure pressure: start it with `psi=1` on its command line"
            " (Raspberry Pi: /boot/firmware/cmdline.txt), if it was built with CONFIG_PSI"
        )
    for resource, pressure in found:
        if isinstance(pressure, Fault):
            yield pressure
        elif pressure is not None:
            yield from pressure.faults
            # of the CPU the kernel prints a stall of the whole host for compatibility, always 0
            reading = _reading(resource, pressure.some, None if resource == "cpu" else pressure.full)
            if tells(reading):
                yield reading


def _reading(resource: str, some: Stall | None, full: Stall | None) -> Pressure:
    return Pressure(
        resource=resource,
        waiting=some.total if some else None,
        waiting_percent_10s=some.average10 if some else None,
        waiting_percent_60s=some.average60 if some else None,
        waiting_percent_300s=some.average300 if some else None,
        stalled=full.total if full else None,
        stalled_percent_10s=full.average10 if full else None,
        stalled_percent_60s=full.average60 if full else None,
        stalled_percent_300s=full.average300 if full else None,
    )


COLLECTOR = Collector(name="pressure", help="Pressure on CPU, memory and disks", readings=(Pressure,), read=read)
