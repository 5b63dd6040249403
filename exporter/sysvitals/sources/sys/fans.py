"""Fans, as hwmon chips report them: revolutions, and the duty cycle of what drives them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from sysvitals.host.files import attempt, optional
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.sys.cooling_devices import CoolingDevice, CoolingState, find_cooling_devices, read_cooling_state
from sysvitals.sources.sys.hwmon import Chip, chips_of, read_chips, read_labels, read_value

T = TypeVar("T")

_FULL_DUTY = 255

_FASTEST = 60_000
"""In revolutions a minute. The fastest fans on sale (40 mm, for servers) reach 38,000; 65535 and -1, also without a
sign, are what drivers give for a fan that they do not hear of."""

_NOT_COMPARABLE = {
    "gpio_fan": "its speed is not measured: it is the device tree's for what was asked",
    "amdgpu": "stops its fan when cool, and some cards give 0 for one that turns",
    "nouveau": "stops its fan when cool, whatever its duty reads",
    "corsairpsu": "stops its fan under low load, whatever its duty reads",
    "dell_smm": "the duty is one of a few steps of the firmware, which stops fans when cool",
    "thinkpad": "while the firmware controls the fan, the duty is what was last set by hand",
    "w83627ehf": "while the chip controls a fan by itself, the duty is not what the fan gets",
    "w83627dhg": "as w83627ehf",
    "w83627uhg": "as w83627ehf",
    "w83667hg": "as w83627ehf",
}
"""Drivers whose speed and duty cannot be held against each other, from their sources and Documentation/hwmon."""

_ZERO_IS_OFF = frozenset({"pwmfan", "max31790"})
"""Drivers with which a `pwm1_enable` of 0 switches the fan off. Else it lets the fan run at full speed, whatever `pwm1`
reads (Documentation/ABI/testing/sysfs-class-hwmon)."""


@dataclass(frozen=True, slots=True)
class FanFiles:
    """Where a fan's values are; an empty path is none. `full` is that of the file whose 0 means full speed.

    `own` is a Raspberry Pi's own fan, which its boot loader found turning. `comparable` is whether a fan that stands
    still at a duty means something.
    """

    fan: str
    speed: str
    duty: str
    full: str
    fault: str
    control: CoolingDevice | None = None
    own: bool = False
    comparable: bool = True


@dataclass(frozen=True, slots=True)
class FanChip:
    """A chip and its fans."""

    label: str
    fans: tuple[FanFiles, ...]


@dataclass(frozen=True, slots=True)
class Fan:
    """What a fan does. `speed` is in revolutions a minute, `duty` from 0 to 1; None where the chip does not say.

    `fault` is the chip's word for a fan that failed or, with some, is not connected. `state` of `max_state` is how much
    the kernel's thermal control asks of a fan of the driver `pwm-fan`.
    """

    speed: int | None = None
    duty: float | None = None
    fault: bool | None = None
    state: int | None = None
    max_state: int | None = None


def find_fans(host: Host) -> Iterator[FanChip | Fault]:
    """Each chip with fans, and a Fault for what could not be looked at. Raises OSError for the classes' folders."""
    found = read_chips(host)
    yield from (chip for chip in found if isinstance(chip, Fault))
    for chip in chips_of(found):
        fans = _list_fans(chip)
        if fans:
            labels, faults = read_labels(host, chip, fans)
            yield from faults
            control = _find_control(host) if chip.driver == "pwmfan" else None
            files = tuple(_files(chip, fan, label, control) for fan, label in labels.items())
            yield FanChip(chip.label, files)


def read_fan(host: Host, chip: str, files: FanFiles) -> Iterator[Fan | Fault]:
    """What the fan does now, if there is anything to say, and a Fault for each part that could not be read."""
    what = f"{chip} {files.fan}"
    speed = attempt(f"{what} speed", _read_speed, host, files)
    duty = attempt(f"{what} duty", _read_duty, host, files)
    fault = attempt(f"{what} fault", _read, host, files.fault)
    control = attempt(f"{what} cooling state", _read_control, host, files)
    yield from (part for part in (speed, duty, fault, control) if isinstance(part, Fault))
    speed, duty = _known(speed), _known(duty)
    if speed is not None or duty is not None:
        fault, control = _known(fault), _known(control)
        yield Fan(
            speed=speed,
            duty=duty,
            fault=None if fault is None else fault != 0,
            state=control.state if control else None,
            max_state=control.max_state if control else None,
        )


def parse_speed(value: int) -> int:
    """Revolutions a minute. Raises ValueError for what no fan does."""
    if not 0 <= value <= _FASTEST:
        raise ValueError(f"no speed of a fan: {value}")
    return value


def parse_duty(value: int) -> float:
    """From 0 to 255. Raises ValueError beyond."""
    if not 0 <= value <= _FULL_DUTY:
        raise ValueError(f"no duty cycle: {value}")
    return value / _FULL_DUTY


def _list_fans(chip: Chip) -> list[str]:
    # what is alike in number belongs together: pwm1 drives fan1
    fans = [*chip.sensors("fan", "input"), *(f"fan{pwm.removeprefix('pwm')}" for pwm in chip.sensors("pwm", ""))]
    return fans or (["fan1"] if "rpm" in chip.files else [])


def _files(chip: Chip, fan: str, label: str, control: CoolingDevice | None) -> FanFiles:
    def path(file: str) -> str:
        return f"{chip.folder}/{file}" if file in chip.files else ""

    pwm = f"pwm{fan.removeprefix('fan')}"
    return FanFiles(
        fan=label,
        speed=path(f"{fan}_input") or path("rpm"),  # as NVIDIA's tachometer calls it
        duty=path(pwm),
        full="" if chip.driver in _ZERO_IS_OFF else path(f"{pwm}_enable"),
        fault=path(f"{fan}_fault"),
        control=control,
        own=chip.driver == "pwmfan" and chip.device == "cooling_fan",
        comparable=chip.driver not in _NOT_COMPARABLE,
    )


def _find_control(host: Host) -> CoolingDevice | None:
    found = find_cooling_devices(host)
    devices = [device for device in found if isinstance(device, CoolingDevice) and device.type == "pwm-fan"]
    # with two of them it is not known which belongs to which
    return devices[0] if len(devices) == 1 else None


def _read_speed(host: Host, files: FanFiles) -> int | None:
    value = _read(host, files.speed)
    return None if value is None else parse_speed(value)


def _read_duty(host: Host, files: FanFiles) -> float | None:
    value = _read(host, files.duty)
    if value is None:
        return None
    return 1.0 if _read(host, files.full) == 0 else parse_duty(value)


def _read_control(host: Host, files: FanFiles) -> CoolingState | None:
    return read_cooling_state(host, files.control) if files.control else None


def _known(part: T | Fault) -> T | None:
    return None if isinstance(part, Fault) else part


def _read(host: Host, path: str) -> int | None:
    return optional(read_value, host, path) if path else None
