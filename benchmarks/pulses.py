"""Which undervoltage pulses become events, and how well: a thousand of 0.5 to 5 s at random times, on a simulated Pi 4.

Beside it, what an exporter that samples every 15 s or 60 s would have seen of the same pulses. No real time passes: the
simulated board and the exporter's clocks are driven together, so that the figures do not depend on this machine.
"""

# a script that prints

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from measuring import show_table

from sysvitals.collectors import throttling
from sysvitals.collectors.throttling import ThrottlingCleared, ThrottlingStarted
from sysvitals.host.files import read_int
from sysvitals.host.host import Host
from sysvitals.model.event import Event
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.scheduler import Scheduler
from sysvitals.simulation.simulation import Simulation
from sysvitals.sources.pi.rpi_volt import find_rpi_volt

SCENARIO = """
summary: Pulses of undervoltage at random times.
lasts: {hours}h
steps:
  - at: 30s
    pulse: {{supply_volts: 4.4}}
    for: [0.5s, 5s]
    every: [20s, 90s]
    times: {pulses}
"""
STEP_SECONDS = 0.25
LOOK_SECONDS = 1.0
"""The interval of a look at the firmware and at the alarm, where the kernel gives no notice of it."""

SAMPLED_SECONDS = (15, 60)
UNDERVOLTAGE = "undervoltage"


@dataclass(frozen=True)
class Span:
    """From when to when something lasted, in simulated seconds."""

    began: float
    ended: float


class Recorder:
    """Notes the edges that the exporter tells of, by the simulated clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.spans: list[Span] = []
        self._began: float | None = None

    def offer(self, events: tuple[Event, ...]) -> None:
        """Take these in."""
        for event in events:
            if isinstance(event.body, ThrottlingStarted) and event.body.cause == UNDERVOLTAGE:
                self._began = self.now
            elif isinstance(event.body, ThrottlingCleared) and event.body.cause == UNDERVOLTAGE and self._began:
                self.spans.append(Span(self._began, self.now))
                self._began = None


@dataclass(frozen=True)
class Row:
    """What became of the pulses. Medians and worst in seconds, shares from 0 to 1."""

    source: str
    pulses: int
    caught: float
    long_caught: float
    """Of those that last longer than the interval of a look, where the kernel gives no notice."""
    late: float
    latest: float
    longer: float
    longest: float
    off: float
    most_off: float
    sampled: dict[int, float]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pulses", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    rows = [run(options.pulses, options.seed, with_firmware=with_firmware) for with_firmware in (True, False)]
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    head = ["what is read", "pulses", "caught %", "of long ones %", "onset late s", "worst", "longer by s", "worst",
        "off its source s", "worst", *(f"seen by {seconds} s samples %" for seconds in SAMPLED_SECONDS)]  # fmt: skip
    print(f"{options.pulses} pulses of 0.5 to 5 s, 20 to 90 s apart, seed {options.seed}; medians")
    cells = [
        (
            *(row.source, row.pulses, 100 * row.caught, 100 * row.long_caught, row.late, row.latest, row.longer),
            *(row.longest, row.off, row.most_off, *(100 * share for share in row.sampled.values())),
        )
        for row in rows
    ]
    show_table(head, cells)


def run(pulses: int, seed: int, *, with_firmware: bool) -> Row:
    """With the firmware's nodes, or with the kernel's alarm alone."""
    hours = pulses * 90 // 3600 + 1
    with tempfile.TemporaryDirectory(prefix="pulses-") as folder:
        scenario = Path(folder) / "pulses.yaml"
        scenario.write_text(SCENARIO.format(hours=hours, pulses=pulses))
        board = Path(folder) / "board"
        with Simulation("pi4", str(scenario), board, seed=seed, loop=False, nodes=with_firmware) as simulation:
            return play(simulation, board, pulses, with_firmware=with_firmware)


def play(simulation: Simulation, board: Path, pulses: int, *, with_firmware: bool) -> Row:
    """Drive the board and the exporter together, and compare."""
    recorder = Recorder()
    clock = Clock(wall=lambda: recorder.now, uptime=lambda: recorder.now, monotonic=lambda: recorder.now)
    bus = Bus(clock=clock, host="pi4", boot="b")
    bus.subscribe(recorder)
    host = Host(procfs=f"{board}/proc", sysfs=f"{board}/sys", rootfs=str(board), devfs=f"{board}/dev")
    # never started: what is due is read and looked at when it is asked to settle
    scheduler = Scheduler([throttling.COLLECTOR], host=host, bus=bus, clock=clock)
    scheduler.settle(10)
    chip = find_rpi_volt(host)
    source = "firmware" if with_firmware else "kernel"
    spans: dict[str, list[Span]] = {"board": [], source: []}
    began: dict[str, float] = {}
    true = spans["board"]
    samples: dict[int, list[float]] = {seconds: [] for seconds in SAMPLED_SECONDS}
    while not simulation.is_over and (len(true) < pulses or recorder.now < true[-1].ended + 60):
        for truth in simulation.step(STEP_SECONDS):
            if truth.layer in spans and truth.cause == UNDERVOLTAGE:
                if truth.active:
                    began[truth.layer] = truth.elapsed
                else:
                    spans[truth.layer].append(Span(began[truth.layer], truth.elapsed))
        recorder.now += STEP_SECONDS
        scheduler.settle(10)
        for seconds, seen in samples.items():
            if recorder.now % seconds < STEP_SECONDS and read_int(host, f"{chip}/in0_lcrit_alarm"):
                seen.append(recorder.now)
    scheduler.stop()
    return compare("firmware" if with_firmware else "kernel alone", true, spans[source], recorder.spans, samples)


def compare(
    name: str, true: Sequence[Span], shown: Sequence[Span], told: Sequence[Span], samples: dict[int, list[float]]
) -> Row:
    """What was published of each true pulse, and of what the source showed of it."""
    off = [
        (span.ended - span.began) - (nearest.ended - nearest.began)
        for span in told
        for nearest in [min(shown, key=lambda one: abs(one.began - span.began))]
    ]
    late: list[float] = []
    longer: list[float] = []
    caught: list[Span] = []
    for pulse in true:
        # the kernel and the firmware remember a pulse for some seconds: what is published may end later than it did
        mine = [span for span in told if span.began >= pulse.began - STEP_SECONDS and span.began <= pulse.ended + 5]
        if mine or any(span.began <= pulse.began <= span.ended for span in told):
            caught.append(pulse)
        if mine:
            late.append(mine[0].began - pulse.began)
            longer.append((mine[0].ended - mine[0].began) - (pulse.ended - pulse.began))
    lasting = [pulse for pulse in true if pulse.ended - pulse.began > LOOK_SECONDS]
    seen = {
        seconds: sum(1 for pulse in true if any(pulse.began <= at <= pulse.ended + 7 for at in times)) / len(true)
        for seconds, times in samples.items()
    }
    return Row(
        name,
        len(true),
        caught=len(caught) / len(true),
        long_caught=sum(pulse in caught for pulse in lasting) / len(lasting),
        late=statistics.median(late),
        latest=max(late),
        longer=statistics.median(longer),
        longest=max(longer, key=abs),
        off=statistics.median(map(abs, off)),
        most_off=max(map(abs, off)),
        sampled=seen,
    )


if __name__ == "__main__":
    main()
