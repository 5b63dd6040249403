"""Whether this machine is held back by heat: cooling devices that slow it down, and Intel's own counters."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Annotated

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Probe, Unavailable
from sysvitals.model.metric import Counter, Detail, Gauge, Label
from sysvitals.model.reading import Reading
from sysvitals.sources.sys.cooling_devices import CoolingDevice, CoolingState, find_cooling_devices, read_cooling_state
from sysvitals.sources.sys.core_throttle import ThrottleCounter, find_throttle_counters, read_throttles

_PACKAGE = Label("Number of the processor's package.")
_COUNTS = "/sys/devices/system/cpu/cpu*/thermal_throttle/{}_throttle_count"
_TIMES = "/sys/devices/system/cpu/cpu*/thermal_throttle/{}_throttle_total_time_ms"
_EPISODES_HELP = "How often the {} was slowed down for heat since boot."
_SECONDS_HELP = "How long the {} was slowed down for heat since boot; an episode is added when it ends."


class HeatLimit(Reading, event="system.cooling.updated"):
    """Whether the kernel slows a component down because it is hot. A Raspberry Pi's firmware does that by itself."""

    component: Annotated[str, Label("What is slowed down.", values=("cpu", "gpu"))]
    limited: Annotated[
        bool,
        Gauge(
            "heat_limited",
            help="1 while the kernel slows the component down because of heat. Firmware that does it by itself, as a "
            "Raspberry Pi's, shows in system_throttled. Absent while none of its cooling devices gives a state.",
            origin="/sys/class/thermal/cooling_device*/cur_state",
            summary=True,
        ),
    ]
    state: Annotated[int, Detail("The highest state of its cooling devices; 0 does nothing.")]
    devices: Annotated[int, Detail("How many cooling devices slow the component down.")]


class CoreThrottles(Reading, event="system.cpu.core.throttling.updated"):
    """How often and how long one core of an Intel processor was slowed down for heat."""

    package: Annotated[str, _PACKAGE]
    core: Annotated[str, Label("Number of the core within its package.")]
    episodes: Annotated[
        int, Counter("cpu_core_throttles", help=_EPISODES_HELP.format("core"), origin=_COUNTS.format("core"))
    ]
    seconds: Annotated[
        float | None,
        Counter(
            "cpu_core_throttle",
            unit="seconds",
            help=_SECONDS_HELP.format("core"),
            origin=_TIMES.format("core"),
            summary=True,
        ),
    ] = None


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
            summary=True,
            origin=_TIMES.format("package"),
        ),
    ] = None


def find(host: Host) -> Iterator[Probe | Fault]:
    """A probe for each component that can be slowed down, and one for the counters of Intel's processors."""
    found = [*find_cooling_devices(host), *find_throttle_counters(host)]
    faults = [item for item in found if isinstance(item, Fault)]
    devices: dict[str, list[CoolingDevice]] = {}
    for item in found:
        if isinstance(item, CoolingDevice) and item.slows:
            devices.setdefault(item.slows, []).append(item)
    counters = [item for item in found if isinstance(item, ThrottleCounter)]
    if not devices and not counters and not faults:
        raise Unavailable("no thermal cooling devices, and not an Intel processor")
    yield from faults
    for component, slowing in devices.items():
        yield Probe(component, partial(_read_limit, host, component, slowing))
    if counters:
        yield Probe("thermal_throttle", partial(_read_counters, host, counters))


def _read_limit(host: Host, component: str, devices: Iterable[CoolingDevice]) -> Iterator[HeatLimit | Fault]:
    found = [attempt(device.name, read_cooling_state, host, device) for device in devices]
    yield from (state for state in found if isinstance(state, Fault))
    states = [state.state for state in found if isinstance(state, CoolingState)]
    if states:
        yield HeatLimit(component=component, limited=max(states) > 0, state=max(states), devices=len(states))


def _read_counters(
    host: Host, counters: Iterable[ThrottleCounter]
) -> Iterator[CoreThrottles | PackageThrottles | Fault]:
    for item in read_throttles(host, counters):
        if isinstance(item, Fault):
            yield item
            continue
        seconds = None if item.milliseconds is None else item.milliseconds / 1000
        package = str(item.package)
        if item.core is None:
            yield PackageThrottles(package=package, episodes=item.episodes, seconds=seconds)
        else:
            yield CoreThrottles(package=package, core=str(item.core), episodes=item.episodes, seconds=seconds)


COLLECTOR = Collector(
    name="cooling",
    help="Whether the kernel slows this machine down for heat",
    readings=(HeatLimit, CoreThrottles, PackageThrottles),
    find=find,
    subsystems=("thermal", "cpu"),
    interval=15.0,
)
