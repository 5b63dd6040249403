"""What the Raspberry Pi's firmware measures: power of each rail, real clocks, temperatures and their limits."""

from collections.abc import Iterator
from typing import Annotated

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.metric import Gauge, Info, Label
from sysvitals.model.reading import Reading
from sysvitals.sources.pi.board import Board, read_board
from sysvitals.sources.pi.firmware import HINT, find_firmware
from sysvitals.sources.pi.firmware_measures import Measures, has_soft_limit, kernel_tells_volts, read_measures

_ADC = "firmware's pmic_read_adc"
_VOLTS = f"{_ADC}, measure_volts"
_CLOCK = "firmware's measure_clock"
_TEMPERATURE = "firmware's measure_temp"


def _gauge(name: str, unit: str, help_text: str, origin: str, *, summary: bool = False) -> Gauge:
    return Gauge(name, unit=unit, help=help_text, origin=origin, summary=summary)


_AGE_HELP = "Age of the oldest answer, where the program vcgencmd must be run: each command once a minute at most."
_SUM_HELP = "Sum of the rails measured: not what USB devices, HATs and the converters themselves take."
_INPUT_HELP = "Voltage of the 5 V input; dips of milliseconds are too short to be seen here."
_MEASURED_HELP = "What the clock really runs at: below what was asked for while the firmware holds the board back."
_LIMIT_HELP = "Temperature at which the firmware throttles hardest; it begins some degrees below."


class FirmwareSource(Reading, event="system.firmware.updated"):
    """By which of its doors the firmware answered: vcio_gencmd and vcio are device nodes, vcgencmd is a program."""

    source: Annotated[str, Info("firmware_source", help="Those that answered.", origin="/dev/vcio_gencmd, /dev/vcio")]
    age: Annotated[float | None, _gauge("firmware_answer_age", "seconds", _AGE_HELP, "vcgencmd")]
    revision: Annotated[
        int | None,
        _gauge("firmware_revision", "timestamp_seconds", "When the running firmware was built.", "property 0x00000001"),
    ]


class FirmwareRail(Reading, event="system.power.rail.updated"):
    """One rail of the board."""

    rail: Annotated[str, Label("The firmware's name: `VDD_CORE` as a Pi 5's power controller measures it, or `core`.")]
    volts: Annotated[float | None, _gauge("firmware_rail", "volts", "Voltage of the rail.", _VOLTS)] = None
    amperes: Annotated[float | None, _gauge("firmware_rail", "amperes", "Current of the rail.", _ADC)] = None
    watts: Annotated[
        float | None, _gauge("firmware_rail", "watts", "Volts times amperes, where both are measured.", _ADC)
    ] = None


class BoardPower(Reading, event="system.power.board.updated"):
    """What the whole board takes, as far as its power controller measures it."""

    watts: Annotated[float | None, _gauge("board_power", "watts", _SUM_HELP, _ADC, summary=True)]
    input_volts: Annotated[float | None, _gauge("board_input", "volts", _INPUT_HELP, f"{_ADC} EXT5V_V", summary=True)]


class FirmwareClock(Reading, event="system.firmware.clock.updated"):
    """One clock of the system on a chip."""

    clock: Annotated[str, Label("`arm`: the processor cores; `core`: the firmware and most others; `v3d`: graphics.")]
    hertz: Annotated[int, _gauge("firmware_clock", "hertz", _MEASURED_HELP, _CLOCK)]
    requested: Annotated[
        int | None,
        _gauge("firmware_clock_requested", "hertz", "What the firmware has set the clock to.", "property 0x00030002"),
    ]


class FirmwareTemperature(Reading, event="system.firmware.temperature.updated"):
    """One temperature as the firmware measures it, and where it begins to throttle."""

    sensor: Annotated[str, Label("`soc`: the system on a chip; `pmic`: the power controller.", values=("soc", "pmic"))]
    celsius: Annotated[
        float, _gauge("firmware_temperature", "celsius", "Temperature of the sensor.", _TEMPERATURE, summary=True)
    ]
    limit: Annotated[
        float | None, _gauge("firmware_temperature_limit", "celsius", _LIMIT_HELP, "property 0x0003000a, get_config")
    ]
    soft_limit: Annotated[
        float | None,
        _gauge("firmware_temperature_soft_limit", "celsius", "Where a 3B+ or 3A+ lowers its clock.", "get_config"),
    ]


def read(host: Host) -> Iterator[Reading | Fault]:
    """All that this board's firmware tells. A missing permission is a failure of the whole."""
    firmware = find_firmware(host)
    if firmware is None:
        raise Unavailable(HINT)
    board = attempt("board", read_board, host)
    kernel = attempt("rpi_volt", kernel_tells_volts, host)
    yield from (answer for answer in (board, kernel) if isinstance(answer, Fault))
    measures = read_measures(
        firmware, with_soft_limit=isinstance(board, Board) and has_soft_limit(board), with_volts=kernel is False
    )
    yield from measures.faults
    if firmware.sources:
        yield FirmwareSource(
            source=firmware.source, age=firmware.age_seconds if firmware.is_costly else None, revision=measures.revision
        )
    yield from _readings(measures)


def _readings(measures: Measures) -> Iterator[Reading]:
    rails = {adc.rail: adc for adc in measures.adc}
    supply = rails.pop("EXT5V", None)
    watts = [adc.watts for adc in rails.values() if adc.watts is not None]
    if watts or supply:
        yield BoardPower(
            watts=round(sum(watts), 6) if watts else None, input_volts=supply.volts if supply is not None else None
        )
    for adc in rails.values():
        yield FirmwareRail(rail=adc.rail, volts=adc.volts, amperes=adc.amperes, watts=adc.watts)
    for rail, volts in measures.volts.items():
        if rail not in rails:
            yield FirmwareRail(rail=rail, volts=volts)
    for c in measures.clocks:
        yield FirmwareClock(clock=c.name, hertz=c.hertz, requested=c.requested)
    for heat in measures.heats:
        yield FirmwareTemperature(
            sensor=heat.sensor, celsius=heat.celsius, limit=heat.limit, soft_limit=heat.soft_limit
        )


COLLECTOR = Collector(
    name="firmware",
    help="What the Raspberry Pi's firmware measures",
    readings=(FirmwareSource, BoardPower, FirmwareRail, FirmwareClock, FirmwareTemperature),
    read=read,
    # each value is a question to the firmware and a line of the history; edges come from the throttling collector
    interval=30.0,
    max_age=30.0,
    timeout=4.0,
)
