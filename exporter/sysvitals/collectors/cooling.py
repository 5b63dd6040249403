"""Whether this machine is held back by heat: cooling devices that slow it down, and Intel's own counters."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.metric import Counter, Detail, Gauge, Label
from sysvitals.model.reading import Reading
from sysvitals.sources.sys.core_throttle import Throttles, read_throttles
from sysvitals.sources.sys.thermal import CoolingDevice, read_cooling_devices

_SLOWING = {
    "Processor": "cpu",
    "cpufreq-": "cpu",
    "thermal-cpufreq": "cpu",
    "cpuidle-": "cpu",
    "cpu-throttle": "cpu",
    "gpu-throttle": "gpu",
}
"""What cooling devices slow down, by how their types begin. Fans are cooling devices too, and slow nothing down."""

_PACKAGE = Label("Number of the processor's package.")
_COUNTS = "/sys/devices/system/cpu/cpu*/thermal_throttle/{}_throttle_count"
_TIMES = "/sys/devices/system/cpu/cpu*/thermal_throttle/{}_throttle_total_time_ms"
_EPISODES_HELP = "How often the {} was slowed down for heat since boot."
_SECONDS_HELP = "How long the {} was slowed down for heat since boot; an episode is added when it ends."


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatLimit(Reading, event="system.cooling.updated"):
    """Whether the kernel slows a component down because it is hot. A Raspberry Pi's firmware does that by itself."""

    component: Annotated[str, Label("What is slowed down.", values=("cpu", "gpu"))]
    limited: Annotated[
        bool,
        Gauge(
            "heat_limited",
            help="1 while the kernel slows the component down because of heat. Firmware that does it by itself, as a "
            "Raspberry Pi's, shows in system_throttled.",
            origin="/sys/class/thermal/cooling_device*/cur_state",
        ),
    ]
    state: Annotated[int, Detail("The highest state of its cooling devices; 0 does nothing.")]
    devices: Annotated[int, Detail("How many cooling devices slow the component down.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreThrottles(Reading, event="system.cpu.core.throttling.updated"):
    """How often and how long one core of an Intel processor was slowed down for heat."""

    package: Annotated[str, _PACKAGE]
    core: Annotated[str, Label("Number of the core within its package.")]
    episodes: Annotated[
        int, Counter("cpu_core_throttles", help=_EPISODES_HELP.format("core"), origin=_COUNTS.format("core"))
    ]
    seconds: Annotated[
        float | None,
        Counter("cpu_core_throttle", unit="seconds", help=_SECONDS_HELP.format("core"), origin=_TIMES.format("core")),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageThrottles(Reading, event="system.cpu.package.throttling.updated"):
    """How often and how long a whole Intel processor was slowed down for heat."""

    package: Annotated[str, _PACKAGE]
    episodes: Annotated[
        int, Counter("cpu_package_throttles", help=_EPISODES_HELP.format("package"), origin=_COUNTS.format("package"))
    ]
    seconds: Annotated[
        float | None,
        Counter(
            "cpu_package_throttle",
            unit="seconds",
            help=_SECONDS_HELP.format("package"),
            origin=_TIMES.format("package"),
        ),
    ] = None


def read(host: Host) -> Iterator[HeatLimit | CoreThrottles | PackageThrottles | Fault]:
    """One reading for each component that can be slowed down, and each core and package that counts."""
    found: list[CoolingDevice | Throttles | Fault] = [*read_cooling_devices(host, *_SLOWING), *read_throttles(host)]
    if not found:
        raise Unavailable("nothing that the kernel slows down for heat: no such cooling device, no Intel processor")
    yield from (item for item in found if isinstance(item, Fault))
    yield from _limits(item for item in found if isinstance(item, CoolingDevice))
    for item in found:
        if isinstance(item, Throttles):
            seconds = None if item.milliseconds is None else item.milliseconds / 1000
            package = str(item.package)
            if item.core is None:
                yield PackageThrottles(package=package, episodes=item.episodes, seconds=seconds)
            else:
                yield CoreThrottles(package=package, core=str(item.core), episodes=item.episodes, seconds=seconds)


def _limits(devices: Iterable[CoolingDevice]) -> Iterator[HeatLimit]:
    states: dict[str, list[int]] = {}
    for device in devices:
        component = next(slowed for kind, slowed in _SLOWING.items() if device.type.startswith(kind))
        states.setdefault(component, []).append(device.state)
    for component, found in states.items():
        state = max(found)
        yield HeatLimit(component=component, limited=state > 0, state=state, devices=len(found))


COLLECTOR = Collector(
    name="cooling",
    help="Whether the kernel slows this machine down for heat",
    readings=(HeatLimit, CoreThrottles, PackageThrottles),
    read=read,
    interval=15.0,
)
