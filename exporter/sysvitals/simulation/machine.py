"""What goes on in the board: heat, clocks, fan, volts and work, with little physics and no surprises.

The temperature nears its goal as `1 - exp(-t / time constant)`. The goal is the room's, plus a rise that grows with
work times clock^1.5, less what the fan takes away. The firmware slows the ARM from 80 to 85 °C as documented; a 3B+
also at 60 °C; too low a voltage slows any Raspberry Pi down to its lowest clock. Other boards slow at their passive
trip point. The kernel asks for a clock by load and does not learn what the firmware makes of it.
"""

import math
from dataclasses import dataclass, field

from sysvitals.simulation.boards import Board
from sysvitals.simulation.facts import Facts
from sysvitals.simulation.firmware import FREQUENCY_CAPPED, RAILS, SOFT_LIMIT, THROTTLED, Measurements
from sysvitals.simulation.quantities import NOT_HEARD, Value, Values
from sysvitals.simulation.randomness import seeded

UNDERVOLTS = 4.63
"""Volts below which a Raspberry Pi's detector speaks."""

_CAP_FROM, _CAP_TO = 80.0, 85.0
_HYSTERESIS = 1.0
_FAN_HYSTERESIS = 5.0
_FAN_STEPS = (0, 75, 125, 175, 250)
_TURBULENCE = 0.012
_TURBULENCE_SECONDS = 4.0
_DETECTOR_HYSTERESIS = 0.01
_AVERAGES = (60.0, 300.0, 900.0)


def number(value: Value, default: float = 0.0) -> float:
    """A quantity's number."""
    return default if value is None else float(value)


@dataclass(slots=True)
class Totals:
    """Counted since boot: CPU seconds by mode for each CPU, bytes and packets, waiting time in seconds."""

    uptime: float = 0.0
    busy: list[float] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)
    received: dict[str, float] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)
    carrier_changes: dict[str, int] = field(default_factory=dict)
    read: float = 0.0
    written: float = 0.0
    disk_seconds: float = 0.0
    retries: float = 0.0
    switches: float = 0.0
    interrupts: float = 0.0
    forks: float = 0.0
    faults: float = 0.0
    stalls: dict[str, float] = field(default_factory=lambda: {"cpu": 0.0, "io": 0.0, "memory": 0.0})
    heat_episodes: int = 0
    heat_seconds: float = 0.0
    longest_heat: float = 0.0


class Machine:
    """The board's state, from one boot to the next. Clocks in hertz, `volts` at the board's input."""

    def __init__(self, board: Board, facts: Facts, *, seed: int, boot: int, celsius: float | None) -> None:
        self._board = board
        self._facts = facts
        self.want: Values = {}
        # apart, so that what happens does not depend on how often it is looked at
        self.random = seeded(seed, "shown", boot)
        self._random = seeded(seed, "machine", boot)
        self.celsius = celsius
        self.volts = 5.1
        self.watts = board.idle_watts
        self.use = 0.0
        self.highest = max((policy.highest for policy in facts.policies), default=1_500_000) * 1000.0
        self.lowest = min((policy.lowest for policy in facts.policies), default=600_000) * 1000.0
        self.requested = self.real = self.lowest
        self.heat_limit = self.highest
        self.bits = 0
        self.slowed_by_firmware = False
        self.undervoltage = False
        self.fan_level = 0
        self.fan_step = 0
        self.fan_speed = 0
        self.loads = [0.0, 0.0, 0.0]
        self.stalled = {"cpu": 0.0, "io": 0.0, "memory": 0.0}
        self.totals = Totals(busy=[0.0] * facts.cpus, waiting=[0.0] * facts.cpus)
        self.links: dict[str, bool] = {}
        self.linked: set[str] = set()
        self._heat_since: float | None = None
        self._turbulence = 0.0
        shares = [self._random.uniform(0.8, 1.2) for _ in range(facts.cpus)]
        self._shares = [share * facts.cpus / sum(shares) for share in shares]

    def tick(self, seconds: float, want: Values) -> None:
        """Let time pass. `self.undervoltage` is whether volts are too low just now, before any firmware."""
        self.want = want
        load = number(want["load"])
        room = number(want["ambient"], 22.0)
        self._run_clock(load, want)
        clock = self.real / self.highest
        self.use = min(1.0, load / clock) if clock else 0.0
        heat = self.use * clock**1.5
        board = self._board
        self.watts = board.idle_watts + (board.full_watts - board.idle_watts) * heat
        cooled = 1 - board.fan_cooling * min(1.0, self.fan_speed / (250 * self._speed_per_step()))
        goal = room + (board.idle_rise + (board.full_rise - board.idle_rise) * heat) * cooled
        if self.celsius is None:
            self.celsius = goal
        self.celsius += (goal - self.celsius) * -math.expm1(-seconds / board.time_constant)
        self.celsius = number(want["temperature"], self.celsius)
        self._run_fan(want)
        self._feed(seconds, want)
        self._limit(seconds)
        self._count(seconds, want)

    def measure(self) -> Measurements:
        """What the firmware would measure now."""
        celsius = self.celsius or 0.0
        low, high = self._board.core_volts
        core = low + (high - low) * (self.real - self.lowest) / max(1.0, self.highest - self.lowest)
        sdram_c, sdram_i, sdram_p = self._board.sdram_volts
        multimedia = 250e6 if self.slowed_by_firmware else 500e6
        rails: list[tuple[str, float, float | None]] = []
        if self._board.has_pmic:
            for name, (nominal, part) in RAILS.items():
                volts = (nominal or core) * (1 + self.random.uniform(-0.002, 0.002))
                rails.append((name, volts, part * self.watts / volts))
            rails.append(("EXT5V", self.volts + self.random.uniform(-0.008, 0.008), None))
            rails.append(("BATT", 0.0188, None))
        return Measurements(
            requested_hertz=self.requested,
            celsius=celsius,
            pmic_celsius=30 + (celsius - 30) * 0.8,
            hertz={
                "arm": self.real, "core": multimedia, "v3d": multimedia, "h264": multimedia, "isp": multimedia,
                "uart": 48e6, "emmc": 250e6, "emmc2": 100e6, "sdram": 400e6,
            },
            volts={"core": round(core, 4), "sdram_c": sdram_c, "sdram_i": sdram_i, "sdram_p": sdram_p},
            rails=rails,
        )  # fmt: skip

    def wifi_level(self) -> float:
        """dBm, as it wavers."""
        return number(self.want["wifi_signal"], -50.0) + self.random.gauss(0, 0.8)

    def _run_clock(self, load: float, want: Values) -> None:
        # like ondemand: all of it from two thirds of the load on
        asked = self.lowest + (self.highest - self.lowest) * min(1.0, load * 1.5)
        self.requested = round(asked / 1e8) * 1e8 if asked < self.highest else self.highest
        self.requested = min(self.highest, max(self.lowest, self.requested))
        limit = self.heat_limit
        if self.slowed_by_firmware:
            limit = self.lowest
        self.real = number(want["arm_hertz"], min(self.requested, limit))

    def _run_fan(self, want: Values) -> None:
        if self._facts.fan is None:
            return
        trips = self._facts.fan_trips or (45.0, 55.0, 65.0, 75.0)
        celsius = self.celsius or 0.0
        while self.fan_level < len(trips) and celsius >= trips[self.fan_level]:
            self.fan_level += 1
        while self.fan_level and celsius < trips[self.fan_level - 1] - _FAN_HYSTERESIS:
            self.fan_level -= 1
        step = _FAN_STEPS[min(self.fan_level, len(_FAN_STEPS) - 1)]
        forced = want["fan_duty"]
        self.fan_step = step if forced is None else round(number(forced) * 255)
        health = number(want["fan"], 1.0)
        # a worn bearing turns slower, then sticks
        turning = 0.0 if health < 0.2 else health
        self.fan_speed = round(self.fan_step * self._speed_per_step() * turning)

    def _speed_per_step(self) -> float:
        return self._facts.fan.speed_per_step if self._facts.fan else 30.0

    def _feed(self, seconds: float, want: Values) -> None:
        amperes = self.watts / 5
        volts = number(want["supply_volts"], 5.1) - number(want["cable_ohms"]) * amperes
        # volts waver, but not by leaps
        forgotten = seconds / _TURBULENCE_SECONDS
        self._turbulence += (
            _TURBULENCE * (2 * forgotten) ** 0.5 * self._random.gauss(0, 1) - self._turbulence * forgotten
        )
        self.volts = volts + self._turbulence
        forced = want["undervoltage"]
        threshold = UNDERVOLTS + _DETECTOR_HYSTERESIS if self.undervoltage else UNDERVOLTS
        self.undervoltage = self.volts < threshold if forced is None else bool(forced)

    def _limit(self, seconds: float) -> None:
        celsius = self.celsius or 0.0
        if self._facts.rpi_volt is None:
            self._limit_by_kernel(celsius, seconds)
            return
        bits = self.bits
        soft = self._board.soft_limit
        bits = _switch(bits, SOFT_LIMIT, soft is not None and celsius >= soft, celsius < (soft or 0) - _HYSTERESIS)
        bits = _switch(bits, FREQUENCY_CAPPED, celsius >= _CAP_FROM, celsius < _CAP_FROM - _HYSTERESIS)
        bits = _switch(bits, THROTTLED, celsius >= _CAP_TO, celsius < _CAP_TO - _HYSTERESIS)
        limit = self._board.soft_limit_hertz if bits & SOFT_LIMIT else self.highest
        if bits & FREQUENCY_CAPPED:
            limit = min(limit, self._slowed(celsius, _CAP_FROM, _CAP_TO))
        self.bits, self.heat_limit = bits, limit

    def _limit_by_kernel(self, celsius: float, seconds: float) -> None:
        trip = self._facts.passive
        hot = celsius >= trip or (self._heat_since is not None and celsius >= trip - _HYSTERESIS)
        self.heat_limit = self._slowed(celsius, trip, trip + 5) if hot else self.highest
        totals = self.totals
        if hot and self._heat_since is None:
            self._heat_since = totals.uptime
            totals.heat_episodes += 1
        elif not hot and self._heat_since is not None:
            # the kernel's time counts episodes that ended
            lasted = totals.uptime + seconds - self._heat_since
            totals.heat_seconds += lasted
            totals.longest_heat = max(totals.longest_heat, lasted)
            self._heat_since = None

    def _slowed(self, celsius: float, start: float, end: float) -> float:
        left = min(1.0, max(0.0, (end - celsius) / (end - start)))
        return self.lowest + (self.highest - self.lowest) * left

    def _count(self, seconds: float, want: Values) -> None:
        totals, cpus = self.totals, self._facts.cpus
        totals.uptime += seconds
        read = number(want["disk_read"])
        written = 0.0 if want["root_readonly"] else number(want["disk_write"])
        busy_disk = min(1.0, (read + written) / 20e6)
        totals.read += read * seconds
        totals.written += written * seconds
        totals.disk_seconds += busy_disk * seconds
        for cpu, share in enumerate(self._shares):
            busy = min(1.0, self.use * share)
            totals.busy[cpu] += busy * seconds
            totals.waiting[cpu] += (1 - busy) * busy_disk * 0.5 * seconds
        totals.switches += (900 + 5200 * self.use * cpus) * seconds
        totals.interrupts += (420 + 1900 * self.use * cpus) * seconds
        totals.forks += (0.3 + 2 * self.use) * seconds
        totals.faults += (0.2 + busy_disk * 20) * seconds
        self._count_network(seconds, want)
        running = self.use * cpus + busy_disk * 0.6
        for index, period in enumerate(_AVERAGES):
            self.loads[index] += (running - self.loads[index]) * -math.expm1(-seconds / period)
        self.stalled = {"cpu": max(0.0, self.use - 0.7) * 1.6, "io": busy_disk * 0.4, "memory": 0.0}
        for resource, part in self.stalled.items():
            totals.stalls[resource] += part * seconds

    def _count_network(self, seconds: float, want: Values) -> None:
        totals = self.totals
        rate = number(want["network"])
        heard = number(want["wifi_signal"], -200.0)
        for interface in self._facts.interfaces:
            up = heard > NOT_HEARD if interface.is_wifi else bool(want["ethernet"])
            if up:
                self.linked.add(interface.name)
            if self.links.setdefault(interface.name, up) != up:
                self.links[interface.name] = up
                totals.carrier_changes[interface.name] = totals.carrier_changes.get(interface.name, 0) + 1
        carrying = next((one for one in self._facts.interfaces if self.links[one.name]), None)
        if carrying is None:
            return
        if carrying.is_wifi:
            # near the end of its reach most has to be sent again
            reach = min(1.0, max(0.02, (heard - NOT_HEARD) / 25))
            rate *= reach
            totals.retries += (1 - reach) * 3 * seconds
        totals.received[carrying.name] = totals.received.get(carrying.name, 0.0) + rate * 0.8 * seconds
        totals.sent[carrying.name] = totals.sent.get(carrying.name, 0.0) + rate * 0.2 * seconds


def _switch(bits: int, bit: int, on: bool, off: bool) -> int:  # noqa: FBT001 - the two edges of one switch
    if on:
        return bits | bit
    return bits & ~bit if off else bits
