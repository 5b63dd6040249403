"""What the benchmark finds: figures with their spread, the bars that they are held to, and the table as text.

As JSON (`Results.encode`) a run is

    {"schema": 1, "taken": "2026-01-01T12:00:00Z", "seconds": 1500, "quick": false,
     "machine": {"processor": …, "cpus": …, "kernel": …, "python": …, "load": …},
     "programs": {"sysvitals": "0.9.0 1a2b3c", "node_exporter": "1.5.0"},
     "notes": ["…"],
     "figures": [{"name": "scrape", "host": "pi-4b-fine", "program": "sysvitals", "unit": "ms",
                  "median": 5.6, "low": 5.5, "high": 5.8, "count": 300}]}

`low` and `high` are the quartiles. A number after `schema` that has grown means that something was renamed or removed;
what is only added leaves it as it is.
"""

# ruff: noqa: RUF001  # dashes and times signs are typographic here

import json
import os
import platform
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

SCHEMA = 1

OURS = "sysvitals"
BEFORE = "sysvitals before"
NODE = "node_exporter"
"""Names of programs. Further versions of node_exporter have theirs behind it."""

LIVE = "live"
PI = "pi-4b-fine"
SIMULATED = "simulated pi4"
LINKS = f"{PI}, 1,000 interfaces"
CPUS = f"{PI}, 256 CPUs"
STREAMED = f"{PI}, history.compress: stream"


@dataclass(frozen=True)
class Figure:
    """A median with its quartiles, of `count` measurements."""

    name: str
    host: str
    program: str
    unit: str
    median: float
    low: float
    high: float
    count: int


def figure(name: str, host: str, program: str, unit: str, values: Sequence[float]) -> Figure:
    """The figure of these measurements."""
    quartiles = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [*values] * 3
    low, middle, high = (float(f"{value:.5g}") for value in quartiles)
    return Figure(name, host, program, unit, middle, low, high, len(values))


@dataclass(frozen=True)
class Line:
    """A line of the table. A bar and a goal of `times` are for the ratio to node_exporter, others for the value."""

    words: str
    name: str
    host: str
    bar: float | None = None
    goal: float | None = None
    times: bool = False
    more_is_better: bool = False

    def judge(self, value: float) -> str:
        """Which of the two this reaches."""
        for limit, words in ((self.goal, "goal met"), (self.bar, "bar met")):
            if limit is not None and (value >= limit if self.more_is_better else value <= limit):
                return words
        return "" if self.bar is None else "**not met**"


TABLE = (
    Line("CPU a scrape, back to back, Pi", "scrape", PI, 0.75, 0.65, times=True),
    Line("CPU a scrape, back to back, live", "scrape", LIVE, 0.5, 0.4, times=True),
    Line("CPU an hour, a scrape each 15 s, Pi", "paced", PI, 1.2, 1.0, times=True),
    Line("CPU an hour, a scrape each 15 s, live", "paced", LIVE, 1.0, 0.8, times=True),
    Line("CPU an hour, idle, Pi", "idle", PI, 0.9, 0.5),
    Line("CPU an hour, idle, live", "idle", LIVE),
    Line("wake-ups a second, idle, the kernel gives notice (live)", "wakeups", LIVE, 1.5, 0.5),
    Line("wake-ups a second, idle, the firmware is asked (simulated Pi 4)", "wakeups", SIMULATED, 2.5, 1.2),
    Line("resident memory, Pi", "resident", PI, 1.35, 1.15, times=True),
    Line("private memory, Pi", "private", PI, None, 14.0),
    Line("resident memory, live", "resident", LIVE),
    Line("resident memory after page and streams were used, Pi", "resident after use", PI, 1.8, 1.5, times=True),
    Line("private memory after page and streams were used, Pi", "private after use", PI),
    Line("CPU from start to the first scrape, Pi", "start", PI, 130, 100),
    Line("system calls a scrape, Pi", "calls", PI),
    Line("system calls a scrape, live", "calls", LIVE),
    Line("futex calls a scrape, live", "futex calls", LIVE),
    Line("forced writes a day, Pi", "forced writes", PI, 1600, 1450),
    Line("pages written a day, Pi", "pages", PI, 70, 50),
    Line("pages written a day, Pi, history.compress: stream", "pages", STREAMED, 15, 12),
    Line("history kept of a day, Pi", "kept", PI),
    Line("CPU an hour, idle, 1,000 interfaces", "idle", LINKS, 5, 2),
    Line("history written a day, Pi", "history", PI),
    Line("history written a day, 1,000 interfaces", "history", LINKS, 150, 50),
    Line("history written a day, 256 CPUs", "history", CPUS),
    Line("pulses of 0.5 s and more caught, kernel's alarm", "pulses", "kernel alone", None, 100, more_is_better=True),
    Line("pulses of 0.5 s and more caught, firmware", "pulses", "firmware", None, 100, more_is_better=True),
    Line("pulses longer than a look's interval caught, kernel's alarm", "long pulses", "kernel alone", 100, 100,
         more_is_better=True),
    Line("pulses longer than a look's interval caught, firmware", "long pulses", "firmware", 100, 100,
         more_is_better=True),
)  # fmt: skip
"""What a light exporter is held to."""


def _describe_machine() -> dict[str, str]:
    """Where this runs."""
    model = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": model[0] if model else platform.machine(),
        "cpus": f"{os.cpu_count()}",
        "kernel": platform.release().partition("-")[0],
        "python": platform.python_version(),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


@dataclass
class Results:
    """One run."""

    programs: dict[str, str]
    quick: bool = False
    taken: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    seconds: int = 0
    machine: dict[str, str] = field(default_factory=_describe_machine)
    notes: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    def find(self, name: str, host: str, program: str) -> Figure | None:
        """The figure, where it was measured."""
        wanted = (name, host, program)
        return next((one for one in self.figures if (one.name, one.host, one.program) == wanted), None)

    def encode(self) -> str:
        """As JSON."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"


def read_results(path: Path) -> Results:
    """What `encode` wrote. Raises ValueError where it is of another schema."""
    fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if fields.pop("schema") != SCHEMA:
        raise ValueError(f"{path}: not schema {SCHEMA}")
    return Results(**{**fields, "figures": [Figure(**one) for one in fields["figures"]]})


def render_rows(
    results: Results, lines: Sequence[Line] = TABLE, *, limits: bool = True
) -> tuple[list[str], list[list[str]]]:
    """The table: its head and its rows, for those lines of which something was measured; `limits` adds bar and goal."""
    measured = {one.program for one in results.figures if any(one.name == line.name for line in lines)}
    others = [name for name in results.programs if name != OURS and name in measured]
    head = [
        "",
        OURS,
        *(column for name in others for column in (name, "ratio")),
        *(["bar / goal", ""] if limits else []),
    ]
    rows = []
    for line in lines:
        mine = results.find(line.name, line.host, OURS)
        if mine is None:
            continue
        row = [line.words, _cell(mine)]
        ratio_to_peer: float | None = None
        for name in others:
            other = results.find(line.name, line.host, name)
            ratio = mine.median / other.median if other and other.median else None
            row += [_cell(other) if other else "–", _number(ratio) if ratio is not None else "–"]
            if name == NODE:
                ratio_to_peer = ratio
        judged = ratio_to_peer if line.times else mine.median
        if limits:
            row += [_limits(line), "" if judged is None else line.judge(judged)]
        rows.append(row)
    return head, rows


def render_markdown(results: Results, *, names: Iterable[str] = ()) -> str:
    """The table for a page, of these figures (none: of all, with bars and goals), and where it was measured.

    Another checkout that was measured with this one is left out: a page shows what is, not what was.
    """
    wanted = set(names) or {line.name for line in TABLE}
    if unknown := wanted - {line.name for line in TABLE}:
        raise ValueError(f"no such figure: {', '.join(sorted(unknown))}")
    programs = {name: version for name, version in results.programs.items() if name != BEFORE}
    shown = replace(results, programs=programs)
    head, rows = render_rows(shown, [line for line in TABLE if line.name in wanted], limits=not names)
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join([*lines, "", describe_run(results)]) + "\n"


def describe_run(results: Results) -> str:
    """Machine, versions and how long, in two sentences."""
    machine = results.machine
    rough = " A quick run: rough figures." if results.quick else ""
    programs = ", ".join(f"{name} {version}" for name, version in results.programs.items() if name != BEFORE)
    return (
        f"{programs}; Python {machine['python']}, {machine['cpus']} CPUs ({machine['processor']}), "
        f"Linux {machine['kernel']}, {results.taken[:10]}. Medians, quartiles in parentheses; "
        f"all programs measured interleaved in one run.{rough}"
    )


def _cell(one: Figure) -> str:
    spread = f" ({_number(one.low)}–{_number(one.high)})" if one.count > 1 else ""
    return f"{_number(one.median)} {one.unit}{spread}"


def _number(value: float) -> str:
    if value and abs(value) < 10:
        return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.1g}"
    return f"{value:.1f}" if abs(value) < 100 and value % 1 else f"{value:,.0f}"


def _limits(line: Line) -> str:
    if line.bar is None and line.goal is None:
        return ""
    times = "×" if line.times else ""
    return " / ".join("–" if limit is None else f"{limit:,g}{times}" for limit in (line.bar, line.goal))


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
