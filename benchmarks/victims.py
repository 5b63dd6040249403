"""An exporter under attack: it answers a polite scraper meanwhile, and its memory, descriptors and log are watched."""

import http.client
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from doors import Door
from exporters import Exporter
from measuring import HERE, PROMETHEUS_HEADERS, Program, cpu_seconds

SECONDS_BETWEEN = 0.2
"""Between two polite requests of a kind. sysvitals reads again what is older than a second, so each fifth reads all."""

KEPT = 10
"""Connections that scrapes keep, each used every other second: a connection that asks five times a second is no
Prometheus, and a server may let it wait."""

TIMEOUT_SECONDS = 10.0
"""Prometheus's own default."""

DESCRIPTORS = 4096
"""The unit's limit."""

_PAGE = os.sysconf("SC_PAGESIZE")


@dataclass(frozen=True)
class Asked:
    """One polite request: when it began, how long it took, and what was wrong with it."""

    began: float
    seconds: float
    fault: str = ""


@dataclass(frozen=True)
class Sample:
    """The process at one moment."""

    at: float
    cpu: float
    resident: float
    """MiB."""
    descriptors: int
    threads: int
    log: int
    """Bytes written so far."""


@dataclass
class Polite(threading.Thread):
    """Asks for one path at a steady pace, on connections that it keeps, in turn, or on a new one each time."""

    program: Program
    door: Door
    path: str
    keeps: bool
    asked: list[Asked] = field(default_factory=list)

    __hash__ = threading.Thread.__hash__

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._headers = {**PROMETHEUS_HEADERS, **self.door.headers}
        self._kept: deque[http.client.HTTPConnection | None] = deque([None] * KEPT)
        self._connection: http.client.HTTPConnection | None = None
        self._ending = threading.Event()

    def run(self) -> None:
        """Ask until `end`."""
        due = time.monotonic()
        while not self._ending.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            self._connection = self._kept.popleft()
            fault = self._ask_again() if self._connection else self._ask()
            self.asked.append(Asked(began, time.monotonic() - began, fault))
            self._kept.append(self._connection if self.keeps and not fault else None)
            due = max(due + SECONDS_BETWEEN, time.monotonic())

    def end(self) -> None:
        """Return when the last answer has come or is given up."""
        self._ending.set()
        self.join()

    def _ask_again(self) -> str:
        """Ask on the kept connection, or, as Prometheus does, on a new one where it was closed meanwhile."""
        try:
            return self._answer()
        except (http.client.RemoteDisconnected, ConnectionError):
            return self._ask()

    def _ask(self) -> str:
        if self.door.tls is None:
            self._connection = http.client.HTTPConnection(self.program.address, timeout=TIMEOUT_SECONDS)
        else:
            address, tls = self.program.address, self.door.tls
            self._connection = http.client.HTTPSConnection(address, timeout=TIMEOUT_SECONDS, context=tls)
        try:
            return self._answer()
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__

    def _answer(self) -> str:
        assert self._connection is not None  # noqa: S101
        self._connection.request("GET", self.path, headers=self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return "" if answer.status == 200 else f"HTTP {answer.status}"


@dataclass
class Victim:
    """A running exporter, scraped and watched."""

    program: Program
    metrics: Polite
    health: Polite
    samples: list[Sample] = field(default_factory=list)

    def watch(self, seconds: float, interval: float = 0.25) -> None:
        """Take samples for this long. Raises OSError when the process has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.samples.append(take_sample(self.program))
            time.sleep(interval)


@contextmanager
def run_victim(
    exporter: Exporter, door: Door, host: Path | None, below: Sequence[str], *extra: str
) -> Iterator[Victim]:
    """This exporter behind this door, `below` another command, scraped politely as long as it runs."""
    flags = door_flags(exporter, door)
    with exporter.running(host, door.folder / "kept", *flags, *extra, below=below) as program:
        health = "/-/healthy" if exporter.is_ours else "/"
        victim = Victim(
            program,
            metrics=Polite(program, door, exporter.path, keeps=True),
            health=Polite(program, door, health, keeps=False),
        )
        victim.metrics.start()
        victim.health.start()
        try:
            yield victim
        finally:
            victim.metrics.end()
            victim.health.end()


def limited(descriptors: int) -> tuple[str, ...]:
    """The command below which a program has this limit."""
    return "prlimit", f"--nofile={descriptors}:{descriptors}"


def door_flags(exporter: Exporter, door: Door) -> list[str]:
    """The exporter's flags for this door."""
    flag = "--web.config-file" if exporter.is_ours else "--web.config.file"
    return [f"{flag}={door.file}"] if door.file else []


@contextmanager
def attacking(
    attack: str, exporter: Exporter, program: Program, seconds: float, sources: int, *extra: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """An attack by another process, which ends it by itself after so many seconds, or here when this ends early."""
    command = [sys.executable, str(HERE / "attacks.py"), attack, program.address]
    command += [f"--seconds={seconds}", f"--sources={sources}", *([] if exporter.is_ours else ["--other"]), *extra]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as attacker:
        try:
            yield attacker
        finally:
            attacker.terminate()


def take_sample(program: Program) -> Sample:
    """Look at the process. Raises OSError when it has ended."""
    folder = f"/proc/{program.pid}"
    with open(f"{folder}/statm", encoding="ascii") as file:
        resident = int(file.read().split()[1]) * _PAGE / 2**20
    if not resident:
        raise ProcessLookupError(f"{program.name} has ended: {program.log.read_text(errors='replace')[-2000:]}")
    return Sample(
        time.monotonic(),
        cpu_seconds(program.pid),
        resident,
        len(os.listdir(f"{folder}/fd")),
        len(os.listdir(f"{folder}/task")),
        program.log.stat().st_size,
    )


@dataclass(frozen=True)
class Answers:
    """Polite requests of one kind in one phase: milliseconds, and the faults by name."""

    count: int
    p50: float
    p99: float
    faults: Mapping[str, int]


@dataclass(frozen=True)
class Phase:
    """Before, during or after an attack. Memory, descriptors and threads are the most that were seen."""

    metrics: Answers
    health: Answers
    resident: float
    descriptors: int
    threads: int
    cpu: float
    """Of one core."""
    log: int
    """Bytes."""


def sum_up(victim: Victim, begins: float, ends: float) -> Phase:
    """What was seen of the victim from one time to another."""
    samples = [sample for sample in victim.samples if begins <= sample.at < ends]
    first, last = samples[0], samples[-1]
    return Phase(
        metrics=_sum_up(victim.metrics.asked, begins, ends),
        health=_sum_up(victim.health.asked, begins, ends),
        resident=max(sample.resident for sample in samples),
        descriptors=max(sample.descriptors for sample in samples),
        threads=max(sample.threads for sample in samples),
        cpu=(last.cpu - first.cpu) / max(last.at - first.at, 1e-3),
        log=last.log - first.log,
    )


def _sum_up(asked: list[Asked], begins: float, ends: float) -> Answers:
    chosen = [one for one in asked if begins <= one.began < ends]
    times = [1e3 * one.seconds for one in chosen]
    faults: dict[str, int] = {}
    for one in chosen:
        if one.fault:
            faults[one.fault] = faults.get(one.fault, 0) + 1
    return Answers(len(chosen), percentile(times, 50), percentile(times, 99), faults)


def percentile(values: list[float], percent: int) -> float:
    """A percentile; of few values the 99th is the greatest. Not a number where there are none."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
