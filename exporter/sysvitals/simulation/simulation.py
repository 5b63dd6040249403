"""A board that plays a scenario: the Python side, for tests and benchmarks. No real time passes here.

with Simulation("pi4", "brownout", folder, seed=7) as board:
    board.step(60)
    board.truth    # what really began and ended, and when
"""

import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Literal, Self
from uuid import UUID

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.simulation.boards import Board, find_board, load_board
from sysvitals.simulation.errors import SimulationError
from sysvitals.simulation.facts import Facts, find_facts
from sysvitals.simulation.firmware import KERNEL_POLL_SECONDS, SAMPLE_SECONDS, Firmware, Model
from sysvitals.simulation.kernel_files import BOOT_SECONDS, KernelFiles
from sysvitals.simulation.machine import Machine, number
from sysvitals.simulation.nodes import FirmwareNodes
from sysvitals.simulation.quantities import NOT_HEARD, Value, Values
from sysvitals.simulation.randomness import seeded
from sysvitals.simulation.scenario import Scenario, load_scenario
from sysvitals.simulation.timeline import Timeline
from sysvitals.simulation.tree import Tree
from sysvitals.sources.pi.board import read_board
from sysvitals.sources.pi.revision import detects_undervoltage
from sysvitals.sources.pi.throttle_word import CAUSES
from sysvitals.sources.sys.devicetree import read_property_number

Layer = Literal["board", "firmware", "kernel"]
TRUTH_FILE = "truth.jsonl"
_TICKS_A_SECOND = round(1 / SAMPLE_SECONDS)


@dataclass(frozen=True, slots=True)
class Truth:
    """One onset (`active`) or clearing of a cause, exact to 100 ms.

    `layer` is where: `board` is what really is so (volts below 4.63 V, a fan that stands still though driven), whether
    anything could tell or not; `firmware` is the live bit of the throttle word; `kernel` is the file of rpi_volt.
    `elapsed` is seconds since the simulation began, `time` the board's Unix time, `uptime` since its boot.
    """

    elapsed: float
    time: float
    uptime: float
    boot: str
    layer: Layer
    cause: str
    active: bool


class Simulation:
    """A board in a folder. `start` is its Unix time at the beginning, by default now.

    `board` and `scenario` are names, or a scenario's file, or the scenario itself. The same board, scenario, seed and
    start give the same files at each moment, in a folder that is new: one that held the board before boots it again.
    Raises SimulationError, or OSError where the folder cannot be written any more.
    """

    def __init__(  # noqa: PLR0913 - three that matter, and options
        self,
        board: str,
        scenario: str | Scenario,
        folder: str | os.PathLike[str],
        *,
        seed: int = 0,
        start: float | None = None,
        loop: bool = True,
        hostname: str | None = None,
        nodes: bool = True,
    ) -> None:
        self.board: Board = find_board(board)
        self.scenario = load_scenario(scenario) if isinstance(scenario, str) else scenario
        recorded = load_board(self.board)
        self.facts: Facts = find_facts(recorded)
        self._files = {**recorded.files, **_hostname_files(hostname or self.board.name)}
        own: dict[str, Value] = {"wifi_signal": self._wifi_signal()}
        self.timeline = Timeline(self.scenario, features=self._features(), own=own, seed=seed, loop=loop)
        self.truth: list[Truth] = []
        self.elapsed = 0.0
        self._seed = seed
        self._start = time.time() if start is None else start
        self._ticks = 0
        self._asked = 0.0
        self._unwritten: list[Truth] = []
        self._active: set[tuple[Layer, str]] = set()
        self._wants_nodes = nodes
        self._nodes: FirmwareNodes | None = None
        self._dark_until: float | None = None
        self._celsius: float | None = None
        self._want: Values = self.timeline.at(0.0)
        self.tree = Tree(os.fspath(folder), self.board.name)
        try:
            self.tree.build(self._files, recorded.links, self.facts.mount_points)
            self.tree.write(TRUTH_FILE, b"")
            self._model, self._detects = self._look_at_board()
            self._boot(cold=self.tree.boots > 0)
            self._tick(0.0)
            self._publish()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def uptime(self) -> float:
        """Seconds since the board's boot."""
        return self._kernel.first_uptime + self.machine.totals.uptime

    @property
    def boot_id(self) -> str:
        """The kernel's id of this boot."""
        return self._boot_id

    @property
    def time(self) -> float:
        """The board's Unix time."""
        return self._start + self.elapsed

    @property
    def has_power(self) -> bool:
        """Whether the board runs. While it does not, the tree stands still and no firmware answers."""
        return self._dark_until is None

    @property
    def is_over(self) -> bool:
        """Whether the scenario was played to its end; never where it loops."""
        return self.timeline.is_over(self.elapsed)

    @property
    def detects_undervoltage(self) -> bool:
        """Whether this board could know."""
        return self._detects

    def host(self) -> Host:
        """The tree as the exporter is told of it by its flags."""
        folder = self.tree.folder
        return Host(procfs=f"{folder}/proc", sysfs=f"{folder}/sys", rootfs=folder, devfs=f"{folder}/dev")

    def step(self, seconds: float) -> list[Truth]:
        """Let so much time pass for the board, then write its files. What began and ended in it."""
        before = len(self.truth)
        self._asked += seconds
        ticks = round(self._asked * _TICKS_A_SECOND)
        while self._ticks < ticks:
            self._ticks += 1
            self.elapsed = self._ticks / _TICKS_A_SECOND
            self._tick(SAMPLE_SECONDS)
        self._publish()
        return self.truth[before:]

    def close(self) -> None:
        """Leave the folder as it is. The firmware's nodes go."""
        if self._nodes is not None:
            self._nodes.close()
            self._nodes = None
        self.tree.close()

    def _tick(self, seconds: float) -> None:
        want = self._want = self.timeline.at(self.elapsed)
        if not want["power"]:
            self._go_dark()
        elif self._dark_until is not None:
            self._wake_up()
        if self._dark_until is not None:
            return
        machine, latches = self.machine, self.firmware.latches
        machine.tick(seconds, want)
        with self.firmware.lock:
            latches.sample(machine.undervoltage and self._detects, machine.bits | int(number(want["throttle_bits"])))
            if self.uptime >= self._next_poll:
                latches.poll_by_kernel()
                self._next_poll += KERNEL_POLL_SECONDS
        machine.slowed_by_firmware = self.facts.rpi_volt is not None and bool(latches.now & 4)
        self._tell_truth()

    def _tell_truth(self) -> None:
        machine, want, latches = self.machine, self._want, self.firmware.latches
        if self.facts.rpi_volt is not None:
            self._tell("board", "undervoltage", active=machine.undervoltage)
            for index, cause in enumerate(CAUSES):
                self._tell("firmware", cause, active=bool(latches.now >> index & 1))
            self._tell("kernel", "undervoltage", active=bool(latches.kernel_word >> 16 & 1))
        else:
            self._tell("board", "throttled", active=machine.heat_limit < machine.highest)
        self._tell("board", "read_only", active=bool(want["root_readonly"]))
        self._tell("board", "fan_stalled", active=machine.fan_step > 0 and machine.fan_speed == 0)
        for name, up in machine.links.items():
            # one that never was has not gone down
            self._tell("board", f"link_down {name}", active=not up and name in machine.linked)

    def _tell(self, layer: Layer, cause: str, *, active: bool) -> None:
        key = (layer, cause)
        if (key in self._active) == active:
            return
        self._active ^= {key}
        truth = Truth(self.elapsed, self.time, self.uptime, self._boot_id, layer, cause, active)
        self.truth.append(truth)
        self._unwritten.append(truth)

    def _publish(self) -> None:
        if self.has_power:
            with self.firmware.lock:
                self.firmware.measured = self.machine.measure()
                files = list(self._kernel.render(self.machine, self.firmware.latches))
            for path, content in files:
                self.tree.write(path, content)
        if self._unwritten:
            self.tree.append(TRUTH_FILE, "".join(f"{json.dumps(asdict(truth))}\n" for truth in self._unwritten))
            self._unwritten = []

    def _go_dark(self) -> None:
        if self._dark_until is None:
            for layer, cause in sorted(self._active):
                self._tell(layer, cause, active=False)
            self._tell("board", "power_cut", active=True)
            self._celsius = self.machine.celsius
            self._dark_since = self.elapsed
            if self._nodes is not None:
                self._nodes.close()
                self._nodes = None
        self._dark_until = self.elapsed + SAMPLE_SECONDS + BOOT_SECONDS

    def _wake_up(self) -> None:
        if self._dark_until is None or self.elapsed < self._dark_until:
            return
        self._dark_until = None
        if self._celsius is not None:  # it cooled down meanwhile
            room = number(self._want["ambient"], 22.0)
            away = self.elapsed - self._dark_since
            self._celsius = room + (self._celsius - room) * 2.718281828 ** (-away / self.board.time_constant)
        self._boot(cold=True)
        self._tell("board", "power_cut", active=False)

    def _boot(self, *, cold: bool) -> None:
        boot = self.tree.boots + 1
        self.tree.count_boot(boot)
        random = seeded(self._seed, self.board.name, "boot", boot)
        self._boot_id = str(UUID(int=random.getrandbits(128), version=4))
        self.machine = Machine(self.board, self.facts, seed=self._seed, boot=boot, celsius=self._celsius)
        uptime = BOOT_SECONDS if cold else float(self._files["proc/uptime"].split()[0])
        self._kernel = KernelFiles(
            self._files, self.facts, cold=cold, boot_time=self.time - uptime, boot_id=self._boot_id
        )
        self.firmware = Firmware(self._model)
        self._next_poll = self.uptime + random.uniform(0.0, KERNEL_POLL_SECONDS)
        if self._wants_nodes and self.facts.rpi_volt is not None:
            self._nodes = FirmwareNodes(os.path.join(self.tree.folder, "dev"), self.firmware)

    def _features(self) -> frozenset[str]:
        facts = self.facts
        has = {
            "temperature": facts.processor is not None,
            "firmware": facts.rpi_volt is not None,
            "detector": facts.rpi_volt is not None and not self.board.name.startswith(("cm", "pi-zero")),
            "fan": facts.fan is not None,
            "wifi": any(one.is_wifi for one in facts.interfaces),
            "ethernet": any(not one.is_wifi for one in facts.interfaces),
        }
        return frozenset(name for name, there in has.items() if there)

    def _wifi_signal(self) -> float:
        level = self.facts.wifi_level
        return NOT_HEARD - 8 if level is None else float(level)

    def _look_at_board(self) -> tuple[Model, bool]:
        host = self.host()
        board = attempt("board", read_board, host)
        if isinstance(board, Fault):
            raise SimulationError(f"{self.board.name}: {board.message}")
        highest = max((policy.highest for policy in self.facts.policies), default=0)
        lowest = min((policy.lowest for policy in self.facts.policies), default=0)
        serial = self._files.get("sys/firmware/devicetree/base/serial-number", b"0").rstrip(b"\0\n").decode()
        model = Model(
            revision=int(board.revision.code, 16) if board.revision else 0,
            serial=int(serial, 16) if self.facts.rpi_volt else 0,
            built=read_property_number(host, "chosen/bootloader/build-timestamp") or 1_741_000_000,
            has_pmic=self.board.has_pmic,
            highest_hertz=highest * 1000.0,
            lowest_hertz=lowest * 1000.0,
            soft_limit=self.board.soft_limit,
            clock_numbers={} if self.board.has_pmic else {"arm": 48, "core": 1, "v3d": 46},
        )
        return model, self.facts.rpi_volt is not None and bool(detects_undervoltage(board.revision, board.model))


def causes_of(truth: Iterable[Truth], layer: Layer, cause: str) -> list[tuple[float, float | None]]:
    """Onset and clearing, in seconds since the beginning, of each time that it was so; None: it still is."""
    spans: list[tuple[float, float | None]] = []
    for one in truth:
        if (one.layer, one.cause) == (layer, cause):
            if one.active:
                spans.append((one.elapsed, None))
            else:
                spans[-1] = (spans[-1][0], one.elapsed)
    return spans


def _hostname_files(name: str) -> dict[str, bytes]:
    line = f"{name}\n".encode()
    return {"etc/hostname": line, "proc/sys/kernel/hostname": line}
