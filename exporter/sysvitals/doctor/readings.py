"""One look at this host with the eyes of whoever runs the doctor: each collector runs once."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from sysvitals.collectors.boot import Boot
from sysvitals.collectors.identity import Identity
from sysvitals.config.host import build_host
from sysvitals.config.settings import Settings
from sysvitals.model.event import Event
from sysvitals.model.reading import Body
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.interpret import Outcome
from sysvitals.pipeline.scheduler import Scheduler

T = TypeVar("T", bound=Body)

ROUND_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen: how each enabled collector's run ended (None: not in time), and all that was read."""

    outcomes: Mapping[str, Outcome | None]
    bodies: tuple[Body, ...]

    def all(self, kind: type[T]) -> list[T]:
        """What was read of this kind."""
        return [body for body in self.bodies if isinstance(body, kind)]

    def first(self, kind: type[T]) -> T | None:
        """The one reading of this kind, or None where it could not be read."""
        return next(iter(self.all(kind)), None)

    @property
    def hostname(self) -> str:
        """The host's name; empty where it cannot be told."""
        identity = self.first(Identity)
        return (identity and identity.hostname) or ""

    @property
    def boot_id(self) -> str | None:
        """The random id of this boot."""
        boot = self.first(Boot)
        return boot.boot_id if boot else None

    @property
    def boot_time(self) -> int | None:
        """When this host was started, in Unix seconds; None where its clock could not be trusted."""
        boot = self.first(Boot)
        return boot.boot_time if boot else None


class _Listener:
    def __init__(self) -> None:
        self.bodies: list[Body] = []

    def offer(self, events: tuple[Event, ...]) -> None:
        self.bodies += [event.body for event in events]


def look_at_host(settings: Settings) -> Look:
    """Run each enabled collector once."""
    clock = Clock()
    bus = Bus(clock=clock, host="", boot="")
    listener = _Listener()
    bus.subscribe(listener)
    scheduler = Scheduler(settings.collector, host=build_host(settings), bus=bus, clock=clock)
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # what fails is told in the verdicts
    try:
        scheduler.refresh(seconds=ROUND_SECONDS, slow=True)
    finally:
        scheduler.stop()
        logging.disable(before)
    return Look(scheduler.outcomes(), tuple(listener.bodies))
