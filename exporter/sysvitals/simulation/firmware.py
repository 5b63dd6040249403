"""The Raspberry Pi's firmware, as far as it is asked about power and heat: the throttle word, gencmd, property tags.

Bits are the firmware's: sampled every 100 ms, and "undervoltage now" lingers until 32 samples in a row were fine
(3.2 s). "Has occurred" is kept twice: since boot, which `get_throttled` of gencmd tells, and since the kernel's driver
last asked and thereby cleared it, every 2 s, which the kernel's own files and the property tag tell.
"""

import errno
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import RLock

UNDERVOLTAGE, FREQUENCY_CAPPED, THROTTLED, SOFT_LIMIT = 1, 2, 4, 8
SAMPLE_SECONDS = 0.1
KERNEL_POLL_SECONDS = 2.0
_HISTORY = (1 << 32) - 1

REQUESTS = frozenset({0xC0086400, 0xC0046400})
_GENCMD = 0x00030080
_GET_THROTTLED = 0x00030046
_ANSWERED = 0x80000000
_UNREGISTERED = 'error=1 error_msg="Command not registered"'


@dataclass(slots=True)
class Latches:
    """The throttle word's memory. `now` is bits 0 to 3; the others are bits 16 to 19, moved down."""

    now: int = 0
    since_boot: int = 0
    since_kernel: int = 0
    kernel_word: int = 0
    history: int = 0

    def sample(self, undervoltage: bool, others: int) -> None:  # noqa: FBT001 - it is a sample
        """Every 100 ms: whether volts are too low just now, and the bits that need no history."""
        self.history = (self.history << 1 | undervoltage) & _HISTORY
        # too low a voltage takes the turbo away, as heat does
        lingering = UNDERVOLTAGE | THROTTLED if self.history else 0
        self.now = others | lingering
        self.since_boot |= self.now
        self.since_kernel |= self.now

    def poll_by_kernel(self) -> None:
        """Every 2 s: raspberrypi-hwmon asks, keeps the word and has the "has occurred" bits cleared."""
        self.kernel_word = self.since_kernel << 16 | self.now
        self.since_kernel = 0


@dataclass(slots=True)
class Measurements:
    """What the firmware measures. Celsius, hertz and volts, by the firmware's own names; rails are volts, amperes."""

    requested_hertz: float = 0.0
    celsius: float = 40.0
    pmic_celsius: float = 40.0
    hertz: dict[str, float] = field(default_factory=dict)
    volts: dict[str, float] = field(default_factory=dict)
    rails: list[tuple[str, float, float | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Model:
    """What does not change while the board is up. `clock_numbers` are those that `measure_clock` shows."""

    revision: int
    serial: int
    built: int
    has_pmic: bool
    highest_hertz: float
    lowest_hertz: float
    soft_limit: float | None
    clock_numbers: Mapping[str, int]


class Firmware:
    """Answers as the firmware does. What it knows is set by the simulation; safe for several threads."""

    def __init__(self, model: Model) -> None:
        self.latches = Latches()
        self.measured = Measurements()
        self.lock = RLock()
        self._model = model
        self._commands: dict[str, Callable[[list[str]], str]] = {
            "get_throttled": self._get_throttled,
            "measure_temp": self._measure_temp,
            "measure_volts": self._measure_volts,
            "measure_clock": self._measure_clock,
            "get_rsts": lambda _: "get_rsts=1000",  # power was switched on
            "get_config": self._get_config,
        }
        self._measures: dict[int, Callable[[int], int]] = {
            0x00030002: self._requested,
            0x00030003: self._microvolts,
            0x00030004: lambda number: int(model.highest_hertz) if number == _ARM else self._clock(number),
            0x00030006: lambda _: round(self.measured.celsius * 1000),
            0x00030007: lambda number: int(model.lowest_hertz) if number == _ARM else self._clock(number),
            0x0003000A: lambda _: 85000,
            0x00030047: self._clock,
        }
        if model.has_pmic:
            self._commands["pmic_read_adc"] = self._pmic_read_adc

    def run(self, command: str) -> tuple[int, str]:
        """A gencmd's error number and text."""
        words = command.split()
        run = self._commands.get(words[0]) if words else None
        if run is None:
            return 1, _UNREGISTERED
        with self.lock:
            text = run(words[1:])
        return (int(text[6]) if text.startswith("error=") else 0), text

    def ioctl(self, number: int, buffer: bytes, *, gencmd_only: bool) -> bytes:
        """What the kernel's /dev/vcio makes of a property buffer. Raises OSError as it does."""
        if number not in REQUESTS or len(buffer) < 12 or len(buffer) % 4:
            raise OSError(errno.EINVAL, "not a property call")
        words = list(struct.unpack(f"<{len(buffer) // 4}I", buffer))
        if words[0] != len(buffer) or words[1] != 0:
            raise OSError(errno.EINVAL, "not a property buffer")
        answer = bytearray(buffer)
        position = 2
        while position < len(words) and (tag := words[position]):
            if gencmd_only and tag != _GENCMD:
                raise OSError(errno.EPERM, "tag not allowed on this node")
            if position + 3 > len(words) or position * 4 + 12 + words[position + 1] > len(buffer):
                raise OSError(errno.EINVAL, "a tag's value goes beyond its buffer")
            size = words[position + 1]
            start = position * 4 + 12
            with self.lock:
                value = self._answer_tag(tag, bytes(answer[start : start + size]))
            if value is not None:
                answer[start : start + min(len(value), size)] = value[:size]
                struct.pack_into("<I", answer, position * 4 + 8, _ANSWERED | len(value))
            position += 3 + (size + 3) // 4
        struct.pack_into("<I", answer, 4, _ANSWERED)
        return bytes(answer)

    def _answer_tag(self, tag: int, value: bytes) -> bytes | None:
        if tag == _GENCMD:
            return self._answer_gencmd(value)
        numbers = struct.unpack(f"<{len(value) // 4}I", value[: len(value) // 4 * 4])
        first = numbers[0] if numbers else 0
        if tag == _GET_THROTTLED:
            word = self.latches.since_kernel << 16 | self.latches.now
            self.latches.since_kernel &= ~(first | first >> 16)
            return struct.pack("<I", word)
        if tag in _IDENTITIES:
            return _IDENTITIES[tag](self._model)
        if tag in self._measures:
            return struct.pack("<II", first, self._measures[tag](first))
        return None

    def _answer_gencmd(self, value: bytes) -> bytes | None:
        if len(value) < 8:
            return None
        command = value[4:].split(b"\0", 1)[0].decode("ascii", "replace")
        error, text = self.run(command)
        return struct.pack("<I", error) + text.encode()[: len(value) - 5].ljust(len(value) - 4, b"\0")

    def _get_throttled(self, arguments: list[str]) -> str:
        word = self.latches.since_boot << 16 | self.latches.now
        if arguments:
            try:
                mask = int(arguments[0], 0)
            except ValueError:
                mask = 0
            self.latches.since_boot &= ~(mask | mask >> 16)
        return f"throttled=0x{word:x}"

    def _measure_temp(self, arguments: list[str]) -> str:
        if arguments == ["pmic"]:
            if not self._model.has_pmic:
                return 'error=2 error_msg="Invalid arguments"'
            return f"temp={self.measured.pmic_celsius:.1f}'C"
        return f"temp={self.measured.celsius:.1f}'C"

    def _measure_volts(self, arguments: list[str]) -> str:
        volts = self.measured.volts.get(arguments[0] if arguments else "core")
        return f"volt={volts:.4f}V" if volts is not None else 'error=2 error_msg="Invalid arguments"'

    def _measure_clock(self, arguments: list[str]) -> str:
        name = arguments[0] if arguments else ""
        hertz = self.measured.hertz.get(name)
        if hertz is None:
            return 'error=2 error_msg="Invalid arguments"'
        return f"frequency({self._model.clock_numbers.get(name, 0)})={int(hertz)}"

    def _get_config(self, arguments: list[str]) -> str:
        known = {"temp_limit": 85.0, "temp_soft_limit": self._model.soft_limit}
        name = arguments[0] if arguments else ""
        value = known.get(name)
        return f"{name} is unknown" if value is None else f"{name}={int(value)}"

    def _pmic_read_adc(self, arguments: list[str]) -> str:
        lines = []
        for name, _, amperes in self.measured.rails:
            if amperes is not None:
                lines.append((f"{name}_A", "current", _AMPERE_CHANNELS[name], f"{amperes:.8f}A"))
        lines += [
            (f"{name}_V", "volt", _VOLT_CHANNELS[name], f"{volts:.8f}V") for name, volts, _ in self.measured.rails
        ]
        shown = [
            f"{name:>12} {kind}({channel})={value}"
            for name, kind, channel, value in lines
            if not arguments or name == arguments[0]
        ]
        return "\n".join(shown) or 'error=2 error_msg="Invalid arguments"'

    def _requested(self, number: int) -> int:
        return int(self.measured.requested_hertz) if number == _ARM else self._clock(number)

    def _clock(self, number: int) -> int:
        return int(self.measured.hertz.get(_CLOCKS.get(number, ""), 0))

    def _microvolts(self, number: int) -> int:
        volts = self.measured.volts.get(_VOLTS.get(number, ""))
        return 0x80000000 if volts is None else round(volts * 1_000_000)


_ARM = 3
_CLOCKS = {1: "emmc", 2: "uart", _ARM: "arm", 4: "core", 5: "v3d", 6: "h264", 7: "isp", 8: "sdram", 12: "emmc2"}
_VOLTS = {1: "core", 2: "sdram_c", 3: "sdram_p", 4: "sdram_i"}

_IDENTITIES: Mapping[int, Callable[[Model], bytes]] = {
    0x00000001: lambda model: struct.pack("<I", model.built),
    0x00010002: lambda model: struct.pack("<I", model.revision),
    0x00010004: lambda model: struct.pack("<Q", model.serial),
}
_AMPERE_CHANNELS = {
    "3V7_WL_SW": 0, "3V3_SYS": 1, "1V8_SYS": 2, "DDR_VDD2": 3, "DDR_VDDQ": 4, "1V1_SYS": 5, "0V8_SW": 6, "VDD_CORE": 7,
    "3V3_DAC": 17, "3V3_ADC": 18, "0V8_AON": 16, "HDMI": 22,
}  # fmt: skip
_VOLT_CHANNELS = {
    "3V7_WL_SW": 8, "3V3_SYS": 9, "1V8_SYS": 10, "DDR_VDD2": 11, "DDR_VDDQ": 12, "1V1_SYS": 13, "0V8_SW": 14,
    "VDD_CORE": 15, "3V3_DAC": 20, "3V3_ADC": 21, "0V8_AON": 19, "HDMI": 23, "EXT5V": 24, "BATT": 25,
}  # fmt: skip
RAILS: Mapping[str, tuple[float, float]] = {
    "3V7_WL_SW": (3.69, 0.055), "3V3_SYS": (3.31, 0.035), "1V8_SYS": (1.80, 0.085), "DDR_VDD2": (1.10, 0.02),
    "DDR_VDDQ": (0.61, 0.0), "1V1_SYS": (1.11, 0.065), "0V8_SW": (0.80, 0.1), "VDD_CORE": (0.0, 0.62),
    "3V3_DAC": (3.31, 0.0015), "3V3_ADC": (3.31, 0.0015), "0V8_AON": (0.80, 0.0013), "HDMI": (5.10, 0.016),
}  # fmt: skip
"""Rails of the Raspberry Pi 5: nominal volts (the core's own vary), and each one's part of the board's power."""
