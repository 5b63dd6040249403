"""Fans, as hwmon chips report them: revolutions, and the duty cycle of what drives them."""

from collections.abc import Iterator
from typing import NamedTuple

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.model.plausible import FAN_SPEED
from sysvitals.sources.sys.cooling_devices import (
    CoolingDevice,
    CoolingState,
    find_cooling_devices,
    read_cooling_state,
)
from sysvitals.sources.sys.hwmon import (
    Chip,
    chips_of,
    is_asleep,
    is_switched_off,
    read_chips,
    read_labels,
    read_values,
)

_FULL_DUTY = 255

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

_OTHER_UNITS = ("[dL/h]", "[%]", "[nS/cm]", "[ubar]", "[µbar]", "[ml]")
"""Ends of the labels of what hwmon has no kind for, so that the driver gives it as a fan (aquacomputer_d5next.c)."""


class FanChip(NamedTuple):
    """A chip with fans: their labels by name, and the cooling device by which thermal control drives them."""

    chip: Chip
    labels: dict[str, str]
    control: CoolingDevice | None = None

    @property
    def is_own(self) -> bool:
        """Whether this is a Raspberry Pi's own fan: its boot loader enables the node only where it hears a fan."""
        return self.chip.driver == "pwmfan" and self.chip.device == "cooling_fan"

    @property
    def is_comparable(self) -> bool:
        """Whether it means something that a fan stands still at a duty."""
        return self.chip.driver not in _NOT_COMPARABLE


class Fan(NamedTuple):
    """One fan. `speed` is in revolutions a minute, `duty` from 0 to 1; None where the chip does not say.

    `fault` is the chip's word for a fan that failed or, with some, is not connected. `state` of `max_state` is how much
    the kernel's thermal control asks of a fan of the driver `pwm-fan`.
    """

    fan: str
    speed: int | None = None
    duty: float | None = None
    fault: bool | None = None
    state: int | None = None
    max_state: int | None = None


def find_fans(host: Host) -> Iterator[FanChip | Fault]:
    """Each chip with fans, and a Fault for what cannot be looked at. Asks no hardware.

    Raises OSError for the classes' folders.
    """
    found = read_chips(host)
    yield from (chip for chip in found if isinstance(chip, Fault))
    for chip in chips_of(found):
        labels, faults = read_labels(host, chip, _list_fans(chip))
        yield from faults
        labels = {fan: label for fan, label in labels.items() if not label.endswith(_OTHER_UNITS)}
        if labels:
            yield FanChip(chip, labels, _find_control(host) if chip.driver == "pwmfan" else None)


def read_fans(host: Host, found: FanChip) -> Iterator[Fan | Fault]:
    """What a chip's fans do now, and a Fault for each part that could not be read. Nothing while its device sleeps."""
    chip = found.chip
    if is_asleep(host, chip):
        return
    control = None
    if found.control is not None:
        control = attempt(f"{chip.label} {found.control.name}", read_cooling_state, host, found.control)
    if isinstance(control, Fault):
        yield control
    for fan, label in found.labels.items():
        yield from _read_fan(host, chip, fan, label, control if isinstance(control, CoolingState) else None)


def parse_duty(value: int) -> float:
    """From 0 to 255. Raises ValueError beyond."""
    if not 0 <= value <= _FULL_DUTY:
        raise ValueError(f"no duty cycle: {value}")
    return value / _FULL_DUTY


def _list_fans(chip: Chip) -> list[str]:
    # what is alike in number belongs together: pwm1 drives fan1
    fans = [*chip.sensors("fan", "input"), *(_fan_of(pwm) for pwm in chip.sensors("pwm", ""))]
    return fans or (["fan1"] if "rpm" in chip.files else [])


def _read_fan(host: Host, chip: Chip, fan: str, label: str, control: CoolingState | None) -> Iterator[Fan | Fault]:
    pwm = f"pwm{fan.removeprefix('fan')}"
    values, faults = read_values(host, chip, fan, ("enable", "input", "fault"))
    if is_switched_off(values):
        values, faults = {}, []
    drive, more = read_values(host, chip, pwm, ("", "enable"))
    tachometer, others = read_values(host, chip, "rpm", ("",))  # as NVIDIA's calls it
    yield from (*faults, *more, *others)
    speed = attempt(f"{chip.label} {fan}_input", _parse_speed, values.get("input", tachometer.get("")))
    duty = attempt(f"{chip.label} {pwm}", _parse_drive, chip, drive)
    yield from (part for part in (speed, duty) if isinstance(part, Fault))
    speed = None if isinstance(speed, Fault) else speed
    duty = None if isinstance(duty, Fault) else duty
    if speed is not None or duty is not None:
        yield Fan(
            fan=label,
            speed=speed,
            duty=duty,
            fault=bool(values["fault"]) if "fault" in values else None,
            state=control.state if control else None,
            max_state=control.max_state if control else None,
        )


def _parse_speed(value: int | None) -> int | None:
    return None if value is None else FAN_SPEED.measure(value)


def _parse_drive(chip: Chip, drive: dict[str, int]) -> float | None:
    if "" not in drive:
        return None
    if drive.get("enable") == 0 and chip.driver not in _ZERO_IS_OFF:
        return 1.0
    return parse_duty(drive[""])


def _find_control(host: Host) -> CoolingDevice | None:
    found = find_cooling_devices(host)
    devices = [device for device in found if isinstance(device, CoolingDevice) and device.type == "pwm-fan"]
    # with two of them it is not known which belongs to which
    return devices[0] if len(devices) == 1 else None


def _fan_of(pwm: str) -> str:
    return f"fan{pwm.removeprefix('pwm')}"
