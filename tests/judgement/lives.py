"""Boards that live through situations, and what is true, what the verdict says and what the rules say at each beat.

The board is simulated, the exporter is the real one with its history on a disk, and so are Prometheus's rules. Only the
clocks are held from outside: no real time passes.
"""

import errno
import html
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import yaml

from sysvitals.history.writer import JsonlSink
from sysvitals.host.side_process import SideProcess
from sysvitals.host.storage import Folder
from sysvitals.judgement.verdict import Verdict
from sysvitals.model.changes import VerdictChanged
from sysvitals.model.event import Event
from sysvitals.model.status import VerdictLevel, VerdictSince
from sysvitals.simulation.machine import number
from sysvitals.simulation.scenario import parse_scenario
from sysvitals.web.page.glance import Glance
from sysvitals.web.page.render import render_page
from sysvitals.web.page.time_line import Asked
from tests.grafana.plan import Plan, Target
from tests.grafana.played import HeldInbox, PlayedBoard, PlayedExporter, PlayedHost
from tests.judgement.stories import seconds_of
from tests.tools import need_tool

START = 1_795_204_800.0
BEAT = 15
"""Seconds from one judgement, and one scrape, to the next."""

HOT_CELSIUS = 80.0
WEAK_DBM = -75.0
UNDETECTED = "undervoltage, no detector"
STARTS_AFTER_BOOT_SECONDS = 6.0
RULES = Path(__file__).parents[2] / "prometheus" / "rules"
_MEMORY = "/dev/shm"  # noqa: S108 - a folder of our own below it; a tree on a disk would be slow


def refuse(number: int) -> "Happening":
    """The storage gives this error where it is written to; 0: none any more."""

    def happen(life: "Life") -> None:
        life.refuses = number

    return happen


def set_clock(seconds: float) -> "Happening":
    """The clock jumps by so much."""
    return lambda life: life.board.set_clock(seconds)


@dataclass(frozen=True, eq=False)
class Situation:
    """A row of the table: what befalls a board, and when it is looked at.

    `scenario` is the name of one, or a scenario in YAML. `happens` says at which second something happens to the
    exporter or its host that no scenario can say. `also` is what is true then and the simulation does not know, by its
    name in TRUTHS: from when to when. `looks` are the seconds at which the page is looked at.
    """

    name: str
    scenario: str
    looks: tuple[int, ...]
    board: str = "pi4"
    seed: int = 1
    lasts: int = 0
    happens: Mapping[int, "Happening"] = field(default_factory=dict)
    also: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    flags: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    apart: Mapping[tuple[str, str], str] = field(default_factory=dict)
    stays_unknown: bool = False
    is_cut: bool = True

    def __str__(self) -> str:
        return self.name


Happening = Callable[["Life"], None]


class Said(NamedTuple):
    """What is so at a beat, `at` seconds after the beginning.

    `true` is what is wrong, with since when, `over` what was, with until when. `verdict` is None while no exporter
    runs, and `started` when this one did. `alerts` are those of the last event of a changed verdict; `level` and
    `since` is what the metrics say.
    """

    at: int
    true: Mapping[str, float]
    over: Mapping[str, float]
    started: float = 0.0
    verdict: Verdict | None = None
    alerts: frozenset[str] = frozenset()
    level: str = ""
    since: float | None = None
    page: str = ""
    """What the page has in its place for the verdict, at the moments at which it is looked at."""


@dataclass
class Course:
    """What was said at each beat, which rules fired then, the verdicts' changes, and the scrapes."""

    situation: Situation
    said: list[Said] = field(default_factory=list)
    changes: list[Event] = field(default_factory=list)
    scrapes: dict[int, tuple[str, ...]] = field(default_factory=dict)
    rules: dict[int, frozenset[tuple[str, str]]] = field(default_factory=dict)


class LivingBoard(PlayedBoard):
    """A board whose clock can be set."""

    def set_clock(self, seconds: float) -> None:
        """Let the clock jump by so much, and with it what the kernel takes for the time of the boot."""
        self._start += seconds
        self._kernel._boot_time += round(seconds)

    @property
    def wanted(self) -> Mapping[str, Any]:
        """What the scenario asks of the board now."""
        return self._want


class _Inbox(HeldInbox):
    """Does not hold what waits any more once it is closed, so that an orderly end writes it."""

    def take(self, seconds: float | None = None) -> tuple[Event, ...]:
        return super().take(seconds) if not self.closed else super(HeldInbox, self).take(0)

    def hold(self) -> None:
        """Wait as if for more, and take nothing: the disk refuses."""
        if not self.closed:
            self._asked.release()
            self._go.acquire()

    def close(self) -> None:
        super().close()
        self._go.release()


class LivingExporter(PlayedExporter):
    """One start of the exporter, judged as `serve` does it: with each beat, and soon after what is urgent."""

    def __init__(self, board: LivingBoard, host: PlayedHost, flags: Mapping[str, Any]) -> None:
        self.is_urgent = False
        self.heard: list[Event] = []
        super().__init__(board, host, flags=flags)
        self.judge_soon(self._hurry)

    def offer(self, events: tuple[Event, ...]) -> None:
        """Hear of changes of the verdict."""
        self.heard += [event for event in events if isinstance(event.body, VerdictChanged)]

    def start(self) -> None:
        self._bus.subscribe(self)
        super().start()

    def _add_history(self) -> JsonlSink:
        sink = super()._add_history()
        inbox = sink._inbox
        assert isinstance(inbox, _Inbox)
        patch.object(sink, "_sit_out", lambda _seconds: inbox.hold()).start()
        return sink

    def _settle(self, seq: int) -> None:
        """Nothing waits for the disk."""

    def _hurry(self) -> None:
        self.is_urgent = True

    def _add_inbox(self, name: str, limit: int) -> _Inbox:
        inbox = _Inbox(name, limit=limit)
        self._inboxes.append(inbox)
        self._held.append(inbox)
        self._bus.subscribe(inbox)
        return inbox


class Life:
    """A board, its exporter where one runs, and what may happen to them."""

    def __init__(self, situation: Situation, folder: str, stack: ExitStack) -> None:
        self.situation = situation
        self._folder = folder
        self._stack = stack
        scenario = situation.scenario
        self.board = stack.enter_context(
            LivingBoard(
                situation.board,
                parse_scenario(scenario) if "\n" in scenario else scenario,
                f"{folder}/board",
                seed=situation.seed,
                start=START,
                loop=False,
                hostname="pi",
                nodes=False,
            )
        )
        self.lasts = situation.lasts or int(self.board.scenario.lasts)
        target = Target(instance="pi", board=situation.board, scenario="", **situation.target)
        self._target, self._plan = target, Plan(targets=(target,), start=START, lasts=self.lasts, every=BEAT)
        self.exporter: LivingExporter | None = None
        self.starts_at: float | None = 0.0
        self.started = 0.0
        self._scraped_at = float("inf")
        self._takes_up = False
        self.refuses = 0
        """The error that the storage gives; 0: it works."""
        self.is_childless = False
        """Whether no process can be started."""
        self.changes: list[Event] = []
        self._break_storage()

    def _break_storage(self) -> None:
        """Let everything that writes below the storage ask whether it may."""
        for name in ("create", "replacing", "folder", "link", "remove", "rename"):
            real = getattr(Folder, name)

            def may(folder: Folder, *given: Any, _real: Any = real, _name: str = name, **named: Any) -> Any:
                if self.refuses and (_name != "folder" or named.get("make")):
                    raise OSError(self.refuses, os.strerror(self.refuses), folder.path)
                return _real(folder, *given, **named)

            self._stack.enter_context(patch.object(Folder, name, may))
        real_write, real_start = os.write, SideProcess._start

        def write(descriptor: int, content: Any) -> int:
            if self.refuses and os.readlink(f"/proc/self/fd/{descriptor}").startswith(f"{self._folder}/data"):
                raise OSError(self.refuses, os.strerror(self.refuses))
            return real_write(descriptor, content)

        def start(process: SideProcess) -> Any:
            if self.is_childless:
                raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            return real_start(process)

        self._stack.enter_context(patch("os.write", write))
        self._stack.enter_context(patch.object(SideProcess, "_start", start))

    # what may happen

    def stop(self) -> None:
        """The exporter is stopped in an orderly way."""
        if self.exporter is not None:
            self.exporter.stop("SIGTERM")
            self._forget()
        self.starts_at = None

    def kill(self) -> None:
        """The exporter is gone without a word, and what it had not written is lost."""
        if self.exporter is not None:
            self.exporter.cut()
            self._forget()
        self.starts_at = None

    def begin(self) -> None:
        """The exporter is started now."""
        self.starts_at = self.board.elapsed

    def restart(self) -> None:
        """It is stopped, and started again."""
        self.stop()
        self.begin()

    def crash(self) -> None:
        """It is killed, and started again."""
        self.kill()
        self.begin()

    def reboot(self) -> None:
        """The host shuts down in an orderly way: its scenario takes the power next."""
        self.stop()

    def cut_off(self) -> None:
        """From now on no process can be started."""
        self.is_childless = True

    # time

    def step(self) -> None:
        """One second."""
        at = round(self.board.elapsed)
        if happening := self.situation.happens.get(at):
            happening(self)
        if self.starts_at is not None and self.board.elapsed >= self.starts_at:
            self._start()
        exporter = self.exporter
        if exporter is not None:
            exporter.live(look=self._look, beats=False)
            if (
                self._takes_up and round(self.board.elapsed) > self._scraped_at
            ):  # as `serve` does after the first scrape
                self._takes_up = False
                exporter.rebuild()
                exporter.take_up()
            if exporter.is_urgent:
                exporter.is_urgent = False
                exporter.verdict(0)
        is_beat = (at + 1) % BEAT == 0
        self.board.is_wanted = is_beat or self.starts_at is not None
        self.board.is_wanted |= exporter is not None and exporter.is_wanted(self.board.elapsed + 1)
        self._look = bool(self.board.step(1))
        if not self.board.has_power:
            self.kill()
        elif self.exporter is None and self.starts_at is None and self._had_no_power:
            self.starts_at = self.board.elapsed + STARTS_AFTER_BOOT_SECONDS
        self._had_no_power = not self.board.has_power

    _look = True
    _had_no_power = False

    def beat(self) -> tuple[str, ...] | None:
        """What the exporter does at each beat, and a scrape; None where nothing answers."""
        exporter = self.exporter
        if exporter is None:
            return None
        lines, _ = exporter.scrape()
        self._scraped_at = min(self._scraped_at, self.board.elapsed)
        exporter.tend()
        if exporter.should_take_up_again:
            exporter.take_up()
        return lines

    def _start(self) -> None:
        self.starts_at, self.started = None, self.board.elapsed
        host = PlayedHost(self.board, self._target, self._plan, storage=f"{self._folder}/data")
        self.exporter = LivingExporter(self.board, host, self.situation.flags)
        self._takes_up, self._scraped_at = True, float("inf")

    def _forget(self) -> None:
        if self.exporter is not None:
            self.changes += self.exporter.heard
        self.exporter = None


def live(situation: Situation) -> Course:
    """Live through it."""
    course = Course(situation)
    folder = tempfile.mkdtemp(prefix="life-", dir=_MEMORY if os.path.isdir(_MEMORY) else None)
    try:
        with ExitStack() as stack:
            stack.callback(time.tzset)  # when the zone is again what it was
            stack.enter_context(patch.dict(os.environ, TZ="UTC"))
            time.tzset()
            life = Life(situation, folder, stack)
            stack.callback(life.kill)
            truths = _Truths()
            while life.board.elapsed <= life.lasts:
                at = round(life.board.elapsed)
                if at % BEAT == 0:
                    course.said.append(_say(life, truths, at, course))
                life.step()
            life.kill()
            course.changes = life.changes
    finally:
        shutil.rmtree(folder)
    return course


def _say(life: Life, truths: "_Truths", at: int, course: Course) -> Said:
    lines = life.beat()
    true, over = truths.look(life)
    if lines is None or (exporter := life.exporter) is None:
        return Said(at, true, over)
    course.scrapes[at] = lines
    verdict = exporter.verdict()
    last = exporter.heard[-1].body if exporter.heard else None
    alerts = last.alerts.split(", ") if isinstance(last, VerdictChanged) and last.alerts else ()
    statuses = exporter._verdict_statuses()
    (level,) = (body.level for body in statuses if isinstance(body, VerdictLevel) and body.present)
    since = next((body.since for body in statuses if isinstance(body, VerdictSince)), None)
    page = _read_page(life, verdict) if at in life.situation.looks else ""
    return Said(at, true, over, life.started, verdict, frozenset(alerts), level, since, page)


def _read_page(life: Life, verdict: Verdict) -> str:
    """The page's verdict, as text: its level and its reasons."""
    exporter = life.exporter
    assert exporter is not None
    glance = Glance(
        host="pi",
        version="1",
        now=life.board.time,
        zone=exporter.zone(),
        readings=exporter.latest_readings(),
        busy={},
        verdict=verdict,
        collectors=exporter.collectors(),
        time_line={},
    )
    page = render_page(glance, Asked("none"))
    section = page[page.index('<section class="verdict') : page.index('<p class="areas')]
    texts = re.findall(r"<h2>.*?</svg>(?P<words>[^<]*)|<summary>.*?<span>(.*?)</span>", section, re.DOTALL)
    words, *reasons = (html.unescape(re.sub("<[^>]*>", "", "".join(text))).strip() for text in texts)
    return f"{words}: {'; '.join(reasons)}" if reasons else words


class _Truths:
    """What is wrong with a board, from what its simulation knows: a name, with since when and until when it was so."""

    def __init__(self) -> None:
        self._true: dict[str, float] = {}
        self._over: dict[str, float] = {}
        self._seen = 0

    def look(self, life: Life) -> tuple[dict[str, float], dict[str, float]]:
        board, situation = life.board, life.situation
        now = board.elapsed
        for one in board.truth[self._seen :]:
            if one.layer == "board" and (one.cause != "power_cut" or situation.is_cut):
                can_tell = one.cause != "undervoltage" or board.detects_undervoltage
                self._note(one.cause if can_tell else UNDETECTED, one.elapsed, is_true=one.active)
        self._seen = len(board.truth)
        machine, want = board.machine, board.wanted
        self._note("hot", now, is_true=(machine.celsius or 0.0) >= HOT_CELSIUS)
        if any(one.is_wifi for one in board.facts.interfaces):
            self._note("weak Wi-Fi", now, is_true=number(want["wifi_signal"]) < WEAK_DBM)
        self._note("storage refuses", now, is_true=bool(life.refuses))
        for name, (begins, ends) in situation.also.items():
            self._note(name, now, is_true=begins <= now < ends)
        return dict(self._true), dict(self._over)

    def _note(self, name: str, at: float, *, is_true: bool) -> None:
        if is_true:
            self._true.setdefault(name, at)
        elif self._true.pop(name, None) is not None:
            self._over[name] = at


# the rules

_METRIC = re.compile(r"[a-z_]+:?[a-z0-9_:]+")
_BLOCK = re.compile(r"time: (?P<time>\w+),\s+exp:.*?got:(?P<got>.*?)(?=\n\s+expr:|\n\s*name:|\n\s*\n|\Z)", re.DOTALL)
_FIRING = re.compile(r'\{__name__="ALERTS", (?P<labels>[^}]*)\}')
_LABEL = re.compile(r'(\w+)="([^"]*)"')
RULE_BEAT = 30
"""Seconds from one evaluation of the rules to the next."""

SUBJECTS = ("power", "heat", "clock", "exporter", "filesystem", "memory", "cpu", "disk", "network")
_KNOWN_FOR = 3660
"""Seconds for which Prometheus knew before how often the host had gone down: an increase needs something before it."""

_COUNTED_BEFORE = "system_unclean_shutdowns_total"
_TARGET = 'job="sysvitals",instance="pi"'


def fire_rules(course: Course, folder: Path) -> None:
    """Let Prometheus's rules judge what was scraped, by promtool: `rules` of the course are those that fire."""
    beats = [said.at for said in course.said]
    asked = [at for at in beats if at % RULE_BEAT == 0]
    before = _KNOWN_FOR if any("power_cut" in said.over for said in course.said) else 0
    moments = [f"{at + before}s" for at in asked]
    groups = _groups()
    used = {name for group in groups for rule in group["rules"] for name in _METRIC.findall(rule["expr"])}
    test = {
        "interval": f"{BEAT}s",
        "input_series": [
            {"series": series, "values": " ".join((*_begin(series, before // BEAT), *_write(values)))}
            for series, values in _gather(course.scrapes, beats, used, START - before)
        ],
        # asked as if nothing fired, so that promtool says what does
        "promql_expr_test": [
            {"expr": 'ALERTS{alertstate="firing"}', "eval_time": moment, "exp_samples": []} for moment in moments
        ],
    }
    content = {
        "rule_files": [str(path) for path in _rule_files()],
        "group_eval_order": [group["name"] for group in groups],
        "evaluation_interval": f"{RULE_BEAT}s",
        "tests": [test],
    }
    path = folder / "rules.yml"
    path.write_text(json.dumps(content), encoding="utf-8")
    done = subprocess.run(
        [need_tool("promtool"), "test", "rules", str(path)], capture_output=True, text=True, timeout=300, check=False
    )
    found: dict[int, set[tuple[str, str]]] = {at: set() for at in asked}
    for block in _BLOCK.finditer(done.stdout + done.stderr):
        for one in _FIRING.finditer(block["got"]):
            labels = dict(_LABEL.findall(one["labels"]))
            found[round(seconds_of(block["time"])) - before].add((labels["alertname"], labels["severity"]))
    course.rules = {at: frozenset(alerts) for at, alerts in found.items()}
    if not all(("Watchdog", "none") in alerts for alerts in found.values()):
        raise RuntimeError(f"the rules were not evaluated: {done.stdout}{done.stderr}")


@cache
def _groups() -> list[dict[str, Any]]:
    """All groups of rules. They are read once: the rules are long, and the situations many."""
    return [group for path in _rule_files() for group in yaml.safe_load(path.read_text())["groups"]]


def _rule_files() -> list[Path]:
    names = ["recording", "recording-daily", *SUBJECTS, "host"]
    return [RULES / f"{name}.yml" for name in names]


def _gather(
    scrapes: Mapping[int, tuple[str, ...]], beats: list[int], used: set[str], zero: float
) -> Iterator[tuple[str, list[str | None]]]:
    """Each series that the rules ask for with its values, None where it was not scraped."""
    found: dict[str, list[str | None]] = {f"up{{{_TARGET}}}": ["1" if at in scrapes else "0" for at in beats]}
    for beat, at in enumerate(beats):
        for line in scrapes.get(at, ()):
            series, _, value = line.rpartition(" ")
            name, _, labels = series.partition("{")
            if name in used:
                labels = f"{_TARGET},{labels}" if labels else f"{_TARGET}}}"
                if name.endswith(("_timestamp_seconds", "system_time_seconds")):
                    value = repr(float(value) - zero)  # promtool begins at 0
                found.setdefault(f"{name}{{{labels}", [None] * len(beats))[beat] = value
    yield from found.items()


def _begin(series: str, beats: int) -> Iterator[str]:
    if beats:
        yield f"0x{beats - 1}" if series.startswith(_COUNTED_BEFORE) else f"_x{beats}"


def _write(values: list[str | None]) -> Iterator[str]:
    """As promtool reads them: what was there and is not is gone."""
    before: str | None = None
    for value in values:
        yield value if value is not None else "_" if before is None else "stale"
        before = value
