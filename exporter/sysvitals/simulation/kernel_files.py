"""The kernel's files as they are at a moment: what was recorded, moved on by what the board did since it booted.

After a power cut all counters begin at nothing.
"""

from collections.abc import Callable, Iterator, Mapping

from sysvitals.simulation.facts import Facts, Interface, number_of
from sysvitals.simulation.firmware import Latches
from sysvitals.simulation.machine import Machine, Totals
from sysvitals.simulation.quantities import NOT_HEARD

BOOT_SECONDS = 8.0
"""How long a board takes from power to programs that run."""

_HZ = 100
_SECTOR = 512
_PACKET = 640
_LOADAVG, _WIRELESS = "proc/loadavg", "proc/net/wireless"
_MODES = {"user": 0.70, "system": 0.25, "softirq": 0.05}
_THROTTLE = "/thermal_throttle/"


class KernelFiles:
    """One boot's files. `cold` is a boot that begins with counters at nothing; `boot_time` in Unix seconds."""

    def __init__(self, files: Mapping[str, bytes], facts: Facts, *, cold: bool, boot_time: float, boot_id: str) -> None:
        self._files = files
        self._facts = facts
        self._cold = cold
        self._boot_time = round(boot_time)
        self._boot_id = boot_id
        uptime = files["proc/uptime"].decode().split()
        self.first_uptime = BOOT_SECONDS if cold else float(uptime[0])
        self._idle = 0.0 if cold else float(uptime[1])
        self._stat = files["proc/stat"].decode().rstrip("\n").split("\n")
        self._disk_rows = [_parse_disk(line, cold=cold) for line in _lines(files["proc/diskstats"])]
        self._vmstat = [_parse_vmstat(line, cold=cold) for line in _lines(files.get("proc/vmstat", b""))]
        self._vmstat_texts = [f"{key} {value}" for key, value in self._vmstat]
        # an offline CPU's files are empty
        self._throttle_counts = [path for path in files if _THROTTLE in path and files[path].strip().isdigit()]
        self._renderers: list[Callable[[Machine], Iterator[tuple[str, bytes | None]]]] = [
            self._proc,
            self._disks,
            self._network,
            self._pressure,
            self._memory,
            self._clocks,
            self._heat,
            self._power,
        ]

    def render(self, machine: Machine, latches: Latches) -> Iterator[tuple[str, bytes | None]]:
        """Each file that can have changed, with its content; None: it is gone."""
        for render in self._renderers:
            yield from render(machine)
        if self._facts.rpi_volt:
            yield f"{self._facts.rpi_volt}/in0_lcrit_alarm", b"1\n" if latches.kernel_word >> 16 & 1 else b"0\n"
        if self._facts.throttled:
            yield self._facts.throttled, b"%x\n" % latches.kernel_word

    def _base(self, value: float) -> float:
        return 0.0 if self._cold else value

    def _proc(self, machine: Machine) -> Iterator[tuple[str, bytes | None]]:
        totals = machine.totals
        cpus = self._facts.cpus
        idle = self._idle + totals.uptime * cpus - sum(totals.busy)
        yield "proc/uptime", b"%.2f %.2f\n" % (self.first_uptime + totals.uptime, idle)
        yield "proc/stat", self._render_stat(totals).encode()
        if "proc/sys/kernel/random/boot_id" in self._files:
            yield "proc/sys/kernel/random/boot_id", f"{self._boot_id}\n".encode()
        yield _LOADAVG, self._render_loadavg(machine)
        yield "proc/1/mountinfo", self._render_mounts(read_only=bool(machine.want["root_readonly"]))

    def _render_stat(self, totals: Totals) -> str:
        lines = []
        for line in self._stat:
            key, _, rest = line.partition(" ")
            if key.startswith("cpu"):
                cpu = None if key == "cpu" else int(key[3:])
                lines.append(f"{key}{' ' if cpu is None else ''} {self._render_cpu(rest, cpu, totals)}")
            elif key in _COUNTS:
                numbers = rest.split(" ")
                more = _COUNTS[key](totals)
                if self._cold:
                    numbers = ["0"] * len(numbers)
                numbers[0] = str(int(numbers[0]) + int(more))
                if key in {"intr", "softirq"}:
                    # the first is the sum of the others
                    index = next((i for i, n in enumerate(numbers) if i and n != "0"), len(numbers) - 1)
                    numbers[index] = str(int(numbers[index]) + int(more))
                lines.append(f"{key} {' '.join(numbers)}")
            elif key == "btime":
                lines.append(f"btime {self._boot_time}")
            else:
                lines.append(line)
        return "\n".join(lines) + "\n"

    def _render_cpu(self, columns: str, cpu: int | None, totals: Totals) -> str:
        ticks = [0 if self._cold else int(column) for column in columns.split()]
        numbers = self._cpu_numbers()
        if cpu is None:
            added = [self._added_ticks(totals, index) for index in range(len(numbers))]
            more = [sum(column) for column in zip(*added, strict=True)]
        else:
            more = self._added_ticks(totals, numbers.index(cpu))
        return " ".join(str(tick + extra) for tick, extra in zip(ticks, more + [0] * 10, strict=False))

    def _cpu_numbers(self) -> list[int]:
        # those that are offline have no line
        keys = (line.partition(" ")[0] for line in self._stat)
        return [int(key[3:]) for key in keys if key.startswith("cpu") and key != "cpu"]

    def _added_ticks(self, totals: Totals, index: int) -> list[int]:
        busy, waiting = totals.busy[index], totals.waiting[index]
        idle = totals.uptime - busy - waiting
        user, system, softirq = (busy * part for part in _MODES.values())
        return [int(seconds * _HZ) for seconds in (user, 0.0, system, idle, waiting, 0.0, softirq)]

    def _render_loadavg(self, machine: Machine) -> bytes:
        one, five, fifteen, tasks, last = self._files[_LOADAVG].decode().split()
        settled = [self._base(float(recorded)) for recorded in (one, five, fifteen)]
        # what was recorded fades as the averages forget
        ages = (60.0, 300.0, 900.0)
        passed = machine.totals.uptime
        shown = [
            now + before * 2.718281828 ** (-passed / age)
            for now, before, age in zip(machine.loads, settled, ages, strict=True)
        ]
        running = 1 + round(machine.use * self._facts.cpus)
        pid = int(self._base(float(last))) + 900 + int(machine.totals.forks)
        averages = " ".join(f"{average:.2f}" for average in shown)
        return f"{averages} {running}/{tasks.partition('/')[2]} {pid}\n".encode()

    def _render_mounts(self, *, read_only: bool) -> bytes:
        table = self._files["proc/1/mountinfo"]
        if not read_only:
            return table
        lines = []
        for line in table.decode("utf-8", "surrogateescape").rstrip("\n").split("\n"):
            head, _, tail = line.partition(" - ")
            if head.split(" ")[2] == self._facts.root_number:
                # after an error the filesystem is read-only; each mount's own option stays
                kind, source, options = tail.split(" ", 2)
                tail = f"{kind} {source} {','.join('ro' if one == 'rw' else one for one in options.split(','))}"
            lines.append(f"{head} - {tail}")
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")

    def _disks(self, machine: Machine) -> Iterator[tuple[str, bytes | None]]:
        totals = machine.totals
        more = [0] * 11
        more[0], more[2] = int(totals.read / 32768), int(totals.read / _SECTOR)
        more[4], more[6] = int(totals.written / 24576), int(totals.written / _SECTOR)
        milliseconds = int(totals.disk_seconds * 1000)
        more[3] = more[7] = milliseconds // 2
        more[9] = more[10] = milliseconds
        lines = []
        for head, name, counts in self._disk_rows:
            shown = counts
            if name in self._facts.root_disks:
                shown = [count + extra for count, extra in zip(counts, more + [0] * 20, strict=False)]
            lines.append(f"{head} {name} {' '.join(map(str, shown))}")
        yield "proc/diskstats", ("\n".join(lines) + "\n").encode()

    def _network(self, machine: Machine) -> Iterator[tuple[str, bytes | None]]:
        totals = machine.totals
        lines = self._files["proc/net/dev"].decode().rstrip("\n").split("\n")
        rows = lines[:2]
        for line in lines[2:]:
            name, _, rest = line.rpartition(":")
            counts = [0 if self._cold else int(column) for column in rest.split()]
            received, sent = totals.received.get(name.strip(), 0.0), totals.sent.get(name.strip(), 0.0)
            if name.strip() == "lo":
                received = sent = totals.uptime * 40
            for first, count in ((0, received), (8, sent)):
                counts[first] += int(count)
                counts[first + 1] += int(count / _PACKET)
            rows.append(f"{name}: {' '.join(f'{count:>7}' for count in counts)}")
            for direction, first in (("rx", 0), ("tx", 8)):
                yield from self._statistics(name.strip(), direction, counts[first : first + 2])
        yield "proc/net/dev", ("\n".join(rows) + "\n").encode()
        for interface in self._facts.interfaces:
            yield from self._render_link(interface, machine)
        if _WIRELESS in self._files:
            yield _WIRELESS, self._render_wireless(machine)

    def _statistics(self, name: str, direction: str, counts: list[int]) -> Iterator[tuple[str, bytes | None]]:
        folder = next((one.folder for one in self._facts.interfaces if one.name == name), None)
        for kind, count in zip(("bytes", "packets"), counts, strict=True):
            path = f"{folder}/statistics/{direction}_{kind}"
            if path in self._files:
                yield path, b"%d\n" % count

    def _render_link(self, interface: Interface, machine: Machine) -> Iterator[tuple[str, bytes | None]]:
        folder, up = interface.folder, machine.links.get(interface.name, True)
        if interface.name not in machine.linked and self._files.get(f"{folder}/carrier", b"").strip() != b"1":
            return  # it was recorded without a link, and has none yet
        changes = machine.totals.carrier_changes.get(interface.name, 0)
        yield f"{folder}/carrier", b"1\n" if up else b"0\n"
        yield f"{folder}/operstate", b"up\n" if up else (b"dormant\n" if interface.is_wifi else b"down\n")
        if f"{folder}/flags" in self._files and up:
            yield f"{folder}/flags", b"0x1003\n"
        if f"{folder}/speed" in self._files:
            yield f"{folder}/speed", self._files[f"{folder}/speed"] if up else b"-1\n"
        recorded = {name: number_of(self._files, f"{folder}/{name}") for name in _CHANGES}
        ups = changes // 2 if up else changes - (changes + 1) // 2
        for name, count in zip(_CHANGES, (changes, ups, changes - ups), strict=True):
            before = recorded[name]
            if before is not None:
                # a boot brings the link up once
                yield f"{folder}/{name}", b"%d\n" % (count + (_AT_BOOT[name] if self._cold else before))

    def _render_wireless(self, machine: Machine) -> bytes:
        rows = self._files[_WIRELESS].decode().rstrip("\n").split("\n")[:2]
        for interface in self._facts.interfaces:
            if interface.is_wifi and machine.links.get(interface.name):
                level = round(max(NOT_HEARD, min(-20.0, machine.wifi_level())))
                link = max(1, min(70, level + 110))
                retries = int(machine.totals.retries)
                quality = f"0000  {link:3d}.  {level:3d}.  -256."
                rows.append(f"{interface.name:>6}: {quality}       0      0      0 {retries:6d}      0        0")
        return ("\n".join(rows) + "\n").encode()

    def _pressure(self, machine: Machine) -> Iterator[tuple[str, bytes | None]]:
        for resource, part in machine.stalled.items():
            path = f"proc/pressure/{resource}"
            if path not in self._files:
                continue
            total = machine.totals.stalls[resource]
            lines = []
            for kind, share in (("some", 1.0), ("full", 0.0 if resource == "cpu" else 0.8)):
                before = self._recorded_stall(path, kind)
                if before is not None:
                    percent = f"{part * share * 100:.2f}"
                    averages = f"avg10={percent} avg60={percent} avg300={percent}"
                    lines.append(f"{kind} {averages} total={before + int(total * share * 1e6)}")
            yield path, ("\n".join(lines) + "\n").encode()

    def _recorded_stall(self, path: str, kind: str) -> int | None:
        for line in self._files[path].decode().split("\n"):
            if line.startswith(kind):
                return int(self._base(float(line.rpartition("=")[2])))
        return None

    def _memory(self, machine: Machine) -> Iterator[tuple[str, bytes | None]]:
        lines = self._files["proc/meminfo"].decode().rstrip("\n").split("\n")
        sizes = {line.partition(":")[0]: int(line.split()[1]) for line in lines}
        # busy programs hold more; a multiple of four, as pages are
        taken = round(sizes["MemTotal"] * 0.1 * machine.loads[0] / max(1, self._facts.cpus)) // 4 * 4
        taken = min(taken, sizes["MemFree"] // 2)
        shown = []
        for line in lines:
            name = line.partition(":")[0]
            if name in {"MemFree", "MemAvailable"}:
                line = f"{name + ':':<16}{sizes[name] - taken:>8} kB"  # noqa: PLW2901 - it is what is shown
            shown.append(line)
        yield "proc/meminfo", ("\n".join(shown) + "\n").encode()
        if "proc/vmstat" in self._files:
            yield "proc/vmstat", self._render_vmstat(machine.totals)

    def _render_vmstat(self, totals: Totals) -> bytes:
        more = {
            "pgpgin": totals.read / 1024,
            "pgpgout": totals.written / 1024,
            "pgfault": totals.faults * 300,
            "pgmajfault": totals.faults,
        }
        texts = self._vmstat_texts.copy()
        for index, (key, value) in enumerate(self._vmstat):
            if key in more:
                texts[index] = f"{key} {value + int(more[key])}"
        return ("\n".join(texts) + "\n").encode()

    def _clocks(self, machine: Machine) -> Iterator[tuple[str, bytes | None]]:
        part = (machine.requested - machine.lowest) / max(1.0, machine.highest - machine.lowest)
        for policy in self._facts.policies:
            asked = policy.lowest + (policy.highest - policy.lowest) * part
            # a Raspberry Pi's kernel does not learn that the firmware runs slower than it asked
            limit = policy.highest
            if self._facts.rpi_volt is None:
                limit = min(limit, round(policy.highest * machine.heat_limit / machine.highest))
                yield f"{policy.folder}/scaling_max_freq", b"%d\n" % limit
            yield f"{policy.folder}/scaling_cur_freq", b"%d\n" % min(limit, round(asked))

    def _heat(self, machine: Machine) -> Iterator[tuple[str, bytes | None]]:
        facts = self._facts
        if facts.processor is not None and machine.celsius is not None:
            now = round(machine.celsius * 1000)
            change = now - facts.processor.recorded
            for one in facts.temperatures:
                # sensors give a handful of steps a degree, and waver
                value = one.recorded + one.follows * change + machine.random.uniform(-150, 150)
                yield one.path, b"%d\n" % value
        if facts.fan is not None:
            if facts.fan.pwm:
                yield facts.fan.pwm, b"%d\n" % machine.fan_step
            if facts.fan.speed:
                yield facts.fan.speed, b"%d\n" % machine.fan_speed
        slowed = 1 - machine.heat_limit / machine.highest
        for path, (kind, most) in facts.cooling.items():
            if kind == "pwm-fan":
                yield path, b"%d\n" % min(most, machine.fan_level)
            elif facts.rpi_volt is None and kind.startswith(("cpufreq-", "thermal-cpufreq")):
                yield path, b"%d\n" % min(most, -int(-slowed * most // 1))
            elif kind == "cpu-throttle-alert":
                yield path, b"%d\n" % (slowed > 0)
        yield from self._render_throttle_counts(machine.totals)

    def _render_throttle_counts(self, totals: Totals) -> Iterator[tuple[str, bytes | None]]:
        for path in self._throttle_counts:
            name = path.rpartition("/")[2].partition("_throttle_")[2]
            before = 0 if self._cold else int(self._files[path])
            if name == "count":
                yield path, b"%d\n" % (before + totals.heat_episodes)
            elif name == "total_time_ms":
                yield path, b"%d\n" % (before + int(totals.heat_seconds * 1000))
            elif name == "max_time_ms":
                yield path, b"%d\n" % max(before, int(totals.longest_heat * 1000))

    def _power(self, machine: Machine) -> Iterator[tuple[str, bytes | None]]:
        folder = self._facts.rpi_volt
        if folder is None or f"{folder}/in0_input" not in self._files:
            return
        volts = machine.measure().volts
        for index, name in enumerate(("core", "sdram_c", "sdram_i", "sdram_p")):
            yield f"{folder}/in{index}_input", b"%d\n" % round(volts[name] * 1000)


def _lines(table: bytes) -> list[str]:
    return table.decode().rstrip("\n").split("\n") if table else []


def _parse_disk(line: str, *, cold: bool) -> tuple[str, str, list[int]]:
    columns = line.split()
    # requests in progress are no count
    counts = [0 if cold and index != 8 else int(column) for index, column in enumerate(columns[3:])]
    return f"{columns[0]:>4} {columns[1]:>7}", columns[2], counts


def _parse_vmstat(line: str, *, cold: bool) -> tuple[str, int]:
    key, _, value = line.partition(" ")
    return key, 0 if cold and not key.startswith("nr_") else int(value)


_CHANGES = ("carrier_changes", "carrier_up_count", "carrier_down_count")
_AT_BOOT = {"carrier_changes": 1, "carrier_up_count": 1, "carrier_down_count": 0}

_COUNTS: Mapping[str, Callable[[Totals], float]] = {
    "intr": lambda totals: totals.interrupts,
    "ctxt": lambda totals: totals.switches,
    "processes": lambda totals: totals.forks,
    "softirq": lambda totals: totals.interrupts * 0.6,
}
