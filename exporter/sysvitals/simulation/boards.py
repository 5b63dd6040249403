"""The boards that can be simulated: recorded hosts, each packed as `boards/NAME.tar.gz`, and how they warm up.

Packed because a wheel can hold neither the links nor the names with colons of which a sysfs is made. How warm they get
and what they draw are round figures from published measurements: right enough to see the alerts work.
"""

import difflib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from sysvitals.simulation.errors import SimulationError


@dataclass(frozen=True, slots=True)
class Board:
    """`recorded` is the recorded host's name. Rises are in degrees over the room, without a fan.

    `fan_cooling` is the part of the rise that a fan at full speed takes away; `time_constant` in seconds, power in
    watts. `core_volts` at least and at most clock; `soft_limit` in degrees Celsius, with the clock in Hz above it.
    """

    name: str
    recorded: str
    summary: str
    idle_rise: float
    full_rise: float
    time_constant: float
    idle_watts: float
    full_watts: float
    fan_cooling: float = 0.0
    core_volts: tuple[float, float] = (1.2, 1.35)
    sdram_volts: tuple[float, float, float] = (1.2, 1.2, 1.225)
    soft_limit: float | None = None
    soft_limit_hertz: float = 1.2e9
    has_pmic: bool = False


@dataclass(frozen=True, slots=True)
class BoardFiles:
    """A board's tree: contents and links by their path below its root."""

    files: Mapping[str, bytes]
    links: Mapping[str, str]


_BOARDS = (
    Board(
        "pi-zero-w", "pi-zero-w", "Raspberry Pi Zero W: one core, Wi-Fi, no undervoltage detector",
        idle_rise=14, full_rise=26, time_constant=150, idle_watts=0.6, full_watts=1.2, core_volts=(1.35, 1.35),
    ),
    Board(
        "pi-3b-plus", "pi-3b-plus", "Raspberry Pi 3B+: soft temperature limit at 60 °C",
        idle_rise=24, full_rise=56, time_constant=100, idle_watts=2.3, full_watts=6.4, soft_limit=60.0,
    ),
    Board(
        "pi4", "pi-4b-fine", "Raspberry Pi 4B without a fan: microSD card, USB disk, Ethernet, Wi-Fi",
        idle_rise=26, full_rise=60, time_constant=110, idle_watts=2.9, full_watts=6.9,
        core_volts=(0.85, 0.92), sdram_volts=(1.1, 1.1, 1.1),
    ),
    Board(
        "pi5", "pi-5", "Raspberry Pi 5: fan, power chip, NVMe disk, the official 27 W supply",
        idle_rise=30, full_rise=68, time_constant=80, idle_watts=3.2, full_watts=9.5, fan_cooling=0.62,
        core_volts=(0.72, 0.92), sdram_volts=(0.6, 0.6, 1.1), has_pmic=True,
    ),
    Board(
        "pi5-weak-supply", "pi-5-weak-supply", "Raspberry Pi 5 on a supply that promises 3 A only",
        idle_rise=30, full_rise=68, time_constant=80, idle_watts=3.2, full_watts=9.5, fan_cooling=0.62,
        core_volts=(0.72, 0.92), sdram_volts=(0.6, 0.6, 1.1), has_pmic=True,
    ),
    Board(
        "cm4", "pi-cm4-emmc", "Compute Module 4: eMMC, no undervoltage detector",
        idle_rise=25, full_rise=55, time_constant=120, idle_watts=2.4, full_watts=6.2,
        core_volts=(0.85, 0.92), sdram_volts=(1.1, 1.1, 1.1),
    ),
    Board(
        "jetson", "jetson", "NVIDIA Jetson: many thermal zones, INA3221, fan",
        idle_rise=34, full_rise=95, time_constant=90, idle_watts=5.2, full_watts=14.0, fan_cooling=0.6,
    ),
    Board(
        "nuc", "nuc", "Intel NUC: counters of thermal throttling, two NVMe disks, a VPN",
        idle_rise=28, full_rise=95, time_constant=60, idle_watts=7.0, full_watts=38.0, fan_cooling=0.5,
    ),
    Board(
        "vm", "vm", "a virtual machine: no sensor at all",
        idle_rise=20, full_rise=40, time_constant=60, idle_watts=5.0, full_watts=20.0,
    ),
)  # fmt: skip

BOARDS: Mapping[str, Board] = {board.name: board for board in _BOARDS}


def find_board(name: str) -> Board:
    """The board of this name. Raises SimulationError."""
    if name in BOARDS:
        return BOARDS[name]
    close = difflib.get_close_matches(name, BOARDS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(BOARDS)}"
    raise SimulationError(f"no board {name!r}: {hint}")


def load_board(board: Board) -> BoardFiles:
    """The board's tree, from its archive."""
    archive = resources.files(__package__).joinpath("boards", f"{board.name}.tar.gz").read_bytes()
    files: dict[str, bytes] = {}
    links: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            if member.issym():
                links[member.name] = member.linkname
            elif (content := tar.extractfile(member)) is not None:
                files[member.name] = content.read()
    return BoardFiles(files, links)
