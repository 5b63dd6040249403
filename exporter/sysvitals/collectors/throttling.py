"""Whether a Raspberry Pi is slowed down, and by what: supply voltage, heat, a capped clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.metric import Detail, Gauge, Info, Label
from sysvitals.model.reading import Reading
from sysvitals.sources.board import read_board
from sysvitals.sources.files import attempt
from sysvitals.sources.host import Host
from sysvitals.sources.revision import detects_undervoltage
from sysvitals.sources.rpi_volt import find_rpi_volt, read_undervoltage_alarm
from sysvitals.sources.throttle_word import CAUSES, ThrottleWord, read_throttle_word

_WORD = "/sys/devices/platform/soc*/*firmware/get_throttled"
_ALARM = "/sys/class/hwmon/hwmon*/in0_lcrit_alarm of rpi_volt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttling(Reading, event="system.throttling.updated"):
    """One cause of throttling. A cause of which nothing is known is not there: silence is not health."""

    cause: Annotated[str, Label("What the firmware reports.", values=CAUSES)]
    active: Annotated[
        bool,
        Gauge(
            "throttled",
            help="1 while the firmware reports this cause. Undervoltage counts for two seconds after it was seen, and "
            "is never 0 on a board that cannot detect it.",
            origin=f"{_ALARM}, {_WORD}",
        ),
    ]
    since_boot: Annotated[
        bool | None,
        Gauge(
            "throttled_since_boot",
            help="1 if the firmware reported this cause at any time since boot; absent where that cannot be known.",
            origin="firmware's get_throttled",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottlingSource(Reading, event="system.throttling.source.updated"):
    """Where the host's knowledge of throttling comes from."""

    undervoltage_detectable: Annotated[
        bool | None,
        Gauge(
            "undervoltage_detectable",
            help="1 if this board has an undervoltage detector and it can be asked. 0: no undervoltage is ever seen, "
            "as on the Zero range, on Compute Modules and on the first boards. Absent for a board not known.",
            origin="board revision, /sys/class/hwmon",
        ),
    ]
    source: Annotated[str, Info("throttling_source", origin="/sys/class/hwmon", help="Files that are read, or none.")]
    word: Annotated[str | None, Detail("The firmware's throttle word as the kernel last got it.")] = None
    hint: Annotated[str | None, Detail("What would let more be known.")] = None


def read(host: Host) -> Iterator[Throttling | ThrottlingSource | Fault]:
    """One reading a cause that can be known, and one of the source."""
    board = attempt("board", read_board, host)
    rpi_volt = find_rpi_volt(host)
    if isinstance(board, Fault):
        yield board
    elif rpi_volt is None and not board.is_raspberry_pi:
        raise Unavailable("no Raspberry Pi firmware to ask here: throttling is known on Raspberry Pis only")
    if rpi_volt is None:
        yield ThrottlingSource(
            undervoltage_detectable=False,
            source="none",
            hint="no hwmon chip rpi_volt: load the kernel module raspberrypi_hwmon; in a container, mount /sys",
        )
        return
    detectable = None if isinstance(board, Fault) else detects_undervoltage(board.revision, board.model)
    alarm = attempt("rpi_volt in0_lcrit_alarm", read_undervoltage_alarm, host, rpi_volt)
    word = attempt("get_throttled", read_throttle_word, host, rpi_volt)
    sources = {"rpi_volt": alarm, "get_throttled": word}
    yield from (answer for answer in sources.values() if isinstance(answer, Fault))
    answered = [name for name, answer in sources.items() if answer is not None and not isinstance(answer, Fault)]
    yield ThrottlingSource(
        # a source that is there and fails is a fault, and takes nothing from the board
        undervoltage_detectable=detectable if any(answer is not None for answer in sources.values()) else False,
        source="+".join(answered) or "none",
        word=f"0x{word.word:x}" if isinstance(word, ThrottleWord) else None,
    )
    for cause in CAUSES:
        active = word.active(cause) if isinstance(word, ThrottleWord) else None
        if cause == "undervoltage":
            active = alarm if isinstance(alarm, bool) else active
            # without a detector only a yes can be believed
            active = active if detectable else active or None
        if active is not None:
            yield Throttling(cause=cause, active=active)


COLLECTOR = Collector(
    name="throttling",
    help="Undervoltage and throttling of Raspberry Pis",
    readings=(Throttling, ThrottlingSource),
    read=read,
)
