"""Fans, as hwmon chips report them: revolutions, and the duty cycle of what drives them."""

from collections.abc import Iterator
from dataclasses import dataclass

from sysvitals.host.files import attempt, optional
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.sys.hwmon import (
    Chip,
    chips_of,
    is_faulty,
    read_chips,
    read_labels,
    read_value,
    read_values,
    report_faulty,
)
from sysvitals.sources.sys.thermal import CoolingDevice, read_cooling_devices

_FULL_DUTY = 255
_TOO_FAST = 1_000_000


@dataclass(frozen=True, slots=True)
class Fan:
    """One fan. `speed` is in revolutions a minute, `duty` from 0 to 1; None where the chip does not tell.

    `state` of `max_state` is how much the kernel's thermal control asks of a fan of the driver `pwm-fan`.
    """

    chip: str
    fan: str
    speed: int | None = None
    duty: float | None = None
    state: int | None = None
    max_state: int | None = None


def read_fans(host: Host) -> list[Fan | Fault]:
    """All fans, and a Fault for what could not be read. Raises OSError for the classes' folders."""
    found = read_chips(host)
    fans: list[Fan | Fault] = [chip for chip in found if isinstance(chip, Fault)]
    for chip in chips_of(found):
        fans += _read_chip(host, chip)
    return fans


def parse_speed(value: int) -> int:
    """Revolutions a minute. Raises ValueError for what no fan does: drivers give -1, also without a sign."""
    if not 0 <= value < _TOO_FAST:
        raise ValueError(f"no speed of a fan: {value}")
    return value


def parse_duty(value: int) -> float:
    """From 0 to 255. Raises ValueError beyond."""
    if not 0 <= value <= _FULL_DUTY:
        raise ValueError(f"no duty cycle: {value}")
    return value / _FULL_DUTY


def _read_chip(host: Host, chip: Chip) -> Iterator[Fan | Fault]:
    # what is alike in number belongs together: pwm1 drives fan1
    fans = [*chip.sensors("fan", "input"), *(f"fan{pwm.removeprefix('pwm')}" for pwm in chip.sensors("pwm", ""))]
    if not fans and "rpm" in chip.files:
        fans = ["fan1"]
    if not fans:
        return
    labels, faults = read_labels(host, chip, fans)
    yield from faults
    control = _read_control(host) if chip.driver == "pwmfan" else None
    if isinstance(control, Fault):
        yield control
    state, max_state = (control.state, control.max_state) if isinstance(control, CoolingDevice) else (None, None)
    for fan, label in labels.items():
        values, faults = read_values(host, chip, fan, ("fault",))
        yield from faults
        if is_faulty(values):
            yield report_faulty(f"{chip.label} {fan}")
            continue
        # NVIDIA's tachometer calls it `rpm`
        file, pwm = f"{fan}_input" if f"{fan}_input" in chip.files else "rpm", f"pwm{fan.removeprefix('fan')}"
        speed = attempt(f"{chip.label} {file}", _read_speed, host, chip, file)
        duty = attempt(f"{chip.label} {pwm}", _read_duty, host, chip, pwm)
        yield from (answer for answer in (speed, duty) if isinstance(answer, Fault))
        speed = None if isinstance(speed, Fault) else speed
        duty = None if isinstance(duty, Fault) else duty
        if speed is not None or duty is not None:
            yield Fan(chip.label, label, speed, duty, state, max_state)


def _read_speed(host: Host, chip: Chip, file: str) -> int | None:
    value = optional(read_value, host, f"{chip.folder}/{file}") if file in chip.files else None
    return None if value is None else parse_speed(value)


def _read_duty(host: Host, chip: Chip, file: str) -> float | None:
    value = optional(read_value, host, f"{chip.folder}/{file}") if file in chip.files else None
    return None if value is None else parse_duty(value)


def _read_control(host: Host) -> CoolingDevice | Fault | None:
    devices = read_cooling_devices(host, "pwm-fan")
    # with two of them it is not known which belongs to which
    return devices[0] if len(devices) == 1 else None
