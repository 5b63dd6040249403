"""What the Raspberry Pi's firmware measures: clocks, temperatures, and voltages and currents of its rails.

What /dev/vcio answers comes from there, in one call; the rest, or all where that node is not for us, by text commands.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.model.plausible import CURRENT, FREQUENCY, TEMPERATURE, VOLTAGE, Kind
from sysvitals.sources.pi.board import Board
from sysvitals.sources.pi.firmware import Firmware
from sysvitals.sources.pi.gencmd import Adc, parse_adc, parse_clock, parse_config, parse_temperature, parse_volts
from sysvitals.sources.pi.rpi_volt import find_rpi_volt
from sysvitals.sources.pi.vcio import Question, Tag

N = TypeVar("N", int, float)
T = TypeVar("T")

CLOCKS = {"arm": 3, "core": 4, "v3d": 5}
"""Clocks worth watching, and their ids."""
RAILS = {"core": 1, "sdram_c": 2, "sdram_i": 4, "sdram_p": 3}
"""Rails whose voltage every model tells, and their ids."""


class Clock(NamedTuple):
    """A clock as measured, and as it was asked to be, in hertz."""

    name: str
    hertz: int
    requested: int | None = None


class Heat(NamedTuple):
    """One temperature in degrees Celsius, and those at which the firmware slows the processor down."""

    sensor: str
    celsius: float
    limit: float | None = None
    soft_limit: float | None = None


@dataclass(slots=True)
class Measures:
    """All that could be read. `adc` is the power controller's, `volts` by rail is what the others are set to.

    `revision` is when the firmware was built, as Unix time.
    """

    adc: list[Adc] = field(default_factory=list)
    clocks: list[Clock] = field(default_factory=list)
    heats: list[Heat] = field(default_factory=list)
    volts: dict[str, float] = field(default_factory=dict)
    revision: int | None = None
    faults: list[Fault] = field(default_factory=list)


def has_soft_limit(board: Board) -> bool:
    """Whether the firmware slows this board down at a lower, soft limit: the 3B+ and the 3A+ only."""
    if board.revision and board.revision.type:
        return board.revision.type in {"3B+", "3A+"}
    return (board.model or "").startswith(("Raspberry Pi 3 Model B Plus", "Raspberry Pi 3 Model A Plus"))


def kernel_tells_volts(host: Host) -> bool:
    """Whether the kernel's driver has the rails' voltages: it is newer than the alarm. Raises OSError."""
    chip = find_rpi_volt(host)
    return chip is not None and host.exists(f"{chip}/in0_input")


def read_measures(firmware: Firmware, *, with_soft_limit: bool, with_volts: bool) -> Measures:
    """All measures. Where each takes a process, only those that matter most.

    Raises PermissionError with what to do about it, and TimeoutError where the firmware is silent.
    """
    return _Reader(firmware).read(with_soft_limit=with_soft_limit, with_volts=with_volts)


class _Reader:
    def __init__(self, firmware: Firmware) -> None:
        self.firmware = firmware
        self.answers: dict[Question, int | Fault] = {}
        self.found = Measures()

    def read(self, *, with_soft_limit: bool, with_volts: bool) -> Measures:
        rails = list(RAILS) if with_volts else []
        clocks = list(CLOCKS)
        if self.firmware.is_costly:
            rails, clocks = rails[:1], clocks[:1]
        questions = [_SOC, _LIMIT, _REVISION]
        questions += [Question(tag, CLOCKS[name]) for name in clocks for tag in (Tag.CLOCK_MEASURED, Tag.CLOCK_RATE)]
        questions += [Question(Tag.VOLTAGE, RAILS[name]) for name in rails]
        self.answers = self.firmware.properties(questions)
        found = self.found
        found.revision = self._property(_REVISION) or None
        for name in clocks:
            self._read_clock(name)
        self._read_heats(with_soft_limit=with_soft_limit)
        for name in rails:
            self._read_volts(name)
        for adc in self._known(self.firmware.ask_for("pmic_read_adc", parse_adc)) or []:
            self._read_adc(adc)
        return found

    def _read_adc(self, adc: Adc) -> None:
        volts = self._possible(f"{adc.rail} volts", VOLTAGE, adc.volts)
        amperes = self._possible(f"{adc.rail} amperes", CURRENT, adc.amperes)
        if volts is not None or amperes is not None:
            self.found.adc.append(Adc(adc.rail, volts, amperes))

    def _read_clock(self, name: str) -> None:
        question = Question(Tag.CLOCK_MEASURED, CLOCKS[name])
        requested = self._property(Question(Tag.CLOCK_RATE, CLOCKS[name])) or None  # 0: there is no such clock
        hertz = self._property(question)
        if question not in self.answers:
            hertz = self._known(self.firmware.ask_for(f"measure_clock {name}", parse_clock))
        hertz = self._possible(f"clock {name}", FREQUENCY, hertz)
        # a clock that stands still is one that is not there, unless it was asked to run
        if hertz is not None and (hertz or requested):
            self.found.clocks.append(Clock(name, hertz, requested))

    def _read_heats(self, *, with_soft_limit: bool) -> None:
        ask, costly = self.firmware.ask_for, self.firmware.is_costly
        soc, limit, soft_limit, pmic = self._celsius(_SOC), self._celsius(_LIMIT), None, None
        if _SOC not in self.answers:
            soc = self._known(ask("measure_temp", parse_temperature))
        if _LIMIT not in self.answers and not costly:
            limit = self._limit("temp_limit")
        if with_soft_limit and not costly:
            soft_limit = self._limit("temp_soft_limit")
        if not costly:
            pmic = self._known(ask("measure_temp pmic", parse_temperature))
        soc, pmic = self._possible("soc", TEMPERATURE, soc), self._possible("pmic", TEMPERATURE, pmic)
        if soc is not None:
            self.found.heats.append(Heat("soc", soc, limit or None, soft_limit or None))
        if pmic is not None:
            self.found.heats.append(Heat("pmic", pmic))

    def _limit(self, name: str) -> float | None:
        # a limit of 0 is none
        return self._known(
            self.firmware.ask_for(f"get_config {name}", lambda text: float(parse_config(text, name) or 0))
        )

    def _read_volts(self, name: str) -> None:
        question = Question(Tag.VOLTAGE, RAILS[name])
        microvolts = self._property(question)
        volts = None if microvolts is None else microvolts / 1_000_000
        if question not in self.answers:
            volts = self._known(self.firmware.ask_for(f"measure_volts {name}", parse_volts))
        volts = self._possible(f"volts {name}", VOLTAGE, volts)
        if volts:  # 0: this board has no such rail
            self.found.volts[name] = volts

    def _celsius(self, question: Question) -> float | None:
        word = self._property(question)
        return None if word is None else (word - (word >> 31 << 32)) / 1000

    def _property(self, question: Question) -> int | None:
        return self._known(self.answers.get(question))

    def _possible(self, what: str, kind: Kind, value: N | None) -> N | None:
        return None if value is None else self._known(attempt(what, kind.check, value))

    def _known(self, answer: T | Fault | None) -> T | None:
        if isinstance(answer, Fault):
            self.found.faults.append(answer)
            return None
        return answer


_SOC = Question(Tag.TEMPERATURE)
_LIMIT = Question(Tag.MAX_TEMPERATURE)
_REVISION = Question(Tag.FIRMWARE_REVISION)
