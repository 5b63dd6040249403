"""Fans that the kernel's hwmon chips report."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.metric import Detail, Gauge, Label
from sysvitals.model.reading import Reading
from sysvitals.sources.sys.fans import read_fans


@dataclass(frozen=True, slots=True, kw_only=True)
class Fan(Reading, event="system.fan.updated"):
    """One fan, or one output that could drive one."""

    chip: Annotated[str, Label("Driver, and device where several may be alike: `pwmfan`. The same after a reboot.")]
    fan: Annotated[str, Label("The driver's own label, or `fan1` where it gives none.")]
    speed: Annotated[
        int | None,
        Gauge(
            "fan_speed",
            unit="rpm",
            help="Revolutions a minute; 0 where the fan stands still or its tachometer is not connected.",
            origin="/sys/class/hwmon/hwmon*/fan*_input",
        ),
    ]
    duty: Annotated[
        float | None,
        Gauge(
            "fan_duty",
            unit="ratio",
            help="How much of the time the fan is driven, from 0 to 1.",
            origin="/sys/class/hwmon/hwmon*/pwm*",
        ),
    ]
    stalled: Annotated[
        bool | None,
        Gauge(
            "fan_stalled",
            help="1 while the fan is driven and does not turn: stuck, broken or unplugged, or just starting. Absent "
            "where its speed or its drive is not known.",
            origin="fan*_input and pwm* together",
        ),
    ] = None
    state: Annotated[int | None, Detail("How much the kernel's thermal control asks of the fan, from 0.")] = None
    max_state: Annotated[int | None, Detail("The most that it can ask.")] = None


def read(host: Host) -> Iterator[Fan | Fault]:
    """One reading a fan."""
    found = read_fans(host)
    if not found:
        raise Unavailable("no fan that the kernel knows; a Raspberry Pi 5 looks for its fan only while it boots")
    for f in found:
        if isinstance(f, Fault):
            yield f
        else:
            known = f.speed is not None and f.duty is not None
            stalled = not f.speed and bool(f.duty) if known else None
            yield Fan(
                chip=f.chip,
                fan=f.fan,
                speed=f.speed,
                duty=f.duty,
                stalled=stalled,
                state=f.state,
                max_state=f.max_state,
            )


COLLECTOR = Collector(name="fan", help="Fans", readings=(Fan,), read=read)
