"""Plays simulated boards through hours in which no real time passes, and notes what each scrape would have given.

A power cut takes the exporter with it, and the next boot finds what is left of the history.
"""

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.grafana.plan import Plan, Target, build_scenario
from tests.grafana.played import PlayedBoard, PlayedExporter, PlayedHost

STARTS_AFTER_BOOT_SECONDS = 6
"""From the first program that runs to an exporter that answers."""

TIMED_OUT_SECONDS = 10.0
"""What a scrape of a host takes that does not answer."""

_MEMORY = "/dev/shm"  # noqa: S108 - a folder of our own below it; a tree on a disk would be slow


@dataclass(frozen=True, slots=True)
class Scrape:
    """One scrape: when (Unix time in milliseconds), how long it took, and the samples; None where nobody answered."""

    time: int
    seconds: float
    lines: tuple[str, ...] | None


def play(target: Target, plan: Plan) -> Iterator[Scrape]:
    """All scrapes of this target."""
    before = plan.before(target)
    folder = tempfile.mkdtemp(prefix="played-", dir=_MEMORY if os.path.isdir(_MEMORY) else None)
    exporter: PlayedExporter | None = None
    try:
        with PlayedBoard(
            target.board,
            build_scenario(target, plan),
            f"{folder}/board",
            seed=target.seed,
            # as Prometheus does: not all targets are scraped at the same moment
            start=plan.start - before + target.seed * 0.617 % plan.every,
            hostname=target.instance,
            nodes=False,
        ) as board:
            ready_at: float | None = 0.0
            look = True
            while (now := board.elapsed - before) < min(plan.lasts, target.dropped):
                if ready_at is not None and board.elapsed >= ready_at:
                    ready_at = None
                    exporter = PlayedExporter(board, PlayedHost(board, target, plan, storage=f"{folder}/data"))
                if exporter is not None:
                    exporter.live(look=look, beats=now >= 0)
                if _is_due(now, plan):
                    yield _scrape(target, board, exporter, now)
                board.is_wanted = _is_due(now + 1, plan) or ready_at is not None
                board.is_wanted |= exporter is not None and exporter.is_wanted(board.elapsed + 1)
                look = bool(board.step(1))
                if not board.has_power:
                    ready_at = None
                    if exporter is not None:
                        exporter.cut()
                        exporter = None
                elif exporter is None and ready_at is None:
                    ready_at = board.elapsed + STARTS_AFTER_BOOT_SECONDS
    finally:
        if exporter is not None:
            exporter.cut()
        shutil.rmtree(folder)


def record(target: Target, plan: Plan, path: Path) -> Path:
    """Play this target into a compressed file that `read_record` reads."""
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as file:
        for scrape in play(target, plan):
            up = scrape.lines is not None
            file.write(f"= {scrape.time} {up:d} {scrape.seconds:.6f}\n")
            file.writelines(f"{line}\n" for line in scrape.lines or ())
    return path


def read_record(path: Path) -> Iterator[Scrape]:
    """The scrapes of a file that `record` wrote."""
    head, lines = "", list[str]()
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.startswith("= "):
                if head:
                    yield _parse(head, lines)
                head, lines = line, []
            else:
                lines.append(line.rstrip("\n"))
    if head:
        yield _parse(head, lines)


def _parse(head: str, lines: list[str]) -> Scrape:
    _, moment, up, seconds = head.split()
    return Scrape(int(moment), float(seconds), tuple(lines) if up == "1" else None)


def _is_due(moment: float, plan: Plan) -> bool:
    return round(moment) % plan.rhythm(moment) == 0


def _scrape(target: Target, board: PlayedBoard, exporter: PlayedExporter | None, now: float) -> Scrape:
    time_ms = round(board.time * 1000)
    if any(span.holds(now) for span in target.unreachable) or not board.has_power:
        return Scrape(time_ms, TIMED_OUT_SECONDS, None)
    if exporter is None:  # the kernel answers, and refuses
        return Scrape(time_ms, 0.001, None)
    lines, seconds = exporter.scrape()
    return Scrape(time_ms, seconds, lines)
