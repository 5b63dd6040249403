"""What the Raspberry Pi firmware's text commands answer. The same text comes from the device node and from vcgencmd."""

from collections.abc import Iterator
from typing import NamedTuple

from sysvitals.host.files import parse_int, shorten
from sysvitals.sources.pi.throttle_word import ThrottleWord, parse_throttle_word


class Adc(NamedTuple):
    """What the power controller's converter measures on one rail, such as `VDD_CORE`; None for what it does not."""

    rail: str
    volts: float | None = None
    amperes: float | None = None

    @property
    def watts(self) -> float | None:
        """Known where both are. Rounded to what the converter could tell at best."""
        return None if self.volts is None or self.amperes is None else round(self.volts * self.amperes, 6)


def parse_throttled(text: str) -> ThrottleWord:
    """From `throttled=0x50005`, of the command get_throttled."""
    return parse_throttle_word(_value(text, "throttled"))


def parse_temperature(text: str) -> float:
    """Degrees Celsius, from `temp=47.8'C`, of the commands measure_temp and measure_temp pmic."""
    return _quantity(_value(text, "temp"), "'C")


def parse_volts(text: str) -> float:
    """Volts, from `volt=1.2000V`, of the command measure_volts."""
    return _quantity(_value(text, "volt"), "V")


def parse_clock(text: str) -> int:
    """Hertz, from `frequency(48)=900000000`, of the command measure_clock. The number differs from model to model."""
    name, equals, value = text.partition("=")
    if not equals or not name.startswith("frequency(") or not name.endswith(")"):
        raise ValueError(f"not a frequency: {shorten(text)!r}")
    return _count(value)


def parse_config(text: str, name: str) -> int | None:
    """From `temp_limit=85`, of the command get_config temp_limit; None where this firmware has no such setting."""
    if text == f"{name} is unknown":
        return None
    return _count(_value(text, name))


def parse_rsts(text: str) -> int:
    """The reset status register, from `get_rsts=1000`, hexadecimal, of the command get_rsts."""
    digits = _value(text, "get_rsts").removeprefix("0x")
    if not 1 <= len(digits) <= 8 or not set(digits) <= _HEX:
        raise ValueError(f"not a reset status: {shorten(text)!r}")
    return int(digits, 16)


def parse_adc(text: str) -> list[Adc]:
    """All rails, from lines such as `VDD_CORE_A current(7)=0.94657990A` and `EXT5V_V volt(24)=5.11478000V`.

    Of the command pmic_read_adc. A line about something else is passed over. Raises ValueError without any rail.
    """
    volts: dict[str, float] = {}
    amperes: dict[str, float] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, rest = line.partition(" ")
        rail, kind = name[:-2], name[-2:]
        if kind not in _KINDS or not rail:
            continue
        word, unit, found = _KINDS[kind], kind[1], volts if kind == "_V" else amperes
        channel, _, value = rest.strip().partition("=")
        named = rail.isascii() and rail.replace("_", "").isalnum()
        if not named or not channel.startswith(f"{word}(") or not channel.endswith(")") or rail in found:
            raise ValueError(f"not a measurement: {shorten(line)!r}")
        found[rail] = _quantity(value, unit)
    if not volts and not amperes:
        raise ValueError(f"no measurement: {shorten(text)!r}")
    return list(_join(volts, amperes))


_KINDS = {"_V": "volt", "_A": "current"}
_HEX = frozenset("0123456789abcdefABCDEF")


def _join(volts: dict[str, float], amperes: dict[str, float]) -> Iterator[Adc]:
    for rail in dict.fromkeys([*amperes, *volts]):
        yield Adc(rail, volts.get(rail), amperes.get(rail))


def _value(text: str, name: str) -> str:
    found, equals, value = text.partition("=")
    if not equals or found != name:
        raise ValueError(f"not {name}: {shorten(text)!r}")
    return value


def _quantity(text: str, unit: str) -> float:
    number = text.removesuffix(unit)
    whole, _, part = number.removeprefix("-").partition(".")
    digits = whole + part
    if number == text or not whole or len(digits) > 20 or not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"not a number of {unit}: {shorten(text)!r}")
    return float(number)


def _count(text: str) -> int:
    number = parse_int(text)
    if number < 0:
        raise ValueError(f"below zero: {text}")
    return number
